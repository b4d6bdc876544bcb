"""From a registered question to an opened answer: votes, component sums, blind sums, opening, ledger.

Every step is persisted before the next message, and every step can be done again: after a crash the unanswered
questions are simply asked again, and the keyholders give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.plan import BillsPlan, TotalsPlan, bills_plan, late_set, totals_plan
from quietgrid.algorithms.weights import resolve_book
from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.mdms import Answer, LiarError, facts_of, open_sums, total_of
from quietgrid.model.closed import Closed, GateRules
from quietgrid.model.interval import Clock, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.model.question import Book, Kind, Quantity
from quietgrid.model.total import Status
from quietgrid.pes import blind_bills, blind_totals
from quietgrid.runtime.ciphertexts import Ciphertexts
from quietgrid.runtime.keyholders import Keyholders
from quietgrid.store import PlatformStore, PlatformTx, QuestionRow
from quietgrid.wire.columns import book_of, member_list, unpack_bits
from quietgrid.wire.links import Outcome
from quietgrid.wire.messages import (
    BookMessage,
    Close,
    CommunityCard,
    LateClose,
    Members,
    Opened,
    QuestionMessage,
    Refusal,
    Sums,
)


@dataclass
class Outcomes:
    """What came of a round of questions.

    Args:
        answered: How many opened. refused: (node, refusal) the gate refused. waiting: how many wait for keyholders.
        liars: What contradicting keyholders sent.
    """

    answered: int = 0
    refused: list[tuple[str, Refusal]] = field(default_factory=list)
    waiting: int = 0
    liars: list[LiarError] = field(default_factory=list)


class Answering:
    """Asks and opens.

    Args:
        store: The platform's. identity: its key. card: the community. keyholders: the three. rules, clock: as given.
    """

    def __init__(
        self, store: PlatformStore, identity: Identity, card: CommunityCard, keyholders: Keyholders, rules: GateRules,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._store, self._identity, self._card = store, identity, card
        self._keyholders, self._rules, self._clock = keyholders, rules, clock
        self._fetch: dict[tuple[int, int], Ciphertexts] = {}
        self._rows: dict[tuple[int, int], MemberList] = {}

    def register(self, questions: Sequence[QuestionMessage]) -> list[Signed]:
        """Sign and persist questions before they are sent."""
        signed = [self._identity.sign(q) for q in questions]
        with self._store.begin() as tx:
            for q, envelope in zip(questions, signed, strict=True):
                tx.answers.put_question(
                    QuestionRow(envelope.hash(), q.kind, q.node, q.quantity, q.first, q.end, pack_signed(envelope))
                )
        return signed

    def ask(self, signed: Sequence[Signed], members: MemberList) -> Outcomes:
        """Ask all keyholders and open what comes back.

        Args:
            signed: Registered questions of one epoch. members: its list.
        """
        outcomes = Outcomes()
        if not signed:
            return outcomes
        batches = [s for s in signed if decode(QuestionMessage, s.body).kind != Kind.TOTALS]
        if batches:
            self._keyholders.vote(batches)
        answers = self._keyholders.call(lambda link: link.questions(signed))
        opened: list[Signed] = []
        for at, envelope in enumerate(signed):
            question = decode(QuestionMessage, envelope.body)
            try:
                note = self._open(question, envelope, {i: a[at] for i, a in answers.items()}, members, outcomes)
                if note is not None:
                    opened.append(note)
            except LiarError as error:
                outcomes.liars.append(error)
                self._note_liar(question, error)
        if opened:
            self._keyholders.call(lambda link: link.opened(opened))
        return outcomes

    def _open(
        self, question: QuestionMessage, envelope: Signed, got: dict[int, Outcome], members: MemberList,
        outcomes: Outcomes,
    ) -> Signed | None:  # fmt: skip
        digest = envelope.hash()
        sums: dict[int, Sums] = {}
        with self._store.begin() as tx:
            for index, outcome in got.items():
                if isinstance(outcome, Signed):
                    tx.answers.put_sums(digest, index, pack_signed(outcome))
            for index, data in tx.answers.sums(digest).items():
                sums[index] = open_signed(unpack_signed(data), Sums, self._card.keyholder_pks[index])
        if len(sums) < 2:
            self._note_refusals(question, digest, got, outcomes)
            return None
        answer = self._record(question, digest, sums, members)
        outcomes.answered += 1
        body = answer.values.astype("<i8").tobytes()
        return self._identity.sign(Opened(digest, body, answer.digests, answer.status.value))

    def _note_refusals(
        self, question: QuestionMessage, digest: bytes, got: dict[int, Outcome], outcomes: Outcomes
    ) -> None:
        refusals = {i: o for i, o in got.items() if isinstance(o, Refusal)}
        final = {i: r for i, r in refusals.items() if r.rule}
        if len(final) < 2:
            outcomes.waiting += 1
            return
        outcomes.refused.append((question.node, next(iter(final.values()))))
        with self._store.begin() as tx:
            for index, refusal in final.items():
                tx.answers.put_refusal(digest, index, f"{refusal.rule}: {refusal.what}".encode())

    def _record(self, question: QuestionMessage, digest: bytes, sums: dict[int, Sums], members: MemberList) -> Answer:
        fetch = self._fetcher(members)
        per_day = slots_per_day(members.window.resolution)
        if question.kind == Kind.TOTALS:
            plan = self.totals_plan(question, members)
            answer = open_sums(blind_totals(fetch, plan, per_day), sums)
            total = total_of(question.node, Quantity(question.quantity), plan, members, answer)
            with self._store.begin() as tx:
                self._put_answer(tx, digest, answer)
                tx.totals.put_totals([total], digest)
            return answer
        book, bills = self.bills_plan(question, members)
        answer = open_sums(blind_bills(fetch, bills, per_day).reshape(-1), sums)
        with self._store.begin() as tx:
            self._put_answer(tx, digest, answer)
            tx.totals.put_facts(facts_of(book, bills, answer), digest)
        return answer

    def _put_answer(self, tx: PlatformTx, digest: bytes, answer: Answer) -> None:
        new = tx.answers.put_answer(digest, answer.status.value, answer.values.astype("<i8").tobytes(), answer.digests)
        if not new and answer.status is Status.CONFIRMED:
            tx.answers.set_status(digest, answer.status.value, answer.digests)
            tx.totals.set_total_status(digest, answer.status)

    def _fetcher(self, members: MemberList) -> Ciphertexts:
        key = (members.epoch, members.revision)
        if key not in self._fetch:
            self._fetch[key] = Ciphertexts(self._store, members)
        return self._fetch[key]

    def rows(self, members: MemberList) -> NDArray[np.int64]:
        """int64 [n]: row in the store of each row of a member list."""
        return self._fetcher(members).rows

    # -- plans from what is stored ---------------------------------------------------------------------------------

    def totals_plan(self, question: QuestionMessage, members: MemberList) -> TotalsPlan:
        """The plan of a totals question, from the stored closes."""
        closes = [self.closed(digest) for digest in question.closes]
        return totals_plan(members, question.node, Quantity(question.quantity), closes, self._rules)

    def bills_plan(self, question: QuestionMessage, members: MemberList) -> tuple[Book, BillsPlan]:
        """Book and plan of a batch of bills, from the stored closes, book and prices."""
        leaf = members.leaf_names.index(question.node)
        with self._store.read() as tx:
            book = book_of(decode(BookMessage, unpack_signed(tx.registry.book(leaf, question.first)).body))
            rows = {digest: tx.answers.close(digest) for digest in question.closes}
            feeds = {v.feed for v in book.vectors if v.feed}
            prices = {feed: tx.registry.prices(feed, book.window)[0] for feed in feeds}
        closes = [self.closed(digest) for digest, row in rows.items() if row.kind == "close"]
        lates = [decode(LateClose, unpack_signed(row.signed).body) for row in rows.values() if row.kind == "late"]
        names = [v.name for v in book.vectors]
        sets = [
            late_set(members, leaf, names.index(late.vector), late.cells, self._close_at(members, leaf), self._rules)
            for late in lates
        ]
        weights = resolve_book(book, prices)
        return book, bills_plan(members, leaf, book.window, closes, ([v.register for v in book.vectors], weights), sets)

    def closed(self, digest: bytes) -> Closed:
        """A stored close as cells."""
        with self._store.read() as tx:
            close = decode(Close, unpack_signed(tx.answers.close(digest).signed).body)
            key = (close.epoch, close.revision)
            if key not in self._rows:
                data = tx.registry.members(*key)
                self._rows[key] = member_list(decode(Members, unpack_signed(data).body))
        rows = len(self._rows[key].rows(close.leaf))
        present = unpack_bits(close.bitmap, rows, close.b - close.a)
        version = np.zeros(present.shape, np.int16)
        for row, slot, number in close.versions:
            version[row, slot - close.a] = number
        return Closed(close.leaf, close.day, close.a, close.b, present, version, digest)

    def _close_at(self, members: MemberList, leaf: int) -> Callable[[int, int], Closed | None]:
        per_day = slots_per_day(members.window.resolution)

        def find(day: int, slot: int) -> Closed | None:
            at = day * per_day + slot
            with self._store.read() as tx:
                rows = tx.answers.closes(leaf, at, at + 1)
            return self.closed(rows[0].hash) if rows else None

        return find

    # -- again -----------------------------------------------------------------------------------------------------

    def resume(self, members: MemberList) -> Outcomes:
        """Ask again what was never answered, and let a returned keyholder confirm provisional answers."""
        with self._store.read() as tx:
            rows = [row for row in tx.answers.unanswered() if _epoch(row) == members.epoch]
            provisional = [tx.answers.question(h) for h in tx.answers.with_status(Status.PROVISIONAL.value)]
        again = [*rows, *[row for row in provisional if _epoch(row) == members.epoch]]
        if not again:
            return Outcomes()
        signed = [unpack_signed(row.signed) for row in again]
        self._vote_again(signed)
        return self.ask(signed, members)

    def _vote_again(self, questions: Sequence[Signed]) -> None:
        """Send the closes behind questions once more: a keyholder that was away has not voted on them."""
        hashes = dict.fromkeys(h for q in questions for h in decode(QuestionMessage, q.body).closes)
        with self._store.read() as tx:
            closes = [unpack_signed(tx.answers.close(digest).signed) for digest in hashes]
        for at in range(0, len(closes), 256):
            self._keyholders.vote(closes[at : at + 256])

    def _note_liar(self, question: QuestionMessage, error: LiarError) -> None:
        with self._store.begin() as tx:
            tx.log.append(
                "mdms", "answer.withheld", question.node,
                {"suspects": list(error.suspects), "components": list(error.pairs), "first": question.first},
            )  # fmt: skip


def _epoch(row: QuestionRow) -> int:
    return decode(QuestionMessage, unpack_signed(row.signed).body).epoch
