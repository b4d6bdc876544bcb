"""Gradient-boosted trees: LightGBM on lags, calendar and weather. One thread, one seed: same input, same trees.

Two sets of trees are grown. The *early* set has not seen the last 21 days, and is asked for them: what it missed there
calibrates the band. The *late* set has seen all, and is asked for what lies ahead.

Source: Ke et al., LightGBM (NeurIPS 2017); Koenker and Bassett, Regression Quantiles (1978); decision 0042.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from quietgrid.algorithms.calendar import Calendar
from quietgrid.algorithms.forecast.features import features
from quietgrid.algorithms.forecast.issuing import CALIBRATION_DAYS, QUANTILES, Asked, issue, totals_at
from quietgrid.errors import InputError, MissingExtraError
from quietgrid.model.forecast import MEDIAN, Floats, Forecast, History, Ints, Method
from quietgrid.model.interval import Window


@dataclass(frozen=True)
class Growth:
    """How trees are grown. `outer` is for the band's quantiles, which calibration corrects anyway.

    Args:
        rounds, outer_rounds: trees. rate, outer_rate: of learning. leaves, outer_leaves: a tree.
        history_days: learnt from at most. least_days: at least, the calibration's 21 days besides.
    """

    rounds: int = 150
    rate: float = 0.06
    leaves: int = 20
    outer_rounds: int = 40
    outer_rate: float = 0.15
    outer_leaves: int = 12
    history_days: int = 400
    least_days: int = 14


@dataclass(frozen=True)
class Grown:
    """Trees for windows of one length and lead, until they are grown again.

    Args:
        issued: when they were grown: windows that were asked for before are answered by `early`. calendar: of it.
        early, late: one booster a quantile.
    """

    calendar: Calendar
    issued: int
    resolution: int
    early: tuple[Any, ...]
    late: tuple[Any, ...]

    def forecast(self, history: History, window: Window, issued: float) -> Forecast:
        """A forecast by these trees, calibrated on the 21 days before its issue.

        Raises:
            InputError: see `Forecaster`; or the trees are of another resolution, or grown later than it is issued.
        """
        if window.resolution != self.resolution or issued < self.issued:
            raise InputError("these trees are for other windows", where=history.group, fix="grow them again")
        seen = history.as_of(issued)

        def guess(origins: Ints, targets: Ints) -> Floats:
            rows = features(seen, self.calendar, origins, targets)
            early = np.stack([np.asarray(one.predict(rows, num_threads=1)) for one in self.early])
            late = np.stack([np.asarray(one.predict(rows, num_threads=1)) for one in self.late])
            return np.sort(np.where(origins * self.resolution >= self.issued, late, early), axis=0)

        return issue(seen, Asked.at(window, issued), Method.TREES, guess)


@dataclass(frozen=True)
class Trees:
    """A `Forecaster` that grows its trees anew for each forecast; `grow` keeps them for a while.

    Args:
        calendar: of the group's place.

    Privacy: opened totals of groups. Cost: under a second a group (`python -m benchmarks forecast`).
    """

    calendar: Calendar
    growth: Growth = field(default_factory=Growth)

    @property
    def method(self) -> Method:
        """See `Forecaster`."""
        return Method.TREES

    def forecast(self, history: History, window: Window, issued: float) -> Forecast:
        """See `Forecaster`."""
        return self.grow(history, window, issued).forecast(history, window, issued)

    def grow(self, history: History, window: Window, issued: float) -> Grown:
        """Trees for windows like this one: asked for as long before, as many intervals.

        Args:
            history: May go on after `issued`: the rest is not looked at.

        Raises:
            InputError: fewer than 35 days of totals. MissingExtraError: LightGBM cannot run here.
        """
        library, asked, seen = lightgbm(), Asked.at(window, issued), history.as_of(issued)
        oldest = (asked.origin - seen.window.first) // asked.per_day
        newest, most = asked.nearest, min(oldest, self.growth.history_days)
        if most - newest - CALIBRATION_DAYS < self.growth.least_days:
            need = newest + CALIBRATION_DAYS + self.growth.least_days
            raise InputError(
                f"trees need {need} days of totals, there are {oldest}", where=history.group, fix="wait for more totals"
            )
        origins, targets = asked.rows(np.arange(newest, most))
        rows, actual = features(seen, self.calendar, origins, targets), totals_at(seen, targets)
        known = ~np.isnan(actual)
        before = known & (targets < asked.origin - CALIBRATION_DAYS * asked.per_day)
        if int(before.sum()) < self.growth.least_days * len(window):
            raise InputError("too few totals were answered", where=history.group, fix="wait for more totals")
        early, late = (self._boosters(library, rows[use], actual[use]) for use in (before, known))
        return Grown(self.calendar, asked.issued, window.resolution, early, late)

    def _boosters(self, library: ModuleType, rows: Floats, actual: Floats) -> tuple[Any, ...]:
        """One booster a quantile, on rows that are binned once."""
        fixed = {"max_bin": 127, "min_data_in_leaf": 30, "seed": 1, "deterministic": True, "force_row_wise": True,
                 "num_threads": 1, "verbose": -1, "objective": "quantile", "feature_fraction": 0.6,
                 "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 1.0}  # fmt: skip
        data = library.Dataset(rows, actual, params=fixed, free_raw_data=False).construct()
        out, grown = [], self.growth
        for permille in QUANTILES:
            middle = permille == MEDIAN
            chosen = {
                "alpha": permille / 1000,
                "learning_rate": grown.rate if middle else grown.outer_rate,
                "num_leaves": grown.leaves if middle else grown.outer_leaves,
            }
            out.append(library.train(fixed | chosen, data, grown.rounds if middle else grown.outer_rounds))
        return tuple(out)


def lightgbm() -> ModuleType:
    """LightGBM, loaded when first needed: it takes a second.

    Raises:
        MissingExtraError: it, or the OpenMP library of the system that it uses, is not here.
    """
    try:
        import lightgbm as library
    except (ImportError, OSError) as error:
        raise MissingExtraError(
            "LightGBM cannot be loaded", where="forecast", fix="install libgomp1 (Debian) or libomp (macOS)"
        ) from error
    return library
