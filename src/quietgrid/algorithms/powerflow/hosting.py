"""Hosting capacity: how much more can be connected at a node, or in a group, before something is at its limit.

Bisection on the power flow itself, all nodes and both directions in one batch, so that nothing is linearised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.powerflow.engine import Flow, Model
from quietgrid.errors import InputError
from quietgrid.model.network import Floats

MOST_W = 1 << 23
"""More than anything at low voltage: not looked for."""


@dataclass(frozen=True)
class Bounds:
    """What a flow must keep. Args: low, high: voltages, relative. loading: of the rating."""

    low: float = 0.9
    high: float = 1.1
    loading: float = 1.0


@dataclass(frozen=True)
class Hosting:
    """How much more fits, for k places.

    Args:
        load_w, plant_w: int64 [k], whole W more of draw, or of feed-in; 0 where a limit is broken already.
        load_limit, plant_limit: k, what is at its limit then: a node, a branch, ``no state``, or empty for nothing.
    """

    load_w: NDArray[np.int64]
    plant_w: NDArray[np.int64]
    load_limit: tuple[str, ...]
    plant_limit: tuple[str, ...]


def hosting_capacity(
    model: Model, node_w: Floats, node_var: Floats, places: Floats | None = None, bounds: Bounds | None = None
) -> Hosting:
    """How much more each place can take, alone, in one state of the grid.

    Args:
        node_w, node_var: [l], draws at `Model.load_nodes`: for plants the hour of least, for loads that of most draw.
        places: [k, l], how a watt of a place is shared out among nodes; each node for itself unless told
            (`group_weights` transposed: groups).

    Raises:
        InputError: places that do not fit.

    Cost: 46 power flows a place.
    """
    bounds = bounds or Bounds()
    shares = np.eye(len(node_w)) if places is None else places
    if shares.ndim != 2 or shares.shape[1] != len(node_w):
        raise InputError(f"places of shape {shares.shape} for {len(node_w)} nodes", where=model.network.name,
                         fix="one column a node of `load_nodes`")  # fmt: skip
    ways = np.concatenate([shares, -shares])

    def moved(watts: NDArray[np.int64]) -> Flow:
        return model.flow_at(node_w + watts[:, None] * ways, np.tile(node_var, (len(ways), 1)))

    low, high = np.zeros(len(ways), np.int64), np.full(len(ways), MOST_W, np.int64)
    while (high - low).max(initial=0) > 1:
        middle = (low + high) // 2
        kept = _kept(model, moved(middle), bounds)
        low, high = np.where(kept, middle, low), np.where(kept, high, middle)
    limits = _named(model, moved(high), bounds)
    limits = tuple("" if watts >= MOST_W - 1 else name for watts, name in zip(low.tolist(), limits, strict=True))
    k = len(shares)
    return Hosting(low[:k], low[k:], limits[:k], limits[k:])


def _kept(model: Model, flow: Flow, bounds: Bounds) -> NDArray[np.bool_]:
    """bool [t]: whether a flow keeps all bounds; nodes that are cut off have no voltage to keep."""
    fine = (np.nan_to_num(flow.voltage, nan=1.0) >= bounds.low) & (np.nan_to_num(flow.voltage, nan=1.0) <= bounds.high)
    return flow.converged & fine.all(axis=1) & (np.nan_to_num(flow.loading) <= bounds.loading).all(axis=1)


def _named(model: Model, flow: Flow, bounds: Bounds) -> tuple[str, ...]:
    """What breaks a bound by most, in each interval."""
    network = model.network
    volts = np.nan_to_num(flow.voltage, nan=1.0)
    over = np.concatenate([
        bounds.low - volts, volts - bounds.high, np.nan_to_num(flow.loading) - bounds.loading,
    ], axis=1)  # fmt: skip
    names = network.nodes.names * 2 + network.branch_names
    return tuple(
        names[row] if found else "no state"
        for row, found in zip(over.argmax(axis=1).tolist(), flow.converged.tolist(), strict=True)
    )
