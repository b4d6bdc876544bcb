"""The platform's process: stages, API and pages under one uvicorn, and in the demo its driver.

It can load nothing that unmasks a reading (`crypto.secret`); a test looks at a running process.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from quietgrid.api import Settings, create_app
from quietgrid.client.keyholders import HttpKeyholder
from quietgrid.demo import SHOWN_HOME
from quietgrid.runtime.clock import ClockFile
from quietgrid.runtime.commissioning import Commissioning
from quietgrid.runtime.config import load
from quietgrid.runtime.driver import DemoDriver
from quietgrid.runtime.feeding import ReporterFolders, feeds_at
from quietgrid.runtime.founding import Folders, platform_database, read_card
from quietgrid.runtime.grid import GridRun, GridWorker
from quietgrid.runtime.onchain import ChainWork, ChainWorker
from quietgrid.runtime.periods import Periods
from quietgrid.runtime.platform import Platform, platform_at
from quietgrid.runtime.telemetry import telemetry_at
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
        chain: address of the chain's node, or nothing. standby: wait until no other process leads (PostgreSQL only).
    """

    port: int
    household_port: int
    keyholders: Sequence[str]
    chain: str = ""
    standby: bool = False


def serve(state: Path, seat: Seat, pace_s: float) -> None:
    """Run the demo's platform until SIGTERM. The pages answer at once; the driver catches up behind them.

    Args:
        state: The state directory. seat: see there. pace_s: seconds a live interval takes.
    """
    folders = Folders(state)
    card = read_card(folders.card)
    clock = ClockFile(state / "clock")
    links = [HttpKeyholder(index, url) for index, url in enumerate(seat.keyholders)]
    chosen = load()
    leadership = lead(platform_database(folders, chosen.database)) if seat.standby else None
    platform = platform_at(folders, card, links, clock, chosen.rules(), chosen.database)
    if leadership is not None:
        platform.parts.store.guard(leadership.fence)
        leadership.watch(lambda: os._exit(LOST))  # somebody else leads: say and write nothing any more
    lock = threading.RLock()
    plan = Commissioning.load(state / "commissioning")
    driver = DemoDriver(platform, Periods(platform), folders, plan, pace_s, lock)
    settings = Settings(
        public_url=f"http://localhost:{seat.port}", household_url=f"http://home.localhost:{seat.household_port}",
        demo=True, demo_home=SHOWN_HOME, open_start=plan.made_up, four_eyes=False, publishing=chosen.publishing(),
    )  # fmt: skip
    chain = _chain(platform, state, seat.chain, chosen.chain_confirmations) if seat.chain else None
    app = create_app(platform, settings, control=driver, lock=lock, chain=chain)
    feeds = None
    if chosen.feeds != "off":
        slot_s = card.resolution
        feeds = feeds_at(
            platform.parts.store, ReporterFolders(state / "reporters"), lambda: chain.chain if chain else None,
            chain is not None, lambda: int(clock.now()) // slot_s * slot_s,
        )  # fmt: skip
        app.state.services.feeds = feeds
    grid: GridRun = app.state.services.grid
    looking = GridWorker(grid, lambda said: GRID_LOG.warning("%s", said), pause_s=None)
    driver.listeners.append(lambda: looking.wake(clock.now()))
    telemetry = app.state.services.telemetry = telemetry_at(platform, state, grid.network, grid, grid.set_points)
    mount(app)
    config = uvicorn.Config(
        app, host=HOST, port=seat.port, access_log=False, log_level="warning", server_header=False,
        timeout_graceful_shutdown=STOP_S,
    )  # fmt: skip
    driver.start()
    looking.start()
    if chain is not None:
        chain.start()
    if feeds is not None:
        feeds.start()
    try:
        if telemetry is not None:
            telemetry.start()
        uvicorn.Server(config).run()
    finally:
        if telemetry is not None:
            telemetry.stop()
        if feeds is not None:
            feeds.stop()
        if chain is not None:
            chain.stop()
        driver.stop()
        looking.stop()
        platform.close()
        if leadership is not None:
            leadership.close()


def lead(database: str | Path) -> Leadership:
    """Wait until no other platform process leads. SIGTERM meanwhile ends the process, as it has nothing to close."""
    waiting = Leadership(str(database))
    waiting.wait()
    return waiting


def _chain(platform: Platform, state: Path, url: str, confirmations: int) -> ChainWorker:
    """The thread that looks at the chain; web3 is loaded there, so that the first page does not wait for it."""

    def prepare() -> ChainWork:
        from quietgrid.runtime.chain_at import ChainFolder, work_at

        return work_at(ChainFolder(state / "chain"), url, platform, confirmations)

    return ChainWorker(prepare, lambda said: LOG.warning("%s", said))
