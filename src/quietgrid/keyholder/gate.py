"""The gate: from a question to what may open, or `GateRefusal`.

`evaluate` is a pure function of what the keyholder knows (`keyholder.known`) and the question. It never sees a number
that it lets open. Events are in `keyholder.events`.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import numpy as np

from quietgrid.algorithms.herd import hidden_among
from quietgrid.algorithms.plan import (
    Bits,
    Ints,
    LateSet,
    bills_plan,
    capable,
    carries,
    late_set,
    partition,
    rebased,
    totals_plan,
)
from quietgrid.algorithms.weights import resolve
from quietgrid.errors import GateRefusal
from quietgrid.keyholder.cells import bills_cells, totals_cells
from quietgrid.keyholder.events import check_with_prices, evaluate_event
from quietgrid.keyholder.exposure import audit_leaf
from quietgrid.keyholder.halving import evaluate_halves
from quietgrid.keyholder.known import Known
from quietgrid.keyholder.ruling import (
    Evaluated,
    book_weights,
    check_total,
    closes_of,
    erased,
    find_book,
    leaf_of,
    quantity_of,
)
from quietgrid.keyholder.sums import bills_component, totals_component
from quietgrid.model.closed import Closed, GateRules
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.model.question import Book, Kind
from quietgrid.wire.messages import LateClose, QuestionMessage

__all__ = ["Evaluated", "evaluate", "late_of"]


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
    if question.node.startswith("home:") and kind in (Kind.TOTALS, Kind.HALVES):
        raise GateRefusal(
            "floor", f"this asks for one home; a total needs at least {rules.k} homes", where=question.node,
            fix="ask for the feeder section's total",
        )  # fmt: skip
    if kind is Kind.TOTALS:
        return _totals(question, known, rules)
    if kind is Kind.HALVES:
        return evaluate_halves(question, known, rules)
    if kind is Kind.BILLS:
        return _bills(question, known, rules)
    return evaluate_event(question, known, rules)


def _check_plain(question: QuestionMessage, kind: Kind) -> None:
    """A question leaves nothing to choose: fields that its kind does not use are empty.

    Else one batch could be asked twice under two names (PROTOCOL C, G10, G14).
    """
    used = {
        Kind.TOTALS: (True, False), Kind.HALVES: (True, True), Kind.BILLS: (False, False), Kind.EVENT: (False, True),
    }[kind]  # fmt: skip
    if (bool(question.quantity), bool(question.vector)) != used:
        raise GateRefusal(
            "batch", "a field is set that this kind of question does not have", where=question.node,
            fix="leave quantity and vector empty where they say nothing",
        )  # fmt: skip


def _totals(question: QuestionMessage, known: Known, rules: GateRules) -> Evaluated:
    members = known.newest(question.epoch)
    closes = closes_of(question, members, question.closes, known)
    if not closes:
        raise GateRefusal("partition", "no closes are named", where=question.node, fix="name one per leaf")
    shared = known.shared_on(closes[0].day)
    rules = known.rules_on(rules, closes[0].day)
    plan = totals_plan(members, question.node, quantity_of(question), closes, rules, shared)
    leaves = partition(members, rules)[question.node][0]
    check_total(question, plan, leaves, members, known, rules)
    resolution = members.window.resolution
    return Evaluated(
        plan.allowed, plan.homes, np.zeros(0, np.uint64), None,
        lambda keys: totals_component(keys(plan.day), plan, resolution),
        plan.rows, members, leaves, f"totals/{question.node}/{question.quantity}/{plan.day}/{plan.a}/{plan.b}",
        lambda number: totals_cells(plan, number),
    )  # fmt: skip


def _bills(question: QuestionMessage, known: Known, rules: GateRules) -> Evaluated:
    members = known.newest(question.epoch)
    leaf = leaf_of(question, members)
    book = find_book(question, known, leaf)
    rules = known.rules_on(rules, book.window.first_day)
    weights = book_weights(book, known, rules)
    registers = [v.register for v in book.vectors]
    if len(set(question.closes)) < len(question.closes):
        raise GateRefusal("batch", "a close is named twice", where=question.node, fix="name each once")
    late = [(known.late.get(digest), digest) for digest in question.closes]
    closes = closes_of(question, members, [digest for found, digest in late if found is None], known)
    sets = [late_of(found, book, known, members, rules) for found, _ in late if found is not None]
    check_with_prices(book, weights, members, known, rules)
    plan = bills_plan(members, leaf, book.window, closes, (registers, weights), sets)
    opens = plan.allowed if rules.on("thin") else np.ones_like(plan.allowed)
    if rules.on("hide"):
        opens = hidden_among(registers, plan.counts, opens, rules.k)
    plan = replace(plan, allowed=opens)
    if rules.on("leverage"):
        audit_leaf(members, leaf, plan, book, known, rules)
    resolution = book.window.resolution
    allowed = (plan.allowed & ~erased(plan.homes, known)[:, None]).reshape(-1)
    digest = sha256(question.hash() + sha256(weights.astype("<i8").tobytes()).digest()).digest()
    return Evaluated(
        allowed, plan.counts.reshape(-1), plan.homes, digest,
        lambda keys: bills_component(keys, plan, resolution).reshape(-1),
        plan.rows, members, (leaf,), f"bills/{question.node}/{question.first}",
        lambda number: bills_cells(plan, number),
    )  # fmt: skip


def late_of(late: LateClose, book: Book, known: Known, members: MemberList, rules: GateRules) -> LateSet:
    """A late close as what it adds to a batch, or `GateRefusal`: it must be of this leaf and period, and of a band.

    Its cells may be of earlier periods, but only of slots that belong to the band.
    """
    where = f"leaf {late.leaf}, {late.vector}"
    rules = known.rules_on(rules, book.window.first_day)
    names = [v.name for v in book.vectors]
    if late.leaf != book.leaf or (late.first, late.end) != (book.window.first, book.window.end):
        raise GateRefusal("late", "the late close is for another batch", where=where, fix="name this leaf and period")
    if late.vector not in names or book.vectors[names.index(late.vector)].rule == "prices":
        raise GateRefusal("late", "late readings enter bills by band only", where=where, fix="name a band of the book")
    column = names.index(late.vector)
    per_day = slots_per_day(book.window.resolution)
    slots = np.array([day * per_day + slot for _, day, slot, _ in late.cells], np.int64)
    if len(slots) == 0 or int(slots.max()) >= book.window.end:
        raise GateRefusal("late", "no late cells, or cells of a later period", where=where, fix="list due cells only")
    span = Window(int(slots.min()), int(slots.max()) + 1, book.window.resolution)
    if not resolve(book.vectors[column], span)[slots - span.first].all():
        raise GateRefusal("late", "a late cell is not in the band", where=where, fix="sort cells by band")
    if len({cell[:3] for cell in late.cells}) < len(late.cells) and rules.on("late"):
        raise GateRefusal(
            "late", "a late cell is listed twice: it would have a weight", where=where, fix="list it once"
        )
    rows, listed = members.rows(late.leaf), np.array([row for row, _, _, _ in late.cells], np.int64)
    if int(listed.min()) < 0 or int(listed.max()) >= len(rows):
        raise GateRefusal("late", "a late cell lies in no close", where=where, fix="close first")
    if rules.on("capability") and not capable(members, rows[listed], book.vectors[column].register).all():
        raise GateRefusal(
            "late", "a meter has no such register: it would only fill up the floor", where=where, fix="leave it out"
        )
    closes = list(known.closes.within(late.leaf, span.first, span.end))
    if span.first < members.window.first:
        closes = _carried(late.leaf, closes, (listed, slots), members, known)
    by_slot = {(c.day, s): c for c in closes for s in range(c.a, c.b)}
    return late_set(members, late.leaf, column, late.cells, lambda day, slot: by_slot.get((day, slot)), rules)


def _carried(
    leaf: int, closes: list[Closed], cells: tuple[Ints, Ints], members: MemberList, known: Known
) -> list[Closed]:
    """Closes behind late cells that reach back over an epoch's start, by the rows of this epoch's list (decision 0023).

    Args:
        cells: row within the leaf and absolute slot of each late cell.

    Raises:
        GateRefusal: ``late``: a meter was not at the same home in the same leaf then.
    """
    rows, slots = cells
    out = []
    per_day = slots_per_day(members.window.resolution)
    may: dict[int, Bits] = {}
    for close in closes:
        old = known.epoch_at(close.day * per_day + close.a)
        if old is None or old.epoch == members.epoch:
            out.append(close)
            continue
        may.setdefault(old.epoch, carries(leaf, old, members))
        out.append(rebased(close, leaf, old, members))
    for row, slot in zip(rows.tolist(), slots.tolist(), strict=True):
        old = known.epoch_at(slot) if slot < members.window.first else None
        if slot < members.window.first and (old is None or old.epoch not in may or not may[old.epoch][row]):
            raise GateRefusal(
                "late", "a meter was not at this home and in this section in the epoch of its late cell",
                where=members.leaf_names[leaf], fix="leave it out: its bill keeps the estimate",
            )  # fmt: skip
    return out
