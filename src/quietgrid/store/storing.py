"""Storage planned under encryption: which key a station has sent, what it asked, the encrypted answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from quietgrid.errors import ConflictError
from quietgrid.store.schema import BLOB, INT, NUMBER, PLATFORM, TEXT, Tables, column, key, table

WAITING, DONE, FAILED = "waiting", "done", "failed"

_key = table(
    "station_key", PLATFORM, key("station", INT), column("key_id", TEXT), column("sent_at", NUMBER),
    column("at", NUMBER),
)  # fmt: skip
_plan = table(
    "station_plan", PLATFORM, key("id", TEXT), column("station", INT), column("day", INT), column("resolution", INT),
    column("schedule", TEXT), column("key_id", TEXT), column("question", BLOB), column("state", TEXT),
    column("asked_at", NUMBER), column("done_at", NUMBER, null=True), column("answer", BLOB), column("cpu_ms", INT),
    column("why", TEXT), sa.Index("station_plan_by_day", "day", "station"),
    sa.Index("station_plan_by_state", "state", "asked_at"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One question and what became of it.

    Args:
        id: hex, the question's hash. station: home number of the station. day: first interval's start, Unix seconds.
            question: the signed envelope. state: `WAITING`, `DONE` or `FAILED`. answer: encrypted, or empty.
    """

    id: str
    station: int
    day: int
    resolution: int
    schedule: str
    key_id: str
    question: bytes
    state: str
    asked_at: float
    done_at: float | None
    answer: bytes
    cpu_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class DayPlans:
    """How far the plans of one day are. `cpu_ms`, `answer_bytes`: of those that are done, together."""

    day: int
    schedule: str
    resolution: int
    asked: int
    done: int
    failed: int
    cpu_ms: int
    answer_bytes: int
    question_bytes: int


class StoringTables(Tables):
    """Keys and plans of stations."""

    def put_key(self, station: int, key_id: str, sent_at: float) -> str:
        """Note which key a station sent; the id of the one it replaces, or nothing.

        Raises:
            ConflictError: a newer one is here: an old message was sent again. Or it is another station's.
        """
        row = self._c.execute(sa.select(_key).where(_key.c.station == station)).first()
        if row is not None and row.sent_at > sent_at:
            raise ConflictError("a newer key is here", where=f"station {station}", fix="send a new one, or nothing")
        others = sa.select(_key.c.station).where(_key.c.key_id == key_id, _key.c.station != station)
        if self._c.execute(others).first() is not None:
            raise ConflictError("another station has this key", where=f"station {station}", fix="make an own one")
        self._c.execute(sa.delete(_key).where(_key.c.station == station))
        values = {"station": station, "key_id": key_id, "sent_at": sent_at, "at": self._clock.now()}
        self._c.execute(sa.insert(_key).values(values))
        return "" if row is None or row.key_id == key_id else str(row.key_id)

    def drop_key(self, station: int, sent_at: float) -> str:
        """Forget a station's key; its id, or nothing.

        Raises:
            ConflictError: the key is newer than this word.
        """
        row = self._c.execute(sa.select(_key).where(_key.c.station == station)).first()
        if row is None or not row.key_id:
            return ""
        if row.sent_at > sent_at:
            raise ConflictError("a newer key is here", where=f"station {station}", fix="take that one back")
        values = {"key_id": "", "sent_at": sent_at, "at": self._clock.now()}  # stays: the old key cannot come again
        self._c.execute(sa.update(_key).where(_key.c.station == station).values(values))
        return str(row.key_id)

    def key_of(self, station: int) -> str:
        """The id of a station's key, or nothing."""
        found = self._c.execute(sa.select(_key.c.key_id).where(_key.c.station == station)).scalar()
        return "" if found is None else str(found)

    def ask(self, row: PlanRow) -> bool:
        """Keep a question; False if it is here already.

        Raises:
            ConflictError: the station asked another one for that day and schedule, and it has not failed.
        """
        if self.find(row.id) is not None:
            return False
        same = (_plan.c.station == row.station, _plan.c.day == row.day, _plan.c.schedule == row.schedule)
        if self._c.execute(sa.select(_plan.c.id).where(*same, _plan.c.state != FAILED)).first() is not None:
            raise ConflictError(
                "this day is planned already", where=f"station {row.station}", fix="fetch the answer of that question"
            )
        values: dict[str, Any] = {name: getattr(row, name) for name in PlanRow.__slots__}
        self._c.execute(sa.insert(_plan).values(values))
        return True

    def finish(self, plan: str, answer: bytes, cpu_ms: int, why: str = "") -> None:
        """Keep what came of a question, once."""
        values = {
            "state": FAILED if why else DONE, "answer": answer, "cpu_ms": cpu_ms, "why": why,
            "done_at": self._clock.now(),
        }  # fmt: skip
        self._c.execute(sa.update(_plan).where(_plan.c.id == plan, _plan.c.state == WAITING).values(values))

    def find(self, plan: str) -> PlanRow | None:
        """One question."""
        row = self._c.execute(sa.select(_plan).where(_plan.c.id == plan)).first()
        return None if row is None else _read(row)

    def waiting(self, limit: int = 1_000) -> list[PlanRow]:
        """Questions without an answer, oldest first."""
        query = sa.select(_plan).where(_plan.c.state == WAITING).order_by(_plan.c.asked_at, _plan.c.id).limit(limit)
        return [_read(row) for row in self._c.execute(query)]

    def days(self, limit: int = 30) -> list[DayPlans]:
        """How far each day's plans are, newest first."""
        state = _plan.c.state
        query = (
            sa.select(
                _plan.c.day, _plan.c.schedule, sa.func.max(_plan.c.resolution), sa.func.count(),
                sa.func.sum(sa.case((state == DONE, 1), else_=0)), sa.func.sum(sa.case((state == FAILED, 1), else_=0)),
                sa.func.sum(_plan.c.cpu_ms), sa.func.sum(sa.func.length(_plan.c.answer)),
                sa.func.sum(sa.func.length(_plan.c.question)),
            )
            .group_by(_plan.c.day, _plan.c.schedule).order_by(_plan.c.day.desc(), _plan.c.schedule).limit(limit)
        )  # fmt: skip
        return [DayPlans(day, str(name), *(int(n or 0) for n in rest)) for day, name, *rest in self._c.execute(query)]

    def prune(self, before: int) -> int:
        """Delete questions and answers of days before `before`; how many."""
        return int(self._c.execute(sa.delete(_plan).where(_plan.c.day < before)).rowcount)


def _read(row: sa.Row[Any]) -> PlanRow:
    return PlanRow(*(getattr(row, name) for name in PlanRow.__slots__))
