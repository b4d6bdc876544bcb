"""Counts and pages for screens: what was asked and what came of it, how much is stored, who was here. Reads only.

Privacy: counts and names of groups; no sum, no ciphertext.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from quietgrid.store.answers import _answer, _question, _refusal
from quietgrid.store.log import _log
from quietgrid.store.schema import Tables
from quietgrid.store.segments import _segment

ANSWERED, REFUSED, OPEN = "answered", "refused", "open"


@dataclass(frozen=True, slots=True)
class AskedRow:
    """One question and what came of it.

    Args:
        hash: 32 bytes. kind, node, quantity: as asked. first, end: absolute slots. at: when it was registered.
        status: of the answer, empty without one. refusals: keyholder -> ``rule: why``.
    """

    hash: bytes
    kind: str
    node: str
    quantity: str
    first: int
    end: int
    at: float
    status: str
    refusals: dict[int, str]

    @property
    def outcome(self) -> str:
        """``answered``, ``refused`` or ``open``."""
        return ANSWERED if self.status else REFUSED if self.refusals else OPEN


class Overview(Tables):
    """Read-only summaries."""

    def asked(
        self, limit: int = 100, offset: int = 0, *, kind: str = "", outcome: str = "", node: str = ""
    ) -> list[AskedRow]:
        """Questions, newest first; of a kind, an outcome, or about nodes whose name contains `node`."""
        q = _question.c
        query = sa.select(_question, _answer.c.status.label("status")).outerjoin(_answer, _answer.c.question == q.hash)
        query = query.where(*_narrow(kind, outcome, node))
        rows = self._c.execute(query.order_by(q.at.desc(), q.first.desc(), q.hash).limit(limit).offset(offset)).all()
        hashes = [row.hash for row in rows]
        refusals: dict[bytes, dict[int, str]] = {}
        for found in self._c.execute(sa.select(_refusal).where(_refusal.c.question.in_(hashes))):
            body = bytes(found.body).decode(errors="replace")
            refusals.setdefault(bytes(found.question), {})[int(found.keyholder)] = body
        return [
            AskedRow(
                bytes(row.hash), row.kind, row.node, row.quantity, row.first, row.end, row.at, row.status or "",
                refusals.get(bytes(row.hash), {}),
            )
            for row in rows
        ]  # fmt: skip

    def asked_count(self, *, kind: str = "", outcome: str = "", node: str = "") -> int:
        """How many questions `asked` would list without a limit."""
        query = sa.select(sa.func.count()).select_from(
            _question.outerjoin(_answer, _answer.c.question == _question.c.hash)
        )
        return int(self._c.execute(query.where(*_narrow(kind, outcome, node))).scalar_one())

    def answered_like(self, name: str) -> list[bytes]:
        """Hashes of answered questions whose hex digits begin so; two at most."""
        low, high = bytes.fromhex(name.ljust(64, "0")), bytes.fromhex(name.ljust(64, "f"))
        found = sa.select(_answer.c.question).where(_answer.c.question >= low, _answer.c.question <= high).limit(2)
        return [bytes(digest) for digest in self._c.execute(found).scalars()]

    def asked_by_day(self, slots_per_day: int, outcome: str, since_day: int = 0) -> dict[int, int]:
        """UTC day of the first slot -> questions with this outcome."""
        q = _question.c
        day = sa.cast(q.first / slots_per_day, sa.BigInteger)
        query = (
            sa.select(day.label("day"), sa.func.count().label("n"))
            .select_from(_question.outerjoin(_answer, _answer.c.question == q.hash))
            .where(q.first >= since_day * slots_per_day, *_narrow("", outcome, ""))
            .group_by(day)
        )
        return {int(row.day): int(row.n) for row in self._c.execute(query)}

    def stored(self) -> tuple[int, int]:
        """How many sealed readings are stored (register by register), and their bytes."""
        s = _segment.c
        cells, size = self._c.execute(
            sa.select(sa.func.sum(s.n_rows * s.n_slots), sa.func.sum(sa.func.length(s.body)))
        ).one()
        return int(cells or 0), int(size or 0)

    def last_lines(self, action: str) -> dict[str, float]:
        """subject -> when the log last says `action` of it."""
        t = _log.c
        query = sa.select(t.subject, sa.func.max(t.at).label("at")).where(t.action == action).group_by(t.subject)
        return {str(row.subject): float(row.at) for row in self._c.execute(query)}

    def log_count(self, action: str = "") -> int:
        """Lines of the log (whose action starts so)."""
        query = sa.select(sa.func.count()).select_from(_log)
        if action:
            query = query.where(_log.c.action.startswith(action, autoescape=True))
        return int(self._c.execute(query).scalar_one())


def _narrow(kind: str, outcome: str, node: str) -> list[sa.ColumnElement[bool]]:
    q = _question.c
    refused = sa.exists().where(_refusal.c.question == q.hash)
    answered = _answer.c.status.is_not(None)
    found: list[sa.ColumnElement[bool]] = [q.kind == kind] if kind else []
    if node:
        found.append(q.node.contains(node, autoescape=True))
    if outcome == ANSWERED:
        found.append(answered)
    elif outcome == REFUSED:
        found += [~answered, refused]
    elif outcome == OPEN:
        found += [~answered, ~refused]
    return found
