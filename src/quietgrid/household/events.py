"""Demand response at home: which programs, which events, and who decides: the home's limits, or its people by hand.

The agent takes part in what its people's limits allow, and only that; whoever looks at the page can say otherwise until
the event ends. What the home then does is told to its own device (`steering`): nobody else learns what it did. With a
yes goes the household's consent to one number a month, signed to every keyholder: without it nothing is measured.

Privacy: the platform learns that the home joins, and what it could shift. The comfort floor and the share stay here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol

import msgspec
import numpy as np

from quietgrid.algorithms.herd import slot_weights
from quietgrid.crypto.public.envelope import Signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import NotFoundError, QuietgridError, VerificationError
from quietgrid.household.checking import Verdict
from quietgrid.household.links import SignedClient
from quietgrid.household.opening import OwnSeries
from quietgrid.household.steering import SteeredHome, Steering
from quietgrid.model.interval import DAY_S, zone
from quietgrid.model.readings import IMPORT
from quietgrid.model.response import Capability, EventState, Limits
from quietgrid.model.response import Choice as Decision
from quietgrid.store.household import GivenConsent
from quietgrid.wire.response import (
    OWN_CHOICE,
    OWN_ENROLMENT,
    OWN_EVENTS,
    EventChoice,
    EventRow,
    OwnEvents,
    ProgramEnrolment,
)

LIMITS, SEEN = "response limits", "response seen"
"""Documents: what the home allows; events it was asked in, as they were told (an override stays for ever)."""
EVENT = "an event"
"""What a keyholder's ledger says a number was opened for."""
CONSENT_DAYS = 150
PLATFORM = "platform"
PURPOSE = "reward"
MONTH_S = 31 * DAY_S


class EventsLink(Protocol):
    """The platform's side of demand response."""

    def events(self) -> Signed:
        """A `Signed[OwnEvents]`."""

    def enrol(self, signed: Signed) -> None:
        """Join, change or leave: a `Signed[ProgramEnrolment]`."""

    def choose(self, signed: Signed) -> None:
        """Say yes or no: a `Signed[EventChoice]`."""


class HttpEvents:
    """`EventsLink` over HTTP."""

    def __init__(self, client: SignedClient) -> None:
        self._client = client

    def events(self) -> Signed:
        """See `EventsLink`."""
        return self._client.get(OWN_EVENTS, Signed)

    def enrol(self, signed: Signed) -> None:
        """See `EventsLink`."""
        self._client.post(OWN_ENROLMENT, signed, msgspec.Raw)

    def choose(self, signed: Signed) -> None:
        """See `EventsLink`."""
        self._client.post(OWN_CHOICE, signed, msgspec.Raw)


class OwnResponse:
    """One home's side of demand response.

    Args:
        parts: Of the home. link: to the platform. consent: signs and registers a consent (`Home.consent`).
        given: lists consents (`Home.consents`). steering: of its device, None without.
    """

    def __init__(
        self, parts: SteeredHome, link: EventsLink, consent: Callable[[str, str, str, float], Signed],
        given: Callable[[], list[GivenConsent]], steering: Steering | None,
    ) -> None:  # fmt: skip
        self._parts, self._link, self._consent, self._given = parts, link, consent, given
        self._steering = steering

    # -- what the home's people see and allow ----------------------------------------------------------------------

    def fetch(self) -> OwnEvents:
        """Programs, events and rewards, checked; overrides are written down here for ever.

        Raises:
            VerificationError: not signed by the platform, or about another home. UnavailableError: it is away.
        """
        parts = self._parts
        told = open_signed(self._link.events(), OwnEvents, parts.card.platform_pk)
        if (told.community, told.home) != (parts.card.community, parts.vault.home):
            raise VerificationError("events of another home were sent", where="events", fix="tell the operator")
        with parts.store.begin() as tx:
            for row in told.events:
                if row.asked:
                    tx.documents.replace(SEEN, f"{parts.vault.home}/{row.id}", msgspec.msgpack.encode(row))
        return told

    def seen(self) -> list[EventRow]:
        """Every event this home was ever asked in, as it was last told, the newest first."""
        mine = f"{self._parts.vault.home}/"
        with self._parts.store.read() as tx:
            kept = [body for name, body in tx.documents.all(SEEN).items() if name.startswith(mine)]
        rows = [msgspec.msgpack.decode(body, type=EventRow) for body in kept]
        return sorted(rows, key=lambda row: (-row.first, row.id))

    def limits(self) -> Limits:
        """What the home allows."""
        with self._parts.store.read() as tx:
            kept = tx.documents.find(LIMITS, str(self._parts.vault.home))
        return Limits() if kept is None else msgspec.json.decode(kept, type=Limits)

    def set_limits(self, limits: Limits) -> None:
        """Allow more or less; it holds from the next event on."""
        with self._parts.store.begin() as tx:
            tx.documents.replace(LIMITS, str(self._parts.vault.home), msgspec.json.encode(limits))

    # -- what the home says ----------------------------------------------------------------------------------------

    def enrol(self, program: str, capacity_w: int, capabilities: tuple[Capability, ...], *, each: bool = False) -> None:
        """Join a program, or change what was said; without capabilities: leave it."""
        parts, limits = self._parts, self.limits()
        self._link.enrol(
            parts.vault.identity.sign(
                ProgramEnrolment(
                    parts.card.community, parts.vault.home, program, [one.value for one in capabilities], capacity_w,
                    limits.events_a_month, list(limits.blackout_hours), each, parts.clock.now(),
                )
            )
        )  # fmt: skip

    def leave(self, program: str) -> None:
        """Leave a program; events that were joined before still count."""
        self.enrol(program, 0, ())

    def allowed(self, row: EventRow, taken: int) -> str:
        """Why the limits do not allow an event; "" if they do. An override asks whoever is enrolled.

        Args:
            taken: events the home takes part in within a month of this one.
        """
        limits = self.limits()
        if not limits.automatic:
            return "by hand"
        if row.emergency:
            return ""
        where = zone(self._parts.card.tz)
        hours = {datetime.fromtimestamp(slot * row.resolution, where).hour for slot in range(row.first, row.end)}
        if hours & set(limits.blackout_hours):
            return "hours"
        return "often" if taken >= limits.events_a_month else ""

    def choose(self, row: EventRow, decision: Decision, by: str = "hand", why: str = "") -> None:
        """Say yes or no. A yes comes with the consents to be measured, and tells the own device."""
        parts = self._parts
        consents = [self._agreed(subject) for subject in row.subjects] if decision is Decision.IN else []
        self._link.choose(
            parts.vault.identity.sign(
                EventChoice(
                    parts.card.community, parts.vault.home, row.id, decision.value, by, why, parts.clock.now(), consents
                )
            )
        )
        self._tell_device(row, decision)

    def _agreed(self, subject: str) -> bytes:
        """The signed consent to a number; given once."""
        now = self._parts.clock.now()
        for one in self._given():
            if (one.subject, one.recipient) == (subject, PLATFORM) and one.expires > now:
                return one.signed
        self._consent(subject, PLATFORM, PURPOSE, now + CONSENT_DAYS * DAY_S)
        return next(one.signed for one in self._given() if (one.subject, one.recipient) == (subject, PLATFORM))

    def _tell_device(self, row: EventRow, decision: Decision) -> None:
        if self._steering is None:
            return
        limits = self.limits()
        self._steering.take_part(
            row.id, range(row.first, row.end) if decision is Decision.IN else range(0), limits.reserve_percent,
            limits.share_percent,
        )  # fmt: skip

    # -- the agent -------------------------------------------------------------------------------------------------

    def step(self, told: OwnEvents | None = None, no: Callable[[EventRow], str] = lambda row: "") -> int:
        """Decide about every event that nobody has decided on yet; how many.

        Args:
            told: what was fetched just now. no: why the home's people would not take part, "" if they would.
        """
        rows = self.fetch() if told is None else told
        decided = 0
        for row in rows.events:
            if not row.asked or row.choice or row.state != EventState.ANNOUNCED:
                continue
            span = MONTH_S // row.resolution
            taken = sum(one.choice == Decision.IN and abs(one.first - row.first) < span for one in rows.events)
            why = self.allowed(row, taken) or no(row)
            if why == "by hand":
                continue  # its people say so themselves
            self.choose(row, Decision.OUT if why else Decision.IN, "agent", why)
            decided += 1
        return decided


class Responder:
    """The agents of all homes of one process, as the demo has it: all of them look when one sees a new event.

    Args:
        homes: id -> its side. join: (home, program) -> what it joins with, None if it does not. no: (home, event) ->
            why its people would not take part.
    """

    def __init__(
        self, homes: Mapping[int, OwnResponse],
        join: Callable[[int, str], tuple[int, tuple[Capability, ...]] | None] = lambda home, program: None,
        no: Callable[[int, EventRow], str] = lambda home, row: "",
    ) -> None:  # fmt: skip
        self._homes, self._join, self._no = dict(homes), join, no
        self._programs: set[str] = set()
        self._done: set[str] = set()

    def step(self) -> int:
        """One round; how many decisions were made.

        Raises:
            QuietgridError: the platform or a keyholder is away; the next round tries again.
        """
        if not self._homes:
            return 0
        first = next(iter(self._homes.values())).fetch()
        decided = 0
        for program in [row.id for row in first.programs if row.id not in self._programs]:
            for home, one in self._homes.items():
                offer = self._join(home, program)
                if offer is not None:
                    one.enrol(program, *offer)
            self._programs.add(program)
        new = {row.id for row in first.events if row.state == EventState.ANNOUNCED} - self._done
        if new:
            for home, one in self._homes.items():
                decided += one.step(no=partial(self._no, home))
            self._done |= new
        return decided


def keep_responding(
    responder: Responder, wait: Callable[[float], object], pause_s: float = 0.5, patience_s: float = 2.0
) -> None:
    """Make a round every now and then until `wait` says to end."""
    while not wait(pause_s):
        try:
            responder.step()
        except QuietgridError:
            if wait(patience_s):
                return


def event_verdict(told: OwnEvents, vector: str, value: int, series: Sequence[OwnSeries]) -> Verdict:
    """A number as a keyholder let it open, beside the home's own readings that closes counted.

    Args:
        vector: its name. value: as it was opened. series: of the home's meters, over what the number is about.
    """
    row = next((one for one in told.rewards if one.fact.partition("@")[0] == vector), None)
    if row is None:
        return Verdict.WAITING
    own = 0
    for part in series:
        if part.register == IMPORT:
            weights = slot_weights(row.slots, part.window.first, len(part.window))
            own += int((weights * np.where(part.closed & part.present, part.energy_wh, 0)).sum())
    return Verdict.HOLDS if own == value else Verdict.DIFFERS


def checked(told: OwnEvents, fact: str, own_wh: Callable[[int], int | None]) -> bool | None:
    """Whether a number is the sum of the home's own readings; None where a reading of it is missing at home.

    Args:
        fact: its name. own_wh: absolute slot -> what the home drew from the grid.

    Raises:
        NotFoundError: there is no such number.
    """
    row = next((one for one in told.rewards if one.fact == fact), None)
    if row is None:
        raise NotFoundError("there is no such number", where=fact[:80], fix="take it from the list")
    values = [(weight, own_wh(slot)) for slot, weight in row.slots]
    if row.missing or any(value is None for _, value in values):
        return None
    return sum(weight * (value or 0) for weight, value in values) == row.number
