"""What hangs on what: every node once, parts that are not fed, loops, feeders."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from quietgrid.algorithms.powerflow import Model
from quietgrid.balance.topology import NONE, grouped_by_feeder, tree_of
from quietgrid.demo import demo_network
from quietgrid.model.network import NO_GROUP, Network
from quietgrid.wire.grid import read_simbench
from tests.wire.grid.networks import radial

GRIDS = Path(__file__).parents[2] / "vectors" / "grids"


def opened(network: Network, *rows: int) -> Network:
    shut = network.lines.from_closed.copy()
    shut[list(rows)] = False
    return replace(network, lines=replace(network.lines, from_closed=shut))


def ringed(network: Network) -> Network:
    """With one more line, between the ends of two feeders."""
    lines, tree = network.lines, tree_of(network)
    deep = int(tree.order[-1])
    other = next(at for at in tree.order[::-1].tolist() if not set(tree.path(at)[:-2]) & set(tree.path(deep)[:-2]))
    extra = {"names": ("ring",), "from_node": np.int32(deep), "to_node": np.int32(other)}
    columns = {
        name: column + extra[name] if isinstance(column, tuple) else np.append(column, extra.get(name, column[:1]))
        for name, column in vars(lines).items()
    }
    return replace(network, lines=replace(lines, **columns))


@given(radial())
@settings(max_examples=80, deadline=None)
def test_a_forest_holds_every_node_once(network: Network) -> None:
    tree = tree_of(network)
    n = len(network.nodes.names)
    assert sorted(tree.order.tolist()) == list(range(n))
    assert (tree.parent == NONE).sum() == len(tree.roots)
    assert len(tree.loops) == network.branch_closed.sum() - (n - len(tree.roots))
    for node in range(n):
        if tree.parent[node] != NONE:
            assert network.branch_closed[tree.branch[node]]
            ends = {network.branch_from[tree.branch[node]], network.branch_to[tree.branch[node]]}
            assert ends == {node, tree.parent[node]}
            assert tree.depth[node] == tree.depth[tree.parent[node]] + 1
            assert tree.fed[node] == tree.fed[tree.parent[node]]


def test_fed_is_what_the_power_flow_energises() -> None:
    network = opened(demo_network(), 10, 60)
    draw = np.zeros((1, len(network.units)))
    voltage = Model(network).flow(draw, draw).voltage[0]
    assert tree_of(network).fed.tolist() == np.isfinite(voltage).tolist()
    assert not tree_of(network).fed.all()


def test_an_open_line_makes_an_island() -> None:
    network = demo_network()
    tree = tree_of(network)
    line = int(tree.branch[tree.order[-1]])
    islands = tree_of(opened(network, line)).islands()
    assert islands == [[int(tree.order[-1])]]


def test_a_ring_is_a_loop_until_it_is_opened() -> None:
    network = ringed(demo_network())
    (loop,) = tree_of(network).loops
    assert loop < network.branches
    assert tree_of(opened(network, len(network.lines.names) - 1)).loops == ()


@pytest.mark.parametrize(("name", "feeders"), [("rural3", 9), ("urban6", 7)])
def test_feeders_are_what_hangs_on_the_busbar(name: str, feeders: int) -> None:
    network = grouped_by_feeder(read_simbench(GRIDS / name).network)
    assert len(network.groups) == feeders
    assert (network.nodes.groups == NO_GROUP).sum() == 2  # the two busbars of the transformer
    assert len(network.heads) == feeders
    assert {network.branch_from[at] for at, _ in network.heads} | {
        network.branch_to[at] for at, _ in network.heads
    } >= {network.transformers.to_node[0]}


def test_feeders_of_the_sample_refine_its_sections() -> None:
    demo, feeders = demo_network(), grouped_by_feeder(demo_network())
    moved = sum(
        len(set(demo.nodes.groups[feeders.nodes.groups == group].tolist())) > 1 for group in range(len(feeders.groups))
    )
    assert moved == 1  # one home is counted with a section its feeder does not belong to


def test_feeders_behind_several_transformers() -> None:
    assert len(grouped_by_feeder(demo_network(240)).groups) == 2 * len(grouped_by_feeder(demo_network()).groups)
