"""Schedules of one storage in whole steps, by comparisons only: the twins of what runs on encrypted loads.

A *step* is what the storage moves in one interval at full power. In each interval it charges one, gives one or rests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quietgrid.errors import InputError

GIVE, REST, CHARGE = -1, 0, 1
CAPACITY = 13
MOST_INTERVALS, MOST_PICKED = 30, 12
WORD = 65_535


@dataclass(frozen=True)
class Steps:
    """One storage and its connection.

    Args:
        capacity: Steps it holds, 1 to 13. step_wh: energy of a step, Wh. limit_wh: most the connection may carry in an
            interval, Wh.
    """

    capacity: int
    step_wh: int
    limit_wh: int

    def __post_init__(self) -> None:
        fits = 1 <= self.capacity <= CAPACITY and 1 <= self.step_wh <= WORD and 0 <= self.limit_wh <= WORD
        if not fits:
            raise InputError("a storage that cannot be counted", where="steps", fix="1 to 13 steps, 16-bit Wh")


def walk(load_wh: Sequence[int], level: int, wishes: Sequence[int], steps: Steps) -> tuple[int, ...]:
    """Follow wishes: charge only below the connection's limit, give only to one's own load, between empty and full.

    Args:
        load_wh: Energy drawn an interval, Wh. level: steps held at the start; more than the capacity counts as full.
        wishes: `CHARGE`, `GIVE` or `REST` an interval.

    Returns:
        What it does an interval, in steps.

    Example:
        >>> walk((500, 500, 500), 0, (CHARGE, GIVE, GIVE), Steps(4, 300, 2000))
        (1, -1, 0)
    """
    level = min(level, steps.capacity)
    out = []
    for load, wish in zip(load_wh, wishes, strict=True):
        charge = wish == CHARGE and load + steps.step_wh <= steps.limit_wh
        give = wish == GIVE and load >= steps.step_wh
        after = min(max(level + charge - give, 0), steps.capacity)
        out.append(after - level)
        level = after
    return tuple(out)


def follow_prices(
    load_wh: Sequence[int], prices: Sequence[int], level: int, thresholds: tuple[int, int], steps: Steps
) -> tuple[int, ...]:
    """Greedy: charge at or below the lower price, give at or above the upper one.

    Example:
        >>> follow_prices((500, 500), (10, 40), 0, (15, 35), Steps(4, 300, 2000))
        (1, -1)
    """
    return walk(load_wh, level, wishes_of(prices, thresholds), steps)


def wishes_of(prices: Sequence[int], thresholds: tuple[int, int]) -> tuple[int, ...]:
    """What public prices ask for: `CHARGE` where they are low, `GIVE` where they are high.

    Raises:
        InputError: the thresholds are not apart.
    """
    low, high = thresholds
    if low >= high:
        raise InputError("the two prices are not in order", where="steps", fix="charge at a lower one than give")
    return tuple(CHARGE if price <= low else GIVE if price >= high else REST for price in prices)


def flatten(load_wh: Sequence[int], level: int, k: int, steps: Steps) -> tuple[int, ...]:
    """Charge in the `k` intervals of the least load, give in the `k` of the greatest; of equal ones the first is less.

    Raises:
        InputError: `k` beyond 12 or half of the intervals, or more than 30 intervals.

    Example:
        >>> flatten((100, 900, 200, 800), 0, 2, Steps(4, 300, 2000))
        (1, -1, 1, -1)
    """
    n = len(load_wh)
    if not (1 <= k <= MOST_PICKED and 2 * k <= n <= MOST_INTERVALS):
        raise InputError("too many intervals picked", where="steps", fix="k to 12 and half of at most 30 intervals")
    order = sorted(range(n), key=lambda t: (load_wh[t], t))
    wishes = [REST] * n
    for t in order[:k]:
        wishes[t] = CHARGE
    for t in order[n - k :]:
        wishes[t] = GIVE
    return walk(load_wh, level, wishes, steps)


def carry_out(
    load_wh: Sequence[int], moves: Sequence[int], level_wh: int, steps: Steps, parts: int = 1
) -> tuple[tuple[int, ...], int]:
    """What a connection carries when a plan is followed with the load as it came, and what is left in the storage.

    Args:
        load_wh: Energy drawn, Wh, `parts` values an interval of the plan. moves: the plan. level_wh: in the storage.

    Returns:
        Wh as `load_wh`; the level at the end. A storage gives no more than the load takes, and never feeds in.

    Example:
        >>> carry_out((500, 100, 100), (1, -1, -1), 100, Steps(4, 300, 2000))
        ((800, 0, 0), 200)
    """
    out, share = [], steps.step_wh // parts
    for number, load in enumerate(load_wh):
        move = moves[number // parts]
        if move == CHARGE:
            moved = min(share, steps.capacity * steps.step_wh - level_wh)
        else:
            moved = -min(share, load, level_wh) if move == GIVE else 0
        level_wh += moved
        out.append(load + moved)
    return tuple(out), level_wh
