"""Votes: once per (leaf, slot), final, persisted before they are told.

Source: PROTOCOL A, "Messages" and C, A1-A3, K10. What the peers voted is in `peers`. A keyholder that was away adopts
the logs of *both* peers before it votes on anything they may have voted on meanwhile; for later slots one is enough.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.crypto.secret.chain import PAIRS_OF
from quietgrid.crypto.secret.lots import draw_lots
from quietgrid.errors import (
    ConflictError,
    GateRefusal,
    NotFoundError,
    QuietgridError,
    UnavailableError,
    VerificationError,
)
from quietgrid.keyholder import ledger
from quietgrid.keyholder.gate import evaluate, late_of
from quietgrid.keyholder.memory import Memory
from quietgrid.keyholder.parts import Parts
from quietgrid.keyholder.rules import check_settled, closed_of
from quietgrid.model.closed import Closed
from quietgrid.model.interval import DAY_S
from quietgrid.model.party import MemberList
from quietgrid.store import CloseRow, FaultRow, KeyholderTx
from quietgrid.wire.links import Outcome, refusal_of
from quietgrid.wire.messages import Close, LateClose, LedgerNote, QuestionMessage, Vote

_NO_DAY: tuple[int, NDArray[np.uint8]] = (-1, np.zeros((2, 0, 32), np.uint8))
"""No day's keys are held in memory."""


class Ballot:
    """The votes of one keyholder.

    `synced`: peers whose log was adopted since the start (kept by `peers.Peers`).
    """

    def __init__(self, parts: Parts, memory: Memory) -> None:
        self._parts = parts
        self._memory = memory
        self._started = parts.clock.now()
        self.synced: set[int] = set()
        self._day = _NO_DAY

    # -- voting ----------------------------------------------------------------------------------------------------

    def vote(self, subjects: Sequence[Signed]) -> list[Outcome]:
        """Vote on each subject; all new votes on closes in one commit."""
        found = self._each(subjects, adopting=False)
        return [refusal_of(item) if isinstance(item, QuietgridError) else item for item in found]

    def adopt(self, subjects: Sequence[Signed]) -> bool:
        """Vote as a peer did on what we have not voted on; where we voted otherwise, ours stays (A3).

        Returns: False if something a subject rests on (a list, a book, prices) has not reached us yet.
        """
        waiting = False
        for item in self._each(subjects, adopting=True):
            late_notice = isinstance(item, GateRefusal) and item.rule in ("weights", "book")
            waiting |= late_notice or isinstance(item, NotFoundError)
        return not waiting

    def _each(self, subjects: Sequence[Signed], adopting: bool) -> list[Signed | QuietgridError]:
        """Closes in one commit; anything else in one of its own, so that what is refused leaves no trace."""
        found: dict[int, Signed | QuietgridError] = {}
        faults = False
        self._parts.keys.advance(int(self._parts.clock.now()) // DAY_S)
        self._day = _NO_DAY
        with self._parts.store.begin() as tx:
            for at, signed in enumerate(subjects):
                if signed.name != Close.NAME:
                    continue
                try:
                    close = open_signed(signed, Close, self._parts.card.platform_pk)
                    found[at] = self._vote_close(tx, signed, close, adopting)
                except QuietgridError as error:
                    found[at] = error
                    faults |= isinstance(error, ConflictError) and self._record_faults(tx, signed)
        self._day = _NO_DAY
        if faults:
            self._memory.reload_faults()
        for at, signed in enumerate(subjects):
            if signed.name != Close.NAME:
                try:
                    with self._parts.store.begin() as tx:
                        found[at] = self._vote_other(tx, signed, adopting)
                except QuietgridError as error:
                    found[at] = error
        return [found[at] for at in range(len(subjects))]

    def _vote_close(self, tx: KeyholderTx, signed: Signed, close: Close, adopting: bool) -> Signed:
        parts, digest = self._parts, signed.hash()
        known = tx.votes.voted(digest)
        if known is not None:
            return unpack_signed(known)
        members = self._memory.known.members.get((close.epoch, close.revision))
        if members is None or close.community != parts.card.community:
            raise NotFoundError(
                "the close names a member list that is not endorsed here", where=f"epoch {close.epoch}",
                fix="register the list and two endorsements first",
            )  # fmt: skip
        resolution = members.window.resolution
        closed = closed_of(close, digest, members)
        if self._slots(close)[1] > self._memory.known.newest(close.epoch).window.end:
            raise GateRefusal(
                "members", "the epoch was ended before this close", where=f"epoch {close.epoch}",
                fix="close by the list of the epoch that follows",
            )  # fmt: skip
        check_settled(close, resolution, parts.clock.now(), parts.rules)
        first, end = self._slots(close)
        if not adopting:
            self._check_synced((end + parts.rules.settle_slots) * resolution)
        if any(tx.votes.voted_slots(close.leaf, first, end)) and parts.rules.on("once"):
            raise ConflictError(
                "another close of these slots was voted", where=f"leaf {close.leaf}, day {close.day}",
                fix="votes are final: ask with the close that was voted",
            )  # fmt: skip
        vote = parts.identity.sign(Vote(parts.index, digest, self._lots(closed, members)))
        tx.votes.put_close(CloseRow(digest, "close", close.epoch, close.leaf, first, end, pack_signed(signed)))
        if parts.rules.on("once"):
            tx.votes.vote_close(close.leaf, first, end, digest, pack_signed(vote))
        else:
            tx.votes.vote(digest, pack_signed(vote))
        ledger.append(tx, [(None, self.note("close", members.leaf_names[close.leaf], first, end, digest))])
        return vote

    def _lots(self, closed: Closed, members: MemberList) -> tuple[bytes, ...]:
        """One lot for each of our pairs, from the keys of the meters in the close; none once those are erased."""
        parts = self._parts
        if self._day[0] != closed.day:
            try:
                self._day = closed.day, parts.keys.day_keys(closed.day)
            except NotFoundError:
                return ()
        rows = members.rows(closed.leaf)[: len(closed.present)][closed.present.any(axis=1)]
        held = self._memory.key_rows(members)[rows]
        return tuple(draw_lots(closed.hash, PAIRS_OF[parts.index], self._day[1][:, held]))

    def _vote_other(self, tx: KeyholderTx, signed: Signed, adopting: bool) -> Signed:
        public = self._parts.card.platform_pk
        if signed.name == LateClose.NAME:
            return self._vote_late(tx, signed, open_signed(signed, LateClose, public), adopting)
        if signed.name == QuestionMessage.NAME:
            return self._vote_batch(tx, signed, open_signed(signed, QuestionMessage, public), adopting)
        raise VerificationError("nothing to vote on", where=signed.name, fix="send closes, late closes or batches")

    def _vote_late(self, tx: KeyholderTx, signed: Signed, late: LateClose, adopting: bool) -> Signed:
        parts, digest = self._parts, signed.hash()
        known = tx.votes.voted(digest)
        if known is not None:
            return unpack_signed(known)
        members = self._memory.known.newest(late.epoch)
        book = self._memory.known.books.get((late.leaf, late.first))
        if book is None:
            raise NotFoundError("no book is registered for the late close", where=late.vector, fix="register it first")
        over = book.window.end * book.window.resolution
        if not adopting:
            self._check_synced(over)
        if parts.rules.on("settle") and parts.clock.now() < over:
            raise GateRefusal(
                "settle", "late readings enter bills once the period is over", where=late.vector, fix="ask later"
            )
        part = late_of(late, book, self._memory.known, members, parts.rules)
        listed = members.homes[members.rows(late.leaf)[part.cells[:, 0]]]
        if np.isin(listed, np.array(sorted(self._memory.known.erased), np.uint64)).any() and parts.rules.on("late"):
            raise GateRefusal(
                "late", "a home is erased: it would only fill up the floor", where=late.vector, fix="leave it out"
            )
        fresh = part.cells[part.signs > 0]
        pids = members.pids[members.rows(late.leaf)][fresh[:, 0]]
        slots = fresh[:, 1] * self._memory.per_day() + fresh[:, 2]
        vote = parts.identity.sign(Vote(parts.index, digest))
        if parts.rules.on("once"):
            register = book.vectors[part.column].register
            tx.votes.vote_late(late.leaf, late.first, f"register {register}", pids, slots, digest)
        tx.votes.vote(digest, pack_signed(vote))
        tx.documents.put("late", digest.hex(), pack_signed(signed))
        node = members.leaf_names[late.leaf]
        ledger.append(tx, [(None, self.note("late-close", node, late.first, late.end, digest))])
        return vote

    def _vote_batch(self, tx: KeyholderTx, signed: Signed, question: QuestionMessage, adopting: bool) -> Signed:
        parts = self._parts
        if not adopting:
            self._check_synced(question.end * parts.card.resolution)
        ruling = evaluate(question, self._memory.known, parts.rules)
        if ruling.subject is None:
            raise VerificationError("totals need no vote of their own", where=question.node, fix="ask them directly")
        known = tx.votes.voted(ruling.subject)
        if known is not None:
            return unpack_signed(known)
        vote = parts.identity.sign(Vote(parts.index, ruling.subject))
        kind = f"{question.kind}/{question.vector}" if question.vector else question.kind
        if parts.rules.on("once"):
            tx.votes.vote_batch(ruling.leaves[0], question.first, kind, ruling.subject)
        tx.votes.vote(ruling.subject, pack_signed(vote))
        tx.documents.put("batch", ruling.subject.hex(), pack_signed(signed))
        ledger.append(tx, [(None, self.note("batch", question.node, question.first, question.end, ruling.subject))])
        return vote

    def _record_faults(self, tx: KeyholderTx, signed: Signed) -> bool:
        """Two closes signed for one slot are proof against the platform; the slot is void for totals (A3)."""
        close = decode(Close, signed.body)
        first, end = self._slots(close)
        taken = {s for s in tx.votes.voted_slots(close.leaf, first, end) if s}
        rows = [tx.votes.close(digest) for digest in taken]
        for row in rows:
            low, high = max(first, row.first), min(end, row.end)
            tx.votes.put_fault(FaultRow(close.leaf, low, high, row.signed, pack_signed(signed)))
        return bool(rows)

    def _slots(self, close: Close) -> tuple[int, int]:
        """Absolute slots [first, end) of a close."""
        start = close.day * self._memory.per_day()
        return start + close.a, start + close.b

    def _check_synced(self, earliest: float) -> None:
        """Raise `UnavailableError` while a peer's log that may hold this subject is not adopted.

        Args:
            earliest: When the subject could first have been voted on. If that was before our start, it may have been
                while we were away, by any two of the others.
        """
        peers = len(self._parts.peers)
        needed = peers if earliest <= self._started else min(1, peers)
        if len(self.synced) < needed and self._parts.rules.on("catch-up"):
            raise UnavailableError(
                "this keyholder is catching up with its peers", where=f"keyholder {self._parts.index}",
                fix="start the other keyholders; it goes on by itself",
            )  # fmt: skip

    def note(self, kind: str, node: str, first: int, end: int, subject: bytes) -> LedgerNote:
        """A ledger entry about what was voted on."""
        return LedgerNote(
            kind, node, first, end, self._parts.card.resolution, "", [], [], [], "platform", "what arrived", "once",
            subject, [], self._parts.clock.now(),
        )  # fmt: skip

    # -- the log for peers -----------------------------------------------------------------------------------------

    def log_after(self, seq: int) -> tuple[list[Signed], int]:
        """What was voted on after our ledger entry `seq`, as the signed subjects; and our newest entry."""
        subjects: list[Signed] = []
        with self._parts.store.read() as tx:
            last, _ = tx.ledger.head()
            for kind in ("close", "late-close", "batch"):
                for entry in tx.ledger.entries(after=seq, limit=last, kind=kind):
                    digest = decode(LedgerNote, entry.body).subject
                    data = (
                        tx.votes.close(digest).signed
                        if kind == "close"
                        else tx.documents.get("late" if kind == "late-close" else "batch", digest.hex())
                    )
                    subjects.append(unpack_signed(data))
        return subjects, last
