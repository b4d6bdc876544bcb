"""State estimation: what it is given, that it is right where it can be, its uncertainty, bad sensors, missing ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.algorithms.powerflow import Estimate, Estimator, Inputs, Model, Sensor, Sigmas
from quietgrid.algorithms.powerflow.bad_data import alone, chi_square_limit, chi_square_tail, eased, normalised
from quietgrid.algorithms.powerflow.prior import points_of
from quietgrid.algorithms.powerflow.sensing import Places
from quietgrid.errors import InputError
from quietgrid.model.grid import MeasuredKind
from quietgrid.model.network import Network
from tests.algorithms.grids import by_group, radial

HEAD, VAR, VOLT = MeasuredKind.HEAD_W, MeasuredKind.HEAD_VAR, MeasuredKind.VOLTAGE_MV
SURE = Sigmas(power_share=0, power_w=1e-3, voltage=1e-9, total_share=0, total_w=1e-3)


def sensors_of(network: Network, volts: tuple[int, ...] = (1, 3)) -> tuple[Sensor, ...]:
    heads = [network.branch_names[branch] for branch, _ in network.heads]
    return (*(Sensor(kind, name) for kind, name in product((HEAD, VAR), heads)),
            *(Sensor(VOLT, network.nodes.names[node]) for node in volts))  # fmt: skip


def read(network: Network, flow, sensors) -> np.ndarray:
    """What perfect sensors read."""
    places = Places(network, sensors)
    return places.observed(flow) * places.scale


def world(seed: int, t: int = 40) -> tuple[Network, np.ndarray, np.ndarray]:
    """A grid and draws that are as uncertain as the sigmas say: shares of a level, each with its own deviation."""
    rng = np.random.default_rng(seed)
    network = radial(rng)
    feeding, sigmas = network.units.generating, Sigmas()
    level = np.where(feeding, -2_000, 1_500) * network.units.yearly_wh / 4e6
    spread = np.where(feeding, sigmas.plant_spread, sigmas.load_spread)
    sd = np.abs(level) * spread + sigmas.node_w
    draw_w = level + sd * rng.standard_normal((t, len(level)))
    tangent = np.where(feeding, 0.0, 0.2)
    draw_var = level * tangent + sigmas.tangent * (np.abs(level) + sd) * rng.standard_normal((t, len(level)))
    return network, draw_w, draw_var


def calibrated(seed: int, t: int) -> tuple[Network, np.ndarray, np.ndarray, np.ndarray, Inputs]:
    """Draws that are exactly as uncertain as the estimator is told: a total known to its sigma, shares to theirs.

    Returns the grid, draws in W and var, source voltages, and inputs with noisy sensors.
    """
    rng, sigmas = np.random.default_rng(seed), Sigmas()
    network = radial(rng)
    network = replace(network, units=replace(network.units, yearly_wh=np.full(len(network.units), 4e6)))
    feeding = network.units.generating
    level = np.where(feeding, -4_000.0, 2_500.0)
    sd = np.abs(level) * np.where(feeding, sigmas.plant_spread, sigmas.load_spread) + sigmas.node_w
    off = sd * rng.standard_normal((t, len(level)))
    for group, kind in product(range(len(network.groups)), (False, True)):
        tied = (network.unit_groups == group) & (feeding == kind)
        error = sigmas.total_share * abs(level[tied].sum()) + sigmas.total_w
        excess = off[:, tied].sum(axis=1) + error * rng.standard_normal(t)
        off[:, tied] -= np.outer(excess, sd[tied] ** 2 / (np.sum(sd[tied] ** 2) + error**2))
    draw_w = level + off
    var = sigmas.tangent * (np.abs(level) + sd) + sigmas.node_w
    draw_var = np.where(feeding, 0.0, 0.2 * level) + var * rng.standard_normal(off.shape)
    source = 1 + sigmas.source * rng.standard_normal((t, 1))
    true = Model(network).flow(draw_w, draw_var, source_voltage=source)
    sensors = sensors_of(network)
    exact = read(network, true, sensors)
    noise = np.where(np.arange(len(sensors)) < 4, 0.005 * np.abs(exact) + 50, 1.0)
    inputs = inputs_of(network, true, np.tile(level, (t, 1)), sensors, exact + noise * rng.standard_normal(exact.shape))
    return network, draw_w, draw_var, source, inputs


def inputs_of(network: Network, flow, draw_w, sensors=(), measured=None) -> Inputs:
    drawn, fed = by_group(network, draw_w)
    measured = read(network, flow, sensors) if measured is None else measured
    return Inputs(tuple(sensors), measured, drawn, fed, drawn * np.nan, network.units.yearly_wh)


def test_the_inputs_are_listed_and_hold_no_series_of_a_home() -> None:
    axes = {name: part.metadata["axes"] for name, part in Inputs.__dataclass_fields__.items()}
    assert axes == {
        "sensors": ("sensor",), "measured": ("interval", "sensor"), "drawn_w": ("interval", "group"),
        "fed_w": ("interval", "group"), "net_w": ("interval", "group"), "yearly_wh": ("unit",),
    }  # fmt: skip
    assert not any("interval" in each and {"unit", "node", "home"} & set(each) for each in axes.values())
    network, draw_w, draw_var = world(1)
    flow = Model(network).flow(draw_w, draw_var)
    fine = inputs_of(network, flow, draw_w, sensors_of(network))
    for series in ({"drawn_w": draw_w}, {"fed_w": draw_w}, {"measured": draw_w}, {"yearly_wh": draw_w}):
        with pytest.raises(InputError, match="shape"):
            Estimator(Model(network)).estimate(replace(fine, **series))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_exact_numbers_give_the_truth(seed: int) -> None:
    """Each node a group of its own, its total and its head's reactive power known exactly."""
    rng = np.random.default_rng(seed)
    network = radial(rng, feeders=3, nodes=1, plants=False)
    draw_w, draw_var = rng.uniform(-3e3, 9e3, (5, 3)), rng.uniform(-1e3, 2e3, (5, 3))
    model = Model(network)
    true = model.flow(draw_w, draw_var, source_voltage=rng.uniform(0.98, 1.03, (5, 1)))
    sensors = sensors_of(network, (BUSBAR := 1,))
    found = Estimator(model, sigmas=SURE, false_alarms=0).estimate(inputs_of(network, true, draw_w, sensors))
    assert np.allclose(found.flow.voltage, true.voltage, atol=2e-6)
    assert np.allclose(found.node_w, draw_w, atol=2)
    assert np.allclose(found.flow.voltage[:, BUSBAR], true.voltage[:, BUSBAR], atol=1e-7)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_what_is_surely_known_holds_in_the_state(seed: int) -> None:
    network, draw_w, draw_var = world(seed, 10)
    model = Model(network)
    true = model.flow(draw_w, draw_var)
    sensors = sensors_of(network)
    given_ = inputs_of(network, true, draw_w, sensors)
    found = Estimator(model, sigmas=replace(SURE, total_w=20.0), false_alarms=0).estimate(given_)
    off = read(network, found.flow, sensors) - given_.measured
    assert np.abs(off[:, :4]).max() < 15
    assert np.abs(off[:, 4:]).max() < 400 * 1e-5


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_another_sensor_never_widens_the_band(seed: int) -> None:
    network, draw_w, draw_var = world(seed, 5)
    model = Model(network)
    sensors = sensors_of(network)
    full = inputs_of(network, model.flow(draw_w, draw_var), draw_w, sensors)
    silent = replace(full, measured=np.full_like(full.measured, np.nan))
    estimator = Estimator(model, false_alarms=0)
    before = estimator.estimate(silent).voltage_sigma
    for column in range(len(sensors)):
        silent.measured[:, column] = full.measured[:, column]
        after = estimator.estimate(silent).voltage_sigma
        assert (after <= before + 1e-9).all()
        before = after


def test_each_true_measurement_lowers_the_error_on_average() -> None:
    network, draw_w, draw_var = world(3, 1_500)
    model, rng = Model(network), np.random.default_rng(4)
    true = model.flow(draw_w, draw_var, source_voltage=1 + 0.01 * rng.standard_normal((len(draw_w), 1)))
    sensors = sensors_of(network)
    exact = read(network, true, sensors)
    noise = np.where(np.arange(len(sensors)) < 4, 0.005 * np.abs(exact) + 50, 1.0)
    full = inputs_of(network, true, draw_w, sensors, exact + noise * rng.standard_normal(exact.shape))
    estimator = Estimator(model)

    def error(columns: list[int], *, totals: bool = True) -> float:
        measured = np.full_like(full.measured, np.nan)
        measured[:, columns] = full.measured[:, columns]
        unopened = {} if totals else {"drawn_w": full.drawn_w * np.nan, "fed_w": full.fed_w * np.nan}
        found = estimator.estimate(replace(full, measured=measured, **unopened))
        return float(np.sqrt(np.mean((found.flow.voltage - true.voltage) ** 2)))

    errors = [error([], totals=False), error([]), error([4]), error([4, 5]), error([0, 1, 2, 3, 4, 5])]
    assert all(after < before * 1.005 for before, after in pairwise(errors)), errors
    assert errors[-1] < 0.5 * errors[0]


def test_the_bands_hold_what_they_say() -> None:
    network, draw_w, draw_var, source, inputs = calibrated(5, 1_500)
    model = Model(network)
    true = model.flow(draw_w, draw_var, source_voltage=source)
    found = Estimator(model).estimate(inputs)
    within = np.abs(found.flow.voltage - true.voltage) < 1.645 * found.voltage_sigma
    assert 0.88 < within.mean() < 0.92
    loaded = np.abs(found.flow.loading - true.loading) < 1.645 * found.loading_sigma
    assert 0.86 < loaded.mean() < 0.94
    assert 0.8 < (np.abs(found.loss_w - true.loss_w) < 1.645 * found.loss_sigma_w).mean() < 0.97
    assert found.loss_w.mean() == pytest.approx(true.loss_w.mean(), rel=0.05)


@pytest.mark.parametrize("chance", [0.05, 0.005])
def test_false_alarms_are_as_many_as_stated(chance: float) -> None:
    network, *_, inputs = calibrated(7, 4_000)
    found = Estimator(Model(network), false_alarms=chance).estimate(inputs)
    assert (found.freedom == len(inputs.sensors) - found.removed.sum(axis=1)).all()
    assert chance / 2 < found.suspicious.mean() < chance * 2


@pytest.mark.parametrize(("column", "wrong"), [(0, 12_000.0), (1, -15_000.0), (4, 12.0), (5, -12.0)])
def test_a_bad_sensor_is_found_thrown_out_and_does_no_harm(column: int, wrong: float) -> None:
    network, draw_w, draw_var = world(9, 60)
    model = Model(network)
    true = model.flow(draw_w, draw_var)
    good = inputs_of(network, true, draw_w, sensors_of(network, (1, 3, 7)))
    bad = replace(good, measured=good.measured.copy())
    bad.measured[30:, column] += wrong
    found = Estimator(model).estimate(bad)
    assert not found.suspicious[:30].any()
    assert found.suspicious[30:].mean() > 0.9
    assert found.removed[30:, column].mean() > 0.9
    assert found.removed[:, [i for i in range(7) if i != column]].mean() < 0.02
    assert not found.doubtful.any()
    without = replace(good, measured=good.measured.copy())
    without.measured[:, column] = np.nan
    struck = found.removed[:, column]
    expected = Estimator(model).estimate(without)
    assert np.allclose(found.flow.voltage[struck], expected.flow.voltage[struck], atol=1e-8)


def test_what_nothing_else_measures_is_never_thrown_out() -> None:
    """The upstream voltage strays by more than five times its 1 %: the one voltage sensor is no liar."""
    network, draw_w, draw_var = world(9, 40)
    model = Model(network)
    true = model.flow(draw_w, draw_var, source_voltage=np.where(np.arange(40) < 20, 1.0, 1.055)[:, None])
    inputs = inputs_of(network, true, draw_w, sensors_of(network, (1,)))
    found = Estimator(model).estimate(inputs)
    strays = [False] * 20 + [True] * 20
    assert found.suspicious.tolist() == found.doubtful.tolist() == found.unverifiable[:, 4].tolist() == strays
    assert not found.removed.any()
    assert (np.abs(found.normalised[20:, 4]) > 4).all()  # as first read
    silent = replace(inputs, measured=np.where(np.arange(5) < 4, inputs.measured, np.nan))
    heads_only = Estimator(model).estimate(silent)

    def off(one: Estimate) -> float:
        return float(np.abs(one.flow.voltage - true.voltage)[20:, 1:].max())

    assert off(found) < 0.7 * off(heads_only)  # between what it says and what is usual
    assert (found.voltage_sigma[20:, 1] > found.voltage_sigma[:20, 1].max()).all()


def test_an_absurd_value_nobody_can_check_hardly_counts() -> None:
    network, draw_w, draw_var = world(9, 8)
    model = Model(network)
    good = inputs_of(network, model.flow(draw_w, draw_var), draw_w, sensors_of(network, (1,)))
    dead = replace(good, measured=np.where(np.arange(5) == 4, 20.0, good.measured))
    found, right = (Estimator(model).estimate(one) for one in (dead, good))
    assert found.unverifiable[:, 4].all()
    assert found.doubtful.all()
    assert np.abs(found.flow.voltage - right.flow.voltage)[:, 1:].max() < 0.02
    assert (found.voltage_sigma[:, 1:] > 2 * right.voltage_sigma[:, 1:]).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_alone_is_what_the_others_explain_less_than_half_of(seed: int) -> None:
    """By leaving each out; and what is added to its variance makes its residual just believable."""
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((4, 3)) * rng.uniform(0, 3, (4, 1))
    expected, variance = mixed @ mixed.T, rng.uniform(0.01, 4, 4)
    innovation = 10 * rng.standard_normal(4)

    def residuals(noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inverse = np.linalg.inv(expected + np.diag(noise))[None]
        return inverse, normalised(innovation[None], inverse, np.ones((1, 4), np.bool_))

    inverse, before = residuals(variance)
    found = alone(inverse, variance[None], np.diag(expected)[None])[0]
    more = eased(inverse, before, 0.001)[0]
    for i in range(4):
        rest = np.delete(np.arange(4), i)
        cross = expected[i, rest]
        left = expected[i, i] - cross @ np.linalg.solve((expected + np.diag(variance))[np.ix_(rest, rest)], cross)
        assert found[i] == (left > variance[i] and left > 0.5 * expected[i, i])
        after = residuals(variance + more * (np.arange(4) == i))[1][0, i]
        assert after**2 == pytest.approx(min(before[0, i] ** 2, chi_square_limit(0.001, 1)))


def test_without_sensors_the_state_is_the_flow_of_the_shares() -> None:
    network, draw_w, draw_var = world(11, 6)
    model = Model(network)
    given_ = inputs_of(network, model.flow(draw_w, draw_var), draw_w, sensors_of(network))
    silent = replace(given_, measured=np.full_like(given_.measured, np.nan))
    found = Estimator(model).estimate(silent)
    assert np.allclose(found.node_w.sum(axis=1), draw_w.sum(axis=1))
    assert np.allclose(found.flow.voltage, model.flow_at(found.node_w, found.node_var).voltage)
    assert (found.freedom == 0).all()
    assert not found.suspicious.any()
    nothing = replace(silent, drawn_w=silent.drawn_w * np.nan, fed_w=silent.fed_w * np.nan)
    assert (Estimator(model).estimate(nothing).voltage_sigma[:, 2:] > found.voltage_sigma[:, 2:]).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_a_net_total_and_a_group_by_its_name_say_what_their_parts_say(seed: int) -> None:
    network, draw_w, draw_var = world(seed, 8)
    model = Model(network)
    true = model.flow(draw_w, draw_var)
    names = tuple(Sensor(kind, name) for kind, name in product((HEAD, VAR), network.groups))
    by_name = inputs_of(network, true, draw_w, names)
    assert np.array_equal(by_name.measured, read(network, true, sensors_of(network, ())))
    net = replace(by_name, net_w=by_name.drawn_w - by_name.fed_w, measured=by_name.measured * np.nan,
                  drawn_w=by_name.drawn_w * np.nan, fed_w=by_name.drawn_w * np.nan)  # fmt: skip
    found = Estimator(model).estimate(net)
    groups = network.nodes.groups[model.load_nodes][:, None] == np.arange(2)
    assert np.allclose(found.node_w @ groups, net.net_w, atol=1)


def test_impossible_totals_have_no_state_and_harm_no_other_interval() -> None:
    network, draw_w, draw_var = world(12, 4)
    model = Model(network)
    given_ = inputs_of(network, model.flow(draw_w, draw_var), draw_w, sensors_of(network))
    wild = replace(given_, drawn_w=given_.drawn_w.copy())
    wild.drawn_w[2] = 1e9
    found = Estimator(model).estimate(wild)
    assert found.flow.converged.tolist() == [True, True, False, True]
    assert found.fallback.tolist() == [False, False, True, False]
    assert np.isfinite(found.flow.voltage[[0, 1, 3]]).all()


def test_a_sensor_that_sits_nowhere_is_refused() -> None:
    network, draw_w, _ = world(13, 2)
    estimator = Estimator(Model(network))
    for sensor in (Sensor(HEAD, "n1"), Sensor(VOLT, "l0"), Sensor(MeasuredKind.FREQUENCY_MILLIHZ, "")):
        drawn, fed = by_group(network, draw_w)
        given_ = Inputs((sensor,), np.ones((2, 1)), drawn, fed, drawn - fed, network.units.yearly_wh)
        with pytest.raises(InputError, match="sensor"):
            estimator.estimate(given_)


def test_unknown_yearly_means_are_guessed_from_rated_power() -> None:
    network = radial(np.random.default_rng(14), plants=False)
    loads = Model(network).load_nodes
    some = network.units.yearly_wh.copy()
    some[0] = np.nan
    points = points_of(network, loads, some)
    assert np.allclose(np.bincount(points.group, weights=points.share), 1)
    assert (points.share > 0).all()
    equal = points_of(network, loads, np.full(len(some), np.nan))
    assert np.allclose(equal.share, 0.25)


def test_power_grid_models_own_estimator_agrees() -> None:
    """The same weighted least squares where both can say it: no totals, one common factor less."""
    from power_grid_model import PowerGridModel, initialize_array

    from quietgrid.algorithms.powerflow.engine import Ids, as_input

    network, draw_w, draw_var = world(15, 3)
    model = Model(network)
    true = model.flow(draw_w, draw_var, source_voltage=np.full((3, 1), 1.01))
    sensors = sensors_of(network)
    sigmas = Sigmas(unopened=0.0)
    given_ = inputs_of(network, true, draw_w, sensors)
    given_ = replace(given_, drawn_w=given_.drawn_w * np.nan, fed_w=given_.fed_w * np.nan)
    ours = Estimator(model, sigmas=sigmas, false_alarms=0).estimate(given_)

    points = points_of(network, model.load_nodes, network.units.yearly_wh)
    at = np.eye(len(model.load_nodes))[points.column]
    spread = np.where(points.feeding, sigmas.plant_spread, sigmas.load_spread)
    sd_w = np.abs(points.mean_w) * spread + sigmas.node_w
    sd_var = sigmas.tangent * (np.abs(points.mean_w) + sd_w) + sigmas.node_w
    ids, grid = Ids(network), as_input(network)
    loads = len(ids.load)
    power = initialize_array("input", "sym_power_sensor", loads + 2)
    power["id"] = np.arange(ids.free, ids.free + loads + 2)
    power["power_sigma"] = 1.0
    power["measured_object"][:loads], power["measured_terminal_type"][:loads] = ids.load, 4
    power["p_measured"][:loads], power["q_measured"][:loads] = points.mean_w @ at, (points.mean_w * points.tangent) @ at
    power["p_sigma"][:loads], power["q_sigma"][:loads] = np.sqrt(sd_w**2 @ at), np.sqrt(sd_var**2 @ at)
    volts = initialize_array("input", "sym_voltage_sensor", 3)
    volts["id"] = np.arange(ids.free + loads + 2, ids.free + loads + 5)
    volts["measured_object"], volts["u_sigma"] = (0, 1, 3), (4.0, 1.0, 1.0)
    for t in range(3):
        heads = [branch for branch, _ in network.heads]
        value = given_.measured[t]
        power["measured_object"][loads:], power["measured_terminal_type"][loads:] = ids.line[heads], 0
        power["p_measured"][loads:], power["q_measured"][loads:] = value[:2], value[2:4]
        power["p_sigma"][loads:] = 0.005 * np.abs(value[:2]) + 50
        power["q_sigma"][loads:] = 0.005 * np.abs(value[2:4]) + 50
        volts["u_measured"] = (400.0, *value[4:])
        theirs = PowerGridModel(grid | {"sym_power_sensor": power, "sym_voltage_sensor": volts})
        found = theirs.calculate_state_estimation(calculation_method="newton_raphson", max_iterations=50)
        assert np.allclose(found["node"]["u_pu"], ours.flow.voltage[t], atol=2e-5)


@given(st.integers(1, 60), st.floats(1e-6, 0.5))
def test_the_chi_square_limit_has_that_tail(freedom: int, chance: float) -> None:
    limit = chi_square_limit(chance, freedom)
    assert chi_square_tail(limit, freedom) == pytest.approx(chance, rel=1e-6)
    assert chi_square_tail(limit, freedom + 1) > chance
