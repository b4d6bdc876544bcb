"""Limits from a state: what they allow, an independent power flow finds within bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.algorithms.powerflow import Estimator, Model
from quietgrid.balance.limits import Margins, limits_of
from quietgrid.model.interval import Window
from tests.algorithms.grids import radial
from tests.algorithms.test_estimation import inputs_of

WINDOW = Window(0, 3, 900)
SURE = Margins(sigmas=0.0)


def state_of(seed: int, sensors=()):
    rng = np.random.default_rng(seed)
    network = radial(rng, feeders=3, nodes=4)
    model = Model(network)
    draw_w = np.where(network.units.generating, -1, 1) * rng.uniform(0, 3e3, (3, len(network.units)))
    true = model.flow(draw_w, 0 * draw_w)
    return model, Estimator(model).estimate(inputs_of(network, true, draw_w, sensors)), rng


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_what_is_allowed_keeps_voltages_and_currents_however_it_is_shared_out(seed: int) -> None:
    model, state, rng = state_of(seed)
    limits = limits_of(model, state, WINDOW, SURE)
    groups = model.network.nodes.groups[model.load_nodes]
    wish = (rng.uniform(-1, 1, (3, 3)) * rng.choice([2e4, 1e5, 5e5])).astype(np.int64)
    moves = np.trunc(wish * limits.scaled(wish)).astype(np.int64)
    moves *= limits.allowed(moves)  # what was rounded away may have been relief
    assert (limits.scaled(moves) == 1).all()
    for _ in range(4):
        node_w = state.node_w.copy()
        for group in range(3):
            own = np.flatnonzero(groups == group)
            parts = rng.dirichlet(np.full(len(own), 0.3))
            node_w[:, own] += np.outer(moves[group], parts)
        found = model.flow_at(node_w, state.node_var, source_voltage=state.source_voltage)
        assert found.converged.all()
        assert found.voltage.min() > SURE.low
        assert found.voltage.max() < SURE.high
        assert found.loading.max() < 1


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 100_000))
def test_headroom_is_what_one_group_may_do_alone_and_not_timid(seed: int) -> None:
    model, state, _ = state_of(seed)
    limits = limits_of(model, state, WINDOW, SURE)
    groups = model.network.nodes.groups[model.load_nodes]
    for group in range(3):
        most = np.zeros((3, 3), np.int64)
        most[group] = limits.import_w[group]
        assert limits.allowed(most).all()
        assert not limits.allowed(most + (np.arange(3) == group)[:, None]).any()
        own = np.flatnonzero(groups == group)
        broken = np.zeros(3, np.bool_)
        for node in own:
            node_w = state.node_w.copy()
            node_w[:, node] += 1.35 * limits.import_w[group]
            found = model.flow_at(node_w, state.node_var, source_voltage=state.source_voltage)
            low = np.where(found.converged, found.voltage.min(axis=1), 0)
            broken |= (low < SURE.low) | ~(found.loading.max(axis=1) < SURE.loading * SURE.low)
        assert broken.all()


def test_an_uncertain_state_has_less_room_and_none_where_nothing_is_known() -> None:
    model, state, _ = state_of(5)
    sure, careful = (limits_of(model, state, WINDOW, margins) for margins in (SURE, Margins()))
    assert (careful.import_w <= sure.import_w).all()
    assert (careful.import_w < sure.import_w).any()
    flow = replace(state.flow, converged=np.array([True, False, True]))
    lost = limits_of(model, replace(state, flow=flow), WINDOW)
    assert (lost.import_w[:, 1] == 0).all()
    assert (lost.export_w[:, 1] == 0).all()
    assert (lost.import_w[:, 0] > 0).all()
    assert lost.allowed(np.zeros((3, 3), np.int64)).all()


def test_a_broken_limit_is_named_and_allows_relief_only() -> None:
    model, state, _ = state_of(7)
    worst = state.flow.voltage.min(axis=1)
    low = float(np.sort(worst)[1]) + 1e-5
    tight = limits_of(model, state, WINDOW, Margins(low=low, sigmas=0))
    broken = np.flatnonzero(worst < low)
    assert len(broken) == 2
    more = np.full((3, 3), 500, np.int64)
    assert not tight.allowed(more)[broken].any()
    assert all("low" in " ".join(tight.binding(more)[t]) for t in broken)
    assert tight.allowed(-more)[broken].all()
