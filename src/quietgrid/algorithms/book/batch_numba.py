"""The compiled loop of `algorithms.book.batch`. All numbers are 64-bit integers.

A side of the book is two arrays over ticks (first and last order of each price) and a pointer to its best tick, which
only moves as far as orders are eaten or come. Orders that were taken out have nothing left and are passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
F = TypeVar("F", bound=Callable[..., object])
_UNTIL, _WHOLE, _CANCEL = 0, 2, 3


def compiled(function: F) -> F:
    """`numba.njit` with a type: GIL released, cached on disk where Numba finds a folder it may write to."""
    try:
        return cast(F, njit(cache=True, nogil=True)(function))
    except RuntimeError:  # no folder to write to
        return cast(F, njit(nogil=True)(function))


@compiled
def _best(head: Ints, following: Ints, left: Ints, at: int, step: int) -> int:
    """The next tick from `at` on, going `step`, where an order waits; -1 or the number of ticks where none does."""
    while 0 <= at < len(head):
        first = head[at]
        while first >= 0 and left[first] == 0:
            first = following[first]
        head[at] = first
        if first >= 0:
            return at
        at += step
    return at


@compiled
def _offered(  # noqa: PLR0913  (compiled: no objects)
    head: Ints, following: Ints, left: Ints, party: Ints, at: int, limit: int, step: int, own: int
) -> int:
    """What others than `own` offer from `at` to `limit`."""
    total = 0
    while 0 <= at < len(head) and (limit - at) * step >= 0:
        order = head[at]
        while order >= 0:
            if party[order] != own:
                total += left[order]
            order = following[order]
        at += step
    return total


@compiled
def run(  # noqa: PLR0913  (columns)
    kind: Ints, side: Ints, party: Ints, tick: Ints, energy: Ints, target: Ints, ticks: int
) -> tuple[Ints, Ints]:
    """Trades, int64 [3, m] (row of the later order, of the earlier one, energy), and int64 [n]: what waits."""
    n = len(kind)
    left, following = np.zeros(n, np.int64), np.full(n, -1, np.int64)
    head, tail = np.full((2, ticks), -1, np.int64), np.full((2, ticks), -1, np.int64)
    best = np.array([-1, ticks])  # of those who buy, of those who sell
    trades = np.empty((3, n), np.int64)  # each trade ends one order at least
    count = 0
    for row in range(n):
        if kind[row] == _CANCEL:
            left[target[row]] = 0
            continue
        other, step = (1, 1) if side[row] > 0 else (0, -1)
        limit, rest = tick[row], energy[row]
        if kind[row] == _WHOLE:
            there = _offered(head[other], following, left, party, best[other], limit, step, party[row])
            if there < rest:
                continue
        while rest:
            at = _best(head[other], following, left, best[other], step)
            best[other] = at
            if not 0 <= at < ticks or (limit - at) * step < 0:
                break
            order = head[other, at]
            if party[order] == party[row]:
                left[order] = 0
                continue
            moved = min(rest, left[order])
            trades[0, count], trades[1, count], trades[2, count] = row, order, moved
            count += 1
            rest -= moved
            left[order] -= moved
        if rest and kind[row] == _UNTIL:
            own = 1 - other
            left[row] = rest
            if head[own, limit] < 0:
                head[own, limit] = row
            else:
                following[tail[own, limit]] = row
            tail[own, limit] = row
            if (best[own] - limit) * step < 0 or not 0 <= best[own] < ticks:
                best[own] = limit
    return trades[:, :count].copy(), left
