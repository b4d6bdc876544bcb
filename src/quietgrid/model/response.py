"""Demand response: utilities' programs, homes' enrolments, events and what became of them.

Ids are those of OpenADR objects (1 to 128 of ``a-z A-Z 0-9 _ -``), so that a program or event is called the same on
every face. Energy in Wh, money in micro-units, shares in percent or permille, time in Unix seconds.

Source: seed system 002; OpenADR 3.1.1 (ids, targets); decision 0043.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from quietgrid.errors import ConflictError, InputError
from quietgrid.model.interval import Window

MICRO_PER_CENT = 10_000
WHOLE_PERCENT = 100
_ID = re.compile(r"[a-zA-Z0-9_-]{1,128}")


def check_id(id: str) -> str:
    """The id, if it can be one.

    Raises:
        InputError: it cannot.
    """
    if not _ID.fullmatch(id):
        raise InputError("an id has 1 to 128 letters, digits, _ or -", where=id[:40], fix="choose another")
    return id


class Capability(StrEnum):
    """What a home can shift."""

    BATTERY = "battery"
    EV = "ev"
    HEAT_PUMP = "heat-pump"
    WASHING = "washing"
    BY_HAND = "by-hand"


class Trigger(StrEnum):
    """What starts an event by itself."""

    FORECAST = "forecast"
    """The forecast of the region's groups says that a threshold will be crossed."""
    GRID = "grid"
    """The state of the grid (loading of a line or transformer, in percent) is over a threshold."""


class Cause(StrEnum):
    """Why an event was started."""

    HAND = "hand"
    FORECAST = "forecast"
    GRID = "grid"
    OPENADR = "openadr"
    OVERRIDE = "override"


class EventState(StrEnum):
    """The life of an event, in order; cancelled from any state before it has ended."""

    PROPOSED = "proposed"
    """A second person has to approve it."""
    ANNOUNCED = "announced"
    ACTIVE = "active"
    ENDED = "ended"
    VERIFIED = "verified"
    REWARDED = "rewarded"
    PAID = "paid"
    CANCELLED = "cancelled"


NEXT: dict[EventState, frozenset[EventState]] = {
    EventState.PROPOSED: frozenset({EventState.ANNOUNCED, EventState.CANCELLED}),
    EventState.ANNOUNCED: frozenset({EventState.ACTIVE, EventState.CANCELLED}),
    EventState.ACTIVE: frozenset({EventState.ENDED, EventState.CANCELLED}),
    EventState.ENDED: frozenset({EventState.VERIFIED}),
    EventState.VERIFIED: frozenset({EventState.REWARDED}),
    EventState.REWARDED: frozenset({EventState.PAID}),
    EventState.PAID: frozenset(),
    EventState.CANCELLED: frozenset(),
}
"""What may follow what."""
OVER = frozenset({EventState.ENDED, EventState.VERIFIED, EventState.REWARDED, EventState.PAID})
"""States of an event that took place."""


class Choice(StrEnum):
    """What a home decided for one event."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class Utility:
    """Who runs programs.

    Args:
        id: of it. name: shown. regions: where it may ask for reductions (``GB``, ``DE-NI``, …).
        verified_by, verified_at: who checked it, and when; empty: nobody has, its programs cannot start events.
        address: on the chain (0x), empty without.
    """

    id: str
    name: str
    regions: tuple[str, ...]
    verified_by: str = ""
    verified_at: float = 0.0
    address: str = ""

    def may_ask(self, region: str) -> bool:
        """Whether it is verified for a region.

        >>> Utility("u", "U", ("DE",), "Olu", 1.0).may_ask("DE-NI"), Utility("u", "U", ("DE",)).may_ask("DE")
        (True, False)
        """
        return bool(self.verified_by) and any(region == one or region.startswith(f"{one}-") for one in self.regions)


@dataclass(frozen=True, slots=True)
class Threshold:
    """When a program starts an event by itself.

    Args:
        trigger: what is looked at. level: Wh an interval of all targeted groups together (forecast), or percent of
            loading (grid). chance_percent: how sure the forecast must be. lead_s: how long ahead it looks, at most.
        length: intervals that an event has.
    """

    trigger: Trigger
    level: int
    chance_percent: int = 50
    lead_s: int = 86_400
    length: int = 6


@dataclass(frozen=True, slots=True)
class Terms:
    """What a program pays and asks.

    Args:
        rate_cents: hundredths of the currency a kWh. early_percent: on top in the first interval of an event, falling
            evenly to nothing in its last. scarce: (permille over the threshold, percent on top), ascending.
        penalty_percent: of the rate, for a home that used more than its baseline over the month; 0: none.
        cap_micro: the most a home gets, or pays, a month. notice_s: the least between announcement and start.
        longest_s: of an event. events_a_month: the most a home is asked. approve_wh: a manual event of this target or
            more needs a second person. confidence_percent: of reaching the target, for the dispatch.
        baseline: name of the preset (`quietgrid.algorithms.baseline`); facts of homes use its linear one.
    """

    rate_cents: int = 40
    early_percent: int = 0
    scarce: tuple[tuple[int, int], ...] = ()
    penalty_percent: int = 0
    cap_micro: int = 20_000_000
    notice_s: int = 7_200
    longest_s: int = 7_200
    events_a_month: int = 8
    approve_wh: int = 500_000
    confidence_percent: int = 80
    baseline: str = "10-of-10"

    def __post_init__(self) -> None:
        whole = (self.rate_cents, self.early_percent, self.penalty_percent, self.cap_micro, self.notice_s)
        if min(whole) < 0 or self.rate_cents == 0 or self.longest_s <= 0 or self.events_a_month <= 0:
            raise InputError("a program's terms are positive numbers", where="terms", fix="see `quietgrid program`")
        if not 50 <= self.confidence_percent < 100:
            raise InputError("a confidence is 50 to 99 percent", where="confidence_percent", fix="80 is usual")


@dataclass(frozen=True, slots=True)
class Target:
    """Whom something is for; what is empty is not asked for.

    Args:
        region: as in `Utility`. feeders: names of leaves. segments: kinds of parties (`model.party.PartyKind`).
        capabilities: at least one of these.
    """

    region: str = ""
    feeders: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    capabilities: tuple[Capability, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """A utility's offer.

    Args:
        id, name, utility: what it is. region: where. pack: version of the region's rule pack, as ``DE/1``.
        terms: of it. threshold: None if events are only started by hand. target: whom it is for.
        starts, ends: when it runs; `ends` 0: open. revision: counts changes, from 1.
    """

    id: str
    name: str
    utility: str
    region: str
    pack: str = ""
    terms: Terms = Terms()
    threshold: Threshold | None = None
    target: Target = Target()
    starts: float = 0.0
    ends: float = 0.0
    revision: int = 1

    def __post_init__(self) -> None:
        check_id(self.id)

    def runs(self, at: float) -> bool:
        """Whether it runs at a moment."""
        return self.starts <= at and (self.ends == 0.0 or at < self.ends)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a home allows; its own process keeps to it, whatever is asked.

    Args:
        events_a_month: the most it takes part in. blackout_hours: local hours (0 to 23) it is never asked in.
        reserve_percent: comfort floor: of its battery kept for itself. share_percent: of its flexible load that may be
            shifted at most. automatic: take part unless its people say no; else only if they say yes.
    """

    events_a_month: int = 8
    blackout_hours: tuple[int, ...] = ()
    reserve_percent: int = 20
    share_percent: int = 60
    automatic: bool = True

    def __post_init__(self) -> None:
        if any(not 0 <= hour < 24 for hour in self.blackout_hours):
            raise InputError("an hour of the day is 0 to 23", where="blackout_hours", fix="give local hours")
        if not (0 <= self.reserve_percent <= 100 and 0 <= self.share_percent <= 100 and self.events_a_month >= 0):
            raise InputError("a share is 0 to 100 percent", where="limits", fix="check them")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A home in a program. What the platform holds of it; the limits beyond the hours stay at home.

    Args:
        program, home: who where. capabilities: what it can shift. capacity_w: about how much.
        events_a_month, blackout_hours: see `Limits`. each: whether one number an event may be opened, instead of one a
            month. since, until: when (0: still).
    """

    program: str
    home: int
    capabilities: tuple[Capability, ...]
    capacity_w: int
    events_a_month: int = 8
    blackout_hours: tuple[int, ...] = ()
    each: bool = False
    since: float = 0.0
    until: float = 0.0

    def holds(self, at: float) -> bool:
        """Whether it is enrolled at a moment."""
        return self.since <= at and (self.until == 0.0 or at < self.until)


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Args:
        id, program: what it is. window: its intervals. target: whom it is for. target_wh: the reduction wanted, all of
            it together. rate_cents: a kWh, scarcity included. cause, reason: why. state: of its life.
        asked_by, approved_by: people; or ``rule``. made, announced: when. revision: counts changes, from 1.
        asked: how many homes are asked; expected_wh: what they are expected to deliver. sure_wh: what they deliver with
            the program's confidence.
        cancelled: why, if it was.
    """

    id: str
    program: str
    window: Window
    target: Target
    target_wh: int
    rate_cents: int
    cause: Cause
    reason: str = ""
    state: EventState = EventState.PROPOSED
    asked_by: str = ""
    approved_by: str = ""
    made: float = 0.0
    announced: float = 0.0
    revision: int = 1
    asked: int = 0
    expected_wh: int = 0
    sure_wh: int = 0
    cancelled: str = ""

    def __post_init__(self) -> None:
        check_id(self.id)

    @property
    def emergency(self) -> bool:
        """Whether it is an emergency override."""
        return self.cause is Cause.OVERRIDE

    def to(self, state: EventState) -> Event:
        """The event in its next state.

        Raises:
            ConflictError: that state cannot follow.
        """
        if state not in NEXT[self.state]:
            raise ConflictError(f"an event that is {self.state} cannot become {state}", where=self.id, fix="look again")
        return replace(self, state=state, revision=self.revision + 1)


@dataclass(frozen=True, slots=True)
class Participation:
    """What one home decided. by: ``agent``, ``hand`` or ``ven``. why: a word, for those that are out."""

    event: str
    home: int
    choice: Choice
    at: float
    by: str = "agent"
    why: str = ""


@dataclass(frozen=True, slots=True)
class Counters:
    """Participation in one event, live. asked = joined + out + silent."""

    asked: int
    joined: int
    out: int

    @property
    def silent(self) -> int:
        """Who said nothing (yet)."""
        return self.asked - self.joined - self.out


@dataclass(frozen=True, slots=True)
class Measured:
    """The reduction of one group over one event, from opened totals.

    Args:
        event, group: of what. baseline_wh, measured_wh: over the event. low_wh, high_wh: of the reduction, nine in ten
            cases on days without an event. days: how many the baseline rests on. homes: the fewest in one interval.
    """

    event: str
    group: str
    baseline_wh: int
    measured_wh: int
    low_wh: int
    high_wh: int
    days: int
    homes: int

    @property
    def delivered_wh(self) -> int:
        """What was used less than the baseline; negative: more."""
        return self.baseline_wh - self.measured_wh


@dataclass(frozen=True, slots=True)
class Reward:
    """One home's number, and what it gets.

    Args:
        fact: name of the registered fact. home: whose. number: as it was opened, with the group's mean in place of
            missing intervals. amount_micro: what it gets; negative: what it pays. events: how many it is about.
            missing: intervals that were not delivered in time.
    """

    fact: str
    home: int
    number: int
    amount_micro: int
    events: int
    missing: int = 0
