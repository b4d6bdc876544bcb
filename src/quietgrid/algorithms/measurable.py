"""What of a grid may be measured without a sensor becoming a second meter of a few homes.

A sensor in front of two homes is their load curve. So is the difference of two sums: the gate opens the total of a
section of 30 homes, and a sensor at a cable that feeds 28 of them leaves two. So sums are taken together: every set of
homes that groups and measured branches cut out between them has to hold at least `floor` homes. Voltages are taken
where no home hangs. Gives no bound on what losses or voltages say beside it.
"""

from __future__ import annotations

from collections import Counter

import networkx as nx
import numpy as np

from quietgrid.errors import InputError
from quietgrid.model.grid import MeasuredKind
from quietgrid.model.network import NO_GROUP, Flags, Floats, Network, UnitKind

Element = tuple[MeasuredKind, str]
POWER = (MeasuredKind.HEAD_W, MeasuredKind.HEAD_VAR)


def measurable(network: Network, floor: int) -> frozenset[Element]:
    """What sensors may report of a grid.

    Power of a branch (by its name) or of a whole group (by the group's name: the sum over its heads); voltages of
    nodes, taps of transformers, the frequency.

    Args:
        network: The grid; a unit of kind `LOAD` is a home. floor: homes behind any sum.

    Cost: O(branches × nodes).
    """
    homes = network.units.nodes[network.units.of(UnitKind.LOAD)]
    groups = network.nodes.groups[homes]
    found: set[Element] = {(MeasuredKind.FREQUENCY_MILLIHZ, "")}
    found |= {(MeasuredKind.TAP, name) for name in network.transformers.names}
    free = np.ones(len(network.nodes.names), np.bool_)
    free[homes] = False
    found |= {(MeasuredKind.VOLTAGE_MV, network.nodes.names[node]) for node in np.flatnonzero(free)}
    for row, name in enumerate(network.groups):
        if int((groups == row).sum()) >= floor:
            found |= {(kind, name) for kind in POWER}
    branches = dict.fromkeys([*range(len(network.lines.names), network.branches), *(b for b, _ in network.heads)])
    behind = [(branch, behind_branch(network, branch)[homes]) for branch in branches]
    labels: list[tuple[int, ...]] = [(group,) for group in groups.tolist()]
    for branch, cut in sorted(behind, key=lambda item: -int(item[1].sum())):
        finer = [(*label, side) for label, side in zip(labels, cut.tolist(), strict=True)]
        if cut.any() and min(Counter(finer).values()) >= floor:
            labels = finer
            found |= {(kind, network.branch_names[branch]) for kind in POWER}
    return frozenset(found)


def behind_branch(network: Network, branch: int) -> Flags:
    """bool [n]: which nodes have no way to a source but through this branch."""
    graph = nx.Graph()
    graph.add_nodes_from(range(len(network.nodes.names)))
    pairs = zip(network.branch_from.tolist(), network.branch_to.tolist(), network.branch_closed.tolist(), strict=True)
    graph.add_edges_from((a, b) for n, (a, b, closed) in enumerate(pairs) if closed and n != branch)
    alive = np.zeros(len(network.nodes.names), np.bool_)
    for source in network.sources.nodes[network.sources.closed].tolist():
        alive[list(nx.node_connected_component(graph, source))] = True
    return ~alive


def power_of(network: Network, element: str, from_power: Floats, to_power: Floats) -> Floats:
    """[t]: power into a group (through all its heads, measured outside it), or into a branch at its feeding end.

    Args:
        element: Name of a group or of a branch. from_power, to_power: [t, branches], W or var, as `Flow` has them.

    Raises:
        InputError: there is no such group or branch.
    """
    if element in network.groups:
        row = network.groups.index(element)
        total = np.zeros(len(from_power))
        for branch, group in network.heads:
            if group == row:
                outside = network.nodes.groups[network.branch_from[branch]] != row
                total += (from_power if outside else to_power)[:, branch]
        return total
    if element not in network.branch_names:
        raise InputError("there is no such group or branch", where=element, fix="use a name of the network")
    branch = network.branch_names.index(element)
    behind = behind_branch(network, branch)
    group = network.nodes.groups[network.branch_from[branch]]
    fed_at_to = behind[network.branch_from[branch]] or (
        not behind.any() and group != NO_GROUP and network.nodes.groups[network.branch_to[branch]] == NO_GROUP
    )
    return np.asarray((to_power if fed_at_to else from_power)[:, branch], np.float64)
