"""The meters of one process: state, single-use marks, outbox, receipts. One transaction binds frame, mark and number.

The rule that no mask is used twice rests here: a frame, the high-water mark it raises and its number are committed
together *before* it is sent, and the same bytes go out on every retry. Source: PROTOCOL A "Single use", row K11.
Privacy: `state` holds the meter's keys; the file is 0600 and overwrites what it deletes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from quietgrid.errors import InputError, NotFoundError, SingleUseError
from quietgrid.model.readings import REGISTER_NAMES, register_list
from quietgrid.store.schema import (
    BLOB,
    FLEET,
    INT,
    NUMBER,
    Tables,
    column,
    key,
    put,
    signed64,
    signed_list,
    table,
    unsigned64,
    unsigned_array,
)

_meter = table(
    "meter",
    FLEET,
    key("pid", INT),
    column("place", INT, unique=True),
    column("seq", INT),
    column("mark0", INT),
    column("mark1", INT),
    column("mark2", INT),
    column("state", BLOB),
)
_frame = table(
    "frame",
    FLEET,
    key("pid", INT),
    key("seq", INT),
    column("day", INT),
    column("version", INT),
    column("sealed_at", NUMBER),
    column("receipt", INT, null=True),
    column("place", INT),
    column("frame", BLOB),
    sa.Index("frame_outbox", "receipt"),
    sa.Index("frame_by_day", "day", "pid"),
)
_receipt = table(
    "receipt",
    FLEET,
    sa.Column("id", INT, primary_key=True),
    column("accepted_at", NUMBER),
    column("hashes", BLOB),
    column("signed", BLOB),
)
_day = table("day_record", FLEET, key("pid", INT), key("day", INT), column("signed", BLOB))
_MARKS = (_meter.c.mark0, _meter.c.mark1, _meter.c.mark2)


@dataclass(frozen=True)
class Marks:
    """`seq`: uint64 [n], number of the last frame. `high_water`: int64 [n, 3], end of what is sealed, by register."""

    seq: NDArray[np.uint64]
    high_water: NDArray[np.int64]


@dataclass(frozen=True)
class SealedFrames:
    """Frames of n meters about the same slots, as columns.

    Args:
        pids, seqs: uint64 [n]. frames: n frames.
        day: UTC day. registers: bitmap. version: 0, or higher for a correction.
        first, end: of the slots, in the unit of the marks.
    """

    pids: NDArray[np.uint64]
    seqs: NDArray[np.uint64]
    frames: Sequence[bytes]
    day: int
    registers: int
    version: int
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A frame that has no receipt yet."""

    pid: int
    seq: int
    day: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class FrameRow:
    """A frame with its receipt: id of the receipt (None: none yet) and place in that batch."""

    seq: int
    day: int
    version: int
    frame: bytes
    receipt: int | None
    place: int


class MeterFleet(Tables):
    """Any number of meters that live in one process; a real one is a fleet of one."""

    def add(self, pids: NDArray[np.uint64], states: Sequence[bytes]) -> None:
        """Add meters that have sealed nothing yet."""
        last = self._c.execute(sa.select(sa.func.max(_meter.c.place))).scalar()
        start = 0 if last is None else int(last) + 1
        rows = [
            {"pid": pid, "place": start + n, "seq": 0, "mark0": 0, "mark1": 0, "mark2": 0, "state": state}
            for n, (pid, state) in enumerate(zip(signed_list(pids), states, strict=True))
        ]
        if rows:
            self._c.execute(sa.insert(_meter), rows)

    def pids(self) -> NDArray[np.uint64]:
        """uint64 [n], in the order added."""
        return unsigned_array(list(self._c.execute(sa.select(_meter.c.pid).order_by(_meter.c.place)).scalars()))

    def states(self, pids: NDArray[np.uint64]) -> list[bytes]:
        """The states of meters."""
        found = {pid: bytes(state) for pid, state in self._c.execute(sa.select(_meter.c.pid, _meter.c.state))}
        try:
            return [found[pid] for pid in signed_list(pids)]
        except KeyError as error:
            raise NotFoundError(
                "there is no such meter", where=f"pid {unsigned64(error.args[0])}", fix="add it"
            ) from error

    def set_states(self, pids: NDArray[np.uint64], states: Sequence[bytes]) -> None:
        """Replace the states of meters; what they were is overwritten."""
        update = sa.update(_meter).where(_meter.c.pid == sa.bindparam("p")).values(state=sa.bindparam("s"))
        pairs = zip(signed_list(pids), states, strict=True)
        rows = [{"p": pid, "s": state} for pid, state in pairs]
        if rows:
            self._c.execute(update, rows)

    def marks(self, pids: NDArray[np.uint64]) -> Marks:
        """Numbers and high-water marks of meters."""
        query = sa.select(_meter.c.pid, _meter.c.seq, *_MARKS)
        if len(pids) == 1:
            query = query.where(_meter.c.pid == signed_list(pids)[0])
        found = {row.pid: (row.seq, row.mark0, row.mark1, row.mark2) for row in self._c.execute(query)}
        missing = [pid for pid in signed_list(pids) if pid not in found]
        if missing:
            raise NotFoundError("there is no such meter", where=f"pid {unsigned64(missing[0])}", fix="add it first")
        columns = np.array([found[pid] for pid in signed_list(pids)], np.int64).reshape(-1, 4)
        return Marks(columns[:, 0].astype(np.uint64), columns[:, 1:].copy())

    def commit(self, *sealed: SealedFrames) -> None:
        """Keep frames, raise marks and numbers, all at once. Only then may the frames be sent.

        Args:
            sealed: In order; a meter may be in several, with rising numbers.

        Raises:
            SingleUseError: a number or, for version 0, a slot was used before; or a correction is of slots not yet
                sealed. Nothing is kept.

        Cost: one read, one update a meter and one insert a frame, however many columns there are.
        """
        if not sealed:
            return
        pids = np.unique(np.concatenate([columns.pids for columns in sealed]))
        marks = self.marks(pids)
        for columns in sealed:
            self._raise_marks(marks, np.searchsorted(pids, columns.pids), columns)
        update = sa.update(_meter).where(_meter.c.pid == sa.bindparam("p"))
        names: dict[str, Any] = {f"mark{register}": sa.bindparam(f"m{register}") for register in REGISTER_NAMES}
        raised = zip(signed_list(pids), marks.seq.tolist(), marks.high_water.tolist(), strict=True)
        self._c.execute(
            update.values(seq=sa.bindparam("q"), **names),
            [{"p": pid, "q": seq, "m0": m[0], "m1": m[1], "m2": m[2]} for pid, seq, m in raised],
        )
        now = self._clock.now()
        rows = []
        for columns in sealed:
            shared = {"day": columns.day, "version": columns.version, "sealed_at": now, "receipt": None, "place": 0}
            triples = zip(signed_list(columns.pids), columns.seqs.tolist(), columns.frames, strict=True)
            rows += [shared | {"pid": pid, "seq": seq, "frame": frame} for pid, seq, frame in triples]
        self._c.execute(sa.insert(_frame), rows)

    @staticmethod
    def _raise_marks(marks: Marks, at: NDArray[np.int64], sealed: SealedFrames) -> None:
        """Check one group of frames against the marks and raise these, in place."""
        cells = np.ix_(at, np.array(register_list(sealed.registers), np.int64))
        high = marks.high_water[cells]
        used = (sealed.seqs <= marks.seq[at]) | (
            (high > sealed.first).any(axis=1) if sealed.version == 0 else (high < sealed.end).any(axis=1)
        )
        if used.any():
            raise SingleUseError(
                "this number or slot was sealed before",
                where=f"meter {int(sealed.pids[int(np.flatnonzero(used)[0])])}",
                fix="send the stored frame, or correct it",
            )
        marks.seq[at] = sealed.seqs
        if sealed.version == 0:
            marks.high_water[cells] = sealed.end

    def outbox(self, limit: int = 10_000) -> list[OutboxRow]:
        """Frames without a receipt, oldest first."""
        t = _frame.c
        query = sa.select(t.pid, t.seq, t.day, t.frame).where(t.receipt.is_(None))
        query = query.order_by(t.sealed_at, t.seq, t.pid).limit(limit)
        return [OutboxRow(unsigned64(r.pid), r.seq, r.day, bytes(r.frame)) for r in self._c.execute(query)]

    def receipted(
        self, signed: bytes, accepted_at: float, hashes: Sequence[bytes], frames: Sequence[tuple[int, int, int]]
    ) -> int:
        """Keep a checked receipt and take its frames off the outbox; its id.

        Args:
            signed: Encoded `Signed[Receipt]`. hashes: SHA-256 of every frame of its batch, in order.
            frames: (pid, seq, place in the batch) of the own frames in it.
        """
        values = {"signed": signed, "accepted_at": accepted_at, "hashes": b"".join(hashes)}
        receipt = int(self._c.execute(sa.insert(_receipt).values(values).returning(_receipt.c.id)).scalar_one())
        t = _frame.c
        update = sa.update(_frame).where(t.pid == sa.bindparam("p"), t.seq == sa.bindparam("q"), t.receipt.is_(None))
        rows = [{"p": signed64(pid), "q": seq, "n": place} for pid, seq, place in frames]
        if rows:
            self._c.execute(update.values(receipt=receipt, place=sa.bindparam("n")), rows)
        return receipt

    def receipt(self, id: int) -> tuple[bytes, list[bytes]]:
        """A signed receipt and the hashes of its batch, from which the path of a frame is made."""
        row = self._one(sa.select(_receipt).where(_receipt.c.id == id), "receipt", f"receipt {id}")
        data = bytes(row.hashes)
        return bytes(row.signed), [data[at : at + 32] for at in range(0, len(data), 32)]

    def frames(self, pid: int, day: int) -> list[FrameRow]:
        """A meter's frames of a day, in order."""
        t = _frame.c
        query = sa.select(_frame).where(t.pid == signed64(pid), t.day == day).order_by(t.seq)
        rows = self._c.execute(query)
        return [FrameRow(r.seq, r.day, r.version, bytes(r.frame), r.receipt, r.place) for r in rows]

    def drop_frame(self, pid: int, seq: int) -> None:
        """Take a frame that can never be accepted (too late, replaced) off the outbox. Its slots stay used."""
        t = _frame.c
        self._c.execute(sa.delete(_frame).where(t.pid == signed64(pid), t.seq == seq, t.receipt.is_(None)))

    def put_days(self, records: Sequence[tuple[int, int, bytes]]) -> int:
        """Keep signed day records: (pid, day, signed); how many are new."""
        return put(self._c, _day, [{"pid": signed64(p), "day": day, "signed": signed} for p, day, signed in records])

    def day_record(self, pid: int, day: int) -> bytes:
        """A meter's signed record of a day."""
        query = sa.select(_day.c.signed).where(_day.c.pid == signed64(pid), _day.c.day == day)
        return bytes(self._one(query, "day record", f"meter {pid}, day {day}").signed)

    def prune(self, before_day: int) -> int:
        """Delete receipted frames of earlier days and receipts nobody needs; how many frames."""
        t = _frame.c
        if before_day < 0:
            raise InputError("a day before 1970", where="prune", fix="give a UTC day number")
        gone = self._c.execute(sa.delete(_frame).where(t.day < before_day, t.receipt.is_not(None))).rowcount
        used = sa.select(t.receipt).where(t.receipt.is_not(None))
        self._c.execute(sa.delete(_receipt).where(_receipt.c.id.not_in(used)))
        return gone
