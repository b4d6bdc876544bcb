"""Clearing sealed bids: from the few sums that bisection opens, the price; from its own bid, each home its position.

A home's bid is its net demand at each tick: whole watt-hours, falling (it buys less, or sells more, where the price is
higher). Nobody sees a bid: the gate opens only the group's sums at the ticks that bisection visits
(`algorithms.bisection`). The price is the lowest tick at which net demand is not positive; between it and the tick
below, homes take the same share of their own step, so that what is bought is what is sold.

What everybody learns: the opened sums, up to three neighbouring ticks of them, hence the marginal step (decision 0018).
Source: PROTOCOL A, "sealed bids"; B1-B4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from quietgrid.algorithms.bisection import bracket, next_tick
from quietgrid.errors import InfeasibleError, InputError
from quietgrid.model.order import Ints

_SAFE = 1 << 62


@dataclass(frozen=True, slots=True)
class SealedResult:
    """What a sealed auction publishes.

    Args:
        tick: The price. step: Numerator and denominator of the share that homes take of their step from the tick below
            to the price's; (1, 1) where the sum is zero at the price, or the price is the lowest tick.
        opened: Tick -> sum, all that was opened.
    """

    tick: int
    step: tuple[int, int]
    opened: tuple[tuple[int, int], ...]


def sealed_result(opened: Mapping[int, int], ticks: int, homes_bound_wh: int) -> SealedResult:
    """The price and the share at the margin.

    Args:
        opened: Tick -> net demand of all homes there, Wh, in the order they were opened. ticks: Size of the grid.
        homes_bound_wh: What these homes could want or give at most, by their certified capacity.

    Raises:
        InfeasibleError: the sums rise with the price, or are beyond what the homes could; or nobody sells (buys) at
            any price of the grid. The auction is void, and the fall-back tariff holds.
        InputError: bisection is not at its end.

    >>> sealed_result({4: 30, 6: -10, 5: 10}, 8, 1000)
    SealedResult(tick=6, step=(10, 20), opened=((4, 30), (6, -10), (5, 10)))
    """
    answers = [(tick, (total > 0) - (total < 0)) for tick, total in opened.items()]
    _check_curve(opened, homes_bound_wh)
    if next_tick(answers, ticks) is not None:
        raise InputError("the auction's price is not known yet", where="opened", fix="open the forced tick")
    price = bracket(answers, ticks)[0]
    if price == ticks:
        raise InfeasibleError("nobody sells enough at any price", where="sealed auction", fix="the fall-back tariff")
    if price == 0:
        if opened[0] < 0:
            raise InfeasibleError("nobody buys enough at any price", where="sealed auction", fix="the fall-back tariff")
        return SealedResult(0, (1, 1), tuple(opened.items()))
    below, at = opened[price - 1], opened[price]
    return SealedResult(price, (below, below - at), tuple(opened.items()))


def position(at_wh: int, below_wh: int, step: tuple[int, int]) -> int:
    """A home's net purchase: its bid at the price, given its bid a tick below and the share of the step.

    Args:
        at_wh: Its net demand at the price. below_wh: One tick below (the same where the price is the lowest tick).
        step: From `SealedResult`.

    Returns:
        Wh, rounded down: what is left over, less than 1 Wh a home, goes to the pool account.

    >>> [position(at, below, (1, 2)) for at, below in ((-10, 0), (0, 7), (0, 3))]
    [-5, 3, 1]
    """
    return below_wh + ((at_wh - below_wh) * step[0]) // step[1]


def positions(at_wh: Ints, below_wh: Ints, step: tuple[int, int]) -> Ints:
    """`position` of many homes.

    Args:
        at_wh, below_wh: int64 [n]. step: See `position`.
    """
    moved = at_wh - below_wh
    if int(np.abs(moved).max(initial=0)) * step[0] < _SAFE:
        return np.asarray(below_wh + moved * step[0] // step[1], np.int64)
    return np.array([position(a, b, step) for a, b in zip(at_wh.tolist(), below_wh.tolist(), strict=True)], np.int64)


def check_bid(bid_wh: Ints, capacity_wh: int) -> None:
    """Refuse a bid that no meter would seal.

    Args:
        bid_wh: int64 [ticks], net demand. capacity_wh: The connection's, an interval.

    Raises:
        InputError: it rises somewhere, or is beyond the connection.
    """
    if len(bid_wh) == 0 or int(np.abs(bid_wh).max()) > capacity_wh:
        raise InputError("a bid is beyond its connection", where="bid", fix="bid what the connection can carry")
    if np.any(np.diff(bid_wh) > 0):
        raise InputError("a bid rises with the price", where="bid", fix="want less where it is dearer")


def _check_curve(opened: Mapping[int, int], bound_wh: int) -> None:
    sums = [total for _, total in sorted(opened.items())]
    if any(later > earlier for earlier, later in pairwise(sums)):
        raise InfeasibleError(
            "the sum of bids rises with the price", where="sealed auction", fix="the fall-back tariff"
        )
    if any(abs(total) > bound_wh for total in sums):
        raise InfeasibleError("the sum of bids is beyond what these homes can", where="sealed auction",
                              fix="the fall-back tariff")  # fmt: skip
