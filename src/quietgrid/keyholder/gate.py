"""The gate: from a question to what may open, or `GateRefusal`.

`evaluate` is a pure function of what the keyholder knows (`keyholder.known`) and the question. It never sees a number
that it lets open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.herd import check_events
from quietgrid.algorithms.plan import Bits, Ints, LateSet, bills_plan, capable, late_set, partition, totals_plan
from quietgrid.algorithms.weights import price_weights, resolve
from quietgrid.algorithms.wide import check_book
from quietgrid.errors import GateRefusal, NotFoundError
from quietgrid.keyholder.exposure import audit_leaf
from quietgrid.keyholder.known import Known
from quietgrid.keyholder.sums import DayKeys, Masks, bills_component, totals_component
from quietgrid.model.closed import Closed, GateRules
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.model.question import Book, Kind, Quantity
from quietgrid.wire.messages import EventMessage, LateClose, QuestionMessage


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


def evaluate(question: QuestionMessage, known: Known, rules: GateRules) -> Evaluated:
    """Decide one question.

    Raises:
        GateRefusal: with the name of the rule that refuses.
        NotFoundError: a list, book or close it needs is not known here.
    """
    try:
        kind = Kind(question.kind)
    except ValueError as error:
        raise GateRefusal("kind", "no such kind of question", where=question.kind, fix="ask totals or bills") from error
    _check_plain(question, kind)
    if question.node.startswith("home:") and kind is Kind.TOTALS:
        raise GateRefusal(
            "floor", f"this asks for one home; a total needs at least {rules.k} homes", where=question.node,
            fix="ask for the feeder section's total",
        )  # fmt: skip
    if kind is Kind.TOTALS:
        return _totals(question, known, rules)
    if kind is Kind.BILLS:
        return _bills(question, known, rules)
    return _event(question, known, rules)


def _check_plain(question: QuestionMessage, kind: Kind) -> None:
    """A question leaves nothing to choose: fields that its kind does not use are empty.

    Else one batch could be asked twice under two names (PROTOCOL C, G10, G14).
    """
    used = {Kind.TOTALS: (True, False), Kind.BILLS: (False, False), Kind.EVENT: (False, True)}[kind]
    if (bool(question.quantity), bool(question.vector)) != used:
        raise GateRefusal(
            "batch", "a field is set that this kind of question does not have", where=question.node,
            fix="leave quantity and vector empty where they say nothing",
        )  # fmt: skip


def _closes(question: QuestionMessage, members: MemberList, digests: Sequence[bytes], known: Known) -> list[Closed]:
    """The named closes; all of the question's own epoch, since their bits count rows of that epoch's list."""
    closes = [known.closed(digest) for digest in digests]
    per_day = slots_per_day(members.window.resolution)
    window = members.window
    if any(c.day * per_day + c.a < window.first or c.day * per_day + c.b > window.end for c in closes):
        raise GateRefusal(
            "partition", "a close is of another epoch", where=question.node, fix="ask with the epoch of the closes"
        )
    return closes


def _totals(question: QuestionMessage, known: Known, rules: GateRules) -> Evaluated:
    members = known.newest(question.epoch)
    closes = _closes(question, members, question.closes, known)
    if not closes:
        raise GateRefusal("partition", "no closes are named", where=question.node, fix="name one per leaf")
    plan = totals_plan(members, question.node, _quantity(question), closes, rules)
    leaves = partition(members, rules)[question.node][0]
    stopped = [leaf for leaf in leaves if leaf in known.blocked]
    if stopped and rules.on("omission"):
        raise GateRefusal(
            "omission", "this leaf's totals are stopped: delivered readings were left out too often",
            where=question.node, fix="the auditor has to clear the leaf",
        )  # fmt: skip
    resolution = members.window.resolution
    first = plan.day * slots_per_day(resolution)
    if any((leaf, first + slot) in known.void for leaf in leaves for slot in range(plan.a, plan.b)):
        raise GateRefusal(
            "void", "the platform signed two closes for one of these slots", where=question.node,
            fix="its readings enter bills through the late pool",
        )  # fmt: skip
    return Evaluated(
        plan.allowed, plan.homes, np.zeros(0, np.uint64), None,
        lambda keys: totals_component(keys(plan.day), plan, resolution),
        plan.rows, members, leaves, f"totals/{question.node}/{question.quantity}/{plan.day}/{plan.a}/{plan.b}",
    )  # fmt: skip


def _quantity(question: QuestionMessage) -> Quantity:
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
        if vector.rule != "prices":
            weights[row] = resolve(vector, book.window)
            continue
        published = known.prices.get(vector.feed, {})
        try:
            series = np.array([published[slot] for slot in range(book.window.first, book.window.end)], np.int64)
        except KeyError as error:
            raise GateRefusal(
                "weights", "prices of the period are not all published", where=vector.feed, fix="publish them first"
            ) from error
        weights[row] = price_weights(series).weights if rules.on("wide") else series
    if rules.on("wide"):
        check_book(book, weights)
    return weights


def find_book(question: QuestionMessage, known: Known, leaf: int) -> Book:
    """The book registered for exactly the asked period."""
    book = known.books.get((leaf, question.first))
    if book is None or book.window.end != question.end:
        raise GateRefusal(
            "book", "no book is registered for this leaf and period", where=question.node,
            fix="register the book before the period starts",
        )  # fmt: skip
    return book


def _leaf(question: QuestionMessage, members: MemberList) -> int:
    if question.node not in members.leaf_names:
        raise NotFoundError("no leaf has this name", where=question.node, fix="name a leaf of the epoch")
    return members.leaf_names.index(question.node)


def _bills(question: QuestionMessage, known: Known, rules: GateRules) -> Evaluated:
    members = known.newest(question.epoch)
    leaf = _leaf(question, members)
    book = find_book(question, known, leaf)
    weights = book_weights(book, known, rules)
    registers = [v.register for v in book.vectors]
    late = [(known.late.get(digest), digest) for digest in question.closes]
    closes = _closes(question, members, [digest for found, digest in late if found is None], known)
    sets = [late_of(found, book, known, members, rules) for found, _ in late if found is not None]
    plan = bills_plan(members, leaf, book.window, closes, (registers, weights), sets)
    if rules.on("leverage"):
        audit_leaf(members, leaf, plan, book, known, rules)
    resolution = book.window.resolution
    allowed = plan.allowed.reshape(-1) if rules.on("thin") else np.ones(plan.counts.size, np.bool_)
    digest = sha256(question.hash() + sha256(weights.astype("<i8").tobytes()).digest()).digest()
    return Evaluated(
        allowed, plan.counts.reshape(-1), plan.homes, digest,
        lambda keys: bills_component(keys, plan, resolution).reshape(-1),
        plan.rows, members, (leaf,), f"bills/{question.node}/{question.first}",
    )  # fmt: skip


def late_of(late: LateClose, book: Book, known: Known, members: MemberList, rules: GateRules) -> LateSet:
    """A late close as what it adds to a batch, or `GateRefusal`: it must be of this leaf and period, and of a band.

    Its cells may be of earlier periods, but only of slots that belong to the band.
    """
    where = f"leaf {late.leaf}, {late.vector}"
    names = [v.name for v in book.vectors]
    if late.leaf != book.leaf or (late.first, late.end) != (book.window.first, book.window.end):
        raise GateRefusal("late", "the late close is for another batch", where=where, fix="name this leaf and period")
    if late.vector not in names or book.vectors[names.index(late.vector)].rule == "prices":
        raise GateRefusal("late", "late readings enter bills by band only", where=where, fix="name a band of the book")
    column = names.index(late.vector)
    per_day = slots_per_day(book.window.resolution)
    slots = np.array([day * per_day + slot for _, day, slot, _ in late.cells], np.int64)
    if len(slots) == 0 or int(slots.min()) < members.window.first or int(slots.max()) >= book.window.end:
        raise GateRefusal(
            "late", "no late cells, or cells of another epoch or a later period", where=where, fix="list due cells only"
        )
    span = Window(int(slots.min()), int(slots.max()) + 1, book.window.resolution)
    if not resolve(book.vectors[column], span)[slots - span.first].all():
        raise GateRefusal("late", "a late cell is not in the band", where=where, fix="sort cells by band")
    rows, listed = members.rows(late.leaf), np.array([row for row, _, _, _ in late.cells], np.int64)
    if int(listed.min()) < 0 or int(listed.max()) >= len(rows):
        raise GateRefusal("late", "a late cell lies in no close", where=where, fix="close first")
    if not capable(members, rows[listed], book.vectors[column].register).all():
        raise GateRefusal(
            "late", "a meter has no such register: it would only fill up the floor", where=where, fix="leave it out"
        )
    by_slot = {(c.day, s): c for c in known.closes.within(late.leaf, span.first, span.end) for s in range(c.a, c.b)}
    return late_set(members, late.leaf, column, late.cells, lambda day, slot: by_slot.get((day, slot)), rules)


def _event(question: QuestionMessage, known: Known, rules: GateRules) -> Evaluated:
    """One number per consenting home over an event's slots, checked within the whole billing period.

    The closes are those of the period from its start on, as far as the event reaches.
    """
    members = known.newest(question.epoch)
    leaf = _leaf(question, members)
    event = known.events.get((question.vector, leaf))
    if event is None or event.epoch != question.epoch:
        raise NotFoundError("no such event is registered for this leaf", where=question.vector, fix="register it first")
    window = Window(question.first, question.end, members.window.resolution)
    closes = _closes(question, members, question.closes, known)
    weights = event_weights(event, window)
    if np.count_nonzero(weights) < len([w for _, w in event.slots if w]):
        raise GateRefusal("event", "a slot lies outside the window", where=event.event, fix="widen the window")
    plan = bills_plan(members, leaf, window, closes, ([event.register], weights[None]))
    held = np.isin(plan.homes, np.array(sorted(event.holders), np.uint64))
    if rules.on("consent") and not set(plan.homes[held].tolist()) <= known.consents(event.event):
        raise GateRefusal("consent", "a home has not consented", where=event.event, fix="leave it out")
    if rules.on("herd"):
        _check_herd(event, known, plan.homes, rules, question)
    resolution = window.resolution
    digest = sha256(question.hash() + event.hash()).digest()
    return Evaluated(
        np.ones(int(held.sum()), np.bool_), plan.counts[held, 0], plan.homes[held], digest,
        lambda keys: bills_component(keys, plan, resolution)[held, 0],
        plan.rows, members, (leaf,), f"event/{event.event}/{question.node}",
    )  # fmt: skip


def event_weights(event: EventMessage, window: Window) -> Ints:
    """int64 [t]: an event's weights over a window."""
    weights = np.zeros(len(window), np.int64)
    for slot, weight in event.slots:
        if slot in window:
            weights[slot - window.first] = weight
    return weights


def _check_herd(
    event: EventMessage, known: Known, homes: NDArray[np.uint64], rules: GateRules, question: QuestionMessage
) -> None:
    """All events of the leaf and billing period together: herd rule, independence, at most eight a home."""
    book = next((b for (at, _), b in known.books.items() if at == event.leaf and question.first in b.window), None)
    if book is None:
        raise GateRefusal("book", "no book covers the event", where=event.event, fix="register the period's book")
    base = [resolve(v, book.window) for v in book.vectors if v.register == event.register and v.rule != "prices"]
    same = [e for (_, leaf), e in known.events.items() if leaf == event.leaf and e.register == event.register]
    rows = [(event_weights(e, book.window), np.isin(homes, np.array(e.holders, np.uint64))) for e in same]
    rows = [(w, held) for w, held in rows if w.any()]
    check_events(
        np.stack(base), np.stack([w for w, _ in rows]), np.stack([h for _, h in rows], axis=1), rules.k,
        where=f"events of {question.node}",
    )  # fmt: skip
