"""The call auction: every order of an interval at once, one price for all, as much energy as possible.

The price is found on the two curves, which are counted tick by tick; orders are never sorted. Ties follow the rules of
the exchanges' auctions: most energy, then least left over, then the side that is left over, then a stated choice.

Laws (hypothesis, `tests/algorithms/clearing`): nobody trades beyond a limit; who would have traded more at the price
than he did stands exactly at it (no envy); no other price moves more energy; energy is conserved; equal orders differ
by at most 1 Wh; changing the order of the rows changes nothing.

Source: Xetra "Market Model Equities", auction price determination; Euronext trading manual, uncrossing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.clearing.curves import Curves, curves, parts
from quietgrid.algorithms.clearing.sharing import shared
from quietgrid.errors import InfeasibleError, InputError
from quietgrid.model.order import BUY, MAX_BOOK_WH, Ints, Orders


class Tie(StrEnum):
    """Which tick is the price where several would do and nothing is left over: the lowest (all gain goes to buyers),
    the highest (to sellers), or the middle."""

    LOWEST = "lowest"
    HIGHEST = "highest"
    MIDDLE = "middle"


@dataclass(frozen=True, slots=True)
class Cleared:
    """The outcome of an auction.

    Args:
        tick: The price for all; None where nothing was traded. fills_wh: int64 [n], 0 to the order's energy.
        bought_wh, sold_wh: Sums; they differ by `import_wh`. left_wh: Wanted (positive) or offered (negative) at the
            price and not traded. import_wh: What came in from elsewhere (negative: went out).
    """

    tick: int | None
    fills_wh: Ints
    bought_wh: int
    sold_wh: int
    left_wh: int
    import_wh: int = 0


def clear(orders: Orders, ticks: int, *, tie: Tie = Tie.MIDDLE, import_wh: int = 0) -> Cleared:
    """Clear one auction at one price.

    Args:
        orders: n of them. ticks: Size of the price grid. tie: See `Tie`. import_wh: Energy that comes in from other
            zones at any price (negative: that must go out).

    Raises:
        InputError: an order is beyond the grid.
        InfeasibleError: `import_wh` is more than these orders can take, or give.

    Privacy: sees every order; for sealed bids see `algorithms.clearing.sealed`.
    Cost: two passes over the orders and one over the grid; only the orders at the price itself are shared.

    >>> book = Orders(np.array([1, 1, -1], np.int8), np.array([5, 3, 3], np.int32), np.array([40, 60, 70]))
    >>> found = clear(book, 8)
    >>> found.tick, found.fills_wh.tolist(), found.left_wh
    (3, [40, 30, 70], 30)
    """
    counted = curves(orders, ticks)
    tick = price_tick(counted, tie, import_wh)
    if tick is None:
        return Cleared(None, np.zeros(len(orders), np.int64), 0, 0, 0)
    fills, bought, sold = _fills(orders, counted, tick, import_wh)
    return Cleared(tick, fills, bought, sold, int(counted.net_wh[tick]) - import_wh, import_wh)


def within(orders: Orders, low: int, high: int) -> Orders:
    """The orders as they count where anybody can also buy at `high` and sell at `low` elsewhere (retail tariff and
    feed-in): nobody bids more than the one or asks less than the other; who can do better elsewhere stays out.

    Returns:
        As many rows. Cleared, their price lies from `low` to `high`, so a row that would do better elsewhere does not
        trade.

    Raises:
        InputError: `low` above `high`.
    """
    if low > high:
        raise InputError("feed-in is above the retail tariff", where="outside options", fix="swap them")
    buys = orders.side == BUY
    tick = np.where(buys, np.minimum(orders.tick, high), np.maximum(orders.tick, low)).astype(np.int32)
    return Orders(orders.side, tick, orders.energy_wh, orders.rank)


def price_tick(counted: Curves, tie: Tie, import_wh: int) -> int | None:
    """The tick that moves most energy; None where none moves any.

    Net demand falls from tick to tick. `first` is the first tick at which it is not positive, `beyond` the first at
    which it is negative; between them both sides agree.
    """
    if abs(import_wh) >= MAX_BOOK_WH:
        raise InputError("an exchange with other zones is out of range", where="import_wh", fix="split the auction")
    ticks = len(counted.demand_wh)
    falling = import_wh - counted.net_wh
    first = int(np.searchsorted(falling, 0, side="left"))
    beyond = int(np.searchsorted(falling, 0, side="right"))
    _check_exchange(counted, import_wh)
    demand, supply = counted.demand_wh + max(-import_wh, 0), counted.supply_wh + max(import_wh, 0)
    if first < beyond:
        if demand[first] == 0:
            return None
        return {Tie.LOWEST: first, Tie.HIGHEST: beyond - 1, Tie.MIDDLE: (first + beyond - 1) // 2}[tie]
    short = int(supply[first - 1]) if first > 0 else -1
    long = int(demand[first]) if first < ticks else -1
    if max(short, long) <= 0:
        return None
    if short != long:
        return first - 1 if short > long else first
    left_short, left_long = int(demand[first - 1]) - short, int(supply[first]) - long
    if left_short != left_long:
        return first - 1 if left_short < left_long else first
    return first if tie is Tie.HIGHEST else first - 1


def _check_exchange(counted: Curves, import_wh: int) -> None:
    most, least = int(counted.demand_wh[0]), -int(counted.supply_wh[-1])
    if not least <= import_wh <= most:
        raise InfeasibleError(
            f"{import_wh} Wh cannot be exchanged: these orders take {most} Wh and give {-least} Wh at most",
            where="auction", fix="exchange less",
        )  # fmt: skip


def _fills(orders: Orders, counted: Curves, tick: int, import_wh: int) -> tuple[Ints, int, int]:
    """All beyond the price trade whole; at the price the longer side shares what the other leaves."""
    demand, supply = int(counted.demand_wh[tick]), int(counted.supply_wh[tick])
    bought = min(demand, supply + import_wh)
    sold = bought - import_wh
    fills, at = beyond(orders, tick)
    buys = orders.side[at] == BUY
    margins = (buys, bought - counted.bought_above(tick)), (~buys, sold - counted.sold_below(tick))
    for side, available in margins:
        rows = at[side]
        fills[rows] = shared(orders.energy_wh[rows], available, orders.rank[rows])
    return fills, bought, sold


def beyond(orders: Orders, tick: int) -> tuple[Ints, NDArray[np.intp]]:
    """Fills where all whose limit is better than a price trade whole; and the rows whose limit is the price."""
    fills, at = np.empty(len(orders), np.int64), []
    for part in parts(len(orders)):
        better = (orders.tick[part] - np.int32(tick)) * orders.side[part]
        np.multiply(orders.energy_wh[part], better > 0, out=fills[part])
        at.append(part.start + np.flatnonzero(better == 0))
    return fills, np.concatenate(at) if at else np.zeros(0, np.intp)
