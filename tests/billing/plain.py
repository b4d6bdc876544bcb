"""The plain bill: straight from raw readings, interval by interval, in Python integers and fractions.

Shares nothing with `quietgrid.billing` but the tariff's published numbers. It states the rules anew: local hours by
`zoneinfo` per interval, each line rounded once half to even (Python's `round` of a `Fraction`), VAT once per rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from functools import cache
from zoneinfo import ZoneInfo

from quietgrid.model.tariff import Band, Tariff

ON_TIME, LATE, MISSING = "on time", "late", "missing"


@dataclass
class Plain:
    """A plain bill: amounts in print order and their sum."""

    amounts: dict[tuple[str, str], int] = field(default_factory=dict)
    total_micro: int = 0
    imported_wh: int = 0


@cache
def band_at(bands: tuple[Band, ...], unix: int, tz: str) -> str:
    """Which band the local hour of a moment is in."""
    local = datetime.fromtimestamp(unix, UTC).astimezone(ZoneInfo(tz))
    for band in bands:
        if band.hours[local.weekday()] & (1 << local.hour):
            return band.name
    raise AssertionError("the bands leave a gap")


def money(energy_wh: int, price: Fraction | int) -> int:
    """Rounded once, half to even."""
    return round(Fraction(energy_wh) * price / 1000)


@dataclass
class Published:
    """A feed: price of each interval, the part of it that a price vector carries, and the price at weight 0."""

    prices: list[int]
    sealed: list[int]
    offset: int


@dataclass
class Month:
    """One home's raw month: Unix start, import, export and state of every interval."""

    unix: list[int]
    imported: list[int]
    exported: list[int]
    state: list[str]

    def energy(self, column: list[int], where: list[bool]) -> int:
        return sum(e for e, use in zip(column, where, strict=True) if use)


def estimate(month: Month, column: list[int], cells: list[int]) -> int:
    """The home's mean of the given cells, times those that are missing."""
    have = [i for i in cells if month.state[i] != MISSING]
    gone = len(cells) - len(have)
    return round(Fraction(sum(column[i] for i in have) * gone, len(have))) if have and gone else 0


def plain_bill(
    tariff: Tariff,
    month: Month,
    leaf: Sequence[Tariff],
    feed: Published | None = None,
) -> Plain:
    """The bill of one home.

    `leaf`: all tariffs of the leaf; hours that they all price alike are one cell group (estimates and band means are
    per group). Late energy of a group is its share by cells, as nobody sees it apart.
    """
    out = Plain()
    n = range(len(month.unix))
    import_key = [tuple(band_at(t.bands, u, tariff.tz) if t.bands else "all" for t in leaf) for u in month.unix]
    export_key = [tuple(band_at(t.export_bands, u, tariff.tz) for t in leaf if t.export_bands) for u in month.unix]
    groups: dict[tuple[str, ...], list[int]] = {}
    for i in n:
        groups.setdefault(import_key[i], []).append(i)
    guesses = {key: estimate(month, month.imported, cells) for key, cells in groups.items()}
    arrived = [state != MISSING for state in month.state]
    if tariff.blocks:
        _blocks(out, tariff, sum(e for e, a in zip(month.imported, arrived, strict=True) if a), sum(guesses.values()))
    elif tariff.feed:
        assert feed is not None
        prices, sealed, offset = feed.prices, feed.sealed, feed.offset
        on_time = {i for i in n if month.state[i] == ON_TIME}
        exact = sum(month.imported[i] * sealed[i] for i in on_time)
        for key, cells in groups.items():
            mean = Fraction(sum(prices[i] for i in cells), len(cells))
            came = [i for i in cells if arrived[i]]
            behind = sum(month.state[i] == LATE for i in cells)
            whole = sum(month.imported[i] for i in came)
            late = round(Fraction(whole * behind, len(came))) if came else 0
            exact += offset * (whole - late - sum(month.imported[i] for i in cells if i in on_time))
            excess = Fraction(sum(prices[i] - sealed[i] for i in cells), len(cells))
            out.amounts["late", str(key)] = money(late, mean)
            out.amounts["guess", str(key)] = money(guesses[key], mean)
            out.amounts["excess", str(key)] = money(whole - late, excess)
        out.amounts["real-time", ""] = round(Fraction(exact, 1000))
    for band in tariff.bands:
        mine = [i for i in n if band_at(tariff.bands, month.unix[i], tariff.tz) == band.name]
        energy = sum(month.imported[i] for i in mine if arrived[i])
        first = set(mine)
        guess = sum(guesses[key] for key, cells in groups.items() if cells[0] in first)
        out.amounts["energy", band.name] = money(energy, band.price_micro_per_kwh)
        out.amounts["guess", band.name] = money(guess, band.price_micro_per_kwh)
    out.imported_wh = sum(e for e, a in zip(month.imported, arrived, strict=True) if a) + sum(guesses.values())
    zone = ZoneInfo(tariff.tz)
    days = {datetime.fromtimestamp(u, UTC).astimezone(zone).date() for u in month.unix}
    out.amounts["standing", ""] = len(days) * tariff.standing_micro_per_day
    taxed = sum(out.amounts.values())
    credit = _credit(out, tariff, month, export_key)
    out.total_micro = taxed + credit + round(Fraction(taxed * tariff.vat_bp, 10_000))
    assert tariff.export_vat_bp == 0
    return out


def _blocks(out: Plain, tariff: Tariff, measured: int, guessed: int) -> None:
    """Fill the blocks, measured energy first, by walking from block to block."""
    low, at = 0, 0
    for kind, energy in (("energy", measured), ("guess", guessed)):
        left, end = energy, at + energy
        low = 0
        for number, block in enumerate(tariff.blocks):
            high = block.upto_wh if block.upto_wh is not None else max(end, low) + 1
            here = max(0, min(end, high) - max(at, low))
            out.amounts[kind, f"block {number}"] = money(here, block.price_micro_per_kwh)
            left -= here
            low = high
        assert left == 0
        at = end


def _credit(out: Plain, tariff: Tariff, month: Month, keys: list[tuple[str, ...]]) -> int:
    total = 0
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, key in enumerate(keys):
        groups.setdefault(key, []).append(i)
    for band in tariff.export_bands:
        mine = {
            i for i in range(len(month.unix)) if band_at(tariff.export_bands, month.unix[i], tariff.tz) == band.name
        }
        have = sum(month.exported[i] for i in mine if month.state[i] != MISSING)
        guess = sum(estimate(month, month.exported, cells) for cells in groups.values() if cells[0] in mine)
        for kind, energy in (("earned", have), ("earned guess", guess)):
            out.amounts[kind, band.name] = -money(energy, band.price_micro_per_kwh)
            total -= money(energy, band.price_micro_per_kwh)
    return total
