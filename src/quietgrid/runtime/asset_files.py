"""What stands behind an asset's hashes on the chain: its place, its works, and their salts, in files of the operator.

Who may know (a viewer of the asset) is given the file; nobody else can try places or works until a hash fits.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quietgrid.errors import InputError
from quietgrid.settlement import Leaf, salted

SALT_BYTES = 32


def location_of(folder: Path, number: int, place: str) -> bytes:
    """The salted hash of where an asset stands; the same place again is the same hash.

    Raises:
        InputError: another place is kept for this asset.
    """
    path = folder / f"{number}-place.json"
    kept = _read(path)
    if kept is None:
        kept = {"place": place, "salt": secrets.token_hex(SALT_BYTES)}
        _write(path, kept)
    if kept["place"] != place:
        raise InputError("another place is kept for this asset", where=str(path), fix="name the same place")
    return hashlib.sha256(bytes.fromhex(kept["salt"]) + place.encode()).digest()


def works_of(folder: Path, number: int, start: int, works: Sequence[str]) -> list[Leaf]:
    """The salted leaves of works that began then; the same works again are the same leaves.

    Raises:
        InputError: none is given, or others are kept for this asset and time.
    """
    return _kept(folder / f"{number}-works-{start}.json", works)


def records_of(folder: Path, number: int, start: int, records: Sequence[str]) -> list[Leaf]:
    """The same of the records behind a production that began then."""
    return _kept(folder / f"{number}-produced-{start}.json", records)


def _kept(path: Path, lines: Sequence[str]) -> list[Leaf]:
    if not lines:
        raise InputError("no record is given", where=path.name, fix="write one a line")
    kept = _read(path)
    if kept is None:
        kept = [{"work": line, "salt": secrets.token_hex(SALT_BYTES)} for line in lines]
        _write(path, kept)
    if [one["work"] for one in kept] != list(lines):
        raise InputError("other records are kept for this time", where=str(path), fix="name another start")
    return [_leaf(at, one) for at, one in enumerate(kept)]


def _leaf(at: int, kept: dict[str, str]) -> Leaf:
    def draw(_size: int) -> bytes:
        return bytes.fromhex(kept["salt"])

    return salted(str(at), kept["work"].encode(), draw)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _write(path: Path, kept: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump(kept, out, ensure_ascii=False)
