"""Pure arithmetic of sealing: which cells make a frame, masking them, opening one's own frames again.

Source: PROTOCOL A, "Keys" and "Frame". Privacy: takes open readings and day keys; gives ciphertexts.
Cost: about 3 ns a mask, three masks a reading, one core.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.secret.masks import add_masks
from quietgrid.errors import InputError
from quietgrid.model.quantity import MAX_READING_WH
from quietgrid.model.sealed import FrameHead
from quietgrid.wire.frame import pack_frames

Ints = NDArray[np.int64]
Keys = NDArray[np.uint8]


@dataclass(frozen=True)
class Run:
    """Rows that have the same unbroken stretch of cells to seal.

    Args:
        first: First slot, counted in the batch. count: slots. rows: int64 [m], ascending.
    """

    first: int
    count: int
    rows: Ints


def runs(kinds: NDArray[np.bool_] | NDArray[np.int8]) -> list[Run]:
    """The unbroken stretches of cells in a batch, equal stretches of different rows put together.

    Args:
        kinds: bool or int8 [n, t]; 0 is no cell. Cells of different kinds are never in one stretch.

    Returns: Runs by first slot, then by count; each cell is in exactly one.

    >>> [(r.first, r.count, r.rows.tolist()) for r in runs(np.array([[1, 1, 0, 1], [1, 1, 0, 0]], np.bool_))]
    [(0, 2, [0, 1]), (3, 1, [0])]
    >>> [(r.first, r.count) for r in runs(np.array([[1, 2, 2, 1]], np.int8))]
    [(0, 1), (1, 2), (3, 1)]
    """
    n, t = kinds.shape
    if n and t and kinds.flat[0] and (kinds == kinds.flat[0]).all():
        return [Run(0, t, np.arange(n))]
    padded = np.pad(kinds.astype(np.int8), ((0, 0), (1, 1)))
    before, after = padded[:, :-1], padded[:, 1:]
    rows, starts = np.nonzero((before != after) & (after > 0))
    _, ends = np.nonzero((before != after) & (before > 0))
    order = np.lexsort((rows, ends, starts))
    rows, starts, ends = rows[order], starts[order], ends[order]
    cuts = np.flatnonzero((np.diff(starts) != 0) | (np.diff(ends) != 0)) + 1
    return [
        Run(int(starts[part[0]]), int(ends[part[0]] - starts[part[0]]), rows[part])
        for part in np.split(np.arange(len(rows)), cuts)
        if len(part)
    ]


def seal_values(
    values: Ints, keys: Keys, register: int, version: int, resolution: int, first: int
) -> NDArray[np.uint64]:
    """Hide values under the three masks of their cells.

    Args:
        values: int64 [n, t], |value| < 2^24. keys: uint8 [3, n, 32], day keys, pairs in order.
        first: First slot within the day.

    Returns: uint64 [n, t], ``value + M01 + M02 + M12 (mod 2^64)``.

    Raises:
        InputError: a value out of bounds; the masks would not protect its sums.
    """
    if values.size and int(np.abs(values).max()) >= MAX_READING_WH:
        raise InputError("a value is out of bounds", where="seal", fix=f"keep it below {MAX_READING_WH} Wh")
    out = np.ascontiguousarray(values).view(np.uint64).copy()
    add_masks(out, keys, register, version, resolution, first=first)
    return out


def open_values(
    ciphertext: NDArray[np.uint64], keys: Keys, register: int, version: int, resolution: int, first: int
) -> Ints:
    """The inverse of `seal_values`: int64 [n, t]."""
    out = np.ascontiguousarray(ciphertext).copy()
    add_masks(out, keys, register, version, resolution, first=first, sign=-1)
    return out.view(np.int64)


def frames_of(
    head: FrameHead,
    pids: NDArray[np.uint64],
    seqs: NDArray[np.uint64],
    columns: Sequence[Ints],
    keys: tuple[Keys, Sequence[bytes]],
) -> list[bytes]:
    """Sealed frames of meters that share head and registers.

    Args:
        head: Shared fields (`pid` and `seq` unused). pids, seqs: [n].
        columns: Values per register of the head's bitmap, ascending, int64 [n, count].
        keys: Day keys uint8 [3, n, 32], and n MAC keys.
    """
    day_keys, k_macs = keys
    registers = [r for r in range(8) if head.registers >> r & 1]
    body = np.stack(
        [
            seal_values(values, day_keys, register, head.version, head.resolution, head.first)
            for register, values in zip(registers, columns, strict=True)
        ],
        axis=1,
    )
    return pack_frames(head, pids, seqs, body, k_macs)
