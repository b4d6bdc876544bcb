"""`Forecast`: what a group will probably take, and how sure that is. Of groups: one home cannot be forecast.

A forecast says when it was issued, and nothing that was not known then entered it: `History.as_of` and `Weather.as_of`
cut away what ended or was published later. Values are whole watt-hours an interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError
from quietgrid.model.interval import Window
from quietgrid.model.question import Quantity

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bits = NDArray[np.bool_]

MEDIAN = 500
"""Permille of the middle quantile."""


class Method(StrEnum):
    """How a forecast was made."""

    TREES = "gradient-boosted trees"
    """LightGBM on lags, calendar and weather, its band calibrated on the last 21 days."""
    WEEK_BEFORE = "same time last week"
    FOUR_WEEKS = "mean of four weeks"


@dataclass(frozen=True)
class Weather:
    """What is known, or was forecast, of the weather.

    Args:
        window: t intervals, which may lie ahead. names: of the c columns, such as ``temperature_c``.
        values: float64 [c, t], NaN where unknown.
        known_at: int64 [t], Unix seconds at which the values of an interval became known (a forecast: its issue time).
    """

    window: Window
    names: tuple[str, ...]
    values: Floats
    known_at: Ints

    def __post_init__(self) -> None:
        t = len(self.window)
        if self.values.shape != (len(self.names), t) or self.known_at.shape != (t,):
            raise InputError("columns and times do not fit", where="weather", fix="give values [c, t], known_at [t]")

    def as_of(self, unix: float) -> Weather:
        """The same with everything unknown that became known only after `unix`."""
        return replace(self, values=np.where(self.known_at <= unix, self.values, np.nan))


@dataclass(frozen=True)
class History:
    """Opened totals of one group, without gaps in time: intervals that were not answered are marked.

    Args:
        group: Name of the node. quantity: what the totals are of.
        window: t intervals. energy_wh: int64 [t], meaningless where not `known`. known: bool [t].
        weather: For the same time and what lies ahead, or None.

    Privacy: opened group totals only.
    """

    group: str
    quantity: Quantity
    window: Window
    energy_wh: Ints
    known: Bits
    weather: Weather | None = None

    def __post_init__(self) -> None:
        if self.energy_wh.shape != (len(self.window),) or self.known.shape != (len(self.window),):
            raise InputError("totals and window do not fit", where=self.group, fix="give one total an interval")
        if self.weather is not None and self.weather.window.resolution != self.window.resolution:
            raise InputError("the weather has another resolution", where=self.group, fix="read it at the totals'")

    def as_of(self, unix: float) -> History:
        """What was known at a moment: intervals that had ended, weather that had been published."""
        ended = min(max(int(unix // self.window.resolution), self.window.first), self.window.end)
        kept = ended - self.window.first
        window = Window(self.window.first, ended, self.window.resolution)
        weather = None if self.weather is None else self.weather.as_of(unix)
        return History(self.group, self.quantity, window, self.energy_wh[:kept], self.known[:kept], weather)


@dataclass(frozen=True)
class Forecast:
    """What one group will take in consecutive intervals.

    Args:
        group: Name of the node. quantity: what it is of.
        window: t intervals; its `resolution` is the forecast's.
        issued: Unix seconds. Only what was known then entered.
        method: How it was made.
        quantiles: Permille, ascending, with the median: ``(100, 500, 900)`` has a band of 80 %.
        values_wh: int64 [q, t], ascending along the first axis.
        paths_wh: int64 [p, t], whole courses that the errors of earlier days, moved onto this forecast, give: what
            keeps the hours of a day together, for chances of a peak. May be empty.

    Privacy: made from opened totals of groups.
    """

    group: str
    quantity: Quantity
    window: Window
    issued: int
    method: Method
    quantiles: tuple[int, ...]
    values_wh: Ints
    paths_wh: Ints

    def __post_init__(self) -> None:
        t, ranks = len(self.window), self.quantiles
        if self.values_wh.shape != (len(ranks), t) or self.paths_wh.ndim != 2 or self.paths_wh.shape[1] != t:
            raise InputError("values and window do not fit", where=self.group, fix="give [quantiles, intervals]")
        if MEDIAN not in ranks or list(ranks) != sorted(set(ranks)) or not 0 < ranks[0] <= ranks[-1] < 1000:
            raise InputError("these quantiles cannot be used", where=self.group, fix="permille, ascending, with 500")
        if bool((np.diff(self.values_wh, axis=0) < 0).any()):
            raise InputError("the quantiles cross", where=self.group, fix="sort them in each interval")

    @property
    def middle_wh(self) -> Ints:
        """int64 [t], the median."""
        return np.asarray(self.values_wh[self.quantiles.index(MEDIAN)])

    @property
    def low_wh(self) -> Ints:
        """int64 [t], the lowest quantile."""
        return np.asarray(self.values_wh[0])

    @property
    def high_wh(self) -> Ints:
        """int64 [t], the highest quantile."""
        return np.asarray(self.values_wh[-1])

    @property
    def band_permille(self) -> int:
        """How often a value should fall between `low_wh` and `high_wh`: 800 for quantiles 100 and 900."""
        return self.quantiles[-1] - self.quantiles[0]

    def chance_over(self, level_wh: int) -> Floats:
        """float64 [t]: the chance that an interval exceeds a level.

        Linear between quantiles; beyond the outer ones it falls off exponentially, as steeply as the band is wide.
        """
        ranks = np.array(self.quantiles, np.float64) / 1000
        values = self.values_wh.astype(np.float64)
        width = np.maximum(values[-1] - values[0], 1.0) / (ranks[-1] - ranks[0])
        below = np.empty(len(self.window))
        for n in range(len(below)):
            below[n] = np.interp(level_wh, values[:, n] + np.arange(len(ranks)) * 1e-6, ranks)
        under, over = values[0] - level_wh, level_wh - values[-1]
        low = ranks[0] * np.exp(-np.maximum(under, 0) / (width * ranks[0]))
        high = 1 - (1 - ranks[-1]) * np.exp(-np.maximum(over, 0) / (width * (1 - ranks[-1])))
        return np.asarray(1 - np.where(under > 0, low, np.where(over > 0, high, below)))

    def chance_of_peak_over(self, level_wh: int) -> float:
        """The chance that at least one interval exceeds a level.

        From the highest value of each path, each spread by a normal kernel (Silverman's width), because twenty-one days
        cannot say 1 %. Without paths: the largest chance of one interval, which is a lower bound.
        """
        if not len(self.paths_wh):
            return float(self.chance_over(level_wh).max(initial=0.0))
        peaks = self.paths_wh.max(axis=1).astype(np.float64)
        width = max(1.06 * float(peaks.std()) * len(peaks) ** -0.2, 1.0)
        return float(np.mean([0.5 * math.erfc((level_wh - peak) / (width * math.sqrt(2))) for peak in peaks]))


class Forecaster(Protocol):
    """Whatever makes forecasts of groups."""

    @property
    def method(self) -> Method:
        """How it does."""

    def forecast(self, history: History, window: Window, issued: float) -> Forecast:
        """A forecast of `window` from what `history` held at `issued`.

        Args:
            history: May go on after `issued`: the rest is not looked at. window: begins at or after `issued`.
            issued: Unix seconds.

        Raises:
            InputError: the history is too short, or the window begins before it is issued.
        """
