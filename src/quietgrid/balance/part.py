"""One group of a network as a network of its own, to be drawn: it has no groups itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from quietgrid.balance.topology import tree_of
from quietgrid.errors import NotFoundError
from quietgrid.model.network import NO_GROUP, Flags, Lines, Network, Nodes, Sources, Transformers, Units

Table = TypeVar("Table", Nodes, Lines, Transformers, Units)
Picked = NDArray[np.int64]


def part(network: Network, group: str) -> tuple[Network, Picked, Picked]:
    """A group's nodes, the branches between and to them, what lies at their other ends; what feeds it is a source.

    Returns:
        The part, called after the group; which nodes and which branches of the network it has, in their order.

    Raises:
        NotFoundError: there is no such group.

    >>> from quietgrid.demo.grid import demo_network
    >>> mill, nodes, branches = part(demo_network(), "Mill Lane")
    >>> mill.name, len(nodes), len(branches), mill.sources.names
    ('Mill Lane', 32, 31, ('Bus 16',))
    """
    if group not in network.groups:
        raise NotFoundError("there is no such group", where="group", fix="one of: " + ", ".join(network.groups))
    row = network.groups.index(group)
    inside = network.nodes.groups == row
    start, end = network.branch_from, network.branch_to
    heads = np.array([branch for branch, behind in network.heads if behind == row], np.int64)
    within, beyond = np.where(inside[start], (start, end), (end, start))[:, heads]
    depth = tree_of(network).depth
    fed, all_of = np.zeros(len(inside), np.bool_), inside.copy()
    fed[beyond[depth[beyond] < depth[within]]] = True
    fed[network.sources.nodes[inside[network.sources.nodes]]] = True
    all_of[beyond] = True
    nodes, sources = np.flatnonzero(all_of), np.flatnonzero(fed)
    kept: Flags = (inside[start] | inside[end]) & all_of[start] & all_of[end]
    place = np.full(len(inside), NO_GROUP, np.int32)
    place[nodes] = np.arange(len(nodes), dtype=np.int32)
    count = len(network.lines.names)
    lines = _rows(network.lines, np.flatnonzero(kept[:count]))
    changers = _rows(network.transformers, np.flatnonzero(kept[count:]))
    units = _rows(network.units, np.flatnonzero(inside[network.units.nodes]))
    made = Network(
        group, replace(_rows(network.nodes, nodes), groups=np.full(len(nodes), NO_GROUP, np.int32)),
        replace(lines, from_node=place[lines.from_node], to_node=place[lines.to_node]),
        replace(changers, from_node=place[changers.from_node], to_node=place[changers.to_node]),
        Sources(tuple(network.nodes.names[node] for node in sources.tolist()), place[sources],
                np.ones(len(sources)), np.ones(len(sources), np.bool_)),
        replace(units, nodes=place[units.nodes]), (), network.frequency_hz,
    )  # fmt: skip
    return made, nodes, np.flatnonzero(kept)


def _rows(table: Table, rows: Picked) -> Table:
    """Some rows of every column."""
    columns: dict[str, Any] = {
        name: tuple(column[row] for row in rows.tolist()) if isinstance(column, tuple) else column[rows]
        for name, column in vars(table).items()
    }
    return replace(table, **columns)
