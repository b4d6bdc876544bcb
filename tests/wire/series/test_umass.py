"""UMass Smart*: folders written from the sample in both of its shapes."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from quietgrid.demo import load
from quietgrid.errors import InputError, SourceError
from quietgrid.model import Window
from quietgrid.model.interval import local_window
from quietgrid.wire.series import read_umass

TZ = "America/New_York"


def stamps(window: Window) -> list[str]:
    first, end = window.first * window.resolution, window.end * window.resolution
    return [datetime.fromtimestamp(s, ZoneInfo(TZ)).strftime("%Y-%m-%d %H:%M:%S") for s in range(first, end, 60)]


@pytest.mark.parametrize(
    "day", [date(2016, 3, 13), date(2016, 6, 1), date(2016, 11, 6)], ids=["spring", "plain", "autumn"]
)
def test_minutes_of_power_with_pv_conserve_energy(tmp_path: Path, day: date) -> None:
    window = local_window(day, date(day.year, day.month, day.day + 2), TZ, 900)
    draw = np.random.default_rng(4)
    text = stamps(window)
    use, made = draw.integers(0, 8_000_000, len(text)), draw.integers(0, 6_000_000, len(text))
    rows = [f"{t},{u / 1e6:.6f},{g / 1e6:.6f},0.1" for t, u, g in zip(text, use, made, strict=True)]
    (tmp_path / "HomeB-meter1_2016.csv").write_text("Date & Time,use [kW],gen [kW],AC [kW]\n" + "\n".join(rows))
    series = read_umass(tmp_path)
    r = series.readings
    assert series.names == ("HomeB-meter1",)
    assert r.window == window
    assert r.present.all()
    net = use - made
    assert r.imported_wh.sum() == np.maximum(net, 0).sum() // 60_000
    assert r.exported_wh.sum() == np.maximum(-net, 0).sum() // 60_000
    exact = np.maximum(net, 0).reshape(-1, 15).sum(axis=1) / 60_000
    assert np.abs(r.imported_wh[0] - exact).max() <= 1
    assert series.tz == TZ


def test_apartments_without_header_years_joined(tmp_path: Path) -> None:
    window = local_window(date(2015, 12, 31), date(2016, 1, 2), TZ, 900)
    wh = load(3, window).readings.imported_wh
    text = stamps(window)[::15]
    (tmp_path / "2015").mkdir()
    (tmp_path / "2016").mkdir()
    for home, row in enumerate(wh.tolist()):
        lines = [f"{t},{value * 4 / 1000}" for t, value in zip(text, row, strict=True)]
        (tmp_path / "2015" / f"Apt{home}_2015.csv").write_text("\n".join(lines[:96]) + "\n")
        (tmp_path / "2016" / f"Apt{home}_2016.csv.gz").write_bytes(gzip.compress("\n".join(lines[96:]).encode()))
    series = read_umass(tmp_path)
    assert series.names == ("Apt0", "Apt1", "Apt2")
    assert (series.readings.imported_wh == wh).all()
    assert len(read_umass(tmp_path, resolution=1800).readings.window) == len(window) // 2


def test_noise_gaps_and_errors(tmp_path: Path) -> None:
    (tmp_path / "HomeA.csv").write_text(
        "Date & Time,use [kW],gen [kW]\n"
        "2014-01-01 00:00:00,1.0,-0.004\n2014-01-01 00:30:00,,0\n2014-01-01 01:00:00,2.0,0.5\n"
    )
    series = read_umass(tmp_path)
    assert series.readings.window.resolution == 1800
    assert series.readings.imported_wh.tolist() == [[500, 0, 750]]
    assert series.readings.present.tolist() == [[True, False, True]]
    assert series.readings.window.start_time == datetime(2014, 1, 1, 5, tzinfo=UTC)
    assert any("noise" in note for note in series.notes)
    with pytest.raises(InputError, match="intervals of 900"):
        read_umass(tmp_path, resolution=900)
    (tmp_path / "HomeA.csv").write_text("when,how much,why\n1,2,3\n")
    with pytest.raises(SourceError, match="UMass"):
        read_umass(tmp_path)
    (tmp_path / "HomeA.csv").unlink()
    with pytest.raises(SourceError, match="no CSV"):
        read_umass(tmp_path)
