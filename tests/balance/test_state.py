"""State of a window from totals and measurements: what is used, what is left out, its bands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quietgrid.algorithms.powerflow import Model
from quietgrid.balance.picture import GroupTotals, Measured, states
from quietgrid.balance.rules import OperatingRules, grid_levels, watch
from quietgrid.balance.state import columns, measured_state, network_state
from quietgrid.model.grid import MeasuredKind, Measurement
from quietgrid.model.interval import Window
from quietgrid.model.operation import Basis, Fit, Held
from tests.algorithms.grids import by_group, radial

WINDOW = Window(1_000, 1_008, 900)
HEAD, VOLT = MeasuredKind.HEAD_W, MeasuredKind.VOLTAGE_MV


def street():
    """A grid whose upstream voltage is 2 % high, its totals, and sensors that say so."""
    rng = np.random.default_rng(1)
    network = radial(rng)
    model, t = Model(network), len(WINDOW)
    draw_w = np.where(network.units.generating, -1, 1) * rng.uniform(0, 4e3, (t, len(network.units)))
    true = model.flow(draw_w, 0 * draw_w, source_voltage=np.full((t, 1), 1.02))
    drawn, fed = by_group(network, draw_w)
    known = np.ones((2, t), np.bool_)
    totals = GroupTotals(WINDOW, np.rint(drawn - fed).astype(np.int64).T, np.full((2, t), 30, np.int32), known)
    measured = [
        Measurement(VOLT, network.nodes.names[node], round(true.voltage[i, node] * 400e3), (1_000 + i) * 900.0 + s, "s")
        for i in range(t) for node in (1, 4) for s in (0, 450)
    ]  # fmt: skip
    measured += [
        Measurement(HEAD, network.branch_names[branch], round(true.from_w[i, branch]), (1_000 + i) * 900.0, "s")
        for i in range(t) for branch, _ in network.heads
    ]  # fmt: skip
    return model, true, totals, measured, np.rint(fed).astype(np.int64).T


def test_measurements_correct_what_totals_alone_cannot_know() -> None:
    model, true, totals, measured, fed = street()
    alone, full = network_state(model, totals, []), network_state(model, replace(totals, fed_w=fed), measured)

    def error(found):
        return np.abs(found.flow.voltage - true.voltage).mean()

    assert error(full) < error(alone) / 5
    assert (full.estimate.voltage_sigma < alone.estimate.voltage_sigma).all()
    assert {one.fit for row in full.fits() for one in row} == {Fit.GOOD}
    assert (full.low < full.middle).all()
    assert (full.middle < full.high).all()
    own = model.network.nodes.groups == 0
    assert (full.low[:, 0] < np.quantile(true.voltage[:, own], 0.05, axis=1)).all()
    assert (full.high[:, 0] > np.quantile(true.voltage[:, own], 0.95, axis=1)).all()


def test_a_sensor_that_lies_is_named() -> None:
    model, _, totals, measured, _ = street()
    lying = [
        one if one.element != "n4" else Measurement(VOLT, "n4", one.value + 20_000, one.at, "s") for one in measured
    ]
    state = network_state(model, totals, lying)
    for row in state.fits():
        assert {one.sensor for one in row if one.fit is Fit.BAD} == {"n4 voltage-mv"}
    kept = states(model, totals, Measured(flow=state.flow, sensors=state.fits()))
    raised = watch([], grid_levels(kept[0], OperatingRules()), 0.0, 1_800.0).raised
    (alarm,) = [one for one in raised if one.rule == "bad-sensor"]
    assert alarm.element == "sensor n4 voltage-mv"
    assert f"is {kept[0].sensors[-1].off:.0f} standard deviations off" in alarm.said
    assert "check its scaling" in alarm.said
    well = replace(kept[0], sensors=tuple(replace(one, fit=Fit.GOOD) for one in kept[0].sensors))
    held = [Held(alarm.rule, alarm.element, 0.0)]
    silent = replace(kept[0], sensors=())
    for state_, ended in ((well, held), (silent, []), (kept[0], [])):
        assert watch(held, grid_levels(state_, OperatingRules()), 900.0, 0.0).ended == ended


def test_what_cannot_be_used_is_left_out() -> None:
    model, _, totals, measured, _ = street()
    odd = [
        Measurement(VOLT, "n1", 1, 900_000.0, "s", good=False),
        Measurement(VOLT, "elsewhere", 1, 900_000.0, "s"),
        Measurement(HEAD, "l1", 1, 1.0, "s"),
        Measurement(MeasuredKind.FREQUENCY_MILLIHZ, "", 50_000, 900_000.0, "s"),
    ]
    sensors, values = columns(model.network, measured + odd, WINDOW)
    assert sensors == columns(model.network, measured, WINDOW)[0]
    assert np.array_equal(values, columns(model.network, measured, WINDOW)[1])
    assert measured_state(model, totals, odd) is None


def test_states_are_kept_of_the_measured_flow() -> None:
    model, true, totals, measured, _ = street()
    heads = {"l1": np.full(len(WINDOW), 1.0)}
    kept = states(model, totals, Measured(heads=heads, flow=network_state(model, totals, measured).flow))
    plain = states(model, totals, Measured(heads=heads))
    assert {one.basis for one in kept} == {Basis.MEASURED}
    off = [
        sum(
            abs(one.groups[0].p50 - np.median(true.voltage[i, model.network.nodes.groups == 0]))
            for i, one in enumerate(c)
        )
        for c in (kept, plain)
    ]
    assert off[0] < off[1] / 3


def test_a_sensor_nobody_can_check_says_so() -> None:
    model, _, totals, measured, _ = street()
    alone = [
        Measurement(VOLT, "n1", one.value + 16_000, one.at, "s") for one in measured if one.element == "n1"
    ]  # fmt: skip
    state = network_state(model, totals, alone)
    kept = states(model, totals, Measured(flow=state.flow, sensors=state.fits()))
    assert [one.fit for one in kept[0].sensors] == [Fit.UNVERIFIABLE]
    raised = watch([], grid_levels(kept[0], OperatingRules()), 0.0, 1_800.0).raised
    (alarm,) = [one for one in raised if one.rule == "unverifiable-sensor"]
    assert "nothing else measures the same" in alarm.said
    assert not [one for one in raised if one.rule == "bad-sensor"]


def test_what_is_drawn_and_fed_in_apart_narrows_the_bands() -> None:
    """Where one group opens both, its branches are known better, the other group's as before."""
    model, _, totals, measured, fed = street()
    apart = replace(totals, fed_w=np.where([[True], [False]], fed, np.nan))
    volts = [one for one in measured if one.kind is VOLT]
    net, split = (network_state(model, one, volts).estimate for one in (totals, apart))
    network = model.network
    own = network.nodes.groups[network.branch_to] == 0
    other = network.nodes.groups[network.branch_to] == 1
    assert split.loading_sigma[:, own].mean() < 0.85 * net.loading_sigma[:, own].mean()
    assert split.loading_sigma[:, other].mean() == pytest.approx(net.loading_sigma[:, other].mean(), rel=0.05)
    assert split.voltage_sigma.mean() < net.voltage_sigma.mean()


def test_a_total_without_some_homes_gives_way_to_its_head() -> None:
    model, true, totals, measured, _ = street()
    network, t = model.network, len(WINDOW)
    volts = [one for one in measured if one.kind is VOLT]
    heads = [
        Measurement(HEAD, name, round(sum(true.from_w[i, b] for b, g in network.heads if g == row)),
                    (1_000 + i) * 900.0, "s")
        for row, name in enumerate(network.groups) for i in range(t)
    ]  # fmt: skip
    less = totals.power_w.copy()
    less[0] = less[0] // 2

    def off(whole: np.ndarray | None) -> float:
        found = network_state(model, replace(totals, power_w=less, whole=whole), volts + heads)
        return float(np.abs(found.flow.source_w - true.source_w).mean())

    missing = np.array([[False] * t, [True] * t])
    assert off(missing) < off(np.ones((2, t), np.bool_)) / 2
    assert off(missing) < 0.02 * np.abs(true.source_w).mean()
