"""Demand response: utilities, programs, enrolments, events, choices, and what was measured and earned."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import sqlalchemy as sa

from quietgrid.errors import ConflictError
from quietgrid.model.response import (
    Choice,
    Counters,
    Enrolment,
    Event,
    EventState,
    Measured,
    Participation,
    Program,
    Reward,
    Utility,
)
from quietgrid.store.schema import (
    BLOB,
    INT,
    NUMBER,
    PLATFORM,
    TEXT,
    Tables,
    column,
    insert_new,
    key,
    put,
    signed64,
    table,
    unsigned64,
)

_utility = table("response_utility", PLATFORM, key("id", TEXT), column("body", TEXT))
_program = table(
    "response_program", PLATFORM, key("id", TEXT), column("utility", TEXT), column("revision", INT),
    column("body", TEXT),
)  # fmt: skip
_enrolment = table(
    "response_enrolment", PLATFORM, key("program", TEXT), key("home", INT), key("since", NUMBER),
    column("until", NUMBER), column("body", TEXT), column("signed", BLOB),
    sa.Index("response_enrolment_by_home", "home"),
)  # fmt: skip
_event = table(
    "response_event", PLATFORM, key("id", TEXT), column("program", TEXT), column("first", INT), column("state", TEXT),
    column("revision", INT), column("body", TEXT), sa.Index("response_event_by_state", "state"),
)  # fmt: skip
_choice = table(
    "response_choice", PLATFORM, key("event", TEXT), key("home", INT), column("choice", TEXT), column("at", NUMBER),
    column("made_by", TEXT), column("why", TEXT),
)  # fmt: skip
_measured = table(
    "response_measured", PLATFORM, key("event", TEXT), key("name", TEXT), column("body", TEXT), column("at", NUMBER)
)
_fact = table(
    "response_fact", PLATFORM, key("name", TEXT), column("program", TEXT), column("period", INT), column("leaf", TEXT),
    column("events", TEXT), column("holders", BLOB), column("signed", BLOB), column("question", BLOB),
    column("state", TEXT), column("days", INT), column("step_cents", INT),
    sa.Index("response_fact_by_period", "period"),
)  # fmt: skip
_reward = table(
    "response_reward", PLATFORM, key("fact", TEXT), key("home", INT), column("number", INT),
    column("amount_micro", INT), column("events", INT), column("missing", INT),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FactRow:
    """A registered fact: one number of each holder over some events.

    Args:
        name: the vector's, with its leaf. program, period: of what (first slot of the billing period). leaf: name.
            events: ids.
        holders: homes. signed: the `Signed[EventMessage]`, encoded. days, step_cents: see
            `MonthFact`. question: hash of the question, empty before.
        state: ``registered``, ``opened``, or why the gate refused.
    """

    name: str
    program: str
    period: int
    leaf: str
    events: tuple[str, ...]
    holders: tuple[int, ...]
    signed: bytes
    days: int = 1
    step_cents: int = 1
    question: bytes = b""
    state: str = "registered"


class ResponseTables(Tables):
    """See the module."""

    # -- utilities and programs ------------------------------------------------------------------------------------

    def put_utility(self, utility: Utility) -> None:
        """Keep a utility, in place of what was known of it."""
        self._c.execute(sa.delete(_utility).where(_utility.c.id == utility.id))
        self._c.execute(sa.insert(_utility).values(id=utility.id, body=_text(utility)))

    def utility(self, id: str) -> Utility:
        """One, or `NotFoundError`."""
        row = self._one(sa.select(_utility).where(_utility.c.id == id), "utility", id)
        return msgspec.json.decode(row.body, type=Utility)

    def utilities(self) -> list[Utility]:
        """All, by id."""
        rows = self._c.execute(sa.select(_utility).order_by(_utility.c.id))
        return [msgspec.json.decode(row.body, type=Utility) for row in rows]

    def save_program(self, program: Program) -> None:
        """Write a program.

        Raises:
            ConflictError: it was changed in between: its revision must be one more than the one that is kept.
        """
        row = {"utility": program.utility, "revision": program.revision, "body": _text(program)}
        if program.revision == 1:
            put(self._c, _program, [{"id": program.id, **row}])
            return
        same = (_program.c.id == program.id, _program.c.revision == program.revision - 1)
        self._changed(self._c.execute(sa.update(_program).where(*same).values(row)), program.id)

    def program(self, id: str) -> Program:
        """One, or `NotFoundError`."""
        row = self._one(sa.select(_program).where(_program.c.id == id), "program", id)
        return msgspec.json.decode(row.body, type=Program)

    def programs(self) -> list[Program]:
        """All, by id."""
        rows = self._c.execute(sa.select(_program).order_by(_program.c.id))
        return [msgspec.json.decode(row.body, type=Program) for row in rows]

    # -- enrolments ------------------------------------------------------------------------------------------------

    def enrol(self, enrolment: Enrolment, signed: bytes) -> None:
        """Keep an enrolment, which ends an earlier one of the home in the program."""
        self.leave(enrolment.program, enrolment.home, enrolment.since)
        row = {
            "program": enrolment.program, "home": signed64(enrolment.home), "since": enrolment.since,
            "until": enrolment.until, "body": _text(enrolment), "signed": signed,
        }  # fmt: skip
        put(self._c, _enrolment, [row])

    def leave(self, program: str, home: int, at: float) -> int:
        """End a home's enrolment; how many ended."""
        t = _enrolment.c
        mine = (t.program == program, t.home == signed64(home), t.until == 0.0, t.since < at)
        return int(self._c.execute(sa.update(_enrolment).where(*mine).values(until=at)).rowcount)

    def enrolments(self, program: str = "", *, home: int | None = None, at: float | None = None) -> list[Enrolment]:
        """Enrolments in a program, of a home, that hold at a moment; by home."""
        t = _enrolment.c
        query = sa.select(_enrolment).order_by(t.home, t.program, t.since)
        if program:
            query = query.where(t.program == program)
        if home is not None:
            query = query.where(t.home == signed64(home))
        if at is not None:
            query = query.where(t.since <= at, sa.or_(t.until == 0.0, t.until > at))
        return [
            replace(msgspec.json.decode(row.body, type=Enrolment), until=row.until) for row in self._c.execute(query)
        ]

    def forget(self, home: int) -> None:
        """Delete what homes that were erased signed and chose; postings stay."""
        for one in (_enrolment, _choice):
            self._c.execute(sa.delete(one).where(one.c.home == signed64(home)))

    # -- events ----------------------------------------------------------------------------------------------------

    def add_event(self, event: Event) -> bool:
        """Keep a new event; whether it is new.

        Raises:
            ConflictError: another event has its id.
        """
        return put(self._c, _event, [{"id": event.id, **_event_row(event)}]) == 1

    def save_event(self, event: Event) -> None:
        """Write what became of an event.

        Raises:
            ConflictError: it was changed in between: its revision must be one more than the one that is kept.
        """
        same = (_event.c.id == event.id, _event.c.revision == event.revision - 1)
        self._changed(self._c.execute(sa.update(_event).where(*same).values(_event_row(event))), event.id)

    def event(self, id: str) -> Event:
        """One, or `NotFoundError`."""
        row = self._one(sa.select(_event).where(_event.c.id == id), "event", id)
        return msgspec.json.decode(row.body, type=Event)

    def events(
        self, program: str = "", *, states: Collection[EventState] = (), first: int = 0, end: int = 0, limit: int = 1000
    ) -> list[Event]:
        """Events, the newest first: of a program, in some states, that begin within slots [first, end)."""
        t = _event.c
        query = sa.select(_event).order_by(t.first.desc(), t.id).limit(limit)
        if program:
            query = query.where(t.program == program)
        if states:
            query = query.where(t.state.in_([state.value for state in states]))
        if first:
            query = query.where(t.first >= first)
        if end:
            query = query.where(t.first < end)
        return [msgspec.json.decode(row.body, type=Event) for row in self._c.execute(query)]

    # -- who takes part --------------------------------------------------------------------------------------------

    def choose(self, one: Participation) -> bool:
        """Keep what a home decided, in place of what it decided before; whether that changes anything."""
        t = _choice.c
        mine = (t.event == one.event, t.home == signed64(one.home))
        row = {"choice": one.choice.value, "at": one.at, "made_by": one.by, "why": one.why}
        if insert_new(self._c, _choice, [{"event": one.event, "home": signed64(one.home), **row}]):
            return True
        other = (*mine, sa.or_(t.choice != one.choice.value, t.why != one.why))
        return int(self._c.execute(sa.update(_choice).where(*other).values(row)).rowcount) > 0

    def participations(self, event: str, *, home: int | None = None) -> list[Participation]:
        """What homes decided for one event, by home."""
        query = sa.select(_choice).where(_choice.c.event == event).order_by(_choice.c.home)
        if home is not None:
            query = query.where(_choice.c.home == signed64(home))
        return [
            Participation(r.event, unsigned64(r.home), Choice(r.choice), r.at, r.made_by, r.why)
            for r in self._c.execute(query)
        ]

    def counters(self, event: Event) -> Counters:
        """Participation in one event."""
        t = _choice.c
        query = sa.select(t.choice, sa.func.count()).where(t.event == event.id).group_by(t.choice)
        counts = {str(choice): int(count) for choice, count in self._c.execute(query)}
        joined, out = counts.get(Choice.IN, 0), counts.get(Choice.OUT, 0)
        return Counters(max(event.asked, joined + out), joined, out)

    # -- what was measured and earned ------------------------------------------------------------------------------

    def put_measured(self, measured: Sequence[Measured]) -> int:
        """Keep measurements, once for ever."""
        at = float(self._clock.now())
        rows = [{"event": one.event, "name": one.group, "body": _text(one), "at": at} for one in measured]
        return put(self._c, _measured, rows, ignore=("at",)) if rows else 0

    def measured(self, event: str) -> list[Measured]:
        """Measurements of an event, by group."""
        query = sa.select(_measured).where(_measured.c.event == event).order_by(_measured.c.name)
        return [msgspec.json.decode(row.body, type=Measured) for row in self._c.execute(query)]

    def put_fact(self, fact: FactRow) -> bool:
        """Keep a registered fact; whether it is new."""
        return put(self._c, _fact, [_fact_row(fact)], ignore=("question", "state")) == 1

    def save_fact(self, name: str, question: bytes, state: str) -> None:
        """Write what became of a fact."""
        self._c.execute(sa.update(_fact).where(_fact.c.name == name).values(question=question, state=state))

    def facts(self, *, program: str = "", period: int | None = None, state: str = "") -> list[FactRow]:
        """Facts by name."""
        query = sa.select(_fact).order_by(_fact.c.name)
        if program:
            query = query.where(_fact.c.program == program)
        if period is not None:
            query = query.where(_fact.c.period == period)
        if state:
            query = query.where(_fact.c.state == state)
        return [
            FactRow(r.name, r.program, r.period, r.leaf, tuple(msgspec.json.decode(r.events, type=list[str])),
                    tuple(msgspec.msgpack.decode(r.holders, type=list[int])), bytes(r.signed), r.days,
                    r.step_cents, bytes(r.question), r.state)
            for r in self._c.execute(query)
        ]  # fmt: skip

    def put_rewards(self, rewards: Sequence[Reward]) -> int:
        """Keep opened numbers and what they earn; how many were new."""
        rows = [
            {"fact": one.fact, "home": signed64(one.home), "number": one.number, "amount_micro": one.amount_micro,
             "events": one.events, "missing": one.missing}
            for one in rewards
        ]  # fmt: skip
        return put(self._c, _reward, rows) if rows else 0

    def rewards(self, *, fact: str = "", home: int | None = None) -> list[Reward]:
        """Rewards of a fact, or of a home."""
        query = sa.select(_reward).order_by(_reward.c.fact, _reward.c.home)
        if fact:
            query = query.where(_reward.c.fact == fact)
        if home is not None:
            query = query.where(_reward.c.home == signed64(home))
        return [Reward(r.fact, unsigned64(r.home), r.number, r.amount_micro, r.events) for r in self._c.execute(query)]

    @staticmethod
    def _changed(done: sa.CursorResult[Any], where: str) -> None:
        if done.rowcount != 1:
            raise ConflictError("somebody else changed it in between", where=where, fix="read it again")


def _text(one: object) -> str:
    return msgspec.json.encode(one).decode()


def _event_row(event: Event) -> dict[str, Any]:
    return {
        "program": event.program, "first": event.window.first, "state": event.state.value, "revision": event.revision,
        "body": _text(event),
    }  # fmt: skip


def _fact_row(fact: FactRow) -> dict[str, Any]:
    return {
        "name": fact.name, "program": fact.program, "period": fact.period, "leaf": fact.leaf,
        "events": _text(list(fact.events)), "holders": msgspec.msgpack.encode(list(fact.holders)),
        "signed": fact.signed, "question": fact.question, "state": fact.state, "days": fact.days,
        "step_cents": fact.step_cents,
    }  # fmt: skip
