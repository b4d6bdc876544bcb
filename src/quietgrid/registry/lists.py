"""Member lists: the first of an epoch, a revision with a replaced meter, the next epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from quietgrid.errors import InputError, NotFoundError
from quietgrid.model.interval import Window
from quietgrid.model.party import MemberList
from quietgrid.registry.cells import CellPlan


@dataclass(frozen=True, slots=True)
class Listed:
    """One enrolled meter as the registrar knows it: certified registers and capacity, hash of its thin enrolment."""

    home: int
    pid: int
    registers: int
    connection_w: int
    evidence: bytes


def first_list(
    community: bytes, epoch: int, window: Window, plan: CellPlan, meters: Sequence[Listed]
) -> tuple[MemberList, list[bytes]]:
    """Revision 0 of an epoch and its evidence, rows by (leaf, home, pid).

    Raises:
        InputError: a meter's home is in no leaf.
    """
    leaf_of = {home: leaf for leaf, cell in enumerate(plan.cells) for home in cell.homes}
    missing = [m.pid for m in meters if m.home not in leaf_of]
    if missing:
        raise InputError(f"{len(missing)} meters are in no leaf", where=f"epoch {epoch}", fix="plan the cells again")
    rows = sorted(meters, key=lambda m: (leaf_of[m.home], m.home, m.pid))
    names = tuple(cell.name for cell in plan.cells)
    return _list(community, (epoch, 0), window, [leaf_of[m.home] for m in rows], rows, names)


def replace_meter(members: MemberList, new: Listed, evidence: Sequence[bytes]) -> tuple[MemberList, list[bytes]]:
    """The next revision: the new meter of a listed home is appended; nothing else changes.

    Raises:
        NotFoundError: the home is not in this epoch.
    """
    at = np.flatnonzero(members.homes == np.uint64(new.home))
    if not len(at):
        raise NotFoundError("the home is not in this epoch", where=f"home {new.home}", fix="it joins with the next one")
    leaf = int(members.leaves[at[0]])
    return (
        MemberList(
            members.community, members.epoch, members.revision + 1, members.window,
            np.append(members.homes, np.uint64(new.home)), np.append(members.pids, np.uint64(new.pid)),
            np.append(members.leaves, np.int32(leaf)), np.append(members.registers, np.uint8(new.registers)),
            np.append(members.connection_w, np.int64(new.connection_w)), members.leaf_names,
        ),
        [*evidence, new.evidence],
    )  # fmt: skip


def cut_epoch(members: MemberList, end: int, evidence: Sequence[bytes]) -> tuple[MemberList, list[bytes]]:
    """The next revision, which ends the epoch earlier: at the end of a billing period that no book reaches beyond.

    Raises:
        InputError: that is not earlier, or before the epoch starts.
    """
    if not members.window.first < end < members.window.end:
        raise InputError("an epoch is cut within itself", where=f"epoch {members.epoch}", fix="name an earlier end")
    window = Window(members.window.first, end, members.window.resolution)
    return replace(members, revision=members.revision + 1, window=window), list(evidence)


def next_epoch(
    last: MemberList, window: Window, plan: CellPlan, meters: Sequence[Listed]
) -> tuple[MemberList, list[bytes]]:
    """Revision 0 of the epoch after `last`; it starts where that one ends."""
    if window.first != last.window.end:
        raise InputError("an epoch starts where the last one ends", where=f"epoch {last.epoch + 1}", fix="move it")
    return first_list(last.community, last.epoch + 1, window, plan, meters)


def _list(
    community: bytes, number: tuple[int, int], window: Window, leaves: Sequence[int], rows: Sequence[Listed],
    names: tuple[str, ...],
) -> tuple[MemberList, list[bytes]]:  # fmt: skip
    members = MemberList(
        community, number[0], number[1], window,
        np.array([m.home for m in rows], np.uint64), np.array([m.pid for m in rows], np.uint64),
        np.array(leaves, np.int32), np.array([m.registers for m in rows], np.uint8),
        np.array([m.connection_w for m in rows], np.int64), names,
    )  # fmt: skip
    return members, [m.evidence for m in rows]
