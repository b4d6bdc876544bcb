"""What hangs on what: the fed part, islands, loops, feeders. Pure; switches as they stand in the network."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from quietgrid.model.network import NO_GROUP, Flags, Network, Rows

NONE = -1
"""Stands for: no such row."""


@dataclass(frozen=True)
class Tree:
    """The grid as a forest: every node once, below the node it is fed from.

    Args:
        parent: int32 [n], the node a node hangs below; `NONE` for roots. branch: int32 [n], the branch between them.
        order: int32 [n], nodes from the roots outwards (breadth first). depth: int32 [n], branches from the root.
        fed: bool [n], reached from a closed source. loops: closed branches that are not in the forest, each of which
            closes a loop. roots: the nodes of sources first, then one node of every part that is not fed.
    """

    parent: Rows
    branch: Rows
    order: Rows
    depth: Rows
    fed: Flags
    loops: tuple[int, ...]
    roots: tuple[int, ...]

    def children(self) -> list[list[int]]:
        """The nodes below each node, in the order of their numbers."""
        found: list[list[int]] = [[] for _ in range(len(self.parent))]
        for node, above in enumerate(self.parent.tolist()):
            if above != NONE:
                found[above].append(node)
        return found

    def islands(self) -> list[list[int]]:
        """The nodes of every part that is not fed."""
        of: dict[int, list[int]] = {}
        root = np.arange(len(self.parent))
        for node in self.order.tolist():
            above = int(self.parent[node])
            if above != NONE:
                root[node] = root[above]
            if not self.fed[node]:
                of.setdefault(int(root[node]), []).append(node)
        return list(of.values())

    def path(self, node: int) -> list[int]:
        """The nodes from a node up to its root, itself first."""
        found = [node]
        while self.parent[found[-1]] != NONE:
            found.append(int(self.parent[found[-1]]))
        return found


def tree_of(network: Network) -> Tree:
    """The forest of closed branches, breadth first from the sources.

    Of several ways to a node the shortest one counts, of equal ones the branch with the smaller number.

    >>> from quietgrid.demo import demo_network
    >>> tree = tree_of(demo_network())
    >>> bool(tree.fed.all()), tree.loops, int(tree.depth.max())
    (True, (), 28)
    """
    n = len(network.nodes.names)
    beside: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    start, end = network.branch_from.tolist(), network.branch_to.tolist()
    for at in np.flatnonzero(network.branch_closed).tolist():
        beside[start[at]].append((end[at], at))
        beside[end[at]].append((start[at], at))
    parent, branch, depth = (np.full(n, NONE, np.int32) for _ in range(3))
    fed, order, used = np.zeros(n, np.bool_), list[int](), set[int]()
    sources = list(dict.fromkeys(network.sources.nodes[network.sources.closed].tolist()))
    roots: list[int] = []

    def walk(firsts: list[int], is_fed: bool) -> None:
        waiting = deque(firsts)
        roots.extend(firsts)
        depth[firsts] = 0
        while waiting:
            node = waiting.popleft()
            order.append(node)
            fed[node] = is_fed
            for other, at in beside[node]:
                if depth[other] == NONE:
                    parent[other], branch[other], depth[other] = node, at, depth[node] + 1
                    used.add(at)
                    waiting.append(other)

    walk(sources, True)
    for node in [*_could_be_fed(network, fed), *range(n)]:
        if depth[node] == NONE:
            walk([node], False)
    loops = tuple(at for at in np.flatnonzero(network.branch_closed).tolist() if at not in used)
    return Tree(parent, branch, np.array(order, np.int32), depth, fed, loops, tuple(roots))


def _could_be_fed(network: Network, fed: Flags) -> list[int]:
    """Nodes that closing one switch would feed: parts that are not fed begin there."""
    apart = ~network.branch_closed & (fed[network.branch_from] != fed[network.branch_to])
    start, end = network.branch_from[apart], network.branch_to[apart]
    return [int(node) for node in np.where(fed[start], end, start)]


def grouped_by_feeder(network: Network, prefix: str = "Feeder") -> Network:
    """The same grid with a group a feeder: whatever hangs on one branch of the low-voltage busbar.

    The busbars are the low-voltage sides of the transformers furthest from the source on each way; without
    transformers, the source's node. What lies above them is in no group.

    >>> from quietgrid.demo import demo_network
    >>> grouped_by_feeder(demo_network()).groups[:2]
    ('Feeder 1', 'Feeder 2')
    """
    tree = tree_of(network)
    first_transformer = len(network.lines.names)
    transformer_below = np.zeros(len(tree.parent), np.bool_)
    for node in tree.order[::-1].tolist():
        above = int(tree.parent[node])
        if above != NONE and (transformer_below[node] or tree.branch[node] >= first_transformer):
            transformer_below[above] = True
    couplers = network.lines.couplers
    groups, names = np.full(len(tree.parent), NO_GROUP, np.int32), list[str]()
    head = np.zeros(len(tree.parent), np.bool_)
    for node in tree.order.tolist():
        above, branch = int(tree.parent[node]), int(tree.branch[node])
        is_root = above == NONE
        busbar = not is_root and (branch >= first_transformer or (head[above] and bool(couplers[branch])))
        head[node] = not transformer_below[node] and (is_root or busbar)
        if is_root or head[node] or transformer_below[node] or not tree.fed[node]:
            continue
        if groups[above] == NO_GROUP:
            names.append(f"{prefix} {len(names) + 1}")
            groups[node] = len(names) - 1
        else:
            groups[node] = groups[above]
    return replace(network, nodes=replace(network.nodes, groups=groups), groups=tuple(names))
