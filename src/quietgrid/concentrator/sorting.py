"""Telling new frames from frames that are stored already, and from frames that contradict them.

The dedupe key is (pid, day, slot, register, version). A frame is a duplicate if its meter, shape, number and MAC equal
those of a stored frame: the MAC has been checked over all bytes, so then all bytes are equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.concentrator.presence import Presence
from quietgrid.concentrator.rules import DUPLICATE, REJECTED, STORED, shapes
from quietgrid.model.interval import RESOLUTIONS
from quietgrid.model.readings import register_list
from quietgrid.store import Part, PlatformStore
from quietgrid.wire.frame import Frames

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shape:
    """What frames of one part have in common. `resolution` in seconds, `first` within the day."""

    day: int
    resolution: int
    registers: int
    version: int
    first: int
    count: int


@dataclass(frozen=True)
class Checked:
    """Frames of one length that passed every check but de-duplication; `places` in the request, `rows` of meters."""

    frames: Frames
    places: Ints
    rows: Ints


class Sorter:
    """Sorts checked frames against what is stored. Not thread-safe: the concentrator holds its lock.

    Args:
        store: Where the segments are. presence: what is stored.
    """

    def __init__(self, store: PlatformStore, presence: Presence) -> None:
        self._store = store
        self._presence = presence

    def sort(self, checked: Checked, n_rows: int, status: NDArray[np.uint8]) -> list[Part]:
        """The parts to write. Marks their cells present and fills in `status` (by place in the request).

        Args:
            n_rows: meters there are. status: uint8, one a frame of the request.
        """
        if not len(checked.frames):
            return []
        parts = []
        distinct, which = shapes(checked.frames.head)
        for number, (day, resolution, *rest) in enumerate(distinct.tolist()):
            shape = Shape(day, RESOLUTIONS[resolution], *rest)
            members = np.flatnonzero(which == number)
            members = members[np.argsort(checked.rows[members], kind="stable")]
            rows = checked.rows[members]
            earliest = np.concatenate([[True], rows[1:] != rows[:-1]])
            occupied = self._occupied(shape, rows, n_rows)
            fresh = members[earliest & ~occupied]
            self._mark(shape, checked.rows[fresh], n_rows)
            status[checked.places[fresh]] = STORED
            again = members[~(earliest & ~occupied)]
            if len(again):
                known = self._known(shape, checked, fresh, rows[occupied])
                found = [identity in known for identity in _identities(checked, again)]
                status[checked.places[again]] = np.where(found, DUPLICATE, REJECTED)
            if len(fresh):
                parts.append(_part(shape, checked, fresh))
        return parts

    def _cells(self, shape: Shape, n_rows: int) -> list[NDArray[np.uint8]]:
        slots = slice(shape.first, shape.first + shape.count)
        registers = register_list(shape.registers)
        return [self._presence.of((shape.day, register, shape.resolution), n_rows)[:, slots] for register in registers]

    def _occupied(self, shape: Shape, rows: Ints, n_rows: int) -> NDArray[np.bool_]:
        """Where any cell is stored in this version or a later one."""
        taken = np.zeros(len(rows), np.bool_)
        for cells in self._cells(shape, n_rows):
            taken |= (cells[rows] > shape.version).any(axis=1)
        return taken

    def _mark(self, shape: Shape, rows: Ints, n_rows: int) -> None:
        for cells in self._cells(shape, n_rows):
            cells[rows] = shape.version + 1

    def _known(self, shape: Shape, checked: Checked, fresh: Ints, occupied: Ints) -> set[tuple[int, int, bytes]]:
        """(row, seq, MAC) of frames of this shape: those new in this batch, and the stored ones of these rows."""
        known = set(_identities(checked, fresh))
        if not len(occupied):
            return known
        wanted = np.unique(occupied)
        span = (int(wanted[0]), int(wanted[-1]) + 1)
        with self._store.read() as tx:
            stored = tx.segments.heads(shape.day, shape.resolution, *span, first=shape.first)
        for part in stored:
            if (part.registers, part.version, part.count) != (shape.registers, shape.version, shape.count):
                continue
            mine = np.isin(part.rows, wanted, assume_unique=True)
            macs = map(bytes, part.macs[mine])
            known.update(zip(part.rows[mine].tolist(), part.seqs[mine].tolist(), macs, strict=True))
        return known


def _identities(checked: Checked, which: Ints) -> list[tuple[int, int, bytes]]:
    frames = checked.frames
    macs = map(bytes, frames.macs[which])
    return list(zip(checked.rows[which].tolist(), frames.head["seq"][which].tolist(), macs, strict=True))


def _part(shape: Shape, checked: Checked, fresh: Ints) -> Part:
    frames = checked.frames.take(fresh)
    words = frames.words.reshape(len(fresh), len(register_list(shape.registers)), shape.count)
    place = (shape.day, shape.resolution, shape.registers, shape.version, shape.first)
    seqs = frames.head["seq"].astype(np.uint64)
    return Part(*place, checked.rows[fresh], seqs, frames.macs, checked.places[fresh], words)
