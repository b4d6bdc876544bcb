"""What a program and an event must keep to, and whom an event asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from quietgrid.errors import ConflictError, ForbiddenError, InputError
from quietgrid.model.interval import zone
from quietgrid.model.party import Party
from quietgrid.model.response import Cause, Enrolment, Event, EventState, Program, Target, Utility
from quietgrid.response.packs import RulePack

LEAST_INTERVALS = 4
"""Of an event: the gate opens no number that rests on fewer (`algorithms.herd`)."""
LONGEST_OVERRIDE_S = 7_200
"""An emergency override ends by itself after two hours, as `ReductionRequest` on the chain has it."""
SYSTEM = "rule"
"""Who asks where a program's threshold did."""


def check_program(program: Program, utility: Utility, pack: RulePack) -> None:
    """Refuse a program that its utility may not run, or that its region's rules do not allow.

    Raises:
        ForbiddenError: the utility is not verified for the region. InputError: terms beyond the pack.
    """
    if not utility.may_ask(program.region):
        raise ForbiddenError(f"{utility.name} is not verified for {program.region}", where=program.id)
    terms = program.terms
    most = max([percent for _, percent in terms.scarce], default=0) + terms.early_percent
    bounds = (
        ("notice_s", terms.notice_s >= pack.notice_s, f"at least {pack.notice_s}"),
        ("longest_s", terms.longest_s <= pack.longest_s, f"at most {pack.longest_s}"),
        ("events_a_month", terms.events_a_month <= pack.events_a_month, f"at most {pack.events_a_month}"),
        ("rate_cents", terms.rate_cents * (100 + most) <= pack.rate_cents * 100, f"{pack.rate_cents} with all on top"),
        ("cap_micro", terms.cap_micro <= pack.cap_micro, f"at most {pack.cap_micro}"),
    )
    for name, fits, allowed in bounds:
        if not fits:
            raise InputError(f"{name} is beyond the rules of {pack.name}", where=program.id, fix=allowed)
    if list(terms.scarce) != sorted(terms.scarce) or any(over < 0 or more < 0 for over, more in terms.scarce):
        raise InputError("what scarcity adds goes up", where=program.id, fix="(permille over, percent), ascending")
    if terms.penalty_percent > 100:
        raise InputError("a penalty is at most the rate", where=program.id, fix="0 to 100 percent")


def check_event(event: Event, program: Program, pack: RulePack, now: float, others: Sequence[Event]) -> None:
    """Refuse an event that its program and region do not allow.

    Args:
        others: events of the program that are not cancelled.

    Raises:
        InputError: too short, too long, too late, or not in the program's time. ConflictError: it overlaps another.
    """
    window = event.window
    start, end = window.first * window.resolution, window.end * window.resolution
    if len(window) < LEAST_INTERVALS:
        fix = f"at least {LEAST_INTERVALS} intervals"
        raise InputError("an event this short would show single readings", where=event.id, fix=fix)
    longest = LONGEST_OVERRIDE_S if event.emergency else min(program.terms.longest_s, pack.longest_s)
    if end - start > longest:
        raise InputError(f"an event has at most {longest} seconds", where=event.id, fix="shorten it")
    notice = 0 if event.emergency else max(program.terms.notice_s, pack.notice_s)
    if start < now + notice:
        raise InputError(f"homes are told at least {notice} seconds before", where=event.id, fix="start it later")
    if not program.runs(start):
        raise InputError("the program does not run then", where=program.id, fix="choose a time in its season")
    if event.emergency and not event.reason.strip():
        raise InputError("an override needs a reason", where=event.id, fix="say why; every home asked will read it")
    if event.target_wh < 0 or not 0 < event.rate_cents <= pack.rate_cents:
        raise InputError("target and rate do not fit", where=event.id, fix=f"rate 1 to {pack.rate_cents}")
    if event.target.region and not event.target.region.startswith(program.region):
        raise ForbiddenError("the program does not reach there", where=event.target.region)
    for other in others:
        if other.id != event.id and len(other.window.intersect(window)):
            raise ConflictError("another event of the program is then", where=other.id, fix="choose another time")


def needs_approval(event: Event, program: Program) -> bool:
    """Whether a second person has to approve it: by hand, not an emergency, and large (or of unknown size).

    >>> from quietgrid.model.interval import Window
    >>> one = Event("e", "p", Window(0, 4, 900), Target(), 500_000, 40, Cause.HAND)
    >>> needs_approval(one, Program("p", "P", "u", "DE"))
    True
    """
    by_hand = event.cause in (Cause.HAND, Cause.OPENADR)
    return by_hand and (event.target_wh >= program.terms.approve_wh or event.target_wh == 0)


def asked_homes(
    event: Event, program: Program, enrolments: Sequence[Enrolment], parties: Mapping[int, Party],
    month: Mapping[int, int], tz: str,
) -> list[Enrolment]:  # fmt: skip
    """Whom an event asks: enrolled, targeted, not in a blackout hour, not asked too often already; in order of home.

    Args:
        parties: by home. month: home -> events it took part in this month. tz: of the hours.
    """
    window = event.window
    start = float(window.first * window.resolution)
    where = zone(tz)
    hours = {datetime.fromtimestamp(slot * window.resolution, where).hour for slot in range(window.first, window.end)}
    out = []
    for one in enrolments:
        party = parties.get(one.home)
        if party is None or not one.holds(start):
            continue
        often = min(one.events_a_month, program.terms.events_a_month)
        if not event.emergency and (month.get(one.home, 0) >= often or hours & set(one.blackout_hours)):
            continue
        if all(fits(target, party, one) for target in (program.target, event.target)):
            out.append(one)
    return sorted(out, key=lambda one: one.home)


def fits(target: Target, party: Party, enrolment: Enrolment) -> bool:
    """Whether a home is in a target."""
    return (
        (not target.feeders or party.feeder in target.feeders)
        and (not target.segments or party.kind.value in target.segments)
        and (not target.capabilities or bool(set(target.capabilities) & set(enrolment.capabilities)))
    )


def due(event: Event, now: float) -> EventState | None:
    """What an event becomes by the passing of time alone; None if nothing.

    An event that nobody approved in time is cancelled.
    """
    start = event.window.first * event.window.resolution
    end = event.window.end * event.window.resolution
    if event.state is EventState.PROPOSED and now >= start:
        return EventState.CANCELLED
    if event.state is EventState.ANNOUNCED and now >= start:
        return EventState.ACTIVE
    if event.state is EventState.ACTIVE and now >= end:
        return EventState.ENDED
    return None
