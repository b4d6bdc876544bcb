"""`Tariff`: what energy costs. Values only: bands of local hours, blocks, standing charge, export, VAT, a price feed.

All prices are net of VAT, integers in millionths of the currency per kilowatt-hour. A tariff is never changed: a
new price is a new *version* with a later `valid_from`. The bands of a tariff cover every hour
of the week exactly once, so every kilowatt-hour has one price.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise

from quietgrid.errors import InputError
from quietgrid.model.interval import zone

ALL_HOURS = (0xFFFFFF,) * 7
"""Seven 24-bit masks, Monday first, with every hour set."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MAX_PRICE_MICRO = 1_000_000_000
"""No price is above 1,000 a kWh (keeps 64-bit arithmetic exact, see `billing.bills`)."""


class TariffKind(StrEnum):
    """How the price of a kilowatt-hour comes about."""

    FLAT = "flat"
    TIME_OF_USE = "time-of-use"
    BLOCK = "block"
    REAL_TIME = "real-time"


@dataclass(frozen=True, slots=True)
class Band:
    """A price for some local hours of the week.

    Args:
        name: Shown to people: ``day``, ``night``.
        price_micro_per_kwh: Net price. For a real-time tariff the part on top of the feed's price.
        hours: 7 × 24-bit masks, Monday first; bit h set = local hour h belongs to the band.
    """

    name: str
    price_micro_per_kwh: int
    hours: tuple[int, ...] = ALL_HOURS


@dataclass(frozen=True, slots=True)
class Block:
    """A price for the energy of a period up to a bound.

    Args:
        upto_wh: Upper bound of the period's energy, or None for the last block.
        price_micro_per_kwh: Net price.
    """

    upto_wh: int | None
    price_micro_per_kwh: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """One version of one tariff.

    Args:
        name: Unique together with `version`. version: 1, 2, …. currency: ISO 4217.
        kind: Flat, time-of-use, block or real-time. tz: Time zone of the bands and of the standing charge's days.
        valid_from: First local day it may be billed for.
        bands: Import bands; one for flat and real-time, none for block.
        blocks: Import blocks of a block tariff, ascending, the last without bound; none otherwise.
        export_bands: What exported energy earns; empty if nothing. Usually one band.
        standing_micro_per_day: Standing charge per local day.
        vat_bp: VAT on import and standing charge, hundredths of a percent. export_vat_bp: on the export credit.
        feed: Name of the price feed of a real-time tariff. title: What people call it; the name unless given.

    Raises:
        InputError: a part that is missing, too much, or does not cover the week once.
    """

    name: str
    version: int
    currency: str
    kind: TariffKind
    tz: str
    valid_from: date
    bands: tuple[Band, ...] = ()
    blocks: tuple[Block, ...] = ()
    export_bands: tuple[Band, ...] = ()
    standing_micro_per_day: int = 0
    vat_bp: int = 0
    export_vat_bp: int = 0
    feed: str = ""
    title: str = ""

    def __post_init__(self) -> None:
        self._check_head()
        if self.kind is TariffKind.BLOCK:
            self._check_blocks()
        else:
            self._need(not self.blocks, "only a block tariff has blocks", "drop `blocks` or use kind 'block'")
            self._check_bands(self.bands, "bands")
        if self.export_bands:
            self._check_bands(self.export_bands, "export_bands")
        one = self.kind in (TariffKind.FLAT, TariffKind.REAL_TIME)
        self._need(not one or len(self.bands) == 1, f"a {self.kind} tariff has one band", "use kind 'time-of-use'")
        real_time = self.kind is TariffKind.REAL_TIME
        self._need(bool(self.feed) == real_time, "a feed belongs to a real-time tariff", "give `feed` for it alone")

    @property
    def label(self) -> str:
        """Title and version, for people: ``Evening 2``."""
        return f"{self.title or self.name} {self.version}"

    @property
    def import_bands(self) -> tuple[Band, ...]:
        """Bands that import energy must be told apart by; a block tariff needs the sum only."""
        return self.bands or (Band("all", 0),)

    def _need(self, ok: bool, what: str, fix: str) -> None:
        if not ok:
            raise InputError(what, where=f"tariff {self.name!r}", fix=fix)

    def _check_head(self) -> None:
        self._need(
            bool(self.name.strip()) and len(self.name) <= 64, "a tariff needs a name of 1..64 letters", "name it"
        )
        self._need(_whole(self.version) and self.version >= 1, "versions count from 1", "give version = 1")
        ok = len(self.currency) == 3 and self.currency.isascii() and self.currency.isupper()
        self._need(ok, f"{self.currency!r} is not a currency code", "use ISO 4217, such as EUR")
        zone(self.tz)
        for name in ("vat_bp", "export_vat_bp"):
            rate = getattr(self, name)
            self._need(_whole(rate) and 0 <= rate <= 10_000, f"{name} is not in 0..10000", "19 % is 1900")
        ok = _whole(self.standing_micro_per_day) and 0 <= self.standing_micro_per_day <= MAX_PRICE_MICRO
        self._need(ok, "the standing charge is not a whole number in range", "give millionths per day")

    def _check_bands(self, bands: Sequence[Band], field: str) -> None:
        self._need(bool(bands), f"{field} is empty", "give at least one band")
        names = [band.name for band in bands]
        self._need(all(name.strip() for name in names), f"{field} has a band without a name", "name every band")
        self._need(len(set(names)) == len(names), f"{field} has two bands of one name", "name each once")
        for band in bands:
            self._check_price(band.price_micro_per_kwh, f"band {band.name!r}")
            ok = len(band.hours) == 7 and all(_whole(m) and 0 <= m <= 0xFFFFFF for m in band.hours) and any(band.hours)
            self._need(ok, f"band {band.name!r} needs seven 24-bit masks with some hour", "one a weekday, Monday first")
        for day, weekday in enumerate(WEEKDAYS):
            union, total = 0, 0
            for band in bands:
                union |= band.hours[day]
                total += band.hours[day].bit_count()
            self._need(
                union == 0xFFFFFF and total == 24, f"{field} do not cover {weekday} exactly once", "check `hours`"
            )

    def _check_blocks(self) -> None:
        self._need(not self.bands, "a block tariff has no bands", "move the price into `blocks`")
        self._need(bool(self.blocks), "a block tariff needs blocks", "give at least one")
        bounds = [block.upto_wh for block in self.blocks]
        self._need(
            bounds[-1] is None and None not in bounds[:-1], "only the last block has no bound", "drop its upto_wh"
        )
        steps = [0, *(bound for bound in bounds if bound is not None)]
        rising = all(_whole(bound) for bound in steps) and all(a < b for a, b in pairwise(steps))
        self._need(rising, "block bounds do not rise", "sort by upto_wh")
        for block in self.blocks:
            self._check_price(block.price_micro_per_kwh, "a block")

    def _check_price(self, price: int, what: str) -> None:
        ok = _whole(price) and abs(price) <= MAX_PRICE_MICRO
        self._need(ok, f"the price of {what} is not a whole number in range", "give millionths per kWh")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def version_for(tariffs: Iterable[Tariff], name: str, day: date) -> Tariff:
    """The version of tariff `name` that holds on the local `day`: the latest `valid_from` not after it.

    Raises:
        InputError: no such tariff, or none valid yet.
    """
    named = [tariff for tariff in tariffs if tariff.name == name]
    valid = [tariff for tariff in named if tariff.valid_from <= day]
    if not valid:
        known = ", ".join(sorted({f"{tariff.name} from {tariff.valid_from}" for tariff in named})) or "none"
        raise InputError(f"no tariff {name!r} holds on {day}", where="tariffs", fix=f"known versions: {known}")
    return max(valid, key=lambda tariff: (tariff.valid_from, tariff.version))
