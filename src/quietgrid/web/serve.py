"""The platform's process: stages, API and pages under one uvicorn, and in the demo its driver.

It can load nothing that unmasks a reading (`crypto.secret`); a test looks at a running process.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from quietgrid.api import Services, Settings, create_app
from quietgrid.api.standby import Door
from quietgrid.client.keyholders import HttpKeyholder
from quietgrid.demo import SHOWN_HOME
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window
from quietgrid.runtime.clock import ClockFile
from quietgrid.runtime.commissioning import Commissioning
from quietgrid.runtime.config import load
from quietgrid.runtime.driver import DemoDriver
from quietgrid.runtime.feeding import FeedsWorker, ReporterFolders, feeds_at
from quietgrid.runtime.founding import Folders, platform_database, read_card
from quietgrid.runtime.grid import GridRun, GridWorker
from quietgrid.runtime.insight import publish_quietly
from quietgrid.runtime.insight_jobs import InsightJobs
from quietgrid.runtime.onchain import ChainWork, ChainWorker
from quietgrid.runtime.periods import Periods
from quietgrid.runtime.platform import Platform, platform_at
from quietgrid.runtime.response_demo import DemoResponse
from quietgrid.runtime.storing import Storing, storing_at
from quietgrid.runtime.telemetry import Telemetry, telemetry_at
from quietgrid.runtime.vtn_broker import read_broker
from quietgrid.runtime.vtn_worker import VtnWorker
from quietgrid.store.leader import Leadership
from quietgrid.web import mount

LOG = logging.getLogger("quietgrid.chain")
GRID_LOG = logging.getLogger("quietgrid.grid")
HOST = "127.0.0.1"
STOP_S = 2
LOST = 75
"""Exit code of a leader that lost its lock (EX_TEMPFAIL)."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Where the platform listens and whom it talks to.

    Args:
        port: On 127.0.0.1. household_port: for links to the households' origin. keyholders: their addresses, in order.
        chain: address of the chain's node, or nothing. standby: answer 503 until no other leads (PostgreSQL only).
        stations: addresses of the storage stations' keyholders, in order; none where they take no part.
    """

    port: int
    household_port: int
    keyholders: Sequence[str]
    chain: str = ""
    standby: bool = False
    stations: Sequence[str] = ()


def serve(state: Path, seat: Seat, pace_s: float) -> None:
    """Run the demo's platform until SIGTERM. The pages answer at once; the driver catches up behind them.

    A standby makes everything, listens, and waits: once it leads, only what others wrote meanwhile has to be read.

    Args:
        state: The state directory. seat: see there. pace_s: seconds a live interval takes.
    """
    leadership = Leadership(str(platform_database(Folders(state), load().database))) if seat.standby else None
    serving = _Serving(state, seat, pace_s, leadership)
    door = Door(serving.app, open=leadership is None)
    config = uvicorn.Config(
        door, host=HOST, port=seat.port, access_log=False, log_level="warning", server_header=False,
        timeout_graceful_shutdown=STOP_S,
    )  # fmt: skip
    ended = threading.Event()
    following = threading.Thread(target=_follow, args=(serving, door, ended.is_set), name="standby", daemon=True)
    try:
        if leadership is None:
            serving.start()
        else:
            following.start()
        uvicorn.Server(config).run()
    finally:
        ended.set()
        if leadership is not None:
            following.join()
        serving.stop()


def _follow(serving: _Serving, door: Door, stopped: Callable[[], bool]) -> None:
    """Wait until no other process leads, then lead."""
    led = False
    try:
        if serving.lead(stopped):
            serving.start()
            door.open = True
        led = True
    finally:
        if not led:
            os._exit(LOST)  # it holds the lock and cannot work: let another one have it


class _Serving:
    """Everything of the platform's process: made at once, set going when it leads.

    Args:
        state, seat, pace_s: see `serve`. leadership: None where there is no other process.
    """

    def __init__(self, state: Path, seat: Seat, pace_s: float, leadership: Leadership | None) -> None:
        folders = Folders(state)
        card = read_card(folders.card)
        clock = ClockFile(state / "clock")
        links = [HttpKeyholder(index, url) for index, url in enumerate(seat.keyholders)]
        chosen = load()
        self._leadership = leadership
        self._platform = platform = platform_at(folders, card, links, clock, chosen.rules(), chosen.database)
        if leadership is not None:
            platform.parts.store.guard(leadership.fence)
        lock = threading.RLock()
        plan = Commissioning.load(state / "commissioning")
        self._driver = driver = DemoDriver(platform, Periods(platform), folders, plan, pace_s, lock)
        settings = Settings(
            public_url=f"http://localhost:{seat.port}", household_url=f"http://home.localhost:{seat.household_port}",
            demo=True, demo_home=SHOWN_HOME, open_start=plan.made_up, four_eyes=False, publishing=chosen.publishing(),
            openadr=chosen.openadr,
        )  # fmt: skip
        self._chain = chain = _chain(platform, state, seat.chain, chosen.chain_confirmations) if seat.chain else None
        self.app = create_app(platform, settings, control=driver, lock=lock, chain=chain)
        services = self.app.state.services
        if chosen.feeds != "off":
            slot_s = card.resolution
            services.feeds = feeds_at(
                platform.parts.store, ReporterFolders(state / "reporters"), lambda: chain.chain if chain else None,
                chain is not None, lambda: int(clock.now()) // slot_s * slot_s,
            )  # fmt: skip
        self._feeds: FeedsWorker | None = services.feeds
        grid: GridRun = services.grid
        self._looking = looking = GridWorker(grid, lambda said: GRID_LOG.warning("%s", said), pause_s=None)
        driver.listeners.append(lambda: looking.wake(clock.now()))
        self._response = response = DemoResponse(services.response_run, plan.parties, _history(plan, card.resolution))
        driver.listeners.append(response.look)
        driver.halts, driver.ready = response.halts(), response.ready
        self._telemetry: Telemetry | None = telemetry_at(platform, state, grid.network, grid, grid.set_points)
        services.telemetry = self._telemetry
        self._insight = InsightJobs(platform, services.insight, folders.platform / "insight-keys")
        services.insight_jobs = self._insight
        driver.billed.append(lambda: publish_quietly(services.insight, "", "demo"))
        services.storing = self._storing = _storing(state, seat, clock, chosen.rules())
        self._bridge = services.bridge
        self._openadr = _openadr(services, state / "openadr" / "mqtt.toml")
        mount(self.app)
        self._going = False

    def lead(self, stopped: Callable[[], bool]) -> bool:
        """Wait until no other process leads; False if stopped before. What others wrote meanwhile is read again."""
        if self._leadership is None or self._leadership.wait(stopped) is None:
            return False
        self._leadership.watch(lambda: os._exit(LOST))  # somebody else leads: say and write nothing any more
        self._platform.refresh()
        return True

    def start(self) -> None:
        """Set everything going."""
        self._going = True
        self._response.offer()
        self._driver.start()
        self._looking.start()
        if self._bridge is not None:
            self._bridge.sync()
        for one in (self._chain, self._feeds, self._telemetry, self._storing, self._insight, self._openadr):
            if one is not None:
                one.start()

    def stop(self) -> None:
        """End what goes, and let go of the database, then of the lock."""
        if self._going:
            for one in (self._openadr, self._insight, self._storing, self._telemetry, self._feeds, self._chain):
                if one is not None:
                    one.stop()
            self._driver.stop()
            self._looking.stop()
        self._platform.close()
        if self._leadership is not None:
            self._leadership.close()


def _storing(state: Path, seat: Seat, clock: ClockFile, rules: GateRules) -> Storing | None:
    """What plans the stations' storages, where there are any. A standby has none: their database is a file."""
    if not seat.stations or seat.standby:
        return None
    return storing_at(state, [HttpKeyholder(index, url) for index, url in enumerate(seat.stations)], clock, rules)


def _history(plan: Commissioning, resolution: int) -> Window:
    """What is replayed of a plan's readings."""
    return Window(plan.first, plan.first + plan.history, resolution)


def _openadr(services: Services, file: Path) -> VtnWorker | None:
    """What tells OpenADR subscribers; by MQTT too, where a broker is set up."""
    vtn = services.vtn
    if vtn is None:
        return None
    broker = read_broker(file)
    if broker is not None:
        vtn.mqtt = (broker[0].topic, broker[1])
    worker = VtnWorker(services.store, vtn.callbacks, broker[0] if broker else None)
    vtn.wake = worker.wake
    return worker


def _chain(platform: Platform, state: Path, url: str, confirmations: int) -> ChainWorker:
    """The thread that looks at the chain; web3 is loaded there, so that the first page does not wait for it."""

    def prepare() -> ChainWork:
        from quietgrid.runtime.chain_at import ChainFolder, work_at

        return work_at(ChainFolder(state / "chain"), url, platform, confirmations)

    return ChainWorker(prepare, lambda said: LOG.warning("%s", said))
