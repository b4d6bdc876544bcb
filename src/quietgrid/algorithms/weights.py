"""Weights of book vectors, recomputed from a registered rule and published inputs.

A keyholder accepts a vector only if it can compute it itself (PROTOCOL A, "weights"): hours of the local week, all
intervals, or published prices. Prices become small integers here, exactly reversible: in every interval
``price = offset + unit × weight + excess``. Whether the weights are *safe* is judged in `algorithms.wide`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.wide import check_book, wide, wide_book
from quietgrid.errors import GateRefusal, InputError
from quietgrid.model.interval import DAY_S, Window, zone
from quietgrid.model.quantity import MAX_WEIGHT
from quietgrid.model.question import Book, Vector

__all__ = [
    "PriceWeights", "check_book", "local_hours", "price_weights", "resolve", "resolve_book", "wide", "wide_book",
]  # fmt: skip

_THURSDAY = 3
"""Weekday of 1970-01-01, Monday = 0."""

Prices = Mapping[str, NDArray[np.int64]]


def resolve(vector: Vector, window: Window, prices: Prices | None = None) -> NDArray[np.int64]:
    """The weight of every interval of `window` under one vector's rule.

    Args:
        vector: The registered rule. For ``hours`` an interval counts in the local hour in which it *starts*; a local
            day of 23 or 25 hours has one hour less or more.
        window: t consecutive intervals.
        prices: Feed name -> int64 [t], micro-money per kWh, one for every interval of `window`; ``prices`` rules only.

    Returns:
        int64 [t]; 0 or 1 for bands, 0..4095 for prices.

    Raises:
        GateRefusal: rule ``weights``: the prices are not published. InputError: a mask or a price column that does
            not fit.

    Privacy: public inputs only. Cost: 0.2 ms for a month of 15-minute intervals (prices 5 ms).
    Source: PROTOCOL A, "weights".

    >>> evening = Vector("evening", 0, "hours", "Europe/Berlin", (0b111 << 18,) * 7)
    >>> int(resolve(evening, Window(19_000 * 96, 19_007 * 96, 900)).sum())  # 7 days × 3 hours × 4
    84
    """
    if vector.rule == "all":
        return np.ones(len(window), np.int64)
    if vector.rule == "hours":
        return _hour_table(vector)[local_hours(window, vector.tz)]
    if prices is None or vector.feed not in prices:
        raise GateRefusal(
            "weights", "the prices of this vector are not published", where=vector.name, fix="publish the feed first"
        )
    column = np.asarray(prices[vector.feed], np.int64)
    if column.shape != (len(window),):
        raise InputError(
            f"{column.size} prices for {len(window)} intervals", where=vector.feed, fix="give one price an interval"
        )
    return price_weights(column).weights


def resolve_book(book: Book, prices: Prices | None = None) -> NDArray[np.int64]:
    """All vectors of a book, int64 [vectors, intervals], in the book's order (see `resolve`)."""
    if not book.vectors:
        return np.zeros((0, len(book.window)), np.int64)
    return np.stack([resolve(vector, book.window, prices) for vector in book.vectors])


def _hour_table(vector: Vector) -> NDArray[np.int64]:
    """0/1 for each of the 168 local hours of the week."""
    if any(not 0 <= mask < 1 << 24 for mask in vector.hours):
        raise InputError("an hours mask has more than 24 bits", where=vector.name, fix="use one bit an hour")
    masks = np.array(vector.hours, np.int64)
    return (masks[:, None] >> np.arange(24) & 1).reshape(-1)


def local_hours(window: Window, tz: str) -> NDArray[np.int64]:
    """Hour of the local week (Monday 00:00 is 0), 0..167, in which each interval starts: int64 [t]."""
    starts = np.arange(window.first, window.end, dtype=np.int64) * window.resolution
    per_day = DAY_S // window.resolution
    for day, a, b in window.by_day():
        low = day * per_day + a - window.first
        starts[low : low + b - a] += _day_offsets(tz, day, window.resolution)[a:b]
    return (starts // DAY_S + _THURSDAY) % 7 * 24 + starts % DAY_S // 3600


@lru_cache(maxsize=4096)
def _day_offsets(tz: str, day: int, resolution: int) -> NDArray[np.int64]:
    """Seconds east of UTC at the start of each interval of one UTC day.

    A day whose two ends agree has one offset (no zone of the IANA database goes there and back within a day).
    """
    per_day = DAY_S // resolution
    first, last = _offset(tz, day * DAY_S), _offset(tz, (day + 1) * DAY_S)
    if first == last:
        offsets = np.full(per_day, first, np.int64)
    else:
        offsets = np.array([_offset(tz, day * DAY_S + n * resolution) for n in range(per_day)], np.int64)
    offsets.setflags(write=False)
    return offsets


def _offset(tz: str, unix: int) -> int:
    shift = datetime.fromtimestamp(unix, UTC).astimezone(zone(tz)).utcoffset() or timedelta()
    return int(shift.total_seconds())


@dataclass(frozen=True)
class PriceWeights:
    """Prices as weights a keyholder may use: ``price = offset + unit × weight + excess`` in every interval.

    Args:
        weights: int64 [t], 0..4095.
        unit_micro: Money per kWh of one weight step.
        offset_micro: Money per kWh at weight 0; may be negative.
        floor_micro: Lowest price that is weighed. cap_micro: highest. Beyond them a price is clipped.
        excess_micro: int64 [t], what the weight leaves out. Billing charges it at each band's mean: the sealed sums
            never see it. At most ``unit_micro / 2`` where not clipped (0 where prices are published in steps of
            `unit_micro`), the part beyond floor or cap where clipped.
    """

    weights: NDArray[np.int64]
    unit_micro: int
    offset_micro: int
    floor_micro: int
    cap_micro: int
    excess_micro: NDArray[np.int64]

    @property
    def sealed_micro(self) -> NDArray[np.int64]:
        """int64 [t], the price the sealed sum charges: ``offset + unit × weight``."""
        return self.offset_micro + self.unit_micro * self.weights

    @property
    def clipped(self) -> NDArray[np.bool_]:
        """bool [t], True where the published price lies beyond floor or cap."""
        price = self.sealed_micro + self.excess_micro
        return (price > self.cap_micro) | (price < self.floor_micro)


def price_weights(prices_micro: NDArray[np.int64]) -> PriceWeights:
    """Turn published prices into weights that pass `wide`.

    The cap is the highest that passes: prices further than D from their median are clipped to it, D being the
    largest distance at which the clipped prices are wide (the floor ``median - D`` seldom binds; it is there for
    negative spikes). Steps: the unit is the common divisor of the prices times 1, 2, 5, 10, ...: the smallest that
    leaves fewer than 4096 steps and passes `wide` (a coarser unit also removes "all multiples of 7 but one").

    Args:
        prices_micro: int64 [t], micro-money per kWh, of one whole period.

    Returns:
        The weights and how to get back to prices.

    Raises:
        GateRefusal: rule ``wide``: no unit and cap give a safe vector. InputError: no prices.

    Privacy: public inputs only. Cost: about 5 ms a month; up to 100 ms when many units must be tried.
    Source: PROTOCOL A, `wide(vector)`; G7.

    >>> found = price_weights(np.tile(np.array([200_000, 250_000, 310_000, 280_000]), 744))
    >>> found.unit_micro, found.offset_micro, found.weights[:4].tolist(), bool(found.excess_micro.any())
    (10000, 200000, [0, 5, 11, 8], False)
    """
    prices = np.asarray(prices_micro, np.int64)
    if prices.ndim != 1 or not prices.size:
        raise InputError("there are no prices", where="price_weights", fix="give one price an interval")
    step = max(1, gcd(*(int(value) for value in np.unique(prices - prices.min()))))
    reach = _reach(prices)
    median = _median(prices)
    while True:
        floor, cap = max(int(prices.min()), median - reach), min(int(prices.max()), median + reach)
        found = _rounded(prices, floor, cap, step)
        if found is not None:
            return found
        if reach == 0:
            raise GateRefusal(
                "wide", "no unit and cap make these prices safe", where="prices", fix="publish prices in coarser steps"
            )
        reach = reach * 15 // 16


def _median(values: NDArray[np.int64]) -> int:
    """The lower median."""
    middle = (len(values) - 1) // 2
    return int(np.partition(values, middle)[middle])


def _reach(prices: NDArray[np.int64]) -> int:
    """The largest distance from the median at which clipped prices still have wide support (0 if none)."""
    median = _median(prices)
    low, high = 0, int(np.abs(prices - median).max())
    while low < high:
        middle = (low + high + 1) // 2
        clipped = prices.clip(median - middle, median + middle)
        above, around = clipped - clipped.min(), np.abs(clipped - median)
        if all(20 * int(part.sum()) >= len(prices) * int(part.max()) for part in (above, around)):
            low = middle
        else:
            high = middle - 1
    return low


def _rounded(prices: NDArray[np.int64], floor: int, cap: int, step: int) -> PriceWeights | None:
    """Weights of the clipped prices in the smallest unit that passes `wide`, or None."""
    scale = 0
    while True:
        unit = step * (1, 2, 5)[scale % 3] * 10 ** (scale // 3)
        scale += 1
        if (cap - floor) // unit >= MAX_WEIGHT - 1:
            continue
        weights = (2 * (prices.clip(floor, cap) - floor) + unit) // (2 * unit)
        try:
            wide(weights)
        except GateRefusal:
            if cap - floor >= unit * 16:
                continue
            return None
        excess = prices - (floor + unit * weights)
        return PriceWeights(weights, unit, floor, floor, cap, excess)
