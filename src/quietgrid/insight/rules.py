"""Which statistics a comparison needs, how often, and at what price: within a home's budget of 6 a year. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quietgrid.model.publication import Statistic


@dataclass(frozen=True, slots=True)
class Due:
    """One statistic to be published. Args: statistic; epsilon_milli: its cost if it carries noise; every: months."""

    statistic: Statistic
    epsilon_milli: int
    every: int


DUE = (Due(Statistic.USE, 500, 3), Due(Statistic.SPREAD, 1_000, 6), Due(Statistic.PEERS, 1_000, 6))
"""All with noise cost a home 4 × 0.5 + 2 × 1 + 2 × 1 = 6 a year, the whole budget (decision 0038)."""


def number(month: str) -> int:
    """Months since the year 0.

    >>> number("2026-03") - number("2025-12")
    3
    """
    year, part = month.split("-")
    return 12 * int(year) + int(part) - 1


def due(month: str, published: Mapping[Statistic, Sequence[str]], plain: bool) -> list[Due]:
    """What to publish of a month.

    Args:
        published: statistic -> months that have it. plain: the use of all homes needs no noise, and so costs nothing.

    >>> [one.statistic.value for one in due("2026-03", {Statistic.SPREAD: ["2025-12"]}, True)]
    ['use', 'peers']
    """
    out = []
    for one in DUE:
        every = 1 if plain and one.statistic is Statistic.USE else one.every
        gaps = [abs(number(month) - number(other)) for other in published.get(one.statistic, ())]
        if min(gaps, default=every) >= every:
            out.append(one)
    return out
