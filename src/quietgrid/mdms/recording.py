"""From an opened answer to what is kept: totals with their counts, facts with what is missing."""

from __future__ import annotations

import numpy as np

from quietgrid.algorithms.halves import implausible
from quietgrid.algorithms.plan import BillsPlan, TotalsPlan
from quietgrid.mdms.opening import Answer
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.model.question import Book, Quantity
from quietgrid.model.total import Fact, Status, Total


def total_of(node: str, quantity: Quantity, plan: TotalsPlan, members: MemberList, answer: Answer) -> Total:
    """The total of one node; `implausible` where it lies outside what its connections can carry (PROTOCOL C, G13)."""
    resolution = members.window.resolution
    per_day = slots_per_day(resolution)
    window = Window(plan.day * per_day + plan.a, plan.day * per_day + plan.b, resolution)
    outside = implausible(members, plan, answer.values) & answer.allowed
    status = Status.IMPLAUSIBLE if outside.any() else answer.status
    homes = len(np.unique(members.homes[plan.rows]))
    return Total(node, quantity, window, answer.values, plan.homes, homes, answer.allowed, status)


def facts_of(book: Book, plan: BillsPlan, answer: Answer) -> list[Fact]:
    """The facts of a batch, home by home, vectors in book order; a number that may not open counts as missing."""
    values = answer.values.reshape(len(plan.homes), -1)
    allowed = answer.allowed.reshape(values.shape)
    counts = np.where(allowed, plan.counts, 0)
    missing = np.where(allowed, plan.missing, plan.missing + plan.counts)
    return [
        Fact(
            int(home), vector.name, vector.register, book.window, int(values[row, column]),
            int(counts[row, column]), int(missing[row, column]), answer.status,
        )
        for row, home in enumerate(plan.homes.tolist())
        for column, vector in enumerate(book.vectors)
    ]  # fmt: skip
