"""Ciphertexts by position: one BLOB holds many meters × many slots, so an index costs nothing per reading.

A *part* is what one accepted batch brings for one shape of frame; it is kept as one segment a register. `row` is a
meter's place in enrolment order. Beside the ciphertexts each part keeps seq, MAC and place in the batch of every
frame, so the exact frames can be rebuilt and shown against the batch's receipt.

Source: DESIGN 6. Privacy: sealed. Cost: 8 bytes a reading and 28 a frame; reading a day is one pass over its BLOBs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from quietgrid.errors import NotFoundError
from quietgrid.model.interval import Clock, slots_per_day
from quietgrid.model.readings import register_list
from quietgrid.store.schema import BLOB, INT, NUMBER, PLATFORM, Tables, column, key, table

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

HEAD = np.dtype([("seq", "<u8"), ("mac", "u1", 16), ("index", "<u4")])
ABSENT = -1

_batch = table(
    "segment_batch",
    PLATFORM,
    sa.Column("id", INT, primary_key=True),
    column("accepted_at", NUMBER),
    column("size", INT),
    column("root", BLOB),
    column("receipt", BLOB),
)
_segment = table(
    "segment",
    PLATFORM,
    key("batch", INT),
    key("part", INT),
    key("register", INT),
    column("day", INT),
    column("resolution", INT),
    column("version", INT),
    column("registers", INT),
    column("first_slot", INT),
    column("n_slots", INT),
    column("first_row", INT),
    column("last_row", INT),
    column("n_rows", INT),
    column("accepted_at", NUMBER),
    column("rows", BLOB),
    column("heads", BLOB),
    column("body", BLOB),
    sa.ForeignKeyConstraint(["batch"], ["segment_batch.id"]),
    sa.Index("segment_by_day", "day", "resolution", "register", "version"),
)
_PLACE = (_segment.c.version, _segment.c.first_slot, _segment.c.n_slots, _segment.c.first_row, _segment.c.n_rows)


@dataclass(frozen=True, slots=True)
class Cut:
    """Which cells to read: slots ``[first, end)`` (end None: to the end of the day) of a UTC day and register.

    `row_first`: the first row; how many is said by the reader.
    """

    day: int
    register: int
    resolution: int
    first: int = 0
    end: int | None = None
    row_first: int = 0

    @property
    def width(self) -> int:
        """Number of slots."""
        return (slots_per_day(self.resolution) if self.end is None else self.end) - self.first


@dataclass(frozen=True)
class Part:
    """Frames of one shape: the same day, registers, version and slots.

    Args:
        rows: int64 [n], ascending and distinct. seqs: uint64 [n]. macs: uint8 [n, 16].
        index: int64 [n], place of each frame in its batch. words: uint64 [n, registers, count].
    """

    day: int
    resolution: int
    registers: int
    version: int
    first: int
    rows: Ints
    seqs: Words
    macs: NDArray[np.uint8]
    index: Ints
    words: Words


@dataclass(frozen=True)
class Cells:
    """uint64 [n_rows, slots] ciphertexts (0 where absent) and int16 [n_rows, slots] their versions (-1 absent)."""

    ciphertext: Words
    version: NDArray[np.int16]


@dataclass(frozen=True)
class HeadRow:
    """The heads of one stored part, columns as in `Part`, without the ciphertexts."""

    batch: int
    part: int
    day: int
    resolution: int
    registers: int
    version: int
    first: int
    count: int
    rows: Ints
    seqs: Words
    macs: NDArray[np.uint8]
    index: Ints


@dataclass(frozen=True)
class StoredFrame:
    """One frame as accepted: `words` uint64 [registers, count]; `batch` and `index` say where its receipt is."""

    day: int
    resolution: int
    registers: int
    version: int
    first: int
    seq: int
    mac: bytes
    batch: int
    index: int
    words: Words


class Segments(Tables):
    """The sealed readings of the platform."""

    def __init__(self, connection: sa.Connection, clock: Clock) -> None:
        super().__init__(connection, clock)
        self._accepted_at: dict[int, float] = {}

    def add_batch(self, receipt: bytes, root: bytes, size: int, accepted_at: float) -> int:
        """Record one accepted batch with its signed receipt; its number."""
        values = {"receipt": receipt, "root": root, "size": size, "accepted_at": accepted_at}
        batch = int(self._c.execute(sa.insert(_batch).returning(_batch.c.id), values).scalar_one())
        self._accepted_at[batch] = accepted_at
        return batch

    def receipt(self, batch: int) -> tuple[bytes, float]:
        """The signed receipt of a batch and when it was accepted."""
        query = sa.select(_batch.c.receipt, _batch.c.accepted_at).where(_batch.c.id == batch)
        row = self._one(query, "batch", f"batch {batch}")
        return bytes(row.receipt), float(row.accepted_at)

    def first_accepted(self) -> float | None:
        """When the first batch was accepted; None before."""
        found = self._c.execute(sa.select(sa.func.min(_batch.c.accepted_at))).scalar()
        return None if found is None else float(found)

    def batch_roots(self, start: float, end: float) -> list[bytes]:
        """The roots of the batches that were accepted in a time, start <= t < end, in order."""
        query = sa.select(_batch.c.root).where(_batch.c.accepted_at >= start, _batch.c.accepted_at < end)
        return [bytes(root) for root in self._c.execute(query.order_by(_batch.c.id)).scalars()]

    def write(self, batch: int, parts: Sequence[Part]) -> None:
        """Keep the parts of one batch of this transaction. The caller has made sure that no cell is there already."""
        accepted_at = self._accepted_at[batch]
        rows = [record for n, part in enumerate(parts) for record in _records(batch, n, part, accepted_at)]
        if rows:
            self._c.execute(sa.insert(_segment), rows)

    def read(self, cut: Cut, n_rows: int, version: NDArray[np.int16] | None = None) -> Cells:
        """The ciphertexts of a cut.

        Args:
            version: int16 [n_rows, slots], which version of each cell (-1: leave out); None: the latest.

        Raises:
            NotFoundError: a version asked for is not stored.
        """
        words = np.zeros((n_rows, cut.width), np.uint64)
        found = np.full((n_rows, cut.width), ABSENT, np.int16)
        for place, rows, body in self._bodies(cut, n_rows):
            if version is None:
                words[rows, place.slots] = body
                found[rows, place.slots] = place.version
            else:
                wanted = version[rows, place.slots] == place.version
                words[rows, place.slots] = np.where(wanted, body, words[rows, place.slots])
                found[rows, place.slots] = np.where(wanted, place.version, found[rows, place.slots])
        if version is not None and not np.array_equal(found, version):
            raise NotFoundError(
                "a cell is not stored in the version asked for",
                where=f"day {cut.day}, register {cut.register}",
                fix="ask for what the close lists",
            )
        return Cells(words, found)

    def version(self, cut: Cut, n_rows: int, version: int) -> Cells:
        """The ciphertexts of a cut in one version, whatever others there are; absent where it is not stored in it."""
        words = np.zeros((n_rows, cut.width), np.uint64)
        found = np.full((n_rows, cut.width), ABSENT, np.int16)
        for place, rows, body in self._bodies(cut, n_rows, version):
            words[rows, place.slots] = body
            found[rows, place.slots] = version
        return Cells(words, found)

    def presence(self, cut: Cut, n_rows: int) -> NDArray[np.int16]:
        """int16 [n_rows, slots]: the latest version of each cell, -1 where absent. Reads no ciphertext."""
        found = np.full((n_rows, cut.width), ABSENT, np.int16)
        for place, rows, _ in self._places(cut, n_rows):
            found[rows, place.slots] = place.version
        return found

    def accepted(self, cut: Cut, n_rows: int) -> NDArray[np.float64]:
        """float64 [n_rows, slots]: when each cell was first accepted, inf where absent."""
        at = np.full((n_rows, cut.width), np.inf)
        for place, rows, accepted_at in self._places(cut, n_rows):
            at[rows, place.slots] = np.minimum(at[rows, place.slots], accepted_at)
        return at

    def heads(
        self, day: int, resolution: int, row_first: int = 0, row_end: int | None = None, first: int | None = None
    ) -> list[HeadRow]:
        """The heads of all parts of a day, oldest first.

        Args:
            row_first, row_end: only parts that touch these rows. first: only frames that start at this slot of the day.
        """
        s = _segment.c
        query = (
            sa.select(s.batch, s.part, s.registers, *_PLACE, s.rows, s.heads)
            .where(s.day == day, s.resolution == resolution, sa.func.length(s.heads) > 0, s.last_row >= row_first)
            .order_by(s.batch, s.part)
        )
        if row_end is not None:
            query = query.where(s.first_row < row_end)
        if first is not None:
            query = query.where(s.first_slot == first)
        found = []
        for row in self._c.execute(query):
            heads = np.frombuffer(row.heads, HEAD)
            rows = _rows(row.first_row, row.n_rows, row.rows)
            columns = (rows, heads["seq"].astype(np.uint64), heads["mac"], heads["index"].astype(np.int64))
            shape = (row.registers, row.version, row.first_slot, row.n_slots)
            found.append(HeadRow(row.batch, row.part, day, resolution, *shape, *columns))
        return found

    def frames(self, row: int, day: int, resolution: int) -> list[StoredFrame]:
        """Every frame of one meter and day, in the order of acceptance."""
        frames = []
        for part in self.heads(day, resolution, row, row + 1):
            at = int(np.searchsorted(part.rows, row))
            if at == len(part.rows) or part.rows[at] != row:
                continue
            width = part.count * 8
            s = _segment.c
            query = (
                sa.select(sa.func.substr(s.body, at * width + 1, width))
                .where(s.batch == part.batch, s.part == part.part)
                .order_by(s.register)
            )
            words = np.stack([np.frombuffer(body, "<u8") for body in self._c.execute(query).scalars()])
            shape = (day, resolution, part.registers, part.version, part.first, int(part.seqs[at]))
            place = (part.macs[at].tobytes(), part.batch, int(part.index[at]))
            frames.append(StoredFrame(*shape, *place, words.astype(np.uint64)))
        return frames

    def days(self) -> list[tuple[int, int]]:
        """(day, resolution) of which anything is held, ascending."""
        query = sa.select(_segment.c.day, _segment.c.resolution).distinct().order_by(_segment.c.day)
        return [(int(day), int(resolution)) for day, resolution in self._c.execute(query)]

    def _select(self, cut: Cut, n_rows: int, *more: sa.Column[bytes]) -> sa.Select[tuple[object, ...]]:
        s = _segment.c
        return (
            sa.select(*_PLACE, s.accepted_at, s.rows, *more)
            .where(s.day == cut.day, s.resolution == cut.resolution, s.register == cut.register)
            .where(s.first_slot < cut.first + cut.width, s.first_slot + s.n_slots > cut.first)
            .where(s.first_row < cut.row_first + n_rows, s.last_row >= cut.row_first)
            .order_by(s.version, s.batch, s.part)
        )

    def _places(self, cut: Cut, n_rows: int) -> Iterator[tuple[_Place, slice | Ints, float]]:
        for row in self._c.execute(self._select(cut, n_rows)):
            place = _Place(cut, n_rows, row)
            yield place, place.target, row.accepted_at

    def _bodies(
        self, cut: Cut, n_rows: int, version: int | None = None
    ) -> Iterator[tuple[_Place, slice | Ints, Words]]:
        query = self._select(cut, n_rows, _segment.c.body)
        if version is not None:
            query = query.where(_segment.c.version == version)
        for row in self._c.execute(query):
            place = _Place(cut, n_rows, row)
            body = np.frombuffer(row.body, "<u8").reshape(row.n_rows, row.n_slots)
            yield place, place.target, body[place.source][:, place.columns]


class _Place:
    """Where the part of a segment that lies in a cut goes: rows and slots of the cut, rows and columns of the body."""

    def __init__(self, cut: Cut, n_rows: int, row: sa.Row[tuple[object, ...]]) -> None:
        first = max(row.first_slot, cut.first)
        end = min(row.first_slot + row.n_slots, cut.first + cut.width)
        self.version = int(row.version)
        self.slots = slice(first - cut.first, end - cut.first)
        self.columns = slice(first - row.first_slot, end - row.first_slot)
        self.target: slice | Ints
        self.source: slice | NDArray[np.bool_]
        if row.rows:
            rows = np.frombuffer(row.rows, "<i8").astype(np.int64) - cut.row_first
            self.source = (rows >= 0) & (rows < n_rows)
            self.target = rows[self.source]
        else:
            low = max(row.first_row, cut.row_first)
            high = min(row.first_row + row.n_rows, cut.row_first + n_rows)
            self.source = slice(low - row.first_row, high - row.first_row)
            self.target = slice(low - cut.row_first, high - cut.row_first)


def _rows(first_row: int, n_rows: int, rows: bytes) -> Ints:
    return np.frombuffer(rows, "<i8").astype(np.int64) if rows else np.arange(first_row, first_row + n_rows)


def _records(batch: int, number: int, part: Part, accepted_at: float) -> list[dict[str, object]]:
    n = len(part.rows)
    heads = np.zeros(n, HEAD)
    heads["seq"], heads["mac"], heads["index"] = part.seqs, part.macs, part.index
    first, last = int(part.rows[0]), int(part.rows[-1])
    rows = b"" if last - first + 1 == n else part.rows.astype("<i8").tobytes()
    shared = {
        "batch": batch, "part": number, "day": part.day, "resolution": part.resolution, "version": part.version,
        "registers": part.registers, "first_slot": part.first, "n_slots": part.words.shape[2], "first_row": first,
        "last_row": last, "n_rows": n, "accepted_at": accepted_at, "rows": rows,
    }  # fmt: skip
    return [
        shared | {
            "register": register,
            "heads": b"" if place else heads.tobytes(),
            "body": np.ascontiguousarray(part.words[:, place], "<u8").tobytes(),
        }
        for place, register in enumerate(register_list(part.registers))
    ]  # fmt: skip
