"""From published figures to what a home is compared with, and from the comparison to words. Whole numbers only.

Everything here is public or the home's own; it runs at home and on the platform alike. The circuit in between is
`quietgrid.algorithms.insight`, in plain or on encrypted numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from quietgrid.algorithms.insight import MONTH_UNIT_WH, WORD, Community, Condition, Insight
from quietgrid.errors import InputError
from quietgrid.model.insight import CLASSES, HOURS, Verdict

PERCENTS = (10, 20, 30, 40, 50, 60, 70, 80, 90)
"""Where the bands begin: so many homes of a hundred use less."""
CLASS_PERCENTS = (60, 80, 95, 110, 135, 175)
"""Where the classes B to G begin: per cent of the average of the peer group."""
NEVER = 255
"""A share of the day that no hour passes."""
ABOVE_PERCENT, ABOVE_MILLE = 150, 10
"""An hour stands out with a share above so many per cent of the mean home's, and so many per mille of the day."""
SIDES = ("below", "at", "above")


def usual_of(profile_wh: Sequence[int]) -> tuple[int, ...]:
    """Per mille of the day up to which an hour is usual; `NEVER` for all hours where no profile is published.

    Args:
        profile_wh: Wh of each local hour of the mean home's day, 24, or none.

    >>> usual_of([500] * 12 + [1500] * 12)[::12]
    (41, 103)
    """
    day = sum(profile_wh)
    if not day:
        return (NEVER,) * HOURS
    if len(profile_wh) != HOURS or min(profile_wh) < 0:
        raise InputError("not a day of 24 hours", where="profile", fix="give Wh of each local hour")
    return tuple(min(NEVER, wh * 10 * ABOVE_PERCENT // day + ABOVE_MILLE) for wh in profile_wh)


def community_of(
    average_wh: int, thresholds_wh: Sequence[int], usual: Sequence[int], rules: Sequence[Sequence[Condition]]
) -> Community:
    """What a home is compared with, in the circuit's units.

    Args:
        average_wh: of the peer group, a home and month. thresholds_wh: of the bands, rising. usual: as `usual_of`.
        rules: conditions of each piece of advice.

    >>> community_of(312_049, (100_000, 250_000), (255,) * 24, ()).classes
    (1872, 2496, 2964, 3432, 4212, 5460)
    """
    classes = tuple(_units(average_wh * percent // 100) for percent in CLASS_PERCENTS)
    bands = tuple(_units(wh) for wh in thresholds_wh)
    return Community(_units(average_wh), bands, classes, tuple(usual), tuple(tuple(rule) for rule in rules))


def _units(wh: int) -> int:
    return min(WORD, max(0, wh) // MONTH_UNIT_WH)


def verdict_of(insight: Insight, percents: Sequence[int], advice: Sequence[str]) -> Verdict:
    """A comparison in words.

    Args:
        percents: of the bands. advice: ids, in the order of the rules.

    Raises:
        InputError: a number the comparison cannot have had with these.

    >>> verdict_of(Insight(-1, 2, 0, (19,), (1,)), (10, 20, 30), ("a", "b"))
    Verdict(side='below', percent_low=20, percent_high=30, letter='A', hours=(19,), advice=('b',))
    """
    fits = insight.band <= len(percents) and insight.efficiency < len(CLASSES) and insight.side in (-1, 0, 1)
    if not fits or any(number >= len(advice) for number in insight.advice):
        raise InputError("a comparison with other figures", where="insight", fix="ask with the same figures")
    edges = (0, *percents, 100)
    low, high = edges[insight.band : insight.band + 2]
    chosen = tuple(advice[number] for number in insight.advice)
    return Verdict(SIDES[insight.side + 1], low, high, CLASSES[insight.efficiency], insight.hours, chosen)


def thresholds(counts: Sequence[int], edges_wh: Sequence[int], percents: Sequence[int] = PERCENTS) -> tuple[int, ...]:
    """Months below which so many homes of a hundred lie, from counts of homes; evenly spread within a class.

    Args:
        counts: homes from each edge up to the next, with noise: below zero counts as none. edges_wh: rising; the last
            class is as wide as its beginning is high. percents: rising, 1 to 99.

    Returns:
        Wh, rising; none where no home is counted.

    >>> thresholds((10, 20, -3, 10), (0, 100_000, 200_000, 300_000), (25, 50, 75, 90))
    (100000, 150000, 200000, 480000)
    """
    kept = [max(0, count) for count in counts]
    total = sum(kept)
    if not total:
        return ()
    ends = [*edges_wh[1:], 2 * edges_wh[-1]]
    out = []
    for percent in percents:
        wanted, before = percent * total, 0
        for count, low, high in zip(kept, edges_wh, ends, strict=True):
            if 100 * (before + count) >= wanted:
                out.append(low + (wanted - 100 * before) * (high - low) // (100 * max(1, count)))
                break
            before += count
    return tuple(out)


def scaled(thresholds_wh: Sequence[int], average_wh: int, of_average_wh: int) -> tuple[int, ...]:
    """Thresholds of one month brought to another by the ratio of the averages.

    >>> scaled((100, 200), 300, 200)
    (150, 300)
    """
    if average_wh <= 0 or of_average_wh <= 0:
        return tuple(thresholds_wh)
    return tuple(wh * average_wh // of_average_wh for wh in thresholds_wh)
