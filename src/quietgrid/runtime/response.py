"""Demand response of a running platform: programs, enrolments, events, who takes part; every change goes through here.

Each change is one commit with its line in the audit log; listeners (the OpenADR side, pages) are told after it. What
time alone does (an event begins, ends), what a threshold starts and what is measured afterwards is in `ResponseRun`.

Privacy: who is enrolled and who takes part is known here; what anybody used is not.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

import msgspec

from quietgrid.crypto.public.envelope import Signed, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import ConflictError, ForbiddenError, InputError, NotFoundError, VerificationError
from quietgrid.model.interval import Clock, Window, slots_per_day
from quietgrid.model.party import Party
from quietgrid.model.response import (
    OVER,
    Capability,
    Cause,
    Choice,
    Counters,
    Enrolment,
    Event,
    EventState,
    Participation,
    Program,
    Utility,
    check_id,
)
from quietgrid.response import (
    Offer,
    RulePack,
    asked_homes,
    check_event,
    check_program,
    dispatch,
    needs_approval,
    pack_of,
)
from quietgrid.response.dispatch import EFFORT, JOINS_PERCENT
from quietgrid.store.stores import PlatformStore, PlatformTx
from quietgrid.wire.messages import CommunityCard, Consent
from quietgrid.wire.response import EventChoice, ProgramEnrolment

HOUR_S = 3_600
ASKED, CONSENTED = "response asked", "response consent"
"""Documents: homes that an event asks; the consents to a number, as the keyholders have them (``subject/home``)."""
LEARN_EVENTS = 3
"""So many events a home was asked in before its own record counts."""
M = TypeVar("M", ProgramEnrolment, EventChoice)
Told = Callable[[str, Program | Event], None]


class Response:
    """See the module.

    Args:
        store: The platform's. clock: the community's time. card: of the community. household_key: home -> its key.
    """

    def __init__(
        self, store: PlatformStore, clock: Clock, card: CommunityCard, household_key: Callable[[int], bytes]
    ) -> None:
        self.store, self.clock, self.card = store, clock, card
        self._key_of = household_key
        self.listeners: list[Told] = []
        """Called after a commit with what happened and the program or event."""

    def tell(self, kind: str, what: Program | Event) -> None:
        """Tell the listeners."""
        for listener in self.listeners:
            listener(kind, what)

    # -- utilities, packs and programs -----------------------------------------------------------------------------

    def pack(self, name: str) -> RulePack:
        """A rule pack by name, or of a region: one that came along or was put in force here."""
        return pack_of(name)

    def save_utility(self, utility: Utility, by: str) -> Utility:
        """Keep a utility; it is not verified by this, and verified only for the regions it had then."""
        check_id(utility.id)
        kept = replace(utility, verified_by="", verified_at=0.0)
        with self.store.begin() as tx:
            known = {one.id: one for one in tx.response.utilities()}.get(utility.id)
            if known is not None and known.verified_by and set(kept.regions) <= set(known.regions):
                kept = replace(kept, verified_by=known.verified_by, verified_at=known.verified_at)
            tx.response.put_utility(kept)
            tx.log.append(by, "response.utility", kept.id, {"regions": list(kept.regions)})
        return kept

    def verify_utility(self, id: str, by: str) -> Utility:
        """Somebody vouches that a utility is who it says and may ask in its regions."""
        with self.store.begin() as tx:
            kept = replace(tx.response.utility(id), verified_by=by, verified_at=self.clock.now())
            tx.response.put_utility(kept)
            tx.log.append(by, "response.verify", id, {"regions": list(kept.regions)})
        return kept

    def save_program(self, program: Program, by: str) -> Program:
        """Keep a new or changed program; its revision and rule pack are set here.

        Raises:
            NotFoundError: no such utility or pack. ForbiddenError, InputError: see `check_program`.
        """
        pack = self.pack(program.pack or program.region)
        with self.store.begin() as tx:
            known = {one.id: one for one in tx.response.programs()}.get(program.id)
            check_program(program, tx.response.utility(program.utility), pack)
            kept = replace(program, pack=pack.name, revision=1 if known is None else known.revision + 1)
            tx.response.save_program(kept)
            tx.log.append(by, "response.program", kept.id, {"revision": kept.revision, "pack": kept.pack})
        self.tell("program.created" if known is None else "program.changed", kept)
        return kept

    def close_program(self, id: str, by: str) -> Program:
        """End a program now; events that have not begun are cancelled."""
        now = self.clock.now()
        with self.store.begin() as tx:
            known = tx.response.program(id)
            kept = replace(known, ends=max(now, known.starts + 1e-6), revision=known.revision + 1)
            tx.response.save_program(kept)
            waiting = tx.response.events(id, states=(EventState.PROPOSED, EventState.ANNOUNCED))
            tx.log.append(by, "response.close", id)
        for event in waiting:
            self.cancel(event.id, by, "the program ended")
        self.tell("program.closed", kept)
        return kept

    # -- homes -----------------------------------------------------------------------------------------------------

    def enrol(self, home: int, signed: Signed) -> Enrolment | None:
        """Take a home's word that it joins a program, changes what it said, or leaves; None if it left.

        Raises:
            VerificationError: not signed by this home. NotFoundError: no such program. InputError: it cannot be.
        """
        asked = self._open(home, signed, ProgramEnrolment)
        now = self.clock.now()
        try:
            capabilities = tuple(Capability(one) for one in asked.capabilities)
        except ValueError as error:
            raise InputError("no such capability", where="enrolment", fix=", ".join(Capability)) from error
        one = Enrolment(
            asked.program, home, capabilities, asked.capacity_w, asked.events_a_month, tuple(asked.blackout_hours),
            asked.each, now,
        )  # fmt: skip
        with self.store.begin() as tx:
            program = tx.response.program(asked.program)
            if not capabilities:
                tx.response.leave(program.id, home, now)
                tx.log.append("household", "response.leave", program.id)
                return None
            if not program.runs(now) and program.starts <= now:
                raise ConflictError("the program has ended", where=program.id, fix="choose another")
            known = [e for e in tx.response.enrolments(program.id, home=home, at=now) if replace(e, since=now) == one]
            if known:
                return known[0]
            tx.response.enrol(one, pack_signed(signed))
            tx.log.append("household", "response.enrol", program.id)
        return one

    def choose(self, home: int, signed: Signed) -> Counters:
        """Take a home's word on an event, with its consents to be measured.

        Raises:
            VerificationError: not signed by this home. ConflictError, NotFoundError: see `take_choice`.
        """
        asked = self._open(home, signed, EventChoice)
        if asked.choice not in list(Choice):
            raise InputError("a home is in or out", where="choice", fix="in or out")
        consents = []
        for data in asked.consents:
            consent = open_signed(unpack_signed(data), Consent, self._key_of(home))
            if consent.home == home:
                consents.append((consent.subject, data))
        one = Participation(asked.event, home, Choice(asked.choice), self.clock.now(), asked.by, asked.why[:80])
        counters = self.take_choice(one)
        with self.store.begin() as tx:
            for subject, data in consents:
                tx.documents.replace(CONSENTED, f"{subject}/{home:016x}", data)
        return counters

    def take_choice(self, one: Participation) -> Counters:
        """Keep what a home decided; it may change its mind until the event ends.

        Raises:
            ConflictError: the event is over, or was never announced. NotFoundError: it does not ask this home.
        """
        with self.store.begin() as tx:
            event = tx.response.event(one.event)
            if event.state not in (EventState.ANNOUNCED, EventState.ACTIVE):
                raise ConflictError(f"the event is {event.state}", where=event.id, fix="choose while it is announced")
            if one.home not in asked_of(tx, event.id):
                raise NotFoundError("there is no such event", where=event.id, fix="look at your events")
            if event.state is EventState.ACTIVE and one.choice is Choice.IN:
                mine = tx.response.participations(event.id, home=one.home)
                if not mine or mine[0].choice is not Choice.IN:
                    raise ConflictError("the event has begun", where=event.id, fix="join before it begins")
            changed = tx.response.choose(one)
            counters = tx.response.counters(event)
        if changed:
            self.tell("event.participation", event)
        return counters

    def _open(self, home: int, signed: Signed, kind: type[M]) -> M:
        message = open_signed(signed, kind, self._key_of(home))
        if (message.home, message.community) != (home, self.card.community):
            raise VerificationError("signed for another home", where=kind.NAME, fix="sign for your own home")
        return message

    # -- events ----------------------------------------------------------------------------------------------------

    def propose(self, event: Event, by: str) -> Event:
        """Take a new event: announced at once, or proposed if a second person has to approve it.

        Raises:
            NotFoundError: no such program. InputError, ConflictError, ForbiddenError: see `check_event`.
        """
        now = self.clock.now()
        made = replace(event, state=EventState.PROPOSED, asked_by=by, approved_by="", made=now, revision=1)
        with self.store.begin() as tx:
            program = tx.response.program(event.program)
            if not tx.response.utility(program.utility).may_ask(program.region):
                raise ForbiddenError("the program's utility is not verified", where=program.utility)
            others = [e for e in tx.response.events(program.id) if e.state is not EventState.CANCELLED]
            if made.id in {e.id for e in others}:
                raise ConflictError("an event of this id exists", where=made.id, fix="choose another id")
            check_event(made, program, self.pack(program.pack), now, others)
            tx.response.add_event(made)
            tx.log.append(by, "response.propose", made.id, {
                "program": program.id, "target_wh": made.target_wh, "cause": made.cause.value, "reason": made.reason,
            })  # fmt: skip
            if not needs_approval(made, program):
                made = self._announce(tx, made, program, by)
        self.tell("event.created", made)
        return made

    def approve(self, id: str, by: str) -> Event:
        """A second person lets an event go ahead.

        Raises:
            ForbiddenError: the same person proposed it. ConflictError: it does not wait for approval, or is too late.
        """
        with self.store.begin() as tx:
            event = tx.response.event(id)
            if event.state is not EventState.PROPOSED:
                raise ConflictError(f"the event is {event.state}", where=id, fix="nothing to approve")
            if event.asked_by == by:
                raise ForbiddenError("a second person approves what one proposed", where=id)
            program = tx.response.program(event.program)
            if event.window.first * event.window.resolution <= self.clock.now():
                raise ConflictError("the event would have begun", where=id, fix="propose another")
            kept = self._announce(tx, event, program, by)
        self.tell("event.changed", kept)
        return kept

    def cancel(self, id: str, by: str, reason: str) -> Event:
        """End an event before its time; nobody is measured.

        Raises:
            InputError: no reason. ConflictError: it is over.
        """
        if not reason.strip():
            raise InputError("say why", where="reason", fix="homes will read it")
        with self.store.begin() as tx:
            event = tx.response.event(id)
            kept = replace(event.to(EventState.CANCELLED), cancelled=reason.strip()[:200])
            tx.response.save_event(kept)
            tx.log.append(by, "response.cancel", id, {"reason": kept.cancelled})
        self.tell("event.cancelled", kept)
        return kept

    def override(self, event: Event, by: str) -> Event:
        """An emergency: every enrolled home in the target is asked at once, whatever its hours; ends by itself.

        Raises:
            InputError: no reason, or longer than two hours.
        """
        return self.propose(replace(event, cause=Cause.OVERRIDE), by)

    def _announce(self, tx: PlatformTx, event: Event, program: Program, by: str) -> Event:
        """Choose whom it asks, and announce it."""
        parties = {row.party.home: row.party for row in tx.registry.parties()}
        open_ = self.who(tx, event, program, parties)
        record = records(tx, program.id)
        hours = len(event.window) * event.window.resolution / HOUR_S
        offers = [_offer(one, event, hours, record, open_[one.home]) for one in _enrolled(tx, program, open_, event)]
        found = dispatch(offers, 0 if event.emergency else event.target_wh, program.terms.confidence_percent)
        kept = replace(
            event.to(EventState.ANNOUNCED), revision=event.revision + 1, approved_by=by, announced=self.clock.now(),
            asked=len(found.homes), expected_wh=found.expected_wh, sure_wh=found.sure_wh,
        )  # fmt: skip
        tx.response.save_event(kept)
        tx.documents.replace(ASKED, event.id, msgspec.msgpack.encode(sorted(found.homes)))
        tx.log.append(by, "response.announce", event.id, {
            "asked": kept.asked, "expected_wh": kept.expected_wh, "sure_wh": kept.sure_wh,
        })  # fmt: skip
        return kept

    def who(
        self, tx: PlatformTx, event: Event, program: Program, parties: Mapping[int, Party] | None = None
    ) -> dict[int, int]:
        """Homes that an event may ask -> how many events each took part in this month."""
        known = parties or {row.party.home: row.party for row in tx.registry.parties()}
        enrolments = tx.response.enrolments(program.id, at=float(event.window.first * event.window.resolution))
        month = self.taken(tx, event)
        asked = asked_homes(event, program, enrolments, known, month, self.card.tz)
        return {one.home: month.get(one.home, 0) for one in asked}

    def taken(self, tx: PlatformTx, event: Event) -> Counter[int]:
        """Home -> events it takes part in within 31 days before this one, of all programs."""
        month = 31 * slots_per_day(event.window.resolution)
        found: Counter[int] = Counter()
        for other in tx.response.events(first=max(1, event.window.first - month), end=event.window.end):
            if other.id != event.id and other.state is not EventState.CANCELLED:
                found.update(p.home for p in tx.response.participations(other.id) if p.choice is Choice.IN)
        return found


def asked_of(tx: PlatformTx, event: str) -> list[int]:
    """Homes that an announced event asks."""
    body = tx.documents.find(ASKED, event)
    return [] if body is None else msgspec.msgpack.decode(body, type=list[int])


def records(tx: PlatformTx, program: str) -> dict[int, tuple[int, int]]:
    """Home -> (events it was asked in, events it joined), of a program's events that are over."""
    asked: Counter[int] = Counter()
    joined: Counter[int] = Counter()
    for event in tx.response.events(program, states=OVER, limit=30):
        asked.update(asked_of(tx, event.id))
        joined.update(p.home for p in tx.response.participations(event.id) if p.choice is Choice.IN)
    return {home: (count, joined[home]) for home, count in asked.items()}


def _enrolled(tx: PlatformTx, program: Program, homes: Mapping[int, int], event: Event) -> list[Enrolment]:
    at = float(event.window.first * event.window.resolution)
    return [one for one in tx.response.enrolments(program.id, at=at) if one.home in homes]


def _offer(one: Enrolment, event: Event, hours: float, record: Mapping[int, tuple[int, int]], taken: int) -> Offer:
    best = min(one.capabilities, key=EFFORT.__getitem__)
    asked, joined = record.get(one.home, (0, 0))
    joins = JOINS_PERCENT if asked < LEARN_EVENTS else round(100 * joined / asked)
    return Offer(one.home, best, int(one.capacity_w * hours), event.rate_cents, joins, taken)


def new_event_id(program: str, window: Window) -> str:
    """An id for an event made by hand."""
    return f"{program[:80]}-{window.start_time:%Y%m%dT%H%MZ}-{secrets.token_hex(3)}"
