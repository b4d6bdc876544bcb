"""What is open of a network's groups: their totals as powers.

Privacy: opened totals only; what the gate did not open stays unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quietgrid.balance.picture import GroupTotals
from quietgrid.errors import NotFoundError
from quietgrid.model.interval import Window
from quietgrid.model.question import Quantity
from quietgrid.store.stores import PlatformTx

BACK = 96
"""Intervals looked back for the newest total of a group."""


@dataclass(frozen=True, slots=True)
class GroupFlow:
    """What a group took and gave in its newest interval with a total.

    Args:
        group: Name. slot, resolution: the interval. power_w: net draw. demand_w, supply_w: taken from and given to the
            grid; None where only the net opens. homes: behind it.
    """

    group: str
    slot: int
    resolution: int
    power_w: int
    demand_w: int | None
    supply_w: int | None
    homes: int


def group_totals(tx: PlatformTx, groups: Sequence[str], window: Window) -> GroupTotals:
    """What is open of these groups: import minus export where both open, net, or import where nobody feeds in."""
    kept: dict[str, set[Quantity]] = {}
    for node, quantity in tx.totals.nodes():
        kept.setdefault(node, set()).add(quantity)
    shape = (len(groups), len(window))
    power, homes = np.zeros(shape, np.int64), np.zeros(shape, np.int32)
    known, whole = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    fed = np.full(shape, np.nan)
    for row, group in enumerate(groups):
        quantities = kept.get(group, set())
        if not quantities:
            continue
        signs = {Quantity.NET: 1} if Quantity.NET in quantities else {Quantity.IMPORT: 1, Quantity.EXPORT: -1}
        wh, behind, answered = np.zeros(len(window), np.int64), None, np.ones(len(window), np.bool_)
        members = 0
        for quantity in sorted(quantities & set(signs)):
            try:
                total = tx.totals.total(group, quantity, window)
            except NotFoundError:
                answered[:] = False
                continue
            wh += signs[quantity] * np.where(total.answered, total.energy_wh, 0)
            behind = total.homes if behind is None else np.maximum(behind, total.homes)
            members = max(members, total.members)
            answered &= total.answered
            if quantity is Quantity.EXPORT and Quantity.IMPORT in quantities:
                fed[row] = total.energy_wh * (3600 / window.resolution)
        power[row] = np.where(answered, wh * 3600 // window.resolution, 0)
        homes[row] = np.where(answered, 0 if behind is None else behind, 0)
        known[row] = answered
        whole[row] = answered & (homes[row] >= members)
        fed[row, ~answered] = np.nan
    return GroupTotals(window, power, homes, known, whole, fed)


def newest_flows(tx: PlatformTx, groups: Sequence[str], resolution: int) -> list[GroupFlow]:
    """The newest flows of every group that has one, in order."""
    end = tx.answers.last_close(0)
    window = Window(max(0, end - BACK), end, resolution)
    totals = group_totals(tx, groups, window)
    opened = set(tx.totals.nodes())
    out = []
    for row, group in enumerate(groups):
        known = np.flatnonzero(totals.known[row])
        if not len(known):
            continue
        at = int(known[-1])
        slot = window.first + at
        one = Window(slot, slot + 1, resolution)
        split = (group, Quantity.NET) not in opened
        demand = _one(tx, group, Quantity.IMPORT, one) if split else None
        supply = _one(tx, group, Quantity.EXPORT, one) if split and (group, Quantity.EXPORT) in opened else None
        supply = 0 if split and supply is None else supply
        homes = int(totals.homes[row, at])
        out.append(GroupFlow(group, slot, resolution, int(totals.power_w[row, at]), demand, supply, homes))
    return out


def _one(tx: PlatformTx, group: str, quantity: Quantity, window: Window) -> int | None:
    try:
        total = tx.totals.total(group, quantity, window)
    except NotFoundError:
        return None
    return int(total.energy_wh[0]) * 3600 // window.resolution if total.answered[0] else None
