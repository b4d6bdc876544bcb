"""What may be measured: no sum of a few homes, no difference of sums of a few homes, no home's own voltage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quietgrid.algorithms.measurable import behind_branch, measurable, power_of
from quietgrid.algorithms.powerflow import flow
from quietgrid.demo import demo_network, home_units
from quietgrid.errors import InputError
from quietgrid.model.grid import MeasuredKind
from quietgrid.model.network import Network
from tests.algorithms.test_powerflow import line_of

HEAD, VOLTAGE = MeasuredKind.HEAD_W, MeasuredKind.VOLTAGE_MV


def names(network: Network, floor: int, kind: MeasuredKind) -> set[str]:
    return {name for what, name in measurable(network, floor) if what is kind}


def two_sections(first: int, second: int) -> Network:
    """A line of homes in two groups: the first `first` nodes are group A, the following `second` group B."""
    network = line_of(1 + first + second, tuple(range(1, 1 + first + second)))
    groups = np.array([-1] + [0] * first + [1] * second, np.int32)
    return replace(network, nodes=replace(network.nodes, groups=groups), groups=("A", "B"))


def test_a_group_and_its_feeder_are_one_sum() -> None:
    assert names(two_sections(20, 20), 15, HEAD) == {"A", "B", "l0", "l20"}


def test_a_group_below_the_floor_is_not_measured() -> None:
    assert names(two_sections(20, 14), 15, HEAD) == {"A"}, "all of the feeder, less A, would be fourteen"


def test_the_difference_of_a_feeder_and_a_group_is_a_sum_too() -> None:
    """A cable that feeds 28 of a section's 30 homes leaves two."""
    network = line_of(31, tuple(range(1, 31)))
    lines = network.lines
    starts = lines.from_node.copy()
    starts[28] = 0  # nodes 29 and 30 hang on a feeder of their own
    network = replace(network, lines=replace(lines, from_node=starts))
    assert behind_branch(network, 0).sum() == 28
    assert names(network, 15, HEAD) == {"F1"}
    assert names(network, 2, HEAD) == {"F1", "l0", "l28"}


def test_the_demo_is_measured_at_its_sections_and_its_transformer() -> None:
    network = demo_network()
    assert names(network, 15, HEAD) == {*network.groups, "Transformer"}
    cables = [len(names(network, k, HEAD) - {*network.groups, "Transformer"}) for k in (15, 9, 5, 1)]
    assert cables == [0, 1, 3, 11]
    homes = {network.nodes.names[n] for n in network.units.nodes[home_units(network)]}
    voltages = names(network, 15, VOLTAGE)
    assert voltages
    assert not voltages & homes


def test_a_groups_power_is_what_its_homes_draw_and_lose() -> None:
    network = two_sections(3, 3)
    draw = np.full((2, 6), 500.0)
    found = flow(network, draw, 0.1 * draw)
    both = power_of(network, "A", found.from_w, found.to_w) + power_of(network, "B", found.from_w, found.to_w)
    first = power_of(network, "l0", found.from_w, found.to_w)
    assert first == pytest.approx(found.source_w)
    assert power_of(network, "B", found.from_w, found.to_w) == pytest.approx(1500, rel=0.01)
    assert both == pytest.approx(first + found.from_w[:, 3] + found.to_w[:, 3]), "the cable between counts for both"
    turned = replace(network, lines=replace(network.lines, from_node=network.lines.to_node,
                                            to_node=network.lines.from_node))  # fmt: skip
    other = flow(turned, draw, 0.1 * draw)
    for element in ("A", "B", "l0", "l3"):
        expected = power_of(network, element, found.from_w, found.to_w)
        assert power_of(turned, element, other.from_w, other.to_w) == pytest.approx(expected)
    with pytest.raises(InputError):
        power_of(network, "C", found.from_w, found.to_w)
