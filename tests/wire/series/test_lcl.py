"""Low Carbon London: the measured file, and its twin written from the sample."""

from __future__ import annotations

import csv
import gzip
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from quietgrid.demo import Sample, load
from quietgrid.errors import InputError, SourceError
from quietgrid.model import Window
from quietgrid.model.interval import local_window
from quietgrid.wire.series import Series, read_lcl

LCL = "lcl_households_2013_30min_kwh.csv.gz"
TZ = "Europe/London"


def weekday_profile(series: Series, first: date) -> np.ndarray:
    """Each home's mean half hours (by the file's own stamps) of the weekdays in four weeks. float [homes, 48]."""
    start = int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp()) // 1800
    cut = series.readings.cut(Window(start, start + 28 * 48, 1800))
    days = [d for d in range(28) if (first + timedelta(days=d)).weekday() < 5]
    energy = cut.imported_wh.reshape(len(series.names), 28, 48)[:, days].astype(float)
    present = cut.present.reshape(energy.shape[0], 28, 48)[:, days]
    return energy.sum(axis=1) / np.maximum(present.sum(axis=1), 1)


def mean_shift(series: Series, before: date, after: date) -> int:
    """How many half hours later, by the file's stamps, the homes' days are after a date (best mean correlation)."""
    one, two = (np.diff(weekday_profile(series, first), axis=1) for first in (before, after))

    def alike(shift: int) -> float:
        pairs = zip(one, np.roll(two, -shift, axis=1), strict=True)
        return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs if a.std() and b.std()]))

    return max(range(-4, 5), key=alike)


def test_the_file_against_the_csv_module_and_decimal(real_data: Path) -> None:
    series = read_lcl(real_data / LCL)
    rows = list(csv.reader(io.StringIO(gzip.decompress((real_data / LCL).read_bytes()).decode())))
    assert series.names == tuple(rows[0][1:])
    assert series.readings.imported_wh.shape == (100, 365 * 48)
    for row in range(0, 17_520, 977):
        cells = rows[row + 1][1:]
        assert series.readings.present[:, row].tolist() == [cell != "" for cell in cells]
        assert series.readings.imported_wh[:, row].tolist() == [int(Decimal(cell or 0) * 1000) for cell in cells]
    assert series.readings.present.sum() == sum(cell != "" for row in rows[1:] for cell in row[1:])
    total = sum((Decimal(cell) for row in rows[1:] for cell in row[1:] if cell), Decimal(0))
    assert series.readings.imported_wh.sum() == total * 1000
    assert not series.readings.exported_wh.any()
    assert series.tz == TZ


def test_ninety_homes_are_complete(lcl: Series) -> None:
    assert len(lcl.names) == 90
    assert lcl.readings.present.mean(axis=1).min() >= 0.99
    assert lcl.readings.window.start_time == datetime(2013, 1, 1, tzinfo=UTC)
    assert len(lcl.readings.window) == 17_520


def test_the_stamps_of_the_trial_are_utc(lcl: Series) -> None:
    assert mean_shift(lcl, date(2013, 3, 3), date(2013, 3, 31)) == -2  # an hour earlier: summer time has begun
    assert mean_shift(lcl, date(2013, 9, 29), date(2013, 10, 27)) == 2  # and an hour later: it has ended
    assert mean_shift(lcl, date(2013, 2, 3), date(2013, 3, 3)) == 0
    assert mean_shift(lcl, date(2013, 6, 2), date(2013, 6, 30)) == 0


@pytest.fixture
def half_hours() -> tuple[Sample, Window, np.ndarray]:
    """Four homes of the sample around the end of summer time, in half hours of the London clock. Wh [4, t]."""
    window = local_window(date(2016, 10, 29), date(2016, 11, 1), TZ, 1800)
    found = load(4, Window(window.first * 2, window.end * 2, 900))
    return found, window, found.readings.imported_wh.reshape(4, -1, 2).sum(axis=2)


def wide_text(window: Window, energy: np.ndarray, zone: str) -> str:
    from zoneinfo import ZoneInfo

    lines = ["local_time_half_hour_start," + ",".join(f"MAC{n:06d}" for n in range(len(energy)))]
    for slot, column in zip(range(window.first, window.end), energy.T, strict=True):
        stamp = datetime.fromtimestamp(slot * 1800, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
        lines.append(stamp + "," + ",".join(f"{value / 1000:.3f}" for value in column))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("clock", "zone"), [("utc", "UTC"), ("local", TZ)])
def test_twin_on_the_sample(
    half_hours: tuple[Sample, Window, np.ndarray], tmp_path: Path, clock: str, zone: str
) -> None:
    _, window, energy = half_hours
    path = tmp_path / "twin.csv.gz"
    path.write_bytes(gzip.compress(wide_text(window, energy, zone).encode()))
    series = read_lcl(path, clock=clock)
    assert series.readings.window == window
    assert (series.readings.imported_wh == energy).all()
    assert series.readings.present.all()
    assert series.notes == ()
    assert read_lcl(path, clock=clock, homes=2).names == ("MAC000000", "MAC000001")


def test_the_trials_own_rows(half_hours: tuple[Sample, Window, np.ndarray], tmp_path: Path) -> None:
    _, window, energy = half_hours
    lines = ["LCLid,stdorToU,DateTime,KWH/hh (per half hour) "]
    for home, row in enumerate(energy):
        for slot, value in zip(range(window.first, window.end), row.tolist(), strict=True):
            stamp = datetime.fromtimestamp(slot * 1800, UTC).strftime("%Y-%m-%d %H:%M:%S.0000000")
            lines.append(f"MAC{home},Std,{stamp}, {value / 1000:.3f} ")
    gap, again = lines[5], lines[9]
    lines[5] = gap.rsplit(",", 1)[0] + ",Null"
    lines += [again, "MAC0,Std,2016-10-30 15:13:41.0000000,Null"]
    path = tmp_path / "block_0.csv"
    path.write_text("\n".join(lines))
    series = read_lcl(path)
    assert series.names == ("MAC0", "MAC1", "MAC2", "MAC3")
    missing = np.argwhere(~series.readings.present)
    assert missing.tolist() == [[0, 4]]
    assert (series.readings.imported_wh[1:] == energy[1:]).all()
    assert "1 rows left out: the same row twice" in series.notes


def test_errors(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("t,MAC1\n2013-01-01 00:00:00,0.1\n2013-01-01 00:30:00,-0.1x\n")
    with pytest.raises(SourceError) as caught:
        read_lcl(path)
    assert caught.value.where == "bad.csv, line 3, column 'MAC1'"
    with pytest.raises(InputError, match="clock"):
        read_lcl(path, clock="gmt")
