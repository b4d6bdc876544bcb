"""Where everything of a one-line diagram goes: columns by how far from the source, rows by branch. Pure, deterministic.

The longest way from a node keeps its row; what else hangs there goes into rows below it, the furthest first, so that no
line crosses another. Large grids collapse: small side branches become one mark with their number of nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from quietgrid.balance.topology import NONE, Tree, tree_of
from quietgrid.model.network import NO_GROUP, Floats, Network

MOST_ROWS = 90
LABEL_ROWS = 1.3
"""Rows the name of a group takes above its feeders."""
ISLAND_GAP = 2.0
BAR_CHILDREN = 5
"""A node with so many branches going on is drawn as a busbar."""


@dataclass(frozen=True)
class Band:
    """The rows of one group's feeders on one busbar. Args: group: its row. top, bottom: rows. column: it begins at."""

    group: int
    top: float
    bottom: float
    column: int


@dataclass(frozen=True)
class Layout:
    """Places of nodes, in columns and rows.

    Args:
        tree: What hangs on what. column, row: [n]; NaN where a node is collapsed. bars: top and bottom row of nodes
            drawn as busbars. bundles: node -> the nodes below it that are collapsed into one mark. bands: of groups.
            rows, columns: how many. islands: row above which parts that are not fed begin; None without.
    """

    tree: Tree
    column: Floats
    row: Floats
    bars: dict[int, tuple[float, float]]
    bundles: dict[int, tuple[int, ...]]
    bands: tuple[Band, ...]
    rows: float
    columns: int
    islands: float | None = None

    @property
    def collapsed(self) -> frozenset[int]:
        """Nodes that are not drawn."""
        return frozenset(node for nodes in self.bundles.values() for node in nodes)


@dataclass
class _Block:
    """A subtree: rows relative to its first node. Args: bottom: lowest row of each column. head: rows above row 0."""

    bottom: list[float]
    head: float = 0.0
    rows: dict[int, float] = field(default_factory=dict)
    bands: list[Band] = field(default_factory=list)
    bundles: dict[int, tuple[int, ...]] = field(default_factory=dict)


def layout(network: Network, most_rows: int = MOST_ROWS) -> Layout:
    """Lay a grid out.

    Args:
        most_rows: Above this many rows side branches collapse, the smallest first.
    """
    planner = _Planner(network, tree_of(network))
    smallest = 0
    while True:
        found = planner.plan(smallest)
        if found.rows <= most_rows or smallest >= len(network.nodes.names):
            return found
        smallest = max(1, 2 * smallest)


class _Planner:
    def __init__(self, network: Network, tree: Tree) -> None:
        self.network, self.tree = network, tree
        n = len(network.nodes.names)
        self.size, self.height = np.ones(n, np.int64), np.zeros(n, np.int64)
        for node in tree.order[::-1].tolist():
            above = int(tree.parent[node])
            if above != NONE:
                self.size[above] += self.size[node]
                self.height[above] = max(self.height[above], self.height[node] + 1)
        self.below = [
            sorted(children, key=lambda child: (-self.height[child], -self.size[child], child))
            for children in tree.children()
        ]
        self.groups = network.nodes.groups
        self.collapse = 0

    def plan(self, collapse: int) -> Layout:
        """A layout in which side branches of at most so many nodes are collapsed."""
        self.collapse = collapse
        n = len(self.network.nodes.names)
        row = np.full(n, np.nan)
        bands: list[Band] = []
        bundles: dict[int, tuple[int, ...]] = {}
        column = np.full(n, np.nan)
        next_row, islands, columns = 0.0, None, 0
        for root in self.tree.roots:
            if islands is None and not self.tree.fed[root]:
                islands = next_row
                next_row += ISLAND_GAP if next_row else 0.0
            block = self._block(root)
            next_row += block.head
            first = self._begins(root, column)
            for node, at in block.rows.items():
                row[node], column[node] = next_row + at, first + self.tree.depth[node]
            bands += [Band(b.group, next_row + b.top, next_row + b.bottom, b.column) for b in block.bands]
            bundles |= block.bundles
            next_row += max(block.bottom) + 1
            columns = max(columns, first + len(block.bottom))
        return Layout(
            self.tree, column, row, self._bars(row, bundles), bundles, tuple(bands), next_row, columns, islands
        )

    def _begins(self, root: int, column: Floats) -> int:
        """The column a part begins in: one that is not fed right of where closing a switch would feed it."""
        network = self.network
        for branch in np.flatnonzero(~network.branch_closed).tolist():
            for end, other in (
                (network.branch_from[branch], network.branch_to[branch]),
                (network.branch_to[branch], network.branch_from[branch]),
            ):
                if end == root and not np.isnan(column[other]) and self.tree.fed[other]:
                    return int(column[other]) + 1
        return 0

    def _block(self, top: int) -> _Block:
        """The subtree of a node, its longest way in row 0."""
        path = [top]
        while self.below[path[-1]]:
            path.append(self.below[path[-1]][0])
        block = _Block([0.0] * len(path), rows=dict.fromkeys(path, 0.0))
        for at in range(len(path) - 1, -1, -1):
            self._hang(block, path[at], at)
        return block

    def _hang(self, block: _Block, node: int, at: int) -> None:
        """Put what goes on from a node beside its longest way into rows below."""
        children = self.below[node]
        side = [child for child in children[1:] if self.size[child] > self.collapse]
        hidden = [child for child in children[1:] if self.size[child] <= self.collapse]
        labelled = bool(children) and self.groups[node] == NO_GROUP and self.groups[children[0]] != NO_GROUP
        group = int(self.groups[children[0]]) if children else NO_GROUP
        top = 0.0
        if labelled:
            block.head = max(block.head, LABEL_ROWS)
            side.sort(key=lambda child: (self.groups[child] != group, self.groups[child]))
        for child in side:
            if labelled and self.groups[child] != group:
                lowest = max(block.bottom)
                block.bands.append(Band(group, top, lowest, int(self.tree.depth[node])))
                group = int(self.groups[child])
                top = lowest + 1 + (LABEL_ROWS if group != NO_GROUP else 0.0)
                block.bottom[at:] = [top - 1] * (len(block.bottom) - at)
            self._place(block, self._block(child), at)
        if labelled:
            block.bands.append(Band(group, top, max(block.bottom), int(self.tree.depth[node])))
        if hidden:
            block.bottom[at] += 1
            block.bundles[node] = tuple(sorted(inner for child in hidden for inner in self._inside(child)))

    def _place(self, block: _Block, part: _Block, at: int) -> None:
        """Put a subtree below what is there, beginning one column after `at`."""
        width = len(part.bottom)
        offset = max(block.bottom[at : at + 1 + width]) + 1 + part.head
        block.bottom[at] = offset
        block.bottom[at + 1 : at + 1 + width] = [offset + low for low in part.bottom]
        block.rows |= {node: offset + row for node, row in part.rows.items()}
        block.bands += [Band(b.group, offset + b.top, offset + b.bottom, b.column) for b in part.bands]
        block.bundles |= part.bundles

    def _inside(self, top: int) -> list[int]:
        found = [top]
        for node in found:
            found += self.below[node]
        return found

    def _bars(self, row: Floats, bundles: dict[int, tuple[int, ...]]) -> dict[int, tuple[float, float]]:
        """Busbars: what has many branches, what is fed from upstream, and both sides of transformers."""
        network, tree = self.network, self.tree
        wanted = {node for node, children in enumerate(self.below) if len(children) >= BAR_CHILDREN}
        wanted |= {root for root in tree.roots if tree.fed[root]}
        wanted |= set(network.transformers.from_node.tolist()) | set(network.transformers.to_node.tolist())
        found = {}
        for node in sorted(wanted):
            if not np.isnan(row[node]):
                ends = [float(row[child]) for child in self.below[node] if not np.isnan(row[child])]
                ends += [float(row[node]) + 1] if node in bundles else []
                found[node] = (float(row[node]), max([float(row[node]), *ends]))
        return found
