"""Halves of a total, after one that the connections behind it cannot carry (PROTOCOL C, G13).

Which closes are halved, and how, leaves nothing to choose: those that follow the alarm in order, up to a number; by the
lots in the votes on each (`algorithms.strikes`). Every keyholder judges the alarm by itself. The platform could lie
about what opened: then it has signed a sum that the auditor's replay finds wrong, and what it gained are sums of k
homes, for a few closes, in halves it did not choose.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quietgrid.algorithms.halves import halves_plan, spans_of, why_whole
from quietgrid.algorithms.plan import partition, totals_plan
from quietgrid.algorithms.strikes import halved_closes, joined, place_after
from quietgrid.errors import GateRefusal, NotFoundError, UnavailableError, VerificationError
from quietgrid.keyholder.cells import totals_cells
from quietgrid.keyholder.known import Known
from quietgrid.keyholder.ruling import Evaluated, check_total, closes_of, quantity_of
from quietgrid.keyholder.sums import totals_component
from quietgrid.model.closed import Closed, GateRules
from quietgrid.model.party import MemberList
from quietgrid.wire.messages import QuestionMessage


def evaluate_halves(question: QuestionMessage, known: Known, rules: GateRules) -> Evaluated:
    """Decide a question of halves.

    Raises:
        GateRefusal: ``strike-halves`` if no implausible total lets this close be halved; what stops any total.
        NotFoundError: the alarm or a close is not known here. UnavailableError: too few votes hold lots.
    """
    members = known.newest(question.epoch)
    closes = closes_of(question, members, question.closes, known)
    if not closes:
        raise GateRefusal("partition", "no closes are named", where=question.node, fix="name one per leaf")
    if rules.on("strike-halves"):
        _check_alarm(question, closes[0], members, known, rules)
    seed = joined([known.seed(close.hash) for close in closes])
    shared = known.shared_on(closes[0].day)
    rules = known.rules_on(rules, closes[0].day)
    whole = totals_plan(members, question.node, quantity_of(question), closes, rules, shared)
    plan = halves_plan(members, whole, closes, seed, rules, shared)
    one, two = plan.parts
    leaves = partition(members, rules)[question.node][0]
    for part in plan.parts:
        check_total(question, part, leaves, members, known, rules)
    resolution, width = members.window.resolution, plan.width
    return Evaluated(
        plan.allowed, plan.counts, np.zeros(0, np.uint64), None,
        lambda keys: np.concatenate([totals_component(keys(one.day), part, resolution) for part in (one, two)]),
        one.rows, members, leaves, f"halves/{question.node}/{question.quantity}/{one.day}/{one.a}/{one.b}",
        lambda number: totals_cells(plan.parts[number // width], number % width),
    )  # fmt: skip


def _check_alarm(question: QuestionMessage, close: Closed, members: MemberList, known: Known, rules: GateRules) -> None:
    """The alarm is about this node, is true, and the close is one of those that follow it."""
    found = known.alarms.get(question.vector)
    if found is None:
        raise NotFoundError("no such alarm is known here", where=question.node, fix="send it first")
    asked, opened = found
    if (asked.epoch, asked.node, asked.quantity) != (question.epoch, question.node, question.quantity):
        raise _refused("the alarm is about another total", question)
    before = closes_of(asked, members, asked.closes, known)
    rules = known.rules_on(rules, before[0].day) if before else rules
    plan = totals_plan(members, asked.node, quantity_of(asked), before, rules)
    first = spans_of([close], members)[0][0]
    between = known.closes.within(close.leaf, asked.end, max(asked.end, first))
    why = why_whole(members, plan, np.frombuffer(opened.answer, "<i8"), between, close)
    if why:
        raise _refused(why, question)


def _refused(what: str, question: QuestionMessage) -> GateRefusal:
    return GateRefusal("strike-halves", what, where=question.node, fix="ask the total, as ever")


def halved_seeds(
    members: MemberList, node: str, quantity: str, closes: Sequence[Closed], known: Known
) -> dict[bytes, bytes]:
    """Close -> seed, of the closes of a leaf that may have been answered in halves, as far as their votes are known.

    Args:
        closes: The leaf's closes of a period, in order.
    """
    found: dict[bytes, bytes] = {}
    for asked, _ in known.alarms.values():
        if (asked.epoch, asked.node, asked.quantity) != (members.epoch, node, quantity):
            continue
        leaf = members.leaf_names.index(node)
        limit = halved_closes(len(members.homes_in(leaf)))
        last = max((span[1] for span in spans_of(closes, members)), default=0)
        spans = spans_of(known.closes.within(leaf, asked.end, max(asked.end, last)), members)
        for close in closes:
            place = place_after(asked.end, spans, spans_of([close], members)[0][0])
            if place is not None and place < limit:
                try:
                    found[close.hash] = known.seed(close.hash)
                except (NotFoundError, UnavailableError, VerificationError):
                    continue  # nobody could answer it in halves
    return found
