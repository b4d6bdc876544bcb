"""The sample: distinct homes, sane energy, the same bytes everywhere, small."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from datetime import date
from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.demo import Sample, load, replay_window
from quietgrid.demo.recipes import community, recipes
from quietgrid.errors import InputError
from quietgrid.model import PartyKind, Readings, Window
from quietgrid.model.interval import local_window

TZ = "Europe/Berlin"
FOUR_WEEKS = 28 * 96


@pytest.fixture(scope="module")
def year() -> Sample:
    """All 120 homes for the 52 weeks from New Year."""
    first = local_window(date(2016, 1, 1), date(2016, 1, 2), TZ, 900).first
    return load(window=Window(first, first + 364 * 96, 900))


def alike(values: np.ndarray) -> float:
    """The highest correlation between any two rows that are not constant."""
    moving = values[values.std(axis=1) > 0].astype(float)
    return float(np.triu(np.corrcoef(moving), 1).max())


def largest(readings: Readings) -> dict[str, float]:
    """The highest correlation in any four weeks of import, export and net."""
    imported, exported = readings.imported_wh, readings.exported_wh
    columns = {"import": imported, "export": exported, "net": imported - exported}
    starts = range(0, len(readings.window) - FOUR_WEEKS + 1, FOUR_WEEKS)
    return {name: max(alike(c[:, a : a + FOUR_WEEKS]) for a in starts) for name, c in columns.items()}


def test_no_two_homes_correlate_above_098_over_28_days(year: Sample) -> None:
    found = largest(year.readings)
    assert max(found.values()) < 0.98, found
    assert found["import"] > 0.5  # homes on one street are alike, not noise


def test_variations_of_the_community_are_distinct_too() -> None:
    assert max(largest(load(360, replay_window(28)).readings).values()) < 0.98


def test_the_measure_sees_copies() -> None:
    one = load(3, replay_window(28)).readings.imported_wh
    assert alike(np.vstack([one, 2 * one[:1] + 5])) > 0.98


def test_energy_of_a_year_is_plausible(year: Sample) -> None:
    kwh = year.readings.imported_wh.sum(axis=1) / 1000
    sold = year.readings.exported_wh.sum(axis=1) / 1000
    plain = [
        home.number - 1
        for home in year.homes
        if home.kind == PartyKind.RESIDENTIAL and not home.pv_w and home.connection_w < 20_000
    ]
    assert len(plain) > 50
    assert kwh[plain].min() > 1_200
    assert kwh[plain].max() < 6_000
    assert 1_800 < np.median(kwh[plain]) < 3_600
    assert kwh.min() > 50
    assert kwh.max() < 70_000
    for home in year.homes:
        hours = 1000 * sold[home.number - 1] / home.pv_w if home.pv_w else 0
        assert (0 < hours < 700) if home.pv_w else sold[home.number - 1] == 0


def test_nobody_uses_more_than_the_connection(year: Sample) -> None:
    peak_w = 4 * np.maximum(year.readings.imported_wh, year.readings.exported_wh).max(axis=1)
    assert all(peak <= home.connection_w for peak, home in zip(peak_w, year.homes, strict=True))


def test_evenings_are_higher_than_nights_and_the_sun_shines_at_noon(year: Sample) -> None:
    day = year.readings.imported_wh[:, : 90 * 96].sum(axis=0).reshape(-1, 24, 4).sum(axis=(0, 2))  # hours UTC
    assert day[17:20].mean() > 2 * day[1:4].mean()
    summer = year.readings.exported_wh[:, 150 * 96 : 240 * 96].sum(axis=0).reshape(-1, 24, 4).sum(axis=(0, 2))
    assert summer[11] > 0.8 * summer.max()
    assert summer[22] < summer.max() / 1000


def test_sections_kinds_and_tariffs(year: Sample) -> None:
    sections = [home.feeder for home in year.homes]
    assert sections == sorted(sections, key=sections.index)
    assert list(Counter(sections).values()) == [30, 30, 30, 30]
    roofs = Counter(home.feeder for home in year.homes if home.registers & 2)
    assert sorted(count >= 15 for count in roofs.values()) == [False, False, False, True]
    kinds = Counter(home.kind for home in year.homes)
    assert kinds[PartyKind.COMMERCIAL] == 6
    assert kinds[PartyKind.INDUSTRIAL] == 1
    tariffs = Counter(home.tariff for home in year.homes)
    assert set(tariffs) == {"flat", "time-of-use", "block", "real-time"}
    assert tariffs["time-of-use"] > 60
    for section in roofs:
        certified = [home.connection_w for home in year.homes if home.feeder == section]
        assert max(certified) < 0.15 * sum(certified)
    assert len({home.name for home in year.homes}) == 120


def test_only_one_register_moves_at_a_time_and_firms_have_no_appliances(year: Sample) -> None:
    assert not (year.readings.imported_wh * year.readings.exported_wh).any()
    assert all((one.appliances == 0) == (one.kind != "residential") for one in community())


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 200 * 96), st.integers(1, 3 * 96), st.integers(1, 60))
def test_a_window_is_a_cut_of_a_longer_one(year: Sample, start: int, length: int, homes: int) -> None:
    first = year.readings.window.first + start
    window = Window(first, first + length, 900)
    part, whole = load(homes, window).readings, year.readings.cut(window)
    assert (part.imported_wh == whole.imported_wh[:homes]).all()
    assert (part.exported_wh == whole.exported_wh[:homes]).all()


def test_the_same_bytes_everywhere() -> None:
    readings = load(150, replay_window(7)).readings
    digest = hashlib.sha256(readings.imported_wh.astype("<i8").tobytes() + readings.exported_wh.astype("<i8").tobytes())
    assert digest.hexdigest() == "13356e1d5e6a6bd17d37a26db27bad37fe13da0907fabd8f96ebae360023d723"


def test_a_fresh_process_gives_the_same() -> None:
    code = "from quietgrid.demo import load; r = load(40).readings; print(r.imported_wh.sum(), r.exported_wh.sum())"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    mine = load(40).readings
    assert out == [str(mine.imported_wh.sum()), str(mine.exported_wh.sum())]


def test_summer_time_moves_the_people_not_the_sun() -> None:
    short = local_window(date(2016, 3, 26), date(2016, 3, 29), TZ, 900)
    assert load(1, short).readings.imported_wh.shape == (1, 3 * 96 - 4)
    change = short.first // 96 + 2

    def week(day: int, homes: int) -> Readings:
        return load(homes, Window(day * 96, (day + 7) * 96, 900)).readings

    def later_by(a: np.ndarray, b: np.ndarray) -> int:
        mean_a, mean_b = (x.reshape(7, 96).mean(axis=0) for x in (a, b))
        return max(range(-8, 9), key=lambda slots: float(np.corrcoef(mean_a, np.roll(mean_b, -slots))[0, 1]))

    before, after = week(change - 7, 31), week(change + 1, 31)
    assert later_by(before.imported_wh[30], after.imported_wh[30]) == -4  # the hairdresser opens an hour earlier in UTC
    assert abs(later_by(before.exported_wh.sum(axis=0), after.exported_wh.sum(axis=0))) < 4
    assert replay_window().start_time.isoformat() == "2016-05-31T22:00:00+00:00"
    assert len(replay_window()) == 40 * 96


def test_the_stored_year_follows_itself() -> None:
    one = replay_window(7)
    later = Window(one.first + 364 * 96, one.end + 364 * 96, 900)
    firm = community()[30]
    assert firm.kind == "commercial"
    now, then = (load(31, w).readings.imported_wh[30] for w in (one, later))
    assert (now == then).all()


def test_the_files_are_small_and_licensed() -> None:
    folder = resources.files("quietgrid.demo")
    data = folder / "data"
    files = [f for where in (folder, data, data / "grid") for f in where.iterdir() if f.is_file()]
    assert sum(len(f.read_bytes()) for f in files) <= 1_500_000
    assert "Open Database License" in (folder / "LICENSE-ODbL.txt").read_text()
    assert "simbench.net" in (folder / "ATTRIBUTION.md").read_text()


def test_asking_for_what_is_not_there() -> None:
    with pytest.raises(InputError, match="empty"):
        load(0)
    with pytest.raises(InputError, match="15-minute"):
        load(1, Window(1_000_000, 1_000_048, 1800))
    with pytest.raises(InputError, match="1970"):
        load(1, Window(0, 96, 900))
    assert load(1, Window(1_600_000, 1_600_000, 900)).readings.imported_wh.shape == (1, 0)


def test_more_homes_come_in_sections_of_their_own() -> None:
    more = recipes(300)
    sections = Counter(one.feeder for one in more)
    assert list(sections.values()) == [30] * 10
    assert len({one.name for one in more}) == 300
