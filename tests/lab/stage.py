"""The demo in one process: its real state directory, driver, fleet and keyholders, in threads and without HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from quietgrid.concentrator import Accepted
from quietgrid.crypto.public.envelope import Signed, decode, unpack_signed
from quietgrid.crypto.secret.keyfiles import KeyFiles
from quietgrid.household import Home, Vault
from quietgrid.household.service import HomeParts
from quietgrid.keyholder import Keyholder, Parts
from quietgrid.lab.changes import State
from quietgrid.lab.demo_state import prepare
from quietgrid.lab.fleet import work
from quietgrid.lab.local import LocalLink
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import day_window
from quietgrid.model.question import Book
from quietgrid.runtime.clock import ClockFile
from quietgrid.runtime.driver import DemoDriver
from quietgrid.runtime.founding import Folders, body
from quietgrid.runtime.own import OwnDesk
from quietgrid.runtime.periods import Periods
from quietgrid.runtime.platform import Platform, platform_at
from quietgrid.store import VaultStore, open_keyholder, open_vault
from quietgrid.wire.columns import book_of
from quietgrid.wire.messages import BookMessage
from tests.household.test_whole_way import OwnHolder, OwnPlatform


class Door:
    """The platform as its meters reach it."""

    def __init__(self, platform: Platform, lock: threading.RLock) -> None:
        self._platform, self._lock = platform, lock

    def standing(self, nonce: bytes, pids: Sequence[int]) -> Signed:
        return self._platform.parts.concentrator.standing(nonce, np.array(pids, np.uint64))

    def post_frames(self, frames: Sequence[bytes]) -> Accepted:
        with self._lock:
            return self._platform.accept(frames)

    def post_day_records(self, records: Sequence[Signed]) -> int:
        with self._lock:
            return self._platform.records.put(records)

    def books(self) -> list[tuple[Book, list[int]]]:
        with self._platform.parts.store.read() as tx:
            books = [decode(BookMessage, unpack_signed(data).body) for data in tx.registry.books()]
        out = []
        for book in books:
            members = self._platform.members(book.first)
            out.append((book_of(book), members.pids[members.rows(book.leaf)].tolist()))
        return out


class Stage:
    """A demo that can be started, run to a day, stopped, changed and started again.

    Args:
        state: Its directory. homes: of the source. source: the sample unless given.
    """

    def __init__(self, state: Path, homes: int | None, source: str = "") -> None:
        self.state, self.folders = state, Folders(state)
        prepare(state, homes, 0, GateRules(), source)

    def run_days(self, days: int, steps: int = 0) -> None:
        """Replay up to a number of days from the start, go on live for some intervals, and stop."""
        plan = prepare(self.state, None, 0, GateRules()).plan
        opened = State(self.state)
        opened.save(msgspec.structs.replace(plan, history=days * 86_400 // opened.card.resolution))
        self.start()
        driver = DemoDriver(self.platform, self.periods, self.folders, opened.plan, 0.0, self.lock)
        driver.pause()
        fleet = threading.Thread(target=work, args=(self.state, Door(self.platform, self.lock), self._over.is_set))
        fleet.start()
        driver.start()
        try:
            while driver.progress().phase not in ("live", "failed"):
                time.sleep(0.02)
            assert driver.progress().phase == "live", driver.progress().note
            self._step(driver, steps)
            self.progress = driver.progress()
            until = time.monotonic() + 5
            marker = self.folders.fleet / "delivered"
            while int(marker.read_text()) < ClockFile(self.state / "clock").read().deliver:
                assert time.monotonic() < until
            self._await_records(State(self.state).plan.first)
        finally:
            driver.stop()
            self._over.set()
            fleet.join(10)

    def _await_records(self, first: int) -> None:
        """Meters sign a day a week after it; wait for the newest that is due, if its period has a book."""
        tick = ClockFile(self.state / "clock").read()
        resolution = self.platform.parts.card.resolution
        due = int(tick.unix) // 86_400 - 8
        window = day_window(due, resolution)
        if window.first < first or not any(len(period.intersect(window)) for period in self.periods.windows()):
            return
        home = int(self.platform.members(window.first).homes[-1])
        until = time.monotonic() + 20
        while not self.platform.records.of(home, window):
            assert time.monotonic() < until, "the meters sign no days"
            time.sleep(0.05)

    def _step(self, driver: DemoDriver, steps: int) -> None:
        for _ in range(steps):
            if driver.progress().note != "live":
                return
            at = self._reached()
            driver.step()
            until = time.monotonic() + 10
            while self._reached() == at and driver.progress().note == "live":
                assert time.monotonic() < until
                time.sleep(0.01)

    def _reached(self) -> int:
        with self.platform.parts.store.read() as tx:
            return tx.answers.last_close(0)

    def start(self) -> None:
        """Keyholders and platform, from their folders."""
        card, clock, rules = State(self.state).card, ClockFile(self.state / "clock"), GateRules()
        links = [LocalLink(i) for i in range(3)]
        self.keyholders = []
        for index in range(3):
            keys, folder = body(self.folders.keyholder(index)), self.folders.keyholder(index)
            peers = [links[other] for other in range(3) if other != index]
            store, files = open_keyholder(folder / "keyholder.db", clock), KeyFiles(folder / "keys")
            parts = Parts(index, card, keys.identity, keys.kem, store, files, clock, rules, peers)
            links[index].keyholder = Keyholder(parts)
            self.keyholders.append(links[index].keyholder)
        self.lock = threading.RLock()
        self.platform = platform_at(self.folders, card, links, clock, rules)
        self.periods = Periods(self.platform)
        self._over = threading.Event()
        self._vaults: list[VaultStore] = []

    def stop(self) -> None:
        """Let go of everything that `start` opened."""
        for keyholder in self.keyholders:
            keyholder.parts.store.close()
            keyholder.parts.keys.close()
        for store in self._vaults:
            store.close()
        self.platform.close()

    def home(self, number: int) -> Home:
        """One home's own side."""
        clock = ClockFile(self.state / "clock")
        store = open_vault(self.folders.households / f"test-{number}.db", clock)
        self._vaults.append(store)
        desk = OwnDesk(self.platform, self.periods)
        holders = [OwnHolder(keyholder, number) for keyholder in self.keyholders]
        vault = Vault(self.folders.households / str(number))
        card = self.platform.parts.card
        return Home(HomeParts(card, vault, store, clock, OwnPlatform(desk, number), holders))
