"""One home: its vault, its links to platform and keyholders, and everything its people can do with their data.

Privacy: holds open readings of this home only, in memory, for as long as a call lasts; nothing of them is stored or
logged. Every method is for the home's own people; the web server decides who that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import NotFoundError, VerificationError
from quietgrid.household.checking import (
    Billed,
    BilledFact,
    BillView,
    VectorCheck,
    Verdict,
    check_bill,
    check_run,
    decode_bill,
    overall,
)
from quietgrid.household.claiming import Claiming, ClaimsLink
from quietgrid.household.events import EVENT, EventsLink, OwnResponse, event_verdict
from quietgrid.household.following import Follower
from quietgrid.household.insight_link import InsightLink
from quietgrid.household.ledger import Entry, Explained, merge
from quietgrid.household.links import HolderLink, MeterLink, PlatformLink
from quietgrid.household.omissions import Complaint, OmissionReport, look
from quietgrid.household.opening import HeldLine, KeyLine, OwnSeries, open_series
from quietgrid.household.proofs import check_records, open_records, release_scalars
from quietgrid.household.sharing import consents_for, share_days
from quietgrid.household.steering import DeviceLink, SignalsLink, Steering
from quietgrid.household.vault import Vault
from quietgrid.model.interval import Clock, Window, day_window
from quietgrid.model.question import Book
from quietgrid.model.readings import EXPORT, IMPORT, Readings
from quietgrid.store import VaultStore
from quietgrid.store.household import GivenConsent
from quietgrid.wire.columns import book_of
from quietgrid.wire.links import error_of
from quietgrid.wire.messages import BookMessage, CommunityCard, Consent, Prices, Refusal
from quietgrid.wire.own import BillScalars, Erase, SealedSeries, Withdrawal
from quietgrid.wire.vouching import check_vouching


@dataclass
class HomeParts:
    """What a home's process is made of.

    Args:
        card: The community. vault: keys. store: consents and how far ledgers were checked. clock: time.
        platform: Link. holders: Links to keyholders 0, 1, 2. meters: link to our own; None where they have no port.
        claims: Link to the platform's claims; None where there are none.
        steering: Links to what our group is told and to our own device; None where nothing is steered.
        insight: Link to published figures and encrypted comparing; None where there is none.
    """

    card: CommunityCard
    vault: Vault
    store: VaultStore
    clock: Clock
    platform: PlatformLink
    holders: Sequence[HolderLink]
    meters: MeterLink | None = None
    claims: ClaimsLink | None = None
    steering: tuple[SignalsLink, DeviceLink] | None = None
    insight: InsightLink | None = None
    response: EventsLink | None = None
    """Link to demand response; None where there is none."""


@dataclass(frozen=True)
class BillCheck:
    """A bill beside what the home measured.

    Args:
        bills: The bill, or the run of bills that had to be taken together because of late readings.
        vectors: One check a vector. disputed: (pid, day, vector) of commitments that do not open to our own sums.
        records: Signed days it rests on. proof: The signed scalars for whoever wants to check the bills.
        lost: The home lost keys of the period: nothing was checked, and the proof is empty.
    """

    bills: list[BillView]
    vectors: list[VectorCheck]
    disputed: list[tuple[int, int, str]]
    records: int
    proof: Signed
    lost: bool = False

    @property
    def verdict(self) -> Verdict:
        """The worst of the vectors' verdicts; a disputed commitment differs."""
        if self.lost:
            return Verdict.LOST
        return Verdict.DIFFERS if self.disputed else overall(self.vectors)


class Home:
    """One home's side of everything. See `HomeParts`."""

    def __init__(self, parts: HomeParts) -> None:
        self.parts = parts
        self.steering: Steering | None = None if parts.steering is None else Steering(parts, *parts.steering)
        """What the home lets its device do; None where nothing is steered."""
        link = parts.response
        self.response = None if link is None else OwnResponse(parts, link, self.consent, self.consents, self.steering)
        """What the home says to events; None where there is no demand response."""
        self._lines: dict[int, KeyLine] = {}
        self._followers = [
            Follower(holder, index, parts.card, parts.vault, parts.store) for index, holder in enumerate(parts.holders)
        ]

    @property
    def lines(self) -> dict[int, KeyLine]:
        """pid -> key line of each meter of the home."""
        vault = self.parts.vault
        for meter in vault.meters():
            if meter.pid not in self._lines:
                self._lines[meter.pid] = KeyLine(vault.community, meter)
        for held in vault.recovered():
            line = self._lines.get(held.pid)
            if line is None or line.meter != held:
                self._lines[held.pid] = HeldLine(held)
        return self._lines

    def lost(self, window: Window) -> bool:
        """Whether the keys of some day of a window are lost, although a meter of the home had enrolled."""
        lines = list(self.lines.values())
        since = min((line.meter.d0 for line in lines), default=0)
        return bool(self.parts.vault.recovered()) and any(
            day >= since and not any(line.holds(day) for line in lines) for day, _, _ in window.by_day()
        )

    # -- own data --------------------------------------------------------------------------------------------------

    def series(self, window: Window) -> list[OwnSeries]:
        """Every register of every own meter over a window, opened here; absent before a meter's first day."""
        out = []
        for pid, line in self.lines.items():
            known = line.span(window)
            for register in (IMPORT, EXPORT):
                if len(known) and line.meter.registers >> register & 1:
                    sealed = self.parts.platform.sealed(pid, register, known)
                    self._check_series(sealed, known, register)
                    out.append(open_series(sealed, line).over(window))
        return out

    def readings(self, window: Window) -> Readings:
        """The home's meters over a window as a batch."""
        series = self.series(window)
        pids = list(dict.fromkeys(part.pid for part in series))
        shape = (len(pids), len(window))
        columns = {r: np.zeros(shape, np.int64) for r in (IMPORT, EXPORT)}
        present = np.zeros(shape, np.bool_)
        for part in series:
            columns[part.register][pids.index(part.pid)] = part.energy_wh
            present[pids.index(part.pid)] |= part.present
        return Readings(np.array(pids, np.uint64), window, columns[IMPORT], columns[EXPORT], present)

    # -- bills -----------------------------------------------------------------------------------------------------

    def bills(self) -> list[bytes]:
        """Our bills, encoded as the platform made them; bills of another home are refused."""
        bills = self.parts.platform.bills()
        if any(decode_bill(data).home != self.parts.vault.home for data in bills):
            raise VerificationError("a bill of another home was sent", where="bills", fix="tell the operator")
        return bills

    def bill(self, first: int, version: int | None = None) -> BillView:
        """The bill of the period that starts at a slot; its newest version by default."""
        chosen = [b for b in self._views() if b.window.first == first and version in (None, b.version)]
        if not chosen:
            raise NotFoundError("there is no such bill", where=f"period from slot {first}", fix="list the bills")
        return max(chosen, key=lambda bill: bill.version)

    def verify_bill(self, bill: BillView) -> BillCheck:
        """Recompute a bill at home and check the meters' commitments against our own readings.

        Where late readings are on another bill, all bills so far are taken together. Where keys are lost, nothing is
        checked and the verdict says so.

        Raises:
            VerificationError: book, prices or day records are not signed by whom they should be.
        """
        if self.lost(bill.window):
            nothing = BillScalars(self.parts.vault.home, bill.window.first, bill.window.end, bill.window.resolution, [])
            return BillCheck([bill], [], [], 0, self.parts.vault.identity.sign(nothing), lost=True)
        run = [self._billed(bill)]
        checks = check_bill(run[0])
        if overall(checks) is Verdict.WAITING:
            newest = {view.window.first: view for view in sorted(self._views(), key=lambda view: view.version)}
            others = [view for first, view in sorted(newest.items()) if first != bill.window.first]
            others = [view for view in others if not self.lost(view.window)]
            whole = sorted([*run, *(self._billed(view) for view in others)], key=lambda b: b.bill.window.first)
            if overall(check_run(whole)) is not Verdict.WAITING:
                run, checks = whole, check_run(whole)
        window = Window(run[0].bill.window.first, run[-1].bill.window.end, bill.window.resolution)
        keys = {pid: line.meter.meter_pk for pid, line in self.lines.items()}
        records = open_records(self.parts.platform.records(window), keys)
        disputed = [wrong for billed in run for wrong in check_records(self.lines, billed.book, records, billed.series)]
        scalars = release_scalars(self.parts.vault, self.lines, [billed.book for billed in run], records)
        proof = self.parts.vault.identity.sign(scalars)
        return BillCheck([billed.bill for billed in run], checks, disputed, len(records), proof)

    def release(self, bill: BillView) -> BillCheck:
        """Check a bill and, unless it differs, hand its scalars to the platform so that others can check it too.

        Raises:
            VerificationError: the bill is not what the meters measured; nothing is handed over. NotFoundError: keys of
                the period are lost, so nobody can prove anything about it.
        """
        check = self.verify_bill(bill)
        if check.lost:
            raise NotFoundError(
                "the keys of a part of this period are lost", where=f"period from slot {bill.window.first}",
                fix="the bill stands as it is; others can still compare the keyholders' ledgers",
            )  # fmt: skip
        if check.verdict is Verdict.DIFFERS:
            raise VerificationError(
                "the bill is not what the meter measured", where=f"period from slot {bill.window.first}",
                fix="dispute it; the check says which band",
            )  # fmt: skip
        self.parts.platform.prove(check.proof)
        return check

    @property
    def claiming(self) -> Claiming:
        """What our bills owe us, and how we get it.

        Raises:
            NotFoundError: this community has no claims.
        """
        if self.parts.claims is None:
            raise NotFoundError("there are no claims here", where="claims", fix="ask the operator")
        return Claiming(self.parts.vault, self.parts.claims, self.parts.clock)

    # -- the privacy ledger ----------------------------------------------------------------------------------------

    def entries(self) -> list[Entry]:
        """All entries of all reachable keyholders' ledgers that we may see, each chain followed from its start.

        Raises:
            VerificationError: a chain does not hold, or what was shown before is gone or changed.
        """
        return [entry for follower in self._followers for entry in follower.entries()]

    def privacy(self, tz: str | None = None) -> list[Explained]:
        """Every number that left the homes, newest first, in plain words; the three ledgers put side by side."""
        return merge(self.entries(), tz or self.parts.card.tz)

    def verify_facts(self) -> list[tuple[Explained, Verdict]]:
        """Every opened number about this home beside what we measured."""
        out = []
        for row in self.privacy():
            note = row.note
            if row.mine and note.kind == "fact" and note.values and len(note.values) == len(note.vectors):
                window = Window(note.first, note.end, note.resolution)
                if note.why == EVENT:
                    out.append((row, self._event_verdict(note.vectors[0], note.values[0], window)))
                    continue
                book = self._book(window)
                registers = {vector.name: vector.register for vector in book.vectors}
                counts = note.counts or [-1] * len(note.values)
                facts = [
                    BilledFact(name, registers.get(name, IMPORT), value, count, 0, 0)
                    for name, value, count in zip(note.vectors, note.values, counts, strict=True)
                ]
                if self.lost(window):
                    out.append((row, Verdict.LOST))
                    continue
                checks = check_bill(self._billed(BillView(self.parts.vault.home, window, facts, 0)))
                out.append((row, overall(checks)))
        return out

    def _event_verdict(self, vector: str, value: int, window: Window) -> Verdict:
        """A number over events beside what we measured; its vector is the platform's, who says it with the reward."""
        if self.lost(window):
            return Verdict.LOST
        told = None if self.response is None else self.response.fetch()
        return Verdict.WAITING if told is None else event_verdict(told, vector, value, self.series(window))

    # -- consent ---------------------------------------------------------------------------------------------------

    def consent(self, subject: str, recipient: str, purpose: str, expires: float) -> Signed:
        """Allow one number (an event's vector) to be opened to a recipient; recorded by every keyholder."""
        vault = self.parts.vault
        signed = vault.identity.sign(Consent(vault.community, vault.home, subject, purpose, recipient, expires))
        self._notify([signed])
        self._remember([signed])
        return signed

    def share(self, days: Sequence[int], recipient: tuple[str, bytes], purpose: str, expires: float) -> Signed:
        """Open chosen days to a third party: consents to the keyholders' records, then the sealed package.

        Args:
            days: UTC days. recipient: name and tagged HPKE public key. expires: Unix seconds, of the consent.

        Returns: The signed `Share`, to be handed to the recipient.
        """
        vault = self.parts.vault
        consents = consents_for(vault, days, recipient[0], purpose, expires)
        self._notify(consents)
        series: list[SealedSeries] = []
        for pid, line in self.lines.items():
            for day in sorted(set(days)):
                window = line.span(day_window(day, self.parts.card.resolution))
                registers = [r for r in (IMPORT, EXPORT) if line.meter.registers >> r & 1 and len(window)]
                series += [self.parts.platform.sealed(pid, register, window) for register in registers]
        package = share_days(vault, list(self.lines.values()), series, consents, recipient)
        self._remember(consents)
        return package

    def consents(self) -> list[GivenConsent]:
        """Consents given and not withdrawn, newest first."""
        with self.parts.store.read() as tx:
            return tx.household.consents(self.parts.vault.home)

    def withdraw(self, subject: str, recipient: str) -> None:
        """Take a consent back. What was opened or handed over stays so.

        Raises:
            NotFoundError: no such consent.
        """
        given = next((c for c in self.consents() if (c.subject, c.recipient) == (subject, recipient)), None)
        if given is None:
            raise NotFoundError("there is no such consent", where=subject, fix="list the consents")
        vault = self.parts.vault
        message = Withdrawal(vault.community, vault.home, unpack_signed(given.signed).hash(), self.parts.clock.now())
        self._notify([vault.identity.sign(message)])
        with self.parts.store.begin() as tx:
            tx.household.drop_consent(vault.home, subject, recipient)

    # -- complaints and the end ------------------------------------------------------------------------------------

    def omissions(self, period: Window) -> tuple[OmissionReport, Complaint | None]:
        """What was delivered and left out of a period's closes; with the complaint, if there is anything.

        Raises:
            UnavailableError: the meter does not hand its receipts over. VerificationError: a receipt, a close, or what
                vouches for our meters does not hold.
        """
        parts = self.parts
        vouching, closes = parts.platform.vouching(period), parts.platform.closes(period)
        own = check_vouching(vouching, parts.card, parts.vault.home, period)
        return look(parts.card, parts.vault, period, parts.meters, (list(own.values()), closes, vouching))

    def complain(self, complaint: Complaint) -> None:
        """Show the keyholders what was left out: they stop the section's totals where it is too much."""
        self._notify(complaint.omissions)

    def erase(self, reason: str) -> list[Refusal | None]:
        """Have the keyholders erase what could open our past, then erase the vault. There is no way back.

        The platform is told first, so that no close names readings that nobody can open: the section's totals go on.

        Raises:
            UnavailableError: the platform or a keyholder is away; nothing was erased here, so that it can be asked
                again. What the platform was told stands: it takes nothing of ours any more.
        """
        parts = self.parts
        message = Erase(parts.vault.community, parts.vault.home, reason, parts.clock.now())
        signed = parts.vault.identity.sign(message)
        parts.platform.erase(signed)
        answers = self._notify([signed])
        self._lines.clear()
        with parts.store.begin() as tx:
            tx.household.erase(parts.vault.home)
        parts.vault.erase()
        return answers

    # -- inside ----------------------------------------------------------------------------------------------------

    def _views(self) -> list[BillView]:
        return [decode_bill(data) for data in self.bills()]

    def _billed(self, bill: BillView) -> Billed:
        book = self._book(bill.window)
        prices = {v.feed: self.prices(v.feed, bill.window) for v in book.vectors if v.rule == "prices"}
        return Billed(bill, book, self.series(bill.window), prices)

    def _check_series(self, sealed: SealedSeries, asked: Window, register: int) -> None:
        got = (sealed.first, sealed.end, sealed.resolution, sealed.register, sealed.community)
        if got != (asked.first, asked.end, asked.resolution, register, self.parts.vault.community):
            raise VerificationError("another series was sent", where=f"meter {sealed.pid}", fix="ask again")

    def _book(self, window: Window) -> Book:
        book = book_of(open_signed(self.parts.platform.book(window.first), BookMessage, self.parts.card.platform_pk))
        if book.window != window:
            raise VerificationError("the book of another period was sent", where="book", fix="ask again")
        return book

    def prices(self, feed: str, window: Window) -> NDArray[np.int64]:
        """Published prices of a feed, micro-money per kWh, int64 [t].

        Raises:
            VerificationError: some are not there, or not signed by the platform.
        """
        out = np.zeros(len(window), np.int64)
        known = np.zeros(len(window), np.bool_)
        for signed in self.parts.platform.prices(feed, window):
            message = open_signed(signed, Prices, self.parts.card.platform_pk)
            end = message.first + len(message.price_micro_per_kwh)
            both = window.intersect(Window(message.first, end, window.resolution))
            part = slice(both.first - window.first, both.end - window.first)
            out[part] = message.price_micro_per_kwh[both.first - message.first : both.end - message.first]
            known[part] = message.feed == feed and message.resolution == window.resolution
        if not known.all():
            raise VerificationError("prices of the period are missing", where=feed, fix="ask when all are published")
        return out

    def _notify(self, signed: Sequence[Signed]) -> list[Refusal | None]:
        """Give the same notices to all three keyholders; the first refusal is raised."""
        answers = [answer for holder in self.parts.holders for answer in holder.notices(signed)]
        refused = next((answer for answer in answers if answer is not None), None)
        if refused is not None:
            raise error_of(refused)
        return answers

    def _remember(self, consents: Sequence[Signed]) -> None:
        with self.parts.store.begin() as tx:
            for signed in consents:
                c = decode(Consent, signed.body)
                given = GivenConsent(c.subject, c.recipient, c.purpose, c.expires, pack_signed(signed))
                tx.household.put_consent(self.parts.vault.home, given)
