"""Bill proofs: the sums a bill was made from are the sums the home's meters committed to, day by day.

A meter signs, for every day, a Pedersen commitment of each band's sum over the cells it has receipts for (`day`
message). Commitments add, so the product over the period must open to the band sum on the bill with one scalar R,
which the household releases per band of the book. What this shows: the opened number is the number the meter signed.
What it does not: that the meter measured honestly; anything finer than the bill itself; estimated parts (they are no
measurement); the real-time line (the household recomputes it, `bills.price`).

A UTC day may lie in two billing periods. There the meter commits twice, once for the cells of each period, under the
name ``vector@first slot of the period`` (`wire.own.committed_name`); on all other days under the vector's plain name.

Late cells enter a later bill inside its band sums. Then neither bill proves alone, but the two together do: `verify`
takes a run of bills, and says which cells are still to come.

Source: PROTOCOL A, "Verifiability"; C, B5 and B6. Cost: 5 ms for a month of three bands, mostly decompressing points.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms import weights
from quietgrid.billing.bill import Bill
from quietgrid.crypto.public import pedersen
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import InputError, UnavailableError, VerificationError
from quietgrid.model.interval import Window, day_window, slots_per_day
from quietgrid.model.question import Book
from quietgrid.wire.columns import unpack_bits
from quietgrid.wire.messages import DayRecord, Signed
from quietgrid.wire.own import committed_name

Openings = Mapping[tuple[int, int, str], tuple[int, int]]
"""(pid, UTC day, committed name) -> (sum in Wh, scalar) of one vector: the household's own, never sent."""
Run = Sequence[tuple[Bill, Book]]
"""Bills of one home and consecutive periods, each with its book."""


class VectorProof(msgspec.Struct, array_like=True, frozen=True):
    """The opening of one band: scalar R, 32 bytes big-endian."""

    vector: str
    scalar: bytes


class BillProof(msgspec.Struct, array_like=True, frozen=True):
    """What a household releases so that anyone with its meters' day records can check a bill.

    Args:
        home: The home. first, end, resolution: the period, or run of periods. vectors: one opening per band the home
            has cells in.

    Privacy: opens the sums that are on the bill already, and their differences; nothing else.
    """

    home: int
    first: int
    end: int
    resolution: int
    vectors: list[VectorProof]

    def encode(self) -> bytes:
        """MessagePack."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> BillProof:
        """The proof in `data`, or `VerificationError` when it is not one."""
        try:
            return msgspec.msgpack.decode(data, type=cls)
        except msgspec.MsgspecError as error:
            raise VerificationError("not a valid bill proof", where="bill proof", fix="ask for it again") from error

    def digest(self) -> bytes:
        """SHA-256 of the encoded proof: what an invoice prints."""
        return hashlib.sha256(b"qg1 bill proof\0" + self.encode()).digest()


def open_records(signed: Iterable[Signed], meters: Mapping[int, bytes]) -> list[DayRecord]:
    """The day records of a home, each checked against the public key its meter was enrolled with.

    Args:
        signed: Envelopes of day records. meters: pid -> public key of every meter of the home in the period.

    Raises:
        VerificationError: a meter that is not of this home, a broken signature, or two records of one meter and day.
    """
    out: list[DayRecord] = []
    for envelope in signed:
        pid = next((pid for pid, key in meters.items() if key == envelope.signer), None)
        if pid is None:
            raise VerificationError("a day record is from another meter", where="bill proof", fix="give the home's own")
        record = open_signed(envelope, DayRecord, meters[pid])
        if record.pid != pid:
            raise VerificationError("a day record names another meter", where="bill proof", fix="dispute it")
        out.append(record)
    _check_unique(out)
    return out


def prove(run: Run, records: Sequence[DayRecord], scalar: Callable[[int, int, str], int]) -> BillProof:
    """The household's side: add up the scalars of the days.

    Args:
        run: Bills of consecutive periods with their books; usually one. records: Of all meters of the home then.
        scalar: (pid, day, committed name) -> the scalar, as the household derives it (`pedersen.scalar`).
    """
    window = _span(run)
    found = []
    for name in _opened(run):
        held = [entry for _, book in run for entry in _commitments(name, book, records)]
        total = pedersen.add_scalars(scalar(pid, day, committed) for pid, day, committed, _ in held)
        found.append(VectorProof(name, total.to_bytes(32, "big")))
    return BillProof(run[0][0].home, window.first, window.end, window.resolution, found)


def verify(
    run: Run, proof: BillProof, records: Sequence[DayRecord], *, openings: Mapping[str, Openings] | None = None
) -> None:
    """Check every measured band sum of a bill, or of a run of bills together, against the meters' commitments.

    Args:
        run: Bills of consecutive periods with their books; usually one. proof: From the household, for this run.
        records: Day records of all meters of the home in these periods (`open_records`).
        openings: The household's own daily sums and scalars by vector; with them a dispute names the days.

    Raises:
        VerificationError: a band without proof or whose commitments do not open to the bills' number; `where` names
            the vector and, given `openings`, the days.
        UnavailableError: the meter committed to late cells that no bill of the run has taken in yet.
    """
    window = _span(run)
    expected = run[0][0].home, window.first, window.end, window.resolution
    if (proof.home, proof.first, proof.end, proof.resolution) != expected:
        raise VerificationError("the proof is of another home or period", where="bill proof", fix="fetch the right one")
    _check_unique(records)
    scalars = {entry.vector: entry.scalar for entry in proof.vectors}
    for name, (value, cells) in _opened(run).items():
        where = f"vector {name!r}"
        if name not in scalars:
            raise VerificationError("a band of the bill has no proof", where=where, fix="ask for the full proof")
        _check_cells(name, cells, run, records)
        held = [commitment for _, book in run for *_, commitment in _commitments(name, book, records)]
        try:
            pedersen.opens(pedersen.add(held), value, _scalar(scalars[name], where))
        except VerificationError as error:
            days = locate(name, run, records, openings[name]) if openings else []
            raise VerificationError(
                "what the meter committed to is not what the bill says",
                where=where + (", days " + ", ".join(str(day) for day in days) if days else ""),
                fix="open a dispute: the household can locate it by day without showing a reading",
            ) from error


def locate(vector: str, run: Run, records: Sequence[DayRecord], openings: Openings) -> list[int]:
    """UTC days whose commitments do not open to the household's own sums, ascending.

    Run by the household. Empty while the bill's number does not verify: every meter record is right and the
    *opened* sum is wrong, so the dispute goes to the keyholders' ledgers.
    """
    bad = set()
    for _, book in run:
        for pid, day, committed, commitment in _commitments(vector, book, records):
            try:
                value, r = openings[pid, day, committed]
                pedersen.opens(commitment, value, r)
            except (KeyError, VerificationError, InputError):
                bad.add(day)
    return sorted(bad)


def _span(run: Run) -> Window:
    """The periods of a run as one window; they follow each other and are of one home."""
    if not run or any(bill.window != book.window or bill.home != run[0][0].home for bill, book in run):
        raise InputError("bills and books do not belong together", where="bill proof", fix="give each bill its book")
    windows = [bill.window for bill, _ in run]
    if any(a.end != b.first for a, b in pairwise(windows)):
        raise InputError("the bills do not follow each other", where="bill proof", fix="give consecutive periods")
    return Window(windows[0].first, windows[-1].end, windows[0].resolution)


def _opened(run: Run) -> dict[str, tuple[int, int]]:
    """Opened sum and cells of each band over a run; bands without a measured cell have no commitment to check."""
    out: dict[str, tuple[int, int]] = {}
    for bill, book in run:
        bands = {(vector.name, vector.register) for vector in book.vectors if vector.rule != "prices"}
        for fact in bill.facts:
            if (fact.vector, fact.register) in bands:
                value, cells = out.get(fact.vector, (0, 0))
                added = fact.intervals + fact.late_intervals
                out[fact.vector] = value + fact.measured + fact.late, cells + added
    return {name: sums for name, sums in out.items() if sums[1] > 0}


def _commitments(vector: str, book: Book, records: Sequence[DayRecord]) -> list[tuple[int, int, str, bytes]]:
    """(pid, day, committed name, commitment) of one vector and period, for the records that have one."""
    out = []
    for record in records:
        whole = day_window(record.day, book.window.resolution)
        if not len(whole.intersect(book.window)):
            continue
        name = committed_name(vector, record.day, book.window)
        out += [(record.pid, record.day, name, point) for held, point in record.commitments if held == name]
    return out


def _check_cells(name: str, opened: int, run: Run, records: Sequence[DayRecord]) -> None:
    """The meters' commitments must be over as many cells of the band as the bills opened.

    A cell that two meters of a home have counts once, as it does in the keyholders' counts.
    """
    committed = 0
    for _, book in run:
        rule = next((vector for vector in book.vectors if vector.name == name), None)
        days: dict[int, NDArray[np.int64]] = {}
        for record in records:
            cells = _cells(record, book.window)
            days[record.day] = np.maximum(days.get(record.day, cells), cells)
        for day, cells in days.items():
            if rule is not None and cells.any():
                committed += int(cells @ weights.resolve(rule, day_window(day, book.window.resolution)))
    where = f"vector {name!r}"
    if committed > opened:
        raise UnavailableError(
            f"{committed - opened} late cells are not on a bill yet", where=where, fix="verify with the next bill"
        )
    if committed < opened:
        raise VerificationError(
            f"the meters signed for {committed} cells, the bills opened {opened}",
            where=where,
            fix="get the missing day records, and verify together with the earlier bill whose late cells came in here",
        )


def _cells(record: DayRecord, window: Window) -> NDArray[np.int64]:
    """0/1 per slot of the record's day: committed and in the period."""
    per_day = slots_per_day(window.resolution)
    slots = record.day * per_day + np.arange(per_day)
    inside = (slots >= window.first) & (slots < window.end)
    return (unpack_bits(record.cells, per_day) & inside).astype(np.int64)


def _scalar(data: bytes, where: str) -> int:
    value = int.from_bytes(data, "big")
    if len(data) != 32 or not 0 < value < pedersen.ORDER:
        raise VerificationError("a scalar is out of range", where=where, fix="ask for the proof again")
    return value


def _check_unique(records: Sequence[DayRecord]) -> None:
    if len({(record.pid, record.day) for record in records}) < len(records):
        raise VerificationError(
            "two records of one meter and day", where="bill proof", fix="dispute: a meter equivocates"
        )
