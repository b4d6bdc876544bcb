"""Baselines: sums that are exact on sealed readings, ranked ones in their bounds, and what the gate accepts."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quietgrid.algorithms.baseline import (
    PRESETS,
    DayRule,
    OpenRule,
    Scale,
    SealedRule,
    Shift,
    Take,
    combined,
    control_group,
    errors,
    look_back,
    preset,
    regression,
)
from quietgrid.algorithms.baseline.comparing import rounded
from quietgrid.algorithms.baseline.open_rules import adjusted, ranked
from quietgrid.algorithms.calendar import Calendar, holidays
from quietgrid.algorithms.herd import check_events
from quietgrid.crypto.secret import masks
from quietgrid.demo import Sample
from quietgrid.errors import InputError, NotFoundError
from quietgrid.model.interval import Window, day_window, local_window
from quietgrid.model.readings import Readings
from quietgrid.wire.series import Series

LONDON, BERLIN = Calendar("Europe/London", "GB"), Calendar("Europe/Berlin", "DE")
FIRST = 16_000  # a UTC day, Tuesday 22 October 2013


def evening(day: int, length: int = 8) -> Window:
    return Window(day * 48 + 34, day * 48 + 34 + length, 1800)


def sealed_sums(readings: Readings, weights: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Seal every cell with three keys a meter, add up ciphertexts and each key's masks, open the difference."""
    window, n = readings.window, len(readings.meters)
    rng = np.random.default_rng(seed)
    total = np.zeros((n, 1), np.uint64)
    for day, a, b in window.by_day():
        low = day * (86_400 // window.resolution) + a - window.first
        part = slice(low, low + b - a)
        keys = rng.integers(0, 256, (3, n, 32), np.uint8)
        sealed = readings.imported_wh[:, part].astype(np.uint64)
        masks.add_masks(sealed, keys, 0, 0, window.resolution, first=a)
        here, row = np.ones((n, b - a), np.bool_), weights[None, part]
        assert not np.array_equal(sealed, readings.imported_wh[:, part].astype(np.uint64))
        total += sealed @ row.T.astype(np.uint64)
        for key in keys:
            total -= masks.weighted_sums(key, 0, 0, window.resolution, row, here, first=a)
    return total.astype(np.int64)[:, 0]


def ten_of_ten(readings: Readings, event: Window, slots: NDArray[np.int64]) -> list[Fraction]:
    """The same by the book, for each home: mean of the days minus the event, in fractions of a watt-hour."""
    first = readings.window.first
    out = []
    for home in readings.imported_wh:
        past = sum(int(home[slot - first]) for slot in slots.reshape(-1).tolist())
        used = sum(int(home[slot - first]) for slot in range(event.first, event.end))
        out.append(Fraction(past, len(slots)) - used)
    return out


def equal_to_the_wh(readings: Readings, event: Window, calendar: Calendar) -> None:
    rule = PRESETS["10-of-10"].rule
    assert isinstance(rule, SealedRule)
    vector = rule.vector(event, calendar, first=readings.window.first)
    opened = sealed_sums(readings, vector.on(readings.window), 7)
    plain = ten_of_ten(readings, event, look_back(event, rule.days, calendar, first=readings.window.first).slots)
    assert [Fraction(int(value), vector.denominator) for value in opened] == plain
    assert vector.sums(readings.imported_wh, readings.window).tolist() == opened.tolist()
    assert [vector.reduction_wh(int(value)) for value in opened] == [round(one) for one in plain]
    price = 312_345
    assert [vector.reward_micro(int(v), price) for v in opened] == [round(one * price / 1000) for one in plain]


def test_ten_of_ten_on_the_sealed_sample(sample: Sample) -> None:
    readings = sample.readings
    last = readings.window.end // 96 - 3
    while not BERLIN.working(BERLIN.day_of(last * 96 + 70, 900)):
        last -= 1
    equal_to_the_wh(readings, Window(last * 96 + 68, last * 96 + 76, 900), BERLIN)


def test_ten_of_ten_on_sealed_london(lcl: Series) -> None:
    r = lcl.readings
    keep = slice(90 * 48, 150 * 48)
    cut = Readings(
        r.meters, Window(r.window.first + 90 * 48, r.window.first + 150 * 48, 1800), r.imported_wh[:, keep],
        r.exported_wh[:, keep], r.present[:, keep],
    )  # fmt: skip
    day = cut.window.end // 48 - 2
    while not LONDON.working(LONDON.day_of(day * 48 + 36, 1800)):
        day -= 1
    equal_to_the_wh(cut, evening(day), LONDON)


@given(st.integers(0, 300), st.integers(4, 12), st.sampled_from([None, Shift(), Shift(3_600, 0), Shift(14_400, 1_800)]))
@settings(max_examples=40, deadline=None)
def test_constant_use_is_no_reduction_and_a_shift_follows_the_course(
    after: int, length: int, shift: Shift | None
) -> None:
    """Weights add up to zero, so what is used always is no reduction; and the sum is the course minus the event."""
    event = evening(FIRST + after, length)
    rule = SealedRule(DayRule(10, 4, 45, least=4), shift)
    vector = rule.vector(event, LONDON)
    assert int(vector.weights.sum()) == 0
    window = Window(event.first - 60 * 48, event.end, 1800)
    readings = np.random.default_rng(after).integers(0, 5_000, (3, len(window)))
    course = rule.expected(readings, window, event, LONDON).sum(axis=1)
    used = readings[:, event.first - window.first :].sum(axis=1)
    assert np.allclose(vector.sums(readings, window) / vector.denominator, course - used, atol=1e-6)
    both = vector.sums(readings[0] + 3 * readings[1], window)
    assert both == vector.sums(readings[0], window) + 3 * vector.sums(readings[1], window)


def test_a_months_events_are_one_number_with_exact_money() -> None:
    period = Window(FIRST * 48, (FIRST + 45) * 48, 1800)
    events = [evening(FIRST + 30), evening(FIRST + 36), evening(FIRST + 41, 6)]
    rule = SealedRule(DayRule(10, 4, 45, least=4))
    parts = [
        (rule.vector(event, LONDON, events, period.first), rate) for event, rate in zip(events, (3, 2, 5), strict=True)
    ]
    month = combined(parts)
    readings = np.random.default_rng(1).integers(0, 4_000, (5, len(period)))
    exact = [
        sum(Fraction(int(one.sums(home, period)) * rate, one.denominator) for one, rate in parts) for home in readings
    ]
    assert [Fraction(int(v), month.denominator) for v in month.sums(readings, period)] == exact
    assert month.within(period)
    assert not month.within(Window(period.first + 30 * 48, period.end, 1800))
    book = np.ones((1, len(period)), np.int64)
    check_events(book, month.on(period)[None], np.arange(40)[:, None] < 20, 15)


def test_event_days_weekends_and_holidays_are_left_out() -> None:
    monday = local_window(date(2013, 5, 13), date(2013, 5, 14), "Europe/London", 1800)
    event = Window(monday.first + 36, monday.first + 40, 1800)
    other = Window(event.first - 3 * 48, event.end - 3 * 48, 1800)  # Friday 10 May
    found = look_back(event, DayRule(5, least=5), LONDON, [other])
    assert [day.isoformat()[5:] for day in found.dates] == ["05-09", "05-08", "05-07", "05-03", "05-02"]
    assert date(2013, 5, 6) in holidays("GB", 2013)
    with pytest.raises(InputError, match="of 10 days"):
        look_back(event, DayRule(10, least=10, look_back=10), LONDON, [other])


def test_local_times_hold_over_the_clock_change() -> None:
    after = local_window(date(2013, 4, 2), date(2013, 4, 3), "Europe/London", 1800)
    event = Window(after.first + 36, after.first + 40, 1800)
    found = look_back(event, DayRule(10, least=5, alike=False), LONDON)
    hours = {
        (slot % 48) / 2
        for slot, day in zip(found.slots[:, 0].tolist(), found.dates, strict=True)
        if day < date(2013, 3, 31)
    }
    assert hours == {18.0}
    assert (event.first % 48) / 2 == 17.0


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=12), st.data())
def test_ranked_means_are_ordered_and_ignore_the_order_of_days(values: list[int], data: st.DataObject) -> None:
    take = data.draw(st.integers(1, len(values)))
    energy = np.array(values, np.float64)
    mean = {which: float(ranked(energy, take, which) @ energy) for which in Take}
    tolerance = 1e-6
    assert mean[Take.LOWEST] <= mean[Take.MIDDLE] + tolerance <= mean[Take.HIGHEST] + 2 * tolerance
    assert min(values) - tolerance <= mean[Take.LOWEST]
    assert mean[Take.HIGHEST] <= max(values) + tolerance
    order = data.draw(st.permutations(range(len(values))))
    for which in Take:
        again = energy[list(order)]
        assert float(ranked(again, take, which) @ again) == pytest.approx(mean[which])


@given(st.integers(0, 10**5), st.integers(0, 10**5), st.integers(1, 50), st.booleans())
def test_a_ratio_stays_within_its_cap(usual: int, actual: int, cap: int, upward: bool) -> None:
    course = np.array([100.0, 200.0])
    got = adjusted(course, np.array(float(usual)), np.array(float(actual)), Scale(cap_percent=cap, upward_only=upward))
    low = 1.0 if upward else 1 - cap / 100
    assert (got >= course * low - 1e-9).all()
    assert (got <= course * (1 + cap / 100) + 1e-9).all()
    moved = adjusted(course, np.array(float(usual)), np.array(float(actual)), Shift(), cap)
    assert (np.abs(moved - course) <= course * cap / 100 + 1e-9).all()


def test_only_sums_have_vectors() -> None:
    for one in PRESETS.values():
        assert one.linear is hasattr(one.rule, "vector")
    assert not preset("caiso-10-of-10").linear
    with pytest.raises(NotFoundError, match="10-of-10"):
        preset("11-of-10")


def test_weights_the_gate_would_refuse_are_refused_here() -> None:
    rule = SealedRule()
    one = rule.vector(evening(FIRST + 57), LONDON)
    with pytest.raises(InputError, match="4096 or more"):
        combined([(one, 4_999)])
    with pytest.raises(InputError, match="4 intervals or more"):
        rule.vector(evening(FIRST + 57, 3), LONDON)
    with pytest.raises(InputError, match="out of the period"):
        one.on(day_window(FIRST + 57, 1800))


def test_all_of_the_days_is_the_mean_whatever_the_rank() -> None:
    event = evening(FIRST + 57)
    window = Window(event.first - 50 * 48, event.end, 1800)
    readings = np.random.default_rng(3).integers(0, 900, (4, len(window)))
    days = DayRule(10, 4, 45, least=4)
    plain = SealedRule(days).expected(readings, window, event, LONDON)
    assert np.allclose(plain, OpenRule(days, 10).expected(readings, window, event, LONDON))
    high = OpenRule(days, 5).expected(readings, window, event, LONDON)
    assert (high.sum(axis=1) > plain.sum(axis=1)).all()


def test_a_regression_finds_what_the_temperature_does() -> None:
    event = evening(FIRST + 57)
    window = Window(event.first - 50 * 48, event.end, 1800)
    days = np.arange(len(window)) // 48
    temperature = 5 + 6 * np.sin(days * 1.3)
    use = np.rint(2_000 - 50 * temperature).astype(np.int64)
    vector = regression(event, LONDON, DayRule(10, 4, 45, least=4), temperature, window)
    assert int(vector.weights.sum()) == 0
    per_interval = vector.reduction_wh(int(vector.sums(use, window))) / len(event)
    assert abs(per_interval) < 2
    mean = SealedRule(DayRule(10, 4, 45, least=4)).vector(event, LONDON)
    assert abs(mean.reduction_wh(int(mean.sums(use, window))) / len(event)) > 20


@given(st.lists(st.integers(-20, 100), min_size=2, max_size=12).filter(lambda v: sum(v) > 0), st.integers(10, 4_000))
def test_rounded_shares_add_up(values: list[int], steps: int) -> None:
    shares = np.array(values) / sum(values)
    got = rounded(shares, steps)
    assert int(got.sum()) == steps
    assert (np.abs(got - shares * steps) <= 1 + 1e-6).all()


def test_a_control_group_finds_the_effect_and_no_effect() -> None:
    rng = np.random.default_rng(5)
    base = 1_000 + 300 * np.sin(np.arange(48) / 8) + rng.normal(0, 60, (200, 1))
    asked, others = (base * rng.normal(1, 0.04, (200, 48)) for _ in range(2))
    event = np.zeros((200, 48), np.bool_)
    event[::4, 34:40] = True
    nothing = control_group(asked, others, event)
    assert nothing.low <= 0 <= nothing.high
    found = control_group(np.where(event, 0.9 * asked, asked), others, event)
    assert found.low <= -10 <= found.high < 0
    assert found.days == 50
    with pytest.raises(InputError):
        control_group(asked, others, np.zeros((200, 48), np.bool_))


@given(st.lists(st.integers(1, 10_000), min_size=2, max_size=20), st.integers(-50, 50))
def test_errors_of_a_constant_share(values: list[int], percent: int) -> None:
    actual = np.array(values, np.float64)
    found = errors(actual * (1 + percent / 100), actual)
    assert found.bias_percent == pytest.approx(percent, abs=1e-6)
    assert found.error_percent == pytest.approx(abs(percent), abs=1e-6)
    assert found.cvrmse_percent >= found.error_percent - 1e-6
