"""The plain bill: from open readings, sharing nothing with `quietgrid.billing` but the tariff's published numbers.

The simulator knows every reading, so it can say whether the bills made from sealed ones are right. The rules are
stated anew: local hours by `zoneinfo` for every interval, sums over raw readings, every line one fraction rounded
once, half to even (Python's `round`).

Privacy: works on open readings; nothing but the simulator and tests may call it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.weights import PriceWeights, price_weights
from quietgrid.errors import InputError
from quietgrid.model.interval import Window
from quietgrid.model.tariff import Band, Tariff

MISSING, ON_TIME, LATE = 0, 1, 2
"""States of a cell: never delivered (or still waiting), in time, late and taken in."""
Key = tuple[str, ...]


@dataclass(frozen=True)
class Register:
    """One home's raw period in one register: int64 [t] Wh, int8 [t] states."""

    energy_wh: NDArray[np.int64]
    state: NDArray[np.int8]


@dataclass(frozen=True)
class PlainLeaf:
    """What all homes of a leaf share in a period.

    Args:
        window: The period. tariffs: All tariffs of the leaf; hours that they all price alike form one group.
        prices: Feed name -> int64 [t], published prices.
    """

    window: Window
    tariffs: tuple[Tariff, ...]
    prices: Mapping[str, NDArray[np.int64]]

    @cached_property
    def _local(self) -> list[datetime]:
        """Local start of every interval."""
        where = ZoneInfo(self.tariffs[0].tz)
        step = self.window.resolution
        return [
            datetime.fromtimestamp(slot * step, UTC).astimezone(where)
            for slot in range(self.window.first, self.window.end)
        ]

    @cached_property
    def days(self) -> int:
        """Local dates of the period."""
        return len({local.date() for local in self._local})

    def names(self, bands: Sequence[Band]) -> list[str]:
        """The band of every interval; the empty name where there are none."""
        return [_band(bands, local) for local in self._local]

    def _groups(self, schedules: Sequence[Sequence[Band]]) -> dict[Key, NDArray[np.bool_]]:
        keys = list(zip(*(self.names(bands) for bands in schedules), strict=True))
        return {key: np.array([other == key for other in keys]) for key in dict.fromkeys(keys)}

    @cached_property
    def import_groups(self) -> dict[Key, NDArray[np.bool_]]:
        """bool [t] by group of hours that no tariff of the leaf tells apart."""
        return self._groups([tariff.bands if len(tariff.bands) > 1 else () for tariff in self.tariffs])

    @cached_property
    def export_groups(self) -> dict[Key, NDArray[np.bool_]]:
        """The same for exported energy."""
        return self._groups([tariff.export_bands for tariff in self.tariffs if tariff.export_bands])

    @cached_property
    def scales(self) -> dict[str, PriceWeights]:
        """What the price vector of each feed carries."""
        return {feed: price_weights(series) for feed, series in self.prices.items()}


def _band(bands: Sequence[Band], local: datetime) -> str:
    for band in bands:
        if band.hours[local.weekday()] >> local.hour & 1:
            return band.name
    if bands:
        raise InputError("the bands leave a gap", where=f"{local:%a %H:00}", fix="cover every hour")
    return ""


def _money(energy: Fraction | int, price: Fraction | int) -> int:
    return round(Fraction(energy) * price / 1000)


def _sum(register: Register, where: NDArray[np.bool_]) -> int:
    return int(register.energy_wh[where & (register.state != MISSING)].sum())


def _guess(register: Register, where: NDArray[np.bool_]) -> int:
    """The home's mean of the delivered cells times those that are missing."""
    cells = int(where.sum())
    have = int((where & (register.state != MISSING)).sum())
    return round(Fraction(_sum(register, where) * (cells - have), have)) if 0 < have < cells else 0


def plain_bill(tariff: Tariff, leaf: PlainLeaf, imported: Register, exported: Register | None) -> tuple[int, int]:
    """The bill of one home.

    Args:
        tariff: Its tariff. leaf: of the home. imported, exported: its readings (None without that register).

    Returns: (total in millionths, billed import in Wh, estimates included).

    Raises:
        InputError: VAT on export, which this check does not know.
    """
    if tariff.export_vat_bp:
        raise InputError("export with VAT is not checked", where=tariff.label, fix="set export_vat_bp to 0")
    whole = np.ones(len(leaf.window), np.bool_)
    guesses = {key: _guess(imported, where) for key, where in leaf.import_groups.items()}
    measured, guessed = _sum(imported, whole), sum(guesses.values())
    taxed = leaf.days * tariff.standing_micro_per_day
    if tariff.blocks:
        taxed += _blocks(tariff, measured, measured + guessed)
    if tariff.feed:
        taxed += _feed(tariff.feed, leaf, imported, guesses)
    names = np.array(leaf.names(tariff.bands))
    for band in tariff.bands:
        mine = names == band.name
        extra = sum(guesses[key] for key, where in leaf.import_groups.items() if mine[where.argmax()])
        taxed += _money(_sum(imported, mine), band.price_micro_per_kwh) + _money(extra, band.price_micro_per_kwh)
    credit = _credit(tariff, leaf, exported) if exported is not None else 0
    return taxed + round(Fraction(taxed * tariff.vat_bp, 10_000)) - credit, measured + guessed


def _blocks(tariff: Tariff, measured: int, together: int) -> int:
    """Blocks fill with measured energy first, the estimated on top."""
    total, low = 0, 0
    for block in tariff.blocks:
        high = block.upto_wh if block.upto_wh is not None else together
        first = max(0, min(measured, high) - low)
        both = max(0, min(together, high) - low)
        total += _money(first, block.price_micro_per_kwh) + _money(both - first, block.price_micro_per_kwh)
        low = high
    return total


def _feed(feed: str, leaf: PlainLeaf, imported: Register, guesses: Mapping[Key, int]) -> int:
    """In time: the price of every interval; late by share of cells, estimated and clipped parts: the group's mean."""
    prices, scale = leaf.prices[feed], leaf.scales[feed]
    on_time = imported.state == ON_TIME
    exact = sum(int(e) * int(p) for e, p in zip(imported.energy_wh[on_time], scale.sealed_micro[on_time], strict=True))
    total = 0
    for key, where in leaf.import_groups.items():
        slots = int(where.sum())
        mean = Fraction(int(prices[where].sum()), slots)
        came, behind = int((where & (imported.state != MISSING)).sum()), int((where & (imported.state == LATE)).sum())
        energy = _sum(imported, where)
        late = round(Fraction(energy * behind, came)) if came else 0
        exact += scale.offset_micro * (energy - late - int(imported.energy_wh[where & on_time].sum()))
        excess = Fraction(int((prices - scale.sealed_micro)[where].sum()), slots)
        total += _money(late, mean) + _money(guesses[key], mean) + _money(energy - late, excess)
    return total + round(Fraction(exact, 1000))


def _credit(tariff: Tariff, leaf: PlainLeaf, exported: Register) -> int:
    total = 0
    names = np.array(leaf.names(tariff.export_bands))
    for band in tariff.export_bands:
        mine = names == band.name
        extra = sum(_guess(exported, where) for where in leaf.export_groups.values() if mine[where.argmax()])
        total += _money(_sum(exported, mine), band.price_micro_per_kwh) + _money(extra, band.price_micro_per_kwh)
    return total
