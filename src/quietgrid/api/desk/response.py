"""Demand response for people: utilities, programs, events, who takes part, what was delivered, what it earned.

Energy in Wh, money in micro-units, times in Unix seconds of the community's time.

Privacy: how many homes of a group take part, never which; groups' totals above the floor. A home's own numbers are on
its own pages.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.api.services import Services
from quietgrid.crypto.public.envelope import Signed
from quietgrid.errors import ForbiddenError, NotFoundError
from quietgrid.model.forecast import Forecast
from quietgrid.model.interval import Window
from quietgrid.model.question import Quantity
from quietgrid.model.response import (
    OVER,
    Cause,
    Counters,
    Enrolment,
    Event,
    Measured,
    Program,
    Target,
    Utility,
)
from quietgrid.response import RulePack, packs
from quietgrid.runtime.response import new_event_id
from quietgrid.runtime.response_own import own_events
from quietgrid.store.response import FactRow
from quietgrid.wire.response import OwnEvents

MOST = 500
NO_FIGURE = "no figure"
"""Where no cited series of the grid's carbon intensity is loaded."""


@dataclass(frozen=True, slots=True)
class EventLook:
    """An event with how it goes.

    Args:
        event: it. counters: who takes part, live. measured: one a group, once it is verified. rewards: how many homes
            got (or paid) what in all, micro-units, of numbers that hold this event. carbon: in words.
    """

    event: Event
    counters: Counters
    measured: list[Measured]
    rewards: tuple[int, int]
    carbon: str = NO_FIGURE

    @property
    def delivered_wh(self) -> int | None:
        """By all groups together; None before it was measured."""
        return sum(one.delivered_wh for one in self.measured) if self.measured else None


@dataclass(frozen=True, slots=True)
class ProgramLook:
    """A program with how many homes are in it, its utility and its rules."""

    program: Program
    utility: Utility
    pack: RulePack
    homes: int
    events: int


def programs(services: Services, viewer: Viewer) -> list[ProgramLook]:
    """All programs."""
    require(viewer, Permission.RESPONSE)
    now = services.now()
    with services.store.read() as tx:
        return [
            ProgramLook(
                one, tx.response.utility(one.utility), services.response.pack(one.pack),
                len(tx.response.enrolments(one.id, at=now)), len(tx.response.events(one.id, limit=MOST)),
            )
            for one in tx.response.programs()
        ]  # fmt: skip


def utilities(services: Services, viewer: Viewer) -> list[Utility]:
    """All utilities."""
    require(viewer, Permission.RESPONSE)
    with services.store.read() as tx:
        return tx.response.utilities()


def rule_packs(services: Services, viewer: Viewer) -> list[RulePack]:
    """The regions' rules that are known here."""
    require(viewer, Permission.RESPONSE)
    return list(packs().values())


def save_utility(services: Services, viewer: Viewer, utility: Utility) -> Utility:
    """Keep a utility; somebody else verifies it."""
    require(viewer, Permission.RESPONSE_OPERATE)
    return services.response.save_utility(utility, viewer.account)


def verify_utility(services: Services, viewer: Viewer, id: str) -> Utility:
    """Vouch for a utility and its regions."""
    require(viewer, Permission.RESPONSE_APPROVE)
    return services.response.verify_utility(id, viewer.account)


def save_program(services: Services, viewer: Viewer, program: Program) -> Program:
    """Keep a new or changed program; see `Response.save_program`."""
    require(viewer, Permission.RESPONSE_OPERATE)
    return services.response.save_program(program, viewer.account)


def close_program(services: Services, viewer: Viewer, id: str) -> Program:
    """End a program now."""
    require(viewer, Permission.RESPONSE_OPERATE)
    return services.response.close_program(id, viewer.account)


# -- events ----------------------------------------------------------------------------------------------------------


def events(services: Services, viewer: Viewer, program: str = "", limit: int = 100) -> list[EventLook]:
    """Events, the newest first."""
    require(viewer, Permission.RESPONSE)
    with services.store.read() as tx:
        found = tx.response.events(program, limit=min(limit, MOST))
    return [_look(services, one) for one in found]


def event(services: Services, viewer: Viewer, id: str) -> EventLook:
    """One event."""
    require(viewer, Permission.RESPONSE)
    with services.store.read() as tx:
        return _look(services, tx.response.event(id))


def _look(services: Services, one: Event) -> EventLook:
    with services.store.read() as tx:
        measured = tx.response.measured(one.id)
        facts = [fact for fact in tx.response.facts(program=one.program) if one.id in fact.events]
        rewards = [reward for fact in facts for reward in tx.response.rewards(fact=fact.name)]
        counters = tx.response.counters(one)
    paid = sum(reward.amount_micro for reward in rewards)
    floor = services.rules.k
    shown = (len(rewards), paid) if len(rewards) >= floor else (0, 0)
    return EventLook(one, counters, measured, shown)


def propose(
    services: Services, viewer: Viewer, program: str, window: Window, target: Target, target_wh: int, *,
    rate_cents: int = 0, reason: str = "", emergency: bool = False,
) -> Event:  # fmt: skip
    """Start an event by hand, or (emergency) ask everybody at once.

    Raises:
        InputError, ConflictError, NotFoundError, ForbiddenError: see `Response.propose`.
    """
    require(viewer, Permission.RESPONSE_OPERATE)
    with services.store.read() as tx:
        rate = rate_cents or tx.response.program(program).terms.rate_cents
    cause = Cause.OVERRIDE if emergency else Cause.HAND
    one = Event(new_event_id(program, window), program, window, target, target_wh, rate, cause, reason)
    return services.response.propose(one, viewer.account)


def approve(services: Services, viewer: Viewer, id: str) -> Event:
    """Approve an event that somebody else started."""
    require(viewer, Permission.RESPONSE_APPROVE)
    return services.response.approve(id, viewer.account)


def cancel(services: Services, viewer: Viewer, id: str, reason: str) -> Event:
    """Cancel an event that is not over."""
    require(viewer, Permission.RESPONSE_OPERATE)
    return services.response.cancel(id, viewer.account, reason)


def facts(services: Services, viewer: Viewer, program: str = "") -> list[FactRow]:
    """Numbers that were registered: over which events, for how many homes, and what became of them."""
    require(viewer, Permission.RESPONSE)
    with services.store.read() as tx:
        return tx.response.facts(program=program)


# -- charts ----------------------------------------------------------------------------------------------------------


def forecasts(services: Services, viewer: Viewer, program: str) -> list[Forecast]:
    """The newest forecast of each group a program reaches."""
    require(viewer, Permission.RESPONSE)
    with services.store.read() as tx:
        one = tx.response.program(program)
    return services.response_run.forecasts(one, services.now())


def total(services: Services, viewer: Viewer, groups: list[str], window: Window) -> list[int | None]:
    """What groups drew together in each interval, Wh; None where one of their totals is not open."""
    require(viewer, Permission.RESPONSE)
    sums: list[int | None] = [0] * len(window)
    with services.store.read() as tx:
        kept = set(tx.totals.nodes())
        for group in groups:
            quantity = Quantity.IMPORT if (group, Quantity.IMPORT) in kept else Quantity.NET
            try:
                found = tx.totals.total(group, quantity, window)
            except NotFoundError:
                return [None] * len(window)
            for at, (value, there) in enumerate(zip(found.energy_wh.tolist(), found.answered.tolist(), strict=True)):
                before = sums[at]
                sums[at] = None if before is None or not there else before + value
    return sums


def as_csv(services: Services, viewer: Viewer) -> str:
    """Every event that is over as a line of CSV, one a group."""
    require(viewer, Permission.RESPONSE)
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow(
        ["event", "program", "start_unix", "end_unix", "state", "group", "target_wh", "baseline_wh", "measured_wh",
         "delivered_wh", "low_wh", "high_wh", "baseline_days", "asked", "joined", "opted_out"]
    )  # fmt: skip
    for look in events(services, viewer, limit=MOST):
        one, window = look.event, look.event.window
        if one.state not in OVER:
            continue
        counts = [look.counters.asked, look.counters.joined, look.counters.out]
        head = [one.id, one.program, window.first * window.resolution, window.end * window.resolution, one.state.value]
        for part in look.measured:
            figures = [part.baseline_wh, part.measured_wh, part.delivered_wh, part.low_wh, part.high_wh, part.days]
            lines.writerow([*head, part.group, one.target_wh, *figures, *counts])
        if not look.measured:
            lines.writerow([*head, "", one.target_wh, *[""] * 6, *counts])
    return out.getvalue()


# -- homes -----------------------------------------------------------------------------------------------------------


def _home(viewer: Viewer) -> int:
    require(viewer, Permission.OWN_SERIES)
    if viewer.home is None:
        raise ForbiddenError("this is for households", where=f"role {viewer.role.value}")
    return viewer.home


def own(services: Services, viewer: Viewer) -> OwnEvents:
    """What the asking home is told."""
    return own_events(services.response, _home(viewer))


def enrol(services: Services, viewer: Viewer, signed: Signed) -> Enrolment | None:
    """Take the asking home's word that it joins, changes or leaves a program."""
    return services.response.enrol(_home(viewer), signed)


def choose(services: Services, viewer: Viewer, signed: Signed) -> Counters:
    """Take the asking home's word on an event."""
    return services.response.choose(_home(viewer), signed)
