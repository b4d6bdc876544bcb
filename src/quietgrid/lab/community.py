"""Founding and running a community inside one process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public.sealing import X25519
from quietgrid.crypto.public.signatures import Identity
from quietgrid.crypto.secret.keyfiles import KeyFiles
from quietgrid.errors import VerificationError
from quietgrid.keyholder import Keyholder, Parts
from quietgrid.lab.local import LocalLink
from quietgrid.meter import MeterBank, SealedFrame, Site
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import DAY_S, ManualClock, Window, slots_per_day
from quietgrid.model.party import MemberList, Party
from quietgrid.model.readings import Readings
from quietgrid.model.tariff import Tariff
from quietgrid.registry import Listed, first_list, plan_cells
from quietgrid.runtime.answering import Outcomes
from quietgrid.runtime.founding import Folders, body, found, identity
from quietgrid.runtime.periods import Periods
from quietgrid.runtime.platform import platform_at
from quietgrid.store import open_keyholder
from quietgrid.wire.columns import members_message
from quietgrid.wire.frame import HEAD
from quietgrid.wire.messages import Adoption, Certificate, CommunityCard
from quietgrid.wire.vouching import evidence_of

SEND_AT_ONCE = 10_000
"""Frames sent in one request."""


@dataclass(frozen=True, slots=True)
class Resident:
    """A party, a meter's id and registers; a home with several meters is several residents of one party."""

    party: Party
    pid: int
    registers: int


class Community:
    """Three keyholders, a platform and a bank of meters in one process.

    Args:
        folder: Where everything is kept. start: absolute slot of the first reading; the clock starts there.
        residents: Who lives here. tariffs: by name. rules: the gate's numbers.
    """

    def __init__(
        self,
        folder: Path,
        residents: Sequence[Resident],
        window: Window,
        tariffs: Sequence[Tariff] = (),
        *,
        tz: str = "Europe/Berlin",
        rules: GateRules | None = None,
    ) -> None:
        self.folders = Folders(folder)
        self.window = window
        self.tariffs = {t.name: t for t in tariffs}
        self.rules = rules or GateRules()
        self.residents = tuple(residents)
        self.clock = ManualClock(float(window.first * window.resolution - DAY_S))
        self.card: CommunityCard = found(self.folders, "Lab", tz, window.resolution, "EUR", X25519)
        self.links = [LocalLink(i) for i in range(3)]
        self.peer_links = {(i, j): LocalLink(j) for i in range(3) for j in range(3) if i != j}
        self.keyholders = [self.start_keyholder(i) for i in range(3)]
        self.platform = platform_at(self.folders, self.card, self.links, self.clock, self.rules)
        self.periods = Periods(self.platform)
        self.bank = MeterBank.open(self.folders.fleet, self.clock)
        self.held: list[SealedFrame] = []
        """Sealed frames that are on their way for longer than a close waits."""

    def start_keyholder(self, index: int) -> Keyholder:
        """Start (or start again) one keyholder from its folder."""
        folder = self.folders.keyholder(index)
        keys = body(folder, X25519)
        keyholder = Keyholder(
            Parts(
                index, self.card, keys.identity, keys.kem, open_keyholder(folder / "keyholder.db", self.clock),
                KeyFiles(folder / "keys"), self.clock, self.rules,
                [self.peer_links[index, other] for other in range(3) if other != index],
            )
        )  # fmt: skip
        self.links[index].keyholder = keyholder
        for other in range(3):
            if other != index:
                self.peer_links[other, index].keyholder = keyholder
        return keyholder

    def stop_keyholder(self, index: int) -> None:
        """Stop one keyholder: its links are dead and its files are let go."""
        keyholder = self.keyholders[index]
        self.links[index].keyholder = None
        for other in range(3):
            if other != index:
                self.peer_links[other, index].keyholder = None
        keyholder.parts.store.close()
        keyholder.parts.keys.close()

    # -- joining ---------------------------------------------------------------------------------------------------

    def join(self) -> MemberList:
        """Enrol every resident's meter, plan the cells, have the list signed and endorsed."""
        maker = identity(self.folders.state / "maker")
        self.bank.pin(self.card, self.card.fingerprint())
        publics = self.bank.make([r.pid for r in self.residents])
        parties = list({r.party.home: r.party for r in self.residents}.values())
        self.household_keys = {party.home: Identity.generate() for party in parties}
        kem = body(self.folders.households / "shared", X25519).kem
        sites = []
        for resident, public in zip(self.residents, publics, strict=True):
            home, own = resident.party.home, self.household_keys[resident.party.home]
            certificate = maker.sign(Certificate(public, resident.registers, resident.party.connection_w))
            adoption = own.sign(Adoption(self.card.community, resident.pid, home, public))
            sites.append(Site(resident.pid, home, resident.registers, own.public, kem.public, certificate, adoption))
        enrolments = self.bank.enrol(sites, self.window.first * self.window.resolution // DAY_S)
        self.platform.enrol(parties, enrolments)
        exporters = frozenset(r.party.home for r in self.residents if r.registers & 2)
        plan = plan_cells(parties, exporters, self.rules)
        listed = [
            Listed(r.party.home, r.pid, r.registers, r.party.connection_w, evidence_of(e))
            for r, e in zip(self.residents, enrolments, strict=True)
        ]
        members, evidence = first_list(self.card.community, 0, self.window, plan, listed)
        registrar = identity(self.folders.registrar)
        self.platform.adopt_members(registrar.sign(members_message(members, evidence)))
        return members

    def register_books(self, period: Window) -> None:
        """Register one book a leaf for a billing period, before it starts."""
        self.periods.put_tariffs(list(self.tariffs.values()))
        self.periods.register_books(period)

    # -- measuring -------------------------------------------------------------------------------------------------

    def measure(self, readings: Readings, late: NDArray[np.bool_] | None = None) -> None:
        """Seal readings, send the frames, take the receipts (see `seal`)."""
        self.send(self.seal(readings, late))

    def seal(self, readings: Readings, late: NDArray[np.bool_] | None = None) -> list[SealedFrame]:
        """Seal readings; the frames to send now. The clock moves to the end of the window.

        Args:
            readings: Cells that are not present were never measured.
            late: bool [n, t], cells whose frames are sealed now and kept back until `deliver_late`.
        """
        self.clock.unix = max(self.clock.unix, float(readings.window.end * readings.window.resolution))
        self.bank.advance_day((readings.window.end - 1) * readings.window.resolution // DAY_S)
        frames = self.bank.seal(readings, late)
        if late is None or not late.any():
            return frames
        behind = _starts_in(frames, readings, late)
        self.held += [frame for frame, wait in zip(frames, behind, strict=True) if wait]
        return [frame for frame, wait in zip(frames, behind, strict=True) if not wait]

    def deliver(self) -> None:
        """Send again what has no receipt (after a crash, or when the platform was away), but for what is held."""
        held = {(frame.pid, frame.seq) for frame in self.held}
        pending = self.bank.pending(limit=SEND_AT_ONCE + len(held))
        self.send([frame for frame in pending if (frame.pid, frame.seq) not in held])

    def deliver_late(self) -> int:
        """Send the frames that were held; how many."""
        held, self.held = self.held, []
        self.send(held)
        return len(held)

    def send(self, frames: Sequence[SealedFrame]) -> None:
        """Send frames and take the receipts.

        Raises:
            VerificationError: the concentrator rejects one.
        """
        for at in range(0, len(frames), SEND_AT_ONCE):
            part = frames[at : at + SEND_AT_ONCE]
            accepted = self.platform.accept([sent.frame for sent in part])
            if accepted.receipt is not None:
                self.bank.acknowledge(accepted.receipt, [part[i] for i in accepted.order.tolist()])
            if len(accepted.order) < len(part):
                reason = next(reason for reason in accepted.reasons if reason)
                raise VerificationError(f"a frame was rejected: {reason}", where="concentrator", fix="see the reason")

    def settle(self) -> Outcomes:
        """Let the settling time pass, close what is due, ask and open."""
        self.clock.unix += self.rules.settle_slots * self.window.resolution
        return self.platform.close_due()

    def close(self) -> None:
        """Let go of everything."""
        for keyholder in self.keyholders:
            keyholder.parts.store.close()
            keyholder.parts.keys.close()
        self.bank.close()
        self.platform.close()


def _starts_in(frames: Sequence[SealedFrame], readings: Readings, cells: NDArray[np.bool_]) -> list[bool]:
    """Whether the first cell of each frame is one of these cells."""
    row_of = {pid: row for row, pid in enumerate(readings.meters.tolist())}
    per_day = slots_per_day(readings.window.resolution)
    head = np.frombuffer(b"".join(sent.frame[: HEAD.itemsize] for sent in frames), HEAD)
    rows = np.array([row_of[sent.pid] for sent in frames], np.int64)
    columns = head["day"].astype(np.int64) * per_day + head["first"] - readings.window.first
    chosen: list[bool] = cells[rows, columns].tolist()
    return chosen
