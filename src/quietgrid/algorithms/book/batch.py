"""A whole log of orders through one book at once: what a restart, an audit and a simulation do.

The same rules as `Book`, compiled: prices are places in an array, the orders of a price a linked list. It makes the
same trades (hypothesis, `tests/algorithms/book/test_batch.py`). One order at a time, `Book` is the faster of the two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError
from quietgrid.model.order import BUY, MAX_ORDER_WH, MAX_TICKS, Ints

Table = NDArray[np.int64]


class Kind(IntEnum):
    """What a row of a log is: an order by its force, or a cancellation."""

    UNTIL = 0
    NOW = 1
    WHOLE = 2
    CANCEL = 3


@dataclass(frozen=True, slots=True)
class Log:
    """n rows, as they came.

    Args:
        kind: int64 [n], `Kind`. side, party, tick, energy_wh: int64 [n], of orders; parties are numbers. target: int64
            [n], of a cancellation the row of its order; ignored elsewhere.

    Raises:
        InputError: columns that do not fit, or values out of range.
    """

    kind: Ints
    side: Ints
    party: Ints
    tick: Ints
    energy_wh: Ints
    target: Ints

    def __post_init__(self) -> None:
        n = len(self.kind)
        columns = (self.side, self.party, self.tick, self.energy_wh, self.target)
        if any(len(column) != n for column in columns):
            raise InputError("columns of a log differ in length", where="log", fix="one row an order")
        orders = self.kind != Kind.CANCEL
        energy, tick = self.energy_wh[orders], self.tick[orders]
        right = (energy > 0) & (energy <= MAX_ORDER_WH) & (tick >= 0) & (tick < MAX_TICKS)
        if not right.all() or not (np.abs(self.side[orders]) == 1).all() or not np.isin(self.kind, list(Kind)).all():
            raise InputError("a row of a log is out of range", where="log", fix="check side, tick, energy and kind")
        target = self.target[~orders]
        if len(target) and (target.min() < 0 or not (target < np.flatnonzero(~orders)).all()):
            raise InputError("a cancellation is of a later order", where="log", fix="name an earlier row")

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True, slots=True)
class Matched:
    """The outcome.

    Args:
        buy, sell: int64 [m], rows of the orders. tick, energy_wh: int64 [m]. taker: int64 [m], row of the later order.
        left_wh: int64 [n], what waits of each order at the end.
    """

    buy: Ints
    sell: Ints
    tick: Ints
    energy_wh: Ints
    taker: Ints
    left_wh: Ints

    def __len__(self) -> int:
        return len(self.buy)


def match_log(log: Log) -> Matched:
    """Match all rows in order.

    Cost: tens of nanoseconds a row; the first call compiles, which takes a second or two (kept on disk).

    >>> four = lambda *values: np.array(values, np.int64)
    >>> found = match_log(Log(four(0, 0), four(-1, 1), four(0, 1), four(20, 25), four(500, 300), four(0, 0)))
    >>> found.buy.tolist(), found.tick.tolist(), found.energy_wh.tolist(), found.left_wh.tolist()
    ([1], [20], [300], [200, 0])
    """
    ticks = int(log.tick.max(initial=0)) + 1
    trades, left = _kernel()(log.kind, log.side, log.party, log.tick, log.energy_wh, log.target, ticks)
    later, earlier, energy = trades
    price = log.tick[earlier]
    buying = log.side[later] == BUY
    return Matched(np.where(buying, later, earlier), np.where(buying, earlier, later), price, energy, later, left)


@cache
def _kernel() -> Callable[..., tuple[Table, Ints]]:
    """The compiled loop; Numba is imported at the first log."""
    from quietgrid.algorithms.book.batch_numba import run

    return run
