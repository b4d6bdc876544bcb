"""A home battery that serves its own home: charges from surplus, discharges into use, never trades."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

KEEPS_PERCENT = 92
"""Of what is charged, so much can be taken out again."""
FOLLOWS_PERCENT = 97
"""Of a surplus or a need, so much is met in time; the rest crosses the meter because the control lags."""


def self_consume(
    net_wh: NDArray[np.int64], capacity_wh: NDArray[np.int64], power_wh: NDArray[np.int64]
) -> NDArray[np.int64]:
    """What the meter sees when a battery stands behind it.

    Args:
        net_wh: int64 [n, t], use minus own generation per interval.
        capacity_wh: int64 [n]. power_wh: int64 [n], the most it charges or gives in one interval.

    Returns:
        int64 [n, t], net after the battery, which starts half full.

    >>> net = np.array([[-1000, -1000, 300, 900, 900]])
    >>> self_consume(net, np.array([1200]), np.array([800])).tolist()
    [[-348, -999, 9, 100, 792]]
    """
    out = net_wh.copy()
    level = capacity_wh // 2
    for t in range(net_wh.shape[1]):
        net = net_wh[:, t]
        room = (capacity_wh - level) * 100 // KEEPS_PERCENT
        charged = np.minimum(np.minimum(np.maximum(-net, 0) * FOLLOWS_PERCENT // 100, power_wh), room)
        given = np.minimum(np.minimum(np.maximum(net, 0) * FOLLOWS_PERCENT // 100, power_wh), level)
        level += charged * KEEPS_PERCENT // 100 - given
        out[:, t] += charged - given
    return out
