"""Made-up series for the demo's reporters: price, temperature, a district's load, carbon intensity.

The price is the sample's own (`prices`). The rest is synthetic and says so: a temperature that follows the season and
the sun, a load made of SimBench's standard profiles (nobody's homes), a carbon intensity that follows the price.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quietgrid.demo.draws import words
from quietgrid.demo.prices import SEED, prices
from quietgrid.demo.profiles import PER_DAY, profiles, winter_slots
from quietgrid.model.interval import Window

COLUMNS = ("time", "price_eur_mwh", "temperature_c", "load_kw", "carbon_g_kwh")
WEATHER = 77
"""Which of the seed's draws the weather has."""
DISTRICT_KW, ROOFS_KW = 1_400, 900
"""Yearly peak of the made-up district's homes and of its roofs."""


def series(window: Window) -> dict[str, NDArray[np.float64]]:
    """The demo's feeds over a window of 15-minute intervals: column -> float64 [len(window)]."""
    price = prices(window) / 1_000
    slot = winter_slots(window)
    day, quarter = slot // PER_DAY, slot % PER_DAY
    year = profiles()
    at = (day - year.first) % year.days
    homes = sum(year.values[year.row[name]][at, quarter] for name in ("H0-A", "H0-B", "H0-C", "H0-G", "H0-L"))
    sun = year.values[year.row["PV4"]][at, quarter] / max(1, int(year.values[year.row["PV4"]].max()))
    peak = float(sum(int(year.values[year.row[name]].max()) for name in ("H0-A", "H0-B", "H0-C", "H0-G", "H0-L")))
    swing = words(SEED, WEATHER, int(day.min()), int(day.max()) - int(day.min()) + 1, 1)[:, 0] % 601 / 100 - 3.0
    season = 10.0 - 9.5 * np.cos(2 * np.pi * ((day % 365) - 15) / 365)
    warm = season + 4.0 * np.sin(2 * np.pi * (quarter / PER_DAY - 0.36)) + 3.0 * sun + swing[day - int(day.min())]
    found: dict[str, NDArray[np.float64]] = {
        "price_eur_mwh": np.round(price, 2),
        "temperature_c": np.round(warm, 1),
        "load_kw": np.round(homes / peak * DISTRICT_KW * 1.8 - sun * ROOFS_KW, 0),
        "carbon_g_kwh": np.round(np.clip(120 + 3.2 * price - 140 * sun, 20, 900), 0),
    }
    return found


def write_series(path: Path, window: Window) -> None:
    """The series as a CSV file, times in UTC."""
    found = series(window)
    step = window.resolution
    rows: Sequence[list[float]] = np.stack([found[name] for name in COLUMNS[1:]], axis=1).tolist()
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        for place, row in enumerate(rows):
            when = datetime.fromtimestamp((window.first + place) * step, UTC)
            out.writerow([when.strftime("%Y-%m-%dT%H:%MZ"), *(f"{value:g}" for value in row)])
