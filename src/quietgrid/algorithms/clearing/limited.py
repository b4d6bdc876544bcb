"""An auction behind a grid's limits: first as if there were none; only where one binds, a linear programme.

The programme sees orders summed by zone and tick, never single ones, and decides one thing: how much each zone gets
from the others. Given that, each zone is cleared by counting, so that prices are ticks, fills are whole and energy is
conserved exactly. The difference of two zones' prices is the price of congestion.

Source: nodal pricing (Schweppe et al., "Spot Pricing of Electricity", 1988), with flows linear in the zones' positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.clearing.curves import curves
from quietgrid.algorithms.clearing.sharing import shared
from quietgrid.algorithms.clearing.uniform import Cleared, Tie, clear
from quietgrid.errors import InfeasibleError, InputError
from quietgrid.model.order import BUY, Ints, Orders

Floats = NDArray[np.float64]
_VOLUME = 1e-3
"""Ticks: what a traded Wh is worth by itself, so that trades without gain happen too."""
_ROUND_TRIP = 1e-4


@dataclass(frozen=True, slots=True)
class Bounds:
    """What z zones may exchange in one interval.

    Args:
        names: c limits, for people. room_wh: [c], what is left of each. draw, feed: [c, z], what a Wh that a zone draws
            from (feeds into) the others uses of it. import_wh, export_wh: int64 [z], the most of each zone.

    Raises:
        InputError: shapes that do not fit, or a limit that rewards a zone for drawing and feeding in at once.
    """

    names: tuple[str, ...]
    room_wh: Floats
    draw: Floats
    feed: Floats
    import_wh: Ints
    export_wh: Ints

    def __post_init__(self) -> None:
        c, z = len(self.names), len(self.import_wh)
        if not self.draw.shape == self.feed.shape == (c, z) or len(self.room_wh) != c or len(self.export_wh) != z:
            raise InputError("bounds do not fit their zones", where="bounds", fix="one row a limit, one column a zone")
        if np.any(self.draw + self.feed < -1e-12):
            raise InputError("a limit is relieved by drawing and feeding in at once", where="bounds",
                             fix="draw + feed must not be negative")  # fmt: skip

    @classmethod
    def unbounded(cls, zones: int) -> Bounds:
        """No limits."""
        most, none = np.full(zones, 1 << 52, np.int64), np.zeros((0, zones))
        return cls((), np.zeros(0), none, none, most, most)

    def used_wh(self, position_wh: Ints) -> Floats:
        """[c]: what these net imports use of each limit."""
        drawn, fed = np.maximum(position_wh, 0), np.maximum(-position_wh, 0)
        return np.asarray(self.draw @ drawn + self.feed @ fed, np.float64)

    def keeps(self, position_wh: Ints) -> bool:
        """Whether these net imports keep all limits; to within a watt-hour a zone, for positions are whole."""
        own = (position_wh <= self.import_wh) & (-position_wh <= self.export_wh)
        return bool(own.all() and (self.used_wh(position_wh) <= np.maximum(self.room_wh, 0.0) + self._whole()).all())

    def _whole(self) -> Floats:
        return np.asarray(np.maximum(np.abs(self.draw), np.abs(self.feed)).sum(axis=1), np.float64)


@dataclass(frozen=True, slots=True)
class Limited:
    """The outcome behind limits.

    Args:
        zones: Each zone's outcome; its `import_wh` is its net import. binding: Names of limits that bind; empty where
            one price holds for all.
    """

    zones: tuple[Cleared, ...]
    binding: tuple[str, ...]

    @property
    def ticks(self) -> tuple[int | None, ...]:
        """Each zone's price."""
        return tuple(zone.tick for zone in self.zones)


def clear_limited(orders: Orders, zone: Ints, ticks: int, bounds: Bounds, *, tie: Tie = Tie.MIDDLE) -> Limited:
    """Clear all zones together, within the bounds.

    Args:
        orders: n of them. zone: int64 [n], whose zone each is in. ticks: Size of the price grid. bounds: Of z zones.

    Returns:
        z outcomes; fills of a zone are in the order of its rows.

    Raises:
        InputError: a zone that the bounds do not know.

    Cost: one auction; where a limit binds, a linear programme of at most 2 variables a zone and used tick besides.
    """
    z = len(bounds.import_wh)
    if len(zone) != len(orders) or (len(zone) and (int(zone.min()) < 0 or int(zone.max()) >= z)):
        raise InputError("an order's zone is unknown", where="zone", fix=f"0 to {z - 1}, one an order")
    parts = [_rows(orders, np.flatnonzero(zone == one)) for one in range(z)]
    together = clear(orders, ticks, tie=tie)
    bought = np.bincount(zone, weights=together.fills_wh * orders.side, minlength=z).astype(np.int64)
    if bounds.keeps(bought):
        outcome = [_outcome(part, together.fills_wh[zone == one], together.tick, int(bought[one]))
                   for one, part in enumerate(parts)]  # fmt: skip
        return Limited(tuple(outcome), ())
    imports = _whole(_exchange(parts, ticks, bounds))
    names = tuple(bounds.names[c] for c in np.flatnonzero(_tight(bounds, imports, bought)))
    full = [
        f"exchange of zone {one}" for one in range(z) if imports[one] in (bounds.import_wh[one], -bounds.export_wh[one])
    ]
    cleared = tuple(clear(part, ticks, tie=tie, import_wh=int(n)) for part, n in zip(parts, imports, strict=True))
    return Limited(cleared, (*names, *full))


def _rows(orders: Orders, rows: NDArray[np.intp]) -> Orders:
    return Orders(orders.side[rows], orders.tick[rows], orders.energy_wh[rows], orders.rank[rows])


def _tight(bounds: Bounds, imports: Ints, wished: Ints) -> NDArray[np.bool_]:
    """[c]: what holds back: limits that are used up, of those that are used at all or would have been broken."""
    room = np.maximum(bounds.room_wh, 0.0)
    used, broken = bounds.used_wh(imports), bounds.used_wh(wished) > room
    found = (used >= room * (1 - 1e-6) - 2 * bounds._whole()) & ((used > 0) | broken)
    return np.asarray(found if found.any() else broken, np.bool_)


def _outcome(orders: Orders, fills: Ints, tick: int | None, import_wh: int) -> Cleared:
    bought, sold = int(fills[orders.side == BUY].sum()), int(fills[orders.side != BUY].sum())
    if tick is None:
        return Cleared(None, fills, 0, 0, 0)
    willing = np.where(orders.side == BUY, orders.tick >= tick, orders.tick <= tick)
    left = int((orders.side * (orders.energy_wh - fills))[willing].sum())
    return Cleared(tick, fills, bought, sold, left, import_wh)


def _exchange(parts: list[Orders], ticks: int, bounds: Bounds) -> Floats:
    """[z]: net imports of most welfare, by linear programming on the zones' counted orders."""
    import highspy

    counted = [curves(part, ticks) for part in parts]
    steps = []  # (zone, tick, most, sign): what a zone may buy or sell at one limit
    for number, one in enumerate(counted):
        wanted = -np.diff(np.append(one.demand_wh, 0))
        offered = np.diff(np.append(0, one.supply_wh))
        steps += [(number, int(t), int(wanted[t]), 1) for t in np.flatnonzero(wanted)]
        steps += [(number, int(t), int(offered[t]), -1) for t in np.flatnonzero(offered)]
    at, tick, most, sign = (np.array(column, np.float64) for column in zip(*steps, strict=True))
    z, k, c = len(parts), len(steps), len(bounds.names)
    balance = np.zeros((z + 1 + c, k + 2 * z))
    balance[at.astype(np.int64), np.arange(k)] = sign
    zones = np.arange(z)
    balance[zones, k + zones], balance[zones, k + z + zones] = -1.0, 1.0
    balance[z, k : k + z], balance[z, k + z :] = 1.0, -1.0
    balance[z + 1 :, k : k + z], balance[z + 1 :, k + z :] = bounds.draw, bounds.feed
    room = np.maximum(bounds.room_wh, 0.0)
    library: Any = highspy
    solver = library.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    lp = library.HighsLp()
    lp.num_col_, lp.num_row_ = k + 2 * z, z + 1 + c
    lp.col_cost_ = np.concatenate([-(sign * tick + _VOLUME * (sign > 0)), np.full(2 * z, _ROUND_TRIP)])
    lp.col_lower_ = np.zeros(k + 2 * z)
    lp.col_upper_ = np.concatenate([most, bounds.import_wh.astype(np.float64), bounds.export_wh.astype(np.float64)])
    lp.row_lower_ = np.concatenate([np.zeros(z + 1), np.full(c, -library.kHighsInf)])
    lp.row_upper_ = np.concatenate([np.zeros(z + 1), room])
    lp.a_matrix_.format_ = library.MatrixFormat.kRowwise
    row, column = np.nonzero(balance)
    lp.a_matrix_.start_ = np.searchsorted(row, np.arange(z + c + 2)).astype(np.int32)
    lp.a_matrix_.index_, lp.a_matrix_.value_ = column.astype(np.int32), balance[row, column]
    solver.passModel(lp)
    solver.run()
    if solver.getModelStatus() != library.HighsModelStatus.kOptimal:
        raise InfeasibleError("no exchange keeps the limits", where="auction", fix="trade within each zone",
                              limits=bounds.names)  # fmt: skip
    found = np.array(solver.getSolution().col_value)
    return np.asarray(found[k : k + z] - found[k + z :], np.float64)


def _whole(imports: Floats) -> Ints:
    """Round positions that sum to zero to whole numbers that do: down, and what is missing to the largest rests."""
    down = np.floor(imports + 1e-7).astype(np.int64)
    missing = -int(down.sum())
    return down + shared(
        np.ones(len(down), np.int64), missing, np.argsort(np.argsort(-(imports - down), kind="stable"))
    )
