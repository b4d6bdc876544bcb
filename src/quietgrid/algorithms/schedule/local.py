"""At home: from what was broadcast to what the own battery and the own loads do. Whole Wh, within the own limits.

Everything is a batch of rows so that a simulation can do a thousand homes at once; a home calls it with one row. What
goes out is nothing; in price rounds (`repair`) only the group's sum of `draw_wh` is ever opened.
"""

from __future__ import annotations

import numpy as np

from quietgrid.model.schedule import FULL, WHOLE, Flexible, Ints, Storages


def draw_wh(storages: Storages, level_wh: Ints) -> Ints:
    """What storages draw from the grid so that their levels follow `level_wh`.

    Args:
        level_wh: int64 [n, t], at the end of each interval.

    Returns:
        int64 [n, t], Wh, to the nearest; negative where a storage gives.

    >>> one = np.array([0])
    >>> battery = Storages(one, one + 5000, one, one, one + 4000, one + 4000, one + 900, one + 900)
    >>> draw_wh(battery, np.array([[900, 900, 0]])).tolist()
    [[1000, 0, -810]]
    """
    step = np.diff(level_wh, axis=1, prepend=storages.level_wh[:, None])
    charge, discharge = storages.charge_permille[:, None], storages.discharge_permille[:, None]
    taken = (2 * np.maximum(step, 0) * FULL + charge) // (2 * charge)
    given = (2 * np.maximum(-step, 0) * discharge + FULL) // (2 * FULL)
    return np.asarray(taken - given, np.int64)


def steps_wh(storages: Storages, resolution: int) -> tuple[Ints, Ints]:
    """The most a level can rise and fall in one interval. Two int64 [n]."""
    rise = storages.charge_wh(resolution) * storages.charge_permille // FULL
    fall = storages.discharge_wh(resolution) * FULL // storages.discharge_permille
    return rise, fall


def keep(storages: Storages, wanted_wh: Ints, resolution: int) -> Ints:
    """The levels nearest to `wanted_wh` that the storages can follow. int64 [n, t].

    A home that cannot keep up goes as fast as it can and catches up.
    """
    rise, fall = steps_wh(storages, resolution)
    level, out = storages.level_wh, np.empty_like(wanted_wh)
    for t in range(wanted_wh.shape[1]):
        wanted = np.clip(wanted_wh[:, t], 0, storages.capacity_wh)
        level = np.clip(wanted, level - fall, level + rise)
        out[:, t] = level
    return out


def follow(storages: Storages, level_ppm: Ints, resolution: int) -> Ints:
    """Scale a broadcast level to own capacity and follow it.

    Args:
        level_ppm: int64 [t].

    Returns:
        int64 [n, t], levels within capacity and power.

    >>> one = np.array([0])
    >>> battery = Storages(one, one + 5000, one, one, one + 4000, one + 4000, one + 1000, one + 1000)
    >>> follow(battery, np.array([100_000, 400_000, WHOLE]), 900).tolist()
    [[500, 1500, 2500]]
    """
    return keep(storages, level_ppm[None] * storages.capacity_wh[:, None] // WHOLE, resolution)


def follow_load(load: Flexible, along_ppm: Ints) -> Ints:
    """Place an own load between its curves as far along as was broadcast.

    Args:
        along_ppm: int64 [t], millionths of the way from least to most.

    Returns:
        int64 [t], Wh taken in each interval; in time, and never more than its power.
    """
    wanted = load.least_wh + (load.most_wh - load.least_wh) * along_ppm // WHOLE
    so_far, out = 0, np.zeros(len(wanted), np.int64)
    for t, aim in enumerate(wanted.tolist()):
        least = max(so_far, int(load.least_wh[t]))
        most = min(so_far + int(load.power_wh[t]), int(load.most_wh[t]))
        now = max(least, min(aim, most))
        out[t] = now - so_far
        so_far = now
    return out


def combine(levels_wh: Ints, weights: Ints) -> Ints:
    """One course out of several, each counted by its weight: what all of them allow, their average allows.

    Args:
        levels_wh: int64 [rounds, n, t], each within the limits. weights: int64 [rounds], of its group, not all zero.

    Returns:
        int64 [n, t], rounded down to whole Wh.
    """
    return np.asarray(np.tensordot(weights, levels_wh, axes=1) // weights.sum(), np.int64)
