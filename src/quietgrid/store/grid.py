"""The grid as it is run: networks, measurements, states, alarms, plans and set-points, breakers, stops.

Of measurements the newest of each sensor is kept, and a history that `prune_grid` bounds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from quietgrid.errors import ConflictError
from quietgrid.model.grid import Alarm, MeasuredKind, Measurement, Priority, SetPoint, SetPointKind
from quietgrid.model.interval import Window
from quietgrid.model.operation import (
    BalancePlan,
    Basis,
    Breaker,
    BreakerState,
    EmergencyStop,
    Fit,
    GridState,
    GroupPlan,
    GroupState,
    Held,
    PlanState,
    Proposal,
    SensorState,
    StopState,
)
from quietgrid.model.signal import Signal, SignalKind
from quietgrid.store.schema import BLOB, INT, NUMBER, PLATFORM, TEXT, Tables, column, insert_new, key, put, table

_network = table(
    "grid_network", PLATFORM, key("version", INT), column("name", TEXT), column("body", BLOB), column("by", TEXT),
    column("at", NUMBER),
)  # fmt: skip
_newest = table(
    "grid_newest", PLATFORM, key("kind", TEXT), key("element", TEXT), key("source", TEXT), column("value", INT),
    column("at", NUMBER), column("good", INT),
)  # fmt: skip
_measured = table(
    "grid_measured", PLATFORM, key("kind", TEXT), key("element", TEXT), key("source", TEXT), key("at", NUMBER),
    column("value", INT), column("good", INT), sa.Index("grid_measured_by_at", "at"),
)  # fmt: skip
_state = table(
    "grid_state", PLATFORM, key("resolution", INT), key("slot", INT), column("body", TEXT),
)  # fmt: skip
_alarm = table(
    "grid_alarm", PLATFORM, key("id", TEXT), column("rule", TEXT), column("element", TEXT), column("priority", INT),
    column("said", TEXT), column("since", NUMBER), column("until", NUMBER, null=True), column("seen_by", TEXT),
    column("seen_at", NUMBER, null=True), column("calm_since", NUMBER, null=True),
    sa.Index("grid_alarm_by_until", "until", "since"),
)  # fmt: skip
_plan = table(
    "grid_plan", PLATFORM, key("number", INT), column("first", INT), column("end", INT), column("resolution", INT),
    column("body", TEXT), column("why", TEXT), column("made_by", TEXT), column("made_at", NUMBER),
    column("state", TEXT), column("decided_by", TEXT), column("decided_at", NUMBER, null=True), column("reason", TEXT),
    sa.Index("grid_plan_by_state", "state"),
)  # fmt: skip
_set_point = table(
    "grid_set_point", PLATFORM, key("id", TEXT), column("plan", INT), column("kind", TEXT), column("element", TEXT),
    column("value", INT), column("start", NUMBER), column("end", NUMBER), column("reason", TEXT),
    column("issued", NUMBER), sa.Index("grid_set_point_by_end", "end"), sa.Index("grid_set_point_by_plan", "plan"),
)  # fmt: skip
_breaker = table(
    "grid_breaker", PLATFORM, key("name", TEXT), column("state", TEXT), column("since", NUMBER), column("why", TEXT),
    column("calm_since", NUMBER, null=True),
)  # fmt: skip
_stop = table(
    "grid_stop", PLATFORM, key("number", INT), column("state", TEXT), column("asked_by", TEXT),
    column("asked_at", NUMBER), column("reason", TEXT), column("agreed_by", TEXT),
    column("agreed_at", NUMBER, null=True), column("resume_by", TEXT), column("resume_at", NUMBER, null=True),
    column("resume_reason", TEXT), column("ended_by", TEXT), column("ended_at", NUMBER, null=True),
    column("recorded", INT),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """A network that was put in force. Args: version: from 1. name, body: see `put_network`. by, at: who, when."""

    version: int
    name: str
    body: bytes
    by: str
    at: float


class GridTables(Tables):
    """Everything that running the grid leaves behind."""

    # -- the network -----------------------------------------------------------------------------------------------

    def put_network(self, name: str, body: bytes, by: str) -> int:
        """Put a network in force; its version. The same body as the newest changes nothing."""
        held = self.network()
        if held is not None and held.body == body:
            return held.version
        version = 1 if held is None else held.version + 1
        row = {"version": version, "name": name, "body": body, "by": by, "at": float(self._clock.now())}
        put(self._c, _network, [row])
        return version

    def network(self) -> NetworkRow | None:
        """The network in force."""
        row = self._c.execute(sa.select(_network).order_by(_network.c.version.desc()).limit(1)).first()
        return None if row is None else NetworkRow(row.version, row.name, bytes(row.body), row.by, row.at)

    def networks(self) -> list[NetworkRow]:
        """Every network that was ever in force, the newest first."""
        rows = self._c.execute(sa.select(_network).order_by(_network.c.version.desc()))
        return [NetworkRow(row.version, row.name, bytes(row.body), row.by, row.at) for row in rows]

    def network_version(self) -> int:
        """The version in force, 0 without one."""
        return int(self._c.execute(sa.select(sa.func.max(_network.c.version))).scalar() or 0)

    # -- measurements ----------------------------------------------------------------------------------------------

    def put_measurements(self, measurements: Sequence[Measurement]) -> int:
        """Keep measurements; how many were new. An older one than the newest goes into the history only."""
        rows = [
            {"kind": m.kind.value, "element": m.element, "source": m.source, "at": float(m.at), "value": m.value,
             "good": int(m.good)}
            for m in measurements
        ]  # fmt: skip
        new = insert_new(self._c, _measured, rows)
        newest: dict[tuple[object, ...], dict[str, float | str]] = {}
        for row in sorted(rows, key=lambda r: float(str(r["at"])), reverse=True):
            newest.setdefault((row["kind"], row["element"], row["source"]), row)
        for row in newest.values():
            same = [_newest.c[name] == row[name] for name in ("kind", "element", "source")]
            if insert_new(self._c, _newest, [row]) == 0:
                changed = sa.update(_newest).where(*same, _newest.c.at < row["at"])
                self._c.execute(changed.values(value=row["value"], at=row["at"], good=row["good"]))
        return new

    def newest_measurements(self) -> list[Measurement]:
        """The newest of every sensor."""
        query = sa.select(_newest).order_by(_newest.c.kind, _newest.c.element, _newest.c.source)
        return [_as_measurement(row) for row in self._c.execute(query)]

    def measurements(self, start: float, end: float, kind: MeasuredKind | None = None) -> list[Measurement]:
        """Measurements of [start, end), oldest first."""
        query = sa.select(_measured).where(_measured.c.at >= start, _measured.c.at < end)
        if kind is not None:
            query = query.where(_measured.c.kind == kind.value)
        query = query.order_by(_measured.c.at, _measured.c.kind, _measured.c.element, _measured.c.source)
        return [_as_measurement(row) for row in self._c.execute(query)]

    def means(self, kind: MeasuredKind, window: Window) -> list[tuple[str, int, float]]:
        """Element, absolute slot, and the mean of its good values there, of a window. The database rounds seconds."""
        t = _measured.c
        slot = (sa.cast(t.at, sa.BigInteger) // window.resolution).label("slot")
        start, end = window.first * window.resolution, window.end * window.resolution
        query = sa.select(t.element, slot, sa.func.avg(t.value).label("mean"))
        query = query.where(t.kind == kind.value, t.good == 1, t.at >= start, t.at < end).group_by(t.element, slot)
        return [(row.element, int(row.slot), float(row.mean)) for row in self._c.execute(query)]

    def first_measured(self, kind: MeasuredKind) -> float | None:
        """When the oldest measurement of a kind was taken; None without any."""
        found = self._c.execute(sa.select(sa.func.min(_measured.c.at)).where(_measured.c.kind == kind.value)).scalar()
        return None if found is None else float(found)

    # -- states ----------------------------------------------------------------------------------------------------

    def put_states(self, states: Sequence[GridState]) -> None:
        """Keep states; one that is there is replaced: a later look knows more."""
        rows = [{"resolution": one.resolution, "slot": one.slot, "body": _state_text(one)} for one in states]
        if insert_new(self._c, _state, rows) == len(rows):
            return
        for row in rows:
            same = (_state.c.resolution == row["resolution"], _state.c.slot == row["slot"])
            self._c.execute(sa.update(_state).where(*same, _state.c.body != row["body"]).values(body=row["body"]))

    def states(self, window: Window) -> list[GridState]:
        """States of a window, in order."""
        t = _state.c
        query = sa.select(_state).where(t.resolution == window.resolution, t.slot >= window.first, t.slot < window.end)
        return [_as_state(row) for row in self._c.execute(query.order_by(t.slot))]

    def last_state(self) -> GridState | None:
        """The newest state."""
        row = self._c.execute(sa.select(_state).order_by((_state.c.slot * _state.c.resolution).desc()).limit(1)).first()
        return None if row is None else _as_state(row)

    def prune_grid(self, before: float) -> int:
        """Forget measurements and states from before a moment; how many. Alarms, plans and stops stay."""
        gone = self._c.execute(sa.delete(_measured).where(_measured.c.at < before)).rowcount
        old = sa.delete(_state).where(_state.c.slot * _state.c.resolution < int(before))
        return int(gone) + int(self._c.execute(old).rowcount)

    # -- alarms ----------------------------------------------------------------------------------------------------

    def raise_alarm(self, alarm: Alarm) -> bool:
        """Keep a new alarm; False if its id is known."""
        row = {
            "id": alarm.id, "rule": alarm.rule, "element": alarm.element, "priority": int(alarm.priority),
            "said": alarm.said, "since": alarm.since, "until": alarm.until, "seen_by": alarm.seen_by,
            "seen_at": alarm.seen_at, "calm_since": None,
        }  # fmt: skip
        return insert_new(self._c, _alarm, [row]) > 0

    def hold_alarms(self, held: Sequence[Held]) -> None:
        """Remember since when lasting alarms have been calm."""
        for one in held:
            same = (_alarm.c.rule == one.rule, _alarm.c.element == one.element, _alarm.c.until.is_(None))
            self._c.execute(sa.update(_alarm).where(*same).values(calm_since=one.calm_since))

    def end_alarm(self, rule: str, element: str, at: float) -> None:
        """End a lasting alarm."""
        same = (_alarm.c.rule == rule, _alarm.c.element == element, _alarm.c.until.is_(None))
        self._c.execute(sa.update(_alarm).where(*same).values(until=at, calm_since=None))

    def held_alarms(self) -> list[Held]:
        """Lasting alarms as the rules remember them."""
        query = sa.select(_alarm).where(_alarm.c.until.is_(None)).order_by(_alarm.c.since, _alarm.c.id)
        return [Held(r.rule, r.element, r.since, r.calm_since) for r in self._c.execute(query)]

    def alarms(self, *, lasting: bool = False, unseen: bool = False, limit: int = 100) -> list[Alarm]:
        """Alarms: those that last first, the most urgent first, then the newest.

        Args:
            lasting: only those that last. unseen: only those nobody has acknowledged.
        """
        over = sa.case((_alarm.c.until.is_(None), 0), else_=1)
        urgent = sa.case((_alarm.c.until.is_(None), _alarm.c.priority), else_=9)
        query = sa.select(_alarm).order_by(over, urgent, _alarm.c.since.desc(), _alarm.c.id).limit(limit)
        if lasting:
            query = query.where(_alarm.c.until.is_(None))
        if unseen:
            query = query.where(_alarm.c.seen_at.is_(None))
        return [_as_alarm(row) for row in self._c.execute(query)]

    def alarm(self, id: str) -> Alarm:
        """One by its id; `NotFoundError` if there is none."""
        return _as_alarm(self._one(sa.select(_alarm).where(_alarm.c.id == id), "alarm", id))

    def see_alarm(self, id: str, by: str, at: float) -> Alarm:
        """Somebody acknowledges an alarm; who was first stays."""
        unseen = sa.update(_alarm).where(_alarm.c.id == id, _alarm.c.seen_at.is_(None))
        self._c.execute(unseen.values(seen_by=by, seen_at=at))
        return self.alarm(id)

    # -- plans and set-points --------------------------------------------------------------------------------------

    def next_plan(self) -> int:
        """The number the next plan will have."""
        return int(self._c.execute(sa.select(sa.func.max(_plan.c.number))).scalar() or 0) + 1

    def add_plan(self, plan: BalancePlan) -> None:
        """Keep a new plan.

        Raises:
            ConflictError: another plan has its number.
        """
        put(self._c, _plan, [_plan_row(plan)])

    def save_plan(self, plan: BalancePlan) -> None:
        """Write what became of a plan."""
        self._c.execute(sa.update(_plan).where(_plan.c.number == plan.number).values(_plan_row(plan)))

    def plan(self, number: int) -> BalancePlan:
        """One by its number; `NotFoundError` if there is none."""
        return _as_plan(self._one(sa.select(_plan).where(_plan.c.number == number), "plan", f"plan {number}"))

    def plans(self, *, state: PlanState | None = None, limit: int = 50) -> list[BalancePlan]:
        """The newest first."""
        query = sa.select(_plan).order_by(_plan.c.number.desc()).limit(limit)
        if state is not None:
            query = query.where(_plan.c.state == state.value)
        return [_as_plan(row) for row in self._c.execute(query)]

    def decisions_since(self, at: float) -> list[float]:
        """When plans were dispatched since a moment, oldest first, cancelled ones too."""
        issued = sa.select(_set_point.c.plan, sa.func.min(_set_point.c.issued).label("at")).where(_set_point.c.plan > 0)
        query = issued.group_by(_set_point.c.plan).having(sa.func.min(_set_point.c.issued) >= at)
        return sorted(float(row.at) for row in self._c.execute(query))

    def put_set_points(self, points: Sequence[SetPoint], plan: int = 0) -> int:
        """Send set-points: of a plan, or (0) decided automatically. How many were new."""
        at = float(self._clock.now())
        rows = [
            {"id": p.id, "plan": plan, "kind": p.kind.value, "element": p.element, "value": p.value, "start": p.start,
             "end": p.end, "reason": p.reason, "issued": at}
            for p in points
        ]  # fmt: skip
        return insert_new(self._c, _set_point, rows)

    def set_points(self, start: float, end: float, *, element: str = "") -> list[SetPoint]:
        """Set-points that hold at some time within [start, end), in order of issue; a later one wins."""
        t = _set_point.c
        query = sa.select(_set_point).where(t.start < end, t.end > start, t.end > t.start)
        query = query.order_by(t.issued, t.plan, t.start, t.id)
        if element:
            query = query.where(t.element == element)
        return [
            SetPoint(r.id, SetPointKind(r.kind), r.element, r.value, r.start, r.end, r.reason)
            for r in self._c.execute(query)
        ]

    def cut_set_points(self, at: float, *, plan: int | None = None) -> int:
        """End set-points now (of one plan, or all): what has begun ends, what has not never begins. How many."""
        t = _set_point.c
        mine = t.end > at if plan is None else sa.and_(t.end > at, t.plan == plan)
        ended = sa.case((t.start > at, t.start), else_=at)
        return int(self._c.execute(sa.update(_set_point).where(mine).values(end=ended)).rowcount)

    # -- breakers and stops ----------------------------------------------------------------------------------------

    def breakers(self) -> dict[str, Breaker]:
        """Breakers that ever moved, by name."""
        found = self._c.execute(sa.select(_breaker).order_by(_breaker.c.name))
        return {r.name: Breaker(r.name, BreakerState(r.state), r.since, r.why, r.calm_since) for r in found}

    def save_breaker(self, one: Breaker) -> None:
        """Write a breaker's state."""
        row = {"state": one.state.value, "since": one.since, "why": one.why, "calm_since": one.calm_since}
        if not insert_new(self._c, _breaker, [{"name": one.name, **row}]):
            self._c.execute(sa.update(_breaker).where(_breaker.c.name == one.name).values(row))

    def stop(self) -> EmergencyStop | None:
        """The newest emergency stop, whatever became of it."""
        found = self.stops(limit=1)
        return found[0] if found else None

    def stops(self, *, limit: int = 20, unrecorded: bool = False) -> list[EmergencyStop]:
        """The newest first. unrecorded: those that were decided and are not queued for the chain."""
        query = sa.select(_stop).order_by(_stop.c.number.desc()).limit(limit)
        if unrecorded:
            query = query.where(_stop.c.recorded == 0, _stop.c.agreed_at.is_not(None))
        return [_as_stop(row) for row in self._c.execute(query)]

    def add_stop(self, asked_by: str, reason: str, at: float) -> EmergencyStop:
        """Somebody asks for a stop.

        Raises:
            ConflictError: one is asked for, or holds.
        """
        last = self.stop()
        if last is not None and last.state in (StopState.ASKED, StopState.STOPPED):
            raise ConflictError("a stop is asked for or holds already", where=f"stop {last.number}", fix="agree to it")
        one = EmergencyStop(1 if last is None else last.number + 1, StopState.ASKED, asked_by, at, reason)
        put(self._c, _stop, [_stop_row(one)])
        return one

    def save_stop(self, one: EmergencyStop) -> None:
        """Write what became of a stop."""
        self._c.execute(sa.update(_stop).where(_stop.c.number == one.number).values(_stop_row(one)))


def _as_measurement(row: sa.Row[Any]) -> Measurement:
    return Measurement(MeasuredKind(row.kind), row.element, row.value, row.at, row.source, bool(row.good))


def _as_alarm(row: sa.Row[Any]) -> Alarm:
    return Alarm(
        row.id, row.rule, row.element, Priority(row.priority), row.said, row.since, row.until, row.seen_by, row.seen_at
    )


def _state_text(one: GridState) -> str:
    return json.dumps(asdict(one), allow_nan=True, separators=(",", ":"))


def _as_state(row: sa.Row[Any]) -> GridState:
    body = json.loads(row.body)
    body["groups"] = tuple(GroupState(**group) for group in body["groups"])
    body["sensors"] = tuple(SensorState(**{**sensor, "fit": Fit(sensor["fit"])}) for sensor in body.get("sensors", ()))
    return GridState(**{**body, "basis": Basis(body["basis"])})


def _plan_row(one: BalancePlan) -> dict[str, Any]:
    window, body = one.proposal.window, asdict(one.proposal)
    return {
        "number": one.number, "first": window.first, "end": window.end, "resolution": window.resolution,
        "body": json.dumps(body, separators=(",", ":")), "why": one.why,
        "made_by": one.made_by, "made_at": one.made_at, "state": one.state.value, "decided_by": one.decided_by,
        "decided_at": one.decided_at, "reason": one.reason,
    }  # fmt: skip


def _as_plan(row: sa.Row[Any]) -> BalancePlan:
    body = json.loads(row.body)
    body["window"] = Window(**body["window"])
    body["groups"] = tuple(GroupPlan(**_tuples(group)) for group in body["groups"])
    body["set_points"] = tuple(SetPoint(**{**p, "kind": SetPointKind(p["kind"])}) for p in body["set_points"])
    body["signals"] = tuple(
        Signal(**{**_tuples(s), "kind": SignalKind(s["kind"]), "window": Window(**s["window"])})
        for s in body["signals"]
    )  # fmt: skip
    return BalancePlan(
        row.number, Proposal(**_tuples(body)), row.why, row.made_by, row.made_at, PlanState(row.state), row.decided_by,
        row.decided_at, row.reason,
    )  # fmt: skip


def _tuples(body: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}


def _stop_row(one: EmergencyStop) -> dict[str, Any]:
    return {**asdict(one), "state": one.state.value, "recorded": int(one.recorded)}


def _as_stop(row: sa.Row[Any]) -> EmergencyStop:
    return EmergencyStop(**{**row._mapping, "state": StopState(row.state), "recorded": bool(row.recorded)})
