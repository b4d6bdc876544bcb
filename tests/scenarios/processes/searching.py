"""Looking for one number in every form it may be written in: files, recorded traffic, the memory of processes."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHUNK = 64 << 20
OVERLAP = 64
LINE = re.compile(r"(?P<start>[0-9a-f]+)-(?P<end>[0-9a-f]+) r(?P<write>.)\S+ \S+ \S+ \S+\s*(?P<file>.*)")
MSGPACK_U32 = b"\xce"


def forms(value: int) -> dict[str, bytes]:
    """Name -> bytes of every form.

    >>> forms(12_648_430)["hex"], forms(12_648_430)["little u32"]
    (b'c0ffee', b'\\xee\\xff\\xc0\\x00')
    """
    binary = {
        "little u32": struct.pack("<I", value), "big u32": struct.pack(">I", value),
        "little u64": struct.pack("<Q", value), "big u64": struct.pack(">Q", value),
        "little float64": struct.pack("<d", value), "big float64": struct.pack(">d", value),
    }  # fmt: skip
    text = {
        "decimal": b"%d" % value, "grouped": f"{value:,}".encode(), "kWh": b"%d.%d" % divmod(value // 10, 100),
        "hex": b"%x" % value, "HEX": b"%X" % value, "0x hex": b"0x%x" % value, "0X HEX": b"0X%X" % value,
    }  # fmt: skip
    found = text | binary
    for name, data in {"decimal": text["decimal"], **binary}.items():
        for shift in range(3):
            found[f"base64 of {name} at {shift}"] = in_base64(data, shift)
    return found


def in_base64(data: bytes, shift: int) -> bytes:
    """The characters of base64 that stand for nothing but `data` when so many bytes precede it.

    >>> in_base64(b"12648430", 1)
    b'EyNjQ4NDMw'
    """
    whole = b64encode(bytes(shift) + data + bytes(3))
    first = -(-8 * shift // 6)
    return whole[first : (8 * (shift + len(data))) // 6]


def search(data: bytes, wanted: Mapping[str, bytes]) -> set[str]:
    """Names of the forms that are in some bytes."""
    return {name for name, form in wanted.items() if form in data}


def search_files(folder: Path, wanted: Mapping[str, bytes]) -> dict[str, set[str]]:
    """File -> forms in it, for every file under a folder in which there is one."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (here := search(path.read_bytes(), wanted) | search(str(path).encode(), wanted)):
            found[str(path.relative_to(folder))] = here
    return found


@dataclass(frozen=True)
class Region:
    """Addresses of a mapping of a process. `own`: it can keep data there; else it shows what a file on disk says."""

    start: int
    end: int
    own: bool


def regions(pid: int) -> list[Region]:
    """The readable mappings of a process."""
    found = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        place = LINE.match(line)
        if place is not None and not place["file"].startswith("[v"):
            own = place["write"] == "w" or "/" not in place["file"]
            found.append(Region(int(place["start"], 16), int(place["end"], 16), own))
    return found


def search_memory(pid: int, wanted: Mapping[str, bytes]) -> tuple[set[str], int]:
    """Forms in a process, and how many bytes were looked at.

    Four bytes turn up by chance: those count where a machine or a packer puts a number (aligned, or behind msgpack's
    mark of a u32), and not where they are the low bytes of a pointer. Read-only pages of files are left out: they are
    what the files on disk say (and Python's own help of `hex` has this very number as its example).

    Raises:
        PermissionError: it is not ours to look at.
    """
    found, size, mapped = set(), 0, regions(pid)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for region in (each for each in mapped if each.own):
            at = region.start
            while at < region.end:
                try:
                    mem.seek(at)
                    piece = mem.read(min(CHUNK, region.end - at))
                except OSError:
                    break  # gone meanwhile, or a device's
                if not piece:
                    break
                size += len(piece)
                for name, form in wanted.items():
                    if any(_counts(name, piece, where, at, mapped) for where in _places(piece, form)):
                        found.add(name)
                at += len(piece) if at + len(piece) >= region.end else len(piece) - OVERLAP
    return found, size


def _places(data: bytes, form: bytes) -> Iterator[int]:
    at = data.find(form)
    while at >= 0:
        yield at
        at = data.find(form, at + 1)


def _counts(name: str, piece: bytes, where: int, at: int, mapped: Sequence[Region]) -> bool:
    """Whether a find is more than chance (`at`: address of the piece, a multiple of 16)."""
    if name.startswith("big u"):
        low = where + (1 if name == "big u32" else 5)  # the first of the three bytes that are not zero
        if (at + low) % 8 == 0:
            pointer = int.from_bytes(piece[low : low + 8], "little")
            if 1 << 40 <= pointer < 1 << 47 or any(region.start <= pointer < region.end for region in mapped):
                return False  # an address, of today or stale; a number behind this one would be no such address
    if name in ("little u32", "big u32"):
        return (at + where) % 4 == 0 or piece[where - 1 : where] == MSGPACK_U32
    return True


class Proxy:
    """Hands TCP connections on to a port of this machine and keeps every byte of both directions."""

    def __init__(self, target: int) -> None:
        self.target = target
        """The port new connections go to."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.streams: list[bytearray] = []
        """One a direction and connection."""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for source, sink in ((client, server), (server, client)):
                stream = bytearray()
                self.streams.append(stream)
                threading.Thread(target=self._pump, args=(source, sink, stream), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket, stream: bytearray) -> None:
        try:
            while data := source.recv(1 << 16):
                stream += data
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def search(self, wanted: Mapping[str, bytes]) -> set[str]:
        """Forms in what went through."""
        return set().union(*(search(bytes(stream), wanted) for stream in list(self.streams)))

    @property
    def size(self) -> int:
        """Bytes that went through."""
        return sum(len(stream) for stream in list(self.streams))

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()
