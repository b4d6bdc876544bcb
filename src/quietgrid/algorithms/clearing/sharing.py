"""Sharing a whole number among claims in proportion, exactly: the margin of an auction."""

from __future__ import annotations

import numpy as np

from quietgrid.errors import InputError
from quietgrid.model.order import Ints

_SAFE = 1 << 62


def shared(claims: Ints, available: int, rank: Ints) -> Ints:
    """What each claim gets of `available`: its proportional share, rounded down; what rounding leaves goes one by one
    to those whose share was cut most, the earlier rank first where equal.

    Args:
        claims: int64 [n], not negative. available: 0 to their sum. rank: int64 [n], unique; lower is earlier.

    Returns:
        int64 [n]; sums to `available`; no claim gets more than it asks; equal claims differ by at most 1.

    Raises:
        InputError: `available` is not within the claims.

    Source: the largest-remainder method (Hamilton).

    >>> shared(np.array([10, 10, 10]), 20, np.array([0, 1, 2])).tolist()
    [7, 7, 6]
    """
    total = int(claims.sum())
    if not 0 <= available <= total:
        raise InputError(f"{available} cannot be shared among claims of {total}", where="share", fix="0 to their sum")
    if available == total:
        return claims.copy()
    if int(claims.max(initial=0)) * available < _SAFE:
        whole, rest = np.divmod(claims * available, total)
    else:  # rare: the products need more than 64 bits
        pairs = [divmod(int(claim) * available, total) for claim in claims.tolist()]
        whole, rest = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    left = available - int(whole.sum())
    if left:
        whole[np.lexsort((rank, -rest))[:left]] += 1
    return np.asarray(whole, np.int64)
