"""Frequency: closed forms, droop laws, load shedding by plan, quality of a measured course."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.frequency import (
    CRITICAL,
    Area,
    Block,
    Containment,
    Event,
    LimitedSensitive,
    along,
    frequency_quality,
    shedding_plan,
    simulate,
)
from quietgrid.errors import InputError

ISLAND = Area(base_w=300e3, inertia_s=1.0, reserve=0.02)
"""A community on its own: little inertia, little reserve."""
areas = st.builds(
    Area, base_w=st.floats(1e4, 1e9), inertia_s=st.floats(1, 10), damping=st.floats(0, 3), droop=st.floats(0.02, 0.2),
    governor_s=st.floats(0.05, 0.5), turbine_s=st.floats(0.1, 1.0),
)  # fmt: skip


@given(areas, st.floats(-0.05, 0.05))
def test_steady_state_is_the_closed_form(area: Area, share: float) -> None:
    loss = share * area.base_w
    course = simulate(area, [Event(0, loss)], seconds=400, step_s=0.1)
    swing = abs(course.hz[-100:] - area.rated_hz - area.steady_hz(loss)).max()
    settles = 1 / area.droop < 1 + 2 * area.inertia_s / (area.governor_s + area.turbine_s)  # far from instability
    if settles:
        assert swing <= 1e-4 + 0.01 * abs(area.steady_hz(loss))


@given(areas, st.floats(0.001, 0.2))
def test_frequency_begins_to_fall_as_the_closed_form_says(area: Area, share: float) -> None:
    loss = share * area.base_w
    course = simulate(area, [Event(0, loss)], seconds=0.01, step_s=0.0005)
    assert (course.hz[1] - course.hz[0]) / 0.0005 == pytest.approx(area.first_rocof(loss), rel=0.01)


def test_the_step_does_not_change_the_course() -> None:
    fine = simulate(Area(1e6), [Event(1, 30e3)], seconds=20, step_s=0.002)
    coarse = simulate(Area(1e6), [Event(1, 30e3)], seconds=20, step_s=0.05)
    assert np.allclose(fine.hz[::25], coarse.hz, atol=1e-9)


def test_secondary_control_brings_back_fifty_hertz() -> None:
    area = Area(1e6, agc_per_s=0.3)
    assert simulate(area, [Event(1, 30e3)], seconds=200).end_hz == pytest.approx(50, abs=1e-3)
    assert simulate(Area(1e6), [Event(1, 30e3)], seconds=200).end_hz < 49.95


def test_events_add_up_and_opposite_ones_cancel() -> None:
    course = simulate(Area(1e6), [Event(1, 20e3), Event(1, 10e3), Event(30, -30e3)], seconds=90)
    assert course.hz.min() == pytest.approx(simulate(Area(1e6), [Event(1, 30e3)], seconds=29).hz.min())
    assert course.end_hz == pytest.approx(50, abs=1e-3)


def test_losing_three_per_cent_alone_with_and_without_the_community() -> None:
    loss = [Event(1, 9e3)]
    alone = simulate(ISLAND, loss, seconds=60)
    helped = simulate(ISLAND, loss, seconds=60, responses=[Containment(15e3, full_in_s=0.5, give_wh=4e3, take_wh=4e3)])
    assert alone.nadir_hz < 49.7  # the reserve is smaller than the loss: only falling load stops it
    assert helped.nadir_hz > 49.85
    assert helped.support_w.max() <= 15e3
    exhausted = simulate(ISLAND, loss, seconds=120, responses=[Containment(15e3, full_in_s=0.5, give_wh=40)])
    assert exhausted.end_hz == pytest.approx(alone.end_hz, abs=0.01)  # 40 Wh are soon gone


def test_shedding_follows_the_plan() -> None:
    plan = shedding_plan(
        [Block(name, 25e3, priority) for name, priority in zip("abcdefgh", (3, 3, 2, 2, 2, 1, 1, 0), strict=False)]
    )
    course = simulate(ISLAND, [Event(1, 100e3)], seconds=60, stages=plan)
    order = [block.name for stage in plan for block in stage.blocks]
    names = [name for _, name in course.trips]
    assert names == order[: len(names)]
    assert names
    assert "h" not in order  # critical
    assert course.shed_w[-1] == 25e3 * len(names)
    for (at, _), (_, stage_hz) in zip(course.trips[:1], [(0, plan[0].hz)], strict=False):
        assert course.hz[int(at / 0.02)] < stage_hz
    assert course.end_hz > simulate(ISLAND, [Event(1, 100e3)], seconds=60).end_hz


def test_a_dip_shorter_than_the_delay_cuts_nothing() -> None:
    plan = shedding_plan([Block("a", 50e3, 1)], [(49.0, 0.05)], delay_s=5.0)
    dip = [Event(1, 90e3), Event(2.5, -90e3)]
    assert simulate(ISLAND, dip, seconds=30, stages=plan).nadir_hz < 49
    assert simulate(ISLAND, dip, seconds=30, stages=plan).trips == ()


blocks = st.lists(st.tuples(st.floats(-5e4, 1e5), st.integers(0, 4)), min_size=1, max_size=12).map(
    lambda rows: [Block(f"b{i}", load, priority) for i, (load, priority) in enumerate(rows)]
)


@given(blocks.filter(lambda found: any(block.load_w > 1 for block in found)))
def test_laws_of_a_shedding_plan(found: list[Block]) -> None:
    plan = shedding_plan(found)
    cut = [block for stage in plan for block in stage.blocks]
    assert len({block.name for block in cut}) == len(cut)
    assert all(block.priority > CRITICAL and block.load_w > 0 for block in cut)
    assert all(a.priority >= b.priority for a, b in pairwise(cut))
    assert all(a.share <= b.share and a.hz > b.hz for a, b in pairwise(plan))
    left = [block for block in found if block not in cut and block.priority > CRITICAL and block.load_w > 0]
    assert all(stage.reached for stage in plan) or not left


@pytest.mark.parametrize("steps", [[(49.0, 0.1), (49.2, 0.2)], [(49.0, 0.2), (48.8, 0.1)], [(49.0, 1.2)]])
def test_steps_must_make_sense(steps: list[tuple[float, float]]) -> None:
    with pytest.raises(InputError, match="steps must fall"):
        shedding_plan([Block("a", 1e3, 1)], steps)


def test_a_plan_needs_load_and_names() -> None:
    with pytest.raises(InputError, match="no load"):
        shedding_plan([Block("a", -5.0, 1)])
    with pytest.raises(InputError, match="one name"):
        shedding_plan([Block("a", 5.0, 1), Block("a", 6.0, 1)])


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_containment_is_odd_bounded_and_falls(one: float, other: float) -> None:
    fcr = Containment(10e3)
    low, high = sorted((one, other))
    assert fcr.wanted_w(low) >= fcr.wanted_w(high)
    assert fcr.wanted_w(one) == -fcr.wanted_w(-one)
    assert abs(fcr.wanted_w(one)) <= 10e3
    assert fcr.wanted_w(-0.2) == 10e3


@given(st.floats(-3, 3), st.sampled_from([0.2, -0.2]))
def test_limited_modes_act_on_their_side_only(deviation: float, start: float) -> None:
    mode = LimitedSensitive(10e3, 8e3, start_hz=start)
    power = mode.wanted_w(deviation)
    if (deviation - start) * start <= 0:
        assert power == 0
    else:
        assert power * start <= 0
        assert abs(power) <= 8e3


def test_speed_and_endurance_bind() -> None:
    running = Containment(30e3, full_in_s=30, give_wh=100).start()
    powers = [running.step(-1.0, 1.0) for _ in range(60)]
    assert powers[0] == pytest.approx(1e3)
    assert max(powers) <= 30e3
    assert sum(powers) / 3600 == pytest.approx(100)
    assert powers[-1] == 0
    assert Containment(4e3, give_wh=2e3, take_wh=1e3).endurance_s == 900
    assert Containment(0).endurance_s == inf


def test_along_a_measured_course() -> None:
    hz = np.array([50.0] * 10 + [49.8] * 90 + [np.nan] * 10 + [50.2] * 90)
    found = along(Containment(3.6e3, full_in_s=0), hz, 1.0)
    assert found.given_wh == pytest.approx(90)
    assert found.taken_wh == pytest.approx(90)
    assert found.longest_full_s == 90
    assert found.exhausted_s == 0
    assert along(Containment(3.6e3, full_in_s=0, give_wh=30), hz, 1.0).exhausted_s == 60


def test_quality_counts_what_was_measured() -> None:
    hz = np.array([50.0] * 60 + [49.94] * 30 + [np.nan] * 10 + [50.25] * 10)
    found = frequency_quality(hz, 1.0)
    assert found is not None
    assert (found.measured_s, found.missing_s) == (100, 10)
    assert (found.outside_50, found.outside_200) == (0.4, 0.1)
    assert (found.lowest_hz, found.highest_hz) == (49.94, 50.25)
    assert found.within_en50160 == 1.0
    assert found.always_en50160
    assert frequency_quality(np.array([np.nan]), 1.0) is None


def test_nonsense_is_refused() -> None:
    with pytest.raises(InputError, match="inertia_s"):
        Area(1e6, inertia_s=0)
    with pytest.raises(InputError, match="droop"):
        Containment(1e3, full_hz=0.01, deadband_hz=0.02)
    with pytest.raises(InputError, match="droop"):
        LimitedSensitive(1e3, 1e3, droop=0)
    with pytest.raises(InputError, match="steps"):
        simulate(Area(1e6), [], seconds=0)
