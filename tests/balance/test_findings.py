"""Each rule finds what it is for, says where, and gives a cure; a sound grid is left alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from quietgrid.balance.findings import Finding, Severity, findings
from quietgrid.balance.topology import tree_of
from quietgrid.demo import demo_network
from quietgrid.model.network import NO_GROUP, Network
from quietgrid.wire.grid import read_simbench
from tests.balance.test_topology import opened, ringed
from tests.wire.grid.networks import radial

GRIDS = Path(__file__).parents[2] / "vectors" / "grids"


def changed(table: str, column: str, row: int, value: Any) -> Network:
    network = demo_network()
    part = getattr(network, table)
    values = getattr(part, column)
    if isinstance(values, tuple):
        values = tuple(value if at == row else old for at, old in enumerate(values))
    else:
        values = values.copy()
        values[row] = value
    return replace(network, **{table: replace(part, **{column: values})})


def of(network: Network, rule: str) -> list[Finding]:
    return [one for one in findings(network) if one.rule == rule]


@pytest.mark.parametrize("name", ["rural3", "urban6"])
def test_sound_grids_have_no_errors(name: str) -> None:
    found = findings(read_simbench(GRIDS / name).network)
    assert [one.rule for one in found] == ["no-group"]


@pytest.mark.parametrize(("table", "column", "row", "value", "rule", "severity", "says"), [
    ("sources", "closed", 0, False, "no-source", "error", "nothing is fed"),
    ("sources", "voltage", 0, 103.0, "source-voltage", "warning", "103.00"),
    ("lines", "r_ohm", 5, -0.1, "impedance", "error", "negative"),
    ("lines", "r_ohm", 5, 90.0, "impedance", "warning", "would lose"),
    ("lines", "rated_a", 5, np.inf, "no-rating", "warning", "1 line without"),
    ("nodes", "rated_v", 7, 230.0, "voltage-level", "error", "230 V"),
    ("nodes", "rated_v", 7, 0.0, "node-voltage", "error", "no rated voltage"),
    ("nodes", "groups", 7, NO_GROUP, "no-group", "warning", "belong"),
    ("transformers", "from_v", 0, 230.0, "upside-down", "error", "230 V"),
    ("transformers", "from_v", 0, 10_000.0, "winding-voltage", "error", "10,000 V"),
    ("transformers", "tap", 0, 7, "tap-range", "error", "tap 7"),
    ("transformers", "tap_neutral", 0, 9, "tap-range", "warning", "neutral"),
    ("transformers", "tap_size", 0, 0.0, "tap-size", "warning", "change nothing"),
    ("transformers", "rated_va", 0, 0.0, "no-rating", "error", "no rated power"),
    ("transformers", "short_circuit", 0, 6.0, "short-circuit", "warning", "600%"),
    ("transformers", "copper_w", 0, 90_000.0, "short-circuit", "error", "copper"),
    ("transformers", "names", 0, "Line 1", "duplicate-name", "error", "Line 1"),
    ("units", "names", 1, "HOME-1", "similar-name", "warning", "home-1 and HOME-1"),
    ("units", "rated_w", 1, -5.0, "unit-power", "error", "no usable"),
    ("units", "yearly_wh", 1, -5.0, "unit-energy", "error", "negative energy"),
])  # fmt: skip
def test_a_rule_finds_it(table: str, column: str, row: int, value: Any, rule: str, severity: str, says: str) -> None:
    assert rule not in {one.rule for one in findings(demo_network())}
    one = next(one for one in of(changed(table, column, row, value), rule) if one.severity == severity)
    assert says in one.said
    assert one.element
    assert one.fix


def test_tiny_impedances_are_couplers() -> None:
    network = demo_network()
    r, x = network.lines.r_ohm.copy(), network.lines.x_ohm.copy()
    r[3], x[3], r[4], x[4] = 1e-9, 0, 0, 0
    found = of(replace(network, lines=replace(network.lines, r_ohm=r, x_ohm=x)), "impedance")
    assert [one.element for one in found] == [network.lines.names[3]]


def test_islands_with_units_are_errors_and_say_what_closing_does() -> None:
    head = max(demo_network().heads, key=lambda head: len(tree_of(opened(demo_network(), head[0])).islands()[0]))[0]
    network = opened(demo_network(), head)
    (island,) = of(network, "unit-unfed")
    (switch,) = of(network, "open")
    assert island.severity is Severity.ERROR
    assert "units with them" in island.said
    size = len(tree_of(network).islands()[0])
    assert size > 20
    assert switch.said.startswith(f"{network.lines.names[head]} is open; closing it would feed {size} nodes and ")


def test_rings() -> None:
    network = ringed(demo_network())
    (loop,) = of(network, "loop")
    assert "closes a loop of" in loop.said
    (switch,) = of(opened(network, len(network.lines.names) - 1), "open")
    assert "would make a loop" in switch.said


def test_a_group_behind_another_is_noted() -> None:
    (one,) = of(demo_network(), "group-behind-group")
    assert "Church Road" in one.said
    assert "Station Road" in one.said


def test_many_of_one_rule_are_counted() -> None:
    network = demo_network()
    low = replace(network, units=replace(network.units, rated_w=np.full(len(network.units), -1.0)))
    found = of(low, "unit-power")
    assert len(found) == 21
    assert found[-1].said == f"{len(network.units) - 20} more of these"


@given(radial())
@settings(max_examples=60, deadline=None)
def test_any_network_is_judged_errors_first(network: Network) -> None:
    order = [list(Severity).index(one.severity) for one in findings(network)]
    assert order == sorted(order)
