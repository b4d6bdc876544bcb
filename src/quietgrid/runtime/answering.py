"""From a registered question to an opened answer: votes, component sums, blind sums, opening, ledger.

Every step is persisted before the next message, and every step can be done again: after a crash the unanswered
questions are simply asked again, and the keyholders give the same bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.halves import HalvesPlan, halves_plan
from quietgrid.algorithms.herd import slot_weights
from quietgrid.algorithms.plan import BillsPlan, TotalsPlan, bills_plan, late_set, rebased, totals_plan
from quietgrid.algorithms.strikes import joined, seed_of
from quietgrid.algorithms.weights import resolve_book
from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.errors import ConflictError, VerificationError
from quietgrid.mdms import Answer, LiarError, facts_of, open_sums, total_of
from quietgrid.model.closed import Closed, GateRules
from quietgrid.model.interval import Clock, Window, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.model.question import Book, Kind, Quantity
from quietgrid.model.total import Fact, Status, Total
from quietgrid.pes import blind_bills, blind_halves, blind_totals
from quietgrid.runtime.ciphertexts import Ciphertexts
from quietgrid.runtime.floors import Floors
from quietgrid.runtime.keyholders import Keyholders
from quietgrid.runtime.withheld import named_liars, withhold
from quietgrid.store import CloseRow, PlatformStore, QuestionRow
from quietgrid.wire.columns import book_of, member_list, unpack_bits
from quietgrid.wire.links import Outcome
from quietgrid.wire.messages import (
    BookMessage,
    Close,
    CommunityCard,
    EventMessage,
    LateClose,
    Members,
    Opened,
    QuestionMessage,
    Refusal,
    Sums,
    Vote,
)

KEPT_CLOSES = 4096
EVENT = "event"
"""Documents: registered events, signed, under ``name/leaf``; as the keyholders keep them."""


@dataclass
class Outcomes:
    """What came of a round of questions.

    Args:
        answered: How many opened. refused: (node, refusal) the gate refused. waiting: how many wait for keyholders.
        liars: What contradicting keyholders sent. implausible: questions whose total cannot be true.
    """

    answered: int = 0
    refused: list[tuple[str, Refusal]] = field(default_factory=list)
    waiting: int = 0
    liars: list[LiarError] = field(default_factory=list)
    implausible: list[bytes] = field(default_factory=list)

    def add(self, more: Outcomes) -> None:
        """Take in another round's."""
        self.answered += more.answered
        self.refused += more.refused
        self.waiting += more.waiting
        self.liars += more.liars
        self.implausible += more.implausible


@dataclass(frozen=True)
class Opening:
    """What one question opened: the answer, and the total or facts it means."""

    question: bytes
    answer: Answer
    what: Total | list[Fact]

    def note(self) -> Opened:
        """What the keyholders are told."""
        answer = self.answer
        return Opened(self.question, answer.values.astype("<i8").tobytes(), answer.digests, answer.status.value)


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
        self._keyholders, self._floors, self._clock = keyholders, Floors(store, rules), clock
        self._fetch: dict[tuple[int, int], Ciphertexts] = {}
        self._rows: dict[tuple[int, int], MemberList] = {}
        self._closed: OrderedDict[bytes, Closed] = OrderedDict()

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
        questions = [decode(QuestionMessage, envelope.body) for envelope in signed]
        batches = [
            s for s, question in zip(signed, questions, strict=True) if question.kind in (Kind.BILLS, Kind.EVENT)
        ]
        if batches:
            self._keyholders.vote(batches)
        called = self._keyholders.call(lambda link: link.questions(signed), self._keyholders.told())
        answers = {index: outcomes for index, outcomes in called.items() if len(outcomes) == len(signed)}
        kept = self._keep_sums(signed, answers)
        fetch = self._fetcher(members)
        fetch.refresh()
        opened: list[Opening] = []
        with self._store.read() as tx:
            liars = named_liars(tx)
        for at, (question, sums) in enumerate(zip(questions, kept, strict=True)):
            digest = signed[at].hash()
            if len(sums) < 2:
                self._note_refusals(question, digest, {i: a[at] for i, a in answers.items()}, outcomes)
                continue
            honest = {index: own for index, own in sums.items() if index != liars.get(digest)}
            if len(honest) < 2:  # the third keyholder is away
                outcomes.waiting += 1
                continue
            try:
                opened.append(self._open(question, digest, honest, members))
            except LiarError as error:
                outcomes.liars.append(error)
                self._note_liar(question, digest, error)
            except VerificationError as error:
                outcomes.waiting += 1
                self._note(question.node, str(error), {"first": question.first})
        self._record(opened)
        outcomes.answered += len(opened)
        outcomes.implausible += [one.question for one in opened if _implausible(one.what)]
        if opened:
            notes = [self._identity.sign(one.note()) for one in opened]
            self._keyholders.call(lambda link: link.opened(notes))
        return outcomes

    def _keep_sums(self, signed: Sequence[Signed], answers: dict[int, list[Outcome]]) -> list[dict[int, Sums]]:
        """Component sums per question and keyholder, those of earlier rounds too; persisted in one commit.

        What is not signed by its keyholder, is about another question, or differs from what it sent before is left out
        and noted: one keyholder cannot stop the others' answers.
        """
        kept: list[dict[int, Sums]] = []
        bad: list[tuple[int, str]] = []
        with self._store.begin() as tx:
            for at, envelope in enumerate(signed):
                digest = envelope.hash()
                for index, outcomes in answers.items():
                    outcome = outcomes[at]
                    if not isinstance(outcome, Signed):
                        continue
                    try:
                        self._sums_of(outcome, index, digest)
                        tx.answers.put_sums(digest, index, pack_signed(outcome))
                    except (VerificationError, ConflictError) as error:
                        bad.append((index, error.what))
                held = {index: unpack_signed(data) for index, data in tx.answers.sums(digest).items()}
                kept.append({index: self._sums_of(sums, index, digest) for index, sums in held.items()})
        for index, what in dict.fromkeys(bad):
            self._note(f"keyholder {index}", what, {"answers": bad.count((index, what))})
        return kept

    def _sums_of(self, signed: Signed, index: int, question: bytes) -> Sums:
        sums = open_signed(signed, Sums, self._card.keyholder_pks[index])
        if sums.question != question or sums.keyholder != index:
            raise VerificationError("sums for another question", where=f"keyholder {index}", fix="ask it again")
        return sums

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

    def _open(self, question: QuestionMessage, digest: bytes, sums: dict[int, Sums], members: MemberList) -> Opening:
        """The answer of one question; nothing is written yet."""
        fetch = self._fetcher(members)
        per_day = slots_per_day(members.window.resolution)
        if question.kind == Kind.TOTALS:
            plan = self.totals_plan(question, members)
            answer = open_sums(blind_totals(fetch, plan, per_day), sums)
            return Opening(digest, answer, total_of(question.node, Quantity(question.quantity), plan, members, answer))
        if question.kind == Kind.HALVES:
            halves = self.halves_plan(question, members)
            return Opening(digest, open_sums(blind_halves(fetch, halves, per_day), sums), [])
        if question.kind == Kind.EVENT:
            event, held = self.event_plan(question, members)
            return Opening(digest, open_sums(blind_bills(fetch, event, per_day)[held, 0], sums), [])
        book, bills = self.bills_plan(question, members)
        answer = open_sums(blind_bills(fetch, bills, per_day).reshape(-1), sums)
        return Opening(digest, answer, facts_of(book, bills, answer))

    def _record(self, opened: Sequence[Opening]) -> None:
        """Keep answers with their totals and facts, all in one commit; only then is anybody told."""
        if not opened:
            return
        with self._store.begin() as tx:
            for one in opened:
                answer = one.answer
                body, status = answer.values.astype("<i8").tobytes(), answer.status
                new = tx.answers.put_answer(one.question, status.value, body, answer.digests)
                if isinstance(one.what, Total):
                    tx.totals.put_totals([one.what], one.question)
                elif one.what:
                    tx.totals.put_facts(one.what, one.question)
                if not new and status is Status.CONFIRMED:
                    tx.answers.set_status(one.question, status.value, answer.digests)
                    tx.totals.set_total_status(one.question, one.what.status if isinstance(one.what, Total) else status)

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
        return totals_plan(members, question.node, Quantity(question.quantity), closes, self._floors.on(closes[0].day))

    def halves_plan(self, question: QuestionMessage, members: MemberList) -> HalvesPlan:
        """The plan of a question of halves, from the stored closes and the lots in the votes on them.

        Raises:
            UnavailableError: too few votes hold lots. VerificationError: keyholders contradict each other.
        """
        closes = [self.closed(digest) for digest in question.closes]
        seed = joined([self._seed(digest) for digest in question.closes])
        rules = self._floors.on(closes[0].day)
        return halves_plan(members, self.totals_plan(question, members), closes, seed, rules)

    def _seed(self, close: bytes) -> bytes:
        with self._store.read() as tx:
            votes = tx.answers.votes(close)
        public = self._card.keyholder_pks
        lots = {index: open_signed(unpack_signed(vote), Vote, public[index]).lots for index, vote in votes.items()}
        return seed_of(lots, where=close.hex()[:12])

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
        rules = self._floors.on(book.window.first_day)
        sets = [
            late_set(members, leaf, names.index(late.vector), late.cells, self._close_at(members, late), rules)
            for late in lates
        ]
        weights = resolve_book(book, prices)
        return book, bills_plan(members, leaf, book.window, closes, ([v.register for v in book.vectors], weights), sets)

    def event_plan(self, question: QuestionMessage, members: MemberList) -> tuple[BillsPlan, NDArray[np.bool_]]:
        """The plan of an event's numbers, and bool [h]: whose they are."""
        leaf = members.leaf_names.index(question.node)
        with self._store.read() as tx:
            event = decode(EventMessage, unpack_signed(tx.documents.get(EVENT, f"{question.vector}/{leaf}")).body)
        window = Window(question.first, question.end, members.window.resolution)
        weights = slot_weights(event.slots, window.first, len(window))[None]
        closes = [self.closed(digest) for digest in question.closes]
        plan = bills_plan(members, leaf, window, closes, ([event.register], weights))
        return plan, np.isin(plan.homes, np.array(event.holders, np.uint64))

    def closed(self, digest: bytes) -> Closed:
        """A stored close as cells; the newest few thousand are kept decoded."""
        found = self._closed.get(digest)
        if found is None:
            found = self._closed[digest] = self._read_closed(digest)
            if len(self._closed) > KEPT_CLOSES:
                self._closed.popitem(last=False)
        return found

    def closed_for(self, members: MemberList, row: CloseRow) -> Closed:
        """A stored close by the rows of a list, which may be of a later epoch than the close (late cells, 0023)."""
        close = self.closed(row.hash)
        if row.epoch == members.epoch:
            return close
        return rebased(close, row.leaf, self._list(row), members)

    def _list(self, row: CloseRow) -> MemberList:
        """The list a close was made by."""
        self.closed(row.hash)
        named = decode(Close, unpack_signed(row.signed).body)
        return self._rows[named.epoch, named.revision]

    def _read_closed(self, digest: bytes) -> Closed:
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

    def _close_at(self, members: MemberList, late: LateClose) -> Callable[[int, int], Closed | None]:
        """(day, slot) -> the close of that slot, for the slots of a late close."""
        per_day = slots_per_day(members.window.resolution)
        slots = [day * per_day + slot for _, day, slot, _ in late.cells]
        with self._store.read() as tx:
            rows = tx.answers.closes(late.leaf, min(slots), max(slots) + 1) if slots else []
        closes = [self.closed_for(members, row) for row in rows]
        by_slot = {(close.day, slot): close for close in closes for slot in range(close.a, close.b)}
        return lambda day, slot: by_slot.get((day, slot))

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

    def _note_liar(self, question: QuestionMessage, digest: bytes, error: LiarError) -> None:
        """Keep it for the auditor; a line in the log when it is new."""
        details = {
            "suspects": list(error.suspects), "components": list(error.pairs), "first": question.first,
            "question": digest.hex()[:12],
        }  # fmt: skip
        with self._store.begin() as tx:
            if withhold(tx, digest, error.pairs, error.suspects, self._clock.now()):
                tx.log.append("mdms", "answer.withheld", question.node, {"what": error.what, **details})

    def _note(self, subject: str, what: str, details: dict[str, object]) -> None:
        with self._store.begin() as tx:
            tx.log.append("mdms", "answer.withheld", subject, {"what": what, **details})


def _implausible(what: Total | list[Fact]) -> bool:
    return isinstance(what, Total) and what.status is Status.IMPLAUSIBLE


def _epoch(row: QuestionRow) -> int:
    return decode(QuestionMessage, unpack_signed(row.signed).body).epoch
