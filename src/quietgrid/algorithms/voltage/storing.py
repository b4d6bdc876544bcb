"""What a battery can draw for an interval, and what is in it afterwards."""

from __future__ import annotations

import numpy as np

from quietgrid.model.network import Floats

EFFICIENCY = 0.95
"""Of charging, and again of giving back (SimBench's storages: 0.95)."""


def bounds(
    stored_wh: Floats, capacity_wh: Floats, power_w: Floats, seconds: int, efficiency: float = EFFICIENCY
) -> tuple[Floats, Floats]:
    """(least, most) [t, u] a battery may draw through an interval, W; least is negative: what it can give.

    Args:
        stored_wh: [t, u], in it now. capacity_wh, power_w: [u]. seconds: of the interval. efficiency: each way.

    >>> bounds(np.array([[500.0]]), np.array([1000.0]), np.array([4000.0]), 900)[1].round().tolist()
    [[2105.0]]
    """
    hours = seconds / 3600
    most = np.minimum(power_w, np.maximum(capacity_wh - stored_wh, 0.0) / hours / efficiency)
    least = -np.minimum(power_w, np.maximum(stored_wh, 0.0) / hours * efficiency)
    return least, most


def advance(
    stored_wh: Floats, draw_w: Floats, capacity_wh: Floats, seconds: int, efficiency: float = EFFICIENCY
) -> Floats:
    """[t, u]: Wh in it after an interval of this draw, within its capacity.

    Args: see `bounds`; draw_w: [t, u], what the battery drew.
    """
    change = np.where(draw_w > 0, draw_w * efficiency, draw_w / efficiency) * (seconds / 3600)
    return np.asarray(np.clip(stored_wh + change, 0.0, capacity_wh), np.float64)
