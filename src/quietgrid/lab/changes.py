"""Changes of a founded demo: a meter is replaced, a household moves, the list of members goes on.

What the installer, the maker, the household and the registrar do; in the demo all of them are one operator. The demo is
stopped meanwhile (`renew` alone may run beside it): the meters' bank has one writer. The platform takes the outcome
from the commissioning file and hands it to the keyholders, who check all of it themselves.

Source: PROTOCOL A "The gate" (join / leave), C, K9. Privacy: makes keys of meters and vaults; reads no reading.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from quietgrid.crypto.public.envelope import Signed, decode
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import ConflictError, NotFoundError
from quietgrid.household.vault import Vault
from quietgrid.lab.commission import epoch_window
from quietgrid.meter import MeterBank, Site
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.model.party import MemberList, Party
from quietgrid.model.readings import EXPORT
from quietgrid.registry import Cell, CellPlan, Listed, cut_epoch, next_epoch, replace_meter
from quietgrid.runtime.clock import ClockFile
from quietgrid.runtime.commissioning import Commissioning, Seat
from quietgrid.runtime.driver import months
from quietgrid.runtime.founding import Folders, identity, read_card
from quietgrid.wire.columns import member_list, members_message
from quietgrid.wire.messages import Certificate, CommunityCard, Enrol, Members
from quietgrid.wire.vouching import evidence_of

BATCH = 5
"""Homes that join or leave a section at once, at least (the keyholders refuse fewer)."""
RENEW_DAYS = 65
"""The next epoch's list is signed so long before this one ends: before the books of its first period are due."""


@dataclass(frozen=True)
class Replaced:
    """A home has a new meter.

    Args:
        home: Whose. old, new: meter ids. first: absolute slot from which the new one measures.
    """

    home: int
    old: int
    new: int
    first: int


class Move(msgspec.Struct, frozen=True):
    """A queued change of household. `home` is the one that leaves, `name` who comes."""

    home: int
    name: str


@dataclass(frozen=True)
class Batch:
    """One section's part of the queue.

    Args:
        section: Leaf. moves: queued. ready: whether they are enough to be told apart by nobody.
    """

    section: str
    moves: tuple[Move, ...]

    @property
    def ready(self) -> bool:
        """Enough to leave and join at once."""
        return len(self.moves) >= BATCH


class State:
    """A stopped demo: its plan, its lists, its bodies' keys.

    Raises:
        ConfigError: there is no demo here.
    """

    def __init__(self, state: Path) -> None:
        self.folders = Folders(state)
        self.card: CommunityCard = read_card(self.folders.card)
        self.path = state / "commissioning"
        self.plan = Commissioning.load(self.path)
        self.clock = ClockFile(state / "clock")

    @property
    def deliver(self) -> int:
        """Absolute slot up to which the meters were asked."""
        return self.clock.read().deliver

    def newest(self) -> list[tuple[MemberList, list[bytes]]]:
        """The newest revision of every epoch's list with its evidence, in order of time."""
        found: dict[int, Members] = {}
        for signed in self.plan.members:
            message = decode(Members, signed.body)
            if message.epoch not in found or message.revision > found[message.epoch].revision:
                found[message.epoch] = message
        return [(member_list(found[epoch]), list(found[epoch].evidence)) for epoch in sorted(found)]

    def save(self, plan: Commissioning) -> None:
        """Make a changed plan the plan."""
        plan.save(self.path)
        self.plan = plan

    # -- a meter is replaced ---------------------------------------------------------------------------------------

    def replace_meter(self, home: int) -> Replaced:
        """Give a home a new meter; the old one measures up to now and is retired once its last day is recorded.

        Raises:
            NotFoundError: no such home. ConflictError: the demo runs.
        """
        lists = [(m, e) for m, e in self.newest() if m.window.end > self.deliver]
        members = lists[0][0] if lists else None
        if members is None or home not in members.homes.tolist():
            raise NotFoundError("there is no such home here", where=f"home {home}", fix="list them: `party list`")
        row = max(at for at, h in enumerate(members.homes.tolist()) if h == home)
        old, registers, power = int(members.pids[row]), int(members.registers[row]), int(members.connection_w[row])
        vault = Vault(self.folders.households / str(home))
        bank = MeterBank.open(self.folders.fleet, self.clock)
        try:
            first = max(self.deliver, bank.sealed_until)
            d0 = first // slots_per_day(self.card.resolution)
            maker = identity(self.folders.state / "maker")
            enrolment = enrol_meters(bank, self.card, maker, [(vault, registers, power)], d0)[0]
        finally:
            bank.close()
        new = decode(Enrol, enrolment.body).pid
        listed = Listed(home, new, registers, power, evidence_of(enrolment))
        registrar = identity(self.folders.registrar)
        revisions = [registrar.sign(members_message(*replace_meter(m, listed, evidence))) for m, evidence in lists]
        seat = self._seat(old)
        seats = [s for s in self.plan.seats if s.pid != old]
        seats += [Seat(old, seat.row, seat.first, first), Seat(new, seat.row, first)]
        self.save(
            msgspec.structs.replace(
                self.plan, enrolments=[*self.plan.enrolments, enrolment], members=[*self.plan.members, *revisions],
                seats=seats,
            )
        )  # fmt: skip
        vault.take_roots(enrolment)
        return Replaced(home, old, new, first)

    def _seat(self, pid: int) -> Seat:
        """Where a meter measures."""
        known = next((seat for seat in self.plan.seats if seat.pid == pid), None)
        if known is not None:
            return known
        pids = [decode(Enrol, signed.body).pid for signed in self.plan.enrolments]
        return Seat(pid, pids.index(pid))

    def finish(self) -> None:
        """What a crash may have left undone: households take the roots of meters that came later."""
        later = {seat.pid for seat in self.plan.seats}
        for signed in self.plan.enrolments:
            message = decode(Enrol, signed.body)
            folder = self.folders.households / str(message.home)
            if message.pid in later and (folder / "home").exists():  # a household may have lost its vault
                vault = Vault(folder)
                if vault.identity.public == message.household_pk:  # or its key, and got back in with another
                    vault.take_roots(signed)

    # -- households move -------------------------------------------------------------------------------------------

    def moves(self) -> list[Move]:
        """The queue, oldest first."""
        path = self.folders.registrar / "moves"
        return msgspec.json.decode(path.read_bytes(), type=list[Move]) if path.exists() else []

    def queue_move(self, home: int, name: str) -> None:
        """Queue a change of household at a connection.

        Raises:
            NotFoundError: no such home. ConflictError: it is queued already.
        """
        last = self.newest()[-1][0]
        if home not in last.homes.tolist():
            raise NotFoundError("there is no such home here", where=f"home {home}", fix="list them: `party list`")
        queue = self.moves()
        if any(move.home == home for move in queue):
            raise ConflictError("this home's move is queued already", where=f"home {home}", fix="wait for it")
        self._put_moves([*queue, Move(home, name)])

    def _put_moves(self, queue: Sequence[Move]) -> None:
        path = self.folders.registrar / "moves"
        fresh = path.with_name("moves.new")
        fresh.write_bytes(msgspec.json.encode(list(queue)))
        fresh.replace(path)

    def batches(self) -> list[Batch]:
        """The queue by feeder section."""
        last = self.newest()[-1][0]
        leaf_of = dict(zip(last.homes.tolist(), last.leaves.tolist(), strict=True))
        found: dict[int, list[Move]] = {}
        for move in self.moves():
            found.setdefault(leaf_of[move.home], []).append(move)
        return [Batch(last.leaf_names[leaf], tuple(some)) for leaf, some in sorted(found.items())]

    # -- the next epoch --------------------------------------------------------------------------------------------

    @property
    def due_at(self) -> int:
        """Absolute slot from which the next epoch's list is signed."""
        last = self.newest()[-1][0].window
        return last.end - RENEW_DAYS * slots_per_day(last.resolution)

    @property
    def due(self) -> bool:
        """Whether it should be signed now."""
        return self.deliver >= self.due_at

    @property
    def next_start(self) -> int:
        """Absolute slot with which the next epoch can start, if households move: a billing period without a book yet.

        Books are registered for the running month and the next one, so it takes one to two months.
        """
        last = self.newest()[-1][0].window
        unix = max(self.clock.read().unix, float(last.first * last.resolution))
        booked = months(unix, self.card.tz, last.resolution, 2)[-1].end
        return min(last.end, booked)

    def renew(self) -> MemberList:
        """Sign the next epoch's list with the same members; may run beside the demo."""
        return self._sign_next(())

    def settle_moves(self) -> MemberList:
        """Sign the next epoch's list with the batches that are ready: new homes, new vaults, new meters, new roots.

        With a batch the running epoch is ended early, at the first billing period that has no book yet.

        Raises:
            ConflictError: the demo runs.
        """
        moves = [move for batch in self.batches() if batch.ready for move in batch.moves]
        if moves:
            self._cut(self.next_start)
        members = self._sign_next(moves)
        left = {move.home for move in moves}
        self._put_moves([move for move in self.moves() if move.home not in left])
        return members

    def _cut(self, end: int) -> None:
        """End the newest epoch earlier, by a revision of its list."""
        last, evidence = self.newest()[-1]
        if end < last.window.end:
            revision = identity(self.folders.registrar).sign(members_message(*cut_epoch(last, end, evidence)))
            self.save(msgspec.structs.replace(self.plan, members=[*self.plan.members, revision]))

    def _sign_next(self, moves: Sequence[Move]) -> MemberList:
        last, evidence = self.newest()[-1]
        window = epoch_window(self.card, Window(last.window.end, last.window.end, last.window.resolution))
        kept = current_meters(last, evidence)
        came = self._newcomers(moves, kept, window.first)
        homes = {move.home: new.party.home for move, new in zip(moves, came, strict=True)}
        meters = [*(m for home, m in kept.items() if home not in homes), *(new.listed for new in came)]
        members, proof = next_epoch(last, window, carried_cells(last, homes), meters)
        signed = identity(self.folders.registrar).sign(members_message(members, proof))
        seats = {seat.pid: seat for seat in self.plan.seats}
        for move, new in zip(moves, came, strict=True):
            seat = self._seat(kept[move.home].pid)
            seats[seat.pid] = Seat(seat.pid, seat.row, seat.first, window.first)
            seats[new.listed.pid] = Seat(new.listed.pid, seat.row, window.first)
        self.save(
            msgspec.structs.replace(
                self.plan, parties=[*self.plan.parties, *(new.party for new in came)],
                enrolments=[*self.plan.enrolments, *(new.enrolment for new in came)],
                members=[*self.plan.members, signed], seats=list(seats.values()),
            )
        )  # fmt: skip
        self.finish()
        return members

    def _newcomers(self, moves: Sequence[Move], kept: Mapping[int, Listed], first: int) -> list[_New]:
        """New homes at the connections of those who leave: a vault, a meter id and roots of their own."""
        if not moves:
            return []
        parties = {party.home: party for party in self.plan.parties}
        fresh = max(parties) + 1
        people = [replace(parties[move.home], home=fresh + n, name=move.name) for n, move in enumerate(moves)]
        vaults = [Vault.create(self.folders.households / str(p.home), self.card.community, p.home) for p in people]
        certified = [(kept[move.home].registers, kept[move.home].connection_w) for move in moves]
        bank = MeterBank.open(self.folders.fleet, self.clock)
        try:
            d0 = first // slots_per_day(self.card.resolution)
            maker = identity(self.folders.state / "maker")
            places = [(vault, *able) for vault, able in zip(vaults, certified, strict=True)]
            enrolments = enrol_meters(bank, self.card, maker, places, d0)
        finally:
            bank.close()
        return [
            _New(party, Listed(party.home, decode(Enrol, e.body).pid, *able, evidence_of(e)), e)
            for party, able, e in zip(people, certified, enrolments, strict=True)
        ]


class Renewal:
    """The registrar beside a running demo: signs the next epoch's list with the same members when it is time.

    Args:
        state: The state directory.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._clock = ClockFile(state / "clock")
        self._due = State(state).due_at

    def look(self) -> bool:
        """Sign if it is due; always False."""
        if self._clock.read().deliver >= self._due:
            opened = State(self._state)
            opened.renew()
            self._due = opened.due_at
        return False


@dataclass(frozen=True)
class _New:
    party: Party
    listed: Listed
    enrolment: Signed


def enrol_meters(
    bank: MeterBank, card: CommunityCard, maker: Identity, places: Sequence[tuple[Vault, int, int]], d0: int
) -> list[Signed]:
    """Make new meters, have them certified by their maker and adopted by their households, and enrol them.

    Args:
        places: (vault, registers, certified watts) of each. d0: first UTC day they seal for.
    """
    pids = [secrets.randbits(62) for _ in places]
    sites = [
        Site(
            pid, vault.home, registers, vault.identity.public, vault.kem.public,
            maker.sign(Certificate(public, registers, power)), vault.adopt(pid, public),
        )
        for pid, public, (vault, registers, power) in zip(pids, bank.make(pids), places, strict=True)
    ]  # fmt: skip
    return bank.enrol(sites, d0)


def current_meters(members: MemberList, evidence: Sequence[bytes]) -> dict[int, Listed]:
    """home -> the meter it has at the end of an epoch: the last one listed."""
    columns = (members.homes, members.pids, members.registers, members.connection_w)
    rows = zip(*(column.tolist() for column in columns), evidence, strict=True)
    return {home: Listed(home, pid, registers, power, proof) for home, pid, registers, power, proof in rows}


def carried_cells(members: MemberList, moved: Mapping[int, int]) -> CellPlan:
    """The sections of an epoch carried on, with the homes of those who came instead of those who left.

    Args:
        moved: home that leaves -> home that comes.
    """
    cells = []
    for leaf, name in enumerate(members.leaf_names):
        homes = sorted(moved.get(home, home) for home in members.homes_in(leaf).tolist())
        rows = members.rows(leaf)
        able = {int(members.homes[row]) for row in rows.tolist() if members.registers[row] >> EXPORT & 1}
        power = dict(zip(members.homes[rows].tolist(), members.connection_w[rows].tolist(), strict=True))
        cells.append(Cell(name, tuple(homes), len(able), max(power.values()) * 100 // sum(power.values())))
    return CellPlan(tuple(cells))
