"""Founding and running a community inside one process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quietgrid.crypto.public.sealing import X25519
from quietgrid.crypto.public.signatures import Identity
from quietgrid.crypto.secret.keyfiles import KeyFiles
from quietgrid.keyholder import Keyholder, Parts
from quietgrid.lab.local import LocalLink
from quietgrid.meter import MeterBank, Site
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import DAY_S, ManualClock, Window
from quietgrid.model.party import MemberList, Party
from quietgrid.model.readings import Readings
from quietgrid.model.tariff import Tariff
from quietgrid.registry import Listed, first_list, plan_cells
from quietgrid.runtime.founding import Folders, body, found, identity
from quietgrid.runtime.periods import Periods
from quietgrid.runtime.platform import platform_at
from quietgrid.store import open_keyholder
from quietgrid.wire.columns import members_message
from quietgrid.wire.messages import Adoption, Certificate, CommunityCard


@dataclass(frozen=True, slots=True)
class Resident:
    """A party, its one meter's id and registers."""

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
        households = [Identity.generate() for _ in self.residents]
        kem = body(self.folders.households / "shared", X25519).kem
        sites = [
            Site(
                r.pid, r.party.home, r.registers, own.public, kem.public,
                maker.sign(Certificate(public, r.registers, r.party.connection_w)),
                own.sign(Adoption(self.card.community, r.pid, r.party.home, public)),
            )
            for r, own, public in zip(self.residents, households, publics, strict=True)
        ]  # fmt: skip
        self.household_keys = {r.party.home: own for r, own in zip(self.residents, households, strict=True)}
        enrolments = self.bank.enrol(sites, self.window.first * self.window.resolution // DAY_S)
        self.platform.enrol([r.party for r in self.residents], enrolments)
        exporters = frozenset(r.party.home for r in self.residents if r.registers & 2)
        plan = plan_cells([r.party for r in self.residents], exporters, self.rules)
        listed = [
            Listed(r.party.home, r.pid, r.registers, r.party.connection_w, e.hash())
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

    def measure(self, readings: Readings) -> None:
        """Seal readings, send the frames, take the receipts. The clock moves to the end of the window."""
        self.clock.unix = max(self.clock.unix, float(readings.window.end * readings.window.resolution))
        self.bank.advance_day((readings.window.end - 1) * readings.window.resolution // DAY_S)
        self.bank.seal(readings)
        self.deliver()

    def deliver(self) -> None:
        """Send what is not acknowledged yet."""
        pending = self.bank.pending()
        if pending:
            accepted = self.platform.accept([p.frame for p in pending])
            if accepted.receipt is not None:
                self.bank.acknowledge(accepted.receipt, [pending[i] for i in accepted.order.tolist()])

    def settle(self) -> None:
        """Let the settling time pass and close what is due."""
        self.clock.unix += self.rules.settle_slots * self.window.resolution
        self.platform.close_due()

    def close(self) -> None:
        """Let go of everything."""
        for keyholder in self.keyholders:
            keyholder.parts.store.close()
            keyholder.parts.keys.close()
        self.bank.close()
        self.platform.close()
