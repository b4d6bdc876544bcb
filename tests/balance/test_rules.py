"""Alarms do not flap, breakers open for a cause only, devices fall back by themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.balance import rules
from quietgrid.balance.rules import Level, OperatingRules
from quietgrid.demo.grid import demo_network
from quietgrid.model.grid import Priority, SetPoint, SetPointKind
from quietgrid.model.operation import Basis, Breaker, BreakerState, GridState, GroupState, Held

R = OperatingRules()
STEP = 60.0
GROUP = GroupState("Mill", 9_000, 30, 0.98, 0.98, 0.99, 1.0, 1.01, 0.3)
STATE = GridState(100, 900, Basis.TOTALS, True, (GROUP,), {"head": 0.3, "tail": 0.1}, 9_100, 100)


def level(value: float) -> Level:
    return Level("loading", "head", Priority.MEDIUM, value, 0.8, 0.75, "said")


def course(values: list[float | None], hold_s: float = R.hold_s) -> list[tuple[float, bool]]:
    """When an alarm began (True) and ended (False), over values a minute apart; None is unknown."""
    held: list[Held] = []
    told = []
    for number, value in enumerate(values):
        at = number * STEP
        changes = rules.watch(held, [] if value is None else [level(value)], at, hold_s)
        told += [(at, True) for _ in changes.raised] + [(at, False) for _ in changes.ended]
        held = changes.held + [Held(one.rule, one.element, at) for one in changes.raised]
    return told


@given(st.lists(st.none() | st.floats(0, 2), max_size=300))
def test_an_alarm_lasts_at_least_as_long_as_it_must_be_calm(values: list[float | None]) -> None:
    told = course(values)
    assert [began for _, began in told] == [n % 2 == 0 for n in range(len(told))]
    for (start, _), (end, _) in zip(told[::2], told[1::2], strict=False):
        assert end - start >= R.hold_s
        since = [v for v in values[int((end - R.hold_s) / STEP) : int(end / STEP) + 1] if v is not None]
        assert all(v < 0.75 for v in since)
    for at, began in told:
        if began:
            assert (values[int(at / STEP)] or 0) >= 0.8


@given(st.lists(st.floats(0.751, 0.85), min_size=1, max_size=300))
def test_a_value_that_trembles_around_the_limit_raises_one_alarm(values: list[float]) -> None:
    assert len(course(values)) == any(v >= 0.8 for v in values)


def test_what_is_not_known_ends_no_alarm() -> None:
    assert course([0.9, *[None] * 200]) == [(0.0, True)]
    assert course([0.9, *[0.1] * 31]) == [(0.0, True), (31 * STEP, False)]


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 7))
def test_a_breaker_opens_for_a_cause_and_closes_in_two_steps(causes: list[bool], minutes: int) -> None:
    held = Breaker("market")
    calm = 0.0
    for number, cause in enumerate(causes):
        at = number * minutes * STEP
        after = rules.turned(held, "why" if cause else "", at, R)
        if cause:
            assert after.state is BreakerState.OPEN
            assert after.why == "why"
            calm = at
        elif after.state is BreakerState.OPEN:
            assert held.state is BreakerState.OPEN  # never without a cause
        elif after.state is BreakerState.CLOSED and held.state is not BreakerState.CLOSED:
            assert held.state is BreakerState.HALF_OPEN
            assert at - calm >= R.cool_s + R.trial_s
        held = after


def test_a_half_open_breaker_opens_again() -> None:
    held = Breaker("market", BreakerState.HALF_OPEN, 100.0, "before")
    assert rules.turned(held, "", 100.0 + R.trial_s - 1, R) == held
    assert rules.turned(held, "now", 200.0, R) == Breaker("market", BreakerState.OPEN, 200.0, "now")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, set()),
        ({"feasible": False}, {"infeasible"}),
        ({"loading": {"head": 0.8}}, {"loading"}),
        ({"loading": {"head": 1.0}}, {"loading", "overload"}),
        ({"groups": (replace(GROUP, lowest=0.8999),)}, {"voltage"}),
        ({"groups": (replace(GROUP, lowest=0.90, highest=1.10),)}, set()),
        ({"groups": (replace(GROUP, highest=1.151),)}, {"voltage", "voltage-critical"}),
        ({"groups": (replace(GROUP, lowest=float("nan"), highest=float("nan")),)}, set()),
        ({"frequency_millihz": 49_900}, {"frequency-low"}),
        ({"frequency_millihz": 50_500}, {"frequency-low", "frequency-high", "frequency-critical"}),
        ({"unexplained_w": 2_001, "groups": (replace(GROUP, head_w=30_000),)}, {"unexplained-losses"}),
        ({"unexplained_w": 2_001, "groups": (replace(GROUP, head_w=50_000),)}, set()),
    ],
)
def test_what_raises_an_alarm(changed: dict[str, object], expected: set[str]) -> None:
    state = replace(STATE, **changed)  # type: ignore[arg-type]
    found = rules.watch([], rules.grid_levels(state, R), 0.0, R.hold_s)
    assert {one.rule for one in found.raised} == expected


def test_a_branch_that_is_no_longer_among_the_fullest_gets_calm() -> None:
    held = [Held("overload", "gone", 0.0, 0.0)]
    changes = rules.watch(held, rules.grid_levels(STATE, R, held), R.hold_s, R.hold_s)
    assert changes.ended == held
    unknown = replace(STATE, feasible=False)
    assert not rules.watch(held, rules.grid_levels(unknown, R, held), R.hold_s, R.hold_s).ended


def test_markets_halt_on_a_state_that_cannot_be() -> None:
    assert rules.market_cause(STATE, False, R) == ""
    assert rules.market_cause(None, False, R) == ""
    assert rules.market_cause(STATE, True, R) == "emergency stop"
    assert "no power flow" in rules.market_cause(replace(STATE, feasible=False), False, R)
    assert "160%" in rules.market_cause(replace(STATE, loading={"head": 1.6}), False, R)
    assert "Mill" in rules.market_cause(replace(STATE, groups=(replace(GROUP, lowest=0.84),)), False, R)


def test_so_many_dispatches_an_hour() -> None:
    times = [float(n) for n in range(R.dispatches_an_hour)]
    assert rules.dispatch_cause(times[1:], 100.0, R) == ""
    assert "6 dispatches" in rules.dispatch_cause(times, 100.0, R)
    assert rules.dispatch_cause(times, 3_600.5, R) == ""


kinds = st.sampled_from([SetPointKind.STORAGE_W, SetPointKind.TAP])
points = st.builds(
    lambda kind, value, start, length: SetPoint("p", kind, "Mill", value, start, start + length),
    kinds, st.integers(-9, 9), st.floats(0, 100), st.floats(0.1, 50),
)  # fmt: skip


@given(st.lists(points, max_size=8), kinds, st.floats(0, 200))
def test_behind_the_end_of_every_set_point_the_safe_value_holds(
    given_points: list[SetPoint], kind: SetPointKind, at: float
) -> None:
    found = rules.holds(given_points, kind, "Mill", at)
    covering = [p for p in given_points if p.kind is kind and p.start <= at < p.end]
    assert found is (covering[-1] if covering else None)
    assert rules.holds(given_points, kind, "elsewhere", at) is None


def test_every_device_has_a_safe_value_beforehand() -> None:
    network = demo_network()
    lines = rules.standing(network, [SetPoint("p", SetPointKind.STORAGE_W, "Mill Lane", -5, 0, 10)], 5.0)
    safe = {(one.kind, one.element): one.value for one in lines}
    assert safe["tap", "Transformer"] == int(network.transformers.tap[0])
    for number, group in enumerate(network.groups):
        mine = network.unit_groups == number
        assert safe["shed", group] == 0
        assert (("storage-w", group) in safe) == bool(np.any(mine & (network.units.storage_wh > 0)))
    told = [one.active.value for one in lines if one.active is not None]
    assert told == [-5]
    assert all(one.active is None for one in rules.standing(network, [], 5.0))
