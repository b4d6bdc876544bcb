"""Groups whose totals are known, for `forecast`: 90 London homes, four Dutch grid locations."""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from quietgrid.algorithms.calendar import Calendar
from quietgrid.errors import SourceError
from quietgrid.model.forecast import Floats, History, Weather
from quietgrid.model.interval import DAY_S, Window
from quietgrid.model.question import Quantity
from quietgrid.wire.series import read_lcl

LCL = "lcl_households_2013_30min_kwh.csv.gz"
LCL_GROUPS = "lcl_dtou_tariff_temperature_groups_30min.csv.gz"
ALLIANDER = "alliander_4_locations_15min_2020-10_2021-01.csv.gz"
COLUMNS = {
    "temp": "temperature_c", "radiation": "radiation_j_m2", "windspeed_100m": "wind_100m_m_s",
    "clouds": "clouds_percent", "humidity": "humidity_share",
}  # fmt: skip
WH = 250_000
"""A megawatt over a quarter of an hour."""
LONDON_DAYS, DUTCH_DAYS = 105, 30
"""Test days, at the end: with them *same time last week* scores what FACTS has, 0.95, 0.82 and 0.85."""


@dataclass(frozen=True)
class Case:
    """A group, where it is, and how many of its last days are forecast."""

    name: str
    history: History
    calendar: Calendar
    days: int


def folder() -> Path:
    """Where the measured data is (QUIETGRID_DATA, or ``shared/data`` beside the project).

    Raises:
        SourceError: it is nowhere.
    """
    found = Path(os.environ.get("QUIETGRID_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
    if not (found / LCL).is_file():
        raise SourceError("the measured data is not here", where=str(found), fix="set QUIETGRID_DATA")
    return found


def cases(at: Path) -> Iterator[Case]:
    """London, then the Dutch locations."""
    yield london(at)
    for pid in ("307", "287", "435", "438"):
        yield dutch(at, pid)


def london(at: Path) -> Case:
    """The complete homes; where one has no reading the total is scaled by how many have."""
    readings = read_lcl(at / LCL).complete(99).readings
    homes = readings.present.sum(axis=0)
    total = np.where(readings.present, readings.imported_wh, 0).sum(axis=0) * len(readings.meters)
    window = readings.window
    told = {int(row["stamp"]) // 1800: row["value"] for row in _temperatures(at / LCL_GROUPS)}
    values = np.array([[told.get(slot, np.nan) for slot in range(window.first, window.end)]])
    weather = Weather(window, ("temperature_c",), values, _day_before(window))
    energy = (total // np.maximum(homes, 1)).astype(np.int64)
    history = History("90 London homes", Quantity.IMPORT, window, energy, homes > 0, weather)
    return Case("london", history, Calendar("Europe/London", "GB"), LONDON_DAYS)


def _temperatures(path: Path) -> Iterator[dict[str, float]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["temperature_c"]:
                stamp = datetime.fromisoformat(row["local_time"]).replace(tzinfo=UTC).timestamp()
                yield {"stamp": stamp, "value": float(row["temperature_c"])}


def dutch(at: Path, pid: str) -> Case:
    """One location's net load; the last day of the file is empty by design and left out."""
    with gzip.open(at / ALLIANDER, "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["pid"] == pid]
    first = int(datetime.fromisoformat(rows[0]["time_utc"]).timestamp()) // 900
    load = _column(rows, "load")
    size = int(np.flatnonzero(~np.isnan(load))[-1]) + 1
    window, known = Window(first, first + size, 900), ~np.isnan(load[:size])
    values = np.stack([_column(rows, name)[:size] for name in COLUMNS])
    weather = Weather(window, tuple(COLUMNS.values()), values, _day_before(window))
    energy = np.rint(np.where(known, load[:size], 0.0) * WH).astype(np.int64)
    history = History(f"location {pid}", Quantity.NET, window, energy, known, weather)
    return Case(f"dutch {pid}", history, Calendar("Europe/Amsterdam", "NL"), DUTCH_DAYS)


def _column(rows: list[dict[str, str]], name: str) -> Floats:
    return np.array([float(row[name]) if row[name] else np.nan for row in rows])


def _day_before(window: Window) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """What was measured stands for a forecast made at the start of the day before."""
    slots = np.arange(window.first, window.end, dtype=np.int64)
    return np.asarray((slots * window.resolution // DAY_S - 1) * DAY_S)
