"""The mean home's day from totals of all homes, and degree-days from what reporters say of the weather. Pure.

Privacy: opened totals, summed further: over all homes, and over the same hour of all days of a month.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.weights import local_hours
from quietgrid.model.insight import HOURS
from quietgrid.model.interval import Window, local_days, local_window
from quietgrid.model.question import Quantity
from quietgrid.model.total import Total

BASE_MILLI = 15_000
"""15 °C: below it homes are heated."""
HOURS_KNOWN = 20
"""A day's mean temperature needs so many of its hours."""


def mean_day(totals: Sequence[Total], window: Window, tz: str, floor: int) -> tuple[list[int], int]:
    """Wh that the mean home draws in each local hour, and how many homes are behind it at least.

    Args:
        totals: what all groups imported, none of them twice, over the window. floor: homes that must be behind every
            interval that counts.

    Returns:
        24 numbers, or none where more than half of an hour's intervals have too few homes.
    """
    energy, homes = np.zeros(len(window), np.int64), np.zeros(len(window), np.int64)
    for total in totals:
        energy += np.where(total.answered, total.energy_wh, 0)
        homes += np.where(total.answered, total.homes, 0)
    enough = homes >= floor
    hour = local_hours(window, tz) % HOURS
    out = []
    for h in range(HOURS):
        here = hour == h
        counted = here & enough
        if 2 * int(counted.sum()) < int(here.sum()) or not counted.any():
            return [], 0
        out.append(int(energy[counted].sum()) * (3600 // window.resolution) // int(homes[counted].sum()))
    return out, int(homes[enough].min())


def imports_of(nets: Sequence[Total], exports: Total) -> Total:
    """What groups imported of which only the net opens: with the export of their union, where all of it is open.

    Args:
        nets: of all groups in the union. exports: of the union.

    Privacy: a sum of the groups together, as coarse as their union.
    """
    answered = exports.answered.copy()
    energy, homes = exports.energy_wh.copy(), np.zeros(len(exports.window), np.int32)
    for net in nets:
        answered &= net.answered
        energy += net.energy_wh
        homes += net.homes
    members = sum(net.members for net in nets)
    return Total(exports.node, Quantity.IMPORT, exports.window, energy, homes, members, answered, exports.status)


def degree_days(answers: Sequence[tuple[int, int]], window: Window, tz: str) -> list[int]:
    """Degree-days below 15 °C of each local day, tenths; none where a day's weather is not known.

    Args:
        answers: (Unix seconds, thousandths of °C), one an hour or more often.
    """
    if not answers:
        return []
    at = np.array([start for start, _ in answers], np.int64)
    milli: NDArray[np.int64] = np.array([value for _, value in answers], np.int64)
    out = []
    for day in local_days(window, tz):
        span = _seconds(day, tz, window.resolution)
        inside = (at >= span[0]) & (at < span[1])
        if len(np.unique(at[inside] // 3600)) < HOURS_KNOWN:
            return []
        mean = int(milli[inside].sum()) // int(inside.sum())
        out.append(max(0, BASE_MILLI - mean) // 100)
    return out


def _seconds(day: date, tz: str, resolution: int) -> tuple[int, int]:
    span = local_window(day, day + timedelta(days=1), tz, resolution)
    return span.first * resolution, span.end * resolution
