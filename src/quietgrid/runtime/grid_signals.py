"""What the homes of a group are told: the set-points in force, as shares of what each home has itself.

A set-point says what all storages of a group draw together. Each home is told the same share of its own capacity, so
that nobody has to know whose battery does what. A home adds it to what its battery does for itself (decision 0036).
Plants are told how much of their rated power may be fed in.

Privacy: sums of groups and sums of nameplates go in; the same goes to every home of a group.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quietgrid.balance.rules import holds
from quietgrid.model.grid import SetPoint, SetPointKind
from quietgrid.model.interval import DAY_S, Window
from quietgrid.model.network import Network
from quietgrid.model.schedule import HOUR_S, WHOLE
from quietgrid.model.signal import Signal, SignalKind
from quietgrid.store.stores import PlatformTx

AHEAD_S = 2 * DAY_S
"""How far ahead homes are told."""
DRAW_UNIT, FEED_UNIT = "draw_ppm", "feed_in_percent"
"""Energy to draw in an interval beyond the own need, in millionths of the own capacity (negative: to give); the most
that may be fed in, of the own plant's rated power."""
FREE = 100


def group_signals(tx: PlatformTx, network: Network, group: str, now: float, resolution: int) -> list[Signal]:
    """What one group is told now: for the interval that runs and all after it for two days."""
    span = Window(int(now) // resolution, (int(now) + AHEAD_S) // resolution, resolution)
    points = tx.grid.set_points(span.first * resolution, span.end * resolution)
    return told(network, [point for point in points if point.end > now], span, group)


def told(network: Network, points: Sequence[SetPoint], span: Window, group: str) -> list[Signal]:
    """What one group is told for a span; nothing where its devices do as they do by themselves.

    Args:
        points: in order of issue. span: intervals from the one that runs on.
    """
    number = network.groups.index(group)
    units = network.units
    capacity = int(units.storage_wh[(network.unit_groups == number) & units.closed].sum())
    middle = [(slot + 0.5) * span.resolution for slot in range(span.first, span.end)]
    out = []
    for kind, unit, idle in ((SetPointKind.STORAGE_W, DRAW_UNIT, 0), (SetPointKind.CURTAIL_PERCENT, FEED_UNIT, FREE)):
        mine = [point for point in points if point.kind is kind and point.element == group]
        if not mine or (kind is SetPointKind.STORAGE_W and not capacity):
            continue
        found = [holds(mine, kind, group, at) for at in middle]
        at = np.flatnonzero([point is not None for point in found])
        if not len(at):
            continue
        first, end = int(at[0]), int(at[-1]) + 1
        values = [idle if point is None else point.value for point in found[first:end]]
        if kind is SetPointKind.STORAGE_W:
            values = [round(value * span.resolution * WHOLE / (HOUR_S * capacity)) for value in values]
        window = Window(span.first + first, span.first + end, span.resolution)
        issued = max(point.start for point in found[first:end] if point is not None)
        name = f"{group}:{unit}:{window.first}"
        out.append(Signal(name, SignalKind.SET_POINT, group, window, tuple(values), unit, issued))
    return out
