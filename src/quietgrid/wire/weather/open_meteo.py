"""Weather in the shape Open-Meteo gives it: a CSV with a block of facts about the place before the table, or JSON.

    latitude,longitude,elevation,utc_offset_seconds,timezone,timezone_abbreviation
    52.52,13.40,38.0,0,GMT,GMT

    time,temperature_2m (°C),shortwave_radiation (W/m²)
    2026-01-01T00:00,1.2,0

A value holds from its time until the next, at most three hours; between hourly values it is drawn as a line. A table of
forecasts is known from `issued` on; one of measurements (`issued=None`) three hours after the time of each value, when
both neighbours it was drawn from were there.

Source: open-meteo.com/en/docs (format). Privacy: a place and public data.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from quietgrid.errors import SourceError
from quietgrid.model.forecast import Floats, Weather
from quietgrid.model.interval import Window
from quietgrid.wire.series.table import read_bytes

LONGEST_GAP_S = 3 * 3_600
MOST_BYTES = 64 << 20
UNITS: Mapping[str, tuple[str, float]] = {
    "°C": ("", 1.0), "°F": ("f", 1.0), "km/h": ("", 1 / 3.6), "m/s": ("", 1.0), "W/m²": ("", 1.0), "%": ("", 1.0),
    "mm": ("", 1.0), "cm": ("", 1.0), "hPa": ("", 1.0),
}  # fmt: skip
"""Unit of a column -> kind and factor to °C, m/s and what else is used here; other units are refused."""


def read_csv(path: Path, window: Window, issued: float | None = None) -> Weather:
    """A file's columns on the intervals of a window.

    Args:
        path: CSV, plain or gzip. window: t intervals. issued: Unix seconds at which the file's forecast was made.

    Returns:
        Columns are called as in the file, without the unit. Values outside the file are NaN.

    Raises:
        SourceError: it cannot be read; names the line.
    """
    data = read_bytes(path)
    if len(data) > MOST_BYTES:
        raise SourceError("the weather's file is too large", where=str(path), fix="cut it into years")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8", "replace"))))
    at = next((n for n, row in enumerate(rows) if row and row[0].strip() == "time"), None)
    if at is None or len(rows[at]) < 2:
        raise SourceError("there is no table that begins with time", where=path.name, fix="export CSV from Open-Meteo")
    place = dict(zip(rows[0], rows[1], strict=False)) if at > 1 else {}
    names, units = zip(*(_named(text, path.name) for text in rows[at][1:]), strict=True)
    stamps, values = [], []
    for number, row in enumerate(rows[at + 1 :], at + 2):
        if not row:
            continue
        try:
            stamps.append(_unix(row[0], int(float(place.get("utc_offset_seconds") or 0))))
            values.append([float(text) if text.strip() not in ("", "NaN", "null") else math.nan for text in row[1:]])
        except (ValueError, OverflowError) as error:
            where = f"{path.name}, line {number}"
            raise SourceError("a line cannot be read", where=where, fix="ISO times and plain numbers") from error
        if len(values[-1]) != len(names):
            raise SourceError(
                "a line has another number of columns", where=f"{path.name}, line {number}", fix="mend it"
            )
    return _laid(stamps, np.array(values, np.float64).reshape(len(values), len(names)), (names, units), window, issued)


def read_json(said: object, window: Window, issued: float | None = None, block: str = "hourly") -> Weather:
    """What the service answers, on the intervals of a window; see `read_csv`.

    Args:
        said: ``{block: {"time": [...], column: [...]}, block + "_units": {column: unit}, "utc_offset_seconds": ...}``.

    Raises:
        SourceError: another form.
    """
    try:
        assert isinstance(said, dict)
        table: dict[str, Any] = dict(said[block])
        told: dict[str, str] = dict(said.get(f"{block}_units", {}))
        shift = int(said.get("utc_offset_seconds", 0))
        stamps = [_unix(str(text), shift) for text in table.pop("time")]
        columns = [[math.nan if v is None else float(v) for v in values] for values in table.values()]
        grid = np.array(columns, np.float64).reshape(len(columns), len(stamps)).T
    except (AssertionError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise SourceError(
            "the service answers in another form", where=block, fix="ask Open-Meteo's forecast"
        ) from error
    named = [_named(f"{name} ({told[name]})" if name in told else name, block) for name in table]
    return _laid(stamps, grid, (tuple(n for n, _ in named), tuple(u for _, u in named)), window, issued)


def _named(text: str, where: str) -> tuple[str, str]:
    """A column's name and unit."""
    name, _, rest = text.strip().partition(" (")
    unit = rest.rstrip(")") or ("°C" if name.startswith("temperature") else "%")
    if unit not in UNITS:
        raise SourceError(f"{unit[:12]!r} is no unit of weather here", where=where, fix="one of: " + ", ".join(UNITS))
    return name, unit


def _laid(
    stamps: Sequence[int], values: Floats, head: tuple[Sequence[str], Sequence[str]], window: Window,
    issued: float | None,
) -> Weather:  # fmt: skip
    """Values at stamps as columns of the window's intervals: lines between neighbours that are not too far apart."""
    times, at = np.unique(np.array(stamps, np.int64), return_index=True)
    starts = np.arange(window.first, window.end, dtype=np.int64) * window.resolution
    names, units = head
    out = np.full((len(names), len(window)), np.nan)
    for row, unit in enumerate(units):
        column = values[at, row] if len(at) else np.zeros(0)
        good = np.isfinite(column)
        known, have = times[good], column[good] * UNITS[unit][1]
        if not len(known):
            continue
        if UNITS[unit][0] == "f":
            have = (have - 32) / 1.8
        before = np.searchsorted(known, starts, side="right") - 1
        after = np.minimum(before + 1, len(known) - 1)
        near = (before >= 0) & (known[after] - known[np.maximum(before, 0)] <= LONGEST_GAP_S)
        near &= starts - known[np.maximum(before, 0)] <= LONGEST_GAP_S
        out[row] = np.where(near, np.interp(starts, known, have), np.nan)
    known_at = starts + LONGEST_GAP_S if issued is None else np.full(len(starts), math.ceil(issued), np.int64)
    return Weather(window, tuple(names), out, known_at)


def _unix(text: str, offset_s: int) -> int:
    found = datetime.fromisoformat(text.strip())
    return int(found.timestamp()) if found.tzinfo else int(found.replace(tzinfo=UTC).timestamp()) - offset_s
