"""One sealing transaction: which frames come of a batch of readings, in which version, under which numbers.

Source: PROTOCOL A, "Single use". Runs inside the store's write transaction, so that what it read of marks and sequence
numbers still holds when the frames are committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.secret.keyfiles import KeyFiles
from quietgrid.errors import SingleUseError
from quietgrid.meter.sealing import frames_of, runs
from quietgrid.meter.state import Columns
from quietgrid.model.interval import DAY_S, Window, slots_per_day
from quietgrid.model.readings import EXPORT, IMPORT, Readings, register_list
from quietgrid.model.sealed import FrameHead
from quietgrid.store import FleetTx
from quietgrid.store.meter import SealedFrames
from quietgrid.wire.frame import parse_head

Ints = NDArray[np.int64]
MAX_VERSION = 255


@dataclass(frozen=True, slots=True)
class SealedFrame:
    """A committed frame: send these bytes, and again on retry."""

    pid: int
    seq: int
    frame: bytes


class Sealer:
    """Seals one batch inside one transaction.

    Args:
        tx: The write transaction. keys: key files, advanced to the batch's last day. columns: the bank's meters.
        at: int64 [n], places of the batch's meters. seq_floor: no `seq` up to this one is used.
    """

    def __init__(self, tx: FleetTx, keys: KeyFiles, columns: Columns, at: Ints, seq_floor: int) -> None:
        self._tx, self._keys, self._columns, self._at = tx, keys, columns, at
        self._pids = columns.pids[at]
        marks = tx.meters.marks(self._pids)
        self._seqs = np.maximum(marks.seq, np.uint64(seq_floor))
        self._marks = marks.high_water.max(axis=1, initial=0)
        self._new: list[SealedFrames] = []

    def seal(self, readings: Readings, apart: NDArray[np.bool_] | None = None) -> list[SealedFrame]:
        """New intervals, version 0. Raises `SingleUseError` if any lies below its meter's mark.

        Args:
            apart: bool [n, t], cells that get frames of their own (they will be sent at another time).
        """
        resolution = readings.window.resolution
        for day, part in _by_day(readings):
            starts = np.arange(part.window.first, part.window.end) * resolution
            if (part.present & (starts[None, :] < self._marks[:, None])).any():
                raise SingleUseError(
                    "an interval was sealed before", where=f"day {day}", fix="correct() seals it as a new version"
                )
            kinds = part.present.astype(np.int8)
            if apart is not None:
                first = part.window.first - readings.window.first
                kinds += kinds * apart[:, first : first + len(part.window)]
            self._frames(day, part, kinds, 0)
            if part.present.any():
                ends = np.where(part.present, starts[None, :] + resolution, 0).max(axis=1)
                self._marks = np.maximum(self._marks, ends)
        return self._commit()

    def correct(self, readings: Readings, oldest: float) -> list[SealedFrame]:
        """Intervals below the mark, each as its last version + 1.

        Args:
            oldest: Unix seconds; intervals that ended before it are refused.
        """
        resolution = readings.window.resolution
        for day, part in _by_day(readings):
            ends = np.arange(part.window.first + 1, part.window.end + 1) * resolution
            if (part.present & (ends[None, :] > self._marks[:, None])).any():
                raise SingleUseError("an interval was never sealed", where=f"day {day}", fix="seal() it first")
            if (part.present & (ends[None, :] <= oldest)).any():
                raise SingleUseError("an interval is too old to correct", where=f"day {day}", fix="leave it estimated")
            following = self._versions(day, part) + 1
            if (part.present & (following > MAX_VERSION)).any():
                raise SingleUseError("an interval has no version left", where=f"day {day}", fix="leave it as it is")
            for version in np.unique(following[part.present]).tolist():
                self._frames(day, part, (part.present & (following == version)).astype(np.int8), version)
        return self._commit()

    def _versions(self, day: int, part: Readings) -> Ints:
        """int64 [n, t]: the newest version each cell was ever sealed in; 0 where it never was."""
        per_day = slots_per_day(part.window.resolution)
        newest = np.zeros((len(self._pids), per_day), np.int64)
        for row in np.flatnonzero(part.present.any(axis=1)).tolist():
            for stored in self._tx.meters.frames(int(self._pids[row]), day):
                head = parse_head(stored.frame)
                if head.resolution == part.window.resolution:
                    span = newest[row, head.first : head.first + head.count]
                    np.maximum(span, head.version, out=span)
        first = part.window.first - day * per_day
        return newest[:, first : first + len(part.window)]

    def _frames(self, day: int, part: Readings, cells: NDArray[np.int8], version: int) -> None:
        """Seal these cells of one day in one version; cells of different kinds in different frames."""
        if not cells.any():
            return
        resolution = part.window.resolution
        offset = part.window.first - day * slots_per_day(resolution)
        keys = self._keys.day_keys(day)
        self._check_keys(keys, day)
        for run in runs(cells):
            for bitmap in np.unique(self._columns.registers[self._at[run.rows]]).tolist():
                rows = run.rows[self._columns.registers[self._at[run.rows]] == bitmap]
                places = self._at[rows]
                self._seqs[rows] += np.uint64(1)
                head = FrameHead(resolution, bitmap, day, 0, 0, offset + run.first, run.count, version)
                columns = [
                    _column(part, register)[rows, run.first : run.first + run.count]
                    for register in register_list(bitmap)
                ]
                day_keys = keys[:, self._columns.key_rows[places]]
                k_macs = [self._columns.k_macs[i] for i in places.tolist()]
                frames = frames_of(head, self._pids[rows], self._seqs[rows], columns, (day_keys, k_macs))
                start = day * DAY_S + head.first * resolution
                self._new.append(
                    SealedFrames(
                        self._pids[rows], self._seqs[rows].copy(), frames, day, bitmap, version,
                        start, start + run.count * resolution,
                    )
                )  # fmt: skip

    def _check_keys(self, keys: NDArray[np.uint8], day: int) -> None:
        held = keys[:, self._columns.key_rows[self._at]].any(axis=(0, 2))
        if not held.all():
            raise SingleUseError("a meter has no keys for this day", where=f"day {day}", fix="it enrolled later")

    def _commit(self) -> list[SealedFrame]:
        self._tx.meters.commit(*self._new)
        out = []
        for new in self._new:
            out += [SealedFrame(*row) for row in zip(new.pids.tolist(), new.seqs.tolist(), new.frames, strict=True)]
        return out


def _by_day(readings: Readings) -> Iterator[tuple[int, Readings]]:
    per_day = slots_per_day(readings.window.resolution)
    for day, a, b in readings.window.by_day():
        yield day, readings.cut(Window(day * per_day + a, day * per_day + b, readings.window.resolution))


def _column(readings: Readings, register: int) -> Ints:
    """The values of one register; voltage is not metered by `Readings` and is sealed as 0."""
    return readings.register(register) if register in (IMPORT, EXPORT) else np.zeros_like(readings.imported_wh)
