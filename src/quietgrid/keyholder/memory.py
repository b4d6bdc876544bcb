"""A keyholder's working memory: `Known`, mirrored from its store at start and after every change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.strikes import seed_of
from quietgrid.crypto.public.envelope import decode, unpack_signed
from quietgrid.errors import NotFoundError
from quietgrid.keyholder.known import Known
from quietgrid.keyholder.rules import closed_of
from quietgrid.model.closed import Closed
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.store import KeyholderStore
from quietgrid.wire.columns import book_of, member_list
from quietgrid.wire.floor import FloorRaised
from quietgrid.wire.messages import (
    Alarm,
    BookMessage,
    Certificate,
    Close,
    CommunityCard,
    Consent,
    Enrol,
    EventMessage,
    LateClose,
    Members,
    Opened,
    Prices,
    QuestionMessage,
    Vote,
)

KEPT_CLOSES = 4096
ENDORSEMENTS = 2
PLATFORM = "platform"
"""The recipient of event facts, as a household's consent names it."""
DAY = "day:"
"""What the subject of a consent to a day's keys begins with."""


def day_of(subject: str) -> int | None:
    """The UTC day that a consent is about, None if it is about something else.

    >>> day_of("day:20000"), day_of("evening")
    (20000, None)
    """
    number = subject.removeprefix(DAY)
    return int(number) if subject.startswith(DAY) and number.isascii() and number.isdecimal() else None


class Memory:
    """Everything the gate decides on, in the form it decides on."""

    def __init__(self, store: KeyholderStore, card: CommunityCard) -> None:
        self._store = store
        self._card = card
        self._rows: dict[tuple[int, int], NDArray[np.int64]] = {}
        self.enrolments: dict[int, tuple[bytes, Enrol, Certificate]] = {}
        self.household_pk: dict[int, bytes] = {}
        closes = Closes(self)
        self.known = Known(closes=closes, late=Lates(store, closes), consents=self._consents, seed=self._seed)
        with store.read() as tx:
            for row in tx.members.enrolments():
                if not row.forgotten:
                    enrol = decode(Enrol, row.signed)
                    self.enrolled(enrol, row.hash, decode(Certificate, unpack_signed(enrol.certificate).body))
            for data in tx.members.books():
                self.add_book(decode(BookMessage, unpack_signed(data).body))
            for data in tx.members.price_messages():
                self.add_prices(decode(Prices, unpack_signed(data).body))
            for data in tx.documents.all("event").values():
                self.add_event(decode(EventMessage, unpack_signed(data).body))
            for digest, data in tx.documents.all("alarm").items():
                self.add_alarm(digest, decode(Alarm, unpack_signed(data).body))
            for data in tx.documents.all("consent").values():
                self.add_consent(decode(Consent, unpack_signed(data).body))
            floors = [decode(FloorRaised, unpack_signed(data).body) for data in tx.documents.all("floor").values()]
            self.known.raised = [floor.raised() for floor in floors]
            self.known.blocked = set(tx.members.blocked())
            self.known.erased = {int(home) for home in tx.documents.all("erased")}
        self.reload_members()
        self.reload_faults()

    def enrolled(self, message: Enrol, digest: bytes, certificate: Certificate) -> None:
        """Take note of a checked enrolment and its hash (the message kept in the store lacks its blobs)."""
        self.enrolments[message.pid] = (digest, message, certificate)
        self.household_pk.setdefault(message.home, message.household_pk)

    def meter_pk(self, pid: int) -> bytes:
        """The signing key a meter enrolled with."""
        if pid not in self.enrolments:
            raise NotFoundError("this meter is not enrolled here", where=f"meter {pid}", fix="enrol it first")
        return self.enrolments[pid][1].meter_pk

    def reload_members(self) -> None:
        """Lists with at least two endorsements count."""
        with self._store.read() as tx:
            lists = [decode(Members, unpack_signed(data).body) for data in tx.members.all_members()]
            endorsed = [m for m in lists if len(tx.members.endorsements(m.hash())) >= ENDORSEMENTS]
        self.known.members = {(m.epoch, m.revision): member_list(m) for m in endorsed}
        self._rows.clear()

    def reload_faults(self) -> None:
        """Slots for which the platform signed two closes are void for totals."""
        with self._store.read() as tx:
            self.known.void = {(f.leaf, slot) for f in tx.votes.faults() for slot in range(f.first, f.end)}

    def add_book(self, message: BookMessage) -> None:
        """Take note of a registered book."""
        self.known.books[(message.leaf, message.first)] = book_of(message)

    def add_prices(self, message: Prices) -> None:
        """Take note of published prices."""
        series = self.known.prices.setdefault(message.feed, {})
        series.update(enumerate(message.price_micro_per_kwh, start=message.first))

    def add_event(self, message: EventMessage) -> None:
        """Take note of a registered event."""
        self.known.events[(message.event, message.leaf)] = message

    def add_alarm(self, digest: str, message: Alarm) -> None:
        """Take note of an alarm, by its hash in hex."""
        question = decode(QuestionMessage, unpack_signed(message.question).body)
        self.known.alarms[digest] = (question, decode(Opened, unpack_signed(message.opened).body))

    def add_consent(self, message: Consent) -> None:
        """Take note of a day that a home gave away; keys that were handed over stay handed over."""
        day = day_of(message.subject)
        if day is not None:
            self.known.shared.setdefault(day, set()).add(message.home)

    def _seed(self, close: bytes) -> bytes:
        """The seed from our vote on a close and those we have seen of the peers."""
        with self._store.read() as tx:
            own, others = tx.votes.voted(close), tx.votes.peer_votes(close)
        votes = [decode(Vote, unpack_signed(data).body) for data in (own, *others.values()) if data is not None]
        return seed_of({vote.keyholder: vote.lots for vote in votes}, where=close.hex()[:12])

    def key_rows(self, members: MemberList) -> NDArray[np.int64]:
        """int64 [n]: row in the key files of each row of a member list."""
        key = (members.epoch, members.revision)
        if key not in self._rows:
            with self._store.read() as tx:
                self._rows[key] = tx.members.rows(members.pids)
        return self._rows[key]

    def _consents(self, subject: str) -> set[int]:
        with self._store.read() as tx:
            return {row.home for row in tx.members.consents(subject) if row.recipient == PLATFORM}

    def vector_names(self, question: QuestionMessage) -> list[str]:
        """Names of the vectors of the leaf's book that a batch is about, in order; of an event its name."""
        if question.vector:
            return [question.vector]
        names = self.known.newest(question.epoch).leaf_names
        leaf = names.index(question.node) if question.node in names else -1
        book = self.known.books.get((leaf, question.first))
        return [v.name for v in book.vectors] if book is not None and book.window.end == question.end else []

    def close_of(self, digest: bytes) -> Closed | None:
        """The voted close with this hash, decoded against the revision it names."""
        with self._store.read() as tx:
            if tx.votes.voted(digest) is None:
                return None
            try:
                data = tx.votes.close(digest).signed
            except NotFoundError:
                return None  # a late close or a batch
        close = decode(Close, unpack_signed(data).body)
        return closed_of(close, digest, self.known.members[(close.epoch, close.revision)])

    def closes_in(self, leaf: int, first: int, end: int) -> list[bytes]:
        """Hashes of the voted closes of a leaf that touch slots [first, end)."""
        with self._store.read() as tx:
            return [row.hash for row in tx.votes.closes(leaf, first, end)]

    def epoch_of(self, slot: int) -> Window:
        """The window of the epoch that holds an absolute slot."""
        for members in self.known.members.values():
            if members.window.first <= slot < members.window.end:
                return members.window
        raise NotFoundError("no epoch holds this slot", where=f"slot {slot}", fix="ask about a listed epoch")

    def cell(self, pid: int, slot: int) -> tuple[int, bool, float] | None:
        """(leaf, whether the close counted this meter's cell, when the close was signed), None if not closed."""
        for (epoch, _), members in self.known.members.items():
            row = members.row_of.get(pid)
            if row is None or not members.window.first <= slot < members.window.end:
                continue
            leaf = int(members.leaves[row])
            with self._store.read() as tx:
                rows = tx.votes.closes(leaf, slot, slot + 1)
            for stored in rows:
                close = decode(Close, unpack_signed(stored.signed).body)
                if close.epoch != epoch:
                    continue
                cells = closed_of(close, stored.hash, self.known.members[(close.epoch, close.revision)])
                at = int(np.searchsorted(members.rows(leaf), row))
                present = at < len(cells.present) and bool(
                    cells.present[at, slot - close.day * self.per_day() - close.a]
                )
                return leaf, present, close.signed_at
        return None

    def period_of(self, leaf: int, slot: int) -> Window:
        """The billing period of a leaf that holds an absolute slot; the epoch's window where none is registered."""
        for (at, _), book in self.known.books.items():
            if at == leaf and slot in book.window:
                return book.window
        return self.epoch_of(slot)

    def delivered(self, home: int, window: Window) -> int:
        """How many of a home's cells the closes of a period counted, over all its meters."""
        members = next((m for _, m in sorted(self.known.members.items(), reverse=True) if _holds(m, window)), None)
        if members is None:
            return 0
        rows = np.flatnonzero(members.homes == np.uint64(home))
        count = 0
        for leaf in np.unique(members.leaves[rows]).tolist():
            places = np.searchsorted(members.rows(leaf), rows[members.leaves[rows] == leaf])
            for close in self.known.closes.within(leaf, window.first, window.end):
                count += int(close.present[places[places < len(close.present)]].sum())
        return count

    def per_day(self) -> int:
        """Slots a day of this community."""
        return slots_per_day(self._card.resolution)


def _holds(members: MemberList, window: Window) -> bool:
    return members.window.first <= window.first and window.end <= members.window.end


class Closes:
    """hash -> `Closed`, the newest few thousand kept decoded."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._kept: OrderedDict[bytes, Closed] = OrderedDict()

    def get(self, digest: bytes) -> Closed | None:
        """The close, or None if it was never voted here."""
        found = self._kept.get(digest)
        if found is None:
            found = self._memory.close_of(digest)
            if found is None:
                return None
            self._kept[digest] = found
            if len(self._kept) > KEPT_CLOSES:
                self._kept.popitem(last=False)
        return found

    def within(self, leaf: int, first: int, end: int) -> Iterator[Closed]:
        """The closes of a leaf that touch absolute slots [first, end)."""
        for digest in self._memory.closes_in(leaf, first, end):
            close = self.get(digest)
            if close is not None:
                yield close


class Lates:
    """hash -> late close that was voted here."""

    def __init__(self, store: KeyholderStore, closes: Closes) -> None:
        self._store = store
        self._closes = closes

    def get(self, digest: bytes) -> LateClose | None:
        """The late close, or None."""
        if self._closes.get(digest) is not None:
            return None  # nearly all that a batch names; these are kept in memory
        with self._store.read() as tx:
            data = tx.documents.find("late", digest.hex())
        return None if data is None else decode(LateClose, unpack_signed(data).body)
