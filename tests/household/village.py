"""Homes with real vaults, real meters and the others' sides kept as small as they can be: frames, signed messages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from quietgrid.billing.bill import Bill, BilledFact
from quietgrid.crypto.public.envelope import Signed, decode
from quietgrid.crypto.public.sealing import seal_info
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.crypto.secret.ledger_body import ledger_key
from quietgrid.errors import NotFoundError
from quietgrid.household import Home, Vault
from quietgrid.household.service import HomeParts
from quietgrid.keyholder import ledger
from quietgrid.meter import MeterBank, SealedFrame, Site
from quietgrid.model.interval import ManualClock, Window
from quietgrid.model.question import Book, Vector
from quietgrid.model.readings import register_list
from quietgrid.store import KeyholderStore, VaultStore, open_keyholder, open_vault
from quietgrid.wire.columns import book_message, pack_bits
from quietgrid.wire.frame import parse_frames, parse_head
from quietgrid.wire.messages import Certificate, Enrol, LedgerNote, Refusal
from quietgrid.wire.own import InvoiceHead, LedgerItem, LedgerPage, SealedSeries
from quietgrid.wire.publication import OwnParts
from quietgrid.wire.vouching import Vouching
from tests.meter.town import COMMUNITY, D0, PER_DAY, Town, moment

TOWN = Town()
HOMES = {1: 11, 2: 12, 3: 11}
"""pid -> home: home 11 has two meters."""
REGISTERS = {1: 0b11, 2: 0b01, 3: 0b01}


class Platform:
    """The platform's half of `PlatformLink`, from the frames it was sent."""

    def __init__(self) -> None:
        self.frames: list[SealedFrame] = []
        self.closed_until = 1 << 60
        self.coded: list[bytes] = []
        self.periods: dict[int, Book] = {}
        self.day_records: list[Signed] = []
        self.close_messages: list[Signed] = []
        self.proofs: list[Signed] = []
        self.erased: list[Signed] = []

    def sealed(self, pid: int, register: int, window: Window) -> SealedSeries:
        word = np.zeros(len(window), np.uint64)
        version = np.full(len(window), -1, np.int64)
        for sent in self.frames:
            head = parse_head(sent.frame)
            registers = register_list(head.registers)
            if head.pid != pid or register not in registers:
                continue
            row = parse_frames([sent.frame]).words.reshape(-1, head.count)[registers.index(register)]
            for n in range(head.count):
                at = head.day * PER_DAY + head.first + n - window.first
                if 0 <= at < len(window) and version[at] < head.version:
                    word[at], version[at] = row[n], head.version
        present = version >= 0
        closed = present & (np.arange(window.first, window.end) < self.closed_until)
        return SealedSeries(
            COMMUNITY, pid, register, window.first, window.end, window.resolution, pack_bits(present),
            pack_bits(closed), np.maximum(version, 0).astype(np.uint8).tobytes(), word.astype("<u8").tobytes(),
        )  # fmt: skip

    def bills(self) -> list[bytes]:
        return self.coded

    def invoice(self, first: int) -> InvoiceHead:
        raise NotFoundError("there is no such bill", where="bill")

    def published(self) -> Signed:
        return TOWN.platform.sign(OwnParts(COMMUNITY, 11, [], 0.0))

    def book(self, first: int) -> Signed:
        return TOWN.platform.sign(book_message(self.periods[first], COMMUNITY, 0))

    def prices(self, feed: str, window: Window) -> list[Signed]:
        return []

    def closes(self, window: Window) -> list[Signed]:
        return self.close_messages

    def records(self, window: Window) -> list[Signed]:
        return self.day_records

    def vouching(self, window: Window) -> Vouching:
        return Vouching([], [])

    def erase(self, signed: Signed) -> None:
        self.erased.append(signed)

    def prove(self, scalars: Signed) -> None:
        self.proofs.append(scalars)


class Holder:
    """A keyholder's ledger (its real store) and a list of the notices it was given."""

    def __init__(self, index: int, store: KeyholderStore, home: int, enrolments: Sequence[Signed]) -> None:
        self.index, self.store, self.home = index, store, home
        self.given: list[Signed] = []
        known: dict[int, bytes] = {}
        for signed in enrolments:
            message = open_signed(signed, Enrol, signed.signer)
            info = seal_info("enrol", COMMUNITY, message.pid, f"keyholder {index}")
            keys = TOWN.kems[index].open(message.sealed[index], info)
            known.setdefault(message.home, ledger_key(keys, message.pid, index))
        with store.begin() as tx:
            tx.ledger.put_keys(list(known.items()))

    def note(self, home: int | None, note: LedgerNote) -> None:
        with self.store.begin() as tx:
            ledger.append(tx, [(home, note)])

    def ledger(self, after: int, limit: int) -> Signed:
        items = []
        with self.store.read() as tx:
            for e in tx.ledger.entries(after=after, limit=limit):
                mine = e.home is None or e.home == self.home
                shown = (e.home, e.kind, e.salt, e.body) if mine else (None, "other", b"", b"")
                items.append(LedgerItem(e.seq, e.hash, e.digest, *shown))
        return TOWN.keyholders[self.index].sign(LedgerPage(self.index, self.home, after, items))

    def notices(self, signed: Sequence[Signed]) -> list[Refusal | None]:
        self.given += signed
        return [None] * len(signed)


class Village:
    """Two homes, three meters, all of it under one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock(moment(D0))
        self.vaults = {
            home: Vault.create(folder / "households" / str(home), COMMUNITY, home, "x25519") for home in (11, 12)
        }
        self.bank = MeterBank.open(folder / "fleet", self.clock)
        self.bank.pin(TOWN.card, TOWN.card.fingerprint())
        publics = self.bank.make(list(HOMES))
        sites = []
        for (pid, home), public in zip(HOMES.items(), publics, strict=True):
            vault = self.vaults[home]
            certificate = TOWN.maker.sign(Certificate(public, REGISTERS[pid], 14_490))
            sites.append(
                Site(
                    pid, home, REGISTERS[pid], vault.identity.public, vault.kem.public, certificate,
                    vault.adopt(pid, public),
                )
            )  # fmt: skip
        self.enrolments = self.bank.enrol(sites, D0)
        for signed in self.enrolments:
            self.vaults[decode(Enrol, signed.body).home].take_roots(signed)
        self.platform = Platform()
        self.holders = [
            Holder(i, open_keyholder(folder / f"keyholder{i}.db", self.clock), 11, self.enrolments) for i in range(3)
        ]
        self.store: VaultStore = open_vault(folder / "households.db", self.clock)

    def home(self, home: int = 11) -> Home:
        for holder in self.holders:
            holder.home = home
        return Home(HomeParts(TOWN.card, self.vaults[home], self.store, self.clock, self.platform, self.holders))

    def deliver(self, frames: list[SealedFrame], at: float | None = None) -> None:
        self.platform.frames += frames
        self.bank.acknowledge(TOWN.receipt(frames, self.clock.unix if at is None else at), frames)

    def files(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())


def night_hours() -> tuple[int, ...]:
    return (0x0000FF,) * 7


def book(window: Window) -> Book:
    """Day and night of import, all of export."""
    night = night_hours()
    day = tuple(0xFFFFFF ^ mask for mask in night)
    return Book(
        0, window,
        (Vector("day", 0, "hours", "UTC", day), Vector("night", 0, "hours", "UTC", night), Vector("export", 1, "all")),
    )  # fmt: skip


def bill_of(home: int, window: Window, facts: list[BilledFact], version: int = 0) -> Bill:
    return Bill(home, window, "UTC", 1, "Test", 1, "EUR", (), (), 0, tuple(facts), version)
