"""Event facts: one number a consenting home over an event's slots.

Source: PROTOCOL A, "event facts"; C, G5, G11, G12. Judged within the whole billing period, together with all other
events of the leaf and with its book.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.herd import check_events, rests_on_enough, slot_weights
from quietgrid.algorithms.plan import BillsPlan, Bits, Ints, bills_plan, closed_cells
from quietgrid.errors import GateRefusal, NotFoundError
from quietgrid.keyholder.cells import bills_cells
from quietgrid.keyholder.known import Known
from quietgrid.keyholder.ruling import Evaluated, closes_of, erased, leaf_of, vector_weights
from quietgrid.keyholder.sums import bills_component
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window
from quietgrid.model.party import MemberList
from quietgrid.model.question import Book, subject_of
from quietgrid.wire.messages import EventMessage, QuestionMessage


def evaluate_event(question: QuestionMessage, known: Known, rules: GateRules) -> Evaluated:
    """Decide an event question. Its closes are those of a window that holds the event, in order.

    Raises:
        GateRefusal: ``consent``, ``herd``, ``event``, ``weights``, ``book`` or ``batch``.
        NotFoundError: the event or leaf is not known here.
    """
    members = known.newest(question.epoch)
    leaf = leaf_of(question, members)
    event = known.events.get((question.vector, leaf))
    if event is None or event.epoch != question.epoch or event.resolution != members.window.resolution:
        raise NotFoundError("no such event is registered for this leaf", where=question.vector, fix="register it first")
    window = Window(question.first, question.end, members.window.resolution)
    closes = closes_of(question, members, question.closes, known)
    weights = event_weights(event, window)
    if np.count_nonzero(weights) < len([w for _, w in event.slots if w]):
        raise GateRefusal("event", "a slot lies outside the window", where=event.event, fix="widen the window")
    plan = bills_plan(members, leaf, window, closes, ([event.register], weights[None]))
    held = np.isin(plan.homes, np.array(sorted(event.holders), np.uint64))
    if rules.on("consent"):
        check_consents(event, set(plan.homes[held].tolist()), known)
    book = next((b for (at, _), b in known.books.items() if at == leaf and question.first in b.window), None)
    if book is None:
        raise GateRefusal("book", "no book covers the event", where=event.event, fix="register the period's book")
    rules = known.rules_on(rules, book.window.first_day)
    if any(slot not in book.window for slot, weight in event.slots if weight):
        raise GateRefusal("event", "an event lies in one billing period", where=event.event, fix="split it")
    if rules.on("herd"):
        check_together(book, _resolved(book, event.register, known, rules), event.register, plan.homes, known, rules)
    allowed = _rests_on_enough(event, plan, window, known) if rules.on("thin") else np.ones(len(plan.homes), np.bool_)
    resolution = window.resolution
    digest = sha256(question.hash() + event.hash()).digest()
    return Evaluated(
        (allowed & ~erased(plan.homes, known))[held], plan.counts[held, 0], plan.homes[held], digest,
        lambda keys: bills_component(keys, plan, resolution)[held, 0],
        plan.rows, members, (leaf,), f"event/{event.event}/{question.node}",
        lambda number: bills_cells(plan, int(np.flatnonzero(held)[number])),
    )  # fmt: skip


def check_consents(event: EventMessage, homes: set[int], known: Known) -> None:
    """Each home consented to the event's subject, and has no other number under that consent.

    A consent names a subject. Homes that took part in different events have different vectors under one subject, such
    as ``evening/2026-11#1`` and ``evening/2026-11#2``; a home is in one of them.

    Raises:
        GateRefusal: ``consent``.
    """
    subject = subject_of(event.event)
    if not homes <= known.consents(subject):
        raise GateRefusal("consent", "a home has not consented", where=event.event, fix="leave it out")
    others = (e for e in known.events.values() if e.event != event.event and subject_of(e.event) == subject)
    if any(not homes.isdisjoint(e.holders) for e in others):
        raise GateRefusal(
            "consent", "a home has another number under this consent", where=event.event, fix="one number a consent"
        )


def event_weights(event: EventMessage, window: Window) -> Ints:
    """int64 [t]: an event's weights over a window."""
    return slot_weights(event.slots, window.first, len(window))


def _resolved(book: Book, register: int, known: Known, rules: GateRules) -> list[Ints]:
    """The book's vectors of a register, as far as their prices are published; the bills check the rest."""
    found = []
    for vector in book.vectors:
        if vector.register == register:
            try:
                found.append(vector_weights(vector, book, known, rules))
            except GateRefusal:
                continue
    return found


def check_together(
    book: Book, base: list[Ints], register: int, homes: NDArray[np.uint64], known: Known, rules: GateRules
) -> None:
    """All events of a leaf, register and billing period with its book: herd rule, independence, eight a home."""
    same = [e for (_, leaf), e in known.events.items() if leaf == book.leaf and e.register == register]
    rows = [(event_weights(e, book.window), np.isin(homes, np.array(e.holders, np.uint64))) for e in same]
    rows = [(w, held) for w, held in rows if w.any()]
    if rows:
        vectors = np.stack(base) if base else np.zeros((0, len(book.window)), np.int64)
        check_events(
            vectors, np.stack([w for w, _ in rows]), np.stack([h for _, h in rows], axis=1), rules.k,
            where=f"events of leaf {book.leaf}",
        )  # fmt: skip


def check_with_prices(book: Book, weights: Ints, members: MemberList, known: Known, rules: GateRules) -> None:
    """Before the bills of a book with prices: those may not have been published when an event was answered.

    Raises:
        GateRefusal: ``event``: a combination of prices and events rests on a few intervals.
    """
    if not rules.on("herd"):
        return
    for register in {v.register for v in book.vectors if v.rule == "prices"}:
        base = [row for row, v in zip(weights, book.vectors, strict=True) if v.register == register]
        check_together(book, base, register, members.homes_in(book.leaf), known, rules)


def _rests_on_enough(event: EventMessage, plan: BillsPlan, window: Window, known: Known) -> Bits:
    """bool [h]: homes of whose event number, and of any combination with their other events, at least four delivered
    cells are left. Events that rest on fewer by themselves do not open, so they do not count."""
    same = [e for (_, leaf), e in known.events.items() if leaf == event.leaf and e.register == event.register]
    matrix = np.stack([event_weights(e, window) for e in same])
    held = np.stack([np.isin(plan.homes, np.array(e.holders, np.uint64)) for e in same], axis=1)
    return rests_on_enough(matrix, held, closed_cells(plan, event.register), same.index(event))
