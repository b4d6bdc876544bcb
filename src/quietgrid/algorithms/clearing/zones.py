"""Two communities joined by a line: one auction, and two prices only where the line is too thin.

If both zones can share one price without more than the line's capacity flowing, they do. Else the line is full, and
each zone clears by itself with that much coming in or going out. This is exact: everything is counted, nothing is
rounded.

Source: implicit coupling as in the European day-ahead market, two bidding zones with an available transfer capacity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quietgrid.algorithms.clearing.curves import Curves, curves
from quietgrid.algorithms.clearing.sharing import shared
from quietgrid.algorithms.clearing.uniform import Cleared, Tie, beyond, clear, price_tick
from quietgrid.errors import InputError
from quietgrid.model.order import Ints, Orders


@dataclass(frozen=True, slots=True)
class Coupled:
    """The outcome of two zones.

    Args:
        zones: Each zone's outcome. flow_wh: From the first to the second (negative: the other way).
        rent_ticks_wh: Price difference, in ticks, times the flow: what the line earns.
    """

    zones: tuple[Cleared, Cleared]
    flow_wh: int
    rent_ticks_wh: int


def clear_coupled(
    first: Orders, second: Orders, ticks: int, *, there_wh: int, back_wh: int, tie: Tie = Tie.MIDDLE
) -> Coupled:
    """Clear two zones together.

    Args:
        first, second: Their orders. ticks: Size of the common price grid. there_wh, back_wh: The most that may flow
            from the first to the second, and back, in this interval.

    Raises:
        InputError: a negative capacity, or an order beyond the grid.
    """
    if there_wh < 0 or back_wh < 0:
        raise InputError("a capacity is negative", where="transfer limit", fix="use 0 for a line that is out")
    one, two = curves(first, ticks), curves(second, ticks)
    tick = price_tick(Curves(one.demand_wh + two.demand_wh, one.supply_wh + two.supply_wh), tie, 0)
    if tick is None:
        return Coupled((clear(first, ticks), clear(second, ticks)), 0, 0)
    together = clear(_both(first, second), ticks, tie=tie)
    flow = -int((together.fills_wh[: len(first)] * first.side).sum())  # what the first sells beyond what it buys
    if -back_wh <= flow <= there_wh:
        zones = _split(together, first, second, flow)
        return Coupled(zones, flow, 0)
    least, most = _possible(one, two, tick, together)
    nearest = min(max(flow, -back_wh), there_wh)
    if least <= nearest <= most:
        zones = (_at(first, one, tick, -nearest), _at(second, two, tick, nearest))
        return Coupled(zones, nearest, 0)
    zones = (clear(first, ticks, tie=tie, import_wh=-nearest), clear(second, ticks, tie=tie, import_wh=nearest))
    prices = [zone.tick for zone in zones]
    apart = 0 if prices[0] is None or prices[1] is None else prices[1] - prices[0]
    return Coupled(zones, nearest, apart * nearest)


def _both(first: Orders, second: Orders) -> Orders:
    """All orders; the ranks of one zone stay in order, those of both are interleaved."""
    rank = np.concatenate([2 * np.argsort(np.argsort(first.rank)), 2 * np.argsort(np.argsort(second.rank)) + 1])
    return Orders(
        np.concatenate([first.side, second.side]), np.concatenate([first.tick, second.tick]),
        np.concatenate([first.energy_wh, second.energy_wh]), rank.astype(np.int64),
    )  # fmt: skip


def _possible(one: Curves, two: Curves, tick: int, together: Cleared) -> tuple[int, int]:
    """The least and the most that can flow from the first zone while both keep this price and all that was traded.

    Only orders exactly at the price may be filled more or less. At a price where both sides are served whole there is
    no room; else the longer side's margin is moved between the zones.
    """
    bought, sold = together.bought_wh, together.sold_wh

    def span(own: int, own_at: int, other: int, other_at: int, total: int) -> tuple[int, int]:
        """The least and most of the first zone's part of a side's total."""
        low = max(own, total - other - other_at)
        return low, min(own + own_at, total - other)

    buys = span(one.bought_above(tick), one.bought_at(tick), two.bought_above(tick), two.bought_at(tick), bought)
    sells = span(one.sold_below(tick), one.sold_at(tick), two.sold_below(tick), two.sold_at(tick), sold)
    return sells[0] - buys[1], sells[1] - buys[0]


def _split(together: Cleared, first: Orders, second: Orders, flow: int) -> tuple[Cleared, Cleared]:
    fills = together.fills_wh[: len(first)], together.fills_wh[len(first) :]
    return (
        _outcome(first, fills[0], together.tick, -flow),
        _outcome(second, fills[1], together.tick, flow),
    )  # fmt: skip


def _outcome(orders: Orders, fills: Ints, tick: int | None, import_wh: int) -> Cleared:
    bought, sold = int(fills[orders.side > 0].sum()), int(fills[orders.side < 0].sum())
    if tick is None:
        return Cleared(None, fills, bought, sold, 0, import_wh)
    wanted = int(orders.energy_wh[(orders.side > 0) & (orders.tick >= tick)].sum()) - bought
    offered = int(orders.energy_wh[(orders.side < 0) & (orders.tick <= tick)].sum()) - sold
    return Cleared(tick, fills, bought, sold, wanted - offered, import_wh)


def _at(orders: Orders, counted: Curves, tick: int, import_wh: int) -> Cleared:
    """Fill one zone at a price that is given, as much as it can trade with so much coming in."""
    above, below = counted.bought_above(tick), counted.sold_below(tick)
    most_bought, most_sold = above + counted.bought_at(tick), below + counted.sold_at(tick)
    bought = min(most_bought, most_sold + import_wh)
    sold = bought - import_wh
    fills, at = beyond(orders, tick)
    for rows, available in ((at[orders.side[at] > 0], bought - above), (at[orders.side[at] < 0], sold - below)):
        fills[rows] = shared(orders.energy_wh[rows], available, orders.rank[rows])
    return _outcome(orders, fills, tick, import_wh)
