"""Where the local chain's program is, and how it is started; light, so that a command can ask without loading web3."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

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
