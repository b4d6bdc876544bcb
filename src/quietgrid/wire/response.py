"""Demand response between a household and the platform: programs and events there, enrolments and choices back.

The same form as `wire.messages`: msgpack arrays in field order, signed over ``"qg1 " ‖ name ‖ 00 ‖ body``.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from quietgrid.crypto.public.envelope import Message

OWN_EVENTS, OWN_ENROLMENT, OWN_CHOICE = "/api/v1/own/events", "/api/v1/own/enrolment", "/api/v1/own/choice"
"""Where a household's process reads and answers."""


class ProgramEnrolment(Message, frozen=True):
    """A home joins a program, changes what it said, or (no capabilities) leaves it. Signed by the household."""

    NAME: ClassVar[str] = "response-enrolment"
    community: bytes
    home: int
    program: str
    capabilities: list[str]
    capacity_w: int
    events_a_month: int
    blackout_hours: list[int]
    each: bool
    at: float


class EventChoice(Message, frozen=True):
    """A home takes part in an event, or not. Signed by the household.

    `by`: ``agent`` or ``hand``. `why`: a word. `consents`: encoded `Signed[Consent]` for the numbers it may be measured
    by, as the keyholders have them; empty without.
    """

    NAME: ClassVar[str] = "response-choice"
    community: bytes
    home: int
    event: str
    choice: str
    by: str
    why: str
    at: float
    consents: list[bytes]


class ProgramRow(msgspec.Struct, array_like=True, frozen=True):
    """A program as homes see it. `enrolled`: whether this home is. Money in hundredths of the currency a kWh."""

    id: str
    name: str
    utility: str
    region: str
    rate_cents: int
    early_percent: int
    penalty_percent: int
    cap_micro: int
    notice_s: int
    events_a_month: int
    enrolled: bool
    each: bool


class EventRow(msgspec.Struct, array_like=True, frozen=True):
    """An event as homes see it. `asked`: whether this home is. `subjects`: what a consent to its number names."""

    id: str
    program: str
    first: int
    end: int
    resolution: int
    rate_cents: int
    state: str
    emergency: bool
    reason: str
    asked: bool
    choice: str
    by: str
    subjects: list[str]


class RewardRow(msgspec.Struct, array_like=True, frozen=True):
    """A number about this home, as it was opened, and what it earned. `slots`: its vector, to check it at home."""

    fact: str
    events: list[str]
    number: int
    amount_micro: int
    missing: int
    paid: bool
    slots: list[tuple[int, int]]
    days: int
    step_cents: int


class OwnEvents(Message, frozen=True):
    """What a home needs to know of demand response. Signed by the platform."""

    NAME: ClassVar[str] = "own-events"
    community: bytes
    home: int
    at: float
    programs: list[ProgramRow]
    events: list[EventRow]
    rewards: list[RewardRow]
