"""`baseline`: how far baselines are off on real days without events; and the London price trial, measured again."""

from __future__ import annotations

import csv
import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.forecast_data import LCL, LCL_GROUPS, folder
from quietgrid.algorithms.baseline import PRESETS, Errors, SealedRule, control_group, errors
from quietgrid.algorithms.calendar import Calendar
from quietgrid.errors import InputError
from quietgrid.model.forecast import Bits, Floats
from quietgrid.model.interval import Window
from quietgrid.wire.series import read_lcl

NAME = "baseline"
LONDON = Calendar("Europe/London", "GB")
NEAR_DAYS = 21
"""The trial is compared with days at most so far away: what the two groups use differs with the season."""
EVERY, FROM_DAY = 3, 60
"""Each third working day is taken for an event, 17:00 to 20:00 local time or so, that nobody was asked for."""
BEGIN, LENGTH = 34, 6
HIGH, LOW = (-5.4, -3.0), (2.5, 5.0)
"""Where the trial's published effects lie, percent."""


def run(quick: bool) -> dict[str, Any]:
    """The table, and the trial."""
    at = folder()
    found = _table(at, quick)
    trial = _trial(at)
    ours: dict[str, Any] = {
        f"{name}: {key}": round(value, 2) for name, figures in found.items() for key, value in figures.items()
    }
    for name, effect in trial.items():
        ours |= {f"trial, {name}: percent": round(effect[0], 2), f"trial, {name}: low": round(effect[1], 2),
                 f"trial, {name}: high": round(effect[2], 2)}  # fmt: skip
    bars = [
        _within("bias of 10-of-10 on the group, percent", abs(found["10-of-10, group"]["bias"]), 0, 2),
        _within("bias of high-5-of-10 on homes, percent", found["high-5-of-10, homes"]["bias"], 20, 35),
        _within("trial, high price, percent", trial["high price"][0], *HIGH),
        _within("trial, low price, percent", trial["low price"][0], *LOW),
    ]
    return {
        "name": NAME, "work": "90 London homes of 2013, evenings of working days on which nobody was asked",
        "ours": ours, "peers": {}, "ratios": {}, "bars": bars,
        "note": "error: mean of |baseline - actual| of whole events by the mean. Homes' figures are means over homes: "
        "no home's own is shown. The trial: all its homes (`flex` was chosen on its outcome) against the 90.",
    }  # fmt: skip


def _table(at: Path, quick: bool) -> dict[str, dict[str, float]]:
    readings = read_lcl(at / LCL).complete(99).readings
    values = np.where(readings.present, readings.imported_wh, 0)
    first = readings.window.first // 48
    days = list(range(first + FROM_DAY, readings.window.end // 48 - 1))
    days = [day for day in days if LONDON.working(LONDON.day_of(day * 48 + BEGIN, 1800))]
    days = days[:: EVERY * (10 if quick else 1)]
    out: dict[str, dict[str, float]] = {}
    for name, one in PRESETS.items():
        expected, actual = [], []
        for day in days:
            event = Window(day * 48 + BEGIN, day * 48 + BEGIN + LENGTH, 1800)
            low = event.first - readings.window.first
            expected.append(one.rule.expected(values, readings.window, event, LONDON).sum(axis=-1))
            actual.append(values[:, low : low + LENGTH].sum(axis=-1))
        base, used = np.array(expected), np.array(actual, np.float64)
        group = (
            base.sum(axis=1) if isinstance(one.rule, SealedRule) else _group(one.rule, values, readings.window, days)
        )
        out[f"{name}, group"] = _shown(errors(group, used.sum(axis=1)))
        homes = [errors(base[:, home], used[:, home]) for home in range(used.shape[1]) if used[:, home].sum() > 0]
        whole = errors(base.reshape(-1), used.reshape(-1))
        out[f"{name}, homes"] = {
            "bias": whole.bias_percent,
            "error": float(np.median([h.error_percent for h in homes])),
        }
    return out


def _group(rule: Any, values: Any, window: Window, days: list[int]) -> Floats:
    total = values.sum(axis=0)
    return np.array([
        rule.expected(total, window, Window(d * 48 + BEGIN, d * 48 + BEGIN + LENGTH, 1800), LONDON).sum() for d in days
    ])  # fmt: skip


def _shown(found: Errors) -> dict[str, float]:
    return {"bias": found.bias_percent, "error": found.error_percent, "cvrmse": found.cvrmse_percent}


def _trial(at: Path) -> dict[str, tuple[float, float, float]]:
    """All homes of the trial against the 90 others of 2013, in intervals of the high and of the low price."""
    with gzip.open(at / LCL_GROUPS, "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["local_time"].startswith("2013")]
    asked, price = (np.array([float(row[name] or math.nan) for row in rows]).reshape(-1, 48) for name in
                    ("mean_all", "price_gbp_per_kwh"))  # fmt: skip
    readings = read_lcl(at / LCL).complete(99).readings
    homes = np.where(readings.present, readings.imported_wh, 0).sum(axis=0) / np.maximum(
        readings.present.sum(axis=0), 1
    )
    others = homes.reshape(-1, 48) / 1000
    good = ~(np.isnan(asked) | (asked <= 0) | (others <= 0)).any(axis=1)
    asked, others, price = asked[good], others[good], price[good]
    out = {}
    for name, event, other in (("high price", price > 0.4, price < 0.1), ("low price", price < 0.1, price > 0.4)):
        out[name] = _effect(asked, others, event, other)
    return out


def _effect(asked: Floats, others: Floats, event: Bits, other: Bits) -> tuple[float, float, float]:
    calm = ~(other.any(axis=1) & ~event.any(axis=1))
    try:
        found = control_group(asked[calm], others[calm], event[calm], NEAR_DAYS)
    except InputError:
        return math.nan, math.nan, math.nan
    return found.percent, found.low, found.high


def _within(what: str, got: float, low: float, high: float) -> dict[str, Any]:
    return {"what": f"{what} ({low} to {high})", "need": high, "got": round(got, 2), "holds": low <= got <= high}
