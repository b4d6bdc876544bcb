"""Forecasts: nothing later than their issue enters, the same input gives the same, bands hold, naive ones are naive."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.algorithms.calendar import Calendar
from quietgrid.algorithms.forecast import Growth, Trees, WeekBefore, features, four_weeks, pinball, watch, weekly_scale
from quietgrid.algorithms.forecast.issuing import Asked, offset, totals_at
from quietgrid.algorithms.forecast.scores import drift
from quietgrid.demo import Sample
from quietgrid.errors import InputError
from quietgrid.model.forecast import Forecast, Forecaster, History, Method, Weather
from quietgrid.model.interval import DAY_S, Window
from quietgrid.model.question import Quantity

HERE = Calendar("Europe/Berlin", "DE")
FIRST, DAYS = 19_000, 70
SMALL = Growth(rounds=30, outer_rounds=10)


def history(seed: int = 1, days: int = DAYS) -> History:
    """A group with a daily and weekly course, warmth that lowers its use, and gaps."""
    rng = np.random.default_rng(seed)
    t = np.arange(days * 48)
    window = Window(FIRST * 48, (FIRST + days) * 48, 1800)
    warm = 10 + 5 * np.sin(t / 48 / 3) + rng.normal(0, 0.3, len(t))
    use = (
        9_000 + 4_000 * np.sin(t / 48 * 2 * np.pi) - 1_000 * (t // 48 % 7 > 4) - 150 * warm + rng.normal(0, 300, len(t))
    )
    known_at = (t // 48 - 1 + FIRST) * DAY_S
    weather = Weather(window, ("temperature_c",), warm[None], known_at.astype(np.int64))
    known = rng.random(len(t)) > 0.01
    return History("leaf", Quantity.IMPORT, window, np.rint(use).astype(np.int64), known, weather)


def day(number: int) -> Window:
    return Window((FIRST + number) * 48, (FIRST + number + 1) * 48, 1800)


def changed_after(whole: History, unix: float, seed: int) -> History:
    """The same until a moment; everything that ended, or was published, later is something else."""
    rng = np.random.default_rng(seed)
    later = (np.arange(whole.window.first, whole.window.end) + 1) * 1800 > unix
    energy = np.where(later, rng.integers(0, 10**6, len(later)), whole.energy_wh)
    known = np.where(later, rng.random(len(later)) < 0.5, whole.known)
    assert whole.weather is not None
    values = np.where(whole.weather.known_at > unix, rng.normal(0, 50, len(later)), whole.weather.values)
    return replace(whole, energy_wh=energy, known=known, weather=replace(whole.weather, values=values))


@pytest.mark.parametrize("lead", [0, 20])
def test_a_forecast_is_the_same_whatever_comes_later(lead: int) -> None:
    whole, window = history(), day(60)
    issued = (window.first - lead) * 1800 + 7
    for method in (Trees(HERE, SMALL), WeekBefore(), four_weeks()):
        one = method.forecast(whole, window, issued)
        other = method.forecast(changed_after(whole, issued, 5), window, issued)
        assert one.issued == issued
        assert np.array_equal(one.values_wh, other.values_wh)
        assert np.array_equal(one.paths_wh, other.paths_wh)
        earlier = method.forecast(changed_after(whole, issued - 5 * DAY_S, 5), window, issued)
        assert not np.array_equal(one.values_wh, earlier.values_wh)  # the comparison can see a difference


@given(st.integers(35 * 48, 60 * 48), st.integers(0, 60))
@settings(max_examples=25, deadline=None)
def test_features_of_every_row_use_only_earlier_data(origin: int, ahead: int) -> None:
    """Recomputed from a history that ends at the row's own origin, whatever the history knows by now."""
    whole = history()
    origins = np.array([FIRST * 48 + origin - n * 48 for n in range(3)])
    targets = origins + ahead
    rows = features(whole, HERE, origins, targets)
    for place in range(3):
        cut = changed_after(whole, float(origins[place]) * 1800, 9)
        again = features(cut, HERE, origins[place : place + 1], targets[place : place + 1])
        assert np.array_equal(rows[place], again[0], equal_nan=True)
    assert np.isfinite(rows).mean() > 0.6


def test_the_same_input_grows_the_same_trees() -> None:
    one, other = (Trees(HERE, SMALL).forecast(history(), day(60), day(60).first * 1800) for _ in range(2))
    assert one.values_wh.tobytes() == other.values_wh.tobytes()
    assert one.method is Method.TREES


def test_trees_grown_once_serve_a_week_and_never_an_earlier_day() -> None:
    whole = history()
    grown = Trees(HERE, SMALL).grow(whole, day(60), day(60).first * 1800)
    made = [grown.forecast(whole, day(n), day(n).first * 1800) for n in range(60, 67)]
    assert [one.window for one in made] == [day(n) for n in range(60, 67)]
    with pytest.raises(InputError, match="other windows"):
        grown.forecast(whole, day(59), day(59).first * 1800)


def test_an_hour_ahead_within_the_day() -> None:
    whole = history()
    window = Window(day(60).first + 20, day(60).first + 32, 1800)
    found = Trees(HERE, SMALL).forecast(whole, window, (window.first - 2) * 1800)
    actual = totals_at(whole, np.arange(window.first, window.end))
    assert found.values_wh.shape == (3, 12)
    assert np.nanmean(np.abs(actual - found.middle_wh)) < 2_000


def forecast_of(method: Forecaster, whole: History, numbers: range) -> list[Forecast]:
    return [method.forecast(whole, day(n), day(n).first * 1800) for n in numbers]


def test_bands_of_naive_forecasts_cover_what_they_say() -> None:
    whole = history(days=140)
    found = watch(forecast_of(WeekBefore(), whole, range(60, 140)), whole)
    assert 700 <= found.covered_permille <= 900
    assert found.nominal_permille == 800
    assert found.forecasts == 80
    assert found.mase == pytest.approx(1.0, abs=0.05)
    better = watch(forecast_of(four_weeks(), whole, range(60, 140)), whole)
    assert better.mase < found.mase


def test_too_little_and_too_late() -> None:
    short = history(days=20)
    with pytest.raises(InputError, match="days of totals"):
        Trees(HERE, SMALL).forecast(short, day(20), day(20).first * 1800)
    with pytest.raises(InputError, match="earlier days"):
        WeekBefore().forecast(history(days=10), day(10), day(10).first * 1800)
    with pytest.raises(InputError, match="has not begun"):
        Asked.at(day(3), (day(3).first + 1) * 1800)


def test_naive_on_the_sample_is_last_week(sample: Sample) -> None:
    readings = sample.readings
    energy = readings.imported_wh.sum(axis=0)
    whole = History("all", Quantity.IMPORT, readings.window, energy, np.ones(len(energy), np.bool_))
    last = readings.window.end // 96 - 1
    window = Window(last * 96, (last + 1) * 96, 900)
    found = WeekBefore().forecast(whole, window, window.first * 900)
    before = window.first - 7 * 96 - readings.window.first
    assert np.array_equal(found.middle_wh, energy[before : before + 96])
    assert (found.low_wh <= found.middle_wh).all()
    assert weekly_scale(whole, window.first) > 0


@given(st.lists(st.integers(-1000, 1000), min_size=20, max_size=300), st.sampled_from([0.1, 0.9]))
def test_an_offset_puts_its_share_below(missed: list[int], share: float) -> None:
    values = np.array(missed, np.float64)
    found = offset(values, share)
    assert (values <= found).mean() >= share - 1 / len(values)
    assert (values < found).mean() <= share + 1 / len(values)


@given(st.integers(-2_000, 20_000), st.integers(0, 5_000))
def test_chances_fall_with_the_level(level: int, more: int) -> None:
    values = np.array([[1_000, 0], [2_000, 0], [4_000, 0]])
    paths = np.array([[1_000, 50], [3_000, 10], [2_500, 0]])
    one = Forecast("leaf", Quantity.IMPORT, Window(0, 2, 1800), 0, Method.WEEK_BEFORE, (100, 500, 900), values, paths)
    low, high = one.chance_over(level), one.chance_over(level + more)
    assert ((low >= high - 1e-9) & (low <= 1) & (high >= 0)).all()
    assert one.chance_of_peak_over(level) >= one.chance_of_peak_over(level + more) - 1e-12
    assert np.allclose(one.chance_over(2_000)[0], 0.5, atol=1e-3)
    assert np.allclose(one.chance_over(4_000)[0], 0.1, atol=1e-3)


def test_a_forecast_that_cannot_be_is_refused() -> None:
    window, none = Window(0, 1, 1800), np.zeros((0, 1), np.int64)
    for quantiles, values in (((100, 900), [[1], [2]]), ((500, 100), [[1], [2]]), ((100, 500), [[2], [1]])):
        with pytest.raises(InputError):
            Forecast("leaf", Quantity.IMPORT, window, 0, Method.TREES, quantiles, np.array(values), none)


def test_drift_needs_a_lasting_shift() -> None:
    rng = np.random.default_rng(4)
    calm = rng.normal(0, 1, 60).tolist()
    assert drift(calm, range(60)) is None
    shifted = [*calm[:30], *(value + 2 for value in calm[30:])]
    found = drift(shifted, range(60))
    assert found is not None
    assert 30 <= found < 45
    assert pinball(np.array([1.0]), np.array([1.0]), 100) == 0


def test_lightgbm_is_loaded_only_when_trees_grow() -> None:
    code = "import sys, quietgrid.algorithms.forecast; print('lightgbm' in sys.modules, 'scipy' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "False"]
