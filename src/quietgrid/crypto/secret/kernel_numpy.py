"""ChaCha20 (RFC 8439) across meters in plain NumPy: the readable twin of `kernel_numba`, and the fallback.

Scheme, source, assumption and limits are those of `kernel_numba`. Some forty times slower; bit-equal.
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
_CHUNK = 4096
"""Blocks at a time, so that their state stays in cache."""


def _mix(x: NDArray[np.uint32], spare: NDArray[np.uint32]) -> None:
    """Twenty rounds in place on the state, uint32 [16, n]; `spare` is one row to work in."""
    for _ in range(10):
        for quarter in _QUARTERS:
            a, b, c, d = (x[word] for word in quarter)
            for target, other, turned, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                target += other
                turned ^= target
                np.right_shift(turned, np.uint32(32 - bits), out=spare)
                turned <<= np.uint32(bits)
                turned |= spare


def _blocks(keys: NDArray[np.uint32], nonce: NDArray[np.uint32], start: int, stop: int) -> NDArray[np.uint32]:
    """Blocks ``start .. stop - 1`` of each key [n, 8]: uint32 [n, 16 * (stop - start)], little-endian words."""
    n, blocks = len(keys), stop - start
    x = np.empty((16, n * blocks), np.uint32)
    x[:4] = np.array(_CONSTANTS, np.uint32)[:, None]
    x[4:12] = np.repeat(keys.T, blocks, axis=1)
    x[12] = np.tile(np.arange(start, stop, dtype=np.uint32), n)
    x[13:] = nonce[:, None]
    first = x.copy()
    _mix(x, np.empty(n * blocks, np.uint32))
    x += first
    return np.ascontiguousarray(x.T).reshape(n, 16 * blocks)


def fill_masks(out: NDArray[np.uint64], keys: NDArray[np.uint32], nonce: NDArray[np.uint32], first: int) -> None:
    """Write to `out` [n, t] the masks of slots ``first .. first + t - 1`` under `keys` [n, 8]."""
    t = out.shape[1]
    start, stop = first // 8, (first + t + 7) // 8
    step = max(1, _CHUNK // (stop - start))
    for row in range(0, len(keys), step):
        words = _blocks(keys[row : row + step], nonce, start, stop)
        out[row : row + step] = words.astype("<u4", copy=False).view("<u8")[:, first - 8 * start :][:, :t]


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
        out += (masks * part).sum(axis=0, dtype=np.uint64)


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
        masks = _masks(keys[row : row + _CHUNK], nonce, first, part.shape[1]) * part
        out[row : row + _CHUNK] += masks @ weights.T
