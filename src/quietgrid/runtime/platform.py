"""The platform: concentrator, PES, MDMS and billing wired together. It holds ciphertexts and no key to a reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from quietgrid.concentrator import Accepted, Concentrator
from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.errors import NotFoundError, UnavailableError
from quietgrid.mdms import totals_questions
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Clock, Window, slots_per_day
from quietgrid.model.party import MemberList, Party
from quietgrid.model.question import Kind
from quietgrid.pes import Closer
from quietgrid.runtime.answering import Answering, Outcomes
from quietgrid.runtime.erasing import Erasures
from quietgrid.runtime.floors import Floors
from quietgrid.runtime.founding import Folders, body, identity, platform_database
from quietgrid.runtime.keyholders import Keyholders
from quietgrid.runtime.records import Records
from quietgrid.runtime.strikes import Strikes
from quietgrid.store import LateCells, MeterRow, PlatformStore, open_platform
from quietgrid.wire.columns import member_list
from quietgrid.wire.links import KeyholderLink, error_of
from quietgrid.wire.messages import (
    Ack,
    BookMessage,
    Close,
    CommunityCard,
    Enrol,
    Members,
    Prices,
    QuestionMessage,
    Refusal,
)

CLOSES_AT_ONCE = 256


@dataclass
class PlatformParts:
    """What a platform is made of.

    Args:
        card: The community. store: its database. identity: the platform's signing key.
        concentrator: takes frames. links: to the three keyholders. clock: time. rules: the gate's numbers.
    """

    card: CommunityCard
    store: PlatformStore
    identity: Identity
    concentrator: Concentrator
    links: Sequence[KeyholderLink]
    clock: Clock
    rules: GateRules = field(default_factory=GateRules)


class Platform:
    """One community's platform. One writer: calls that change something are made from one thread."""

    def __init__(self, parts: PlatformParts) -> None:
        self.parts = parts
        self.keyholders = Keyholders(parts.links, parts.store)
        self.answering = Answering(parts.store, parts.identity, parts.card, self.keyholders, parts.rules, parts.clock)
        self.floors = Floors(parts.store, parts.rules)
        self.strikes = Strikes(parts.store, parts.identity, self.keyholders, self.answering)
        self.records = Records(parts.store)
        self.erasures = Erasures(parts.store, parts.concentrator)
        self._closer = Closer(parts.store, parts.identity, parts.clock)

    # -- joining ---------------------------------------------------------------------------------------------------

    def enrol(self, parties: Sequence[Party], enrolments: Sequence[Signed]) -> None:
        """Register parties and their meters and have all three keyholders acknowledge.

        Raises:
            UnavailableError: a keyholder is away; enrolling needs all three.
            VerificationError: a keyholder refuses a meter, or an acknowledgement does not hold.
        """
        parts = self.parts
        messages = [open_signed(s, Enrol, decode(Enrol, s.body).meter_pk) for s in enrolments]
        joined = min((m.d0 for m in messages), default=0)  # from the messages, so that doing it again is the same
        with parts.store.begin() as tx:
            tx.registry.put_parties(parties, joined)
            tx.registry.add_meters(
                [
                    MeterRow(m.pid, m.home, m.registers, m.d0, m.hash(), pack_signed(s))
                    for m, s in zip(messages, enrolments, strict=True)
                ]
            )
        answers = self.keyholders.call(lambda link: link.enrol(enrolments))
        if len(answers) < len(parts.links):
            raise UnavailableError("a keyholder is away", where="enrolment", fix="start all three, then enrol again")
        acks = []
        for index, outcomes in answers.items():
            for message, outcome in zip(messages, outcomes, strict=True):
                if isinstance(outcome, Refusal):
                    raise error_of(outcome)
                ack = open_signed(outcome, Ack, parts.card.keyholder_pks[index])
                if ack.pid == message.pid and ack.enrol == message.hash():
                    acks.append((message.pid, index, pack_signed(outcome)))
        with parts.store.begin() as tx:
            tx.registry.put_acks(acks)
            tx.log.append("registry", "meter.enrol", f"{len(messages)} meters", {"homes": len(parties)})
        parts.concentrator.take_keys(messages)
        parts.concentrator.refresh()

    def adopt_members(self, signed: Signed) -> None:
        """Publish the registrar's list: at least two keyholders must endorse it.

        Raises:
            UnavailableError: fewer than two could be reached. QuietgridError: what a keyholder objects to.
        """
        parts = self.parts
        message = open_signed(signed, Members, parts.card.registrar_pk)
        endorsements = self.keyholders.call(lambda link: link.members(signed))
        if len(endorsements) < 2:
            raise UnavailableError("fewer than two keyholders endorsed", where="members", fix="start another keyholder")
        with parts.store.begin() as tx:  # only now: a list that is refused leaves no trace, its number is free
            tx.registry.put_members(message.epoch, message.revision, message.hash(), pack_signed(signed))
            for index, endorsement in endorsements.items():
                tx.registry.put_endorsement(message.hash(), index, pack_signed(endorsement))
            tx.log.append("registry", "members", f"epoch {message.epoch}", {"revision": message.revision})
        self.keyholders.notify([e for _, e in sorted(endorsements.items())])

    def members(self, slot: int | None = None) -> MemberList:
        """The newest list of the epoch that holds an absolute slot (default: now)."""
        parts = self.parts
        at = int(parts.clock.now()) // parts.card.resolution if slot is None else slot
        with parts.store.read() as tx:
            lists = [decode(Members, unpack_signed(data).body) for data in tx.registry.all_members()]
        newest = {m.epoch: m for m in sorted(lists, key=lambda m: (m.epoch, m.revision))}  # an epoch may be cut short
        fitting = [m for m in newest.values() if m.first <= at < m.end]
        if not fitting:
            raise NotFoundError("no epoch holds this time", where=f"slot {at}", fix="have the registrar sign a list")
        return member_list(max(fitting, key=lambda m: m.epoch))

    def publish_prices(self, feed: str, first: int, prices_micro: Sequence[int]) -> None:
        """Publish prices of a feed, once for ever, to keyholders and all."""
        parts = self.parts
        message = Prices(parts.card.community, feed, first, parts.card.resolution, [int(p) for p in prices_micro])
        signed = parts.identity.sign(message)
        with parts.store.begin() as tx:
            tx.registry.put_prices(
                feed, message.resolution, first, np.array(prices_micro, np.int64), message.hash(), pack_signed(signed)
            )
        self.keyholders.notify([signed])

    # -- the life of an interval -----------------------------------------------------------------------------------

    def accept(self, frames: Sequence[bytes] | bytes) -> Accepted:
        """Take sealed frames; acknowledged after commit."""
        return self.parts.concentrator.accept(frames)

    def close_due(self, until: int | None = None) -> Outcomes:
        """Close every slot that is due, ask its totals, open them; and ask again what was left open.

        Args:
            until: Absolute slot to stop at (default: what the clock and the settling time allow).
        """
        parts = self.parts
        now = parts.clock.now()
        limit = int(now) // parts.card.resolution - parts.rules.settle_slots
        limit = limit if until is None else min(limit, until)
        total = self._ask_forgotten()
        for window, members in self._due(limit):
            at_once = max(1, CLOSES_AT_ONCE // len(members.leaf_names))
            pieces = self._pieces(window)
            for first in range(0, len(pieces), at_once):
                questions = self._close(members, pieces[first : first + at_once])
                asked = self.answering.ask(questions, members)
                total.add(asked)
                total.add(self.strikes.follow(members, asked.implausible))
        return total

    def _ask_forgotten(self) -> Outcomes:
        """Ask about closes that were kept just before a crash, before their questions were."""
        parts, total = self.parts, Outcomes()
        with parts.store.read() as tx:
            newest = tx.answers.questions(Kind.TOTALS, 1)
            asked = newest[0].end if newest else 0
            if tx.answers.last_close(0) <= asked:
                return total
            rows = [row for row in tx.answers.closes(0, asked, tx.answers.last_close(0)) if row.first >= asked]
        for row in rows:
            members = self.members(row.first)
            per_day = slots_per_day(members.window.resolution)
            day = row.first // per_day
            piece = (day, row.first - day * per_day, row.end - day * per_day)
            total.add(self.answering.ask(self._close(members, [piece]), members))
        return total

    def _due(self, limit: int) -> list[tuple[Window, MemberList]]:
        """Windows to close, per epoch, up to absolute slot `limit`."""
        parts = self.parts
        with parts.store.read() as tx:
            lists = [member_list(decode(Members, unpack_signed(d).body)) for d in tx.registry.all_members()]
            last = tx.answers.last_close(0)
        newest = {m.epoch: m for m in sorted(lists, key=lambda m: (m.epoch, m.revision))}
        out = []
        for members in newest.values():
            first, end = max(members.window.first, last), min(members.window.end, limit)
            if first < end:
                out.append((Window(first, end, members.window.resolution), members))
        return out

    def _pieces(self, window: Window) -> list[tuple[int, int, int]]:
        """The UTC days of a window, cut where a billing period starts or ends: a close lies in one period."""
        with self.parts.store.read() as tx:
            books = [decode(BookMessage, unpack_signed(data).body) for data in tx.registry.books()]
        cuts = sorted({at for book in books for at in (book.first, book.end) if window.first < at < window.end})
        edges = [window.first, *cuts, window.end]
        return [piece for a, b in pairwise(edges) for piece in Window(a, b, window.resolution).by_day()]

    def _close(self, members: MemberList, pieces: Sequence[tuple[int, int, int]]) -> list[Signed]:
        """Close slots [a, b) of some days, have them voted on in one round, register their questions."""
        parts, rows = self.parts, self.answering.rows(members)
        closes = []
        for day, a, b in pieces:
            version = parts.concentrator.presence(day, 0, members.window.resolution)[rows]
            version[self.erasures.of(members.homes)] = -1  # nobody can open them any more, so they are left out
            closes.append(self._closer.close(members, day, a, b, version[:, a:b]))
        self.keyholders.vote([signed for group in closes for signed in group])
        messages: list[QuestionMessage] = []
        for (day, a, b), group in zip(pieces, closes, strict=True):
            by_leaf = {decode(Close, s.body).leaf: s.hash() for s in group}
            messages += totals_questions(members, day, (a, b), by_leaf, self.floors.on(day))
        return self.answering.register(messages)

    def resume(self) -> Outcomes:
        """After a restart, or now and then: what a vote raised, notices, unanswered questions, provisional answers."""
        parts = self.parts
        self.floors.announce(parts.identity, parts.card, self.keyholders, parts.clock)
        self.keyholders.catch_up()
        total = Outcomes()
        with parts.store.read() as tx:
            lists = [member_list(decode(Members, unpack_signed(d).body)) for d in tx.registry.all_members()]
        for members in {m.epoch: m for m in sorted(lists, key=lambda m: (m.epoch, m.revision))}.values():
            asked = self.answering.resume(members)
            total.add(asked)
            total.add(self.strikes.follow(members, asked.implausible))
        return total

    def gather_late(self, members: MemberList, first: int, end: int) -> int:
        """Put cells that came after their close into the late pool; how many are new."""
        per_day = slots_per_day(members.window.resolution)
        rows = self.answering.rows(members)
        new = 0
        for leaf in range(len(members.leaf_names)):
            with self.parts.store.read() as tx:
                closes = [row.hash for row in tx.answers.closes(leaf, first, end)]
            mine = members.rows(leaf)
            for digest in closes:
                close = self.answering.closed(digest)
                version = self.parts.concentrator.presence(close.day, 0, members.window.resolution)
                now = version[rows[mine]][: len(close.present), close.a : close.b]
                now[self.erasures.of(members.homes[mine])[: len(now)]] = -1
                counted = np.where(close.present, close.version, -1)
                at, slots = np.nonzero(now > counted)
                if not len(at):
                    continue
                pids = members.pids[mine][at]
                cells = LateCells(members.homes[mine][at], pids, slots + close.a + close.day * per_day, now[at, slots])
                with self.parts.store.begin() as tx:
                    new += tx.totals.put_late(leaf, cells)
        return new

    def refresh(self) -> None:
        """Read again what is kept in memory: another process wrote since this one was opened."""
        self.parts.concentrator.refresh()
        self.erasures.refresh()

    def close(self) -> None:
        """Let go of threads and database."""
        self.keyholders.close()
        self.parts.store.close()


def platform_at(
    folders: Folders,
    card: CommunityCard,
    links: Sequence[KeyholderLink],
    clock: Clock,
    rules: GateRules,
    database: str = "",
) -> Platform:
    """The platform of a state directory with its concentrator; its database is there or at a PostgreSQL address."""
    store = open_platform(platform_database(folders, database), clock)
    transport = body(folders.platform / "concentrator")
    concentrator = Concentrator(store, transport.identity, clock, card.community, transport.kem.open)
    own = identity(folders.platform)
    return Platform(PlatformParts(card, store, own, concentrator, links, clock, rules))
