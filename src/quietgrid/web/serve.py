"""The platform's process: stages, API and pages under one uvicorn, and in the demo its driver.

It can load nothing that unmasks a reading (`crypto.secret`); a test looks at a running process.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from quietgrid.api import Settings, create_app
from quietgrid.client.keyholders import HttpKeyholder
from quietgrid.demo import SHOWN_HOME
from quietgrid.runtime.clock import ClockFile
from quietgrid.runtime.commissioning import Commissioning
from quietgrid.runtime.config import load
from quietgrid.runtime.driver import DemoDriver
from quietgrid.runtime.founding import Folders, read_card
from quietgrid.runtime.periods import Periods
from quietgrid.runtime.platform import platform_at
from quietgrid.web import mount

HOST = "127.0.0.1"
STOP_S = 2


def serve(state: Path, port: int, household_port: int, keyholders: Sequence[str], pace_s: float) -> None:
    """Run the demo's platform until SIGTERM. The pages answer at once; the driver catches up behind them.

    Args:
        state: The state directory. port: on 127.0.0.1. household_port: for links to the households' origin.
        keyholders: Their addresses, in order. pace_s: seconds a live interval takes.
    """
    folders = Folders(state)
    card = read_card(folders.card)
    clock = ClockFile(state / "clock")
    links = [HttpKeyholder(index, url) for index, url in enumerate(keyholders)]
    chosen = load()
    platform = platform_at(folders, card, links, clock, chosen.rules(), chosen.database)
    lock = threading.RLock()
    driver = DemoDriver(platform, Periods(platform), folders, Commissioning.load(state / "commissioning"), pace_s, lock)
    settings = Settings(
        public_url=f"http://localhost:{port}", household_url=f"http://home.localhost:{household_port}", demo=True,
        demo_home=SHOWN_HOME, four_eyes=False, publishing=chosen.publishing(),
    )  # fmt: skip
    app = create_app(platform, settings, control=driver, lock=lock)
    mount(app)
    config = uvicorn.Config(
        app, host=HOST, port=port, access_log=False, log_level="warning", server_header=False,
        timeout_graceful_shutdown=STOP_S,
    )  # fmt: skip
    driver.start()
    try:
        uvicorn.Server(config).run()
    finally:
        driver.stop()
        platform.close()
