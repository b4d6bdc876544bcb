"""Any CSV: long and wide, units, zones, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from quietgrid.demo import Sample
from quietgrid.errors import InputError, QuietgridError, SourceError
from quietgrid.model import Window
from quietgrid.wire.series import Columns, Series, read_csv


def stamp(slot: int, resolution: int = 900) -> str:
    return datetime.fromtimestamp(slot * resolution, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "in.csv"
    path.write_text(text)
    return path


@pytest.fixture
def days(sample: Sample) -> tuple[Window, np.ndarray, np.ndarray]:
    """Five homes and two days of the sample."""
    window = Window(sample.readings.window.first, sample.readings.window.first + 192, 900)
    cut = sample.readings.cut(window)
    return window, cut.imported_wh[:5], cut.exported_wh[:5]


def test_long_form_round_trip(days: tuple[Window, np.ndarray, np.ndarray], tmp_path: Path) -> None:
    window, imported, exported = days
    rows = [
        f"QG-{meter},{stamp(window.first + t)},{imported[meter, t]},{exported[meter, t]}"
        for t in range(192)
        for meter in (3, 0, 4, 1, 2)
    ]
    series = read_csv(write(tmp_path, "Meter,Time,imported_wh,exported_wh\n" + "\n".join(rows)))
    order = [3, 0, 4, 1, 2]
    assert series.names == tuple(f"QG-{meter}" for meter in order)
    assert series.readings.window == window
    assert (series.readings.imported_wh == imported[order]).all()
    assert (series.readings.exported_wh == exported[order]).all()
    assert series.notes == ()


@pytest.mark.parametrize(("unit", "factor"), [("Wh", 1.0), ("kWh", 1e-3), ("W", 4.0), ("kW", 4e-3)])
def test_wide_form_in_every_unit_net_values_are_split(
    days: tuple[Window, np.ndarray, np.ndarray], tmp_path: Path, unit: str, factor: float
) -> None:
    window, imported, exported = days
    net = (imported - exported) * factor
    rows = [
        f"{stamp(window.first + t)};" + ";".join(f"{v:.3f}".replace(".", ",") for v in net[:, t]) for t in range(192)
    ]
    path = write(tmp_path, "time;a;b;c;d;e\n" + "\n".join(rows))
    series = read_csv(path, Columns(unit=unit))
    assert (series.readings.imported_wh == imported).all()
    assert (series.readings.exported_wh == exported).all()
    with pytest.raises(InputError, match="unit"):
        read_csv(path)


def test_named_columns_zone_and_end_stamps(tmp_path: Path) -> None:
    text = "wann,zaehler,bezug\n30.10.2016 02:30,Z1,0.5\n30.10.2016 02:00,Z1,0.25\n30.10.2016 02:30,Z1,0.75\n"
    columns = Columns("wann", "zaehler", "bezug", unit="kWh", tz="Europe/Berlin", stamp="end", resolution=1800)
    series = read_csv(write(tmp_path, text), columns)
    assert series.readings.imported_wh.tolist() == [[250, 500, 0, 750]]
    assert series.readings.present.tolist() == [[True, True, False, True]]
    assert series.readings.window.start_time == datetime(2016, 10, 29, 23, 30, tzinfo=UTC)
    assert series.tz == "Europe/Berlin"


def test_meters_of_different_length_and_missing_values(tmp_path: Path) -> None:
    rows = [f"a,{stamp(1_000_000 + t)},{t}" for t in range(6)] + [f"b,{stamp(1_000_003 + t)},7" for t in range(5)]
    rows[2] = rows[2].rsplit(",", 1)[0] + ","
    series = read_csv(write(tmp_path, "meter,time,imported_wh\n" + "\n".join(rows)))
    assert series.readings.window == Window(1_000_000, 1_000_008, 900)
    assert series.readings.present.astype(int).tolist() == [[1, 1, 0, 1, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 1, 1]]
    assert series.readings.imported_wh.tolist() == [[0, 1, 0, 3, 4, 5, 0, 0], [0, 0, 0, 7, 7, 7, 7, 7]]
    assert series.notes == ("6 of 16 intervals are missing and stay missing",)
    assert [series.complete(p).names for p in (60, 63, 70)] == [("a", "b"), (), ()]


HEAD = "meter,time,imported_wh\n"
ROWS = "m,2016-01-01T00:00Z,1\nm,2016-01-01T00:15Z,2\n"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (HEAD + ROWS + "m,2016-01-01T00:30Z,-3\n", "in.csv, line 4, column 'imported_wh'"),
        (HEAD + ROWS + "m,soon,3\n", "in.csv, line 4, column 'time'"),
        (HEAD + ROWS + "m,2016-01-01T00:15Z,3\n", "m, line 4"),
        (HEAD + ROWS + "m,2016-01-01T00:30Z,20000000\n", "m, line 4"),
        (HEAD.replace("time", "moment") + ROWS, "in.csv, line 1"),
        ("time,a,a\n2016-01-01T00:00Z,1,2\n", "in.csv, line 1"),
        (HEAD.replace("imported_wh", "energy") + ROWS, "in.csv"),
        (HEAD + ROWS.replace("00:15", "01:00"), "time"),
        (HEAD, "in.csv"),
    ],
)
def test_what_is_refused_says_where(tmp_path: Path, text: str, where: str) -> None:
    columns = Columns(unit="Wh") if text.startswith("time") else Columns()
    with pytest.raises(QuietgridError) as caught:
        read_csv(write(tmp_path, text), columns)
    assert caught.value.where == where
    assert caught.value.fix


def test_wrong_settings() -> None:
    with pytest.raises(InputError, match="MWh"):
        Columns(unit="MWh")
    with pytest.raises(InputError, match="middle"):
        Columns(stamp="middle")


def test_nothing_but_gaps(tmp_path: Path) -> None:
    with pytest.raises((SourceError, InputError)):
        read_csv(write(tmp_path, HEAD + "m,2016-01-01T00:00Z,\nm,2016-01-01T00:15Z,\n"))


def test_selecting_keeps_meter_ids(tmp_path: Path) -> None:
    rows = [f"{name},{stamp(1_000_000 + t)},{t}" for t in range(3) for name in "abc"]
    series: Series = read_csv(write(tmp_path, HEAD + "\n".join(rows))).select(np.array([2, 0]))
    assert series.names == ("c", "a")
    assert series.readings.meters.tolist() == [3, 1]
