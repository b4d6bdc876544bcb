"""The compiled contracts: ABI and bytecode as package data, written by `contracts/tools/compile.mjs`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from quietgrid.errors import NotFoundError


@dataclass(frozen=True)
class Artifact:
    """One compiled contract.

    Args:
        name: The contract's. source: file it is in. source_hash: SHA-256 over every text it imports, the compiler and
            its settings. abi: as the compiler wrote it. bytecode: what creates it, without constructor arguments.
    """

    name: str
    source: str
    source_hash: str
    abi: list[dict[str, Any]] = field(repr=False)
    bytecode: bytes = field(repr=False)


@cache
def artifact(name: str) -> Artifact:
    """A compiled contract by name.

    Raises:
        NotFoundError: there is none.
    """
    path = resources.files("quietgrid.chain") / "artifacts" / f"{name}.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFoundError("there is no such contract", where=name, fix=f"one of {', '.join(names())}") from error
    code = bytes.fromhex(found["bytecode"].removeprefix("0x"))
    return Artifact(found["contract"], found["source"], found["sourceHash"], found["abi"], code)


@cache
def names() -> tuple[str, ...]:
    """All compiled contracts.

    >>> "DailyRoots" in names()
    True
    """
    folder = resources.files("quietgrid.chain") / "artifacts"
    return tuple(sorted(p.name.removesuffix(".json") for p in folder.iterdir() if p.name.endswith(".json")))
