"""From a state of the grid to `Limits`: what groups may draw or feed in before a voltage or a branch is at its limit.

A group's move may happen at any of its nodes: nobody here knows where. So each limit is charged at the node where the
move uses most of it (relief at the node where it relieves least); what holds then holds however a move is shared out.
Voltages fall faster than in proportion; the share of the room that is kept free (`Margins.share`) covers that, and a
property test lets power flows confirm it.

Privacy: reads a `Flow` and its uncertainty, which come from totals and sensors; gives numbers about groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.powerflow import Estimate, Model, Sensitivity, sensitivity
from quietgrid.model.interval import Window
from quietgrid.model.limits import UNBOUNDED_W, Floats, Limits
from quietgrid.model.network import Network


@dataclass(frozen=True)
class Margins:
    """How far from the edge one stays.

    Args:
        low, high: voltages that must hold, relative (EN 50160 allows 0.9 and 1.1; a distribution grid plans for less).
        loading: of the rating a branch may carry. share: of the room, never given away. sigmas: of the state's own
            uncertainty, taken off first (1.645: one time in twenty).
        var_per_w: reactive power that comes with a watt of a move.
    """

    low: float = 0.92
    high: float = 1.08
    loading: float = 0.95
    share: float = 0.15
    sigmas: float = 1.645
    var_per_w: float = 0.0


def limits_of(model: Model, state: Estimate, window: Window, margins: Margins | None = None) -> Limits:
    """Limits around a state.

    Args:
        model: The grid. state: of the window's intervals, estimated or forecast. margins: see there.

    Cost: 4 (2 l + s) power flows, and c × g × t. Where no state was found there is no headroom at all.
    """
    margins = margins or Margins()
    network = model.network
    slopes = [_moved(one, margins) for one in _around(model, state)]
    names, room = _rooms(network, state, margins)
    found = state.flow.converged
    room = np.where(found, room - margins.share * np.maximum(room, 0), 0.0)
    of_node = np.maximum.reduce(slopes), np.maximum.reduce([-slope for slope in slopes])
    places = network.nodes.groups[model.load_nodes]
    draw, feed = (_worst(columns, places, len(network.groups)) for columns in of_node)
    known = np.isfinite(room).all(axis=1)
    names = tuple(np.array(names)[known].tolist())
    room, draw, feed = room[known], draw[known], feed[known]
    inside = np.isin(np.arange(len(network.groups)), places)
    return Limits(
        window, network.groups, _headroom(room, draw, found, inside), _headroom(room, feed, found, inside), names, room,
        draw, feed,
    )  # fmt: skip


def _around(model: Model, state: Estimate) -> list[Sensitivity]:
    """Derivatives where most is drawn and where most is fed in."""
    total = np.where(state.flow.converged, state.node_w.sum(axis=1), np.nan)
    if not np.isfinite(total).any():
        idle = np.zeros(state.node_w.shape[1])
        return [sensitivity(model, idle, idle)]
    rows = {int(np.nanargmax(total)), int(np.nanargmin(total))}
    return [
        sensitivity(model, state.node_w[row], state.node_var[row], state.source_voltage[row]) for row in sorted(rows)
    ]


def _moved(slopes: Sensitivity, margins: Margins) -> Floats:
    """[c, l]: what a watt drawn at a node uses of each limit."""
    volts, flows = (
        np.nan_to_num(table[:, slopes.by_w] + margins.var_per_w * table[:, slopes.by_var])
        for table in (slopes.voltage, slopes.from_w)
    )
    return np.concatenate([-volts, volts, flows, -flows])


def _rooms(network: Network, state: Estimate, margins: Margins) -> tuple[tuple[str, ...], Floats]:
    """Names of the limits, and what is left of each: [c, t]; infinite where a rating is unknown."""
    flow = state.flow
    slack = margins.sigmas * state.voltage_sigma
    low, high = flow.voltage - slack - margins.low, margins.high - flow.voltage - slack
    low, high = (np.where(np.isfinite(room), room, np.inf) for room in (low, high))
    lines, transformers = network.lines, network.transformers
    rated = np.concatenate([
        np.sqrt(3) * network.nodes.rated_v[lines.from_node] * lines.rated_a * margins.low, transformers.rated_va,
    ])  # fmt: skip
    usable = (margins.loading - margins.sigmas * np.nan_to_num(state.loading_sigma)) * rated
    var = np.maximum(np.abs(flow.from_var), np.abs(flow.to_var))
    active = np.sqrt(np.maximum(usable**2 - var**2, 0.0)) * np.sign(usable)
    active = np.where(np.isfinite(rated), active, np.inf)
    names = (
        *(f"voltage of {name} low" for name in network.nodes.names),
        *(f"voltage of {name} high" for name in network.nodes.names),
        *(f"{name} forward" for name in network.branch_names),
        *(f"{name} backward" for name in network.branch_names),
    )
    rooms = [low, high, active - flow.from_w, active + flow.from_w]
    return names, np.concatenate(rooms, axis=1).T


def _worst(columns: Floats, places: NDArray[np.int32], groups: int) -> Floats:
    """[c, g]: the largest of each group's columns; 0 for a group without any."""
    found = np.zeros((len(columns), groups))
    for group in range(groups):
        own = columns[:, places == group]
        if own.shape[1]:
            found[:, group] = own.max(axis=1)
    return found


def _headroom(room: Floats, used: Floats, found: NDArray[np.bool_], inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """int64 [g, t]: the most one group may move alone."""
    left = np.full((used.shape[1], room.shape[1]), float(UNBOUNDED_W))
    for group in range(used.shape[1]):
        uses = used[:, group] > 1e-15
        if uses.any():
            left[group] = (np.maximum(room[uses], 0.0) / used[uses, group, None]).min(axis=0)
    left = np.where(inside[:, None] & found, np.minimum(left, UNBOUNDED_W), 0.0)
    return np.asarray(np.floor(left), np.int64)
