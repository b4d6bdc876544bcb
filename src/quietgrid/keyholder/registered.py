"""What is registered ahead: books, prices, events, consents; and what stops, clears or erases."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from quietgrid.algorithms.strikes import EPISODES, EPISODES_DAYS
from quietgrid.algorithms.weights import resolve
from quietgrid.algorithms.wide import MAX_VECTORS, check_book
from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import ForbiddenError, GateRefusal, NotFoundError, VerificationError
from quietgrid.keyholder.intake import omitted_cells
from quietgrid.keyholder.memory import Memory, day_of
from quietgrid.keyholder.parts import Parts
from quietgrid.keyholder.rules import MIN_PERIOD_DAYS
from quietgrid.model.interval import DAY_S, Window
from quietgrid.model.question import Book, Kind
from quietgrid.store.keyholder import ConsentRow
from quietgrid.wire.columns import book_of
from quietgrid.wire.floor import FloorRaised, check_raised
from quietgrid.wire.messages import (
    Alarm,
    BookMessage,
    Clearance,
    Consent,
    Endorsement,
    EventMessage,
    Omission,
    Opened,
    Prices,
    QuestionMessage,
)
from quietgrid.wire.own import Erase, Withdrawal

H = TypeVar("H", Consent, Omission, Erase, Withdrawal)


class Registrar:
    """Takes signed notices and checks who may send which."""

    def __init__(self, parts: Parts, memory: Memory) -> None:
        self._parts = parts
        self._memory = memory
        self._by_name = {
            BookMessage.NAME: self._book, Prices.NAME: self._prices, EventMessage.NAME: self._event,
            Consent.NAME: self._consent, Endorsement.NAME: self._endorsement, Omission.NAME: self._omission,
            Clearance.NAME: self._clearance, Erase.NAME: self._erase, Withdrawal.NAME: self._withdrawal,
            Alarm.NAME: self._alarm, FloorRaised.NAME: self._floor,
        }  # fmt: skip

    def take(self, signed: Signed) -> None:
        """Take one notice, or raise why not. Taking the same notice again does nothing."""
        handler = self._by_name.get(signed.name)
        if handler is None:
            raise VerificationError("a keyholder takes no such message", where=signed.name, fix="check the address")
        handler(signed)

    def _book(self, signed: Signed) -> None:
        parts, known = self._parts, self._memory.known
        message = open_signed(signed, BookMessage, parts.card.platform_pk)
        book = book_of(message)
        members = known.newest(message.epoch)
        if message.resolution != members.window.resolution or not 0 <= book.leaf < len(members.leaf_names):
            raise GateRefusal(
                "book", "the book has another resolution or leaf than the epoch", where=f"leaf {book.leaf}",
                fix="make it for the epoch's list",
            )  # fmt: skip
        if not (members.window.first <= book.window.first and book.window.end <= members.window.end):
            raise GateRefusal(
                "book", "the period reaches outside its epoch", where=f"leaf {book.leaf}", fix="shorten it"
            )
        before = known.books.get((book.leaf, book.window.first))
        if before == book:
            return
        rules = parts.rules
        if rules.on("book"):
            if parts.clock.now() > book.window.first * book.window.resolution:
                raise GateRefusal(
                    "book", "a book is registered before its period starts", where=f"leaf {book.leaf}",
                    fix="use it for the next period",
                )  # fmt: skip
            if len(book.window) * book.window.resolution < (MIN_PERIOD_DAYS * DAY_S) - 3600:
                raise GateRefusal(
                    "book",
                    f"a period has at least {MIN_PERIOD_DAYS} days",
                    where=f"leaf {book.leaf}",
                    fix="lengthen it",
                )
            for (leaf, _), other in known.books.items():
                if leaf == book.leaf and len(other.window.intersect(book.window)):
                    raise GateRefusal(
                        "book", "periods of one leaf overlap", where=f"leaf {leaf}", fix="one book a period"
                    )
            check_bands(book)
        with parts.store.begin() as tx:
            tx.members.put_book(
                message.epoch, book.leaf, book.window.first, book.window.end, message.hash(), pack_signed(signed)
            )
        self._memory.add_book(message)

    def _prices(self, signed: Signed) -> None:
        message = open_signed(signed, Prices, self._parts.card.platform_pk)
        with self._parts.store.begin() as tx:
            tx.members.put_prices(
                message.feed, message.resolution, message.first, np.array(message.price_micro_per_kwh, np.int64),
                message.hash(), pack_signed(signed),
            )  # fmt: skip
        self._memory.add_prices(message)

    def _event(self, signed: Signed) -> None:
        message = open_signed(signed, EventMessage, self._parts.card.platform_pk)
        with self._parts.store.begin() as tx:
            tx.documents.put("event", f"{message.event}/{message.leaf}", pack_signed(signed))
        self._memory.add_event(message)

    def _consent(self, signed: Signed) -> None:
        message = self._by_household(signed, Consent)
        if self._parts.rules.on("shared"):
            self._check_shared(message)
        with self._parts.store.begin() as tx:
            tx.members.put_consent(
                ConsentRow(
                    message.home,
                    message.subject,
                    message.recipient,
                    message.expires,
                    signed.hash(),
                    pack_signed(signed),
                )
            )
            tx.documents.replace("consent", signed.hash().hex(), pack_signed(signed))
        self._memory.add_consent(message)

    def _alarm(self, signed: Signed) -> None:
        """An implausible total as the platform shows it; whether it is one is judged with the first question of halves.

        Only so many begin in so many days, whatever comes out: a meter that lies now and then, or a platform that says
        so, cannot have all totals of a leaf answered in halves.
        """
        platform = self._parts.card.platform_pk
        message = open_signed(signed, Alarm, platform)
        question = open_signed(unpack_signed(message.question), QuestionMessage, platform)
        opened = open_signed(unpack_signed(message.opened), Opened, platform)
        if opened.question != question.hash() or question.kind != Kind.TOTALS:
            raise VerificationError("an alarm is about one opened total", where=question.node, fix="send both together")
        digest = signed.hash().hex()
        alarms = self._memory.known.alarms
        if digest in alarms:
            return
        days = EPISODES_DAYS * self._memory.per_day()
        same = [
            asked for asked, _ in alarms.values()
            if (asked.epoch, asked.node, asked.quantity) == (question.epoch, question.node, question.quantity)
            and abs(asked.first - question.first) < days
        ]  # fmt: skip
        if len(same) >= EPISODES and self._parts.rules.on("strike-halves"):
            raise GateRefusal(
                "strike-halves", f"{EPISODES} searches in {EPISODES_DAYS} days are enough", where=question.node,
                fix="look at the meters that were struck most",
            )  # fmt: skip
        with self._parts.store.begin() as tx:
            tx.documents.put("alarm", digest, pack_signed(signed))
        self._memory.add_alarm(digest, message)

    def _floor(self, signed: Signed) -> None:
        """A floor that a vote raised, from a day on for which nothing was let open here."""
        parts, known = self._parts, self._memory.known
        message = open_signed(signed, FloorRaised, parts.card.platform_pk)
        if message.community != parts.card.community:
            raise VerificationError("another community's floor", where=signed.name, fix="send it to its own keyholders")
        raised = message.raised()
        if raised in known.raised:
            return
        if parts.rules.on("raise"):
            check_raised(message, parts.rules.on_day(known.raised, raised.day).k, known.raised, self._last_day())
        with parts.store.begin() as tx:
            tx.documents.put("floor", f"{raised.day:09d}", pack_signed(signed))
        known.raised.append(raised)

    def _last_day(self) -> int:
        """The last UTC day whose total, or with which a period begins whose facts, were let open here; -1 for none."""
        per_day = self._memory.per_day()
        with self._parts.store.read() as tx:
            names = [name.rsplit("/", 3) for name in tx.documents.all("answered")]
            facts = [
                decode(QuestionMessage, unpack_signed(data).body) for data in tx.documents.all("question").values()
            ]
        days = [int(parts[1]) for parts in names if parts[0].startswith(("totals/", "halves/"))]
        return max([-1, *days, *(question.first // per_day for question in facts)])

    def _check_shared(self, message: Consent) -> None:
        """A day whose totals are out is not given away by so many that the others' readings would follow (G12).

        For days to come the floor does it: totals of such a day do not open.
        """
        memory, day = self._memory, day_of(message.subject)
        if day is None or message.home in memory.known.shared.get(day, ()):
            return
        first, end = day * memory.per_day(), (day + 1) * memory.per_day()
        given = memory.known.shared.get(day, set()) | {message.home}
        for members in memory.known.members.values():
            if not len(members.window.intersect(Window(first, end, members.window.resolution))):
                continue
            for leaf in np.unique(members.leaves[members.homes == np.uint64(message.home)]).tolist():
                left = len(set(members.homes_in(leaf).tolist()) - given)
                if 0 < left < memory.known.rules_on(self._parts.rules, day).k and memory.closes_in(leaf, first, end):
                    raise GateRefusal(
                        "shared", f"then only {left} homes of this section would keep that day to themselves",
                        where=f"{message.subject}, {members.leaf_names[leaf]}",
                        fix="share another day: totals of this one are known, and the others' readings would follow",
                    )  # fmt: skip

    def _withdrawal(self, signed: Signed) -> None:
        """A consent taken back counts for no question that is asked from now on."""
        message = self._by_household(signed, Withdrawal)
        with self._parts.store.begin() as tx:
            data = tx.documents.get("consent", message.consent.hex())
            consent = decode(Consent, unpack_signed(data).body)
            if consent.home != message.home:
                raise NotFoundError("no such consent of this home", where=signed.name, fix="name the home's own")
            tx.members.revoke_consent(consent.home, consent.subject, consent.recipient)

    def _endorsement(self, signed: Signed) -> None:
        message = next(
            (open_signed(signed, Endorsement, pk) for pk in self._parts.card.keyholder_pks if pk == signed.signer), None
        )
        if message is None or self._parts.card.keyholder_pks[message.keyholder] != signed.signer:
            raise VerificationError("not a keyholder of this community", where="endorsement", fix="send a peer's")
        with self._parts.store.begin() as tx:
            tx.members.put_endorsement(message.members, message.keyholder, pack_signed(signed))
        self._memory.reload_members()

    def _omission(self, signed: Signed) -> None:
        """Count delivered cells that a later close left out; over the limit the leaf's totals stop (PROTOCOL C, G9)."""
        message = self._by_household(signed, Omission)
        parts, memory = self._parts, self._memory
        if message.pid not in memory.enrolments or memory.enrolments[message.pid][1].home != message.home:
            raise NotFoundError("no such meter of this home", where=signed.name, fix="complain about your own meters")
        leaf, left_out = -1, set()
        for day, slot, _, accepted_at in omitted_cells(message, parts.card.concentrator_pk):
            at = day * memory.per_day() + slot
            found = memory.cell(message.pid, at)
            if found is None:
                continue
            leaf, present, signed_at = found
            if accepted_at < signed_at and not present:
                left_out.add(at)
        if not left_out:
            return
        with parts.store.begin() as tx:
            slots = np.array(sorted(left_out), np.int64)
            tx.members.put_omission(message.home, np.full(len(slots), message.pid, np.uint64), slots)
            for window in {memory.period_of(leaf, at) for at in left_out}:
                omitted = tx.members.omissions(message.home, window.first, window.end)
                delivered = memory.delivered(message.home, window) + omitted
                if parts.rules.on("omission") and omitted * 100 > parts.rules.max_omitted_percent * delivered:
                    tx.members.block_leaf(leaf, "delivered readings were left out of closes")
                    memory.known.blocked.add(leaf)

    def _clearance(self, signed: Signed) -> None:
        message = open_signed(signed, Clearance, self._parts.card.auditor_pk)
        with self._parts.store.begin() as tx:
            tx.members.clear_leaf(message.leaf, pack_signed(signed))
        self._memory.known.blocked.discard(message.leaf)

    def _erase(self, signed: Signed) -> None:
        """Forget a home: keys of its meters, ledger bodies, salts and key. Votes stay: they name no meter."""
        message = self._by_household(signed, Erase)
        parts = self._parts
        pids = [pid for pid, (_, enrol, _) in self._memory.enrolments.items() if enrol.home == message.home]
        with parts.store.read() as tx:
            rows = tx.members.rows(np.array(pids, np.uint64))
        for row in rows.tolist():
            parts.keys.erase_row(row)
        with parts.store.begin() as tx:
            tx.ledger.erase_home(message.home)
            tx.documents.put("erased", str(message.home), b"")
        self._memory.known.erased.add(message.home)
        parts.store.scrub()

    def _by_household(self, signed: Signed, kind: type[H]) -> H:
        public = next((pk for pk in self._memory.household_pk.values() if pk == signed.signer), None)
        if public is None:
            raise ForbiddenError("no household here has this key", where=signed.name, fix="sign with the household key")
        message = open_signed(signed, kind, public)
        if self._memory.household_pk.get(message.home) != signed.signer:
            raise NotFoundError("not this household's home", where=signed.name, fix="sign for your own home")
        return message


def check_bands(book: Book) -> None:
    """The book's rules as far as they can be checked before prices are known; the rest is checked with the bills."""
    if len(book.vectors) > MAX_VECTORS:
        raise GateRefusal("book", "too many vectors", where=f"leaf {book.leaf}", fix=f"use at most {MAX_VECTORS}")
    bands = tuple(v for v in book.vectors if v.rule != "prices")
    if not bands:
        raise GateRefusal("book", "a book needs a band", where=f"leaf {book.leaf}", fix="add the plain sum: all")
    weights = np.stack([resolve(v, book.window) for v in bands])
    for register in {v.register for v in bands}:
        shared = weights[[v.register == register for v in bands]].sum(axis=0)
        if int(shared.max(initial=0)) > 1:
            raise GateRefusal(
                "book", "two bands share an interval: late readings of one would follow from the other",
                where=f"leaf {book.leaf}", fix="use the common refinement of the tariffs",
            )  # fmt: skip
    check_book(Book(book.leaf, book.window, bands), weights)
