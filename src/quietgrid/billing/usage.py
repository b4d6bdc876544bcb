"""`Usage`: everything a billing run knows of the homes of one leaf and period, as columns of the book."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from quietgrid.billing.bill import Bill, BilledFact
from quietgrid.errors import InputError
from quietgrid.model.quantity import divide_half_even
from quietgrid.model.question import Book
from quietgrid.model.total import Fact

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Usage:
    """Opened sums of n homes; columns are the vectors of the leaf's book.

    Args:
        book: The book. homes: uint64 [n].
        measured: int64 [n, F], opened sums over cells closed in time (Wh; weight × Wh for a price vector).
        intervals: int64 [n, F], cells in them.
        late: int64 [n, F], the part that comes from late cells (Wh; 0 for price vectors; see `split_late`).
        late_intervals: int64 [n, F], cells in it.
        missing: int64 [n, F], cells in neither.
        estimate: int64 [n, F], Wh in place of the missing cells (0 for price vectors).

    Raises:
        InputError: a shape that does not fit; a negative sum of energy, which no meter measures.

    Privacy: opened facts of homes: platform (mdms, billing) only.
    """

    book: Book
    homes: NDArray[np.uint64]
    measured: Ints
    intervals: Ints
    late: Ints
    late_intervals: Ints
    missing: Ints
    estimate: Ints

    def __post_init__(self) -> None:
        shape = (len(self.homes), len(self.book.vectors))
        where = f"usage of leaf {self.book.leaf}"
        for name in ("measured", "intervals", "late", "late_intervals", "missing", "estimate"):
            column = getattr(self, name)
            if column.shape != shape:
                raise InputError(
                    f"{name} has shape {column.shape}, not {shape}",
                    where=where,
                    fix="one row a home, one column a vector",
                )
            if column.size and int(column.min()) < 0:
                raise InputError(f"{name} has a negative number", where=where, fix="void the answer and estimate")

    @property
    def energy(self) -> Ints:
        """int64 [n, F]: measured and late."""
        return self.measured + self.late

    def rows(self, which: Sequence[int] | NDArray[np.int64]) -> Usage:
        """Some rows, in the given order: the homes of one tariff."""
        keep = np.asarray(which, np.int64)
        return Usage(
            self.book, self.homes[keep], self.measured[keep], self.intervals[keep], self.late[keep],
            self.late_intervals[keep], self.missing[keep], self.estimate[keep],
        )  # fmt: skip

    def rows_of(self, homes: Iterable[int]) -> Usage:
        """The rows of some homes."""
        row_of = {int(home): row for row, home in enumerate(self.homes)}
        return self.rows([row_of[home] for home in homes])

    def facts(self, row: int) -> tuple[BilledFact, ...]:
        """One home's numbers, in book order."""
        return tuple(
            BilledFact(
                vector.name, vector.register, int(self.measured[row, i]), int(self.intervals[row, i]),
                int(self.late[row, i]), int(self.late_intervals[row, i]), int(self.missing[row, i]),
                int(self.estimate[row, i]),
            )
            for i, vector in enumerate(self.book.vectors)
        )  # fmt: skip

    def with_estimate(self, estimate: Ints) -> Usage:
        """The same with estimates for the missing cells."""
        return replace(self, estimate=estimate)


def split_late(usage: Usage, late_cells: Ints) -> Usage:
    """Tell late energy from the rest where both are in one opened sum.

    Late cells enter a bill *inside* the home's band sum: opened apart, a few late cells would be readings (PROTOCOL C,
    G1). Only a real-time tariff must tell them apart, as its price vector does not hold them. Rule: the late part of
    a band sum is its share by cells, ``sum × late cells / cells``, rounded once half to even.

    Args:
        usage: With late cells counted in `measured` and `intervals`, and none in `late`.
        late_cells: int64 [n, F], how many of a sum's cells are late (the late closes say); ignored for price vectors.

    Raises:
        InputError: more late cells than cells.
    """
    bands = np.array([vector.rule != "prices" for vector in usage.book.vectors])
    cells = np.where(bands, late_cells, 0) if late_cells.shape == usage.measured.shape else None
    if cells is None or bool((cells > usage.intervals).any()) or int(cells.min(initial=0)) < 0:
        raise InputError("late cells do not fit the sums", where=f"leaf {usage.book.leaf}", fix="count each cell once")
    late = np.zeros_like(usage.measured)
    for row, column in np.argwhere(cells > 0):
        whole, count = int(usage.measured[row, column]), int(usage.intervals[row, column])
        late[row, column] = divide_half_even(whole * int(cells[row, column]), count)
    return replace(
        usage,
        measured=usage.measured - late,
        intervals=usage.intervals - cells,
        late=usage.late + late,
        late_intervals=usage.late_intervals + cells,
    )


def usage_of(book: Book, facts: Iterable[Fact], late: Iterable[Fact] = (), estimate: Ints | None = None) -> Usage:
    """Arrange opened facts as columns; homes in ascending order.

    Args:
        book: Of the leaf and period.
        facts: Band sums over the closed cells; a vector without a fact counts as 0 of 0 cells.
        late: Sums of late cells of the same period; their cells are taken off `missing`. Several of one cell set add.
        estimate: int64 [n, F] (`mdms.estimate`), or none yet.

    Raises:
        InputError: a fact of another period, of an unknown vector, or a second fact for one number.
    """
    facts, late = list(facts), list(late)
    column_of = {(vector.name, vector.register): i for i, vector in enumerate(book.vectors)}
    homes = np.array(sorted({fact.home for fact in facts}), np.uint64)
    row_of = {int(home): row for row, home in enumerate(homes)}
    table = np.zeros((5, len(homes), len(book.vectors)), np.int64)
    seen: set[tuple[int, int]] = set()
    for fact in (*facts, *late):
        column = column_of.get((fact.vector, fact.register))
        if column is None or fact.window != book.window or fact.home not in row_of:
            raise InputError(
                f"the fact {fact.vector!r} does not belong to this book", where=f"leaf {book.leaf}", fix="check period"
            )
    for fact in facts:
        cell = row_of[fact.home], column_of[fact.vector, fact.register]
        if cell in seen:
            raise InputError(f"two facts for {fact.vector!r} of one home", where=f"leaf {book.leaf}", fix="give one")
        seen.add(cell)
        table[0][cell], table[1][cell], table[4][cell] = fact.value, fact.intervals, fact.missing
    for fact in late:
        cell = row_of[fact.home], column_of[fact.vector, fact.register]
        table[2][cell] += fact.value
        table[3][cell] += fact.intervals
        table[4][cell] -= fact.intervals
    none = np.zeros_like(table[0]) if estimate is None else estimate
    return Usage(book, homes, table[0], table[1], table[2], table[3], table[4], none)


def usage_of_bill(bill: Bill, book: Book) -> Usage:
    """The one-row usage a bill was computed from: what a household or auditor recomputes it with.

    Raises:
        InputError: the bill's facts are not those of this book.
    """
    names = [(vector.name, vector.register) for vector in book.vectors]
    if names != [(fact.vector, fact.register) for fact in bill.facts] or bill.window != book.window:
        raise InputError("the bill was made from another book", where="bill", fix="take the book of its period")
    rows = [
        (f.measured, f.intervals, f.late, f.late_intervals, f.missing, f.estimate) for f in bill.facts
    ]  # fmt: skip
    table = np.array(rows, np.int64).reshape(len(rows), 6).T[:, None, :]
    return Usage(book, np.array([bill.home], np.uint64), *table)
