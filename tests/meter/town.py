"""A small community for the tests of meters and households: every party's keys, and meters that are really enrolled."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from quietgrid.crypto.public import merkle
from quietgrid.crypto.public.envelope import Signed
from quietgrid.crypto.public.signatures import Identity
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.meter import MeterBank, SealedFrame, Site
from quietgrid.model.interval import DAY_S, ManualClock, Window
from quietgrid.model.readings import Readings
from quietgrid.wire.messages import Adoption, Certificate, CommunityCard, Receipt

COMMUNITY = bytes(range(16))
D0 = 20_000
PER_DAY = 96


@dataclass
class Town:
    """All keys of one community (X25519 only: these tests are about rules, not about KEMs)."""

    keyholders: list[Identity] = field(default_factory=lambda: [Identity.generate() for _ in range(3)])
    kems: list[PrivateKem] = field(default_factory=lambda: [PrivateKem.generate("x25519") for _ in range(3)])
    registrar: Identity = field(default_factory=Identity.generate)
    platform: Identity = field(default_factory=Identity.generate)
    concentrator: Identity = field(default_factory=Identity.generate)
    concentrator_kem: PrivateKem = field(default_factory=lambda: PrivateKem.generate("x25519"))
    auditor: Identity = field(default_factory=Identity.generate)
    maker: Identity = field(default_factory=Identity.generate)
    household: Identity = field(default_factory=Identity.generate)
    household_kem: PrivateKem = field(default_factory=lambda: PrivateKem.generate("x25519"))

    @property
    def card(self) -> CommunityCard:
        return CommunityCard(
            COMMUNITY, "Test", "Europe/Berlin", 900, "EUR",
            [k.public for k in self.keyholders], [k.public for k in self.kems],
            self.registrar.public, self.platform.public, self.concentrator.public, self.concentrator_kem.public,
            self.auditor.public, [self.maker.public],
        )  # fmt: skip

    def site(self, pid: int, meter_pk: bytes, registers: int = 0b11, home: int | None = None) -> Site:
        home = 100 + pid if home is None else home
        return Site(
            pid, home, registers, self.household.public, self.household_kem.public,
            self.maker.sign(Certificate(meter_pk, registers, 14_490)),
            self.household.sign(Adoption(COMMUNITY, pid, home, meter_pk)),
        )  # fmt: skip

    def receipt(self, frames: list[SealedFrame], at: float = 0.0) -> Signed:
        root = merkle.root([sha256(sent.frame).digest() for sent in frames])
        return self.concentrator.sign(Receipt(COMMUNITY, root, len(frames), at))


def new_bank(town: Town, folder: Path, clock: ManualClock, registers: list[int], d0: int = D0) -> MeterBank:
    """A bank with one enrolled meter a bitmap, pids 1, 2, …"""
    bank = MeterBank.open(folder, clock)
    bank.pin(town.card, town.card.fingerprint())
    pids = list(range(1, len(registers) + 1))
    publics = bank.make(pids)
    bank.enrol([town.site(pid, pk, bits) for pid, pk, bits in zip(pids, publics, registers, strict=True)], d0)
    return bank


def readings(pids: list[int], window: Window, seed: int = 0, missing: float = 0.0) -> Readings:
    """Random readings; export 0 for even pids."""
    rng = np.random.default_rng(seed)
    shape = (len(pids), len(window))
    present = rng.random(shape) >= missing
    imported = np.where(present, rng.integers(0, 5_000, shape), 0)
    exported = np.where(present & (np.array(pids)[:, None] % 2 == 1), rng.integers(0, 2_000, shape), 0)
    return Readings(np.array(pids, np.uint64), window, imported, exported, present)


def slots(day: int, a: int, b: int) -> Window:
    """Slots [a, b) of a day, 15 minutes."""
    return Window(day * PER_DAY + a, day * PER_DAY + b, 900)


def moment(day: int, slot: float = 0) -> float:
    """Unix seconds."""
    return day * DAY_S + slot * 900.0
