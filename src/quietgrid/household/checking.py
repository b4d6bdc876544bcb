"""The household's own check of a bill: every opened sum beside the sum of the home's own readings.

What a bill opened for a vector is `measured + late`. On-time cells are those a close counted; late ones enter some
later batch once enough homes have some, so one bill may hold late cells of an earlier period and lack its own. Then
only a run of bills can be compared (`check_run`), and until the last late cell is in, the answer is `WAITING`.
Source: PROTOCOL A, "Verifiability" and "late pool". Privacy: open readings of this home; nothing leaves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.weights import resolve
from quietgrid.errors import VerificationError
from quietgrid.household.opening import OwnSeries
from quietgrid.model.interval import Window
from quietgrid.model.question import Book
from quietgrid.model.readings import IMPORT

Prices = Mapping[str, NDArray[np.int64]]


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


class Verdict(StrEnum):
    """What the home says of an opened sum."""

    HOLDS = "holds"
    WAITING = "waiting"
    """Late readings are still on their way to a bill; ask again when the next bill is there."""
    ESTIMATED = "estimated"
    """Nothing was opened; the bill uses an estimate."""
    DIFFERS = "differs"
    LOST = "lost"
    """The keys of a part of the period are lost: nobody can check it at home any more."""


@dataclass(frozen=True, slots=True)
class VectorCheck:
    """One vector of a bill (or run of bills) beside what the home measured.

    Args:
        vector, register: Which. opened: the sum that was opened (Wh; weight × Wh for prices). cells: intervals in it,
            -1 where not said.
        on_time, on_time_cells: the home's own sum over cells closed in time. late, late_cells: over the others.
    """

    vector: str
    register: int
    opened: int
    cells: int
    on_time: int
    on_time_cells: int
    late: int
    late_cells: int

    @property
    def own(self) -> int:
        """The home's own sum over as many cells as were opened (where that is not said: whichever of the two fits)."""
        both = self.on_time + self.late
        if self.cells < 0:
            return both if self.opened == both else self.on_time
        return both if self.cells == self.on_time_cells + self.late_cells else self.on_time

    @property
    def verdict(self) -> Verdict:
        """See `Verdict`."""
        if self.opened == self.own and self.cells < 0:
            return Verdict.HOLDS
        if self.cells in (self.on_time_cells, self.on_time_cells + self.late_cells) or (
            self.cells < 0 and not self.late_cells
        ):
            return Verdict.HOLDS if self.opened == self.own else Verdict.DIFFERS
        if self.cells == 0 and self.opened == 0:
            return Verdict.ESTIMATED
        return Verdict.WAITING


@dataclass(frozen=True)
class Billed:
    """A bill with what it is checked against.

    Args:
        bill: As billed. book: Of the home's leaf and the period. series: Every meter and register of the home over
            exactly the period. prices: published feeds over the period.
    """

    bill: BillView
    book: Book
    series: Sequence[OwnSeries]
    prices: Prices


def decode_bill(data: bytes) -> BillView:
    """The checked part of an encoded bill, or `VerificationError`."""
    try:
        return msgspec.msgpack.decode(data, type=BillView)
    except msgspec.MsgspecError as error:
        raise VerificationError("not a valid bill", where="bill", fix="fetch it again") from error


def check_bill(billed: Billed) -> list[VectorCheck]:
    """Recompute every vector of a bill from the home's own readings.

    Raises:
        VerificationError: book, bill and series are not about the same period, or a billed vector is not in the book.
    """
    bill, book = billed.bill, billed.book
    if book.window != bill.window or any(part.window != bill.window for part in billed.series):
        raise VerificationError("bill, book and series are of different periods", where="bill", fix="fetch them again")
    by_name = {vector.name: vector for vector in book.vectors}
    checks = []
    for fact in bill.facts:
        vector = by_name.get(fact.vector)
        if vector is None or vector.register != fact.register:
            raise VerificationError("a billed vector is not in the book", where=fact.vector, fix="dispute the bill")
        weights = resolve(vector, book.window, billed.prices)
        cells = fact.intervals + fact.late_intervals
        own = _own(weights, fact.register, billed.series)
        checks.append(VectorCheck(fact.vector, fact.register, fact.measured + fact.late, cells, *own))
    return checks


def check_run(run: Sequence[Billed]) -> list[VectorCheck]:
    """The bills of consecutive periods together, vector by vector: late cells of one are on another."""
    total: dict[tuple[str, int], VectorCheck] = {}
    for billed in run:
        for c in check_bill(billed):
            t = total.get((c.vector, c.register), VectorCheck(c.vector, c.register, 0, 0, 0, 0, 0, 0))
            total[c.vector, c.register] = VectorCheck(
                c.vector, c.register, t.opened + c.opened, t.cells + c.cells, t.on_time + c.on_time,
                t.on_time_cells + c.on_time_cells, t.late + c.late, t.late_cells + c.late_cells,
            )  # fmt: skip
    return list(total.values())


def overall(checks: Sequence[VectorCheck]) -> Verdict:
    """The worst of the verdicts: differs, waiting, estimated, holds."""
    found = {check.verdict for check in checks}
    order = (Verdict.DIFFERS, Verdict.WAITING, Verdict.ESTIMATED)
    return next((verdict for verdict in order if verdict in found), Verdict.HOLDS)


def _own(weights: NDArray[np.int64], register: int, series: Sequence[OwnSeries]) -> tuple[int, int, int, int]:
    """Own sums and cells of one vector: on time, then late.

    On-time cells are counted as the keyholders count them: an interval in which any meter of the home has one, if the
    home has the register at all. Late ones are counted meter by meter, as they are listed in late closes.
    """
    parts = [part for part in series if part.register == register]
    if not parts:
        return 0, 0, 0, 0
    used = weights != 0
    on_time = sum(int(weights @ np.where(part.present & part.closed, part.energy_wh, 0)) for part in parts)
    late = sum(int(weights @ np.where(part.present & ~part.closed, part.energy_wh, 0)) for part in parts)
    every = [part.present & part.closed for part in series if part.register == IMPORT] or [
        part.present & part.closed for part in parts
    ]
    late_cells = sum(int((part.present & ~part.closed & used).sum()) for part in parts)
    return on_time, int((np.any(every, axis=0) & used).sum()), late, late_cells
