"""Totals of groups: what was opened, with its count of homes; gaps stay gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.algorithms.plan import capable, partition
from quietgrid.api.services import Services
from quietgrid.errors import GateRefusal, NotFoundError
from quietgrid.model.interval import Window
from quietgrid.model.party import MemberList
from quietgrid.model.question import Quantity
from quietgrid.model.readings import EXPORT
from quietgrid.model.total import Status

COMMUNITY = "Community"
"""The sum of all leaves: added up from their totals, never asked."""


@dataclass(frozen=True, slots=True)
class Node:
    """A group with totals.

    Args:
        name: Unique. leaves: names of the feeder sections in it. quantities: what opens of it.
        homes: in it. exporters: homes certified to feed in.
    """

    name: str
    leaves: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    homes: int
    exporters: int


@dataclass(frozen=True)
class Series:
    """Totals of a node.

    Args:
        energy_wh: int64 [t]. homes: int32 [t], behind each number. answered: bool [t], False is a gap.
        members: homes of the node. status: of the least checked part, None while nothing was opened.
    """

    node: str
    quantity: Quantity
    window: Window
    energy_wh: NDArray[np.int64]
    homes: NDArray[np.int32]
    answered: NDArray[np.bool_]
    members: int
    status: Status | None

    @property
    def sum_wh(self) -> int:
        """Energy over the answered slots."""
        return int(self.energy_wh[self.answered].sum())

    @property
    def least_homes(self) -> int:
        """The fewest homes behind one of the numbers, 0 if there is none."""
        return int(self.homes[self.answered].min()) if self.answered.any() else 0


def nodes(services: Services, viewer: Viewer) -> list[Node]:
    """The groups of the one partition, leaves first, and the community as a whole."""
    require(viewer, Permission.TOTALS)
    members = services.members()
    found = [
        _node(members, name, leaves, quantities)
        for name, (leaves, quantities) in partition(members, services.rules).items()
    ]
    leaves = [node for node in found if len(node.leaves) == 1]
    quantities = tuple(q for q in Quantity if leaves and all(_derivable(node, q) for node in leaves))
    names = tuple(node.name for node in leaves)
    whole = Node(COMMUNITY, names, quantities, sum(n.homes for n in leaves), sum(n.exporters for n in leaves))
    return [*found, whole] if quantities else found


def series(services: Services, viewer: Viewer, node: str, quantity: Quantity, window: Window) -> Series:
    """The totals of a node over a window.

    Raises:
        NotFoundError: no such node. GateRefusal: the node does not open this quantity, and why.
    """
    groups = {group.name: group for group in nodes(services, viewer)}
    if node not in groups:
        raise NotFoundError("there is no such group", where="node", fix="one of: " + ", ".join(groups))
    group = groups[node]
    if quantity not in group.quantities and not (len(group.leaves) == 1 and _derivable(group, quantity)):
        raise GateRefusal(
            "capability",
            f"only {group.exporters} homes here can feed in; a total needs at least {services.rules.k}",
            where=f"{node}, {quantity.value}",
            fix="ask for: " + ", ".join(q.value for q in group.quantities),
        )
    parts = [groups[leaf] for leaf in group.leaves] if node == COMMUNITY else [group]
    return _added([_of(services, part, quantity, window) for part in parts], node, quantity)


def last_slot(services: Services, viewer: Viewer) -> int:
    """End (absolute slot) of what was closed; 0 before the first close."""
    require(viewer, Permission.STATUS)
    with services.store.read() as tx:
        return tx.answers.last_close(0)


def _node(members: MemberList, name: str, leaves: tuple[int, ...], quantities: tuple[Quantity, ...]) -> Node:
    rows = np.concatenate([members.rows(leaf) for leaf in leaves])
    exporters = np.unique(members.homes[rows[capable(members, rows, EXPORT)]])
    names = tuple(members.leaf_names[leaf] for leaf in leaves)
    return Node(name, names, quantities, len(np.unique(members.homes[rows])), len(exporters))


def _derivable(node: Node, quantity: Quantity) -> bool:
    """Whether a quantity opens or follows: net is import - export, and import where nobody feeds in."""
    return quantity in node.quantities or (quantity is Quantity.NET and Quantity.IMPORT in node.quantities)


def _of(services: Services, node: Node, quantity: Quantity, window: Window) -> Series:
    if quantity in node.quantities:
        return _stored(services, node, quantity, window)
    used = _stored(services, node, Quantity.IMPORT, window)
    if Quantity.EXPORT not in node.quantities:
        return Series(node.name, quantity, window, used.energy_wh, used.homes, used.answered, used.members, used.status)
    fed = _stored(services, node, Quantity.EXPORT, window)
    both = used.answered & fed.answered
    status = _least([used.status, fed.status])
    return Series(
        node.name, quantity, window, np.where(both, used.energy_wh - fed.energy_wh, 0), used.homes, both,
        used.members, status,
    )  # fmt: skip


def _stored(services: Services, node: Node, quantity: Quantity, window: Window) -> Series:
    try:
        with services.store.read() as tx:
            total = tx.totals.total(node.name, quantity, window)
    except NotFoundError:
        t = len(window)
        empty = np.zeros(t, np.int64), np.zeros(t, np.int32), np.zeros(t, np.bool_)
        return Series(node.name, quantity, window, *empty, node.homes, None)
    return Series(
        node.name, quantity, window, np.where(total.answered, total.energy_wh, 0), total.homes, total.answered,
        total.members, total.status,
    )  # fmt: skip


def _added(parts: list[Series], node: str, quantity: Quantity) -> Series:
    if len(parts) == 1:
        return parts[0]
    answered = np.logical_and.reduce([part.answered for part in parts])
    energy: NDArray[np.int64] = np.sum([part.energy_wh for part in parts], axis=0, dtype=np.int64)
    homes: NDArray[np.int32] = np.sum([part.homes for part in parts], axis=0, dtype=np.int32)
    status = _least([part.status for part in parts])
    members = sum(part.members for part in parts)
    return Series(node, quantity, parts[0].window, np.where(answered, energy, 0), homes, answered, members, status)


_ORDER = [Status.VOID, Status.IMPLAUSIBLE, Status.PROVISIONAL, Status.CONFIRMED, Status.CERTIFIED]


def _least(found: list[Status | None]) -> Status | None:
    known = [status for status in found if status is not None]
    return min(known, key=_ORDER.index) if len(known) == len(found) and known else None
