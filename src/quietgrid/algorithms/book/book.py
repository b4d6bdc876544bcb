"""One book: the orders of one area and delivery period, matched as they come, best price first, then the earlier one.

A trade is made at the price of the order that was there first. A party never trades with itself: its own older order is
taken out when its newer one would meet it. The book holds no clock: time comes with each call.

It is pure Python on purpose: one order at a time, a dictionary of queues and two heaps are faster than compiled code
that is called once an order (`benchmarks book`).

Laws (hypothesis, `tests/algorithms/book`): it is never crossed; no trade is outside a limit; an earlier order at a
price is served before a later one; energy is conserved; the same commands make the same trades.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

from quietgrid.errors import ConflictError, InputError, NotFoundError
from quietgrid.model.order import BUY, MAX_ORDER_WH, SELL, Force, Order, Trade

_Queue = deque["_Resting"]
_SWEEP = 1_000


@dataclass(slots=True, eq=False)
class _Resting:
    """An order that waits; one that was taken out has nothing left, and stays until its price is reached."""

    order: Order
    left: int


class Placed(NamedTuple):
    """What became of an order as it came.

    Args:
        trades: In order. resting_wh: What now waits in the book. dropped_wh: What was neither traded nor kept
            (immediate-or-cancel, fill-or-kill). taken_out: Ids of the same party's older orders that it would have met.
    """

    trades: tuple[Trade, ...]
    resting_wh: int
    dropped_wh: int
    taken_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """All orders of one side at one price: tick, energy and how many."""

    tick: int
    energy_wh: int
    orders: int


@dataclass(slots=True)
class _Side:
    """One side. `sign` times the tick is what is best when least."""

    sign: int
    queues: dict[int, _Queue] = field(default_factory=dict)
    heap: list[int] = field(default_factory=list)
    energy: dict[int, int] = field(default_factory=dict)
    gone: int = 0

    def best(self) -> int | None:
        """The best tick; None where nothing waits."""
        heap, queues = self.heap, self.queues
        while heap:
            tick = heap[0] * self.sign
            queue = queues[tick]
            while queue and not queue[0].left:
                queue.popleft()
                self.gone -= 1
            if queue:
                return tick
            heappop(heap)
            del queues[tick], self.energy[tick]
        return None

    def add(self, resting: _Resting) -> None:
        """Put an order behind the others of its price."""
        tick = resting.order.tick
        queue = self.queues.get(tick)
        if queue is None:
            queue = self.queues[tick] = deque()
            self.energy[tick] = 0
            heappush(self.heap, tick * self.sign)
        queue.append(resting)
        self.energy[tick] += resting.left

    def remove(self, resting: _Resting) -> None:
        """Take an order out. Now and then, sweep out all that were."""
        self.energy[resting.order.tick] -= resting.left
        resting.left = 0
        self.gone += 1
        if self.gone > _SWEEP and 2 * self.gone > sum(map(len, self.queues.values())):
            for tick, queue in self.queues.items():
                self.queues[tick] = deque(one for one in queue if one.left)
            self.gone = 0

    def levels(self, most: int) -> tuple[Level, ...]:
        """The best `most` prices."""
        ticks = sorted((tick for tick, energy in self.energy.items() if energy), key=lambda tick: tick * self.sign)
        return tuple(
            Level(tick, self.energy[tick], sum(1 for one in self.queues[tick] if one.left)) for tick in ticks[:most]
        )

    def within(self, limit: int, party: str) -> int:
        """How much others offer at `limit` or better."""
        return sum(
            resting.left
            for tick, queue in self.queues.items()
            if tick * self.sign <= limit * self.sign
            for resting in queue
            if resting.order.party != party
        )


class Book:
    """An order book."""

    def __init__(self) -> None:
        self._buys, self._sells = _Side(-1), _Side(1)
        self._known: dict[str, _Resting] = {}
        self._seen: set[str] = set()
        self._expiring: list[tuple[int, str]] = []
        self._trades = 0

    def place(self, order: Order) -> Placed:
        """Match an order, and keep what is left of it where it may wait.

        Raises:
            InputError: energy or tick out of range, or a side that is neither.
            ConflictError: an order of this id was placed before.

        Cost: a few microseconds, and one a trade; a cancelled order's place is freed when its price is reached.
        """
        _check(order)
        if order.id in self._seen:
            raise ConflictError("an order of this id was placed before", where="order", fix="use a new id")
        self._seen.add(order.id)
        own, other = (self._buys, self._sells) if order.side == BUY else (self._sells, self._buys)
        left = order.energy_wh
        if order.force is Force.WHOLE and other.within(order.tick, order.party) < left:
            return Placed((), 0, left)
        trades, left, out = self._match(order, other, left)
        if not left or order.force is not Force.UNTIL:
            return Placed(trades, 0, left, out)
        resting = _Resting(order, left)
        own.add(resting)
        self._known[order.id] = resting
        if order.until:
            heappush(self._expiring, (order.until, order.id))
        return Placed(trades, left, 0, out)

    def _match(self, order: Order, other: _Side, left: int) -> tuple[tuple[Trade, ...], int, tuple[str, ...]]:
        trades, out = list[Trade](), list[str]()
        side, party, limit, sign = order.side, order.party, order.tick * other.sign, other.sign
        while left:
            tick = other.best()
            if tick is None or tick * sign > limit:
                break
            queue = other.queues[tick]
            while left and queue:
                first = queue[0]
                if not first.left:
                    queue.popleft()
                    other.gone -= 1
                    continue
                met = first.order
                if met.party == party:
                    queue.popleft()
                    other.energy[tick] -= first.left
                    del self._known[met.id]
                    out.append(met.id)
                    continue
                energy = left if left < first.left else first.left
                self._trades += 1
                buy, sell = (order.id, met.id) if side == BUY else (met.id, order.id)
                trades.append(Trade(self._trades, buy, sell, tick, energy, side))
                left -= energy
                other.energy[tick] -= energy
                if energy == first.left:
                    queue.popleft()
                    del self._known[met.id]
                else:
                    first.left -= energy
        return tuple(trades), left, tuple(out)

    def cancel(self, order_id: str) -> int:
        """Take an order out; what was left of it, Wh.

        Raises:
            NotFoundError: it does not wait here (any more).
        """
        resting = self._waiting(order_id)
        left = resting.left
        self._side(resting.order).remove(resting)
        del self._known[order_id]
        return left

    def amend(self, order_id: str, energy_wh: int) -> None:
        """Ask for less of what is left; the order keeps its place. For more, or another price: cancel and place anew.

        Args:
            energy_wh: What is to be left, 1 to what is left now.

        Raises:
            NotFoundError: it does not wait here. InputError: more than is left, or nothing.
        """
        resting = self._waiting(order_id)
        if not 0 < energy_wh <= resting.left:
            raise InputError("an order in the book can only become smaller", where="energy_wh",
                             fix=f"1 to {resting.left} Wh, or cancel it and place another")  # fmt: skip
        self._side(resting.order).energy[resting.order.tick] -= resting.left - energy_wh
        resting.left = energy_wh

    def expire(self, now: int) -> tuple[str, ...]:
        """Take out the orders whose time is over at `now` (Unix seconds); their ids, in order of time."""
        gone = []
        while self._expiring and self._expiring[0][0] <= now:
            order_id = heappop(self._expiring)[1]
            if order_id in self._known:
                self.cancel(order_id)
                gone.append(order_id)
        return tuple(gone)

    def left_wh(self, order_id: str) -> int:
        """What waits of an order; 0 where nothing does."""
        resting = self._known.get(order_id)
        return resting.left if resting else 0

    def waiting(self) -> tuple[str, ...]:
        """Ids of all orders that wait, in no order of meaning."""
        return tuple(self._known)

    def best(self) -> tuple[int | None, int | None]:
        """The best tick to buy at and to sell at; None for a side where nothing waits."""
        return self._buys.best(), self._sells.best()

    def depth(self, most: int = 10) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """The best `most` prices of those who buy, and of those who sell, best first."""
        return self._buys.levels(most), self._sells.levels(most)

    def _side(self, order: Order) -> _Side:
        return self._buys if order.side == BUY else self._sells

    def _waiting(self, order_id: str) -> _Resting:
        try:
            return self._known[order_id]
        except KeyError:
            raise NotFoundError(
                "no such order waits", where="book", fix="it may be filled, cancelled or over"
            ) from None


def _check(order: Order) -> None:
    if order.side not in (BUY, SELL):
        raise InputError("an order neither buys nor sells", where="side", fix="use 1 (buy) or -1 (sell)")
    if not 0 < order.energy_wh <= MAX_ORDER_WH:
        raise InputError("an order's energy is out of range", where="energy_wh", fix=f"1 to {MAX_ORDER_WH} Wh")
    if order.tick < 0:
        raise InputError("an order's tick is below the grid", where="tick", fix="0 or more")
