"""Loads that can be moved, as curves of energy taken: charging points, heat pumps; homes' curves add up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quietgrid.errors import InputError
from quietgrid.model.schedule import HOUR_S, Flexible, Ints


def charging(intervals: int, resolution: int, plugged: tuple[int, int], energy_wh: int, power_w: int) -> Flexible:
    """A car that needs energy by its departure.

    Args:
        plugged: First interval it stands there, and the one in which it leaves.

    Raises:
        InputError: the energy does not fit between arrival and departure.

    >>> charging(5, 900, (1, 4), 2_000, 4_000).least_wh.tolist()
    [0, 0, 1000, 2000, 2000]
    """
    first, last = plugged
    if not 0 <= first <= last <= intervals:
        raise InputError("a car leaves before it comes", where=f"intervals {plugged}", fix="0 <= arrival <= departure")
    power = np.zeros(intervals, np.int64)
    power[first:last] = power_w * resolution // HOUR_S
    most = np.minimum(np.cumsum(power), energy_wh)
    if intervals and most[-1] < energy_wh:
        raise InputError(
            f"{energy_wh} Wh cannot be charged in {last - first} intervals at {power_w} W", where="EV",
            fix="a later departure, less energy, or more power",
        )  # fmt: skip
    later = np.cumsum(power[::-1])[::-1] - power
    return Flexible("EV", 0, power, np.maximum(energy_wh - later, 0), most)


def heating(need_wh: Ints, store_wh: int, power_w: int, resolution: int) -> Flexible:
    """A heat pump with a warm store: it may run ahead of the need by what the store holds, never behind.

    Args:
        need_wh: int64 [t], electricity it takes in each interval when it just follows the need.
        store_wh: What the store (or the building, within what is comfortable) holds, in electricity saved later.

    Raises:
        InputError: the need is more than the power brings.

    >>> heating(np.array([100, 300, 0]), 250, 1_600, 900).most_wh.tolist()
    [350, 400, 400]
    """
    need = np.cumsum(need_wh, dtype=np.int64)
    power = np.full(len(need), power_w * resolution // HOUR_S, np.int64)
    most = np.minimum(need + store_wh, need[-1] if len(need) else 0)
    return Flexible("heat pump", 0, power, need, most)


def together(loads: Sequence[Flexible], group: int) -> Flexible:
    """The sum of the curves of a group's homes: what a group may do at most; alike homes can do all of it.

    Raises:
        InputError: none, or of different lengths or names.
    """
    if len({(load.name, len(load.power_wh)) for load in loads}) != 1:
        raise InputError("loads that cannot be added", where="flexible", fix="same name and window, at least one")
    return Flexible(
        loads[0].name, group, sum((load.power_wh for load in loads), np.zeros_like(loads[0].power_wh)),
        sum((load.least_wh for load in loads), np.zeros_like(loads[0].least_wh)),
        sum((load.most_wh for load in loads), np.zeros_like(loads[0].most_wh)),
    )  # fmt: skip
