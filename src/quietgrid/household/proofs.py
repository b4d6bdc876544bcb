"""What ties bills to meters: day records opened at home, scalars released for others.

The scalars of the commitments in a day record can be derived by the home only; their sum per band is what it releases
so that anybody can check its bill. Source: PROTOCOL A, "Verifiability"; C, B5, B6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.weights import resolve
from quietgrid.crypto.public import pedersen
from quietgrid.crypto.public.envelope import Signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.crypto.secret.commitments import day_secret
from quietgrid.errors import VerificationError
from quietgrid.household.opening import KeyLine, OwnSeries
from quietgrid.household.vault import Vault
from quietgrid.model.interval import day_window, slots_per_day
from quietgrid.model.question import Book
from quietgrid.wire.columns import unpack_bits
from quietgrid.wire.messages import DayRecord
from quietgrid.wire.own import BandScalar, BillScalars, committed_name


def release_scalars(
    vault: Vault, lines: Mapping[int, KeyLine], books: Sequence[Book], records: Sequence[DayRecord]
) -> BillScalars:
    """The scalars that let others check a bill against the day records: one a band, summed over days and meters.

    Args:
        lines: pid -> key line of our meters. books: Of the period, or of the consecutive periods of a run of bills.
        records: Checked day records of all our meters in them (`open_records`).

    Privacy: opens the band sums that are on the bills already (and their differences), nothing finer.
    """
    scalars: dict[str, list[int]] = {}
    for book in books:
        for vector in book.vectors:
            if vector.rule != "prices":
                scalars.setdefault(vector.name, []).extend(
                    pedersen.scalar(_secret(lines[record.pid], record.day), record.day, name)
                    for record in records
                    for name, _ in record.commitments
                    if name == committed_name(vector.name, record.day, book.window)
                    and len(day_window(record.day, book.window.resolution).intersect(book.window))
                )
    bands = [BandScalar(name, pedersen.add_scalars(some).to_bytes(32, "big")) for name, some in scalars.items() if some]
    first, last = books[0].window, books[-1].window
    return BillScalars(vault.home, first.first, last.end, first.resolution, bands)


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
