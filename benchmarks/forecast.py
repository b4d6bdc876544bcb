"""`forecast`: a day ahead from group totals: trees with a calibrated band beside last week, four weeks and MSTL.

Rolling origins: every test day is forecast at its own midnight (UTC) from what had ended by then; trees are grown anew
each week. Weather is what was measured, in place of a forecast made the day before: a figure without any is beside it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import forecast_peer
from benchmarks.forecast_data import Case, cases, folder
from quietgrid.algorithms.forecast import Grown, Trees, WeekBefore, brier, four_weeks, pinball, weekly_scale
from quietgrid.algorithms.forecast.issuing import totals_at
from quietgrid.algorithms.forecast.trees import lightgbm
from quietgrid.model.forecast import Forecast, Forecaster
from quietgrid.model.interval import DAY_S, Window, slots_per_day

NAME = "forecast"
GROW_EVERY = 7
PEER_DAYS = {"london": 7, "dutch 307": 6, "dutch 287": 6}
"""Test days that MSTL forecasts, evenly spread: it takes seconds a day."""
BARS = {"london": 0.71, "dutch 307": 0.60, "dutch 287": 0.54}
LOW, HIGH, CHEAPER, TRAIN_S = 0.78, 0.86, 20.0, 1.0


class Rolling:
    """Trees that are grown every week, as a `Forecaster` that is asked for one day after the other."""

    def __init__(self, trees: Trees, every: int = GROW_EVERY) -> None:
        self.trees, self.every, self.method = trees, every, trees.method
        self.asked, self.train_s = 0, 0.0
        self.grown: Grown | None = None

    def forecast(self, history: Any, window: Window, issued: float) -> Forecast:
        """See `Forecaster`."""
        if self.grown is None or self.asked % self.every == 0:
            begin = time.process_time()
            self.grown = self.trees.grow(history, window, issued)
            self.train_s = max(self.train_s, time.process_time() - begin)
        self.asked += 1
        return self.grown.forecast(history, window, issued)


def _days(case: Case, quick: bool) -> list[int]:
    last = case.history.window.end // slots_per_day(case.history.window.resolution)
    return list(range(last - case.days, last))[: 3 if quick else None]


def _figures(case: Case, made: list[Forecast], scale: float) -> dict[str, Any]:
    actual = [totals_at(case.history, np.arange(one.window.first, one.window.end)) for one in made]
    known = [~np.isnan(one) for one in actual]
    inside = np.concatenate(
        [((a >= f.low_wh) & (a <= f.high_wh))[k] for a, f, k in zip(actual, made, known, strict=True)]
    )
    errors = np.concatenate([np.abs(a - f.middle_wh)[k] for a, f, k in zip(actual, made, known, strict=True)])
    loss = [pinball(np.concatenate(actual), np.concatenate([f.values_wh[row] for f in made]).astype(float), q)
            for row, q in enumerate(made[0].quantiles)]  # fmt: skip
    peaks = np.array([np.nanmax(a) for a in actual])
    level = int(np.quantile(peaks, 0.7))
    return {
        "mase": round(float(errors.mean()) / scale, 3),
        "covered": round(float(inside.mean()), 3),
        "pinball": round(float(np.mean(loss)) / scale, 4),
        "peak_brier": round(brier([one.chance_of_peak_over(level) for one in made], (peaks > level).tolist()), 3),
    }


def _run(case: Case, method: Forecaster, days: list[int], scale: float) -> dict[str, Any]:
    per_day, begin = slots_per_day(case.history.window.resolution), time.process_time()
    made = [
        method.forecast(case.history, Window(d * per_day, (d + 1) * per_day, case.history.window.resolution), d * DAY_S)
        for d in days
    ]
    spent = (time.process_time() - begin) / len(days)
    return {**_figures(case, made, scale), "cpu_s_a_day": round(spent, 4)}


def _case(case: Case, quick: bool) -> dict[str, Any]:
    days, resolution = _days(case, quick), case.history.window.resolution
    first = (case.history.window.end // slots_per_day(resolution) - case.days) * slots_per_day(resolution)
    scale = weekly_scale(case.history, first)
    rolling = Rolling(Trees(case.calendar))
    out = {"trees": _run(case, rolling, days, scale), "last week": _run(case, WeekBefore(), days, scale)}
    out["four weeks"] = _run(case, four_weeks(), days, scale)
    out["trees"]["train_s"] = round(rolling.train_s, 2)
    if case.name in BARS and not quick:
        dry = replace(case, history=replace(case.history, weather=None))
        out["without weather"] = _run(dry, Rolling(Trees(case.calendar)), days, scale)
    return out


def run(quick: bool) -> dict[str, Any]:
    """All cases; the peer on some days of the cases that have a bar."""
    lightgbm()
    models = forecast_peer.library()
    ours: dict[str, dict[str, Any]] = {}
    peers: dict[str, dict[str, Any]] = {}
    ratios: dict[str, float] = {}
    bars: list[dict[str, Any]] = []
    for case in cases(folder()):
        if quick and case.name not in ("london", "dutch 307"):
            continue
        found = ours[case.name] = _case(case, quick)
        trees = found["trees"]
        if case.name in BARS:
            bars.append(_most(f"MASE, {case.name}", BARS[case.name], trees["mase"]))
            bars.append(_most(f"80 % band covers at most, {case.name}", HIGH, trees["covered"]))
            bars.append(_least(f"80 % band covers at least, {case.name}", LOW, trees["covered"]))
        if case.name == "london":
            bars.append(_most("seconds to train a group of 90 homes", TRAIN_S, trees["train_s"]))
        if models is not None and case.name in PEER_DAYS:
            days = _days(case, quick)
            chosen = days[:: max(1, len(days) // PEER_DAYS[case.name])][: 1 if quick else PEER_DAYS[case.name]]
            seconds, mase = forecast_peer.mstl(models, case, chosen)
            peers[f"MSTL, {case.name}"] = {
                "mase": round(mase, 3),
                "cpu_s_a_day": round(seconds, 3),
                "days": len(chosen),
            }
            ratios[f"MSTL's CPU, {case.name}"] = round(seconds / trees["cpu_s_a_day"], 1)
            bars.append(_least(f"MSTL's CPU by ours, {case.name}", CHEAPER, ratios[f"MSTL's CPU, {case.name}"]))
    flat = {f"{name}, {who}": figures for name, case in ours.items() for who, figures in case.items()}
    return {
        "name": NAME,
        "work": "a day ahead, rolling origins: 105 days of 90 London homes, 30 days of four Dutch grid locations",
        "ours": {f"{who}: {key}": value for who, figures in flat.items() for key, value in figures.items()},
        "peers": peers,
        "ratios": ratios,
        "bars": bars,
        "note": "MASE: error by the error of same time last week over all days before the test. Weather as measured. "
        + ("" if models else "statsforecast is not installed: no peer. ") + "Peaks: over the level three in ten reach.",
    }  # fmt: skip


def _most(what: str, need: float, got: float) -> dict[str, Any]:
    return {"what": f"{what} (at most)", "need": need, "got": got, "holds": got <= need}


def _least(what: str, need: float, got: float) -> dict[str, Any]:
    return {"what": f"{what} (at least)", "need": need, "got": got, "holds": got >= need}
