"""Billing periods: books before they start, one batch a leaf when they are over, bills from band sums.

Late readings (PROTOCOL C, G1): cells that came after their close wait in a pool per leaf and band. Once k homes
have some, they enter the next batch *inside* the homes' band sums; they are never opened apart, since one late
cell alone would be that reading. Until then a bill carries an estimate; the bill that takes the cells in gives it back.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import msgspec
import numpy as np

from quietgrid.billing import (
    Bill,
    Line,
    Usage,
    book_for_leaf,
    feed_prices,
    postings,
    price,
    split_late,
    true_up,
    usage_of,
)
from quietgrid.billing.bill import BilledFact
from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.errors import InputError, NotFoundError, UnavailableError
from quietgrid.mdms import bills_question
from quietgrid.mdms.estimate import estimate, leaf_of_facts, remaining
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.model.question import Book, Kind
from quietgrid.model.tariff import Tariff
from quietgrid.model.tariff_text import from_dict, to_dict
from quietgrid.runtime.answering import Outcomes
from quietgrid.runtime.late import LatePool
from quietgrid.runtime.platform import Platform
from quietgrid.store import BillRow
from quietgrid.wire.columns import book_message, book_of
from quietgrid.wire.links import error_of
from quietgrid.wire.messages import BookMessage, LateClose

_EPOCH = date(1970, 1, 1)


@dataclass
class BillingRun:
    """What a billing run did.

    Args:
        window: The period. bills: how many were made. estimated: how many carry an estimate.
        erased: homes without a bill, since nothing of theirs could be opened any more.
        late_cells: cells that entered from the pool. outcomes: of the questions.
    """

    window: Window
    bills: int = 0
    estimated: int = 0
    erased: int = 0
    late_cells: int = 0
    outcomes: Outcomes = field(default_factory=Outcomes)


class Periods:
    """Books and billing runs of one platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._parts = platform.parts
        self._late = LatePool(platform.parts, platform.answering)

    # -- before ----------------------------------------------------------------------------------------------------

    def put_tariffs(self, tariffs: Sequence[Tariff]) -> None:
        """Keep tariff versions; a version never changes."""
        with self._parts.store.begin() as tx:
            for tariff in tariffs:
                day = (tariff.valid_from - _EPOCH).days
                tx.registry.put_tariff(tariff.name, tariff.version, day, to_dict(tariff))

    def tariff_of(self, members: MemberList, window: Window) -> dict[int, Tariff]:
        """home -> the tariff version that holds when the period starts."""
        day = window.first // slots_per_day(window.resolution) + 1
        out: dict[int, Tariff] = {}
        with self._parts.store.read() as tx:
            versions: dict[str, Tariff] = {}
            wanted = set(members.homes.tolist())
            for row in tx.registry.parties(left=True):
                party = row.party
                if party.home in wanted:
                    if party.tariff not in versions:
                        versions[party.tariff] = from_dict(tx.registry.tariff(party.tariff, day).body)
                    out[party.home] = versions[party.tariff]
        return out

    def register_books(self, window: Window) -> list[Book]:
        """Make and register one book a leaf, before the period starts; the same books when called again.

        Raises:
            QuietgridError: what a keyholder objects to.
        """
        parts, members = self._parts, self._platform.members(window.first)
        tariffs = self.tariff_of(members, window)
        books, notices = [], []
        for leaf in range(len(members.leaf_names)):
            rows = members.rows(leaf)
            registers = int(np.bitwise_or.reduce(members.registers[rows]))
            book = book_for_leaf([tariffs[int(h)] for h in members.homes_in(leaf)], leaf, window, registers)
            signed = parts.identity.sign(book_message(book, parts.card.community, members.epoch))
            with parts.store.begin() as tx:
                tx.registry.put_book(members.epoch, leaf, window.first, window.end, signed.hash(), pack_signed(signed))
            notices.append(signed)
            books.append(book)
        for refusals in self._platform.keyholders.notify(notices).values():
            if refusals:
                raise error_of(refusals[0])
        return books

    def book(self, leaf: int, window: Window) -> Book:
        """The registered book of a leaf and period."""
        with self._parts.store.read() as tx:
            book = book_of(decode(BookMessage, unpack_signed(tx.registry.book(leaf, window.first)).body))
        if book.window != window:
            raise NotFoundError("no book is registered for this period", where=f"leaf {leaf}", fix="check the period")
        return book

    def windows(self) -> list[Window]:
        """Billing periods with registered books, oldest first."""
        with self._parts.store.read() as tx:
            messages = [decode(BookMessage, unpack_signed(data).body) for data in tx.registry.books()]
        return sorted({Window(m.first, m.end, m.resolution) for m in messages}, key=lambda w: w.first)

    # -- after -----------------------------------------------------------------------------------------------------

    def run(self, window: Window) -> BillingRun:
        """Bill a period: late pool, one batch a leaf, prices. Bills are drafts until they are approved.

        Raises:
            UnavailableError: the period is not fully closed yet.
        """
        members = self._platform.members(window.first)
        self._check_closed(members, window)
        run = BillingRun(window)
        self._gather(members, window)
        leaves = range(len(members.leaf_names))
        questions = [self._batch(members, leaf, window) for leaf in leaves]
        late = [signed for leaf in leaves for signed in self._late.signed(leaf, window)]
        if late:
            self._platform.keyholders.vote(late)
        run.late_cells = sum(len(decode(LateClose, signed.body).cells) for signed in late)
        run.outcomes = self._platform.answering.ask(questions, members)
        for leaf in leaves:
            bills = self._bills(members, leaf, window)
            self._keep(bills)
            run.bills += len(bills)
            run.erased += len(self._unbilled(members, leaf, window)) if bills else 0
            run.estimated += sum(any(f.missing for f in bill.facts) for bill in bills)
        with self._parts.store.begin() as tx:
            tx.log.append(
                "billing", "billing.run", f"period {window.first}",
                {"bills": run.bills, "estimated": run.estimated, "late_cells": run.late_cells, "erased": run.erased},
            )  # fmt: skip
        return run

    def _gather(self, members: MemberList, window: Window) -> None:
        """What came late for this epoch, and for the one before: the pool goes on over an epoch's end (0023)."""
        first = members.window.first
        if first > 0:
            try:
                before = self._platform.members(first - 1)
                kept = self._parts.rules.retain_days * slots_per_day(window.resolution)
                self._platform.gather_late(before, max(before.window.first, first - kept), first)
            except NotFoundError:
                pass  # the first epoch
        self._platform.gather_late(members, first, window.end)

    def _check_closed(self, members: MemberList, window: Window) -> None:
        """Nothing is bound to a period, no late close and no batch, before all of it is closed."""
        with self._parts.store.read() as tx:
            reached = min(tx.answers.last_close(leaf) for leaf in range(len(members.leaf_names)))
        if reached < window.end:
            raise UnavailableError(
                f"{window.end - reached} intervals of the period are not closed yet", where=f"period {window.first}",
                fix="run billing when it is over and the late readings are in",
            )  # fmt: skip

    def _batch(self, members: MemberList, leaf: int, window: Window) -> Signed:
        """The one batch of a leaf and period; what was signed before stays, whatever came late since."""
        node = members.leaf_names[leaf]
        with self._parts.store.read() as tx:
            made = [q for q in tx.answers.questions(Kind.BILLS, 1 << 20) if (q.node, q.first) == (node, window.first)]
            closes = [row.hash for row in tx.answers.closes(leaf, window.first, window.end)]
        if made:
            return unpack_signed(made[0].signed)
        plain = bills_question(members, leaf, window, closes)
        billed = [w for w in self.windows() if w.end <= window.end]
        late = self._late.enter(members, plain, billed)
        message = bills_question(members, leaf, window, closes, [s.hash() for s in late])
        return self._platform.answering.register([message])[0]

    # -- bills -----------------------------------------------------------------------------------------------------

    def _bills(self, members: MemberList, leaf: int, window: Window) -> list[Bill]:
        """Bills of one leaf from its opened facts; empty while they are not open."""
        book = self.book(leaf, window)
        homes = set(members.homes_in(leaf).tolist()) - self._unbilled(members, leaf, window)
        with self._parts.store.read() as tx:
            facts = [f for f in tx.totals.facts(first=window.first) if f.home in homes and f.window == window]
            feeds = {v.feed for v in book.vectors if v.feed}
            series = {feed: tx.registry.prices(feed, window)[0] for feed in feeds}
        if not facts:
            return []
        usage = usage_of(book, facts)
        bands = np.array([v.rule != "prices" for v in book.vectors])
        registers = np.array([v.register for v in book.vectors], np.int64)
        guess = estimate(
            usage.measured, usage.intervals, usage.missing, registers, leaf_of_facts(usage.measured, usage.intervals),
            banded=bands,
        )  # fmt: skip
        usage = split_late(usage.with_estimate(guess.energy_wh), self._late.counts(members, book, usage.homes))
        carried = self._true_ups(members, leaf, window)
        by_tariff: dict[Tariff, list[int]] = {}
        for home, tariff in self.tariff_of(members, window).items():
            if home in homes:
                by_tariff.setdefault(tariff, []).append(home)
        bills: list[Bill] = []
        for tariff, who in by_tariff.items():
            prices = feed_prices(book, tariff.feed, series[tariff.feed]) if tariff.feed else None
            part = {home: carried[home] for home in who if home in carried}
            bills += price(tariff, book, usage.rows_of(who), prices, carried=part).bills()
        return bills

    def _unbilled(self, members: MemberList, leaf: int, window: Window) -> set[int]:
        """Erased homes of a leaf of which nothing of a period was opened: they get no bill and no estimate either."""
        homes = set(members.homes_in(leaf).tolist()) & self._platform.erasures.homes
        if not homes:
            return set()
        with self._parts.store.read() as tx:
            facts = [f for f in tx.totals.facts(first=window.first) if f.home in homes and f.window == window]
        return homes - {fact.home for fact in facts if fact.intervals}

    def _true_ups(self, members: MemberList, leaf: int, window: Window) -> dict[int, Sequence[Line]]:
        """Lines that give back earlier estimates for cells that enter this period's sums."""
        lines: dict[int, list[Line]] = {}
        past = [earlier for earlier in self.windows() if earlier.end <= window.first]
        for earlier in past:
            now = self._arrived(members, leaf, earlier, window)
            if not now:
                continue
            before = sum((self._arrived(members, leaf, earlier, run) for run in past if run != earlier), Counter())
            book, tariffs = self.book(leaf, earlier), self.tariff_of(members, earlier)
            for home in sorted({home for home, _ in now}):
                bill, tariff = self.bill(home, earlier), tariffs[home]
                was, is_now = (self._with_arrived(bill, book, tariff, counts) for counts in (before, before + now))
                lines.setdefault(home, []).extend(true_up(was, is_now))
        return {home: tuple(some) for home, some in lines.items() if some}

    def _arrived(self, members: MemberList, leaf: int, period: Window, run: Window) -> Counter[tuple[int, str]]:
        """How many estimated cells of a period entered the batch of another one, by home and vector."""
        if run.first < members.window.first:
            members = self._platform.members(run.first)  # a late close names rows of its own epoch's list
        homes = members.homes[members.rows(leaf)]
        found: Counter[tuple[int, str]] = Counter()
        for late in self._late.entered(leaf, run):
            found.update((int(homes[row]), late.vector) for row, _ in self._late.missed(members, late, period))
        return found

    def _with_arrived(self, bill: Bill, book: Book, tariff: Tariff, counts: Counter[tuple[int, str]]) -> Bill:
        """An earlier bill without the estimates for the cells that came since."""
        facts = []
        for fact in bill.facts:
            came = min(counts[bill.home, fact.vector], fact.missing)
            left = remaining(fact.estimate, fact.missing, came) if fact.missing else fact.estimate
            facts.append(replace(fact, missing=fact.missing - came, estimate=left))
        prices = None
        if tariff.feed:
            with self._parts.store.read() as tx:
                prices = feed_prices(book, tariff.feed, tx.registry.prices(tariff.feed, book.window)[0])
        return price(tariff, book, _usage(book, bill.home, facts), prices, days=bill.days).bill(0)

    def _keep(self, bills: Sequence[Bill]) -> None:
        rows = [
            BillRow(
                bill.home, bill.window.first, bill.window.end, bill.version + 1, bill.total_micro, bill.currency,
                [msgspec.to_builtins(line) for line in bill.lines],
                {"bill": b64encode(bill.encode()).decode(), "tariff": bill.tariff, "estimated_wh": bill.estimated_wh},
            )
            for bill in bills
        ]  # fmt: skip
        with self._parts.store.begin() as tx:
            tx.billing.put(rows)

    def bill(self, home: int, window: Window) -> Bill:
        """The newest bill of a home and period."""
        with self._parts.store.read() as tx:
            row = tx.billing.bill(home, window.first)
        return bill_of(row)

    def approve(self, window: Window, by: str) -> int:
        """Approve and issue all drafts of a period; how many.

        Raises:
            InputError: there is no draft.
        """
        with self._parts.store.begin() as tx:
            rows = tx.billing.bills(first=window.first)
            keys = [row.key for row in rows]
            if not keys:
                raise InputError("nothing to approve", where=f"period {window.first}", fix="run billing first")
            changed = tx.billing.set_status([r.key for r in rows if r.status == "draft"], "approved", by)
            tx.billing.set_status([r.key for r in rows if r.status != "issued"], "issued", by)
            for row in rows:
                if row.version == 1:  # what a later version changes is posted as true-ups of the next period
                    tx.postings.post(postings(bill_of(row)), window.first)
            tx.log.append(by, "billing.approve", f"period {window.first}", {"bills": changed})
        return changed

    def balanced(self, window: Window) -> bool:
        """Whether the postings of a period's bills sum to zero."""
        with self._parts.store.read() as tx:
            bills = [bill_of(row) for row in tx.billing.bills(first=window.first)]
        sums: Counter[str] = Counter()
        for bill in bills:
            for posting in postings(bill):
                sums[posting.debit] += posting.amount_micro
                sums[posting.credit] -= posting.amount_micro
        return sum(sums.values()) == 0


def bill_of(row: BillRow) -> Bill:
    """The bill in a stored row."""
    return Bill.decode(b64decode(row.detail["bill"]))


def _usage(book: Book, home: int, facts: Sequence[BilledFact]) -> Usage:
    """One home's usage from what its bill knows."""
    table = np.array(
        [(f.measured, f.intervals, f.late, f.late_intervals, f.missing, f.estimate) for f in facts], np.int64
    ).T[:, None, :]
    return Usage(book, np.array([home], np.uint64), *table)
