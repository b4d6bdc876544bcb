"""The watch over totals: what it must find, what it must not, and how its numbers behave."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.detection import (
    EVERYWHERE,
    Attack,
    Found,
    Series,
    Suspicion,
    calibrate,
    features,
    score,
    watch,
)
from quietgrid.algorithms.detection.features import cusum, expected
from quietgrid.errors import InputError

PER_DAY = 24
DAYS = 70


def town(days: int = DAYS, groups: int = 3, seed: int = 0) -> Series:
    """Made-up groups: a daily course, noise, honest heads."""
    rng, t = np.random.default_rng(seed), np.arange(days * PER_DAY)
    course = 20e3 + 10e3 * np.sin(2 * np.pi * t / PER_DAY)[:, None] * (1 + np.arange(groups) / 10)
    total = course + 1_500 * rng.standard_normal((len(t), groups))
    head = total * 1.01 + 40 * rng.standard_normal(total.shape)
    return Series(head, total, PER_DAY)


def until(series: Series, end: int) -> Series:
    return Series(series.head_w[:end], series.total_w[:end], series.per_day)


START = 60 * PER_DAY
QUIET = town()
USING = calibrate(until(QUIET, START))


def changed(at: int, end: int, group: int | slice, factor: float = 1.0, *, both: bool = False) -> Series:
    head, total = QUIET.head_w.copy(), QUIET.total_w.copy()
    head[at:end, group] *= factor
    if both:
        total[at:end, group] *= factor
    return Series(head, total, PER_DAY)


def test_a_quiet_week_is_quiet() -> None:
    assert len(watch(QUIET, USING, START)) <= 1


@pytest.mark.parametrize("factor", [0.8, 0.95, 1.05, 1.3])
def test_a_head_that_lies_is_found_and_named(factor: float) -> None:
    at = START + 50
    alarms = watch(changed(at, at + 12, 1, factor), USING, START)
    mine = [alarm for alarm in alarms if alarm.suspicion is Suspicion.FALSE_DATA]
    assert [alarm.group for alarm in mine] == [1]
    assert at <= mine[0].first <= at + 6


def test_a_replay_and_a_stuck_head_are_found() -> None:
    at = START + 50
    replay, stuck = QUIET.head_w.copy(), QUIET.head_w.copy()
    replay[at : at + 8, 2] = replay[at - 3 * PER_DAY : at + 8 - 3 * PER_DAY, 2]
    stuck[at : at + 8, 0] = stuck[at, 0]
    for head, group in ((replay, 2), (stuck, 0)):
        alarms = watch(replace(QUIET, head_w=head), USING, START)
        assert (Suspicion.REPLAY, group) in {(alarm.suspicion, alarm.group) for alarm in alarms}


def test_load_moved_in_all_groups_at_once_is_seen_together() -> None:
    at = START + 60
    alarms = watch(changed(at, at + 3, slice(None), 1.25, both=True), USING, START)
    assert any(alarm.suspicion is Suspicion.LOAD and alarm.group == EVERYWHERE for alarm in alarms)
    assert not any(alarm.suspicion is Suspicion.FALSE_DATA for alarm in alarms)


def test_missing_values_raise_no_alarm() -> None:
    head, total = QUIET.head_w.copy(), QUIET.total_w.copy()
    head[START : START + 40, 0] = np.nan
    total[START + 60 : START + 90] = np.nan
    assert len(watch(Series(head, total, PER_DAY), USING, START)) <= 1 + len(watch(QUIET, USING, START))
    assert features(Series(head, total, PER_DAY), USING.normal).mismatch[START, 0] == 0


def test_the_clock_on_the_wall_moves_what_is_expected() -> None:
    """People's evening moves by an hour in UTC when the clock changes; with the clock told, nobody is surprised."""
    change = 40 * PER_DAY
    wall = np.where(np.arange(DAYS * PER_DAY) < change, 1, 2)
    t = np.arange(DAYS * PER_DAY) + wall
    total = (20e3 + 15e3 * (t % PER_DAY == 18)[:, None] + np.zeros((1, 1))).astype(float)
    with_clock, without = Series(total, total, PER_DAY, wall), Series(total, total, PER_DAY)
    after = slice(change + 3, change + 3 * PER_DAY)
    assert np.abs(total - expected(with_clock))[after].max() < 1
    assert np.abs(total - expected(without))[after].max() > 10e3


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40))
def test_cusum_is_never_negative_and_grows_at_most_by_what_came(values: list[float]) -> None:
    column = np.array(values)[:, None]
    sums = cusum(column).ravel()
    assert (sums >= 0).all()
    assert (np.diff(np.concatenate([[0], sums])) <= np.abs(column.ravel()) + 1e-9).all()


@given(st.integers(0, 200), st.integers(1, 20), st.integers(0, 2))
def test_scores_count_what_overlaps(first: int, length: int, group: int) -> None:
    attack = Attack(Suspicion.FALSE_DATA, group, first, first + length)
    hit = Found(Suspicion.FALSE_DATA, group, first, first, 2.0)
    elsewhere = Found(Suspicion.FALSE_DATA, (group + 1) % 3, first, first, 2.0)
    before = Found(Suspicion.FALSE_DATA, group, first - 5, first - 1, 2.0)
    found = score([before, hit, elsewhere], [attack])
    assert (found.found, found.alarms, found.false) == (1, 3, 2)
    assert found.recall == 1
    assert found.precision == pytest.approx(1 / 3)


def test_what_cannot_be_learnt_from() -> None:
    with pytest.raises(InputError, match="too short"):
        calibrate(until(QUIET, 20 * PER_DAY))
    with pytest.raises(InputError, match="do not fit"):
        Series(np.zeros((3, 2)), np.zeros((2, 2)), 24)
    with pytest.raises(InputError, match="false alarms"):
        calibrate(until(QUIET, START), 0)
    silent = Series(np.full((START, 1), np.nan), QUIET.total_w[:START, :1], PER_DAY)
    with pytest.raises(InputError, match="no values"):
        calibrate(silent)


def rough(seed: int, known: float = 1.0) -> Series:
    """Groups whose loads have heavy tails; a share of the days is not known, each group its own."""
    rng, quiet = np.random.default_rng(seed), town(49, 4, seed)
    total = quiet.total_w + 700 * rng.laplace(size=quiet.total_w.shape)
    gone = np.repeat(rng.random((49, 4)) >= known, PER_DAY, axis=0)
    return Series(total * 1.01 + 40 * rng.standard_normal(total.shape), np.where(gone, np.nan, total), PER_DAY)


@pytest.mark.parametrize("known", [1.0, 0.4])
def test_after_five_weeks_false_alarms_are_as_rare_as_is_stated(known: float) -> None:
    """One of each kind a month; forty fortnights, each learnt from five weeks only."""
    counts = dict.fromkeys(Suspicion, 0)
    for seed in range(40):
        series = rough(seed, known)
        for alarm in watch(series, calibrate(until(series, 35 * PER_DAY)), 35 * PER_DAY):
            counts[alarm.suspicion] += 1
    assert all(30 * number / (40 * 14) <= 1.3 for number in counts.values()), counts


def test_where_few_days_are_known_thresholds_are_wider() -> None:
    whole, few = (calibrate(until(rough(2, known), 35 * PER_DAY)) for known in (1.0, 0.4))
    assert whole.days == 27
    assert few.days < 15
    assert few.surprise > 1.1 * whole.surprise
    assert few.together > 1.1 * whole.together
