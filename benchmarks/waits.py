"""`waits`: work of ours that somebody or something waits for, each in CPU seconds with a bar.

A day's or month's share of the everyday: loading the sample, a year of the London file, pricing a thousand bills,
resolving and judging a month's weights, answering `--help`. Ours alone: the limits are the project's own.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import bar, cpu_seconds, peak_memory_mb
from quietgrid.algorithms.weights import resolve
from quietgrid.algorithms.wide import wide
from quietgrid.billing import Usage, book_for_leaf, default_tariffs, feed_prices, price
from quietgrid.demo import load, replay_window
from quietgrid.model.interval import month_window
from quietgrid.model.question import Vector
from quietgrid.wire.series.lcl import read_lcl

NAME = "waits"

HOMES, DAYS, TIMES = 1000, 60, 20
DAYTIME = (0x3FFF80,) * 7
DATA = Path(os.environ.get("QUIETGRID_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
LCL = DATA / "lcl_households_2013_30min_kwh.csv.gz"
Work = Callable[[], object]


def _pricing() -> Work:
    """A thousand homes' bills, every tariff."""
    tariffs, window = default_tariffs(), month_window(2026, 3, "Europe/Berlin", 900)
    book = book_for_leaf(tariffs, 0, window, 0b11)
    prices = 100 * (500 + np.arange(len(window), dtype=np.int64) // 4 % 24 * 40)
    feed = feed_prices(book, "day-ahead", prices)
    table = np.random.default_rng(1).integers(0, 200_000, (HOMES, len(book.vectors)))
    bands = np.zeros_like(table)
    bands[:, [i for i, vector in enumerate(book.vectors) if vector.rule != "prices"]] = 1
    homes, zeros = np.arange(HOMES, dtype=np.uint64), np.zeros_like(table)
    usage = Usage(book, homes, table, zeros + 600, bands * 10, bands, bands, bands * 20)
    return lambda: [price(tariff, book, usage, feed if tariff.feed else None).bills() for tariff in tariffs]


def _help() -> float:
    """CPU seconds of the whole process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "quietgrid", "--help"], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _judge(weights: NDArray[np.int64]) -> None:
    for _ in range(TIMES):
        wide(weights)


def _best(work: Work, times: int) -> float:
    work()
    return min(cpu_seconds(work) for _ in range(times))


def run(quick: bool) -> dict[str, Any]:
    """Time each, the best of three: a busy machine makes all of them look slower than they are."""
    times, window = (1 if quick else 3), month_window(2026, 10, "Europe/Berlin", 900)
    vector = Vector("day", 0, "hours", "Europe/Berlin", DAYTIME)
    weights = np.random.default_rng(0).integers(0, 4000, 2976)
    tariffs = len(default_tariffs())
    seconds = {
        "bills": _best(_pricing(), times) / tariffs,
        "sample": _best(lambda: load(window=replay_window(DAYS)), times),
        "resolve": _best(lambda: [resolve(vector, window) for _ in range(TIMES)], times) / TIMES,
        "judge": _best(lambda: _judge(weights), times) / TIMES,
        "help": min(_help() for _ in range(times + 2)),
    }
    bars = [
        bar("bills a CPU second, one tariff (1,000 in 0.5 s)", HOMES / 0.5, HOMES / seconds["bills"]),
        bar("days of the sample loaded a CPU second (60 in 1 s)", DAYS, DAYS / seconds["sample"]),
        bar("months of hours resolved a CPU second (one in 2 ms)", 500, 1 / seconds["resolve"]),
        bar("months of prices judged a CPU second (one in 20 ms)", 50, 1 / seconds["judge"]),
        bar("`quietgrid --help` a CPU second (one in 0.3 s)", 1 / 0.3, 1 / seconds["help"]),
    ]
    if LCL.is_file():
        seconds["london"] = _best(lambda: read_lcl(LCL), 1)
        bars.append(bar("years of the London file a CPU second (one in 2 s)", 0.5, 1 / seconds["london"]))
    ours: dict[str, Any] = {f"{name}, cpu_s": round(value, 5) for name, value in seconds.items()}
    ours["peak_memory_mb"] = peak_memory_mb()
    return {
        "name": NAME,
        "work": f"{HOMES} bills, {DAYS} days of 120 homes, a month's weights, a year of 100 London homes, --help",
        "ours": ours,
        "peers": {},
        "ratios": {},
        "bars": bars,
        "note": "No peers: these are limits of our own. The London file is measured where it is there.",
    }
