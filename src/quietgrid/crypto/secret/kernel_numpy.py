"""ChaCha20 (RFC 8439) across meters in plain NumPy: the readable twin of `kernel_numba`, and the fallback.

Scheme, source, assumption and limits are those of `kernel_numba`. About ten times slower; bit-equal.
Chosen by ``QUIETGRID_KERNEL=numpy``, or when Numba cannot be imported.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CONSTANTS = (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)
_QUARTERS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip
_CHUNK = 512
"""Meters at a time, so that a block's state stays in cache."""


def _rotate(x: NDArray[np.uint32], bits: int) -> NDArray[np.uint32]:
    return (x << np.uint32(bits)) | (x >> np.uint32(32 - bits))


def block(keys: NDArray[np.uint32], counter: int, nonce: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """One ChaCha20 block a key.

    Args:
        keys: uint32 [n, 8]. counter: block number. nonce: uint32 [3].

    Returns:
        uint32 [n, 16]: the 64 bytes of each block as little-endian words.
    """
    n = len(keys)
    start = np.empty((16, n), np.uint32)
    start[:4] = np.array(_CONSTANTS, np.uint32)[:, None]
    start[4:12] = keys.T
    start[12] = counter
    start[13:] = nonce[:, None]
    x = list(start.copy())
    for _ in range(10):
        for a, b, c, d in _QUARTERS:
            x[a] = x[a] + x[b]
            x[d] = _rotate(x[d] ^ x[a], 16)
            x[c] = x[c] + x[d]
            x[b] = _rotate(x[b] ^ x[c], 12)
            x[a] = x[a] + x[b]
            x[d] = _rotate(x[d] ^ x[a], 8)
            x[c] = x[c] + x[d]
            x[b] = _rotate(x[b] ^ x[c], 7)
    return np.ascontiguousarray((np.stack(x) + start).T)


def fill_masks(out: NDArray[np.uint64], keys: NDArray[np.uint32], nonce: NDArray[np.uint32], first: int) -> None:
    """Write to `out` [n, t] the masks of slots ``first .. first + t - 1`` under `keys` [n, 8]."""
    t = out.shape[1]
    start, stop = first // 8, (first + t + 7) // 8
    for row in range(0, len(keys), _CHUNK):
        part = keys[row : row + _CHUNK]
        words = np.concatenate([block(part, counter, nonce) for counter in range(start, stop)], axis=1)
        out[row : row + _CHUNK] = words.astype("<u4").view("<u8")[:, first - 8 * start :][:, :t]


def _masks(keys: NDArray[np.uint32], nonce: NDArray[np.uint32], first: int, count: int) -> NDArray[np.uint64]:
    out = np.empty((len(keys), count), np.uint64)
    if count:
        fill_masks(out, keys, nonce, first)
    return out


def add_masks(
    out: NDArray[np.uint64], keys: NDArray[np.uint32], nonce: NDArray[np.uint32], first: int, negative: bool
) -> None:
    """Add to `out` [n, t] (or subtract) the masks of slots ``first .. first + t - 1`` under all of `keys` [p, n, 8]."""
    for pair in keys:
        masks = _masks(pair, nonce, first, out.shape[1])
        if negative:
            out -= masks
        else:
            out += masks


def masked_sums(
    keys: NDArray[np.uint32], nonce: NDArray[np.uint32], first: int, present: NDArray[np.bool_], out: NDArray[np.uint64]
) -> None:
    """Add to `out` [t] the sum over meters of their masks where `present` [n, t]."""
    for row in range(0, len(keys), _CHUNK):
        part = present[row : row + _CHUNK]
        masks = _masks(keys[row : row + _CHUNK], nonce, first, part.shape[1])
        out += np.where(part, masks, np.uint64(0)).sum(axis=0, dtype=np.uint64)


def weighted_sums(
    keys: NDArray[np.uint32],
    nonce: NDArray[np.uint32],
    first: int,
    weights: NDArray[np.uint64],
    present: NDArray[np.bool_],
    out: NDArray[np.uint64],
) -> None:
    """Add to `out` [n, F] each meter's masks weighted by `weights` [F, t] (two's complement) where `present`."""
    for row in range(0, len(keys), _CHUNK):
        part = present[row : row + _CHUNK]
        masks = np.where(part, _masks(keys[row : row + _CHUNK], nonce, first, part.shape[1]), np.uint64(0))
        out[row : row + _CHUNK] += masks @ weights.T
