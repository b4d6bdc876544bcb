"""`PriceGrid`, `Orders` (a columnar batch for an auction) and `Order` (one, for the book): who would buy or sell what.

Prices are ticks: whole numbers on a grid that a market fixes once, so that two prices are equal or are not. Energy is a
whole number of watt-hours, always positive; the side says which way it flows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError

Ints = NDArray[np.int64]
BUY, SELL = 1, -1
MAX_TICKS = 1 << 16
MAX_ORDER_WH = 1 << 31
"""Bound on one order: 2.1 GWh."""
MAX_BOOK_WH = 1 << 53
"""Bound on one side of an auction: sums stay exact where they are made in floating point."""


class Force(StrEnum):
    """How long an order that is not filled at once stays: until its expiry, not at all, or all of it or nothing."""

    UNTIL = "good-till-time"
    NOW = "immediate-or-cancel"
    WHOLE = "fill-or-kill"


class Prefer(StrEnum):
    """Whom a party would rather trade with, where that costs nobody anything."""

    ANYBODY = "anybody"
    GREEN = "green"
    NEIGHBOUR = "neighbour"
    PARTNER = "partner"


@dataclass(frozen=True, slots=True)
class PriceGrid:
    """The prices a market knows.

    Args:
        lowest_micro_per_kwh: Price of tick 0, in millionths a kWh; may be negative. step_micro_per_kwh: Between two
            ticks. count: How many ticks.

    Raises:
        InputError: a step or a count that is not positive, or more than `MAX_TICKS`.

    >>> grid = PriceGrid(-50_000, 1_000, 501)
    >>> grid.price(0), grid.price(500), grid.tick(80_000)
    (-50000, 450000, 130)
    """

    lowest_micro_per_kwh: int
    step_micro_per_kwh: int
    count: int

    def __post_init__(self) -> None:
        if self.step_micro_per_kwh < 1 or not 1 <= self.count <= MAX_TICKS:
            raise InputError("a price grid has at least one tick and a positive step", where="price grid",
                             fix=f"use 1 to {MAX_TICKS} ticks")  # fmt: skip

    def price(self, tick: int) -> int:
        """The price of a tick, in millionths a kWh.

        Raises:
            InputError: no such tick.
        """
        if not 0 <= tick < self.count:
            raise InputError(f"there is no tick {tick}", where="price grid", fix=f"0 to {self.count - 1}")
        return self.lowest_micro_per_kwh + tick * self.step_micro_per_kwh

    def tick(self, price_micro_per_kwh: int) -> int:
        """The tick of a price.

        Raises:
            InputError: the price is not on the grid.
        """
        tick, rest = divmod(price_micro_per_kwh - self.lowest_micro_per_kwh, self.step_micro_per_kwh)
        if rest or not 0 <= tick < self.count:
            known = f"{self.lowest_micro_per_kwh} to {self.price(self.count - 1)} in steps of {self.step_micro_per_kwh}"
            raise InputError("a price is not on the grid", where="price_micro_per_kwh", fix=known)
        return tick

    def nearest(self, price_micro_per_kwh: int) -> int:
        """The tick nearest to a price; the ends of the grid for what is beyond them."""
        tick = (2 * (price_micro_per_kwh - self.lowest_micro_per_kwh) + self.step_micro_per_kwh) // (
            2 * self.step_micro_per_kwh
        )
        return min(max(tick, 0), self.count - 1)


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders of one auction, as columns.

    Args:
        side: int8 [n], `BUY` or `SELL`. tick: int32 [n], the worst price that is accepted. energy_wh: int64 [n],
            positive. rank: int64 [n], who comes first where energy cannot be halved: unique, lower is earlier.

    Raises:
        InputError: columns of other lengths, a side, tick or amount out of range, or sums beyond `MAX_BOOK_WH`.
    """

    side: NDArray[np.int8]
    tick: NDArray[np.int32]
    energy_wh: Ints
    rank: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        n = len(self.side)
        if len(self.rank) == 0 and n:
            object.__setattr__(self, "rank", np.arange(n, dtype=np.int64))
        if not len(self.tick) == len(self.energy_wh) == len(self.rank) == n:
            raise InputError("columns of orders differ in length", where="orders", fix="one row an order")
        if n and not (np.abs(self.side) == 1).all():
            raise InputError("an order neither buys nor sells", where="orders", fix="use 1 (buy) or -1 (sell)")
        if n and (self.tick.min() < 0 or self.tick.max() >= MAX_TICKS):
            raise InputError("a tick is out of range", where="orders", fix=f"0 to {MAX_TICKS - 1}")
        if n and (self.energy_wh.min() < 1 or self.energy_wh.max() > MAX_ORDER_WH):
            raise InputError("an order's energy is out of range", where="orders", fix=f"1 to {MAX_ORDER_WH} Wh")
        if n and float(self.energy_wh.sum(dtype=np.float64)) >= MAX_BOOK_WH:
            raise InputError("the orders' energy is out of range", where="orders", fix="split the auction")

    def __len__(self) -> int:
        return len(self.side)

    @classmethod
    def none(cls) -> Orders:
        """No orders."""
        return cls(np.zeros(0, np.int8), np.zeros(0, np.int32), np.zeros(0, np.int64))


class Order(NamedTuple):
    """One order for the book.

    Args:
        id: Unique; the idempotency key. party: Whose. side: `BUY` or `SELL`. tick: The worst price that is accepted.
        energy_wh: How much. force: See `Force`. until: Unix seconds after which it is gone; 0: never.
    """

    id: str
    party: str
    side: int
    tick: int
    energy_wh: int
    force: Force = Force.UNTIL
    until: int = 0


class Trade(NamedTuple):
    """One trade.

    Args:
        number: 1, 2, … in one book. buy, sell: Ids of the orders. tick: At which price. energy_wh: How much.
        taker: `BUY` or `SELL`: the side that came later.
    """

    number: int
    buy: str
    sell: str
    tick: int
    energy_wh: int
    taker: int
