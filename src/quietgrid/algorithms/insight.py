"""Where a home stands: above or below the average, its band and class, hours that stand out, advice that applies.

A profile is shares of a day, per mille: what stands out is a shape, so that a large family is not told of every hour.
In whole numbers and comparisons only, so that the same can be computed on encrypted numbers
(`quietgrid.crypto.public.fhe`), which the tests hold equal to this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quietgrid.errors import InputError

MONTH_UNIT_WH = 100
"""A month's energy is counted in tenths of a kWh: 16 bits reach 6,553 kWh."""
BYTE, WORD = 255, 65_535


@dataclass(frozen=True)
class Condition:
    """One condition on one feature of a home.

    Args:
        feature: Its number. at_least: whether it must reach `value`, or stay below. value: 0 to 255.
    """

    feature: int
    at_least: bool
    value: int


@dataclass(frozen=True)
class Community:
    """What a community publishes, and what a home is compared with.

    Args:
        average: A month's energy, units of `MONTH_UNIT_WH`. bands: rising thresholds of the bands, same unit, at most
            15. classes: the same for the efficiency classes. usual: per hour the share that still is usual, per mille.
        advice: for each piece of advice the conditions that must all hold.
    """

    average: int
    bands: tuple[int, ...]
    classes: tuple[int, ...]
    usual: tuple[int, ...]
    advice: tuple[tuple[Condition, ...], ...]


@dataclass(frozen=True)
class Insight:
    """What a home learns.

    Args:
        side: -1 below, 0 at, 1 above the average. band: how many of the bands' thresholds it reaches. efficiency: the
            same of the classes. hours: the hours that stand out. advice: numbers of the advice that applies.
    """

    side: int
    band: int
    efficiency: int
    hours: tuple[int, ...]
    advice: tuple[int, ...]


def insight(month: int, profile: Sequence[int], features: Sequence[int], community: Community) -> Insight:
    """Compare one home with its community.

    Args:
        month: Units of `MONTH_UNIT_WH`, 0 to 65,535. profile: an hour's share each, per mille, 0 to 255.
        features: 0 to 255 each.

    Raises:
        InputError: a number out of range, or another number of hours than the community's.

    Example:
        >>> here = Community(2500, (1000, 2000), (1500,), (4, 9), ((Condition(0, True, 30),),))
        >>> insight(2400, (5, 9), (31,), here)
        Insight(side=-1, band=2, efficiency=1, hours=(0,), advice=(0,))
    """
    if not 0 <= month <= WORD or any(not 0 <= value <= BYTE for value in (*profile, *features)):
        raise InputError("a number is out of range", where="insight", fix="count in the units of this module")
    if len(profile) != len(community.usual):
        raise InputError("the profile has another number of hours", where="insight", fix="use the community's")
    return Insight(
        (month > community.average) - (month < community.average),
        sum(month >= edge for edge in community.bands),
        sum(month >= edge for edge in community.classes),
        tuple(i for i, (own, usual) in enumerate(zip(profile, community.usual, strict=True)) if own > usual),
        tuple(i for i, rule in enumerate(community.advice) if all(_holds(c, features) for c in rule)),
    )


def _holds(condition: Condition, features: Sequence[int]) -> bool:
    return (features[condition.feature] >= condition.value) == condition.at_least


def from_digits(digits: Sequence[int], hours: int, advice: int) -> Insight:
    """An insight from the 4-bit digits in which an encrypted one comes back.

    Raises:
        InputError: another number of digits.
    """
    ends = 3 + -(-hours // 4)
    if len(digits) != ends + -(-advice // 4):
        raise InputError("another number of digits", where="insight", fix="ask with the same community")
    return Insight(digits[0] - 1, digits[1], digits[2], _set(digits[3:ends]), _set(digits[ends:]))


def _set(digits: Sequence[int]) -> tuple[int, ...]:
    return tuple(4 * i + j for i, digit in enumerate(digits) for j in range(4) if digit >> j & 1)
