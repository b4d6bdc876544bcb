"""What a keyholder has bound itself to: votes, releases, faults. All of it final, all of it written before it is said.

Primary keys do the work: a second vote for a (leaf, slot), a second batch of a leaf and period, a second entry of a
late cell cannot be stored. Source: PROTOCOL A "Commit order", rows A1-A4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from quietgrid.errors import ConflictError
from quietgrid.store.closes import CloseRow, Closes
from quietgrid.store.schema import (
    BLOB,
    INT,
    KEYHOLDER,
    NUMBER,
    TEXT,
    column,
    key,
    put,
    signed_list,
    table,
    unsigned_array,
)

_vote = table("vote", KEYHOLDER, key("subject", BLOB), column("signed", BLOB), column("at", NUMBER))
_slot = table("slot_vote", KEYHOLDER, key("leaf", INT), key("slot", INT), column("subject", BLOB))
_late = table(
    "late_vote",
    KEYHOLDER,
    key("leaf", INT),
    key("vector", TEXT),
    key("pid", INT),
    key("slot", INT),
    column("first", INT),
    column("subject", BLOB),
)
_batch = table("batch_vote", KEYHOLDER, key("leaf", INT), key("first", INT), key("kind", TEXT), column("subject", BLOB))
_peer = table("peer_vote", KEYHOLDER, key("keyholder", INT), key("subject", BLOB), column("signed", BLOB))
_release = table("release", KEYHOLDER, key("question", BLOB), column("sums", BLOB), column("at", NUMBER))
_fault = table(
    "fault",
    KEYHOLDER,
    key("leaf", INT),
    key("first", INT),
    key("end", INT),
    column("one", BLOB),
    column("other", BLOB),
    column("at", NUMBER),
)


@dataclass(frozen=True, slots=True)
class FaultRow:
    """Two closes the platform signed for one slot: proof of fault. `first`, `end`: the absolute slots in both."""

    leaf: int
    first: int
    end: int
    one: bytes
    other: bytes


class Votes(Closes):
    """Votes, releases and faults of one keyholder."""

    def put_close(self, close: CloseRow) -> bool:
        """Keep a close that is voted on, or seen at a peer; True if it is new. Faults are kept beside each other."""
        return self._put_close(close)

    def vote_close(self, leaf: int, first: int, end: int, subject: bytes, signed: bytes) -> None:
        """Bind to a close for absolute slots ``[first, end)``, before the vote is sent.

        Raises:
            ConflictError: one of the slots is bound to another close.
        """
        put(self._c, _slot, [{"leaf": leaf, "slot": slot, "subject": subject} for slot in range(first, end)])
        self._put_vote(subject, signed)

    def vote_late(
        self, leaf: int, first: int, vector: str, pids: NDArray[np.uint64], slots: NDArray[np.int64], subject: bytes
    ) -> None:
        """Bind cells of a late close: each (pid, absolute slot) enters once a vector, in whatever version.

        `first`: start of the billing period. Follow with `vote(subject, signed)`.
        """
        shared = {"leaf": leaf, "vector": vector, "first": first, "subject": subject}
        pairs = zip(signed_list(pids), slots.tolist(), strict=True)
        put(self._c, _late, [shared | {"pid": pid, "slot": slot} for pid, slot in pairs])

    def vote_batch(self, leaf: int, first: int, kind: str, subject: bytes) -> None:
        """Bind to the one batch of a leaf, period and kind. Follow with `vote(subject, signed)`."""
        put(self._c, _batch, [{"leaf": leaf, "first": first, "kind": kind, "subject": subject}])

    def vote(self, subject: bytes, signed: bytes) -> None:
        """Keep the own signed vote on a subject."""
        self._put_vote(subject, signed)

    def voted(self, subject: bytes) -> bytes | None:
        """The own signed vote on a subject, or None."""
        signed = self._c.execute(sa.select(_vote.c.signed).where(_vote.c.subject == subject)).scalar()
        return None if signed is None else bytes(signed)

    def voted_slots(self, leaf: int, first: int, end: int) -> list[bytes | None]:
        """Which close each of the absolute slots ``[first, end)`` is bound to."""
        t = _slot.c
        query = sa.select(t.slot, t.subject).where(t.leaf == leaf, t.slot >= first, t.slot < end)
        found = {slot: bytes(subject) for slot, subject in self._c.execute(query)}
        return [found.get(slot) for slot in range(first, end)]

    def late_cells(self, leaf: int, first: int, vector: str) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Cells of the period that starts at `first` already entered for a vector: pids uint64, slots int64 [m]."""
        t = _late.c
        query = sa.select(t.pid, t.slot).where(t.leaf == leaf, t.first == first, t.vector == vector)
        rows = self._c.execute(query.order_by(t.slot, t.pid)).all()
        return unsigned_array([row.pid for row in rows]), np.array([row.slot for row in rows], np.int64)

    def batch(self, leaf: int, first: int, kind: str) -> bytes | None:
        """The subject the batch of a leaf, period and kind is bound to, or None."""
        t = _batch.c
        query = sa.select(t.subject).where(t.leaf == leaf, t.first == first, t.kind == kind)
        subject = self._c.execute(query).scalar()
        return None if subject is None else bytes(subject)

    def put_peer_votes(self, votes: Sequence[tuple[int, bytes, bytes]]) -> int:
        """Keep votes seen at peers: (keyholder, subject, signed); how many are new."""
        return put(self._c, _peer, [{"keyholder": k, "subject": subject, "signed": s} for k, subject, s in votes])

    def put_peer_vote(self, keyholder: int, subject: bytes, signed: bytes) -> bool:
        """Keep one vote seen at a peer; True if it is new."""
        return self.put_peer_votes([(keyholder, subject, signed)]) == 1

    def peer_votes(self, subject: bytes) -> dict[int, bytes]:
        """Votes of peers on a subject."""
        rows = self._c.execute(sa.select(_peer).where(_peer.c.subject == subject))
        return {int(row.keyholder): bytes(row.signed) for row in rows}

    def put_release(self, question: bytes, sums: bytes) -> bool:
        """Keep the signed sums of a question before they are sent; True if new, the same bytes ever after."""
        row = {"question": question, "sums": sums, "at": self._clock.now()}
        return put(self._c, _release, [row], ignore=("at",)) == 1

    def release(self, question: bytes) -> bytes | None:
        """The signed sums released for a question, or None."""
        sums = self._c.execute(sa.select(_release.c.sums).where(_release.c.question == question)).scalar()
        return None if sums is None else bytes(sums)

    def put_fault(self, fault: FaultRow) -> bool:
        """Keep a proof of fault; True if it is the first for these slots."""
        row = {name: getattr(fault, name) for name in FaultRow.__slots__} | {"at": self._clock.now()}
        return put(self._c, _fault, [row], ignore=("at", "one", "other")) == 1

    def faults(self, leaf: int | None = None) -> list[FaultRow]:
        """Proofs of fault (of a leaf): the slots in them are void for totals."""
        query = sa.select(_fault).order_by(_fault.c.leaf, _fault.c.first)
        if leaf is not None:
            query = query.where(_fault.c.leaf == leaf)
        return [FaultRow(r.leaf, r.first, r.end, bytes(r.one), bytes(r.other)) for r in self._c.execute(query)]

    def _put_vote(self, subject: bytes, signed: bytes) -> None:
        row = {"subject": subject, "signed": signed, "at": self._clock.now()}
        try:
            put(self._c, _vote, [row], ignore=("at",))
        except ConflictError as error:
            raise ConflictError(
                "this keyholder has already voted", where=subject.hex()[:12], fix="send the recorded vote"
            ) from error
