"""What the gate's rulings share: their form, the closes and the book a question names.

Everything is a pure function of what the keyholder knows (`keyholder.known`) and the question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.plan import Bits, Ints, TotalsPlan
from quietgrid.algorithms.weights import price_weights, resolve
from quietgrid.algorithms.wide import check_book
from quietgrid.errors import GateRefusal, NotFoundError
from quietgrid.keyholder.cells import Cells
from quietgrid.keyholder.known import Known
from quietgrid.keyholder.sums import DayKeys, Masks
from quietgrid.model.closed import Closed, GateRules
from quietgrid.model.interval import slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.model.question import Book, Quantity, Vector
from quietgrid.wire.messages import QuestionMessage


@dataclass(frozen=True)
class Evaluated:
    """What may open.

    Args:
        allowed: bool [numbers]. counts: int32 [numbers], homes (totals) or cells (facts) behind each.
        homes: For facts, the home of each row of numbers; empty for totals.
        subject: What keyholders must have voted on besides the closes (batches, late closes, events), or None.
        component: Day keys of the member rows of `rows` -> one pair's component sums, uint64 [numbers].
        rows: Member-list rows whose keys are needed. leaves: leaves it is about.
        release: Key under which it is released once: the same key is never released for another question.
        cells: Number -> the cells behind it (`disputes`).
    """

    allowed: Bits
    counts: NDArray[np.int32]
    homes: NDArray[np.uint64]
    subject: bytes | None
    component: Callable[[DayKeys], Masks]
    rows: Ints
    members: MemberList
    leaves: tuple[int, ...]
    release: str
    cells: Callable[[int], Cells]


def closes_of(question: QuestionMessage, members: MemberList, digests: Sequence[bytes], known: Known) -> list[Closed]:
    """The named closes; all of the question's own epoch, since their bits count rows of that epoch's list."""
    closes = [known.closed(digest) for digest in digests]
    per_day = slots_per_day(members.window.resolution)
    window = members.window
    if any(c.day * per_day + c.a < window.first or c.day * per_day + c.b > window.end for c in closes):
        raise GateRefusal(
            "partition", "a close is of another epoch", where=question.node, fix="ask with the epoch of the closes"
        )
    return closes


def erased(homes: NDArray[np.uint64], known: Known) -> Bits:
    """bool [n]: homes whose keys were erased here; their cells can never be opened again."""
    return np.isin(homes, np.array(sorted(known.erased), np.uint64))


def check_total(
    question: QuestionMessage, plan: TotalsPlan, leaves: Sequence[int], members: MemberList, known: Known,
    rules: GateRules,
) -> None:  # fmt: skip
    """What stops a total whatever its floor says.

    Raises:
        GateRefusal: ``omission``, ``erased`` or ``void``.
    """
    if rules.on("omission") and any(leaf in known.blocked for leaf in leaves):
        raise GateRefusal(
            "omission", "this leaf's totals are stopped: delivered readings were left out too often",
            where=question.node, fix="the auditor has to clear the leaf",
        )  # fmt: skip
    first = plan.day * slots_per_day(members.window.resolution)
    gone = erased(members.homes[plan.rows], known)[:, None]
    if any(bool((include & plan.allowed & gone).any()) for include in plan.include.values()):
        raise GateRefusal(
            "erased", "the keys of a home in this total are erased", where=question.node,
            fix="leave its readings out of the close",
        )  # fmt: skip
    if any((leaf, first + slot) in known.void for leaf in leaves for slot in range(plan.a, plan.b)):
        raise GateRefusal(
            "void", "the platform signed two closes for one of these slots", where=question.node,
            fix="no total of it opens; bills go by the close that was voted",
        )  # fmt: skip


def quantity_of(question: QuestionMessage) -> Quantity:
    """The quantity of a totals question."""
    try:
        return Quantity(question.quantity)
    except ValueError as error:
        raise GateRefusal("partition", "no such quantity", where=question.node, fix="import, export or net") from error


def book_weights(book: Book, known: Known, rules: GateRules) -> Ints:
    """int64 [F, T]: the book's weights, recomputed from its rules and the published prices.

    Raises:
        GateRefusal: ``weights`` if prices are missing, ``wide`` if a price vector could single out an interval.
    """
    weights = np.zeros((len(book.vectors), len(book.window)), np.int64)
    for row, vector in enumerate(book.vectors):
        weights[row] = vector_weights(vector, book, known, rules)
    if rules.on("wide"):
        check_book(book, weights)
    return weights


def vector_weights(vector: Vector, book: Book, known: Known, rules: GateRules) -> Ints:
    """int64 [T]: the weights of one vector.

    Raises:
        GateRefusal: ``weights`` if its prices are not published.
    """
    if vector.rule != "prices":
        return resolve(vector, book.window)
    published = known.prices.get(vector.feed, {})
    try:
        series = np.array([published[slot] for slot in range(book.window.first, book.window.end)], np.int64)
    except KeyError as error:
        raise GateRefusal(
            "weights", "prices of the period are not all published", where=vector.feed, fix="publish them first"
        ) from error
    return price_weights(series).weights if rules.on("wide") else series


def find_book(question: QuestionMessage, known: Known, leaf: int) -> Book:
    """The book registered for exactly the asked period."""
    book = known.books.get((leaf, question.first))
    if book is None or book.window.end != question.end:
        raise GateRefusal(
            "book", "no book is registered for this leaf and period", where=question.node,
            fix="register the book before the period starts",
        )  # fmt: skip
    return book


def leaf_of(question: QuestionMessage, members: MemberList) -> int:
    """Number of the leaf a question is about."""
    if question.node not in members.leaf_names:
        raise NotFoundError("no leaf has this name", where=question.node, fix="name a leaf of the epoch")
    return members.leaf_names.index(question.node)
