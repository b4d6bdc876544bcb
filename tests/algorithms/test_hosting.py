"""Hosting capacity, sensitivities, losses: against flows, closed forms, and a theft."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.algorithms.powerflow import Estimator, Inputs, Model, group_loss_w, group_weights, sensitivity
from quietgrid.algorithms.powerflow.hosting import MOST_W, Bounds, hosting_capacity
from quietgrid.algorithms.powerflow.losses import losses
from quietgrid.algorithms.powerflow.sensing import Places
from quietgrid.errors import InputError
from tests.algorithms.grids import by_group, radial
from tests.algorithms.test_estimation import sensors_of
from tests.algorithms.test_powerflow import line_of


def test_one_line_hosts_what_its_closed_form_says() -> None:
    model = Model(line_of(2, r_ohm=0.1))
    found = hosting_capacity(model, np.zeros(1), np.zeros(1), bounds=Bounds(0.9, 1.1, 10))
    # P = (U1·U2 − U2²) / R at U2 = 0.9 and 1.1 of 400 V
    assert found.load_w[0] == pytest.approx(0.9 * 0.1 * 400**2 / 0.1, abs=2)
    assert found.plant_w[0] == pytest.approx(1.1 * 0.1 * 400**2 / 0.1, abs=2)
    assert (found.load_limit, found.plant_limit) == (("n1",), ("n1",))
    by_current = hosting_capacity(model, np.zeros(1), np.zeros(1))
    assert by_current.load_w[0] < found.load_w[0]
    assert by_current.load_limit == ("l0",)
    none = hosting_capacity(model, np.array([1e6]), np.zeros(1))
    assert none.load_w[0] == 0


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_what_is_hosted_fits_and_a_watt_more_does_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = Model(radial(rng))
    base, bounds = rng.uniform(-2e3, 3e3, len(model.load_nodes)), Bounds(0.92, 1.08)
    weights = group_weights(model.network, model.load_nodes, np.ones(len(base))).T
    for places in (None, weights):
        found = hosting_capacity(model, base, 0 * base, places, bounds)
        ways = np.eye(len(base)) if places is None else places
        for watts, sign in ((found.load_w, 1), (found.plant_w, -1)):
            assert ((watts > 0) & (watts < MOST_W)).all()
            inside, outside = (
                model.flow_at(base + sign * (watts + more)[:, None] * ways, np.zeros((len(watts), len(base))))
                for more in (0, 2)
            )
            fits = [
                flow.converged
                & (flow.voltage.min(1) >= 0.92)
                & (flow.voltage.max(1) <= 1.08)
                & (flow.loading.max(1) <= 1)
                for flow in (inside, outside)
            ]
            assert fits[0].all()
            assert not fits[1].any()


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_sensitivities_foretell_small_moves(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = Model(radial(rng))
    base = rng.uniform(-2e3, 3e3, len(model.load_nodes))
    slopes = sensitivity(model, base, 0 * base)
    move = rng.uniform(-100, 100, len(base))
    found = model.flow_at(np.stack([base, base + move]), np.zeros((2, len(base))))
    assert np.allclose(found.voltage[1] - found.voltage[0], slopes.voltage[:, slopes.by_w] @ move, atol=2e-7)
    assert np.allclose(found.from_w[1] - found.from_w[0], slopes.from_w[:, slopes.by_w] @ move, atol=0.2)
    assert (slopes.voltage[2:, slopes.by_w] < 0).all()


def test_losses_of_groups_and_of_what_is_in_none_are_all_losses() -> None:
    rng = np.random.default_rng(1)
    network = radial(rng)
    flow = Model(network).flow(rng.uniform(0, 4e3, (5, len(network.units))), np.zeros((5, len(network.units))))
    trunk = (flow.from_w + flow.to_w)[:, 0]
    assert np.allclose(group_loss_w(network, flow).sum(axis=1) + trunk, flow.loss_w)


@pytest.mark.parametrize("stolen", [0.0, 2_000.0])
def test_energy_that_passes_the_head_and_no_meter_is_missed(stolen: float) -> None:
    rng = np.random.default_rng(2)
    network = radial(rng)
    model, t = Model(network), 200
    feeding = network.units.generating
    draw_w = np.where(feeding, -1, 1) * rng.uniform(0, 4e3, (t, len(feeding)))
    taken = draw_w.copy()
    taken[:, 1] += stolen  # a home of the first group
    true = model.flow(taken, 0 * taken)
    drawn, fed = by_group(network, draw_w)
    places = Places(network, sensors_of(network, ()))
    heads = places.observed(true)[:, :2] * (1 + 0.002 * rng.standard_normal((t, 2)))
    inputs = Inputs((), np.zeros((t, 0)), drawn, fed, np.full_like(drawn, np.nan), network.units.yearly_wh)
    found = losses(model, Estimator(model).estimate(inputs), heads, drawn - fed)
    score = found.score()
    assert abs(score[1]) < 1
    assert (score[0] > 5) == (stolen > 0)
    assert found.missing_w[:, 0].mean() == pytest.approx(stolen, rel=0.05, abs=60)
    heads[:, 1] = np.nan
    assert np.isnan(losses(model, Estimator(model).estimate(inputs), heads, drawn - fed).score()).tolist() == [
        False,
        True,
    ]
    with pytest.raises(InputError, match="heads"):
        losses(model, Estimator(model).estimate(inputs), heads[:, :1], drawn - fed)
