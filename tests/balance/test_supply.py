"""EN 50160 weeks: from all buses and from groups' extremes; gaps are gaps; verdicts by hand."""

from __future__ import annotations

import csv
from io import StringIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.voltage import weeks
from quietgrid.algorithms.voltage.quality import Verdict
from quietgrid.balance.supply import as_csv, supply_weeks
from quietgrid.demo.grid import demo_network
from quietgrid.errors import InputError
from quietgrid.model.operation import Basis, GridState, GroupState

NETWORK = demo_network()
WEEK = 672


def flat(value: float = 1.0) -> np.ndarray:
    return np.full((WEEK, len(NETWORK.nodes.names)), value)


def test_five_per_cent_of_a_week_may_be_low_but_nothing_high() -> None:
    voltage, node = flat(), int(np.flatnonzero(NETWORK.nodes.groups == 1)[3])
    voltage[:33, node] = 0.88
    found = weeks(voltage, NETWORK, 0, 900)
    assert [week.verdict for week in found] == [Verdict.KEPT] * 4
    assert (found[1].worst_bus, found[1].below, found[1].beyond) == (NETWORK.nodes.names[node], 33, 0)
    assert found[1].worst_within == pytest.approx(1 - 33 / WEEK)
    voltage[:34, node] = 0.88
    assert weeks(voltage, NETWORK, 0, 900)[1].verdict is Verdict.BROKEN
    voltage[:, node] = 1.0
    voltage[5, node] = 1.101
    assert weeks(voltage, NETWORK, 0, 900)[1].beyond == 1
    assert weeks(voltage, NETWORK, 0, 900)[1].verdict is Verdict.BROKEN
    voltage[5, node] = 0.84
    assert weeks(voltage, NETWORK, 0, 900)[1].verdict is Verdict.BROKEN


def test_gaps_are_gaps_and_count_for_neither_side() -> None:
    voltage = flat()
    voltage[100:] = np.nan
    first = weeks(voltage[:200], NETWORK, 0, 900)[0]
    assert (first.gaps, first.verdict) == (first.buses * (WEEK - 100), Verdict.KEPT)
    nothing = weeks(flat(np.nan), NETWORK, 0, 900)[0]
    assert (nothing.verdict, nothing.worst_bus) == (Verdict.UNKNOWN, "")
    with pytest.raises(InputError, match="fill a week"):
        weeks(voltage, NETWORK, 0, 1_000)
    with pytest.raises(InputError, match="one column"):
        weeks(voltage[:, :3], NETWORK, 0, 900)


@given(st.integers(0, 2**32 - 1))
def test_groups_extremes_are_never_milder_than_all_buses(seed: int) -> None:
    rng = np.random.default_rng(seed)
    voltage = np.clip(rng.normal(1.0, 0.04, (40, len(NETWORK.nodes.names))), 0.8, 1.2)
    states = [
        GridState(slot, 900, Basis.MEASURED, True, tuple(
            GroupState(name, 0, 30, *np.percentile(row[NETWORK.nodes.groups == group], (0, 5, 50, 95, 100)), 0.1)
            for group, name in enumerate(NETWORK.groups)
        ), {}, 0, 0)
        for slot, row in enumerate(voltage)
    ]  # fmt: skip
    for all_buses, extremes in zip(weeks(voltage, NETWORK, 0, 900), supply_weeks(states, NETWORK, 0, 900), strict=True):
        assert extremes.worst_within <= all_buses.worst_within
        assert (extremes.least, extremes.most) == pytest.approx((all_buses.least, all_buses.most))
        assert extremes.p5 <= all_buses.p5 + 1e-12
        assert extremes.p95 >= all_buses.p95 - 1e-12
        assert extremes.gaps == WEEK - 40
        if all_buses.verdict is Verdict.BROKEN:
            assert extremes.verdict is Verdict.BROKEN


def test_weeks_become_csv_and_no_state_is_unknown() -> None:
    group = GroupState(NETWORK.groups[0], 0, 30, 0.99, 0.99, 1.0, 1.01, 1.01, 0.1)
    state = GridState(WEEK + 3, 900, Basis.MEASURED, True, (group,), {}, 0, 0)
    found = supply_weeks([state], NETWORK, 0, 900)
    assert len(found) == 8
    assert [week.verdict for week in found[:5]] == [Verdict.UNKNOWN] * 4 + [Verdict.KEPT]
    rows = list(csv.DictReader(StringIO(as_csv(found))))
    assert (rows[4]["group"], rows[4]["gaps"], rows[4]["verdict"]) == (NETWORK.groups[0], str(WEEK - 1), "kept")
    assert supply_weeks([], NETWORK, 0, 900) == ()
