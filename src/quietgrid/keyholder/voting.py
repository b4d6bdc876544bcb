"""Votes: once per (leaf, slot), final, persisted before they are told; and what the peers voted.

Source: PROTOCOL A, "Messages" and C, A1-A3. A keyholder that was away adopts the logs of *both* peers before it votes
on slots that may have closed meanwhile; for later slots one peer is enough.
"""

from __future__ import annotations

from collections.abc import Sequence

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
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
from quietgrid.store import CloseRow, FaultRow, KeyholderTx
from quietgrid.wire.links import Outcome, refusal_of
from quietgrid.wire.messages import Close, Head, LateClose, LedgerNote, QuestionMessage, Refusal, Vote


class Ballot:
    """The votes of one keyholder."""

    def __init__(self, parts: Parts, memory: Memory) -> None:
        self._parts = parts
        self._memory = memory
        self._synced: set[int] = set()
        self._started = parts.clock.now()

    # -- our votes -------------------------------------------------------------------------------------------------

    def vote(self, subjects: Sequence[Signed]) -> list[Outcome]:
        """Vote on each subject; all new votes in one commit."""
        if len(self._synced) < len(self._parts.peers):
            self.catch_up()
        out: list[Outcome] = []
        with self._parts.store.begin() as tx:
            for signed in subjects:
                try:
                    out.append(self._vote(tx, signed))
                except QuietgridError as error:
                    out.append(refusal_of(error))
        self._record_faults(subjects, out)
        return out

    def _vote(self, tx: KeyholderTx, signed: Signed, adopting: bool = False) -> Signed:
        public = self._parts.card.platform_pk
        if signed.name == Close.NAME:
            return self._vote_close(tx, signed, open_signed(signed, Close, public), adopting)
        if signed.name == LateClose.NAME:
            return self._vote_late(tx, signed, open_signed(signed, LateClose, public))
        if signed.name == QuestionMessage.NAME:
            return self._vote_batch(tx, signed, open_signed(signed, QuestionMessage, public))
        raise VerificationError("nothing to vote on", where=signed.name, fix="send closes, late closes or batches")

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
        closed_of(close, digest, members)
        check_settled(close, resolution, parts.clock.now(), parts.rules)
        first, end = (close.day * self._memory.per_day() + slot for slot in (close.a, close.b))
        if not adopting:
            self._check_synced((end + parts.rules.settle_slots) * resolution)
        taken = tx.votes.voted_slots(close.leaf, first, end)
        if any(taken) and parts.rules.on("once"):
            raise ConflictError(
                "another close of these slots was voted", where=f"leaf {close.leaf}, day {close.day}",
                fix="votes are final: ask with the close that was voted",
            )  # fmt: skip
        vote = parts.identity.sign(Vote(parts.index, digest))
        tx.votes.put_close(CloseRow(digest, "close", close.epoch, close.leaf, first, end, pack_signed(signed)))
        if parts.rules.on("once"):
            tx.votes.vote_close(close.leaf, first, end, digest, pack_signed(vote))
        else:
            tx.votes.vote(digest, pack_signed(vote))
        ledger.append(tx, [(None, self._note("close", members.leaf_names[close.leaf], first, end, digest))])
        return vote

    def _vote_late(self, tx: KeyholderTx, signed: Signed, late: LateClose) -> Signed:
        parts, digest = self._parts, signed.hash()
        known = tx.votes.voted(digest)
        if known is not None:
            return unpack_signed(known)
        members = self._memory.known.newest(late.epoch)
        self._check_synced(parts.clock.now())
        book = self._memory.known.books.get((late.leaf, late.first))
        if book is None:
            raise NotFoundError("no book is registered for the late close", where=late.vector, fix="register it first")
        part = late_of(late, book, self._memory.known, members, parts.rules)
        fresh = part.cells[part.signs > 0]
        pids = members.pids[members.rows(late.leaf)][fresh[:, 0]]
        slots = fresh[:, 1] * self._memory.per_day() + fresh[:, 2]
        vote = parts.identity.sign(Vote(parts.index, digest))
        if parts.rules.on("once"):
            tx.votes.vote_late(late.leaf, late.first, late.vector, pids, slots, digest)
        tx.votes.vote(digest, pack_signed(vote))
        tx.documents.put("late", digest.hex(), pack_signed(signed))
        node = members.leaf_names[late.leaf]
        ledger.append(tx, [(None, self._note("late-close", node, late.first, late.end, digest))])
        return vote

    def _vote_batch(self, tx: KeyholderTx, signed: Signed, question: QuestionMessage) -> Signed:
        parts = self._parts
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
        ledger.append(tx, [(None, self._note("batch", question.node, question.first, question.end, ruling.subject))])
        return vote

    def _note(self, kind: str, node: str, first: int, end: int, subject: bytes) -> LedgerNote:
        return LedgerNote(
            kind, node, first, end, self._parts.card.resolution, "", [], [], [], "platform", "what arrived", "once",
            subject, [], self._parts.clock.now(),
        )  # fmt: skip

    def _record_faults(self, subjects: Sequence[Signed], out: Sequence[Outcome]) -> None:
        """Two closes signed for one slot are proof against the platform; the slot is void for totals."""
        for signed, outcome in zip(subjects, out, strict=True):
            if not (isinstance(outcome, Refusal) and outcome.status == ConflictError.http_status):
                continue
            if signed.name != Close.NAME:
                continue
            close = decode(Close, signed.body)
            first, end = (close.day * self._memory.per_day() + slot for slot in (close.a, close.b))
            with self._parts.store.begin() as tx:
                taken = next(s for s in tx.votes.voted_slots(close.leaf, first, end) if s)
                tx.votes.put_fault(FaultRow(close.leaf, first, end, tx.votes.close(taken).signed, pack_signed(signed)))
            self._memory.reload_faults()

    def _check_synced(self, subject_time: float) -> None:
        """Raise `UnavailableError` while the peers' logs are not adopted as far as this subject needs."""
        peers = len(self._parts.peers)
        needed = peers if subject_time <= self._started else min(1, peers)
        if len(self._synced) < needed and self._parts.rules.on("catch-up"):
            raise UnavailableError(
                "this keyholder is catching up with its peers", where=f"keyholder {self._parts.index}",
                fix="start the other keyholders; it goes on by itself",
            )  # fmt: skip

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

    # -- the peers' votes ------------------------------------------------------------------------------------------

    def catch_up(self) -> bool:
        """Adopt the log of every peer that can be reached and was not adopted since the start."""
        parts = self._parts
        for peer in parts.peers:
            if peer.index in self._synced:
                continue
            with parts.store.read() as tx:
                after = int(tx.documents.find("adopted", str(peer.index)) or b"0")
                seq, digest = tx.ledger.head()
            head = parts.identity.sign(Head(parts.index, seq, digest))
            try:
                log = peer.log_after(after, head)
                self._adopt(peer.index, log.subjects, log.last, log.seen_seq > seq)
            except UnavailableError:
                continue
            self._synced.add(peer.index)
        return len(self._synced) == len(parts.peers)

    def _adopt(self, peer: int, subjects: Sequence[Signed], last: int, restored: bool) -> None:
        """Vote as the peer did on what we have not voted on; where we voted otherwise, ours stays."""
        with self._parts.store.begin() as tx:
            for signed in subjects:
                try:
                    self._vote(tx, signed, adopting=True)
                except (ConflictError, GateRefusal, NotFoundError):
                    continue
            tx.documents.replace("adopted", str(peer), str(last).encode())
            if restored:
                ledger.append(tx, [(None, self._note("restored", "", 0, 0, b""))])

    def peers_agree(self, subjects: Sequence[bytes]) -> dict[bytes, str]:
        """For each subject: '' if every peer that can be reached (at least one) voted for it, else what is missing."""
        parts = self._parts
        wanted = list(dict.fromkeys(subjects))
        agreed: dict[bytes, set[int]] = {s: set() for s in wanted}
        with parts.store.read() as tx:
            own = {s: tx.votes.voted(s) is not None for s in wanted}
            for subject in wanted:
                agreed[subject] = set(tx.votes.peer_votes(subject))
            seq, digest = tx.ledger.head()
        head = parts.identity.sign(Head(parts.index, seq, digest))
        reached: set[int] = set()
        for peer in parts.peers:
            ask = [s for s in wanted if peer.index not in agreed[s]]
            if not ask:
                reached.add(peer.index)
                continue
            try:
                votes = peer.votes(ask, head)
            except UnavailableError:
                continue
            reached.add(peer.index)
            self._keep_votes(peer.index, ask, votes, agreed)
        return {s: _missing(own[s], agreed[s], reached) for s in wanted}

    def _keep_votes(
        self, peer: int, asked: Sequence[bytes], votes: Sequence[Signed | None], agreed: dict[bytes, set[int]]
    ) -> None:
        parts = self._parts
        with parts.store.begin() as tx:
            for subject, signed in zip(asked, votes, strict=True):
                if signed is None:
                    continue
                vote = open_signed(signed, Vote, parts.card.keyholder_pks[peer])
                if vote.subject != subject or vote.keyholder != peer:
                    raise VerificationError("a peer's vote is about something else", where="vote", fix="ask it again")
                tx.votes.put_peer_vote(peer, subject, pack_signed(signed))
                agreed[subject].add(peer)

    def keep_head(self, peer: int, head: Head) -> None:
        """Keep a peer's newest head: if it is ever restored from an old copy, we can tell."""
        with self._parts.store.begin() as tx:
            seq, _ = tx.ledger.peer_head(peer)
            if head.seq > seq:
                tx.ledger.put_peer_head(peer, head.seq, head.digest)


def _missing(own: bool, agreed: set[int], reached: set[int]) -> str:
    if not own:
        return "this keyholder has not voted on the close"
    if not agreed:
        return "no peer has shown a vote for the same close"
    if reached - agreed:
        return "a peer that can be reached has not voted for the same close"
    return ""
