"""The fleet: simulated meters over real series, in a process of their own.

It reads a series, seals it meter by meter under the single-use rules and sends the frames to the platform over HTTP.
A few meters are late or lose readings on some days, as real ones do.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from quietgrid.algorithms.weights import resolve
from quietgrid.client.platform import PlatformClient
from quietgrid.crypto.public.envelope import decode
from quietgrid.errors import ConfigError, NotFoundError, UnavailableError
from quietgrid.lab.devices import FILE, Devices
from quietgrid.lab.meter_port import Port, serving
from quietgrid.lab.source import Rows, rows_of
from quietgrid.meter import DayVector, MeterBank, SealedFrame
from quietgrid.model.interval import DAY_S, Window, day_window, slots_per_day
from quietgrid.model.question import Book, Vector
from quietgrid.model.readings import Readings
from quietgrid.runtime.clock import ClockFile
from quietgrid.runtime.commissioning import SAMPLE, Commissioning, Seat
from quietgrid.wire.messages import Enrol
from quietgrid.wire.own import committed_name
from quietgrid.wire.steering import DeviceOrders, DeviceState

BATCH = 2_000
LATE_ONE_IN = 31
LOST_ONE_IN = 97
LOST_SLOTS = 5


@dataclass(frozen=True)
class Faults:
    """Which meter-days are late (delivered a day later) and which lose a few readings; drawn from a seed."""

    seed: int = 1
    late_one_in: int = LATE_ONE_IN
    lost_one_in: int = LOST_ONE_IN

    def draw(self, home: int, day: int) -> int:
        """A number that decides about one home and day."""
        text = f"{self.seed}/{home}/{day}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:6], "little")

    def late(self, home: int, day: int) -> bool:
        """Whether this day's frames come a day late."""
        return bool(self.late_one_in) and self.draw(home, day) % self.late_one_in == 0

    def lost(self, home: int, day: int, per_day: int = 96) -> int | None:
        """First slot of a few that are never measured, or None."""
        number = self.draw(home, day)
        if not self.lost_one_in or number % self.lost_one_in != 1:
            return None
        return (number >> 20) % (per_day - 16)


class Fleet:
    """Meters of one bank, driven by the demo's clock.

    Args:
        bank: Theirs. readings: window -> their readings.
        client: To the platform. clock: the demo's. faults: what goes wrong. seats: when each meter measures.
    """

    def __init__(
        self, bank: MeterBank, readings: Callable[[Window], Readings],
        client: PlatformClient, clock: ClockFile, faults: Faults | None = None, seats: Sequence[Seat] = (),
    ) -> None:  # fmt: skip
        self._bank, self._readings = bank, readings
        self._client, self._clock = client, clock
        self._faults = faults or Faults()
        self._home_of = dict(zip(bank.pids.tolist(), bank.homes.tolist(), strict=True))
        self._seats = {seat.pid: seat for seat in seats}
        self._recorded = 0

    def deliver(self, first: int, until: int, resolution: int) -> int:
        """Seal and send slots [first, until), a UTC day at a time; returns the slot reached.

        What was sealed before (the platform went away before it was sent) is only sent. Frames of meters that are
        late on one of these days are kept for the next call.
        """
        per_day = slots_per_day(resolution)
        sealed = self._bank.sealed_until
        for day, a, b in Window(first, until, resolution).by_day():
            end = day * per_day + b
            window = Window(min(max(sealed, day * per_day + a), end), end, resolution)
            if len(window):
                self._bank.seal(self._with_losses(self._readings(window), day, window.first - day * per_day))
            self.send(first // per_day)
        return until

    def _with_losses(self, readings: Readings, day: int, a: int) -> Readings:
        present = readings.present.copy()
        per_day = slots_per_day(readings.window.resolution)
        for row, pid in enumerate(readings.meters.tolist()):
            lost = self._faults.lost(self._home_of[pid], day, per_day)
            if lost is not None:
                low, high = max(0, lost - a), max(0, lost + LOST_SLOTS - a)
                present[row, low:high] = False
        zero = np.where(present, readings.imported_wh, 0), np.where(present, readings.exported_wh, 0)
        return replace(readings, imported_wh=zero[0], exported_wh=zero[1], present=present)

    def send(self, today: int) -> None:
        """Send what is not acknowledged, but for the frames of meters that are late from day `today` on."""
        pending = [p for p in self._bank.pending() if not self._held(p, today)]
        for at in range(0, len(pending), BATCH):
            part = pending[at : at + BATCH]
            accepted = self._client.post_frames([p.frame for p in part])
            if accepted.receipt is not None:
                self._bank.acknowledge(accepted.receipt, [part[i] for i in accepted.order])

    def _held(self, frame: SealedFrame, today: int) -> bool:
        day = int.from_bytes(frame.frame[4:8], "little")
        return day >= today and self._faults.late(self._home_of[frame.pid], day)

    def records(self, books: list[tuple[Book, list[int]]], resolution: int) -> None:
        """Sign and send the day records that are due: a week after each day.

        Args:
            books: (book, pids of its leaf).
        """
        due = int(self._clock.now()) // DAY_S - 8
        start = min((book.window.first for book, _ in books), default=0) // slots_per_day(resolution)
        for day in range(max(start, self._recorded), due + 1):
            window = day_window(day, resolution)
            vectors: dict[int, list[DayVector]] = {}
            for book, pids in books:
                if not len(book.window.intersect(window)):
                    continue
                bands = [v for v in book.vectors if v.rule != "prices"]
                made = [_day_vector(book, vector, day, window) for vector in bands]
                for pid in pids:
                    if self._measured(pid, window):
                        vectors.setdefault(pid, []).extend(made)
            if vectors:
                try:
                    signed = self._bank.day_records(day, vectors)
                except NotFoundError:
                    signed = []  # away for too long: the day's keys are erased, it stays without records
                self._client.post_day_records(signed)
            self._retire(day, slots_per_day(resolution))
            self._recorded = day + 1

    def _measured(self, pid: int, day: Window) -> bool:
        """Whether a meter had its place on some of a day, and can still sign for it."""
        seat = self._seats.get(pid, Seat(pid, 0))
        return max(seat.first, day.first) < min(seat.end, day.end) and pid not in self._bank.retired

    def _retire(self, recorded: int, per_day: int) -> None:
        """Erase the keys of meters that were taken out, once their last day is recorded."""
        gone = {s.pid for s in self._seats.values() if s.end <= (recorded + 1) * per_day} - self._bank.retired
        if gone:
            self._bank.retire(sorted(gone))


def _day_vector(book: Book, vector: Vector, day: int, window: Window) -> DayVector:
    weights = np.zeros(len(window), np.int64)
    both = book.window.intersect(window)
    weights[both.first - window.first : both.end - window.first] = resolve(vector, both)
    return DayVector(committed_name(vector.name, day, book.window), vector.register, weights)


def run(state: Path, url: str, stop: Callable[[], bool], port: int = 0) -> None:
    """Run the demo's fleet until `stop` says so; it goes on where its own store says it stopped.

    Args:
        port: where the meters hand their households receipts; 0 picks one.
    """
    client = PlatformClient(url)
    try:
        work(state, client, stop, port)
    finally:
        client.close()


def work(state: Path, client: PlatformClient, stop: Callable[[], bool], port: int = 0) -> None:
    """The same over a given client."""
    clock = ClockFile(state / "clock")
    plan = Commissioning.load(state / "commissioning")
    bank = MeterBank.open(state / "fleet", clock)
    if bank.card is None:
        raise ConfigError("the fleet has no community", where=str(state / "fleet"), fix="run `quietgrid up`")
    households = {(e := decode(Enrol, signed.body)).home: e.household_pk for signed in plan.enrolments}
    seats = seats_of(bank, plan)
    count = 1 + max(seat.row for seat in seats)
    rows, resolution = rows_of(plan.source, count), bank.card.resolution
    devices = Devices(count, rows, state / "fleet" / FILE, resolution) if plan.source == SAMPLE else None
    own = None if devices is None else OwnDevices(devices, bank, seats, clock, resolution)
    with serving(Port(bank, bank.card, households, own), port):
        readings = seated(seats, rows if devices is None else devices.readings)
        _live(state, (bank, seats, readings), client, (clock, plan, resolution), stop)
    bank.close()


def _live(
    state: Path, meters: tuple[MeterBank, list[Seat], Rows], client: PlatformClient,
    known: tuple[ClockFile, Commissioning, int], stop: Callable[[], bool],
) -> None:  # fmt: skip
    (bank, seats, readings), (clock, plan, resolution) = meters, known
    _resume(bank, client, stop)
    faults = Faults() if plan.source == SAMPLE else Faults(late_one_in=0, lost_one_in=0)
    fleet = Fleet(bank, readings, client, clock, faults, seats)
    marker = state / "fleet" / "delivered"
    at = max(plan.first, bank.sealed_until)
    recorded = -1
    while not stop():
        tick = clock.read()
        try:
            today = int(tick.unix) // DAY_S
            if at < tick.deliver:
                if today > recorded:  # sealing the days ahead erases the oldest keys: sign what is due first
                    fleet.records(client.books(), resolution)
                at = fleet.deliver(at, tick.deliver, resolution)
                marker.write_text(str(at))
            elif today > recorded:
                fleet.send(today)
                marker.write_text(str(at))
                fleet.records(client.books(), resolution)
                recorded = today
            else:
                time.sleep(0.02)
        except UnavailableError:
            time.sleep(0.5)


class OwnDevices:
    """Devices by home: of the row that the home's meter measures now.

    Args:
        devices: By row. bank, seats: whose meter measures what. clock: the demo's. resolution: of an interval.
    """

    def __init__(
        self, devices: Devices, bank: MeterBank, seats: Sequence[Seat], clock: ClockFile, resolution: int
    ) -> None:
        self._devices, self._clock, self._resolution = devices, clock, resolution
        homes = dict(zip(bank.pids.tolist(), bank.homes.tolist(), strict=True))
        self._seats = [(homes[seat.pid], seat) for seat in seats]

    def state(self, home: int) -> DeviceState:
        """See `HomeDevices`."""
        return self._devices.state(self._row(home), self._clock.now())

    def order(self, home: int, orders: DeviceOrders) -> None:
        """See `HomeDevices`."""
        self._devices.order(self._row(home), orders)

    def _row(self, home: int) -> int:
        slot = int(self._clock.now()) // self._resolution
        for who, seat in self._seats:
            if who == home and seat.first <= slot < seat.end:
                return seat.row
        raise NotFoundError("no meter of this home is here", where=f"home {home}", fix="ask your own meter")


def _resume(bank: MeterBank, client: PlatformClient, stop: Callable[[], bool]) -> None:
    """Before sealing: ask the concentrator how far it has our frames (an old copy of the bank must never seal)."""
    while not stop():
        try:
            bank.resume(client.standing(bank.nonce, bank.pids.tolist()))
            return
        except UnavailableError:
            time.sleep(0.3)


def seated(places: Sequence[Seat], rows: Rows) -> Callable[[Window], Readings]:
    """Readings of the meters that have a place in a window: a meter that was replaced measures until then, no longer.

    Args:
        places: When each meter measures what. rows: the source's readings, one row a connection.
    """

    def readings(window: Window) -> Readings:
        here = [s for s in places if max(s.first, window.first) < min(s.end, window.end)]
        found, at = rows(window), [s.row for s in here]
        slots = np.arange(window.first, window.end)
        first, end = (
            np.array(column, np.int64)[:, None] for column in ([s.first for s in here], [s.end for s in here])
        )
        present = found.present[at] & (first <= slots) & (slots < end)
        imported, exported = (np.where(present, c[at], 0) for c in (found.imported_wh, found.exported_wh))
        return Readings(np.array([s.pid for s in here], np.uint64), window, imported, exported, present)

    return readings


def seats_of(bank: MeterBank, plan: Commissioning) -> list[Seat]:
    """The seats of a bank's meters: as the plan says, or the row they were made for. Others take no part (yet)."""
    known = {seat.pid: seat for seat in plan.seats}
    listed = {decode(Enrol, signed.body).pid for signed in plan.enrolments}
    pids = enumerate(bank.pids.tolist())
    return [known.get(pid, Seat(pid, row)) for row, pid in pids if pid in listed]
