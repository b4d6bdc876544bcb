"""States from totals: what is measured and neither used nor lost, and when that cannot be said."""

from __future__ import annotations

import numpy as np
import pytest

from quietgrid.algorithms.powerflow import Model
from quietgrid.balance.picture import GroupTotals, Measured, spread, states
from quietgrid.demo.grid import demo_network
from quietgrid.model.interval import Window
from quietgrid.model.operation import Basis

NETWORK = demo_network()
POWER = np.array([[9_000, -30_000], [12_000, -8_000], [15_000, 2_000], [20_000, 20_000]])


def totals(whole: bool = True, known: bool = True) -> GroupTotals:
    full = np.full((4, 2), whole)
    return GroupTotals(Window(0, 2, 900), POWER, np.full((4, 2), 30, np.int32), np.full((4, 2), known), full)


def test_what_is_spread_adds_up_to_the_totals() -> None:
    draw, var = spread(NETWORK, totals())
    for group in range(4):
        assert draw[:, NETWORK.unit_groups == group].sum(axis=1) == pytest.approx(POWER[group])
    assert (var >= 0).all()


def test_what_enters_and_is_neither_used_nor_lost_is_found() -> None:
    model = Model(NETWORK)
    quiet = states(model, totals())
    assert [s.unexplained_w for s in quiet] == [None, None]
    lost = np.array([700.0, 900.0])
    heads = {name: POWER[row] + 0.0 for row, name in enumerate(NETWORK.groups)}
    heads["Mill Lane"] = heads["Mill Lane"] + 5_000.0 + lost
    found = [s.unexplained_w for s in states(model, totals(), Measured(heads))]
    base = [
        s.unexplained_w
        for s in states(model, totals(), Measured({n: POWER[r] + 0.0 for r, n in enumerate(NETWORK.groups)}))
    ]
    assert None not in found
    assert [a - b for a, b in zip(found, base, strict=True)] == pytest.approx([5_700, 5_900], abs=1)  # type: ignore[operator]


def test_a_home_that_is_missing_is_no_loss() -> None:
    heads = {name: POWER[row] + 9_000.0 for row, name in enumerate(NETWORK.groups)}
    assert [s.unexplained_w for s in states(Model(NETWORK), totals(whole=False), Measured(heads))] == [None, None]


def test_without_any_total_it_says_yearly_means() -> None:
    assert {s.basis for s in states(Model(NETWORK), totals(known=False))} == {Basis.MEANS}
    assert {g.homes for s in states(Model(NETWORK), totals(known=False)) for g in s.groups} == {0}
