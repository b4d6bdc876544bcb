"""The keyholder: takes keys, votes on what arrived, adds up masks behind the gate, writes everything down.

Commit order (PROTOCOL A): close -> vote + ledger -> release + ledger -> sums. Each arrow is an fsync.
One writer at a time (`_writing`); `votes` only reads, so that two keyholders asking each other never wait.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from quietgrid.crypto.public.envelope import Signed, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import ConflictError, QuietgridError, VerificationError
from quietgrid.keyholder.answering import Answers
from quietgrid.keyholder.disputes import answer_dispute
from quietgrid.keyholder.intake import Enrolled, check_enrolment, check_evidence
from quietgrid.keyholder.joining import take
from quietgrid.keyholder.memory import Memory
from quietgrid.keyholder.parts import Parts
from quietgrid.keyholder.peers import Peers
from quietgrid.keyholder.recovering import Recoveries
from quietgrid.keyholder.registered import Registrar
from quietgrid.keyholder.rules import check_cut, check_members
from quietgrid.keyholder.voting import Ballot
from quietgrid.model.interval import DAY_S
from quietgrid.wire.links import Outcome, refusal_of
from quietgrid.wire.messages import (
    Ack,
    Endorsement,
    Enrol,
    Head,
    Members,
    Refusal,
    VoteLog,
)
from quietgrid.wire.own import LedgerItem, LedgerPage
from quietgrid.wire.vouching import member_root


class Keyholder:
    """One of the three. See the module for the order of what it does.

    Privacy: holds two of three day keys of every meter; sees no ciphertext.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.index = parts.index
        self.memory = Memory(parts.store, parts.card)
        self._writing = threading.RLock()
        self._ballot = Ballot(parts, self.memory)
        self._peers = Peers(parts, self._ballot)
        self._answers = Answers(parts, self.memory, self._peers)
        self._registrar = Registrar(parts, self.memory)
        self._recoveries = Recoveries(parts, self.memory)

    # -- joining ---------------------------------------------------------------------------------------------------

    def enrol(self, enrolments: Sequence[Signed]) -> list[Outcome]:
        """Check enrolments and take their two keys; a signed `Ack` each. Enrolling again gives the same ack."""
        parts = self.parts
        out: list[Outcome] = []
        new: list[Enrolled] = []
        asked = False
        for signed in enrolments:
            try:
                checked = check_enrolment(signed, parts.card, parts.kem, self.index, parts.rules)
                if not asked and self._by_another(checked.message):
                    asked = True
                    self.hear_recoveries()  # its key may have been replaced while we were away
                if self._is_new(checked.message):
                    new.append(checked)
                out.append(parts.identity.sign(Ack(self.index, checked.message.pid, checked.message.hash())))
            except QuietgridError as error:
                out.append(refusal_of(error))
        with self._writing:
            new = [checked for checked in new if self._is_new(checked.message)]
            take(parts, new)
            for checked in new:
                self.memory.enrolled(checked.message.thin(), checked.message.hash(), checked.certificate)
        return out

    def _is_new(self, message: Enrol) -> bool:
        """Whether a meter is not enrolled yet; `ConflictError` if it is with other keys, or its home is another's."""
        known = self.memory.enrolments.get(message.pid)
        if known is not None and known[0] != message.hash():
            raise ConflictError(
                "this meter is enrolled with other keys", where=f"meter {message.pid}",
                fix="replace the meter: a new pid",
            )  # fmt: skip
        if known is None and self._by_another(message):
            raise ConflictError(
                "the home has another household's key", where=f"home {message.home}",
                fix="let the household of this home adopt the meter; a move is a new home",
            )  # fmt: skip
        return known is None

    def _by_another(self, message: Enrol) -> bool:
        return self.memory.household_pk.get(message.home, message.household_pk) != message.household_pk

    def members(self, signed: Signed) -> Signed:
        """Check the registrar's list against the enrolments seen here; a signed `Endorsement`."""
        parts = self.parts
        message = open_signed(signed, Members, parts.card.registrar_pk)
        with self._writing:
            listed = check_evidence(message, self.memory.enrolments)
            lists = self.memory.known.members
            before = {at: m for at, m in lists.items() if at < (listed.epoch, listed.revision)}
            check_members(listed, list(before.values()), parts.rules)
            if (listed.epoch, listed.revision - 1) in before:
                last = before[listed.epoch, listed.revision - 1]
                known = [book.window for book in self.memory.known.books.values()]
                ends = [window.end for window in known if len(window.intersect(last.window))]
                beyond = listed.window.end, last.window.end
                leaves = range(len(last.leaf_names))
                closed = any(next(self.memory.known.closes.within(leaf, *beyond), None) for leaf in leaves)
                check_cut(listed, last, ends, closed)
            endorsement = parts.identity.sign(Endorsement(self.index, message.hash(), member_root(message)))
            with parts.store.begin() as tx:
                tx.members.put_members(listed.epoch, listed.revision, message.hash(), pack_signed(signed))
                tx.members.put_endorsement(message.hash(), self.index, pack_signed(endorsement))
            self.memory.reload_members()
        return endorsement

    def register(self, signed: Sequence[Signed]) -> list[Refusal | None]:
        """Take books, prices, events, consents, peers' endorsements, omissions, clearances, erasures."""
        out: list[Refusal | None] = []
        for envelope in signed:
            try:
                with self._writing:
                    self._registrar.take(envelope)
                out.append(None)
            except QuietgridError as error:
                out.append(refusal_of(error))
        return out

    # -- voting ----------------------------------------------------------------------------------------------------

    def votes_on(self, subjects: Sequence[Signed]) -> list[Outcome]:
        """Vote on closes, late closes and batches: once per (leaf, slot), final, persisted before it is told."""
        with self._writing:
            self._peers.catch_up()
            return self._ballot.vote(subjects)

    def votes(self, subjects: Sequence[bytes], head: Signed) -> list[Signed | None]:
        """To a peer: our signed votes for these subjects. The peer's head is kept (it may need it back one day)."""
        self._keep_head(head)
        with self.parts.store.read() as tx:
            found = [tx.votes.voted(subject) for subject in subjects]
        return [None if data is None else unpack_signed(data) for data in found]

    def log_after(self, seq: int, head: Signed) -> VoteLog:
        """To a peer that was away: everything we voted on since our entry `seq`, and its newest head we know."""
        asker = self._peer_of(head)
        subjects, last = self._ballot.log_after(seq)
        with self.parts.store.read() as tx:
            seen_seq, seen_hash = tx.ledger.peer_head(asker)
        self._keep_head(head)
        return VoteLog(self.index, subjects, last, seen_seq, seen_hash)

    def head(self) -> Signed:
        """Our newest ledger entry, signed."""
        with self.parts.store.read() as tx:
            seq, digest = tx.ledger.head()
        return self.parts.identity.sign(Head(self.index, seq, digest))

    def _peer_of(self, head: Signed) -> int:
        for index, public in enumerate(self.parts.card.keyholder_pks):
            if head.signer == public and index == open_signed(head, Head, public).keyholder != self.index:
                return index
        raise VerificationError("not a peer of this community", where="head", fix="use the card's keyholders")

    def _keep_head(self, head: Signed) -> None:
        asker = self._peer_of(head)
        message = open_signed(head, Head, head.signer)
        self._peers.keep_head(asker, message)

    def catch_up(self) -> bool:
        """Adopt the peers' logs as far as they can be reached; True once both are adopted."""
        with self._writing:
            return self._peers.catch_up()

    def carry_on(self, peer: int, until: float) -> None:
        """Its operator confirms that this keyholder answers although a peer has been away for more than a day (A2)."""
        with self._writing:
            self._peers.carry_on(peer, until)

    # -- lost keys of a household ----------------------------------------------------------------------------------

    def approve_recovery(self, request: Signed, days: float) -> Signed:
        """Its operator has seen the person behind new household keys (`recovering`); the signed approval."""
        with self._writing:
            return self._recoveries.approve(request, days)

    def recoveries(self, mark: bytes, head: Signed) -> list[Signed]:
        """To a peer: the approvals and takeovers known here; none if it has the same."""
        self._keep_head(head)
        return [] if mark == self._recoveries.mark() else self._recoveries.statements()

    def hear_recoveries(self) -> bool:
        """Ask the peers for theirs and take over what two stand for; True if both could be asked."""
        heard = 0
        for peer in self.parts.peers:
            try:
                said = peer.recoveries(self._recoveries.mark(), self.head())
            except QuietgridError:
                continue
            heard += 1
            if said:
                with self._writing:
                    self._recoveries.take(said)
        return heard == len(self.parts.peers)

    @property
    def recovery_pending(self) -> bool:
        """Whether an approval given here waits for a second one."""
        return self._recoveries.pending

    def release(self, home: int) -> Signed:
        """To a household whose new key was taken over: what it can open its past with, sealed to it (`Release`)."""
        with self._writing:
            return self._recoveries.release(home)

    # -- answering -------------------------------------------------------------------------------------------------

    def questions(self, questions: Sequence[Signed]) -> list[Outcome]:
        """Component sums for the questions the gate lets open; a refusal with its rule for the others."""
        with self._writing:
            return self._answers.questions(questions)

    def opened(self, opened: Sequence[Signed]) -> None:
        """Take notice of what came out: each home's numbers enter its ledger, readable by it alone."""
        with self._writing:
            self._answers.opened(opened)

    def dispute(self, signed: Signed) -> Signed:
        """A part of one component for the auditor, when two keyholders contradict each other (A5); a `PartSum`."""
        with self._writing:
            return answer_dispute(signed, self.parts, self.memory)

    def erase_old_days(self) -> int:
        """Forget day keys older than `retain_days`; returns the first day still held."""
        first = int(self.parts.clock.now()) // DAY_S - self.parts.rules.retain_days
        with self._writing:
            self.parts.keys.erase_days_before(first)
        return first

    def ledger_of(self, home: int, after: int, limit: int) -> Signed:
        """What one household may see: entries about nobody and its own; of others the digest only (`LedgerPage`)."""
        with self.parts.store.read() as tx:
            entries = tx.ledger.entries(after=after, limit=limit)
        items = []
        for e in entries:
            mine = e.home is None or e.home == home
            shown = (e.home, e.kind, e.salt, e.body) if mine else (None, "other", b"", b"")
            items.append(LedgerItem(e.seq, e.hash, e.digest, *shown))
        return self.parts.identity.sign(LedgerPage(self.index, home, after, items))
