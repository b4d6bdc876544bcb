"""A made-up day-ahead price for the sample's real-time tariff."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quietgrid.demo.draws import MARKET, below, words
from quietgrid.demo.profiles import PER_DAY, RESOLUTION, profiles, wall_slots, winter_slots
from quietgrid.demo.sample import TZ
from quietgrid.errors import InputError
from quietgrid.model.interval import Window

STEP_MICRO = 100
WORKDAY = (62, 58, 56, 55, 57, 66, 84, 102, 104, 94, 86, 82, 78, 74, 73, 78, 88, 104, 122, 130, 120, 102, 86, 72)
"""Usual prices of the hours of a working day, EUR/MWh, local time."""
WEEKEND_PERCENT = 84
SUN_MICRO = 62_000
"""What a clear noon takes off."""
WIND_MICRO = 44_000
SEED = 2016


def prices(window: Window) -> NDArray[np.int64]:
    """Day-ahead prices, the same in all four intervals of an hour.

    Synthetic: the usual day of a Central European market (two humps, cheaper weekends), less what the sun of the
    sample's own PV profiles takes off, plus a seeded daily and hourly swing for wind and demand. Not a market's data.

    Args:
        window: 15-minute intervals, from 1970 on.

    Returns:
        int64 [len(window)], millionths of a euro per kWh, whole multiples of 100, seldom below zero.

    Raises:
        InputError: a window of another resolution or before 1970.
    """
    if window.resolution != RESOLUTION or window.first < PER_DAY:
        raise InputError("the sample has prices a quarter of an hour from 1970 on", where="window", fix="use 900 s")
    if not len(window):
        return np.zeros(0, np.int64)
    hours = Window(window.first // 4 * 4, -(-window.end // 4) * 4, RESOLUTION)
    per_hour = _hourly(hours)
    return np.repeat(per_hour, 4)[window.first - hours.first : window.end - hours.first]


def _hourly(window: Window) -> NDArray[np.int64]:
    """Prices of whole hours. int64 [hours]."""
    wall, sun = wall_slots(window, TZ)[::4], winter_slots(window)[::4]
    day, hour = wall // PER_DAY, wall % PER_DAY // 4
    usual = np.array(WORKDAY, np.int64)[hour] * 1_000
    usual = np.where(np.isin(day % 7, (2, 3)), usual * WEEKEND_PERCENT // 100, usual)
    year = profiles()
    roof = year.values[year.row["PV4"]].reshape(year.days, 24, 4).sum(axis=2)
    clear = int(roof.max())
    shine = roof[(sun // PER_DAY - year.first) % year.days, sun % PER_DAY // 4]
    first = int(day.min()) - 1
    swing = words(SEED, MARKET, first, int(day.max()) - first + 1, 32)
    wind = below(swing[:, 24], 1001)
    calm = (2 * wind[1:] + wind[:-1]) // 3 - 500
    own = below(swing[1:, :24], 1001) - 500
    row = day - first - 1
    price = usual - shine * SUN_MICRO // clear + calm[row] * WIND_MICRO // 500 + own[row, hour] * 9
    rounded: NDArray[np.int64] = price // STEP_MICRO * STEP_MICRO
    return rounded
