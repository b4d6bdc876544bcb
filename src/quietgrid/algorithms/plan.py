"""Plans: which cells a question adds up, with which weights, and which of its numbers may open.

A question is a pure function of closes, member list and book (PROTOCOL A). This module *is* that function.
Platform and keyholders each compute it for themselves; were they to differ, the masks would not cancel.

Source: PROTOCOL A, "The gate": floor, one partition, bills. Cost: O(cells).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.herd import beside_late, opens, opens_together
from quietgrid.errors import GateRefusal
from quietgrid.model.closed import Closed, GateRules
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.model.question import Quantity
from quietgrid.model.readings import EXPORT, IMPORT

Bits = NDArray[np.bool_]
Ints = NDArray[np.int64]
Cell = TypeVar("Cell", bound=np.generic)

SIGNS: dict[Quantity, dict[int, int]] = {
    Quantity.IMPORT: {IMPORT: 1},
    Quantity.EXPORT: {EXPORT: 1},
    Quantity.NET: {IMPORT: 1, EXPORT: -1},
}
"""Weight of each register in a total."""


def capable(members: MemberList, rows: Ints, register: int) -> Bits:
    """bool [n]: which rows are certified capable of a register."""
    return (members.registers[rows] >> register & 1).astype(np.bool_)


def partition(members: MemberList, rules: GateRules) -> dict[str, tuple[tuple[int, ...], tuple[Quantity, ...]]]:
    """The one partition for slot totals: node name -> (leaves, quantities that may be asked of it).

    A leaf whose exporters are at least k answers import and export; one without exporters answers import; one with
    a few answers *net* only, and its export joins a union of all such leaves (``union``) if they reach k together.

    Args:
        members: The epoch's list. rules: for k.

    Returns: Nodes in leaf order, then ``union`` if there is one. Leaves under k homes are left out.
    """
    nodes: dict[str, tuple[tuple[int, ...], tuple[Quantity, ...]]] = {}
    few: list[int] = []
    exporters: set[int] = set()
    for leaf, name in enumerate(members.leaf_names):
        rows = members.rows(leaf)
        if len(np.unique(members.homes[rows])) < rules.k and rules.on("floor"):
            continue
        export_homes = set(members.homes[rows[capable(members, rows, EXPORT)]].tolist())
        if not export_homes:
            nodes[name] = ((leaf,), (Quantity.IMPORT,))
        elif len(export_homes) >= rules.k or not rules.on("capability"):
            nodes[name] = ((leaf,), (Quantity.IMPORT, Quantity.EXPORT))
        else:
            nodes[name] = ((leaf,), (Quantity.NET,))
            few.append(leaf)
            exporters |= export_homes
    if len(few) > 1 and len(exporters) >= rules.k:
        nodes["union"] = (tuple(few), (Quantity.EXPORT,))
    return nodes


@dataclass(frozen=True)
class TotalsPlan:
    """What a `totals` question adds up.

    Args:
        day, a, b: Slots of the UTC day.
        rows: int64 [n], member-list rows.
        include: Per register bool [n, t]: the cells that are added.
        signs: Weight of each register.
        version: int16 [n, t].
        homes: int32 [t], distinct capable homes behind each number.
        allowed: bool [t], which numbers may open.
    """

    day: int
    a: int
    b: int
    rows: Ints
    include: dict[int, Bits]
    signs: dict[int, int]
    version: NDArray[np.int16]
    homes: NDArray[np.int32]
    allowed: Bits


def by_home(homes: NDArray[np.uint64], cells: NDArray[Cell]) -> NDArray[Cell]:
    """Cells [n, t] of several meters of one home merged (any / max): [distinct homes, t], homes ascending."""
    order = np.argsort(homes, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(homes[order]) != 0]) if len(order) else np.zeros(0, np.int64)
    if len(starts) == len(order):
        return cells[order]
    merged: NDArray[Cell] = np.maximum.reduceat(cells[order], starts, axis=0)
    return merged


NOBODY: NDArray[np.uint64] = np.zeros(0, np.uint64)


def totals_plan(
    members: MemberList, node: str, quantity: Quantity, closes: Sequence[Closed], rules: GateRules,
    shared: NDArray[np.uint64] = NOBODY,
) -> TotalsPlan:  # fmt: skip
    """The plan of one totals question over one day piece.

    Args:
        members: The epoch's list (of the revision the closes name).
        node: Name of a node of `partition`. quantity: one that the node answers.
        closes: One per leaf of the node, in leaf order, the same day and slots.
        rules: The gate's numbers.
        shared: Homes that gave the keys of this day to somebody: they are in the sums, not in the floor (G12).

    Raises:
        GateRefusal: ``partition`` if node, quantity or closes are not what the partition says.
    """
    nodes = partition(members, rules)
    leaves, quantities = nodes.get(node, ((), ()))
    if not leaves or (quantity not in quantities and rules.on("partition")):
        raise GateRefusal(
            "partition",
            f"{node!r} does not answer {quantity.value} totals",
            where="totals question",
            fix="ask one of: " + ", ".join(f"{n} ({'/'.join(q.value for q in qs)})" for n, (_, qs) in nodes.items()),
        )
    if tuple(c.leaf for c in closes) != leaves or len({(c.day, c.a, c.b) for c in closes}) != 1:
        raise GateRefusal("partition", "the closes are not those of the node", where=node, fix="one close per leaf")
    rows = np.concatenate([members.rows(c.leaf)[: len(c.present)] for c in closes])
    present = np.concatenate([c.present for c in closes])
    version = np.concatenate([c.version for c in closes])
    signs = SIGNS[quantity]
    include = {r: present & capable(members, rows, r)[:, None] for r in signs}
    count, allowed = behind(members, rows, counted_cells(include, present, rules), rules, shared)
    first = closes[0]
    return TotalsPlan(first.day, first.a, first.b, rows, include, signs, version, count, allowed)


def counted_cells(include: Mapping[int, Bits], present: Bits, rules: GateRules) -> Bits:
    """bool [n, t]: the cells that count for the floor: arrived, of meters certified capable of the register."""
    if not rules.on("capability"):
        return present
    return include[IMPORT] if IMPORT in include else include[EXPORT]


def behind(
    members: MemberList, rows: Ints, counted: Bits, rules: GateRules, shared: NDArray[np.uint64] = NOBODY
) -> tuple[NDArray[np.int32], Bits]:
    """How many homes are behind each number, and which numbers may open.

    Args:
        members: The list. rows: int64 [n]. counted: bool [n, t], cells that count. rules: floor and share.
        shared: Homes whose readings of this day somebody else can read: they hide nobody.

    Returns: int32 [t], distinct homes in each number, and bool [t].
    """
    homes = members.homes[rows] if rules.on("homes") else members.pids[rows]
    count = by_home(homes, counted).sum(axis=0).astype(np.int32)
    if len(shared) and rules.on("shared"):
        counted = counted & ~np.isin(members.homes[rows], shared)[:, None]
    allowed = np.ones(counted.shape[1], np.bool_)
    if rules.on("floor"):
        allowed &= by_home(homes, counted).sum(axis=0) >= rules.k
    if rules.on("share"):
        power = by_home(homes, counted * members.connection_w[rows][:, None])
        allowed &= power.max(axis=0, initial=0) * 100 <= power.sum(axis=0) * rules.max_share_percent
    return count, allowed


@dataclass(frozen=True)
class LateSet:
    """Late cells that enter one vector of a batch: they are added to the homes' numbers, never opened apart.

    Args:
        column: Vector of the book (a band).
        cells: int64 [c, 4]: row within the leaf, UTC day, slot, version.
        signs: int64 [c]: +1 for what now counts, -1 for a version that an earlier close counted.
    """

    column: int
    cells: Ints
    signs: Ints


@dataclass(frozen=True)
class BillsPlan:
    """What a `bills` batch adds up: every home of a leaf × every vector of its book.

    Args:
        rows: int64 [n], member-list rows of the leaf. homes: uint64 [h], distinct, ascending.
        home_of_row: int64 [n], index into `homes`.
        registers: Register of each vector. weights: int64 [F, T] over the period.
        able: Per register bool [n]: rows certified capable of it (others have no such cells).
        pieces: (offset into the period, close) in order.
        late: Late cells that enter with this batch.
        counts: int32 [h, F], cells behind each number. missing: int32 [h, F], cells of the vector not delivered.
        allowed: bool [h, F]: numbers that rest on too few cells do not open (`algorithms.herd`), they are estimated.
    """

    rows: Ints
    homes: NDArray[np.uint64]
    home_of_row: Ints
    registers: tuple[int, ...]
    weights: Ints
    able: dict[int, Bits]
    pieces: tuple[tuple[int, Closed], ...]
    late: tuple[LateSet, ...]
    counts: NDArray[np.int32]
    missing: NDArray[np.int32]
    allowed: Bits


def covering(closes: Sequence[Closed], leaf: int, window: Window) -> tuple[tuple[int, Closed], ...]:
    """The closes as pieces that cover `window` of `leaf` without gap or overlap, or `GateRefusal`."""
    per_day = slots_per_day(window.resolution)
    at = window.first
    pieces = []
    for close in closes:
        if close.leaf != leaf or close.day * per_day + close.a != at:
            raise GateRefusal(
                "batch",
                "the closes do not cover the period without gap",
                where=f"leaf {leaf}",
                fix="close every slot of the period first, then ask with all closes in order",
            )
        pieces.append((at - window.first, close))
        at = close.day * per_day + close.b
    if at != window.end:
        raise GateRefusal("batch", "the period is not fully closed", where=f"leaf {leaf}", fix="close all of it first")
    return tuple(pieces)


def bills_plan(
    members: MemberList,
    leaf: int,
    window: Window,
    closes: Sequence[Closed],
    vectors: tuple[Sequence[int], Ints],
    late: Sequence[LateSet] = (),
) -> BillsPlan:
    """The plan of one leaf's batch of bills.

    Args:
        members: The epoch's list. leaf: leaf number. window: the billing period (T slots).
        closes: All closes of the leaf in the period, in order.
        vectors: Register of each of the F vectors, and their weights int64 [F, T].
        late: What enters from the late pool.

    Raises:
        GateRefusal: ``batch`` if the closes do not cover the period exactly.
    """
    registers, weights = vectors
    pieces = covering(closes, leaf, window)
    rows = members.rows(leaf)
    homes, home_of_row = np.unique(members.homes[rows], return_inverse=True)
    counts = np.zeros((len(homes), len(registers)), np.int32)
    missing = np.zeros_like(counts)
    used = weights != 0
    per_vector = used.sum(axis=1)
    cells = np.zeros((len(homes), len(window)), np.bool_)
    for offset, close in pieces:
        width = close.b - close.a
        padded = np.zeros((len(rows), width), np.bool_)
        padded[: len(close.present)] = close.present
        arrived = by_home(members.homes[rows], padded)
        cells[:, offset : offset + width] = arrived
        counts += arrived.astype(np.int32) @ used[:, offset : offset + width].T.astype(np.int32)
    allowed = opens(weights, cells)
    allowed &= opens_together(registers, weights, cells, allowed)
    for column, register in enumerate(registers):
        able = by_home(members.homes[rows], capable(members, rows, register)[:, None])[:, 0]
        counts[~able, column] = 0
        missing[able, column] = per_vector[column] - counts[able, column]
    for part in late:
        slots = part.cells[:, 1] * slots_per_day(window.resolution) + part.cells[:, 2] - window.first
        inside = (slots >= 0) & (slots < len(window))
        came = np.zeros_like(cells)
        came[home_of_row[part.cells[inside, 0]], slots[inside]] = True
        came &= ~cells  # a corrected cell was counted in time: neither count changes
        counts[:, part.column] += came.sum(axis=1, dtype=np.int32)
        missing[:, part.column] -= came.sum(axis=1, dtype=np.int32)
        for home in np.unique(home_of_row[part.cells[:, 0]]).tolist():
            allowed[home, beside_late(registers, weights * cells[home], allowed[home], part.column)] = False
        earlier = home_of_row[part.cells[~inside, 0]]
        np.add.at(counts[:, part.column], earlier, part.signs[~inside].astype(np.int32))
    np.maximum(missing, 0, out=missing)
    able_rows = {register: capable(members, rows, register) for register in set(registers)}
    return BillsPlan(
        rows, homes, home_of_row, tuple(registers), weights, able_rows, pieces, tuple(late), counts, missing, allowed
    )


def closed_cells(plan: BillsPlan, register: int) -> Bits:
    """bool [h, t]: the closed cells of a register, by home, over the plan's window."""
    cells = np.zeros((len(plan.homes), plan.weights.shape[1]), np.bool_)
    names = plan.homes[plan.home_of_row]
    for offset, close in plan.pieces:
        arrived = np.zeros((len(plan.rows), close.b - close.a), np.bool_)
        arrived[: len(close.present)] = close.present
        cells[:, offset : offset + close.b - close.a] = by_home(names, arrived & plan.able[register][:, None])
    return cells


def rebased(close: Closed, leaf: int, old: MemberList, new: MemberList) -> Closed:
    """A close of an earlier epoch with one row for each row of the same leaf in a later list.

    Rows of meters that the earlier list does not have in this leaf are absent.
    """
    at = {pid: row for row, pid in enumerate(old.pids[old.rows(leaf)].tolist()[: len(close.present)])}
    rows = [at.get(pid, -1) for pid in new.pids[new.rows(leaf)].tolist()]
    known = np.array(rows, np.int64) >= 0
    present = np.where(known[:, None], close.present[rows], False)
    version = np.where(known[:, None], close.version[rows], 0).astype(np.int16)
    return replace(close, present=present, version=version)


def carries(leaf: int, old: MemberList, new: MemberList) -> Bits:
    """bool [rows of the leaf in `new`]: meters whose late cells of an earlier epoch may enter bills of a later one.

    Those that the earlier list has in the same leaf, at the same home: of others there are no bills that fit.
    """
    if leaf >= len(old.leaf_names) or old.leaf_names[leaf] != new.leaf_names[leaf]:
        return np.zeros(len(new.rows(leaf)), np.bool_)
    rows, before = new.rows(leaf), old.rows(leaf)
    home_of = dict(zip(old.pids[before].tolist(), old.homes[before].tolist(), strict=True))
    pairs = zip(new.pids[rows].tolist(), new.homes[rows].tolist(), strict=True)
    return np.array([home_of.get(pid) == home for pid, home in pairs], np.bool_)


def late_set(
    members: MemberList,
    leaf: int,
    column: int,
    listed: Sequence[tuple[int, int, int, int]],
    closed: Callable[[int, int], Closed | None],
    rules: GateRules,
) -> LateSet:
    """Check the cells of a late close and give them their signs.

    Args:
        members: The epoch's list. leaf: leaf number. column: the vector they enter.
        listed: (row within the leaf, UTC day, slot, version). closed: (day, slot) -> the close of that slot.

    Raises:
        GateRefusal: ``late``: a cell lies in no close, was counted by its close, or fewer than k homes have some.
    """
    per_day = slots_per_day(members.window.resolution)
    rows = members.rows(leaf)
    cells: list[tuple[int, int, int, int]] = []
    signs: list[int] = []
    for row, day, slot, version in listed:
        close = closed(day, slot)
        if close is None or not 0 <= row < len(rows) or not 0 <= slot < per_day or not 0 <= version < 256:
            raise GateRefusal("late", "a late cell lies in no close", where=members.leaf_names[leaf], fix="close first")
        cells.append((row, day, slot, version))
        signs.append(1)
        if row < len(close.present) and close.present[row, slot - close.a]:
            old = int(close.version[row, slot - close.a])
            if version <= old:
                raise GateRefusal(
                    "late", "a cell in a close is not late", where=members.leaf_names[leaf], fix="drop it"
                )
            cells.append((row, day, slot, old))
            signs.append(-1)
    array = np.array(cells, np.int64).reshape(-1, 4)
    homes = len(np.unique(members.homes[rows[array[:, 0]]]))
    if rules.on("late") and homes < rules.k:
        raise GateRefusal(
            "late", f"late readings wait until {rules.k} homes have some; now {homes} have",
            where=members.leaf_names[leaf], fix="bill an estimate now and true it up later",
        )  # fmt: skip
    return LateSet(column, array, np.array(signs, np.int64))
