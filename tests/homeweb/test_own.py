"""Own series added up and drawn: gaps stay gaps, sums stay sums, days follow the local clock."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.homeweb.own import daily_spec, hourly_spec, interval_spec, kwh_of
from quietgrid.household import OwnSeries
from quietgrid.household.own import Own, own_of
from quietgrid.model.interval import Window, local_window

TZ = "Europe/Berlin"
D0 = 20_000


def series(pid: int, register: int, window: Window, seed: int, missing: float = 0.2) -> OwnSeries:
    rng = np.random.default_rng([seed, pid])
    present = rng.random(len(window)) >= missing
    energy = np.where(present, rng.integers(0, 3_000, len(window)), 0)
    return OwnSeries(pid, register, window, energy, present, present, np.zeros(len(window), np.uint8))


def own(window: Window, seed: int = 1, missing: float = 0.2) -> Own:
    return own_of([series(1, r, window, seed, missing) for r in (0, 1)], window, {1: 0})


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 12), st.integers(0, 2**32))
def test_bins_add_up_and_never_turn_a_gap_into_zero(length: int, per: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    present = rng.random(length) < 0.3
    values = np.where(present, rng.integers(0, 9_999, length), 0)
    bins = kwh_of(values, present, per)
    assert len(bins) == -(-length // per)
    assert round(1000 * sum(value for value in bins if value is not None)) == int(values.sum())
    assert [value is None for value in bins] == [not present[at : at + per].any() for at in range(0, length, per)]


def test_two_meters_are_there_only_where_both_are() -> None:
    window = Window(D0 * 96, (D0 + 2) * 96, 900)
    a, b = series(1, 0, window, 1), series(2, 0, window, 2)
    late = np.arange(len(window)) >= 96
    b = OwnSeries(2, 0, window, np.where(late, b.energy_wh, 0), b.present & late, b.closed & late, b.version)
    both = own_of([a, b], window, {1: D0 - 5, 2: D0 + 1})
    assert (both.present[:96] == a.present[:96]).all(), "the second meter was not there on the first day"
    assert (both.present[96:] == (a.present & b.present)[96:]).all()
    assert both.import_wh == int((a.energy_wh + b.energy_wh)[both.present].sum())
    assert both.export_wh is None
    before = own_of([a], window, {1: D0 + 1})
    assert not before.known[:96].any()
    assert before.known[96:].all()


@pytest.mark.parametrize("change", [0, 130, 191])
def test_a_replaced_meter_counts_until_the_next_takes_its_place(change: int) -> None:
    """Also on the day of the change itself, and where only the newer one has delivered."""
    window = Window(D0 * 96, (D0 + 2) * 96, 900)
    whole, slots = series(1, 0, window, 1, 0.0), np.arange(len(window))
    parts = [
        OwnSeries(pid, 0, window, np.where(mine, whole.energy_wh, 0), mine, mine, whole.version)
        for pid, mine in ((1, slots < change), (2, slots >= change))
    ]
    both = own_of(parts, window, {1: D0 - 30, 2: D0 + change // 96})
    assert both.present.all()
    assert both.import_wh == int(whole.energy_wh.sum())
    silent = OwnSeries(2, 0, window, whole.energy_wh * 0, slots < 0, slots < 0, whole.version)
    assert own_of([parts[0], silent], window, {1: D0 - 30, 2: D0}).present.sum() == 0, "nobody delivers: a gap"


@settings(max_examples=60, deadline=None)
@given(st.integers(-250, 250), st.integers(0, 300), st.integers(0, 2**16))
def test_any_part_of_a_series(offset: int, length: int, seed: int) -> None:
    window = Window(D0 * 96, D0 * 96 + 200, 900)
    whole = own(window, seed)
    asked = Window(window.first + offset, window.first + offset + length, 900)
    part = whole.over(asked)
    expected = {slot: i for i, slot in enumerate(range(window.first, window.end)) if whole.present[i]}
    found = {slot: int(part.imported_wh[i]) for i, slot in enumerate(range(asked.first, asked.end)) if part.present[i]}
    assert found == {s: int(whole.imported_wh[i]) for s, i in expected.items() if s in asked}


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 7, 1), 24)])
def test_a_day_has_its_own_number_of_hours(day: date, hours: int) -> None:
    window = local_window(day, day + timedelta(days=1), TZ, 900)
    spec = hourly_spec(own(window, missing=0.0), TZ)
    assert len(spec["x"]) == hours
    assert [s["name"] for s in spec["series"]] == ["From the grid", "To the grid"]
    assert spec["x"][0] == window.first * 900


def test_specs_say_the_same_energy() -> None:
    first = date(2026, 3, 27)
    days = [first + timedelta(days=n) for n in range(5)]
    window = local_window(first, first + timedelta(days=5), TZ, 900)
    mine = own(window)
    sums = [
        sum(value for value in spec["series"][0]["data"] if value is not None)
        for spec in (interval_spec(mine, TZ), hourly_spec(mine, TZ), daily_spec(mine, days, TZ))
    ]
    assert sums == pytest.approx([mine.import_wh / 1000] * 3)
    assert interval_spec(mine, TZ)["series"][0]["data"].count(None) == int((~mine.present).sum())


def test_the_newest_reading() -> None:
    window = Window(D0 * 96, D0 * 96 + 4, 900)
    some = Own(window, np.array([1, 250, 0, 0]), np.zeros(4, np.int64), np.array([True, True, False, False]),
               np.ones(4, np.bool_), exports=False)  # fmt: skip
    assert some.last() == D0 * 96 + 1
    assert some.power_w(D0 * 96 + 1) == 1000
    assert some.over(Window(D0 * 96 + 2, D0 * 96 + 4, 900)).last() is None
