"""The sealed frame, to the byte: how ciphertexts of one meter and day travel and are kept.

    offset 0   format u8 = 1, suite u8 = 1, resolution u8 (0 = 900 s, 1 = 1800 s), register bitmap u8
           4   day u32, pid u64, seq u64
          24   first slot u16, count u16, version u8, 3 x 00
          32   body: per register, ascending, count x u64
         end   HMAC-SHA256(k_mac, all before)[:16]

All integers are little-endian. The head says how long the frame is, so a batch is frames one after the other.
Parsing never raises anything but `FrameError`, whatever the bytes. It does not check the MAC: only the
concentrator holds `k_mac`, and it checks every frame before it stores one.

Source: PROTOCOL A, "Frame". Privacy: sealed; the head is metadata that the platform sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public.frame_mac import frame_mac
from quietgrid.errors import FrameError
from quietgrid.model.interval import RESOLUTIONS, slots_per_day
from quietgrid.model.readings import register_list
from quietgrid.model.sealed import FrameHead

FORMAT = 1
SUITE = 1
HEAD_BYTES = 32
MAC_BYTES = 16
MAX_FRAME = 64 * 1024
KNOWN_REGISTERS = 0b111

HEAD = np.dtype(
    [
        ("format", "u1"), ("suite", "u1"), ("resolution", "u1"), ("registers", "u1"), ("day", "<u4"), ("pid", "<u8"),
        ("seq", "<u8"), ("first", "<u2"), ("count", "<u2"), ("version", "u1"), ("padding", "u1", 3),
    ]
)  # fmt: skip
"""The head as a NumPy record of 32 bytes."""

_REGISTER_COUNT = np.array([len(register_list(bitmap)) for bitmap in range(256)], np.int64)
_SLOTS = np.array([slots_per_day(resolution) for resolution in RESOLUTIONS], np.int64)

REASONS = (
    "",
    "its length is not one a frame can have",
    "unknown format or suite",
    "unknown resolution",
    "unknown or no registers",
    "slots outside the day",
    "padding is not zero",
    "its length does not fit its head",
)
"""What `malformed` codes mean; 0 is a well-formed frame."""


@dataclass(frozen=True)
class Frames:
    """Well-formed frames of one length, as columns.

    Args:
        raw: uint8 [n, size], the frames as they came.
        head: `HEAD` [n].

    Privacy: sealed.
    """

    raw: NDArray[np.uint8]
    head: NDArray[np.void]

    def __len__(self) -> int:
        return len(self.head)

    @property
    def words(self) -> NDArray[np.uint64]:
        """uint64 [n, registers x count], registers ascending."""
        body = np.ascontiguousarray(self.raw[:, HEAD_BYTES:-MAC_BYTES])
        return body.view("<u8").astype(np.uint64, copy=False)

    @property
    def macs(self) -> NDArray[np.uint8]:
        """uint8 [n, 16]."""
        return self.raw[:, -MAC_BYTES:]

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Frames:
        """Some of the frames, in the order given."""
        return Frames(self.raw[rows], self.head[rows])


def frame_size(registers: int, count: int) -> int:
    """Bytes of a frame.

    >>> frame_size(0b011, 96)
    1584
    """
    return HEAD_BYTES + 8 * len(register_list(registers)) * count + MAC_BYTES


def pack_frame(head: FrameHead, body: NDArray[np.uint64], k_mac: bytes) -> bytes:
    """One frame.

    Args:
        head: Its head. body: uint64 [registers, count], ciphertexts, registers ascending. k_mac: 32 bytes.

    Raises:
        FrameError: the head is out of bounds or does not fit the body.
    """
    pids = np.array([_u64(head.pid, "pid")], np.uint64)
    seqs = np.array([_u64(head.seq, "seq")], np.uint64)
    return pack_frames(head, pids, seqs, body[np.newaxis], [k_mac])[0]


def pack_frames(
    head: FrameHead,
    pids: NDArray[np.uint64],
    seqs: NDArray[np.uint64],
    body: NDArray[np.uint64],
    k_macs: Sequence[bytes],
) -> list[bytes]:
    """Frames of n meters at once; only the MAC is a loop.

    Args:
        head: The fields they share; its `pid` and `seq` are not used.
        pids: uint64 [n]. seqs: uint64 [n].
        body: uint64 [n, registers, count], ciphertexts, registers ascending.
        k_macs: n keys of 32 bytes.

    Raises:
        FrameError: the head is out of bounds or the columns do not fit.
    Cost: about 3 µs a frame of 96 readings, nearly all of it HMAC.
    """
    n = len(pids)
    registers = len(register_list(head.registers & 0xFF))
    if body.shape != (n, registers, head.count) or len(seqs) != n or len(k_macs) != n or body.dtype != np.uint64:
        raise FrameError(
            f"columns do not fit {n} frames of {registers} registers x {head.count} slots",
            where="body",
            fix="give uint64 [meters, registers, slots], one seq and one key a meter",
        )
    records = np.zeros(n, HEAD)
    records["format"], records["suite"] = FORMAT, SUITE
    try:
        records["resolution"] = RESOLUTIONS.index(head.resolution)
        records["registers"], records["day"], records["version"] = head.registers, head.day, head.version
        records["first"], records["count"] = head.first, head.count
    except (ValueError, OverflowError) as error:
        raise FrameError("a field of the head is out of bounds", where="head", fix="see PROTOCOL A, Frame") from error
    records["pid"], records["seq"] = pids, seqs
    size = HEAD_BYTES + 8 * registers * head.count + MAC_BYTES
    raw = np.zeros((n, size), np.uint8)
    raw[:, :HEAD_BYTES] = records.view(np.uint8).reshape(n, HEAD_BYTES)
    raw[:, HEAD_BYTES:-MAC_BYTES] = np.ascontiguousarray(body, "<u8").view(np.uint8).reshape(n, -1)
    _raise_first(malformed(raw))
    data = raw.tobytes()
    parts = (data[row * size : (row + 1) * size - MAC_BYTES] for row in range(n))
    return [part + frame_mac(key, part) for part, key in zip(parts, k_macs, strict=True)]


def malformed(raw: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Why each frame of one length is malformed.

    Args:
        raw: uint8 [n, size].

    Returns: int64 [n], an index into `REASONS`; 0 for a well-formed frame.
    """
    n, size = raw.shape
    if not HEAD_BYTES + 8 + MAC_BYTES <= size <= MAX_FRAME or size % 8:
        return np.full(n, 1, np.int64)
    head = heads(raw)
    count, first = head["count"].astype(np.int64), head["first"].astype(np.int64)
    resolution = np.minimum(head["resolution"], len(RESOLUTIONS) - 1)
    expected = HEAD_BYTES + 8 * _REGISTER_COUNT[head["registers"]] * count + MAC_BYTES
    wrong = [
        (head["format"] != FORMAT) | (head["suite"] != SUITE),
        head["resolution"] >= len(RESOLUTIONS),
        (head["registers"] == 0) | (head["registers"] & ~np.uint8(KNOWN_REGISTERS) != 0),
        (count == 0) | (first + count > _SLOTS[resolution]),
        (head["padding"] != 0).any(axis=1),
        expected != size,
    ]
    return np.select(wrong, range(2, 2 + len(wrong)), 0).astype(np.int64)


def heads(raw: NDArray[np.uint8]) -> NDArray[np.void]:
    """`HEAD` [n] of frames uint8 [n, size >= 32]."""
    return np.ascontiguousarray(raw[:, :HEAD_BYTES]).view(HEAD).reshape(len(raw))


def parse_head(frame: bytes) -> FrameHead:
    """The head of one whole frame, checked.

    Raises:
        FrameError: anything about the frame but its MAC is wrong.
    """
    raw = np.frombuffer(frame, np.uint8).reshape(1, -1)
    _raise_first(malformed(raw))
    return frame_head(heads(raw)[0])


def frame_head(record: np.void) -> FrameHead:
    """One `HEAD` record as a `FrameHead`."""
    names = ("registers", "day", "pid", "seq", "first", "count", "version")
    registers, day, pid, seq, first, count, version = (int(record[name]) for name in names)
    return FrameHead(RESOLUTIONS[int(record["resolution"])], registers, day, pid, seq, first, count, version)


def join_frame(head: FrameHead, body: NDArray[np.uint64], mac: bytes) -> bytes:
    """The frame that was taken apart into head, body (uint64 [registers, count]) and MAC."""
    packed = pack_frame(head, body, b"")
    return packed[:-MAC_BYTES] + mac


def parse_frames(batch: Sequence[bytes] | bytes) -> Frames:
    """Frames of equal length as columns.

    Args:
        batch: A list of frames, or frames one after the other; all of one length.

    Raises:
        FrameError: lengths differ, or any frame is malformed.
    """
    frames = split_frames(batch) if isinstance(batch, bytes) else list(batch)
    raw = stack_frames(frames)
    _raise_first(malformed(raw))
    return Frames(raw, heads(raw))


def stack_frames(frames: Sequence[bytes]) -> NDArray[np.uint8]:
    """uint8 [n, size] of n frames of one length, or `FrameError`."""
    size = len(frames[0]) if frames else HEAD_BYTES + 8 + MAC_BYTES
    if any(len(frame) != size for frame in frames):
        raise FrameError("frames differ in length", where="batch", fix="group them by length first")
    return np.frombuffer(b"".join(frames), np.uint8).reshape(len(frames), size)


def split_frames(buffer: bytes) -> list[bytes]:
    """The frames in a buffer of frames one after the other (lengths may differ).

    Raises:
        FrameError: a head is cut or says a length that cannot be, so the rest could not be found.
    """
    size = _size_at(buffer, 0)
    if size and len(buffer) % size == 0:
        raw = np.frombuffer(buffer, np.uint8).reshape(-1, size)
        if (raw[:, 3] == raw[0, 3]).all() and (raw[:, 26:28] == raw[0, 26:28]).all():
            return [buffer[at : at + size] for at in range(0, len(buffer), size)]
    frames: list[bytes] = []
    at = 0
    while at < len(buffer):
        size = _size_at(buffer, at)
        if not size:
            raise FrameError("a frame is cut or its length cannot be", where=f"byte {at}", fix="send whole frames")
        frames.append(buffer[at : at + size])
        at += size
    return frames


def _size_at(buffer: bytes, at: int) -> int:
    """Bytes of the frame that starts at `at`, 0 if there is no whole frame."""
    if at + HEAD_BYTES > len(buffer):
        return 0
    count = buffer[at + 26] | buffer[at + 27] << 8
    body = 8 * int(_REGISTER_COUNT[buffer[at + 3] & KNOWN_REGISTERS]) * count
    size = HEAD_BYTES + body + MAC_BYTES
    return size if body and size <= MAX_FRAME and at + size <= len(buffer) else 0


def _raise_first(codes: NDArray[np.int64]) -> None:
    bad = np.flatnonzero(codes)
    if len(bad):
        raise FrameError(
            f"a malformed frame: {REASONS[int(codes[bad[0]])]}",
            where=f"frame {int(bad[0])} of the batch",
            fix="see PROTOCOL A, Frame",
        )


def _u64(value: int, name: str) -> int:
    if not 0 <= value < 1 << 64:
        raise FrameError(f"{name} does not fit in 64 bits", where=f"head.{name}", fix="use an unsigned 64-bit number")
    return value
