"""Hashes and MACs of very many short messages of one length: sixteen at once in the lanes of a vector.

Scheme: SHA-256 (FIPS 180-4), HMAC (RFC 2104), Merkle tree (RFC 6962); only the order of work is new. A Python call a
frame costs ten times what its bytes cost; a batch in one call does not. Batches below `FEW` and machines without Numba
use `hashlib`, with the same results. Source of the lane layout: Gueron & Krasnov, "Simultaneous Hashing of Multiple
Messages" (2012). Does not give: anything `frame_mac` and `merkle` do not; they are its oracle in the tests.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public.frame_mac import MAC_SIZE, frame_mac
from quietgrid.crypto.public.merkle import EMPTY

Bytes = NDArray[np.uint8]
States = NDArray[np.uint32]
Kernel = Callable[[States, NDArray[np.uint32]], None]

FEW = 256
"""Below this many messages `hashlib` is used: nobody waits for a compiler because of a handful of frames."""
BLOCK = 64
START = np.array(
    [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19], np.uint32
)


@cache
def _kernel() -> Kernel | None:
    if os.environ.get("QUIETGRID_KERNEL") == "numpy":
        return None
    try:
        from quietgrid.crypto.public.many_numba import compress
    except ImportError:
        return None
    return compress


def digests(data: Bytes) -> Bytes:
    """SHA-256 of n messages of one length: uint8 [n, length] -> uint8 [n, 32]."""
    kernel = _kernel()
    if kernel is None or len(data) < FEW:
        return _joined([hashlib.sha256(row).digest() for row in np.ascontiguousarray(data)], 32)
    return _digests(kernel, data, np.tile(START, (len(data), 1)), 0)


def tree_root(leaves: Bytes) -> bytes:
    """The RFC 6962 root over n records of one length, equal to `merkle.root`: uint8 [n, length] -> 32 bytes."""
    if not len(leaves):
        return EMPTY
    level = digests(np.pad(leaves, ((0, 0), (1, 0))))
    while len(level) > 1:
        half = len(level) // 2
        pairs = np.ones((half, 65), np.uint8)
        pairs[:, 1:] = level[: 2 * half].reshape(half, 64)
        level = np.concatenate([digests(pairs), level[2 * half :]])
    return bytes(level[0])


class MacKeys:
    """The MAC keys of n meters, ready for use.

    Args:
        keys: n keys of 32 bytes, None where there is none.

    Privacy: as secret as the keys. Cost: 64 bytes a meter and under 1 µs a frame of 96 readings.
    """

    def __init__(self, keys: Sequence[bytes | None]) -> None:
        self._keys = keys
        self.known: NDArray[np.bool_] = np.array([key is not None for key in keys], np.bool_)
        """bool [n]: which meters have a key."""
        kernel = _kernel() if len(keys) >= FEW else None
        self._states: States | None = None
        if kernel is not None:
            blocks = np.zeros((len(keys), BLOCK), np.uint8)
            blocks[:, :32] = _joined([key or bytes(32) for key in keys], 32)
            self._states = np.stack([_after_block(kernel, blocks ^ np.uint8(pad)) for pad in (0x36, 0x5C)])

    def macs(self, rows: NDArray[np.int64], data: Bytes) -> Bytes:
        """The MACs over n frames (cut off theirs): rows int64 [n], known ones; uint8 [n, length] -> uint8 [n, 16]."""
        kernel = _kernel()
        if kernel is None or self._states is None or len(data) < FEW:
            keys = [self._keys[row] or b"" for row in rows.tolist()]
            frames = np.ascontiguousarray(data)
            return _joined([frame_mac(key, frame.data) for key, frame in zip(keys, frames, strict=True)], MAC_SIZE)
        inner = _digests(kernel, data, self._states[0, rows], BLOCK)
        return _digests(kernel, inner, self._states[1, rows], BLOCK)[:, :MAC_SIZE]


def _joined(parts: Sequence[bytes], size: int) -> Bytes:
    return np.frombuffer(b"".join(parts), np.uint8).reshape(len(parts), size)


def _after_block(kernel: Kernel, blocks: Bytes) -> States:
    states = np.tile(START, (len(blocks), 1))
    kernel(states, blocks.view(">u4").astype(np.uint32))
    return states


def _digests(kernel: Kernel, data: Bytes, states: States, before: int) -> Bytes:
    """Go on from `states` uint32 [n, 8] (changed), reached after `before` bytes, to the end of the messages."""
    n, length = data.shape
    padded = np.zeros((n, (length + 9 + BLOCK - 1) // BLOCK * BLOCK), np.uint8)
    padded[:, :length] = data
    padded[:, length] = 0x80
    padded[:, -8:] = np.frombuffer((8 * (before + length)).to_bytes(8, "big"), np.uint8)
    kernel(states, padded.view(">u4").astype(np.uint32))
    return states.astype(">u4").view(np.uint8)
