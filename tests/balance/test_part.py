"""A group as a network of its own: all of it, what feeds it, and nothing else."""

from __future__ import annotations

import pytest

from quietgrid.balance.diagram import diagram
from quietgrid.balance.part import part
from quietgrid.demo.grid import demo_network
from quietgrid.errors import NotFoundError


def test_parts_share_the_branches_among_them() -> None:
    network = demo_network()
    seen: list[int] = []
    for row, group in enumerate(network.groups):
        made, nodes, branches = part(network, group)
        assert set(nodes[network.nodes.groups[nodes] == row]) == set((network.nodes.groups == row).nonzero()[0])
        assert [network.branch_names[branch] for branch in branches] == list(made.branch_names)
        assert [network.nodes.names[node] for node in nodes] == list(made.nodes.names)
        feeding = {made.nodes.names[node] for node in made.sources.nodes}
        assert feeding == ({"Bus 16", "Bus 53"} if group == "Station Road" else {"Bus 16"})  # Church Road feeds on
        assert len(made.units) == int((network.unit_groups == row).sum())
        assert "not fed" not in diagram(made)
        seen += branches.tolist()
    twice = [branch for branch in set(seen) if seen.count(branch) > 1]
    assert [network.branch_names[branch] for branch in twice] == ["Line 88"]  # from one section on to another
    assert set(seen) == set(range(len(network.lines.names)))  # every line; the transformer is in no section


def test_a_group_that_is_not_there_is_said() -> None:
    with pytest.raises(NotFoundError, match="no such group"):
        part(demo_network(), "Nowhere")
