"""What one home is told of demand response: programs, the events that ask it, its numbers with their vectors."""

from __future__ import annotations

from quietgrid.model.interval import Window, month_window, zone
from quietgrid.model.response import Event, EventState
from quietgrid.response.facts import event_subject, month_subject
from quietgrid.runtime.response import Response, asked_of
from quietgrid.runtime.response_verify import month_fact
from quietgrid.store.stores import PlatformTx
from quietgrid.wire.response import EventRow, OwnEvents, ProgramRow, RewardRow

SHOWN = 40
"""Events a home is told about, the newest first."""


def own_events(response: Response, home: int) -> OwnEvents:
    """All of it, for one home."""
    now, card = response.clock.now(), response.card
    with response.store.read() as tx:
        enrolled = {one.program: one for one in tx.response.enrolments(home=home, at=now)}
        programs = {one.id: one for one in tx.response.programs()}
        utilities = {one.id: one.name for one in tx.response.utilities()}
        rows = [
            ProgramRow(
                one.id, one.name, utilities.get(one.utility, one.utility), one.region, one.terms.rate_cents,
                one.terms.early_percent, one.terms.penalty_percent, one.terms.cap_micro, one.terms.notice_s,
                one.terms.events_a_month, one.id in enrolled, one.id in enrolled and enrolled[one.id].each,
            )
            for one in programs.values() if one.runs(now)
        ]  # fmt: skip
        events = [
            _event(tx, one, home, card.tz, each=one.program in enrolled and enrolled[one.program].each)
            for one in tx.response.events(limit=SHOWN) if one.state is not EventState.PROPOSED
        ]  # fmt: skip
        return OwnEvents(card.community, home, now, rows, events, _rewards(tx, home))


def period_of(event: Event, tz: str) -> Window:
    """The billing month an event begins in."""
    begins = event.window.start_time.astimezone(zone(tz))
    return month_window(begins.year, begins.month, tz, event.window.resolution)


def _event(tx: PlatformTx, one: Event, home: int, tz: str, *, each: bool) -> EventRow:
    mine = tx.response.participations(one.id, home=home)
    asked = home in asked_of(tx, one.id)
    subjects = [month_subject(one.program, period_of(one, tz), tz)] + ([event_subject(one)] if each else [])
    window = one.window
    return EventRow(
        one.id, one.program, window.first, window.end, window.resolution, one.rate_cents, one.state.value,
        one.emergency, one.cancelled or one.reason, asked, mine[0].choice.value if mine else "",
        mine[0].by if mine else "", subjects if asked else [],
    )  # fmt: skip


def _rewards(tx: PlatformTx, home: int) -> list[RewardRow]:
    facts = {fact.name: fact for fact in tx.response.facts()}
    unsettled = {posting.id for posting in tx.postings.unsettled(codes=("reward",))}
    out = []
    for one in tx.response.rewards(home=home):
        kept = facts[one.fact]
        fact = month_fact(kept)
        paid = f"reward {one.fact} {home:016x}" not in unsettled
        out.append(
            RewardRow(one.fact, list(kept.events), one.number, one.amount_micro, one.missing, paid, list(fact.slots),
                      fact.days, fact.step_cents)
        )  # fmt: skip
    return out
