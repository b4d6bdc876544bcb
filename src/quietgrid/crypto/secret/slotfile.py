"""Files that can be forgotten: each is encrypted under its own random key, and the keys stay in one small slot file.

Scheme: ChaCha20-Poly1305 per segment under a random 32-byte file key; the key, generation and committed length of a
file are one 64-byte slot of the slot file, overwritten in place. Overwriting the slot is both the commit of a change
and the erasure of what was before. Source: crypto-erasure as in NIST SP 800-88 section 2.5; RFC 8439. Assumption: a
64-byte write within a sector is whole or not there, and fsync reaches the disk. Does not give: erasure on media that
keep old blocks (SSD wear levelling, copy-on-write file systems, backups: the slot file is never part of one).

Order of every change: data, fsync, directory fsync, slot, fsync (the commit), then what is no longer named is unlinked.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from quietgrid.errors import ConflictError, VerificationError

_SLOT = struct.Struct("<4siIIQ32s4xI")
_HEAD = struct.Struct("<II12sI")
_TAG = 16
SLOT_SIZE = 64


@dataclass(frozen=True, slots=True)
class Slot:
    """What the slot file knows of one file.

    Args:
        kind: Four letters. day: which file of the kind, or a day the kind keeps. mark: a number for the kind's use.
        generation: Rises at each rewrite. length: committed bytes. key: of the file, 32 bytes.
    """

    kind: bytes
    day: int
    mark: int
    generation: int
    length: int
    key: bytes

    def pack(self) -> bytes:
        """64 bytes with a checksum."""
        body = _SLOT.pack(self.kind, self.day, self.mark, self.generation, self.length, self.key, 0)
        return body[:-4] + zlib.crc32(body[:-4]).to_bytes(4, "little")


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class SlotFile:
    """The slots, locked for one process.

    Raises:
        ConflictError: another process has it open. VerificationError: a slot is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        fresh = not path.exists()
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            raise ConflictError("the key store is in use", where=str(path), fix="stop the other process") from error
        if fresh:
            fsync_folder(path.parent)
        self.slots: dict[int, Slot] = {}
        data = os.pread(self._handle, os.fstat(self._handle).st_size, 0)
        for place in range(len(data) // SLOT_SIZE):
            part = data[place * SLOT_SIZE : (place + 1) * SLOT_SIZE]
            if not any(part):
                continue
            kind, day, mark, generation, length, key, check = _SLOT.unpack(part)
            if zlib.crc32(part[:-4]) != check:
                os.close(self._handle)
                raise VerificationError(
                    "a key slot is damaged", where=f"{path}, slot {place}", fix="restore from a peer"
                )
            self.slots[place] = Slot(kind, day, mark, generation, length, key)

    def write(self, place: int, slot: Slot | None) -> None:
        """Overwrite one slot in place (None erases it) and sync: the commit."""
        os.pwrite(self._handle, slot.pack() if slot else bytes(SLOT_SIZE), place * SLOT_SIZE)
        os.fsync(self._handle)
        if slot:
            self.slots[place] = slot
        else:
            self.slots.pop(place, None)

    def free_place(self) -> int:
        """The first place without a slot."""
        place = 0
        while place in self.slots:
            place += 1
        return place

    def close(self) -> None:
        """Release the lock; closing twice does nothing (the number may be another file's by then)."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def new_key() -> bytes:
    """A fresh file key."""
    return secrets.token_bytes(32)


def _about(slot: Slot, first: int, count: int, row_size: int) -> bytes:
    return struct.pack("<4siIII", slot.kind, slot.day if slot.kind == b"DKEY" else 0, first, count, row_size)


def _segment(slot: Slot, first: int, rows: bytes, count: int) -> bytes:
    """One encrypted segment: head (first row, rows, nonce, body length) and body."""
    nonce = secrets.token_bytes(12)
    body = ChaCha20Poly1305(slot.key).encrypt(nonce, rows, _about(slot, first, count, len(rows) // max(count, 1)))
    return _HEAD.pack(first, count, nonce, len(body)) + body


def create(path: Path, slot: Slot, rows: bytes, count: int) -> Slot:
    """Write a new file of one segment (none when `count` is 0), durably; the slot to commit it with."""
    data = _segment(slot, 0, rows, count) if count else b""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)
    fsync_folder(path.parent)
    return replace(slot, length=len(data))


def extend(path: Path, slot: Slot, first: int, rows: bytes, count: int) -> Slot:
    """Append one segment after the committed length, durably; the slot to commit it with."""
    data = _segment(slot, first, rows, count)
    handle = os.open(path, os.O_WRONLY)
    with open(handle, "wb") as file:
        file.truncate(slot.length)
        file.seek(slot.length)
        file.write(data)
        file.flush()
        os.fsync(handle)
    return replace(slot, length=slot.length + len(data))


def read(path: Path, slot: Slot) -> list[tuple[int, int, bytes]]:
    """The committed segments: (first row, rows, opened bytes).

    Raises:
        VerificationError: the file is missing, short or changed.
    """
    damaged = VerificationError("a key file is damaged", where=str(path), fix="restore from a peer, or enrol again")
    try:
        data = path.read_bytes()[: slot.length]
    except FileNotFoundError as error:
        raise damaged from error
    if len(data) != slot.length:
        raise damaged
    found, at = [], 0
    aead = ChaCha20Poly1305(slot.key)
    while at < len(data):
        if at + _HEAD.size > len(data):
            raise damaged
        first, count, nonce, size = _HEAD.unpack_from(data, at)
        body = data[at + _HEAD.size : at + _HEAD.size + size]
        try:
            rows = aead.decrypt(nonce, body, _about(slot, first, count, (size - _TAG) // max(count, 1)))
        except (InvalidTag, ValueError, struct.error) as error:
            raise damaged from error
        found.append((first, count, rows))
        at += _HEAD.size + size
    return found
