"""How good forecasts are: scaled error, loss of quantiles, coverage; and whether they still are (`watch`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quietgrid.algorithms.forecast.issuing import totals_at
from quietgrid.errors import InputError
from quietgrid.model.forecast import Floats, Forecast, History, Ints
from quietgrid.model.interval import Window, slots_per_day

REFERENCE_DAYS = 14
"""Forecasts whose errors are what is usual."""
SLACK, ALARM = 0.5, 5.0
"""Of the cumulative sum, in usual spreads of a day's mean error: Page (1954), tuned to find a shift of one spread."""


def weekly_scale(history: History, before: int) -> float:
    """What MASE divides by: the mean error of *same time last week* over everything before an interval, Wh.

    Raises:
        InputError: less than eight days.

    Source: Hyndman and Koehler, Another look at measures of forecast accuracy (2006), with a season of a week.
    """
    week = 7 * slots_per_day(history.window.resolution)
    slots = np.arange(history.window.first + week, min(before, history.window.end))
    errors = np.abs(totals_at(history, slots) - totals_at(history, slots - week))
    if not len(slots) or bool(np.isnan(errors).all()):
        raise InputError("too short to know the usual error", where=history.group, fix="give eight days or more")
    return float(np.nanmean(errors))


def pinball(actual: Floats, quantile: Floats, permille: int) -> float:
    """The mean loss of a quantile, in the unit of `actual`; NaN is left out.

    >>> pinball(np.array([10.0, 0.0]), np.array([5.0, 5.0]), 900)
    2.5
    """
    share = permille / 1000
    return float(np.nanmean(np.maximum(share * (actual - quantile), (share - 1) * (actual - quantile))))


@dataclass(frozen=True)
class Watch:
    """How the latest forecasts of a group did.

    Args:
        forecasts: how many. mase: mean error of the median by the error of *same time last week* on the same intervals.
        nominal_permille: what the band should cover. covered_permille: what it did.
        low_permille, high_permille: where the true coverage lies, 95 in 100: days vary, not intervals.
        bias_wh: mean of actual minus median, an interval. drifting: since when errors lean to one side, as the issue
            time of the forecast that raised the alarm; None: they do not.
    """

    forecasts: int
    mase: float
    nominal_permille: int
    covered_permille: int
    low_permille: int
    high_permille: int
    bias_wh: float
    drifting: int | None

    @property
    def calibrated(self) -> bool:
        """Whether what the band should cover is possible, given what it did."""
        return self.low_permille <= self.nominal_permille <= self.high_permille


def watch(forecasts: Sequence[Forecast], history: History) -> Watch:
    """Compare forecasts with what came.

    Args:
        forecasts: of one group and band, in the order they were issued. history: until today; forecasts whose
            intervals are not all there count with those that are.

    Raises:
        InputError: nothing has come yet of any.

    Privacy: opened totals of groups. Source: Page, Continuous inspection schemes (1954).
    """
    shares, biases, errors, naive, issued = [], [], [], [], []
    for one in forecasts:
        slots = np.arange(one.window.first, one.window.end)
        actual, week = totals_at(history, slots), 7 * slots_per_day(one.window.resolution)
        known = ~np.isnan(actual)
        if not known.any():
            continue
        inside = (actual >= one.low_wh) & (actual <= one.high_wh)
        missed = (actual - one.middle_wh)[known]
        shares.append(float(inside[known].mean()))
        biases.append(float(missed.mean()))
        errors.append(float(np.abs(missed).mean()))
        before = np.abs(actual - totals_at(history, slots - week))
        naive.append(float(np.nanmean(before)) if not np.isnan(before).all() else math.nan)
        issued.append(one.issued)
    if not shares:
        raise InputError("nothing of what was forecast has come yet", where=history.group, fix="look again tomorrow")
    n, covered = len(shares), float(np.mean(shares))
    spread = 1.96 * float(np.std(shares, ddof=1)) / math.sqrt(n) if n > 1 else 1.0
    compared = ~np.isnan(naive)
    usual = float(np.mean(np.array(naive)[compared])) if compared.any() else math.nan
    mase = float(np.mean(np.array(errors)[compared])) / usual if compared.any() and usual > 0 else math.nan
    return Watch(
        n, mase, forecasts[0].band_permille, round(1000 * covered), max(0, round(1000 * (covered - spread))),
        min(1000, round(1000 * (covered + spread))), float(np.mean(biases)), drift(biases, issued),
    )  # fmt: skip


def drift(biases: Sequence[float], issued: Sequence[int]) -> int | None:
    """When a cumulative sum of mean errors crossed its bound, or None.

    Args:
        biases: mean error of each forecast, in order; the first 14 say what is usual. issued: their times.

    >>> usual = [1.0, -1.0] * 10
    >>> drift([*usual, *[3.0] * 10], range(30)), drift(usual, range(20))
    (22, None)
    """
    if len(biases) <= REFERENCE_DAYS:
        return None
    known = np.array(biases[:REFERENCE_DAYS])
    middle, spread = float(known.mean()), max(float(known.std(ddof=1)), 1e-9)
    up = down = 0.0
    for value, when in zip(biases[REFERENCE_DAYS:], issued[REFERENCE_DAYS:], strict=True):
        step = (value - middle) / spread
        up, down = max(0.0, up + step - SLACK), max(0.0, down - step - SLACK)
        if max(up, down) > ALARM:
            return int(when)
    return None


def brier(chances: Sequence[float], came: Sequence[bool]) -> float:
    """Mean squared error of chances: 0 is perfect, always saying the usual share scores its variance.

    >>> brier([0.9, 0.2], [True, False])
    0.025
    """
    return round(float(np.mean((np.array(chances) - np.array(came, np.float64)) ** 2)), 12)


def daily_peaks(history: History, days: Sequence[Window]) -> Ints:
    """int64 [d]: the highest total of each window, among those that were answered; 0 without any."""
    peaks = [totals_at(history, np.arange(day.first, day.end)) for day in days]
    return np.array([0 if np.isnan(one).all() else int(np.nanmax(one)) for one in peaks], np.int64)
