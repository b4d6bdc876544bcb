"""The platform's audit log: who did what to what, hash-chained so that a change of the past shows.

h_n = SHA-256("qg1 log" ‖ h_n−1 ‖ canonical JSON of [seq, at, actor, action, subject, detail]), h_0 = 32 zero bytes.
Privacy: details name homes and periods, never a reading, a key or a ciphertext.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from quietgrid.errors import VerificationError
from quietgrid.store.schema import BLOB, INT, NUMBER, PLATFORM, TEXT, Tables, column, key, table

_log = table(
    "log",
    PLATFORM,
    key("seq", INT),
    column("at", NUMBER),
    column("actor", TEXT),
    column("action", TEXT),
    column("subject", TEXT),
    column("detail", TEXT),
    column("hash", BLOB),
    sa.Index("log_by_subject", "subject"),
)
START = bytes(32)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the log."""

    seq: int
    at: float
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    hash: bytes


class AuditLog(Tables):
    """Append-only."""

    def append(self, actor: str, action: str, subject: str, detail: Mapping[str, Any] | None = None) -> LogEntry:
        """Add one line. Args: who (role or account), verb (``bill.issue``), to what, and JSON-able detail."""
        seq, head = self.head()
        text = _canonical(dict(detail or {}))
        at = float(self._clock.now())
        values = (seq + 1, at, actor, action, subject, text)
        chained = _chain(head, values)
        names = ("seq", "at", "actor", "action", "subject", "detail")
        self._c.execute(sa.insert(_log).values(hash=chained, **dict(zip(names, values, strict=True))))
        return LogEntry(*values[:5], json.loads(text), chained)

    def head(self) -> tuple[int, bytes]:
        """Number and hash of the last line; (0, zeros) of an empty log."""
        row = self._c.execute(sa.select(_log.c.seq, _log.c.hash).order_by(_log.c.seq.desc()).limit(1)).first()
        return (int(row.seq), bytes(row.hash)) if row else (0, START)

    def head_before(self, unix: float) -> tuple[int, bytes]:
        """Number and hash of the last line before a moment; (0, zeros) if there is none."""
        query = sa.select(_log.c.seq, _log.c.hash).where(_log.c.at < unix).order_by(_log.c.seq.desc()).limit(1)
        row = self._c.execute(query).first()
        return (int(row.seq), bytes(row.hash)) if row else (0, START)

    def entries(self, after: int = 0, limit: int = 100, *, action: str = "", subject: str = "") -> list[LogEntry]:
        """Lines after a number, oldest first; `action` matches as a prefix."""
        query = sa.select(_log).where(_log.c.seq > after).order_by(_log.c.seq).limit(limit)
        return self._entries(_filtered(query, action, subject))

    def latest(self, limit: int = 100, *, action: str = "", subject: str = "") -> list[LogEntry]:
        """The last lines, newest first."""
        query = sa.select(_log).order_by(_log.c.seq.desc()).limit(limit)
        return self._entries(_filtered(query, action, subject))

    def verify(self) -> tuple[int, bytes]:
        """Recompute the chain; its head.

        Raises:
            VerificationError: a line was changed, removed or put in.
        """
        seq, head = 0, START
        for row in self._c.execute(sa.select(_log).order_by(_log.c.seq)):
            values = (row.seq, row.at, row.actor, row.action, row.subject, row.detail)
            if row.seq != seq + 1 or _chain(head, values) != bytes(row.hash):
                raise VerificationError(
                    "the audit log was changed", where=f"log line {seq + 1}", fix="compare with an exported copy"
                )
            seq, head = row.seq, bytes(row.hash)
        return seq, head

    def _entries(self, query: sa.Select[Any]) -> list[LogEntry]:
        return [
            LogEntry(r.seq, r.at, r.actor, r.action, r.subject, json.loads(r.detail), bytes(r.hash))
            for r in self._c.execute(query)
        ]


def _filtered(query: sa.Select[Any], action: str, subject: str) -> sa.Select[Any]:
    if action:
        query = query.where(_log.c.action.startswith(action, autoescape=True))
    return query.where(_log.c.subject == subject) if subject else query


def _canonical(detail: dict[str, Any]) -> str:
    return json.dumps(detail, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _chain(head: bytes, line: tuple[int, float, str, str, str, str]) -> bytes:
    text = json.dumps(line, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(b"qg1 log" + head + text.encode()).digest()


def check_log(lines: Sequence[Mapping[str, Any]]) -> bytes:
    """Recompute the chain of exported lines (`LogEntry` as mappings, from the first on); its head.

    Raises:
        VerificationError: a line was changed, removed or put in.
    """
    head = START
    for number, line in enumerate(lines, start=1):
        values = (line["seq"], line["at"], line["actor"], line["action"], line["subject"], _canonical(line["detail"]))
        head = _chain(head, values)
        if line["seq"] != number or head != bytes(line["hash"]):
            raise VerificationError(
                "the audit log was changed", where=f"log line {number}", fix="compare with an exported copy"
            )
    return head
