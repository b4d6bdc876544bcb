"""Power flow: against the closed form of a line, laws of any flow, what cannot be calculated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.powerflow import flow
from quietgrid.errors import InputError
from quietgrid.model.network import Lines, Network, Nodes, Sources, Transformers, UnitKind, Units


def i32(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def f(*values: float) -> np.ndarray:
    return np.array(values, np.float64)


def flags(*values: bool) -> np.ndarray:
    return np.array(values, np.bool_)


def no_transformers() -> Transformers:
    return Transformers((), i32(), i32(), f(), f(), f(), f(), f(), f(), f(), i32(), i32(), i32(), i32(), i32(), f(),
                        flags(), flags(), flags(), flags())  # fmt: skip


def line_of(nodes: int, units: tuple[int, ...] = (1,), r_ohm: float = 0.1) -> Network:
    """A 400 V line from a source: node 0, 1, …; a load at each of `units`; all but the source in group 0."""
    m, u = nodes - 1, len(units)
    return Network(
        "line",
        Nodes(tuple(f"n{i}" for i in range(nodes)), np.full(nodes, 400.0), i32(-1, *[0] * m), np.arange(nodes) * 1.0,
              np.zeros(nodes)),
        Lines(tuple(f"l{i}" for i in range(m)), np.arange(m, dtype=np.int32), np.arange(1, nodes, dtype=np.int32),
              np.full(m, r_ohm), np.zeros(m) + 1e-9, np.zeros(m), np.full(m, 100.0), np.ones(m, np.bool_),
              np.ones(m, np.bool_)),
        no_transformers(),
        Sources(("grid",), i32(0), f(1.0), flags(True)),
        Units(tuple(f"u{i}" for i in range(u)), i32(*units), (UnitKind.LOAD,) * u, np.full(u, 5e3), np.zeros(u),
              np.zeros(u), np.full(u, np.nan), ("",) * u, np.ones(u, np.bool_)),
        ("F1",),
    )  # fmt: skip


@given(st.floats(-40e3, 60e3))
def test_one_line_has_the_closed_form(draw_w: float) -> None:
    found = flow(line_of(2), f(draw_w).reshape(1, 1), np.zeros((1, 1)))
    # U2² − U1·U2 + R·P = 0, its upper root
    expected = (400 + np.sqrt(400**2 - 4 * 0.1 * draw_w)) / 2 / 400
    assert found.converged.all()
    assert found.voltage[0, 1] == pytest.approx(expected, abs=1e-7)
    assert found.source_w[0] == pytest.approx(draw_w + found.loss_w[0], abs=0.5)


@given(st.lists(st.floats(-5e3, 5e3), min_size=3, max_size=3))
def test_power_in_is_power_out_and_units_at_one_node_add_up(draws: list[float]) -> None:
    network = line_of(4, (1, 3, 3))
    found = flow(network, np.array([draws]), np.zeros((1, 3)))
    assert found.source_w[0] == pytest.approx(sum(draws) + found.loss_w[0], abs=0.5)
    together = flow(line_of(4, (1, 3)), np.array([[draws[0], draws[1] + draws[2]]]), np.zeros((1, 2)))
    assert np.allclose(found.voltage, together.voltage, atol=1e-9)


def test_open_units_count_for_nothing_and_cut_off_nodes_have_no_voltage() -> None:
    network = line_of(3, (1, 2))
    off = replace(network, units=replace(network.units, closed=flags(True, False)))
    draw = np.array([[4e3, 9e3]])
    assert flow(off, draw, 0 * draw).source_w[0] == pytest.approx(4e3, rel=0.01)
    cut = replace(network, lines=replace(network.lines, from_closed=flags(True, False), to_closed=flags(True, False)))
    found = flow(cut, draw, 0 * draw)
    assert np.isnan(found.voltage[0, 2])
    assert np.isfinite(found.voltage[0, :2]).all()
    assert cut.heads == ((0, 0),)


def test_an_interval_without_a_state_is_marked_and_harms_no_other() -> None:
    found = flow(line_of(2), np.array([[1e3], [1e9], [2e3]]), np.zeros((3, 1)))
    assert found.converged.tolist() == [True, False, True]
    assert np.isnan(found.voltage[1]).all()
    assert np.isfinite(found.voltage[[0, 2]]).all()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="for 1 units"):
        flow(line_of(2), np.zeros((1, 2)), np.zeros((1, 2)))
    network = line_of(2)
    with pytest.raises(InputError, match="not there"):
        replace(network, units=replace(network.units, nodes=i32(7)))
    with pytest.raises(InputError, match="one name"):
        replace(network, nodes=replace(network.nodes, names=("n0", "n0")))
    with pytest.raises(InputError, match="differ in length"):
        replace(network, nodes=replace(network.nodes, x=f(1)))
