"""The second partition: when sums over two different groupings of the same homes leave no small set exposed.

Draw a vertex for every leaf and every group of the second partition, and for every home an edge from its leaf to its
group. A combination of sums puts a potential on every vertex; home h drops out when its two ends cancel. So the homes
that stay are the edges of a *cut*, and the smallest exposed set is the smallest cut with any edge in it.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import GateRefusal, InputError

NONE = -1
"""Leaf or group number of a home that is in none."""

Vertex = tuple[int, int]
_GROUND: Vertex = (0, NONE)


def smallest_cut(leaves: NDArray[np.int64], groups: NDArray[np.int64]) -> int:
    """Homes in the smallest set that sums over leaves and over groups expose together.

    Homes without a leaf or group (-1) hang on one common ground vertex, whose potential is fixed: no sum is opened
    for "the rest".

    Args:
        leaves: integers [n], leaf of each home. groups: integers [n], its group in the second partition.

    Returns:
        The smallest nonzero cut of any component; 0 if no home is in any sum.

    Cost: Stoer-Wagner, 20 ms for 100 vertices. Source: PROTOCOL A, "second partition"; G4.

    >>> smallest_cut(np.repeat([0, 1], 20), np.tile([0, 1], 20))  # two leaves, each split in two halves of ten
    20
    >>> smallest_cut(np.repeat([0, 1], 20), np.r_[np.zeros(19, int), np.ones(21, int)])
    1
    """
    if leaves.shape != groups.shape or leaves.ndim != 1:
        raise InputError("leaves and groups differ in length", where="second partition", fix="one entry a home")
    edges: Counter[tuple[Vertex, Vertex]] = Counter()
    for leaf, group in zip(leaves.tolist(), groups.tolist(), strict=True):
        one = _GROUND if leaf == NONE else (1, leaf)
        two = _GROUND if group == NONE else (2, group)
        if one != two:
            edges[one, two] += 1
    return min((_cut(part) for part in _components(edges)), default=0)


def second_partition(leaves: NDArray[np.int64], groups: NDArray[np.int64], k: int, *, where: str = "groups") -> None:
    """Refuse groups that, with the leaves, would expose fewer than k homes.

    Args:
        leaves, groups: As for `smallest_cut`. k: The floor.

    Raises:
        GateRefusal: rule ``second-partition``.

    Privacy: membership only. Source: PROTOCOL A, "second partition"; G4.
    """
    smallest = smallest_cut(leaves, groups)
    if 0 < smallest < k:
        raise GateRefusal(
            "second-partition",
            f"sums over these groups and the leaves would single out {smallest} home(s); {k} is the least",
            where=where,
            fix="use unions of leaves, or opened monthly facts",
        )


def _components(edges: Counter[tuple[Vertex, Vertex]]) -> list[dict[tuple[Vertex, Vertex], int]]:
    """Edges with their multiplicity, by connected component."""
    near: defaultdict[Vertex, set[Vertex]] = defaultdict(set)
    for one, two in edges:
        near[one].add(two)
        near[two].add(one)
    number: dict[Vertex, int] = {}
    for start in sorted(near):
        if start in number:
            continue
        number[start] = len(set(number.values()))
        open_ends = [start]
        while open_ends:
            for vertex in near[open_ends.pop()]:
                if vertex not in number:
                    number[vertex] = number[start]
                    open_ends.append(vertex)
    parts: defaultdict[int, dict[tuple[Vertex, Vertex], int]] = defaultdict(dict)
    for (one, two), homes in edges.items():
        parts[number[one]][one, two] = homes
    return list(parts.values())


def _cut(edges: dict[tuple[Vertex, Vertex], int]) -> int:
    """Smallest cut of one connected component."""
    import networkx  # 0.2 s, and only communities with a second partition need it

    graph = networkx.Graph()
    for (one, two), homes in edges.items():
        graph.add_edge(one, two, weight=homes)
    value, _ = networkx.stoer_wagner(graph)
    return int(value)
