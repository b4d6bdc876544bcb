"""What the demo measures: the project's own sample, or a file of imported readings (``quietgrid import --out``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quietgrid import demo
from quietgrid.billing import default_tariffs
from quietgrid.errors import InputError
from quietgrid.lab.commission import demo_parties, demo_tariffs
from quietgrid.model.interval import Window, local_window, zone
from quietgrid.model.party import Party, PartyKind
from quietgrid.model.readings import EXPORT, IMPORT, Readings
from quietgrid.model.tariff import Tariff, TariffKind
from quietgrid.runtime.commissioning import SAMPLE
from quietgrid.runtime.series_file import load_series
from quietgrid.wire.series import Series

SAMPLE_HOMES, SAMPLE_TZ = 120, "Europe/Berlin"
SECTION = 30
"""Homes in a feeder section, twice the floor."""
HEADROOM_PERCENT = 150
"""Connection capacity certified, in percent of the highest power that was ever observed."""
LEAST_W, STEP_W = 3_000, 500
Rows = Callable[[Window], Readings]
"""Readings of all homes, in their order, in any window; absent where there are none."""


@dataclass(frozen=True)
class Source:
    """Who lives in the demo, and when.

    Args:
        name: ``sample``, or the absolute path of a file. people: (party, registers), one a row of the readings.
        window: History to replay. end: absolute slot where the readings end; 0: never.
        tz: Time zone. tariffs: by the names the parties have.
    """

    name: str
    people: list[tuple[Party, int]]
    window: Window
    end: int
    tz: str
    tariffs: list[Tariff]


def source_of(name: str, homes: int | None, days: int) -> Source:
    """The demo's source.

    Args:
        name: ``sample`` or a file. homes: how many of it; all of a file unless given. days: of history.

    Raises:
        SourceError: the file cannot be read. InputError: it has no whole day.
    """
    if name == SAMPLE:
        window = demo.replay_window(days)
        return Source(SAMPLE, demo_parties(homes or SAMPLE_HOMES), window, 0, SAMPLE_TZ, demo_tariffs())
    path = Path(name).absolute()
    return _imported(load_series(path), str(path), homes, days)


def _imported(series: Series, name: str, homes: int | None, days: int) -> Source:
    whole = whole_days(series)
    first = whole.start_time.astimezone(zone(series.tz)).date()
    history = _days(first, days, series.tz, whole.resolution)
    tariffs = [replace(t, name=t.kind.value, tz=series.tz) for t in default_tariffs()]
    return Source(name, series_people(series, homes), history.intersect(whole), whole.end, series.tz, tariffs)


def whole_days(series: Series) -> Window:
    """The whole local days a series has.

    Raises:
        InputError: not one.
    """
    r, where = series.readings.window, zone(series.tz)
    first = r.start_time.astimezone(where).date()
    if _days(first, 0, series.tz, r.resolution).first < r.first:
        first += timedelta(days=1)
    last = r.end_time.astimezone(where).date()
    if last <= first:
        raise InputError("the readings have no whole day", where="source", fix="import a longer file")
    return local_window(first, last, series.tz, r.resolution)


def _days(first: date, days: int, tz: str, resolution: int) -> Window:
    return local_window(first, first + timedelta(days=days), tz, resolution)


def series_people(series: Series, homes: int | None = None) -> list[tuple[Party, int]]:
    """Parties of imported readings: named as in the file, in feeder sections of about 30, in its order.

    Registers and connection capacity come from what was observed: export where anything was exported, the highest
    power with half as much again. Everybody is on the time-of-use tariff.

    Args:
        homes: Only the first so many.
    """
    r = series.readings
    count = min(homes or len(r.meters), len(r.meters))
    sections = max(1, count // SECTION)
    exports = r.exported_wh[:count].max(axis=1, initial=0) > 0
    capacity = _capacity_w(np.maximum(r.imported_wh, r.exported_wh)[:count].max(axis=1, initial=0), r.window.resolution)
    return [
        (
            Party(
                at + 1, name, PartyKind.RESIDENTIAL, f"Section {at * sections // count + 1}", int(capacity[at]),
                TariffKind.TIME_OF_USE.value,
            ),
            1 << IMPORT | int(exports[at]) << EXPORT,
        )
        for at, name in enumerate(series.names[:count])
    ]  # fmt: skip


def _capacity_w(highest_wh: NDArray[np.int64], resolution: int) -> NDArray[np.int64]:
    """int64 [n]: capacities in watts, in whole steps."""
    wanted = highest_wh * 3600 // resolution * HEADROOM_PERCENT // 100
    return np.maximum(LEAST_W, -(-wanted // STEP_W) * STEP_W)


def rows_of(name: str, count: int) -> Rows:
    """Readings of a source's first `count` homes by window; meter ids are row numbers.

    Raises:
        SourceError: the file cannot be read.
    """
    return _sample_rows(count) if name == SAMPLE else _file_rows(load_series(Path(name)), count)


def _sample_rows(count: int) -> Rows:
    kept: dict[int, Readings] = {}

    def rows(window: Window) -> Readings:
        month = window.first // (96 * 14)
        if month not in kept:
            kept.clear()
            wide = Window(month * 96 * 14, (month + 1) * 96 * 14 + 96, 900)
            kept[month] = replace(demo.load(count, wide).readings, meters=np.arange(count, dtype=np.uint64))
        return kept[month].cut(window)

    return rows


def _file_rows(series: Series, count: int) -> Rows:
    r = series.readings
    part = Readings(
        np.arange(count, dtype=np.uint64), r.window, r.imported_wh[:count], r.exported_wh[:count], r.present[:count]
    )

    def rows(window: Window) -> Readings:
        cut = part.cut(window)
        if cut.window == window:
            return cut
        lead = max(0, min(len(window), cut.window.first - window.first)) if len(cut.window) else 0
        span = slice(lead, lead + len(cut.window))
        imported, exported = np.zeros((2, count, len(window)), np.int64)
        present = np.zeros((count, len(window)), np.bool_)
        imported[:, span], exported[:, span], present[:, span] = cut.imported_wh, cut.exported_wh, cut.present
        return Readings(part.meters, window, imported, exported, present)

    return rows
