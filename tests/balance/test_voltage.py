"""Voltage decisions: silence on what is not known, order of means, monotone limits; the loop closed on a real flow."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.powerflow import Model
from quietgrid.balance.voltage import VoltageSettings, decide, limit_percent, means_of, taps_since
from quietgrid.demo.grid import demo_network
from quietgrid.model.grid import SetPoint, SetPointKind
from quietgrid.model.network import Network, UnitKind
from quietgrid.model.operation import Basis, GridState, GroupState

HOW = VoltageSettings()
NOW = 900_000.0


@pytest.fixture(scope="module")
def network() -> Network:
    """The demo's, with five times the plants and no tap changer under load."""
    made = demo_network()
    plants = made.units.of(UnitKind.PV)
    units = replace(made.units, rated_w=np.where(plants, 5 * made.units.rated_w, made.units.rated_w))
    return replace(made, units=units, transformers=replace(made.transformers, on_load=np.zeros(1, np.bool_)))


def state(network: Network, voltages: dict[str, tuple[float, float]], slot: int = 999, **what: object) -> GridState:
    groups = tuple(
        GroupState(name, 0, 30, low, low, (low + high) / 2, high, high, 0.5)
        for name in network.groups for low, high in [voltages.get(name, (0.99, 1.01))]
    )  # fmt: skip
    return replace(GridState(slot, 900, Basis.MEASURED, True, groups, {}, 0, 0), **what)


def test_nothing_is_told_where_nothing_is_wrong_or_nothing_is_known(network: Network) -> None:
    calm, high = state(network, {}), {network.groups[0]: (1.0, 1.14)}
    assert decide([], network, HOW, NOW) == ()
    assert decide([calm], network, HOW, NOW) == ()
    assert decide([state(network, high)], network, HOW, NOW)
    assert decide([state(network, high)], network, HOW, NOW + 2_701) == ()
    assert decide([state(network, high, basis=Basis.MEANS)], network, HOW, NOW) == ()
    assert decide([state(network, high, feasible=False)], network, HOW, NOW) == ()
    assert decide([state(network, {network.groups[0]: (float("nan"), float("nan"))})], network, HOW, NOW) == ()


def test_others_are_told_before_feed_in_is_limited(network: Network) -> None:
    name = network.groups[0]
    high = state(network, {name: (1.0, 1.13)})
    first = decide([high], network, HOW, NOW)
    kinds = {point.kind for point in first}
    assert SetPointKind.REACTIVE_PERCENT in kinds
    assert SetPointKind.CURTAIL_PERCENT not in kinds
    assert {point.element for point in first} == {name}
    assert all(point.start == NOW and point.end == NOW + 1_800 for point in first)
    assert all("stimated bus voltages" in point.reason for point in first)
    second = decide([high], network, HOW, NOW, first)
    [limit] = [point for point in second if point.kind is SetPointKind.CURTAIL_PERCENT]
    assert 0 <= limit.value < 100
    assert "113.0%" in limit.reason
    assert "110.0%" in limit.reason


def test_a_low_voltage_asks_for_the_opposite(network: Network) -> None:
    points = decide([state(network, {network.groups[1]: (0.93, 1.0)})], network, HOW, NOW)
    found = {point.kind: point.value for point in points}
    assert found[SetPointKind.REACTIVE_PERCENT] == -48
    assert found.get(SetPointKind.STORAGE_W, -1) < 0
    assert SetPointKind.CURTAIL_PERCENT not in found


def test_taps_wait_their_delay_move_one_step_and_hold(network: Network) -> None:
    tf = replace(network.transformers, on_load=np.ones(1, np.bool_))
    under_load = replace(network, transformers=tf)
    slow = replace(HOW, taps=replace(HOW.taps, delay_s=1_200))
    both = dict.fromkeys(network.groups, (1.04, 1.06))
    taps = lambda points: [point for point in points if point.kind is SetPointKind.TAP]  # noqa: E731
    assert not taps(decide([state(network, both)], under_load, slow, NOW))
    [point] = taps(decide([state(network, both, 998), state(network, both)], under_load, slow, NOW))
    assert point.value == int(tf.tap[0]) + 1
    calm = state(network, {})
    [kept] = taps(decide([calm], under_load, slow, NOW, [point]))
    assert kept.value == point.value
    assert not taps(decide([state(network, both, 997), calm, state(network, both)], under_load, slow, NOW))


@given(st.floats(0.9, 1.3), st.floats(0, 0.2), st.integers(0, 100), st.floats(1e-5, 0.01))
def test_limits_never_rise_with_the_voltage_and_stay_per_cents(
    low: float, more: float, before: int, rise: float
) -> None:
    one, other = limit_percent(low, before, rise, HOW), limit_percent(low + more, before, rise, HOW)
    assert 0 <= other <= one <= 100
    if low > HOW.band.high:
        assert one < before or before == 0
    if one > before:
        # lifting by so much cannot bring a linear grid back above the band
        assert low + (one - before) * rise <= HOW.band.high


def test_the_loop_closed_on_true_flows_brings_voltages_back_and_lets_go(network: Network) -> None:
    model, units = Model(network), network.units
    plants = units.of(UnitKind.PV)
    stiff = replace(HOW, reactive=replace(HOW.reactive, shares=(0.0, 0.0, 0.0, 0.0)),
                    support=replace(HOW.support, shares=(0.0, 0.0, 0.0, 0.0)))  # fmt: skip
    source = np.array([[1.04]])

    def seen(limits: dict[str, int], sun: float) -> GridState:
        of = np.array([limits.get(network.groups[group], 100) if group >= 0 else 100 for group in network.unit_groups])
        draw = np.where(plants, -np.minimum(sun, of / 100) * units.rated_w, 0.0)[None]
        voltage = model.flow(draw, 0 * draw, source_voltage=source).voltage[0]
        bounds = {
            name: (float(part.min()), float(part.max()))
            for row, name in enumerate(network.groups) for part in [voltage[network.nodes.groups == row]]
        }  # fmt: skip
        return state(network, bounds)

    def rounds(sun: float, held: tuple[SetPoint, ...], how: VoltageSettings) -> tuple[tuple[SetPoint, ...], float]:
        for _ in range(30):
            limits = {one.element: one.value for one in held if one.kind is SetPointKind.CURTAIL_PERCENT}
            held = decide([seen(limits, sun)], network, how, NOW, held)
        limits = {one.element: one.value for one in held if one.kind is SetPointKind.CURTAIL_PERCENT}
        return held, max(group.highest for group in seen(limits, sun).groups)

    assert max(group.highest for group in seen({}, 0.9).groups) > 1.10
    held, highest = rounds(0.9, (), stiff)
    assert held
    assert highest <= 1.10
    assert rounds(0.0, held, stiff)[0] == ()


def test_means_are_the_groups_rated_powers(network: Network) -> None:
    found = means_of(network)
    plants = network.units.of(UnitKind.PV)
    assert found.plants_w.sum() == pytest.approx(network.units.rated_w[plants].sum())
    assert (found.rise[found.plants_w > 0] > 0).all()


def test_states_that_come_late_do_not_make_the_tap_swing(network: Network) -> None:
    """Voltages follow the tap at once, states are known two intervals later: it moves as far as it must, and stays."""
    under_load = replace(network, transformers=replace(network.transformers, on_load=np.ones(1, np.bool_)))
    name, safe = network.transformers.names[0], int(network.transformers.tap[0])
    size = float(network.transformers.tap_size[0])

    def moves(*, told_since: bool) -> list[int]:
        points: list[SetPoint] = []
        states: list[GridState] = []
        taps: list[int] = []
        for slot in range(24):
            at = slot * 900.0
            holding = [one for one in points if one.start <= at < one.end]
            held = holding[-1:]
            tap = held[0].value if held else safe
            taps.append(tap)
            middle = 1.06 - size * (tap - safe)
            states.append(state(network, dict.fromkeys(network.groups, (middle - 0.01, middle + 0.01)), slot))
            if slot >= 3:
                since = taps_since(under_load, points, at) if told_since else None
                told = decide(states[max(0, slot - 10) : slot - 2], under_load, HOW, at, held, since)
                points += [one for one in told if one.kind is SetPointKind.TAP]
        assert all(one.element == name for one in points)
        return taps

    quiet, swinging = moves(told_since=True), moves(told_since=False)
    changes = [abs(b - a) for a, b in pairwise(quiet)]
    assert sum(changes) == abs(quiet[-1] - safe) > 0
    assert changes[-8:] == [0] * 8
    assert sum(abs(b - a) for a, b in pairwise(swinging)) > sum(changes)


def test_a_tap_counts_as_moved_when_its_set_point_ends(network: Network) -> None:
    name, safe = network.transformers.names[0], int(network.transformers.tap[0])

    def told(value: int, start: float, end: float) -> SetPoint:
        return SetPoint(f"{start}", SetPointKind.TAP, name, value, start, end)

    again = [told(safe + 1, 0, 1_800), told(safe + 1, 900, 2_700)]
    assert taps_since(network, again, 1_000) == {name: 0}
    assert taps_since(network, again, 2_800) == {name: 2_700}
    assert taps_since(network, [*again, told(safe, 1_800, 3_600)], 2_000) == {name: 1_800}
    assert taps_since(network, [], 1_000) == {}
