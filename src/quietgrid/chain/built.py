"""The compiled contracts: ABI and bytecode as package data, written by `contracts/tools/compile.mjs`.

The Safe's are another matter: they are under the LGPL, so they are not in the package. npm brings them for the demo
(`contracts/package.json`), and they are used as they come.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from quietgrid.errors import MissingExtraError, NotFoundError

FETCHED = {
    "Safe": "Safe.sol/Safe.json",
    "SafeProxy": "proxies/SafeProxy.sol/SafeProxy.json",
    "MultiSendCallOnly": "libraries/MultiSendCallOnly.sol/MultiSendCallOnly.json",
    "CompatibilityFallbackHandler": "handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler.json",
}
"""Contracts that npm brings, by their file."""
VARIABLE = "QUIETGRID_SAFE"


@dataclass(frozen=True)
class Artifact:
    """One compiled contract.

    Args:
        name: The contract's. source: file it is in. source_hash: SHA-256 over every text it imports, the compiler and
            its settings. roles: restricted function -> whose it is. abi: as the compiler wrote it. bytecode: what
            creates it, without constructor arguments.
    """

    name: str
    source: str
    source_hash: str
    roles: dict[str, str] = field(repr=False)
    abi: list[dict[str, Any]] = field(repr=False)
    bytecode: bytes = field(repr=False)


@cache
def artifact(name: str) -> Artifact:
    """A compiled contract by name.

    Raises:
        NotFoundError: there is none. MissingExtraError: npm has not brought it.
    """
    if name in FETCHED:
        return _fetched(name)
    path = resources.files("quietgrid.chain") / "artifacts" / f"{name}.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFoundError("there is no such contract", where=name, fix=f"one of {', '.join(names())}") from error
    code = bytes.fromhex(found["bytecode"].removeprefix("0x"))
    return Artifact(found["contract"], found["source"], found["sourceHash"], found["roles"], found["abi"], code)


def safe_is_there() -> bool:
    """Whether npm has brought the Safe's contracts."""
    return (_safe_folder() / FETCHED["Safe"]).is_file()


def _safe_folder() -> Path:
    named = os.environ.get(VARIABLE)
    package = Path(__file__).resolve().parents[3] / "contracts" / "node_modules" / "@safe-global" / "safe-smart-account"
    return (Path(named) if named else package) / "build" / "artifacts" / "contracts"


def _fetched(name: str) -> Artifact:
    path = _safe_folder() / FETCHED[name]
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingExtraError(
            "the Safe's contracts are not there", where=VARIABLE, fix="run `make setup`: npm brings them"
        ) from error
    return Artifact(name, found["sourceName"], "", {}, found["abi"], bytes.fromhex(found["bytecode"][2:]))


@cache
def names() -> tuple[str, ...]:
    """All compiled contracts.

    >>> "DailyRoots" in names()
    True
    """
    folder = resources.files("quietgrid.chain") / "artifacts"
    return tuple(sorted(p.name.removesuffix(".json") for p in folder.iterdir() if p.name.endswith(".json")))
