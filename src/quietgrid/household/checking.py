"""The household's own check of what the others did with its readings: bills, commitments, omissions.

A bill is recomputed at home from the opened series; the commitments of the day records are opened with scalars only the
home can derive, and their sum per band is what it releases as proof; delivered cells that a later close left out are
shown to the keyholders. Source: PROTOCOL A, "Verifiability"; C, B5, B6, G9, A8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.weights import resolve
from quietgrid.crypto.public import pedersen
from quietgrid.crypto.public.envelope import Signed, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.crypto.secret.commitments import day_secret
from quietgrid.errors import VerificationError
from quietgrid.household.opening import KeyLine, OwnSeries
from quietgrid.household.vault import Vault
from quietgrid.model.interval import Window, day_window, slots_per_day
from quietgrid.model.question import Book
from quietgrid.wire.columns import unpack_bits
from quietgrid.wire.frame import parse_head
from quietgrid.wire.messages import Close, CommunityCard, DayRecord, Omission, Receipt
from quietgrid.wire.own import BandScalar, BillScalars, committed_name

FrameProof = tuple[bytes, int, list[bytes], bytes]
"""Encoded `Signed[Receipt]`, index in its batch, path, frame: as in `Omission`."""


class BilledFact(msgspec.Struct, frozen=True):
    """What a bill says of one vector (the fields of `billing.BilledFact` that are checked)."""

    vector: str
    register: int
    measured: int
    intervals: int
    late: int
    late_intervals: int


class BillView(msgspec.Struct, frozen=True):
    """The part of an encoded bill that is checked at home."""

    home: int
    window: Window
    facts: list[BilledFact]
    total_micro: int
    version: int = 0


@dataclass(frozen=True, slots=True)
class VectorCheck:
    """One vector of a bill beside what the home measured.

    Args:
        vector, register: Which. billed, own: sums (Wh; weight × Wh for prices). billed_intervals, own_intervals: cells.
        late: sums of late cells: billed, own. Equal by definition while the bill has only some of them.
    """

    vector: str
    register: int
    billed: int
    own: int
    billed_intervals: int
    own_intervals: int
    late: tuple[int, int]

    @property
    def holds(self) -> bool:
        """The bill says what the home measured."""
        return self.billed == self.own and self.billed_intervals == self.own_intervals and self.late[0] == self.late[1]


def decode_bill(data: bytes) -> BillView:
    """The checked part of an encoded bill, or `VerificationError`."""
    try:
        return msgspec.msgpack.decode(data, type=BillView)
    except msgspec.MsgspecError as error:
        raise VerificationError("not a valid bill", where="bill", fix="fetch it again") from error


def check_bill(
    bill: BillView, book: Book, series: Sequence[OwnSeries], prices: Mapping[str, NDArray[np.int64]] | None = None
) -> list[VectorCheck]:
    """Recompute every vector of a bill from the home's own readings.

    Args:
        bill: As billed. book: Of the home's leaf and the period. series: Every meter and register of the home over
            exactly the period. prices: published feeds over the period.

    Returns: One check a fact of the bill; look at `holds`.

    Raises:
        VerificationError: book, bill and series are not about the same period, or a billed vector is not in the book.
    """
    if book.window != bill.window or any(part.window != bill.window for part in series):
        raise VerificationError("bill, book and series are of different periods", where="bill", fix="fetch them again")
    by_name = {vector.name: vector for vector in book.vectors}
    checks = []
    for fact in bill.facts:
        vector = by_name.get(fact.vector)
        if vector is None or vector.register != fact.register:
            raise VerificationError("a billed vector is not in the book", where=fact.vector, fix="dispute the bill")
        weights = resolve(vector, book.window, prices)
        parts = [part for part in series if part.register == fact.register]
        closed = [(part.energy_wh, part.present & part.closed) for part in parts]
        late = [(part.energy_wh, part.present & ~part.closed) for part in parts]
        own, cells = _weigh(weights, closed)
        own_late, late_cells = _weigh(weights, late)
        expected = own_late if fact.late_intervals == late_cells else fact.late if fact.late_intervals else 0
        checks.append(
            VectorCheck(
                fact.vector, fact.register, fact.measured, own, fact.intervals, cells,
                (fact.late, expected),
            )
        )  # fmt: skip
    return checks


def facts_hold(
    facts: tuple[Sequence[str], Sequence[int]],
    book: Book,
    series: Sequence[OwnSeries],
    prices: Mapping[str, NDArray[np.int64]],
) -> bool:
    """Whether opened numbers of a ledger entry (names, values) are the sums of our own closed cells."""
    registers = {vector.name: vector.register for vector in book.vectors}
    names, values = facts
    if len(names) != len(values) or not set(names) <= set(registers):
        return False
    billed = [BilledFact(name, registers[name], value, 0, 0, 0) for name, value in zip(names, values, strict=True)]
    checks = check_bill(BillView(0, book.window, billed, 0), book, series, prices)
    return all(check.billed == check.own for check in checks)


def _weigh(weights: NDArray[np.int64], parts: Sequence[tuple[NDArray[np.int64], NDArray[np.bool_]]]) -> tuple[int, int]:
    """Weighted sum over cells of all meters, and in how many intervals any meter has one."""
    total = sum(int(weights @ np.where(cells, energy, 0)) for energy, cells in parts)
    if not parts:
        return 0, 0
    arrived = np.any([cells for _, cells in parts], axis=0)
    return total, int((arrived & (weights != 0)).sum())


def release_scalars(
    vault: Vault, lines: Mapping[int, KeyLine], book: Book, records: Sequence[Signed], meter_pks: Mapping[int, bytes]
) -> BillScalars:
    """The scalars that let others check a bill against the day records: one a band, summed over days and meters.

    Args:
        lines: pid -> key line of our meters. book: Of the period. records: Day records of all our meters in it.
        meter_pks: pid -> the key each meter enrolled with.

    Raises:
        VerificationError: a record that is not ours.

    Privacy: opens the band sums that are on the bill already (and their differences), nothing finer.
    """
    found = open_records(records, meter_pks)
    bands = []
    for vector in book.vectors:
        if vector.rule == "prices":
            continue
        scalars = [
            pedersen.scalar(_secret(lines[record.pid], record.day), record.day, name)
            for record in found
            for name, _ in record.commitments
            if name == committed_name(vector.name, record.day, book.window)
        ]
        if scalars:
            bands.append(BandScalar(vector.name, pedersen.add_scalars(scalars).to_bytes(32, "big")))
    window = book.window
    return BillScalars(vault.home, window.first, window.end, window.resolution, bands)


def check_records(
    lines: Mapping[int, KeyLine], book: Book, records: Sequence[DayRecord], series: Sequence[OwnSeries]
) -> list[tuple[int, int, str]]:
    """Commitments that do not open to what the home measured: (pid, day, vector); empty when all is well.

    Args:
        series: Over at least the days of the records, newest versions.
    """
    wrong = []
    for record in records:
        for vector in book.vectors:
            name = committed_name(vector.name, record.day, book.window)
            commitment = dict(record.commitments).get(name)
            if vector.rule == "prices" or commitment is None:
                continue
            own = _own_sum(record, vector.register, book, resolve(vector, book.window), series)
            try:
                pedersen.opens(
                    commitment, own, pedersen.scalar(_secret(lines[record.pid], record.day), record.day, name)
                )
            except VerificationError:
                wrong.append((record.pid, record.day, vector.name))
    return wrong


def open_records(records: Sequence[Signed], meter_pks: Mapping[int, bytes]) -> list[DayRecord]:
    """Day records, each checked against the key its meter enrolled with."""
    out = []
    for signed in records:
        record = next((open_signed(signed, DayRecord, key) for key in meter_pks.values() if key == signed.signer), None)
        if record is None or meter_pks.get(record.pid) != signed.signer:
            raise VerificationError("a day record is not our meter's", where="day record", fix="dispute it")
        out.append(record)
    return out


def find_omissions(
    vault: Vault,
    card: CommunityCard,
    pid: int,
    row: tuple[int, int],
    evidence: tuple[Sequence[FrameProof], Sequence[Signed]],
) -> Omission | None:
    """What was delivered in time and left out of a later close, as a message for the keyholders; None if nothing.

    Args:
        pid: Our meter. row: its leaf, and its row within the leaf. evidence: our frames with receipts, and the
            platform's signed closes of the same days.

    Raises:
        VerificationError: a receipt or close is not signed by whom it should be.
    """
    proofs, closes = evidence
    leaf, at = row
    per_day = slots_per_day(card.resolution)
    checked = []
    for signed in closes:
        close = open_signed(signed, Close, card.platform_pk)
        rows = len(close.bitmap) * 8 // (close.b - close.a)
        if close.leaf == leaf and at < rows:
            bits = np.unpackbits(np.frombuffer(close.bitmap, np.uint8))
            present = bits[at * (close.b - close.a) : (at + 1) * (close.b - close.a)].astype(np.bool_)
            checked.append((close, present))
    omitted = []
    for proof in proofs:
        receipt = open_signed(unpack_signed(proof[0]), Receipt, card.concentrator_pk)
        head = parse_head(proof[3])
        for close, present in checked:
            first, end = max(head.first, close.a), min(head.first + head.count, close.b, per_day)
            in_time = close.day == head.day and receipt.accepted_at < close.signed_at
            if head.pid == pid and in_time and first < end and not present[first - close.a : end - close.a].all():
                omitted.append(proof)
                break
    return Omission(vault.community, vault.home, pid, omitted) if omitted else None


def _own_sum(
    record: DayRecord, register: int, book: Book, weights: NDArray[np.int64], series: Sequence[OwnSeries]
) -> int:
    """The home's own sum of one vector over exactly the cells of a day record."""
    per_day = slots_per_day(book.window.resolution)
    day = day_window(record.day, book.window.resolution)
    cells = unpack_bits(record.cells, per_day)
    part = next((s for s in series if s.pid == record.pid and s.register == register), None)
    if part is None:
        return 0
    both = day.intersect(book.window).intersect(part.window)
    energy = part.energy_wh[both.first - part.window.first : both.end - part.window.first]
    weight = weights[both.first - book.window.first : both.end - book.window.first]
    return int(weight @ np.where(cells[both.first - day.first : both.end - day.first], energy, 0))


def _secret(line: KeyLine, day: int) -> bytes:
    return day_secret(np.ascontiguousarray(line.keys(day, day + 1)[:, 0]))
