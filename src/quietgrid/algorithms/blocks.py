"""Which packed ciphertexts a total adds up (suite 2).

A mask hides one cell, a packed ciphertext many: it is in a sum with all its cells or not at all. So what a total wants
of a meter must be what the meter's frame holds, or nothing of it. PES and keyholder each compute this for themselves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError

Bits = NDArray[np.bool_]


def whole(wanted: Bits, holds: Bits, allowed: Bits) -> Bits:
    """Which rows are in the sum.

    Args:
        wanted: bool [n, t], cells that count. holds: bool [n, t], cells in each row's frame, False without a frame.
        allowed: bool [t], numbers that may open; the others' cells do not matter, since nothing of them leaves.

    Returns: bool [n].

    Raises:
        InputError: only some cells of a frame count, or a cell that counts is in no frame.

    >>> holds = np.array([[1, 1], [1, 0], [1, 1]], np.bool_)
    >>> whole(np.array([[1, 1], [1, 0], [0, 0]], np.bool_), holds, np.array([True, True])).tolist()
    [True, True, False]
    >>> whole(np.array([[1, 0], [1, 0], [0, 0]], np.bool_), holds, np.array([True, True]))
    Traceback (most recent call last):
    quietgrid.errors.InputError: a part of a packed frame cannot be added – totals – close whole frames
    """
    cells = wanted & allowed
    inside = np.asarray(cells.any(axis=1), np.bool_)
    if (cells != (holds & allowed))[inside].any():
        raise InputError("a part of a packed frame cannot be added", where="totals", fix="close whole frames")
    return inside
