"""Where the local chain's program is, and how it is run; light, so that a command can ask without loading web3.

anvil writes its state over the old file, so a kill in that moment leaves half a file, which it refuses to read. A copy
of the last whole one is kept beside it: what is missing then, deployment and outbox bring back.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
from pathlib import Path
from types import FrameType

from quietgrid.errors import MissingExtraError

CHAIN_ID = 31_337
VARIABLE = "QUIETGRID_ANVIL"
_HERE = Path(__file__).resolve()


def find() -> Path:
    """Where anvil is: what `QUIETGRID_ANVIL` names, the one npm fetched for the contracts, or one on the PATH.

    Raises:
        MissingExtraError: nowhere.
    """
    named = os.environ.get(VARIABLE)
    processor = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), platform.machine())
    package = f"anvil-{platform.system().lower()}-{processor}"
    fetched = _HERE.parents[3] / "contracts" / "node_modules" / "@foundry-rs" / package / "bin" / "anvil"
    for place in (Path(named) if named else None, fetched, shutil.which("anvil")):
        if place and Path(place).is_file():
            return Path(place)
    raise MissingExtraError(
        "the local chain's program (anvil) is not there",
        where=named or "contracts/node_modules, PATH",
        fix="run `make setup`, or set `chain` to the address of a node",
    )


def words(port: int, state: Path) -> list[str]:
    """The command line that serves the local chain from a state file."""
    return [
        str(find()), "--host", "127.0.0.1", "--port", str(port), "--chain-id", str(CHAIN_ID), "--accounts", "0",
        "--state", str(state), "--state-interval", "1", "--silent", "--no-request-size-limit",
    ]  # fmt: skip


def mend(state: Path) -> None:
    """Before a start: keep a whole state file, or put the last whole one in the place of half a one."""
    good = state.with_suffix(".good")
    if _keep(state):
        return
    if good.exists():
        _replace(state, good.read_bytes())
    else:
        state.unlink(missing_ok=True)


def serve(port: int, folder: Path, pause_s: float = 20.0) -> int:
    """Run the local chain until SIGTERM or SIGINT, keeping a whole copy of its state; its exit code."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    state = folder / "anvil.json"
    mend(state)
    child = subprocess.Popen(words(port, state), stdin=subprocess.DEVNULL)

    def stop(number: int, frame: FrameType | None) -> None:
        child.terminate()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while True:
            try:
                return child.wait(pause_s)
            except subprocess.TimeoutExpired:
                _keep(state)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _keep(state: Path) -> bool:
    """Keep a copy of a state file if it is whole; read once, since it may be half a file the next moment."""
    try:
        held = state.read_bytes()
        json.loads(held)
    except (FileNotFoundError, ValueError):
        return False
    _replace(state.with_suffix(".good"), held)
    return True


def _replace(target: Path, held: bytes) -> None:
    fresh = target.with_suffix(".new")
    fresh.write_bytes(held)
    os.replace(fresh, target)
