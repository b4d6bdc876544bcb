"""The two forecasts that any other has to beat: last week again, and the mean of four weeks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from quietgrid.algorithms.forecast.issuing import QUANTILES, Asked, issue, totals_at
from quietgrid.model.forecast import Floats, Forecast, History, Ints, Method
from quietgrid.model.interval import Window, slots_per_day


@dataclass(frozen=True)
class WeekBefore:
    """The same interval a week earlier, with a band from what that missed in the last weeks.

    Privacy: opened totals of groups.
    """

    weeks: int = 1

    @property
    def method(self) -> Method:
        """See `Forecaster`."""
        return Method.WEEK_BEFORE if self.weeks == 1 else Method.FOUR_WEEKS

    def forecast(self, history: History, window: Window, issued: float) -> Forecast:
        """See `Forecaster`."""
        asked, seen = Asked.at(window, issued), history.as_of(issued)
        return issue(seen, asked, self.method, partial(weeks_before, seen, self.weeks))


def four_weeks() -> WeekBefore:
    """The mean of the same interval of the last four weeks."""
    return WeekBefore(4)


def weeks_before(history: History, weeks: int, origins: Ints, targets: Ints) -> Floats:
    """float64 [q, r], all quantiles alike: the mean of the newest `weeks` weeks that had ended by the origins.

    A total that was not answered is passed over for the week before it, at most four times.
    """
    week = 7 * slots_per_day(history.window.resolution)
    nearest = np.maximum(1, -(-(targets + 1 - origins) // week))
    values = np.stack([totals_at(history, targets - (nearest + n) * week) for n in range(weeks + 4)])
    known = ~np.isnan(values)
    used = known & (np.cumsum(known, axis=0) <= weeks)
    count = used.sum(axis=0)
    mean = np.where(count > 0, np.where(used, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
    return np.tile(mean, (len(QUANTILES), 1))
