"""statsforecast's MSTL on the totals of `forecast`: a day ahead, from everything before it, as our models have."""

from __future__ import annotations

import importlib
from types import ModuleType

import numpy as np

from benchmarks.forecast_data import Case
from benchmarks.measure import cpu_seconds
from quietgrid.algorithms.forecast import weekly_scale
from quietgrid.algorithms.forecast.issuing import totals_at
from quietgrid.model.interval import slots_per_day


def library() -> ModuleType | None:
    """statsforecast's models, or None where it is not installed."""
    try:
        return importlib.import_module("statsforecast.models")
    except ImportError:
        return None


def mstl(models: ModuleType, case: Case, days: list[int]) -> tuple[float, float]:
    """CPU seconds a day, and MASE over `days` (UTC days): seasons of a day and a week, its own trend model.

    What is unknown is filled with the same time last week, which it cannot do without.
    """
    history, per_day = case.history, slots_per_day(case.history.window.resolution)
    known = totals_at(history, np.arange(history.window.first, history.window.end))
    for place in np.flatnonzero(np.isnan(known)).tolist():
        known[place] = known[max(place - 7 * per_day, 0)] if place >= 7 * per_day else np.nanmean(known)
    errors, seconds = [], 0.0
    for number, day in enumerate([days[0], *days]):
        first = day * per_day - history.window.first
        out: dict[str, object] = {}

        def work(first: int = first, out: dict[str, object] = out) -> None:
            model = models.MSTL(season_length=[per_day, 7 * per_day])
            out["mean"] = model.forecast(known[:first], h=per_day)["mean"]

        spent = cpu_seconds(work)
        if number:  # the first one compiles
            seconds += spent
            actual = totals_at(history, np.arange(day * per_day, (day + 1) * per_day))
            errors.append(np.abs(actual - np.asarray(out["mean"])))
    last = (history.window.end // per_day - case.days) * per_day
    return seconds / len(days), float(np.nanmean(np.array(errors))) / weekly_scale(history, last)
