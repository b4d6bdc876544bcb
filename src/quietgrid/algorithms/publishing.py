"""What may be said of many homes' monthly figures: clipping, counting, and whether plain sums stay coarse together.

Sensitivity here is by *replacing* one home's figures by any others, the homes and their groups staying as they are:
a clipped sum moves by at most the bound, the band sums of homes clipped as a whole by at most twice the bound, counts
by at most 2. Source: Dwork, Roth, "Algorithmic Foundations of Differential Privacy", 2014, sections 2 and 3.3.
Privacy: opened monthly facts in, exact sums out; the caller adds noise before anybody sees one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Sets = Sequence[NDArray[np.bool_]]


def clip(values: Ints, bound: int) -> Ints:
    """Each value brought into [0, bound]. int64 [n].

    >>> clip(np.array([-5, 40, 900]), 600).tolist()
    [0, 40, 600]
    """
    return np.clip(values, 0, bound)


def clip_rows(rows: Ints, bound: int) -> Ints:
    """Rows whose sums are brought down to `bound`, in proportion, rounded down; negatives count as 0. int64 [n, b].

    >>> clip_rows(np.array([[100, 100], [900, 300]]), 600).tolist()
    [[100, 100], [450, 150]]
    """
    positive = np.maximum(rows, 0)
    sums = positive.sum(axis=1, keepdims=True)
    scaled = positive.astype(object) * bound // np.maximum(sums, 1)
    return np.where(sums > bound, scaled, positive).astype(np.int64)


def spread(values: Ints, edges: Sequence[int]) -> Ints:
    """How many values lie from each edge up to the next; the last has no end. int64 [len(edges)].

    Every value counts once: what is below the first edge counts at the first.

    >>> spread(np.array([0, 99, 100, 5_000]), (0, 100, 200)).tolist()
    [2, 1, 1]
    """
    places = np.clip(np.searchsorted(np.asarray(edges), values, side="right") - 1, 0, len(edges) - 1)
    return np.bincount(places, minlength=len(edges)).astype(np.int64)


def stays_coarse(sets: Sets, leaves: NDArray[np.int32], floor: int, k: int) -> bool:
    """Whether sums over some sets of homes, and over feeders, together say nothing about few homes.

    Laid over each other the sets cut the homes into pieces (homes that lie in the same sets). Any linear combination
    of the sums is one of sums over pieces; so if every piece holds at least `floor` homes, or none, nothing finer
    follows. Feeder totals are open to some roles as well: together they can reach one feeder's part of one piece, so
    that must hold at least `k` homes, or none.

    Args:
        sets: bool [n] each. leaves: int32 [n], each home's feeder. floor: homes behind a published figure.
        k: homes behind any total.

    >>> everyone, most = np.ones(200, bool), np.arange(200) < 199
    >>> stays_coarse([everyone], np.zeros(200, np.int32), 100, 15)
    True
    >>> stays_coarse([everyone, most], np.zeros(200, np.int32), 100, 15)  # their difference is one home
    False
    """
    n = len(leaves)
    columns = np.stack([np.ones(n, np.bool_), *sets], axis=1)
    pieces, piece_of = np.unique(columns, axis=0, return_inverse=True)
    piece = piece_of.reshape(-1)
    if not n or int(np.bincount(piece, minlength=len(pieces)).min()) < floor:
        return False
    cells = np.unique(np.stack([piece, leaves.astype(np.int64)], axis=1), axis=0, return_counts=True)[1]
    return int(cells.min()) >= k
