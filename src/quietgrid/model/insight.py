"""What a home and its community are compared by: features of a month, published figures, and what follows from both.

`Features` are a home's own and stay at home, or leave it encrypted. `CommunityStatistics` are public. A `Verdict` is
the home's again. The units of the small numbers are those of `quietgrid.algorithms.insight`, so that the same
comparison can be made in plain or on encrypted numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from quietgrid.errors import InputError
from quietgrid.model.interval import Window

HOURS = 24
ALL = "all"
"""The peer group of all homes."""
CLASSES = ("A", "B", "C", "D", "E", "F", "G")
"""Efficiency classes, the thriftiest first."""


class Feature(IntEnum):
    """The small numbers that advice looks at: each 0 to 255, larger ones count as 255."""

    BASE = 0
    """Mean power of the lowest tenth of the hours, units of 10 W."""
    EVENING = 1
    """Share drawn from 17:00 to 22:00, local, per cent."""
    WEEKEND = 2
    """Mean day of a weekend beside a mean weekday, per cent."""
    HEATING = 3
    """How much more a day takes for one degree-day (base 15 °C) more, units of 100 Wh; 0 where no weather is known."""
    NIGHT = 4
    """Share drawn from 00:00 to 06:00, local, per cent."""
    PEAK = 5
    """The highest hour, units of 100 W."""


UNITS = {
    Feature.BASE: (10, "W"), Feature.EVENING: (1, "%"), Feature.WEEKEND: (1, "%"), Feature.HEATING: (100, "Wh/K"),
    Feature.NIGHT: (1, "%"), Feature.PEAK: (100, "W"),
}  # fmt: skip
"""What one step of a feature stands for."""


@dataclass(frozen=True, slots=True)
class Features:
    """A home's month as it is compared.

    Args:
        month: energy drawn, units of 100 Wh, 0 to 65,535. profile: share of the mean day that falls into each local
            hour, per mille, 24 × 0 to 255. values: 0 to 255 each, in the order of `Feature`.

    Raises:
        InputError: another number of values, or one out of range.
    """

    month: int
    profile: tuple[int, ...]
    values: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.profile) != HOURS or len(self.values) != len(Feature):
            raise InputError("features of another number", where="features", fix="24 hours and one a feature")
        if not 0 <= self.month <= 0xFFFF or any(not 0 <= value <= 0xFF for value in (*self.profile, *self.values)):
            raise InputError("a feature is out of range", where="features", fix="count larger ones as the largest")

    def amount(self, feature: Feature) -> int:
        """A feature in its unit (`UNITS`)."""
        return self.values[feature] * UNITS[feature][0]


def features_of(month_wh: int, hours_wh: tuple[int, ...], amounts: tuple[int, ...]) -> Features:
    """Features from Wh and units: rounded down, what is too large counts as the largest.

    Args:
        month_wh: drawn in the month. hours_wh: Wh of each local hour, 24 (their scale does not matter). amounts: in
            the order of `Feature`, in the units of `UNITS`.

    >>> features_of(312_049, (10,) * 24, (184, 31, 118, 0, 17, 4_199)).values
    (18, 31, 118, 0, 17, 41)
    """
    day = max(1, sum(hours_wh))
    values = tuple(min(255, max(0, amount) // UNITS[f][0]) for f, amount in zip(Feature, amounts, strict=True))
    return Features(min(0xFFFF, month_wh // 100), tuple(min(255, 1000 * wh // day) for wh in hours_wh), values)


@dataclass(frozen=True, slots=True)
class PeerGroup:
    """Homes that a home is compared with, and the mean of what each drew.

    Args:
        name: short, of the address. words: for people. homes: in it. average_wh: a home and month.
        margin_wh: half the width of the interval that holds 95 % of the noise on the average; 0 where it is exact.
        epsilon_milli: what the average cost each home, thousandths; 0 where it is exact.
    """

    name: str
    words: str
    homes: int
    average_wh: int
    margin_wh: int = 0
    epsilon_milli: int = 0


@dataclass(frozen=True, slots=True)
class Spread:
    """How the homes' months are spread, from published counts of homes (always with noise).

    Args:
        thresholds_wh: rising. percents: how many homes of a hundred lie below each. month: whose counts they are
            from; scaled where that is another month. epsilon_milli: what they cost each home. margin_homes: half the
            width of the interval that holds 95 % of the noise on one count.
    """

    thresholds_wh: tuple[int, ...] = ()
    percents: tuple[int, ...] = ()
    month: str = ""
    epsilon_milli: int = 0
    margin_homes: int = 0


@dataclass(frozen=True, slots=True)
class CommunityStatistics:
    """What is public of a community's month, for one peer group.

    Args:
        month: as ``2026-03``. window: the billing period. group: that the home is compared with. groups: all that
            are published, that of all homes first. spread: of all homes. profile_wh: of the mean home and day, Wh each
            local hour, from totals of all homes; empty where too few homes are behind it. profile_homes: behind it.
        degree_days: tenths (base 15 °C) a local day; empty where no weather is known.
    """

    month: str
    window: Window
    group: PeerGroup
    groups: tuple[PeerGroup, ...]
    spread: Spread
    profile_wh: tuple[int, ...] = ()
    profile_homes: int = 0
    degree_days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a home stands.

    Args:
        side: ``below``, ``at`` or ``above`` the average of its group. percent_low, percent_high: so many homes of a
            hundred use less at least, at most; 0 and 100 where no spread is published. letter: efficiency class, of
            its group. hours: local hours with a much larger share of the day than at the mean home. advice: ids.
    """

    side: str
    percent_low: int
    percent_high: int
    letter: str
    hours: tuple[int, ...]
    advice: tuple[str, ...]
