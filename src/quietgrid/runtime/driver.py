"""The demo's driver: sets the clock, waits for the meters, closes, asks, bills. First the history, then live.

A real community has no driver: its clock is the machine's, and `Platform.close_due` is called every few seconds.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from quietgrid import demo
from quietgrid.crypto.public.envelope import decode
from quietgrid.errors import NotFoundError, QuietgridError, UnavailableError
from quietgrid.model.interval import DAY_S, Window, month_window, slots_per_day
from quietgrid.model.tariff_text import tariffs_from_toml
from quietgrid.runtime.clock import ClockFile, Tick
from quietgrid.runtime.commissioning import NEVER, Commissioning
from quietgrid.runtime.founding import Folders
from quietgrid.runtime.periods import Periods
from quietgrid.runtime.platform import Platform
from quietgrid.wire.messages import Enrol

FEED = "day-ahead"
STEPS = "demo"
"""Kind of the documents that say which steps are finished."""
BILL_AFTER_DAYS = 8
PATIENCE_S = 20.0
HALT_S = 90.0
"""So long the history waits for homes to answer."""
REPLAY_DAYS = 4
"""Days a round of the replay; meters keep ten days of keys, late frames come a round later."""


@dataclass
class Progress:
    """What the start page shows.

    Args:
        phase: ``starting``, ``enrolling``, ``replaying``, ``live`` or ``failed``. done, total: days of the replay.
        note: One sentence. speed: intervals a pace. paused: whether time stands still. unix: the demo's time.
    """

    phase: str = "starting"
    done: int = 0
    total: int = 0
    note: str = "starting the keyholders"
    speed: int = 1
    paused: bool = False
    unix: float = 0.0
    away: list[int] = field(default_factory=list)


CARRY_ON_HOURS = 24.0
"""For so long an operator confirms at once that its keyholder goes on without a peer."""


class DemoDriver:
    """Runs the demo in a thread of the platform process.

    Args:
        platform, periods: What it drives. folders: the state directory. plan: the community.
        pace_s: Seconds a live interval takes. lock: held while something changes.
    """

    def __init__(
        self, platform: Platform, periods: Periods, folders: Folders, plan: Commissioning, pace_s: float,
        lock: threading.RLock,
    ) -> None:  # fmt: skip
        self._platform, self._periods, self._folders, self._plan = platform, periods, folders, plan
        self._pace_s, self._lock = pace_s, lock
        self._clock = ClockFile(folders.state / "clock")
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._steps = 0
        self._registered: set[str] = set()
        self._stamp = (folders.state / "commissioning").stat().st_mtime_ns
        tariffs = {party.tariff for party in plan.parties}
        self._prices_needed = any(t.feed and t.name in tariffs for t in tariffs_from_toml(plan.tariffs))
        self._thread = threading.Thread(target=self._run, name="demo", daemon=True)
        self._progress = Progress(total=plan.history // slots_per_day(platform.parts.card.resolution))
        self.listeners: list[Callable[[], None]] = []
        """Called after something new was opened."""
        self.halts: Sequence[int] = ()
        """Slots at which the history stops until `ready` (or patience ends): what listeners start needs answers."""
        self.ready: Callable[[], bool] = lambda: True
        self.billed: list[Callable[[], None]] = []
        """Called after a period was billed, while nothing else changes the platform."""

    # -- control ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; waits at most three seconds."""
        self._stop.set()
        self._wake.set()
        self._thread.join(3)

    def progress(self) -> Progress:
        """How far the demo is."""
        self._progress.unix = self._clock.read().unix
        self._progress.away = sorted(self._platform.keyholders.away)
        return self._progress

    def pause(self) -> None:
        """Let time stand still."""
        self._progress.paused = True

    def resume(self) -> None:
        """Let time go on."""
        self._progress.paused = False
        self._wake.set()

    def step(self) -> None:
        """One interval, then stand still again."""
        self._steps += 1
        self._wake.set()

    def set_speed(self, speed: int) -> None:
        """1, or up to 20 intervals in the time of one."""
        self._progress.speed = max(1, min(20, speed))
        self._wake.set()

    def stop_keyholder(self, index: int) -> None:
        """Have the supervisor stop one keyholder process."""
        self._marker(index).parent.mkdir(exist_ok=True)
        _write(self._marker(index), repr(self._clock.read().unix))

    def start_keyholder(self, index: int) -> None:
        """Have the supervisor start it again."""
        self._marker(index).unlink(missing_ok=True)
        for given in self._control.glob(f"carrying-on.*.{index}"):
            given.unlink()

    def stopped_keyholders(self) -> list[int]:
        """Keyholders that are stopped on purpose."""
        return [index for index in range(3) if self._marker(index).exists()]

    def stopped_since(self) -> dict[int, float]:
        """Keyholder -> since when it is stopped, in the community's time."""
        return {index: float(self._marker(index).read_text()) for index in self.stopped_keyholders()}

    def carry_on(self, index: int, peer: int) -> None:
        """Have the operator of one keyholder (in the demo: `up`) confirm that it goes on without a peer for a day."""
        until = self._clock.read().unix + CARRY_ON_HOURS * 3600
        _write(self._control / f"carrying-on.{index}.{peer}", repr(until))
        _write(self._control / f"carry-on.{index}.{peer}", repr(CARRY_ON_HOURS))

    def carrying_on(self) -> dict[tuple[int, int], float]:
        """(keyholder, peer that is away) -> until when its operator confirmed."""
        found = {}
        for path in self._control.glob("carrying-on.[012].[012]"):
            _, index, peer = path.name.split(".")
            found[int(index), int(peer)] = float(path.read_text())
        return found

    @property
    def _control(self) -> Path:
        return self._folders.state / "control"

    def _marker(self, index: int) -> Path:
        return self._control / f"keyholder-{index}.stopped"

    # -- the run ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._join()
            self._replay()
            self._live()
        except QuietgridError as error:
            self._progress.phase, self._progress.note = "failed", str(error)

    def _join(self) -> None:
        """Enrol and register; all of it can be done again after a crash."""
        self._progress.phase, self._progress.note = "enrolling", "meters enrol at three keyholders"
        plan = self._plan
        while not self._stop.is_set():
            if len(self._platform.keyholders.call(lambda link: link.register([]))) < 3:
                self._stop.wait(0.2)
                continue
            try:
                with self._lock:
                    self._periods.put_tariffs(tariffs_from_toml(plan.tariffs))
                    self._take(plan)
                    self._leave(plan)
                    self._register(self._clock.read().unix)
                return
            except UnavailableError:
                self._stop.wait(0.2)

    def _take(self, plan: Commissioning) -> None:
        """Hand on what a plan has that is not here yet: at first all of it, after a change what is new."""
        with self._platform.parts.store.read() as tx:
            meters = tx.registry.meters()
            known = {row.party.home for row in tx.registry.parties(left=True)}
        active = set(meters.pids[meters.active].tolist())
        new = [signed for signed in plan.enrolments if decode(Enrol, signed.body).pid not in active]
        if new:
            self._platform.enrol([party for party in plan.parties if party.home not in known], new)
        for signed in plan.members:
            step = f"members {signed.hash().hex()}"
            if not self._is_done(step):
                self._platform.adopt_members(signed)
                self._done(step)

    def _keep_registered(self) -> None:
        """Lists and books of what comes, before it comes."""
        with self._lock:
            self._look_again()
            self._register(self._clock.read().unix)

    def _look_again(self) -> None:
        """Take a plan that has changed since: the registrar signs the next epoch's list while the demo runs."""
        path = self._folders.state / "commissioning"
        stamp = path.stat().st_mtime_ns
        if stamp == self._stamp:
            return
        plan = Commissioning.load(path)
        try:
            self._take(plan)
        except UnavailableError:
            return  # keyholders are away; the next look takes it
        self._plan, self._stamp = plan, stamp

    def _leave(self, plan: Commissioning) -> None:
        """Meters that were taken out deliver nothing after their last day; a household without a meter has left."""
        per_day = slots_per_day(self._platform.parts.card.resolution)
        gone = {seat.pid: -(-seat.end // per_day) for seat in plan.seats if seat.end < NEVER}
        if not gone:
            return
        closed = self._closed()
        with self._platform.parts.store.begin() as tx:
            meters = tx.registry.meters()
            homes = dict(zip(meters.pids.tolist(), meters.homes.tolist(), strict=True))
            for pid, day in gone.items():
                tx.registry.retire_meter(pid, day)
            staying = {home for pid, home in homes.items() if pid not in gone}
            for home, day in {homes[pid]: day for pid, day in gone.items()}.items():
                if home not in staying and day * per_day <= closed:
                    tx.registry.move_out(home, day)
        self._platform.parts.concentrator.refresh()

    def _is_done(self, step: str) -> bool:
        """Whether a step of several commits was finished; if not, all of it is done again."""
        with self._platform.parts.store.read() as tx:
            return tx.documents.find(STEPS, step) is not None

    def _done(self, step: str) -> None:
        with self._platform.parts.store.begin() as tx:
            tx.documents.put(STEPS, step, b"")

    def _register(self, unix: float) -> None:
        """Books and prices of this month and the next, before they start."""
        card = self._platform.parts.card
        moment = max(unix, float(self._plan.first * card.resolution))
        for window in months(moment, card.tz, card.resolution, 2):
            step = f"period {window.first}"
            if window.first < self._plan.first or not self._listed(window):
                continue
            if step not in self._registered and not self._is_done(step):
                if self._prices_needed:
                    self._platform.publish_prices(FEED, window.first, made_up_prices(window))
                self._periods.register_books(window)
                self._done(step)
            self._registered.add(step)

    def _listed(self, window: Window) -> bool:
        """Whether a period lies in an epoch whose list is signed."""
        try:
            return window.end <= self._platform.members(window.first).window.end
        except NotFoundError:
            return False

    def _replay(self) -> None:
        """The history, a few UTC days a round."""
        resolution = self._platform.parts.card.resolution
        per_day = slots_per_day(resolution)
        window = Window(self._plan.first, self._plan.first + self._plan.history, resolution)
        ends = [day * per_day + b for day, _, b in window.by_day()]
        self._progress.phase = "replaying"
        halts = [slot for slot in self.halts if window.first < slot < window.end]
        for end in sorted({*ends[REPLAY_DAYS - 1 : -1 : REPLAY_DAYS], *ends[-1:], *halts}):
            if self._stop.is_set():
                return
            if self._closed() < end:
                self._keep_registered()
                self._advance(end)
                if end in halts:
                    self._halt()
            self._progress.done = (end - window.first) // per_day
            self._progress.note = f"replaying {window.start_time + timedelta(days=self._progress.done):%d %B %Y}"
            self._bill_due()

    def _halt(self) -> None:
        """Let homes answer what was started before history goes on."""
        self._progress.note = "an event is announced; homes decide"
        patience = time.monotonic() + HALT_S
        while not self._stop.is_set() and time.monotonic() < patience and not self.ready():
            self._stop.wait(0.5)
            for listener in self.listeners:
                listener()

    def _live(self) -> None:
        """One interval every few seconds."""
        self._progress.phase, self._progress.note = "live", "live"
        last_look = time.monotonic()
        while not self._stop.is_set():
            if self._progress.paused and not self._steps:
                self._wake.wait(0.3)
                self._wake.clear()
                continue
            self._steps = max(0, self._steps - 1)
            started = time.monotonic()
            if self._ended():
                self._stand_still()
                continue
            self._advance(self._closed() + 1)
            self._keep_registered()
            self._bill_due()
            if self._platform.keyholders.away or time.monotonic() - last_look > 5:
                last_look = time.monotonic()
                with self._lock:
                    self._platform.resume()
            left = self._pace_s / self._progress.speed - (time.monotonic() - started)
            if left > 0 and not self._steps:
                self._wake.wait(left)
                self._wake.clear()

    def _ended(self) -> bool:
        """Whether there are no readings any more, or no list of members."""
        end = self._closed()
        return 0 < self._plan.end <= end or not self._listed(Window(end, end + 1, self._platform.parts.card.resolution))

    def _stand_still(self) -> None:
        """What is there stays to be looked at."""
        what = "the readings end" if 0 < self._plan.end <= self._closed() else "the list of members ends"
        self._progress.note = f"{what} here: time stands still"
        self._progress.paused, self._steps = True, 0

    def _advance(self, slot: int) -> None:
        """Bring every slot before `slot` from meter to answer."""
        resolution = self._platform.parts.card.resolution
        settle = self._platform.parts.rules.settle_slots
        now = self._clock.read().unix
        self._clock.write(Tick(max(now, float(slot * resolution)), slot))
        self._await_meters(slot)
        self._clock.write(Tick(max(now, float((slot + settle) * resolution)), slot))
        with self._lock:
            outcomes = self._platform.close_due()
            if outcomes.waiting:
                self._platform.resume()
        for listener in self.listeners:
            listener()

    def _await_meters(self, slot: int) -> None:
        """Wait until the fleet has sent up to `slot`; meters that do not are missing, as in life."""
        marker = self._folders.fleet / "delivered"
        patience = time.monotonic() + PATIENCE_S
        while not self._stop.is_set() and time.monotonic() < patience:
            if marker.exists() and int(marker.read_text() or 0) >= slot:
                return
            time.sleep(0.01)

    def _closed(self) -> int:
        """End of what is closed."""
        with self._platform.parts.store.read() as tx:
            return max(self._plan.first, tx.answers.last_close(0))

    def _bill_due(self) -> None:
        """Bill every period that ended a late window ago and is not billed."""
        now = self._clock.read().unix
        for window in self._periods.windows():
            due = window.end * window.resolution + BILL_AFTER_DAYS * DAY_S
            if now < due or self._closed() < window.end:
                continue
            step = f"billed {window.first}"
            if step in self._registered or self._is_done(step):
                self._registered.add(step)
                continue
            self._progress.note = "billing run"
            with self._lock:
                run = self._periods.run(window)
                if run.outcomes.waiting or not run.bills:
                    continue
                if window.end <= self._plan.first + self._plan.history:
                    self._periods.approve(window, "demo")
                self._done(step)
                for listener in self.billed:
                    listener()


def made_up_prices(window: Window) -> list[int]:
    """The demo's day-ahead prices, in millionths per kWh; of a half hour, its first quarter's."""
    quarter = 900
    many = window.resolution // quarter
    prices = demo.prices(Window(window.first * many, window.end * many, quarter))
    return [int(price) for price in prices[::many]]


def months(unix: float, tz: str, resolution: int, count: int) -> list[Window]:
    """The local calendar month that holds a moment, and the following ones."""
    from datetime import UTC, datetime

    local = datetime.fromtimestamp(unix, UTC).astimezone(ZoneInfo(tz))
    out = []
    year, month = local.year, local.month
    for _ in range(count):
        out.append(month_window(year, month, tz, resolution))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return out


def _write(path: Path, text: str) -> None:
    """A file that appears whole or not at all."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    os.replace(fresh, path)
