"""Published statistics in an audit bundle: one draw each, within the budget, made from the answers it claims.

What it shows: the platform signed one figure for each statistic and period, the log has a line for each and for no
other, every figure without noise is the exact sum of the opened answers, every other one lies as near to it as noise of
the stated scale does. What it does not: that the noise came from fair randomness; that a household was told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from quietgrid.algorithms.plan import BillsPlan
from quietgrid.crypto.public.envelope import decode
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import QuietgridError, VerificationError
from quietgrid.mdms import Answer, facts_of
from quietgrid.mdms.publishing import Cohort, cohort_of, exact, sensitivity
from quietgrid.model.publication import PublishRules, Statistic
from quietgrid.model.question import Kind
from quietgrid.model.total import Fact, Status
from quietgrid.runtime.audit import Bundle, Charged, card_of
from quietgrid.runtime.publishing import ACTION, statistic_of
from quietgrid.wire.columns import book_of, member_list
from quietgrid.wire.messages import BookMessage, Members, QuestionMessage
from quietgrid.wire.publication import Publication

FAR = 40
"""Noise beyond this many scales has probability e^-40."""
WHAT = "published statistics"
Try = Callable[..., bool]
Plans = Callable[[QuestionMessage], object]


def check_published(head: Bundle, log: Sequence[Mapping[str, Any]], try_to: Try, plans: Plans) -> None:
    """Check every publication of a bundle.

    Args:
        log: its lines. try_to: runs one check and keeps what fails. plans: what a question adds up.
    """
    logged = Counter(str(line["detail"].get("hash")) for line in log if line["action"] == ACTION)
    found = [decode(Publication, charged.publication.body) for charged in head.publications]
    names = Counter((p.statistic, p.first, p.end) for p in found)
    spent: Counter[tuple[int, int]] = Counter()
    for charged, publication in zip(head.publications, found, strict=True):
        for home, cost in _costs(charged).items():
            spent[home, publication.year] += cost
        try_to(WHAT, _check_one, head, charged, (names, logged), plans)
    for year in sorted({publication.year for publication in found}):
        budget = max(p.budget_milli for p in found if p.year == year)
        try_to("epsilon budgets", _check_budget, [cost for (_, of), cost in spent.items() if of == year], budget, year)
    for digest in logged.keys() - {charged.publication.hash().hex() for charged in head.publications}:
        try_to(WHAT, _missing, digest)


def _costs(charged: Charged) -> dict[int, int]:
    """home -> what a publication cost it."""
    homes, costs = np.frombuffer(charged.homes, "<u8"), np.frombuffer(charged.epsilon_milli, "<i8")
    return dict(zip(homes.tolist(), costs.tolist(), strict=True))


def _missing(digest: str) -> None:
    raise VerificationError("the log names a statistic that is not here", where=digest[:12], fix="dispute it")


def _check_one(
    head: Bundle, charged: Charged, seen: tuple[Counter[tuple[str, int, int]], Counter[str]], plans: Plans
) -> None:
    card, (names, logged) = card_of(head), seen
    publication = open_signed(charged.publication, Publication, card.platform_pk)
    where = f"{publication.statistic} of period {publication.first}"
    if publication.community != card.community:
        raise VerificationError("another community's statistic", where=where, fix="dispute it")
    if names[publication.statistic, publication.first, publication.end] > 1:
        raise VerificationError("a statistic was drawn twice", where=where, fix="proof of fault")
    if logged[charged.publication.hash().hex()] != 1:
        raise VerificationError("the log does not have it once", where=where, fix="dispute it")
    statistic = statistic_of(publication.statistic)
    _check_noise(statistic, publication, where)
    _check_costs(publication, charged, where)
    cohort = _cohort(head, publication, charged, plans)
    if cohort is not None:
        _check_figures(statistic, publication, cohort, where)


def _check_costs(publication: Publication, charged: Charged, where: str) -> None:
    """Whoever is in a figure with noise pays its price, the others nothing."""
    noisy = {figure.name: figure.noisy for figure in publication.figures}
    whole = any(noisy.values())  # of bands and classes: everybody is in all of them
    for name, cost in zip(charged.figures, _costs(charged).values(), strict=True):
        if cost != publication.epsilon_milli * noisy.get(name, whole):
            raise VerificationError("a home is charged wrongly", where=where, fix="dispute it")


def _check_noise(statistic: Statistic, publication: Publication, where: str) -> None:
    """Few homes and counts carry noise, of the scale that fits."""
    floor = PublishRules().floor
    noisy = [figure.noisy for figure in publication.figures]
    bare = [f for f in publication.figures if not f.noisy and (f.homes < floor or statistic is Statistic.SPREAD)]
    stated = sensitivity(statistic, publication.bound_wh)[0] if any(noisy) else 0
    if bare or any(noisy) != (publication.epsilon_milli > 0) or publication.sensitivity != stated:
        raise VerificationError("it has too little noise", where=where, fix="dispute it")


def _check_figures(statistic: Statistic, publication: Publication, cohort: Cohort, where: str) -> None:
    plain = exact(statistic, cohort, None)
    if statistic is Statistic.PEERS:  # all homes have such a name, and groups that are too small are not published
        named = {figure.name for figure in publication.figures}
        plain = {name: value for name, value in plain.items() if name in named}
    clipped = exact(statistic, cohort, publication.bound_wh or None)
    if [figure.name for figure in publication.figures] != list(plain):
        raise VerificationError("it has other figures", where=where, fix="dispute it")
    for figure in publication.figures:
        if not figure.noisy and figure.value != plain[figure.name]:
            raise VerificationError("a sum is not that of the answers", where=where, fix="dispute it")
        if figure.noisy and abs(figure.value - clipped[figure.name]) > FAR * publication.scale:
            raise VerificationError("a figure is further off than noise can be", where=where, fix="dispute it")


def _check_budget(costs: Sequence[int], budget: int, year: int) -> None:
    over = sum(cost > budget for cost in costs)
    if over:
        raise VerificationError(f"{over} homes are over their budget", where=str(year), fix="proof of fault")


def _cohort(head: Bundle, publication: Publication, charged: Charged, plans: Plans) -> Cohort | None:
    """The homes of a period with their opened facts; None where not all of its answers can be replayed."""
    lists = [m for m in (decode(Members, s.body) for s in head.members) if m.first <= publication.first < m.end]
    if not lists:
        return None
    members = member_list(max(lists, key=lambda m: (m.epoch, m.revision)))
    period = publication.first, publication.end
    messages = [decode(BookMessage, signed.body) for signed in head.books]
    books = {m.leaf: book_of(m) for m in messages if (m.first, m.end) == period}
    facts: list[Fact] = []
    for answered in head.answers:
        question = decode(QuestionMessage, answered.question.body)
        if question.kind != Kind.BILLS or (question.first, question.end) != period:
            continue
        try:
            plan = plans(question)
        except QuietgridError:
            return None  # reported with the answer itself
        leaf = members.leaf_names.index(question.node)
        if isinstance(plan, BillsPlan):
            values, counts = np.frombuffer(answered.answer, "<i8"), plan.counts.reshape(-1)
            opened = Answer(values, plan.allowed.reshape(-1), counts, Status(answered.status), answered.digests)
            facts += facts_of(books[leaf], plan, opened)
    if set(members.homes.tolist()) != {fact.home for fact in facts}:
        return None
    groups = dict(zip(_costs(charged), charged.figures, strict=True))
    return cohort_of(members, facts, books, {home: (name, name) for home, name in groups.items()})
