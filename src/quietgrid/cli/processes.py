"""`quietgrid platform serve`, `household serve`, `fleet run`: the processes `up` starts, one command each."""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

from cyclopts import Parameter

from quietgrid.cli.output import command_app

StationKeyholders = Annotated[list[str] | None, Parameter(negative="")]
platform = command_app("platform", "Run the platform: concentrator, PES, MDMS, billing, API and pages.")
household = command_app("household", "Run the households' own side.")
fleet = command_app("fleet", "Run the simulated meters.")


def _start(state: Path | None) -> Path:
    from quietgrid.runtime.config import load

    settings = load()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(name)s %(levelname)s %(message)s")
    for chatty in ("httpx", "httpcore", "uvicorn.error"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return state or settings.state


@platform.command(name="serve")
def serve_platform(
    *, port: int, household_port: int, keyholder: list[str], state: Path | None = None, pace: float = 5.0,
    chain: str = "", standby: bool = False, station_keyholder: StationKeyholders = None,
) -> int:  # fmt: skip
    """Run the platform of the demo in a state folder until SIGTERM.

    Args:
        port: Port to listen on.
        household_port: Port of the household process, for links.
        keyholder: Address of each keyholder, in order.
        state: Folder of databases and keys.
        pace: Seconds a live interval takes.
        chain: Address of the chain's node; without it nothing is anchored.
        standby: Wait until no other platform process leads, then take its place (PostgreSQL only).
        station_keyholder: Address of each keyholder of the storage stations, in order; without them none takes part.
    """
    from quietgrid.web.serve import Seat, serve

    serve(_start(state), Seat(port, household_port, keyholder, chain, standby, station_keyholder or ()), pace)
    return 0


@household.command(name="serve")
def serve_household(
    *, port: int, platform: str, keyholder: list[str], meters: str = "", state: Path | None = None, chain: str = "",
) -> int:  # fmt: skip
    """Serve the homes whose vaults are in a state folder, on their own origin, until SIGTERM.

    Args:
        port: Port to listen on.
        platform: Address of the platform.
        keyholder: Address of each keyholder, in order.
        meters: Address of the homes' own meters, for receipts.
        state: Folder of databases and keys.
        chain: Address of the chain's node, for claims; without it nothing is claimed.
    """
    from quietgrid.homeweb.serve import serve
    from quietgrid.household.hosting import Addresses
    from quietgrid.runtime.clock import ClockFile

    folder = _start(state)
    serve(folder, Addresses(platform, keyholder, meters), port, ClockFile(folder / "clock"), node=chain)
    return 0


@fleet.command(name="run")
def run_fleet(*, platform: str, port: int = 0, state: Path | None = None) -> int:
    """Run the simulated meters of a state folder until SIGTERM.

    Args:
        platform: Address of the platform.
        port: Where the meters hand their households receipts; 0 picks one.
        state: Folder of databases and keys.
    """
    from quietgrid.lab.fleet import run

    stopping: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.append(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    run(_start(state), platform, lambda: bool(stopping), port)
    return 0
