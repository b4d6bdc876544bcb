"""What is measured at a group's heads, by the group's name, is set against its total and its losses."""

from __future__ import annotations

import numpy as np
import pytest

from quietgrid.algorithms.measurable import power_of
from quietgrid.algorithms.powerflow import Model
from quietgrid.balance.picture import GroupTotals, Measured, spread, states
from quietgrid.demo import demo_network
from quietgrid.model.interval import Window

NETWORK = demo_network(60)
MODEL = Model(NETWORK)
WINDOW = Window(1_627_480, 1_627_482, 900)
GROUPS = len(NETWORK.groups)


def measured(power_w: np.ndarray) -> tuple[GroupTotals, dict[str, np.ndarray]]:
    """Totals, and what the heads of the groups show if the homes draw as `spread` says."""
    totals = GroupTotals(WINDOW, power_w, np.full(power_w.shape, 15, np.int32), np.ones(power_w.shape, np.bool_))
    flow = MODEL.flow(*spread(NETWORK, totals))
    return totals, {name: power_of(NETWORK, name, flow.from_w, flow.to_w) for name in NETWORK.groups}


def test_what_is_measured_is_used_and_lost() -> None:
    totals, heads = measured(np.arange(GROUPS * 2, dtype=np.int64).reshape(GROUPS, 2) * 2_000 + 10_000)
    for at, state in enumerate(states(MODEL, totals, Measured(heads=heads))):
        assert state.unexplained_w == pytest.approx(0, abs=2)
        for row, group in enumerate(state.groups):
            assert group.head_w == pytest.approx(heads[group.group][at], abs=1)
            assert 0 < group.head_w - totals.power_w[row, at] < 0.1 * group.head_w


def test_what_enters_and_is_not_used_stands_out() -> None:
    totals, heads = measured(np.full((GROUPS, 2), 20_000, np.int64))
    heads[NETWORK.groups[1]] = heads[NETWORK.groups[1]] + 3_000
    assert states(MODEL, totals, Measured(heads=heads))[0].unexplained_w == pytest.approx(3_000, abs=2)


def test_a_head_that_says_nothing_leaves_the_sum_open() -> None:
    totals, heads = measured(np.full((GROUPS, 2), 20_000, np.int64))
    heads[NETWORK.groups[0]][0] = np.nan
    first, second = states(MODEL, totals, Measured(heads=heads))
    assert (first.unexplained_w, first.groups[0].head_w) == (None, None)
    assert second.unexplained_w == pytest.approx(0, abs=2)
    del heads[NETWORK.groups[0]]
    assert states(MODEL, totals, Measured(heads=heads))[1].unexplained_w is None
