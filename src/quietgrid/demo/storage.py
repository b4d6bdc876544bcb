"""A home battery that serves its own home: charges from surplus, discharges into use, never trades.

It can be asked for more or less on top, within what it is: then its home has that much less of it later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
KEEPS_PERCENT = 92
"""Of what is charged, so much can be taken out again."""
FOLLOWS_PERCENT = 97
"""Of a surplus or a need, so much is met in time; the rest crosses the meter because the control lags."""


@dataclass(frozen=True)
class Asked:
    """What batteries are asked for in one interval, beyond serving their homes. Columns int64 [n].

    Args:
        draw_wh: to draw more, or (negative) to give more. reserve_wh: nothing is given on request below this level.
        most_out_wh: no request makes a home feed in more than this.
    """

    draw_wh: Ints
    reserve_wh: Ints
    most_out_wh: Ints


def serve(net_wh: Ints, level_wh: Ints, size: tuple[Ints, Ints], asked: Asked | None = None) -> tuple[Ints, Ints]:
    """One interval of batteries.

    Args:
        net_wh: int64 [n], use minus own generation. level_wh: int64 [n]. size: capacity, and the most it charges or
            gives in one interval, int64 [n] each.

    Returns:
        What they draw (negative: give) and their levels after it.

    >>> one = np.array([1])
    >>> asked = Asked(one * -500, one * 100, one * 5000)
    >>> serve(one * 300, one * 900, (one * 1200, one * 800), asked)
    (array([-791]), array([109]))
    """
    capacity, power = size
    wanted = np.clip(
        np.maximum(-net_wh, 0) * FOLLOWS_PERCENT // 100 - np.maximum(net_wh, 0) * FOLLOWS_PERCENT // 100, -power, power
    )
    own_out = np.minimum(np.maximum(-wanted, 0), level_wh)
    if asked is not None:
        wanted = np.clip(wanted + asked.draw_wh, -power, power)
    room = (capacity - level_wh) * 100 // KEEPS_PERCENT
    charged = np.minimum(np.maximum(wanted, 0), room)
    given = np.minimum(np.maximum(-wanted, 0), level_wh)
    if asked is not None:
        spare = np.minimum(level_wh - asked.reserve_wh, net_wh + asked.most_out_wh)
        given = np.minimum(given, np.maximum(own_out, spare))
    return charged - given, level_wh + charged * KEEPS_PERCENT // 100 - given


def courses(net_wh: Ints, capacity_wh: Ints, power_wh: Ints) -> tuple[Ints, Ints]:
    """What meters see and how full batteries are. See `self_consume`.

    Returns:
        int64 [n, t] net after the battery, and its level at the end of each interval.
    """
    out, levels = net_wh.copy(), np.empty_like(net_wh)
    level = capacity_wh // 2
    for t in range(net_wh.shape[1]):
        drawn, level = serve(net_wh[:, t], level, (capacity_wh, power_wh))
        out[:, t] += drawn
        levels[:, t] = level
    return out, levels


def self_consume(net_wh: Ints, capacity_wh: Ints, power_wh: Ints) -> Ints:
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
    return courses(net_wh, capacity_wh, power_wh)[0]
