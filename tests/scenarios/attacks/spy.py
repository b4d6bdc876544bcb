"""The attacker: a malicious platform, alone or with a keyholder, and the small communities it attacks.

It holds every ciphertext, the platform's signing key and a link to each keyholder; it signs whatever it likes. What it
recovers is computed from what the keyholders sent, never from the plain readings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.plan import BillsPlan, LateSet, bills_plan, late_set, totals_plan
from quietgrid.algorithms.weights import price_weights, resolve
from quietgrid.crypto.public.envelope import Signed, decode, unpack_signed
from quietgrid.crypto.public.sealing import X25519
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.keyholder.events import event_weights
from quietgrid.keyholder.rules import closed_of
from quietgrid.lab.community import Community, Resident
from quietgrid.mdms import Answer, open_sums
from quietgrid.meter import Site
from quietgrid.model.closed import Closed, GateRules
from quietgrid.model.interval import DAY_S, Window, slots_per_day
from quietgrid.model.party import MemberList, Party, PartyKind
from quietgrid.model.question import Book, Kind, Quantity
from quietgrid.model.readings import Readings
from quietgrid.pes import blind_bills, blind_totals
from quietgrid.registry import Cell, CellPlan, Listed, first_list
from quietgrid.runtime.ciphertexts import Ciphertexts
from quietgrid.runtime.founding import identity
from quietgrid.wire.columns import book_message, member_list, members_message, pack_bits
from quietgrid.wire.links import error_of
from quietgrid.wire.messages import (
    Adoption,
    Certificate,
    Close,
    EventMessage,
    LateClose,
    Members,
    Prices,
    QuestionMessage,
    Refusal,
    Sums,
)
from quietgrid.wire.vouching import evidence_of

D0 = 20_000
"""First UTC day of every community here."""
SECRET = 1_789
"""The planted reading, Wh."""


def residents(leaves: dict[str, Sequence[int]], watts: int = 10_000) -> list[Resident]:
    """Homes by leaf: one register bitmap a home; home = 100 × (number of the leaf + 1) + its place, pid = 7 × home."""
    out = []
    for number, (leaf, registers) in enumerate(leaves.items(), start=1):
        for place, bits in enumerate(registers):
            home = 100 * number + place
            party = Party(home, f"home {home}", PartyKind.RESIDENTIAL, leaf, watts, "flat")
            out.append(Resident(party, 7 * home, bits))
    return out


def found_community(
    folder: Path, people: Sequence[Resident], days: int, rules: GateRules, resolution: int = 900
) -> Community:
    """A community that has enrolled and has its first list."""
    per_day = slots_per_day(resolution)
    window = Window(D0 * per_day, (D0 + days) * per_day, resolution)
    community = Community(folder, people, window, tz="UTC", rules=rules)
    community.join()
    return community


def random_readings(people: Sequence[Resident], window: Window, seed: int = 7) -> Readings:
    """Readings 50..999 Wh; export only where the meter can."""
    rng = np.random.default_rng(seed)
    shape = (len(people), len(window))
    able = np.array([r.registers >> 1 & 1 for r in people])[:, None]
    return Readings(
        np.array([r.pid for r in people], np.uint64), window, rng.integers(50, 1000, shape),
        rng.integers(50, 1000, shape) * able, np.ones(shape, np.bool_),
    )  # fmt: skip


@contextmanager
def off(community: Community, *rules: str, only: Iterable[int] = (0, 1, 2)) -> Iterator[None]:
    """Rules switched off in some keyholders."""
    chosen = [community.keyholders[i] for i in only]
    before = [k.parts.rules for k in chosen]
    for keyholder in chosen:
        keyholder.parts.rules = replace(keyholder.parts.rules, disabled=frozenset(rules))
    try:
        yield
    finally:
        for keyholder, was in zip(chosen, before, strict=True):
            keyholder.parts.rules = was


def released(community: Community) -> list[int]:
    """How many answers each keyholder has let open."""
    counts = []
    for keyholder in community.keyholders:
        with keyholder.parts.store.read() as tx:
            entries = tx.ledger.entries(limit=1_000_000)
        counts.append(sum(entry.kind in ("totals", "bills", "event") for entry in entries))
    return counts


@dataclass
class Spy:
    """The malicious platform of a community."""

    community: Community

    def __post_init__(self) -> None:
        self.sign = identity(self.community.folders.platform).sign
        self.rules = self.community.rules
        self.lists: dict[tuple[int, int], MemberList] = {}
        with self.community.platform.parts.store.read() as tx:
            for data in tx.registry.all_members():
                self.know(open_envelope(data))

    def know(self, message: Members) -> MemberList:
        members = member_list(message)
        self.lists[members.epoch, members.revision] = members
        return members

    def members(self, epoch: int = 0) -> MemberList:
        return self.lists[max(key for key in self.lists if key[0] == epoch)]

    # -- closes ----------------------------------------------------------------------------------------------------

    def close(
        self, day: int, a: int, b: int, *, leaf: int = 0, omit: Iterable[tuple[int, int]] = (), epoch: int = 0,
        signed_at: float | None = None,
    ) -> Signed:  # fmt: skip
        """A close of all cells of a leaf but (home, slot of the day) in `omit`."""
        members = self.members(epoch)
        rows = members.rows(leaf)
        present = np.ones((len(rows), b - a), np.bool_)
        for home, slot in omit:
            present[members.homes[rows] == np.uint64(home), slot - a] = False
        at = self.community.clock.now() if signed_at is None else signed_at
        key = (members.community, members.epoch, members.revision)
        return self.sign(Close(*key, leaf, day, a, b, pack_bits(present), [], at))

    def late_close(
        self, book: Book, vector: str, cells: Sequence[tuple[int, int, int]], *, epoch: int = 0, version: int = 0
    ) -> Signed:
        """A late close of (home, day, slot of the day) cells."""
        members = self.members(epoch)
        homes = members.homes[members.rows(book.leaf)].tolist()
        listed = [(homes.index(home), day, slot, version) for home, day, slot in cells]
        key = (members.community, members.epoch, members.revision)
        now = self.community.clock.now()
        return self.sign(LateClose(*key, book.leaf, book.window.first, book.window.end, vector, listed, now))

    def vote(self, subjects: Sequence[Signed], *keyholders: int) -> None:
        """Have subjects voted on; raises what a keyholder objects to."""
        for index in keyholders or (0, 1, 2):
            for outcome in self.community.links[index].votes_on(subjects):
                if isinstance(outcome, Refusal):
                    raise error_of(outcome)

    def closed(self, signed: Signed) -> Closed:
        close = decode(Close, signed.body)
        return closed_of(close, signed.hash(), self.lists[close.epoch, close.revision])

    # -- questions -------------------------------------------------------------------------------------------------

    def question(
        self, kind: Kind, node: str, span: tuple[int, int], subjects: Sequence[Signed], *, quantity: str = "",
        vector: str = "", epoch: int = 0,
    ) -> Signed:  # fmt: skip
        community = self.community.card.community
        hashes = [s.hash() for s in subjects]
        return self.sign(QuestionMessage(community, epoch, kind, node, quantity, *span, vector, hashes))

    def ask(self, question: Signed, *keyholders: int) -> dict[int, Sums]:
        """Component sums; raises what a keyholder objects to."""
        out = {}
        for index in keyholders or (0, 1, 2):
            outcome = self.community.links[index].questions([question])[0]
            if isinstance(outcome, Refusal):
                raise error_of(outcome)
            out[index] = open_signed(outcome, Sums, self.community.card.keyholder_pks[index])
        return out

    def total(
        self, closes: Signed | Sequence[Signed], node: str, *keyholders: int, quantity: Quantity = Quantity.IMPORT,
        epoch: int = 0,
    ) -> Answer:  # fmt: skip
        """Ask a total and open it."""
        subjects = [closes] if isinstance(closes, Signed) else list(closes)
        first = decode(Close, subjects[0].body)
        start = first.day * slots_per_day(self.community.card.resolution)
        span = (start + first.a, start + first.b)
        asked = self.question(Kind.TOTALS, node, span, subjects, quantity=quantity.value, epoch=epoch)
        return self.open_total(subjects, node, self.ask(asked, *keyholders), quantity=quantity, epoch=epoch)

    def open_total(
        self, closes: Signed | Sequence[Signed], node: str, sums: dict[int, Sums], *,
        quantity: Quantity = Quantity.IMPORT, epoch: int = 0,
    ) -> Answer:  # fmt: skip
        """Open a total from component sums; the attacker's plan follows the rules of the keyholders that answered."""
        subjects = [closes] if isinstance(closes, Signed) else list(closes)
        rules = self.community.keyholders[min(sums)].parts.rules
        members = self.members(epoch)
        plan = totals_plan(members, node, quantity, [self.closed(s) for s in subjects], rules)
        per_day = slots_per_day(self.community.card.resolution)
        return open_sums(blind_totals(self.fetch(members), plan, per_day), sums)

    def fetch(self, members: MemberList) -> Ciphertexts:
        return Ciphertexts(self.community.platform.parts.store, members)

    # -- bills and events ------------------------------------------------------------------------------------------

    def batch(self, book: Book, closes: Sequence[Signed], late: Sequence[Signed] = (), *, vector: str = "") -> Signed:
        """The question for a batch of bills."""
        node = self.members().leaf_names[book.leaf]
        span = (book.window.first, book.window.end)
        return self.question(Kind.BILLS, node, span, [*closes, *late], vector=vector)

    def bills(
        self, book: Book, closes: Sequence[Signed], late: Sequence[Signed] = (), *, vector: str = "",
        prices: dict[str, NDArray[np.int64]] | None = None, raw: bool = False, known: Sequence[Signed] | None = None,
    ) -> NDArray[np.int64]:  # fmt: skip
        """Vote, ask and open a batch: int64 [homes, vectors]; 0 where it does not open.

        `known`: late closes of the cells the spy has ciphertexts for, where `late` lists more; others come out wrong.
        """
        question = self.batch(book, closes, late, vector=vector)
        self.vote([*late, question])
        sums = self.ask(question)
        plan = self.bills_plan(book, closes, late if known is None else known, prices or {}, raw=raw)
        per_day = slots_per_day(book.window.resolution)
        answer = open_sums(blind_bills(self.fetch(self.members()), plan, per_day).reshape(-1), sums)
        return answer.values.reshape(len(plan.homes), -1)

    def bills_plan(
        self, book: Book, closes: Sequence[Signed], late: Sequence[Signed], prices: dict[str, NDArray[np.int64]],
        *, raw: bool,
    ) -> BillsPlan:  # fmt: skip
        members = self.members()
        weights = np.stack(
            [
                resolve(v, book.window)
                if v.rule != "prices"
                else (prices[v.feed] if raw else price_weights(prices[v.feed]).weights)
                for v in book.vectors
            ]
        )
        cells = [self.closed(s) for s in closes]
        sets = [self._late_set(book, decode(LateClose, s.body), cells) for s in late]
        registers = [v.register for v in book.vectors]
        return bills_plan(members, book.leaf, book.window, cells, (registers, weights), sets)

    def _late_set(self, book: Book, late: LateClose, closes: Sequence[Closed]) -> LateSet:
        names = [v.name for v in book.vectors]
        loose = replace(self.rules, disabled=frozenset({"late"}))
        by_slot = {(c.day, slot): c for c in closes for slot in range(c.a, c.b)}
        return late_set(
            self.members(), book.leaf, names.index(late.vector), late.cells, lambda d, s: by_slot.get((d, s)), loose
        )

    def event(self, event: EventMessage, closes: Sequence[Signed], span: tuple[int, int]) -> dict[int, int]:
        """Vote, ask and open an event: home -> number."""
        members = self.members()
        question = self.question(Kind.EVENT, members.leaf_names[event.leaf], span, closes, vector=event.event)
        self.vote([question])
        sums = self.ask(question)
        window = Window(*span, event.resolution)
        weights = event_weights(event, window)[None]
        cells = [self.closed(s) for s in closes]
        plan = bills_plan(members, event.leaf, window, cells, ([event.register], weights))
        held = np.isin(plan.homes, np.array(event.holders, np.uint64))
        blind = blind_bills(self.fetch(members), plan, slots_per_day(event.resolution))[held, 0]
        answer = open_sums(blind, sums)
        return dict(zip(plan.homes[held].tolist(), answer.values.tolist(), strict=True))

    # -- notices ---------------------------------------------------------------------------------------------------

    def register(self, *notices: Signed) -> None:
        """Send notices to all keyholders; raises what one objects to."""
        for link in self.community.links:
            for refusal in link.register(notices):
                if refusal is not None:
                    raise error_of(refusal)

    def register_book(self, book: Book, epoch: int = 0) -> None:
        self.register(self.sign(book_message(book, self.community.card.community, epoch)))

    def publish(self, feed: str, first: int, prices: NDArray[np.int64]) -> None:
        card = self.community.card
        self.register(self.sign(Prices(card.community, feed, first, card.resolution, prices.tolist())))


def open_envelope(data: bytes) -> Members:
    return decode(Members, unpack_signed(data).body)


def settle_time(day: int, slot: int, rules: GateRules, resolution: int = 900) -> float:
    """When slot `slot` (exclusive end) of a day may be closed."""
    return day * DAY_S + (slot + rules.settle_slots) * resolution


def enrol_people(
    community: Community, *, makers: Mapping[int, Identity] | None = None,
    tamper: Callable[[Signed, Identity], Signed] | None = None,
) -> list[Listed]:  # fmt: skip
    """Enrol a community's residents, as `Community.join` does.

    Args:
        makers: pid -> who signs its certificate, where it is not the recognised maker.
        tamper: What becomes of the enrolments on their way; it is given the meter's own key.
    """
    maker, bank = identity(community.folders.state / "maker"), community.bank
    bank.pin(community.card, community.card.fingerprint())
    publics = bank.make([r.pid for r in community.residents])
    parties = list({r.party.home: r.party for r in community.residents}.values())
    community.household_keys = {party.home: Identity.generate() for party in parties}
    kem = PrivateKem.generate(X25519)
    sites = []
    for r, public in zip(community.residents, publics, strict=True):
        own = community.household_keys[r.party.home]
        certificate = (makers or {}).get(r.pid, maker).sign(Certificate(public, r.registers, r.party.connection_w))
        adoption = own.sign(Adoption(community.card.community, r.pid, r.party.home, public))
        sites.append(Site(r.pid, r.party.home, r.registers, own.public, kem.public, certificate, adoption))
    enrolments = bank.enrol(sites, D0)
    if tamper is not None:
        enrolments = [tamper(e, bank._columns.identity(n)) for n, e in enumerate(enrolments)]
    community.platform.enrol(parties, enrolments)
    return [
        Listed(r.party.home, r.pid, r.registers, r.party.connection_w, evidence_of(e))
        for r, e in zip(community.residents, enrolments, strict=True)
    ]


def signed_list(
    community: Community, epoch: int, window: Window, leaves: dict[str, Sequence[int]], listed: Sequence[Listed]
) -> Signed:
    """The registrar's list of an epoch with the given homes in each leaf."""
    cells = tuple(Cell(name, tuple(homes), 0, 0) for name, homes in leaves.items())
    chosen = {home for homes in leaves.values() for home in homes}
    meters = [m for m in listed if m.home in chosen]
    members, evidence = first_list(community.card.community, epoch, window, CellPlan(cells), meters)
    return identity(community.folders.registrar).sign(members_message(members, evidence))
