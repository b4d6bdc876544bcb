"""From guesses to forecasts: calibrated quantiles, and courses that earlier errors give.

A band of raw quantiles covers 48 to 69 % of a nominal 80 %. Each quantile is therefore moved by what it missed on the
last 21 days, as it would have been issued then: conformalised quantile regression with one offset a quantile.

Source: Romano, Patterson, Candès, Conformalized Quantile Regression (NeurIPS 2019), theorem 2 (asymmetric); days are
not exchangeable, so the guarantee is approximate and `watch` measures what is covered.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quietgrid.errors import InputError
from quietgrid.model.forecast import MEDIAN, Floats, Forecast, History, Ints, Method
from quietgrid.model.interval import Window, slots_per_day

QUANTILES = (100, 500, 900)
CALIBRATION_DAYS = 21
LEAST_DAYS = 7
"""With fewer days to calibrate on there is no forecast."""

Guess = Callable[[Ints, Ints], Floats]
"""(origins [r], targets [r]) -> float64 [q, r], NaN where it cannot say."""


@dataclass(frozen=True)
class Asked:
    """One window and issue time, in intervals.

    Args:
        window: t intervals. issued: Unix seconds. origin: the first interval that had not ended then.
    """

    window: Window
    issued: int
    origin: int

    @classmethod
    def at(cls, window: Window, issued: float) -> Asked:
        """The window as asked for at a moment.

        Raises:
            InputError: it is empty, or begins before it is asked for.
        """
        origin = int(issued // window.resolution)
        if not len(window) or window.first < origin:
            raise InputError("a forecast is of what has not begun", where="forecast", fix="ask for a later window")
        return cls(window, int(issued), origin)

    @property
    def per_day(self) -> int:
        """Intervals a day."""
        return slots_per_day(self.window.resolution)

    @property
    def nearest(self) -> int:
        """How many days back the newest window like this had ended by now."""
        return -(-(self.window.end - self.origin) // self.per_day)

    def rows(self, back: Ints) -> tuple[Ints, Ints]:
        """Origins and targets of the same window so many days ago, int64 [days × t] each."""
        shift = np.repeat(back * self.per_day, len(self.window))
        targets = np.tile(np.arange(self.window.first, self.window.end, dtype=np.int64), len(back))
        return self.origin - shift, targets - shift


def totals_at(history: History, slots: Ints) -> Floats:
    """float64: the totals of intervals, NaN where there are none."""
    place = slots - history.window.first
    good = (place >= 0) & (place < len(history.window))
    safe = np.where(good, place, 0)
    return np.where(good & history.known[safe], history.energy_wh[safe].astype(np.float64), np.nan)


def issue(history: History, asked: Asked, method: Method, guess: Guess) -> Forecast:
    """A forecast from guesses, its band calibrated on how the guesses would have done.

    Args:
        history: As of the issue. guess: gives `QUANTILES`.

    Raises:
        InputError: fewer than 7 earlier days to calibrate on, or nothing to guess from.
    """
    t = len(asked.window)
    back = np.arange(asked.nearest, asked.nearest + CALIBRATION_DAYS)
    origins, targets = asked.rows(back)
    then = guess(origins, targets)
    actual = totals_at(history, targets)
    usable = ~np.isnan(actual) & ~np.isnan(then).any(axis=0)
    if int(usable.reshape(len(back), t).any(axis=1).sum()) < LEAST_DAYS:
        raise InputError(
            f"fewer than {LEAST_DAYS} earlier days to learn from", where=history.group, fix="wait for more totals"
        )
    now = guess(*asked.rows(np.zeros(1, np.int64)))
    if bool(np.isnan(now).any()):
        raise InputError("the totals leave no guess", where=history.group, fix="wait for more totals")
    moved = now.copy()
    for row, permille in enumerate(QUANTILES):
        if permille != MEDIAN:
            moved[row] += offset(actual[usable] - then[row, usable], permille / 1000)
    middle = QUANTILES.index(MEDIAN)
    moved[0], moved[-1] = np.minimum(moved[0], moved[middle]), np.maximum(moved[-1], moved[middle])
    width, width_then = now[-1] - now[0], (then[-1] - then[0]).reshape(len(back), t)
    missed = (actual - then[middle]).reshape(len(back), t)
    whole = ~np.isnan(missed).any(axis=1)
    ratio = np.divide(width, width_then[whole], out=np.ones_like(width_then[whole]), where=width_then[whole] > 0)
    paths = now[middle] + missed[whole] * np.clip(ratio, 0.5, 2.0)
    return Forecast(
        history.group, history.quantity, asked.window, asked.issued, method, QUANTILES, _wh(moved), _wh(paths)
    )


def offset(missed: Floats, share: float) -> float:
    """What to add to a quantile so that a share of what came lies below it, with the finite-sample correction.

    Args:
        missed: float64 [n], actual minus quantile on the calibration days. share: 0 to 1.

    >>> offset(np.arange(1.0, 100.0), 0.9)
    90.0
    """
    ordered, n = np.sort(missed), len(missed)
    rank = math.ceil((n + 1) * share) if share > 0.5 else math.floor((n + 1) * share)
    return float(ordered[min(max(rank, 1), n) - 1])


def _wh(values: Floats) -> Ints:
    return np.rint(values).astype(np.int64)
