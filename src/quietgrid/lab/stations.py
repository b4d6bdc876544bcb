"""Demo stations: houses of four flats with a shared storage, each with a client key of its own, in one process.

A station expects each day the load of the same weekday a week before, encrypts it, has the platform plan on it, opens
the plan, follows it with the load as it comes, and seals two meters' readings with masks: its load, and what its
connection carries. The demo's clock runs faster than encrypted computing, so stations are a day or more behind it.

Privacy: the inside of stations; only ciphertexts and sealed frames leave this process.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np

from quietgrid import demo
from quietgrid.algorithms.schedule.encrypted import Private, Terms, moves_of
from quietgrid.algorithms.schedule.steps import Steps, carry_out
from quietgrid.balance.storing import planner
from quietgrid.client.platform import Accepted
from quietgrid.crypto.public.envelope import Signed, pack_signed, unpack_signed
from quietgrid.crypto.public.fhe import is_built
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import ConfigError, ConflictError, QuietgridError, UnavailableError
from quietgrid.household.vault import Vault
from quietgrid.lab.commission import commission
from quietgrid.meter import MeterBank
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import DAY_S, Clock, Window
from quietgrid.model.party import Party, PartyKind
from quietgrid.model.readings import Readings
from quietgrid.model.schedule import Ints
from quietgrid.runtime.clock import ClockFile
from quietgrid.runtime.commissioning import Commissioning
from quietgrid.runtime.founding import Folders, found, read_card
from quietgrid.runtime.storing import BEFORE, BEHIND, RESOLUTION
from quietgrid.wire.messages import CommunityCard
from quietgrid.wire.storing import PlanQuestion, PlanState, StationKey, StationKeyGone, pack_terms

if TYPE_CHECKING:
    from quietgrid.crypto.secret.fhe import Client

LOG = logging.getLogger("quietgrid.stations")
STATIONS, FLATS, FIRST_FLAT = 16, 4, 120
HOUR_S, HOURS, PARTS = 3_600, 24, 2
BEHIND_NUMBER = 1_000
"""What is added to a station's number for its meter behind the storage."""
WEEK = 7
SCHEDULE = "shave"
SIZES = ((4_500, Steps(8, 600, 3_600)), (1 << 20, Steps(8, 1_500, 9_000)))
"""Up to which highest hour of a week a house gets which storage and connection."""
PICKS = 5
AHEAD_DAYS = 2
"""Days before the demo goes live on which the stations begin: their first sum does not wait for a day to pass."""
BEHIND_DAYS = 4
"""Stations that are further behind the clock leave days out, unless they have begun one."""
LOST_DAYS = 9
"""Behind which a day is left out in any case: meters keep ten days of keys."""
POLL_S, RETRY_S = 0.5, 10.0
POWER_W = 24_000


class Link(Protocol):
    """The platform as stations reach it: `client.stations.StationClient`, or the platform itself in a test."""

    def put_key(self, signed: Signed) -> str:
        """Send a server key."""

    def drop_key(self, signed: Signed) -> None:
        """Take it back."""

    def ask(self, signed: Signed) -> PlanState:
        """Ask for a plan."""

    def state(self, plan: str) -> PlanState:
        """How far a plan is."""

    def post_frames(self, frames: Sequence[bytes]) -> Accepted:
        """Send sealed frames."""

    def standing(self, nonce: bytes, pids: Sequence[int]) -> Signed:
        """How far the meters' frames are there."""


def loads_of(day: int, stations: int = STATIONS) -> Ints:
    """What stations use on a UTC day, Wh. int64 [stations, 48]."""
    window = Window(day * 96, day * 96 + 96, 900)
    homes = demo.load(FIRST_FLAT + FLATS * stations, window).readings.imported_wh[FIRST_FLAT:]
    return np.asarray(homes.reshape(stations, FLATS, 2 * HOURS, -1).sum(axis=(1, 3)), np.int64)


def expected(day: int, stations: int = STATIONS) -> Ints:
    """What stations expect: the same weekday a week before, by the hour. int64 [stations, 24]."""
    return np.asarray(loads_of(day - WEEK, stations).reshape(stations, HOURS, PARTS).sum(axis=2), np.int64)


def terms_of_day(day: int, steps: Steps) -> Terms:
    """What is public in a question: storage, connection, the day's prices."""
    prices = demo.prices(Window(day * 96, day * 96 + 96, 900))[::4]
    return Terms(HOURS, steps, tuple(prices.tolist()), PICKS)


def sizes_of(day: int, stations: int = STATIONS) -> list[Steps]:
    """Storage and connection of each station, chosen once from the week before `day`."""
    week = np.stack([expected(day - back, stations) for back in range(WEEK)])
    highest = week.max(axis=(0, 2)).tolist()
    return [next(steps for most, steps in SIZES if peak <= most) for peak in highest]


def found_stations(state: Path, plan: Commissioning, rules: GateRules, stations: int = STATIONS) -> bool:
    """Found the stations' community, once.

    Args:
        state: The demo's state directory. plan: of the homes. rules: the gate's numbers.
    """
    folders = Folders(state / "stations")
    done = folders.state / "commissioning"
    if done.exists():
        return True
    card = read_card(Folders(state).card)
    live = (plan.first + plan.history) * card.resolution // DAY_S
    first = live - AHEAD_DAYS
    made = found(folders, "Storage stations", card.tz, RESOLUTION, card.currency)
    people = [
        (
            Party(number + shift, f"{name} {number}", PartyKind.RESIDENTIAL, group, POWER_W, ""),
            1,
        )
        for shift, group, name in ((0, BEFORE, "Station"), (BEHIND_NUMBER, BEHIND, "Connection of station"))
        for number in range(1, stations + 1)
    ]
    window = Window(first * 48, (live + 1) * 48, RESOLUTION)
    clock = ClockFile(state / "clock")
    commission(folders, made, people, window, clock, rules=rules, source="stations", tariffs=()).save(done)
    return True


class Course(msgspec.Struct):
    """What a station process remembers.

    Args:
        day: UTC day it is at. level_wh: in each storage at its start. asked: station -> signed question. plans: by
            station, moves.
    """

    day: int
    level_wh: list[int]
    asked: dict[int, bytes] = {}
    plans: dict[int, list[int]] = {}


@dataclass
class Station:
    """One station: its number, its keys, its storage."""

    number: int
    identity: Identity
    client: Client
    steps: Steps


class Stations:
    """All stations of a state directory, one after the other through each day.

    Args:
        state: The demo's. link: to the platform. clock: the demo's. stop: ends waiting. schedule: how to plan.
    """

    def __init__(
        self, state: Path, link: Link, clock: Clock, stop: Callable[[], bool], schedule: str = SCHEDULE
    ) -> None:
        self._folders, self._link, self._clock, self._stop = Folders(state / "stations"), link, clock, stop
        self._way, self._schedule = planner(schedule), schedule
        self.plan = Commissioning.load(self._folders.state / "commissioning")
        self.card: CommunityCard = read_card(self._folders.card)
        self.bank = MeterBank.open(self._folders.fleet, clock)
        self._file = self._folders.fleet / "course"
        self.stations = self._stations()
        self.course = self._read()

    def close(self) -> None:
        """Let go of the meters."""
        self.bank.close()

    def resume(self) -> None:
        """Ask the concentrator how far it has our frames, before anything is sealed."""
        self.bank.resume(self._link.standing(self.bank.nonce, self.bank.pids.tolist()))

    def due(self) -> bool:
        """Whether the day these stations are at has passed."""
        live = (self.plan.first + AHEAD_DAYS * 48) * RESOLUTION
        today = int(self._clock.now()) // DAY_S
        if self._clock.now() < live:
            return False
        behind = today - self.course.day
        if behind > LOST_DAYS or (behind > BEHIND_DAYS and not self.course.asked):  # what is planned is lived through
            self.course = replace_day(self.course, today - 1)
        return today > self.course.day

    def live(self) -> Readings:
        """Plan a day station by station, live through it, seal it, send it; what the meters read.

        Raises:
            UnavailableError: the platform is away, or it was stopped; going on later does nothing twice.
        """
        day, course = self.course.day, self.course
        hopes = expected(day, len(self.stations))
        for station, load in zip(self.stations, hopes.tolist(), strict=True):
            if station.number not in course.plans:
                course.plans[station.number] = list(self._planned(station, load))
                self._write()
        readings, levels = self.measured()
        if self.bank.sealed_until <= day * 48:
            self.bank.seal(readings)
        pending = self.bank.pending()
        accepted = self._link.post_frames([frame.frame for frame in pending])
        if accepted.receipt is not None:
            self.bank.acknowledge(accepted.receipt, [pending[at] for at in accepted.order])
        self.course = Course(day + 1, levels)
        self._write()
        return readings

    def measured(self) -> tuple[Readings, list[int]]:
        """What the meters read on the day, its plans followed; and what is left in the storages."""
        day, course = self.course.day, self.course
        loads = loads_of(day, len(self.stations))
        behind, levels = [], []
        for at, station in enumerate(self.stations):
            moves = course.plans[station.number]
            carried, level = carry_out(loads[at].tolist(), moves, course.level_wh[at], station.steps, PARTS)
            behind.append(carried)
            levels.append(level)
        rows = np.concatenate([loads, np.array(behind, np.int64)])
        window = Window(day * 48, day * 48 + 48, RESOLUTION)
        nothing = np.zeros_like(rows)
        return Readings(self.bank.pids, window, rows, nothing, np.ones(rows.shape, np.bool_)), levels

    def question(self, station: Station, load: Sequence[int]) -> tuple[Private, Terms]:
        """What a station would plan with."""
        day, at = self.course.day, self.stations.index(station)
        level = self.course.level_wh[at] // station.steps.step_wh
        terms = terms_of_day(day, station.steps)
        low, high = min(terms.prices), max(terms.prices)
        costs = tuple((price - low) * 255 // max(high - low, 1) for price in terms.prices)
        return Private(tuple(load), level, costs), terms

    def _planned(self, station: Station, load: Sequence[int]) -> tuple[int, ...]:
        """One station's plan: asked encrypted, opened here. None at all where the platform fails: it rests."""
        course = self.course
        if station.number not in course.asked:
            self._send_key(station)
            private, terms = self.question(station, load)
            parts = [station.client.encrypt(values, kind) for values, kind in self._way.question(private, terms)]
            message = PlanQuestion(
                self.card.community,
                station.number,
                course.day * DAY_S,
                HOUR_S,
                self._schedule,
                pack_terms(terms),
                parts,
            )
            course.asked[station.number] = pack_signed(station.identity.sign(message))
            self._write()
        signed = unpack_signed(course.asked[station.number])
        try:
            said = self._link.ask(signed)
        except ConflictError:  # planned before this station's memory was lost
            return (0,) * HOURS
        while said.state == "waiting":
            if self._stop():
                raise UnavailableError("stopped", where="stations", fix="start again; what waits is fetched then")
            time.sleep(POLL_S)
            said = self._link.state(said.id)
        gone = StationKeyGone(self.card.community, station.number, time.time())
        self._link.drop_key(station.identity.sign(gone))
        if said.state != "done":
            return (0,) * HOURS
        return moves_of(station.client.decrypt(said.answer))

    def _send_key(self, station: Station) -> None:
        message = StationKey(self.card.community, station.number, time.time(), station.client.server_key())
        self._link.put_key(station.identity.sign(message))

    def _stations(self) -> list[Station]:
        from quietgrid.crypto.secret.fhe import Client

        numbers = [party.home for party in self.plan.parties if party.home < BEHIND_NUMBER]
        sizes = sizes_of(self.plan.first // 48, len(numbers))
        keys = self._folders.fleet / "clients"
        keys.mkdir(exist_ok=True, mode=0o700)
        out = []
        for number, steps in zip(numbers, sizes, strict=True):
            path = keys / str(number)
            if not path.exists():
                _write(path, Client.generate().to_bytes())
            vault = Vault(self._folders.households / str(number))
            out.append(Station(number, vault.identity, Client.from_bytes(path.read_bytes()), steps))
        return out

    def _read(self) -> Course:
        if not self._file.exists():
            return Course(self.plan.first // 48, [0] * len(self.stations))
        try:
            return msgspec.msgpack.decode(self._file.read_bytes(), type=Course)
        except msgspec.MsgspecError as error:
            raise ConfigError("the stations' memory is damaged", where=str(self._file), fix="delete it") from error

    def _write(self) -> None:
        _write(self._file, msgspec.msgpack.encode(self.course))


def replace_day(course: Course, day: int) -> Course:
    """The same a day later, nothing asked yet."""
    return Course(day, course.level_wh)


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    os.replace(fresh, path)


def run(state: Path, url: str, stop: Callable[[], bool], schedule: str = SCHEDULE) -> None:
    """Run a state directory's stations until `stop` says so, at low priority."""
    from quietgrid.client.stations import StationClient

    if not is_built():
        raise ConfigError("the engine for encrypted numbers is not built", where="stations", fix="run `make fhe`")
    os.nice(10)
    link = StationClient(url)
    stations = Stations(state, link, ClockFile(state / "clock"), stop, schedule)
    resumed = False
    try:
        while not stop():
            try:
                if not resumed:
                    stations.resume()
                    resumed = True
                elif stations.due():
                    stations.live()
                else:
                    time.sleep(POLL_S)
            except UnavailableError:
                time.sleep(1.0)
            except QuietgridError as error:  # what one station is refused must not end the demo
                LOG.warning("stations: %s", error)
                time.sleep(RETRY_S)
    finally:
        stations.close()
        link.close()
