"""Encrypted comparisons: which server key a home has sent, what it asked, the encrypted answer. Nothing readable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from quietgrid.store.schema import (
    BLOB,
    INT,
    NUMBER,
    PLATFORM,
    TEXT,
    Tables,
    column,
    key,
    signed64,
    table,
    unsigned64,
)

WAITING, DONE, FAILED = "waiting", "done", "failed"

_key = table(
    "insight_key", PLATFORM, key("home", INT), column("key_id", TEXT, unique=True), column("bytes", INT),
    column("sha256", BLOB), column("at", NUMBER), column("used_at", NUMBER),
)  # fmt: skip
_request = table(
    "insight_request", PLATFORM, key("id", TEXT), column("home", INT), column("key_id", TEXT),
    column("figures", BLOB), column("month", BLOB), column("profile", BLOB), column("features", BLOB),
    column("state", TEXT), column("answer", BLOB), column("cpu_ms", INT), column("why", TEXT),
    column("asked_at", NUMBER), column("done_at", NUMBER, null=True),
    sa.Index("insight_request_by_home", "home", "asked_at"), sa.Index("insight_request_by_state", "state", "asked_at"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A home's server key, which lies in a file. Args: sha256: of it, 32 bytes. at, used_at: Unix seconds."""

    home: int
    key_id: str
    size: int
    sha256: bytes
    at: float
    used_at: float


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One encrypted question and what became of it.

    Args:
        id: hex. figures: hash of what it is compared with. month, profile, features: as sent. state: `WAITING`,
            `DONE` or `FAILED`. answer: encrypted, or empty. why: it failed.
    """

    id: str
    home: int
    key_id: str
    figures: bytes
    month: bytes
    profile: bytes
    features: bytes
    state: str
    answer: bytes
    cpu_ms: int
    why: str
    asked_at: float
    done_at: float | None


class InsightTables(Tables):
    """Keys and questions of homes."""

    def put_key(self, home: int, key_id: str, size: int, sha256: bytes) -> None:
        """Note a home's key in place of its former one."""
        self._c.execute(sa.delete(_key).where(_key.c.home == signed64(home)))
        now = self._clock.now()
        row = {"home": signed64(home), "key_id": key_id, "bytes": size, "sha256": sha256, "at": now, "used_at": now}
        self._c.execute(sa.insert(_key).values(row))

    def key_of(self, home: int) -> KeyRow | None:
        """The key of a home, if it sent one."""
        row = self._c.execute(sa.select(_key).where(_key.c.home == signed64(home))).first()
        return None if row is None else _as_key(row)

    def all_keys(self) -> list[KeyRow]:
        """All keys, the one that was used longest ago first."""
        return [_as_key(row) for row in self._c.execute(sa.select(_key).order_by(_key.c.used_at, _key.c.key_id))]

    def ask(self, row: RequestRow) -> None:
        """Keep a question; its home's key is in use."""
        values: dict[str, Any] = {name: getattr(row, name) for name in RequestRow.__slots__}
        self._c.execute(sa.insert(_request).values(values | {"home": signed64(row.home)}))
        used = {"used_at": self._clock.now()}
        self._c.execute(sa.update(_key).where(_key.c.home == signed64(row.home)).values(used))

    def finish(self, id: str, answer: bytes, cpu_ms: int, why: str = "") -> None:
        """Keep what came of a question, once."""
        values = {
            "state": FAILED if why else DONE, "answer": answer, "cpu_ms": cpu_ms, "why": why,
            "done_at": self._clock.now(),
        }  # fmt: skip
        self._c.execute(sa.update(_request).where(_request.c.id == id, _request.c.state == WAITING).values(values))

    def find(self, home: int, id: str) -> RequestRow | None:
        """One question of a home."""
        query = sa.select(_request).where(_request.c.id == id, _request.c.home == signed64(home))
        row = self._c.execute(query).first()
        return None if row is None else _as_request(row)

    def of_home(self, home: int) -> list[RequestRow]:
        """A home's questions, newest first."""
        t = _request.c
        query = sa.select(_request).where(t.home == signed64(home)).order_by(t.asked_at.desc(), t.id)
        return [_as_request(row) for row in self._c.execute(query)]

    def waiting(self) -> list[RequestRow]:
        """Questions without an answer, oldest first."""
        t = _request.c
        query = sa.select(_request).where(t.state == WAITING).order_by(t.asked_at, t.id)
        return [_as_request(row) for row in self._c.execute(query)]

    def drop(self, home: int, id: str) -> bool:
        """Erase a question of a home and its answer; whether it was there."""
        query = sa.delete(_request).where(_request.c.id == id, _request.c.home == signed64(home))
        return self._c.execute(query).rowcount == 1

    def forget(self, home: int) -> str:
        """Erase all of a home: key, questions, answers. The id of its key, or nothing."""
        found = self.key_of(home)
        self._c.execute(sa.delete(_key).where(_key.c.home == signed64(home)))
        self._c.execute(sa.delete(_request).where(_request.c.home == signed64(home)))
        return "" if found is None else found.key_id

    def prune(self, before: float) -> int:
        """Erase questions asked before a moment; how many."""
        return int(self._c.execute(sa.delete(_request).where(_request.c.asked_at < before)).rowcount)


def _as_key(row: sa.Row[Any]) -> KeyRow:
    return KeyRow(unsigned64(row.home), row.key_id, row.bytes, bytes(row.sha256), row.at, row.used_at)


def _as_request(row: sa.Row[Any]) -> RequestRow:
    values = {name: getattr(row, name) for name in RequestRow.__slots__}
    return RequestRow(**values | {"home": unsigned64(row.home)})
