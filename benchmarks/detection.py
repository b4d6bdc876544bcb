"""`detection`: attacks seen in totals of groups; thresholds fixed on two months, scored on the third.

Ours alone: no peer works on totals. Months of measured London homes where they are there, of the project's sample else.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import bar, cpu_seconds, peak_memory_mb
from quietgrid.algorithms.detection import Series
from quietgrid.demo import load
from quietgrid.lab.attacks import Trials, false_alarms, heads, try_watch
from quietgrid.model.interval import Window, local_window
from quietgrid.model.network import Floats
from quietgrid.wire.series.lcl import read_lcl

NAME = "detection"

GROUPS, DAYS = 4, 92
STARTS = (0, 181)
"""First days (of 2013) of the London quarters: January and July. Numbers of the watch were chosen on others."""
DATA = Path(os.environ.get("QUIETGRID_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
YOUNG = {"five weeks": (35, 1.0), "five weeks, half of the days whole": (35, 0.5), "nine weeks": (63, 1.0)}
"""What a young community has learnt from: days, and the share of them whose totals are whole."""
LCL = DATA / "lcl_households_2013_30min_kwh.csv.gz"


def run(quick: bool) -> dict[str, Any]:
    """Quarters of a year, each: two months quiet, then a month left alone and attacked again and again."""
    months = 2 if quick else 8
    results: dict[str, Trials] = {}
    quarters = _quarters()
    seconds = cpu_seconds(
        lambda: results.update({name: try_watch(one, months=months) for name, one in quarters.items()})
    )
    scenarios = {name: f"{sum(hits)} of {sum(tried)}" for name, tried, hits in _by_scenario(results)}
    data = [(sum(tried), sum(hits)) for name, tried, hits in _by_scenario(results) if name.startswith("head")]
    quiet = {name: found.quiet.alarms for name, found in results.items()}
    attacked = [found.attacked for found in results.values()]
    alarms, false = sum(one.alarms for one in attacked), sum(one.false for one in attacked)
    recall = sum(one.found for one in attacked) / sum(one.attacks for one in attacked)
    monthly = sum(quiet.values()) / sum(found.days for found in results.values()) * 30
    year = _year()
    young = {name: false_alarms(year, days, known=known) for name, (days, known) in YOUNG.items()}
    where = "London" if LCL.is_file() else "sample (no measured data here)"
    return {
        "name": NAME,
        "work": f"{len(results)} quarters, {GROUPS} groups: {where}; {months} attacked months each, "
        f"{len(scenarios)} attacks a month",
        "ours": {
            "cpu_s": round(seconds, 2), "recall": round(recall, 3), "precision": round(1 - false / alarms, 3),
            "false_alarms_in_quiet_months": quiet,
            "false_alarms_a_month_after": {
                name: {why.value: round(rate, 2) for why, rate in rates.items()} for name, rates in young.items()
            },
            "found": scenarios, "memory_mb": peak_memory_mb(),
        },
        "peers": {},
        "ratios": {},
        "bars": [
            bar("attacks on heads found, share", 0.95, sum(hit for _, hit in data) / sum(tried for tried, _ in data)),
            bar("attacks found, share", 0.8, recall),
            bar("alarms that were attacks, share", 0.8, 1 - false / alarms),
            bar("quiet days between two false alarms, mean", 10, 30 / max(monthly, 1e-9)),
            bar(
                "days between two false alarms of a kind after five weeks, mean of the commonest kind", 30,
                30 / max(1e-9, *young["five weeks"].values()),
            ),
        ],
        "note": "Attacks are made up, heads are simulated (0.5 % and 30 W of noise, 2 % losses); homes' totals are "
        "measured. Altered load within what is usual for the hour is not found, and cannot be.",
    }  # fmt: skip


def _by_scenario(results: dict[str, Trials]) -> list[tuple[str, list[int], list[int]]]:
    names = [name for name, _, _ in next(iter(results.values())).scenarios]
    rows = [found.scenarios for found in results.values()]
    return [(name, [row[at][1] for row in rows], [row[at][2] for row in rows]) for at, name in enumerate(names)]


def _quarters() -> dict[str, Series]:
    if not LCL.is_file():
        return {"spring": _sample(date(2016, 3, 1), date(2016, 6, 1))}
    found = {}
    for first in STARTS:
        window, series = _london(first, first + DAYS)
        found[f"from {window.start_time:%d %B}"] = series
    return found


def _year() -> Series:
    """A year without attacks."""
    return _london(0, 364)[1] if LCL.is_file() else _sample(date(2016, 1, 1), date(2016, 12, 31))


def _sample(first: date, end: date) -> Series:
    window = local_window(first, end, "Europe/Berlin", 900)
    readings = load(window=window).readings
    net = (readings.imported_wh - readings.exported_wh).reshape(GROUPS, -1, len(window)).sum(axis=1).T
    return _series(net * 4.0, window, "Europe/Berlin")


@cache
def _london(first: int, end: int) -> tuple[Window, Series]:
    """Days [first, end) of the measured year."""
    readings = read_lcl(LCL).complete(99).readings
    total = np.stack([readings.imported_wh[group::GROUPS].sum(axis=0) for group in range(GROUPS)], axis=1) * 2.0
    piece = slice(48 * first, 48 * end)
    at = readings.window.first + piece.start
    window = Window(at, at + len(total[piece]), readings.window.resolution)
    return window, _series(total[piece], window, "Europe/London")


def _series(total_w: Floats, window: Window, tz: str) -> Series:
    per_day = 86_400 // window.resolution
    return Series(heads(total_w, np.random.default_rng(0)), total_w, per_day, _wall(window, tz))


def _wall(window: Window, tz: str) -> NDArray[np.int64]:
    """Intervals the clock on the wall is ahead of UTC."""
    zone, step = ZoneInfo(tz), window.resolution
    slots = range(window.first, window.end)
    offsets = [datetime.fromtimestamp(slot * step, UTC).astimezone(zone).utcoffset() for slot in slots]
    return np.array([int(offset.total_seconds()) // step if offset else 0 for offset in offsets], np.int64)
