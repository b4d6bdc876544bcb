"""A keyholder's people and rules: enrolments, member lists, books, prices, consents, blocked leaves, omissions.

Keys are not here but in the key files (`crypto.secret.keyfiles`); `row` is an enrolment's place in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from quietgrid.errors import NotFoundError
from quietgrid.store.published import Published
from quietgrid.store.schema import (
    BLOB,
    INT,
    KEYHOLDER,
    NUMBER,
    TEXT,
    column,
    insert_new,
    key,
    put,
    signed64,
    signed_list,
    table,
    unsigned64,
)

_enrolment = table(
    "enrolment",
    KEYHOLDER,
    key("pid", INT),
    column("row", INT, unique=True),
    column("home", INT),
    column("hash", BLOB),
    column("signed", BLOB),
    column("ack", BLOB),
    column("forgotten", INT),
    sa.Index("enrolment_by_home", "home"),
)
_consent = table(
    "consent",
    KEYHOLDER,
    key("home", INT),
    key("subject", TEXT),
    key("recipient", TEXT),
    column("expires", NUMBER),
    column("hash", BLOB),
    column("signed", BLOB),
)
_blocked = table(
    "blocked_leaf", KEYHOLDER, key("leaf", INT), column("reason", TEXT), column("since", NUMBER), column("clear", BLOB)
)
_omission = table("omission", KEYHOLDER, key("home", INT), key("pid", INT), key("slot", INT))


@dataclass(frozen=True, slots=True)
class EnrolmentRow:
    """One enrolment: `row` its place in the key files, `signed` empty once it is forgotten."""

    pid: int
    row: int
    home: int
    hash: bytes
    signed: bytes
    ack: bytes
    forgotten: bool


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """A household's consent to a subject (vector id of an event, ``day:N``) for a recipient."""

    home: int
    subject: str
    recipient: str
    expires: float
    hash: bytes
    signed: bytes


class Members(Published):
    """Whom this keyholder holds keys for, and what it has agreed to about them."""

    def put_enrolments(self, enrolments: Sequence[tuple[int, int, bytes, bytes, bytes]]) -> list[int]:
        """Keep checked enrolments: (pid, home, hash, signed, own ack); their rows.

        Raises:
            ConflictError: a pid is enrolled with something else.
        """
        last = self._c.execute(sa.select(sa.func.max(_enrolment.c.row))).scalar()
        after = -1 if last is None else int(last)
        records, rows = [], []
        for pid, home, hash, signed, ack in enrolments:
            known = self._c.execute(sa.select(_enrolment.c.row).where(_enrolment.c.pid == signed64(pid))).scalar()
            after += known is None
            rows.append(after if known is None else int(known))
            record = {"pid": signed64(pid), "row": rows[-1], "home": signed64(home), "hash": hash, "signed": signed}
            records.append(record | {"ack": ack, "forgotten": 0})
        put(self._c, _enrolment, records, ignore=("ack",))
        return rows

    def put_enrolment(self, pid: int, home: int, hash: bytes, signed: bytes, ack: bytes) -> int:
        """Keep one checked enrolment; its row."""
        return self.put_enrolments([(pid, home, hash, signed, ack)])[0]

    def enrolment(self, pid: int) -> EnrolmentRow:
        """One enrolment."""
        query = sa.select(_enrolment).where(_enrolment.c.pid == signed64(pid))
        return _as_enrolment(self._one(query, "enrolment", f"pid {pid}"))

    def enrolments(self) -> list[EnrolmentRow]:
        """All enrolments by row."""
        return [_as_enrolment(row) for row in self._c.execute(sa.select(_enrolment).order_by(_enrolment.c.row))]

    def rows(self, pids: NDArray[np.uint64]) -> NDArray[np.int64]:
        """int64 [n]: places of meters in the key files, -1 for those unknown or forgotten."""
        query = sa.select(_enrolment.c.pid, _enrolment.c.row).where(_enrolment.c.forgotten == 0)
        known = {found.pid: found.row for found in self._c.execute(query)}
        return np.array([known.get(pid, -1) for pid in signed_list(pids)], np.int64)

    def forget(self, pid: int) -> int:
        """Erase what an enrolment says; its row, so that the keys there can be erased too."""
        t = _enrolment.c
        values = {"forgotten": 1, "signed": b"", "ack": b""}
        if self._c.execute(sa.update(_enrolment).where(t.pid == signed64(pid)).values(values)).rowcount != 1:
            raise NotFoundError("there is no such enrolment", where=f"pid {pid}", fix="check the number")
        return int(self._c.execute(sa.select(t.row).where(t.pid == signed64(pid))).scalar_one())

    def put_consent(self, consent: ConsentRow) -> bool:
        """Keep a consent; True if it is new, `ConflictError` if another is recorded for the same."""
        row = {name: getattr(consent, name) for name in ConsentRow.__slots__} | {"home": signed64(consent.home)}
        return put(self._c, _consent, [row]) == 1

    def consents(self, subject: str, home: int | None = None) -> list[ConsentRow]:
        """Consents to a subject that have not expired, by home."""
        t = _consent.c
        query = sa.select(_consent).where(t.subject == subject, t.expires > self._clock.now()).order_by(t.home)
        if home is not None:
            query = query.where(t.home == signed64(home))
        return [
            ConsentRow(unsigned64(r.home), r.subject, r.recipient, r.expires, bytes(r.hash), bytes(r.signed))
            for r in self._c.execute(query)
        ]

    def revoke_consent(self, home: int, subject: str, recipient: str) -> None:
        """Take a consent back, for questions not yet answered."""
        t = _consent.c
        same = (t.home == signed64(home), t.subject == subject, t.recipient == recipient)
        self._c.execute(sa.delete(_consent).where(*same))

    def revoke_consents(self, home: int) -> None:
        """Take all consents of a home back: the key that signed them was replaced."""
        self._c.execute(sa.delete(_consent).where(_consent.c.home == signed64(home)))

    def block_leaf(self, leaf: int, reason: str) -> None:
        """Stop a leaf's totals until the auditor clears it. The first reason stays."""
        row = {"leaf": leaf, "reason": reason, "since": self._clock.now(), "clear": b""}
        if leaf not in self.blocked():
            self._c.execute(sa.delete(_blocked).where(_blocked.c.leaf == leaf))
            insert_new(self._c, _blocked, [row])

    def clear_leaf(self, leaf: int, signed: bytes) -> None:
        """Let a leaf's totals go on, by the auditor's signed clearance."""
        self._c.execute(sa.update(_blocked).where(_blocked.c.leaf == leaf).values(clear=signed))

    def blocked(self) -> dict[int, str]:
        """Blocked leaves and why."""
        rows = self._c.execute(sa.select(_blocked).where(sa.func.length(_blocked.c.clear) == 0))
        return {int(row.leaf): str(row.reason) for row in rows}

    def put_omission(self, home: int, pids: NDArray[np.uint64], slots: NDArray[np.int64]) -> int:
        """Count cells (pid, absolute slot) that a household showed to be delivered but omitted; how many are new."""
        pairs = zip(signed_list(pids), slots.tolist(), strict=True)
        return insert_new(self._c, _omission, [{"home": signed64(home), "pid": p, "slot": s} for p, s in pairs])

    def omissions(self, home: int, first: int, end: int) -> int:
        """Omitted cells of a home in absolute slots ``[first, end)``."""
        t = _omission.c
        query = sa.select(sa.func.count()).where(t.home == signed64(home), t.slot >= first, t.slot < end)
        return int(self._c.execute(query).scalar_one())


def _as_enrolment(row: sa.Row[Any]) -> EnrolmentRow:
    ids = (unsigned64(row.pid), row.row, unsigned64(row.home))
    return EnrolmentRow(*ids, bytes(row.hash), bytes(row.signed), bytes(row.ack), bool(row.forgotten))
