"""`quietgrid status`, `stop` and `reset`: what runs in a state folder."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from quietgrid.cli.output import Json, command_app, emit, table
from quietgrid.errors import ConfigError, UnavailableError

status = command_app("status", "Say what runs, and how far it is.")
stop = command_app("stop", "End a running demo.")
reset = command_app("reset", "Delete a demo's state folder.")
STOP_S = 8.0


def _state(state: Path | None) -> Path:
    from quietgrid.runtime.config import load

    return state or load().state


def alive(state: Path) -> dict[str, int]:
    """Name -> process id of what is alive."""
    found = {}
    for path in sorted((state / "run").glob("*.pid")):
        try:
            pid = int(path.read_text())
            os.kill(pid, 0)
        except (ValueError, ProcessLookupError, PermissionError):
            continue
        found[path.stem] = pid
    return found


@status.default
def _status(*, state: Path | None = None, as_json: Json = False) -> int:
    """Say which processes run and where the platform answers.

    Args:
        state: Folder of databases and keys.
    """
    from quietgrid.lab.up import read_ports

    folder = _state(state)
    running = alive(folder)
    if not running:
        emit(as_json, {"running": {}}, ["nothing runs here; start it with `quietgrid up`"])
        return UnavailableError.exit_code
    ports = read_ports(folder)
    address = f"http://localhost:{ports.platform}"
    rows = [[name, pid] for name, pid in running.items()]
    found = _searches(folder)
    emit(
        as_json, {"running": running, "address": address, "searches": found},
        [address, *table(["process", "pid"], rows), *map(_search_line, found)],
    )  # fmt: skip
    return 0


def _searches(folder: Path) -> list[dict[str, object]]:
    """Leaves whose totals cannot be true, and the meters that were found to spoil them."""
    from quietgrid.runtime.config import load
    from quietgrid.runtime.founding import Folders, platform_database
    from quietgrid.runtime.strikes import found_so_far
    from quietgrid.store import open_platform

    address = platform_database(Folders(folder), load().database)
    if isinstance(address, Path) and not address.exists():
        return []
    store = open_platform(address)
    try:
        with store.read() as tx:
            rows = found_so_far(tx)
    finally:
        store.close()
    return [{"leaf": node, "quantity": of, "since_slot": since, "meters": meters} for node, of, since, meters in rows]


def _search_line(found: dict[str, object]) -> str:
    meters = found["meters"]
    said = (
        f"meter {', '.join(map(str, meters))} stands out" if isinstance(meters, list) and meters else "no suspect yet"
    )
    return f"{found['quantity']} totals of {found['leaf']} cannot be true: {said}"


@stop.default
def _stop(*, state: Path | None = None, as_json: Json = False) -> int:
    """End the demo that runs in a state folder; nothing is lost.

    Args:
        state: Folder of databases and keys.
    """
    folder = _state(state)
    pid = alive(folder).get("up")
    if pid is None:
        emit(as_json, {"stopped": False}, ["nothing runs here"])
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while "up" in alive(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = alive(folder)
    if left:
        raise UnavailableError("it has not ended yet", where=", ".join(left), fix="wait a moment, then look again")
    emit(as_json, {"stopped": True}, ["stopped"])
    return 0


@reset.default
def _reset(*, demo: bool = False, state: Path | None = None, as_json: Json = False) -> int:
    """Delete the state of a demo, keys included. Nothing can bring it back.

    Args:
        demo: Say that you mean it.
        state: Folder of databases and keys.
    """
    from quietgrid.lab.demo_state import reset as delete

    folder = _state(state)
    if not demo:
        raise ConfigError("this deletes all keys and readings of the demo", where=str(folder), fix="add --demo")
    if alive(folder):
        raise ConfigError("the demo is running", where=str(folder), fix="`quietgrid stop` first")
    delete(folder)
    emit(as_json, {"deleted": str(folder)}, [f"deleted {folder}"])
    return 0
