"""Repeatable draws by position: the same home, day and purpose give the same numbers whatever was asked before.

NumPy promises that the raw output of PCG64 never changes (NEP 19); it makes no such promise for the
distributions on top, so everything here is integer arithmetic on raw words.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HABITS, EVENTS, CLOUDS, MARKET = range(4)
"""Purposes: each has a stream of its own."""


def words(seed: int, purpose: int, first_day: int, days: int, per_day: int) -> NDArray[np.uint64]:
    """Raw 64-bit words of consecutive days.

    Args:
        seed: Which home (or market). purpose: one of the constants above.
        first_day: Day number, not negative. per_day: words a day uses; fixed per purpose.

    Returns:
        uint64 [days, per_day].

    >>> bool((words(7, EVENTS, 10, 3, 4)[1] == words(7, EVENTS, 11, 1, 4)[0]).all())
    True
    """
    stream = np.random.PCG64(np.random.SeedSequence([seed, purpose]))
    stream.advance(first_day * per_day)
    return stream.random_raw(days * per_day).astype(np.uint64).reshape(days, per_day)


def below(raw: NDArray[np.uint64], bound: int) -> NDArray[np.int64]:
    """Integers 0..bound-1 from the upper 32 bits of words (bound < 2^20).

    >>> below(np.array([0, 2**63, 2**64 - 1], np.uint64), 10).tolist()
    [0, 5, 9]
    """
    return ((raw >> np.uint64(32)) * np.uint64(bound) >> np.uint64(32)).astype(np.int64)
