"""Baselines that are sums: exact on sealed readings, because the gate can open one weighted sum a home.

    reduction = mean of d earlier days - actual
    d × reduction = Σ (+1 × each interval of the earlier days) + Σ (-d × each interval of the event)

Weights are small whole numbers over a common denominator, so that what is opened is exact and a reward is rounded once.
An additive same-day adjustment is a sum, too. Ranking days, caps and ratios are not: see `open_rules`.

Source: PROTOCOL A, "event facts", "weights"; decision 0042.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import gcd, lcm

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.baseline.days import DayRule, look_back
from quietgrid.algorithms.calendar import Calendar
from quietgrid.algorithms.herd import MIN_CELLS
from quietgrid.errors import InputError
from quietgrid.model.interval import Window
from quietgrid.model.quantity import MAX_TERMS, MAX_WEIGHT, WH_PER_KWH, divide_half_even

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class LinearBaseline:
    """A reduction as one weighted sum: ``denominator × reduction = Σ weights × readings``; positive: used less.

    Args:
        events: what it is the reduction of.
        slots: int64 [s], absolute, ascending: every interval with a weight.
        weights: int64 [s], none 0, |weight| < 4096. denominator: 1 or more.

    Raises:
        InputError: it could not pass the gate: too many or too large weights, or fewer than four intervals.
    """

    events: tuple[Window, ...]
    slots: Ints
    weights: Ints
    denominator: int

    def __post_init__(self) -> None:
        if self.slots.shape != self.weights.shape or self.slots.ndim != 1 or self.denominator < 1 or not self.events:
            raise InputError("slots and weights do not fit", where="baseline", fix="give one weight an interval")
        if bool((np.diff(self.slots) <= 0).any()) or not self.weights.all():
            raise InputError("intervals repeat or have no weight", where="baseline", fix="merge and sort them")
        largest = int(np.abs(self.weights).max(initial=0))
        if largest >= MAX_WEIGHT:
            raise InputError(
                f"a weight of {largest} is {MAX_WEIGHT} or more", where="baseline",
                fix="use coarser rates, or an adjustment as long as the event",
            )  # fmt: skip
        if len(self.slots) >= MAX_TERMS:
            raise InputError(f"{len(self.slots)} intervals are too many", where="baseline", fix="use fewer days")
        if min(len(event) for event in self.events) < MIN_CELLS:
            raise InputError(f"an event has {MIN_CELLS} intervals or more", where="baseline", fix="make it longer")

    @property
    def resolution(self) -> int:
        """Seconds an interval."""
        return self.events[0].resolution

    @property
    def window(self) -> Window:
        """From the first interval with a weight to the last: what must be sealed and kept."""
        return Window(int(self.slots[0]), int(self.slots[-1]) + 1, self.resolution)

    def on(self, window: Window) -> Ints:
        """int64 [t], the weights laid on a window (a billing period), 0 elsewhere; for `algorithms.herd.check_events`.

        Raises:
            InputError: an interval with a weight lies outside.
        """
        if self.slots[0] < window.first or self.slots[-1] >= window.end:
            raise InputError("the baseline reaches out of the period", where="baseline", fix="ask for a longer window")
        out = np.zeros(len(window), np.int64)
        out[self.slots - window.first] = self.weights
        return out

    def within(self, window: Window) -> bool:
        """Whether every interval with a weight lies in a window."""
        return int(self.slots[0]) >= window.first and int(self.slots[-1]) < window.end

    def sums(self, readings_wh: Ints, window: Window) -> Ints:
        """int64 [...]: what the gate opens for readings int64 [..., t] over `window`, in Wh × denominator."""
        return np.asarray(np.asarray(readings_wh, np.int64) @ self.on(window))

    def reduction_wh(self, value: int) -> int:
        """An opened sum as whole watt-hours, half to even."""
        return divide_half_even(value, self.denominator)

    def reward_micro(self, value: int, price_micro_per_kwh: int) -> int:
        """Money for an opened sum, rounded once, half to even: exact however many days the mean is of.

        >>> whole = Window(100, 104, 900)
        >>> one = LinearBaseline((whole,), np.arange(96, 104), np.array([1] * 4 + [-1] * 4), 3)
        >>> one.reduction_wh(1_000), one.reward_micro(1_000, 300_000)
        (333, 100000)
        """
        return divide_half_even(value * price_micro_per_kwh, self.denominator * WH_PER_KWH)


def combined(parts: Sequence[tuple[LinearBaseline, int]]) -> LinearBaseline:
    """Several events as one number, each counted with a rate: one fact a home and month.

    ``denominator × Σ rate × reduction = Σ weights × readings``; common denominator, no rounding.

    Args:
        parts: baselines of one resolution, each with a rate in whole steps (1 to count energy only).

    Raises:
        InputError: the weights become too large; use coarser rates.

    >>> event = Window(100, 104, 900)
    >>> one = LinearBaseline((event,), np.arange(96, 104), np.array([1] * 4 + [-1] * 4), 1)
    >>> combined([(one, 3), (one, 2)]).weights.tolist()
    [5, 5, 5, 5, -5, -5, -5, -5]
    """
    if not parts or any(rate < 1 for _, rate in parts) or len({one.resolution for one, _ in parts}) > 1:
        raise InputError("these events cannot be added", where="combined", fix="one resolution, rates of 1 or more")
    terms: dict[int, Fraction] = {}
    for one, rate in parts:
        for slot, weight in zip(one.slots.tolist(), one.weights.tolist(), strict=True):
            terms[slot] = terms.get(slot, Fraction(0)) + Fraction(weight * rate, one.denominator)
    return _whole(tuple(event for one, _ in parts for event in one.events), terms)


@dataclass(frozen=True)
class Shift:
    """An additive same-day adjustment: the baseline is moved by how much the hours before the event missed it.

    Args:
        length_s: of those hours. gap_s: between their end and the event, so that getting ready does not count.
    """

    length_s: int = 7_200
    gap_s: int = 7_200

    def before(self, event: Window) -> Window:
        """The intervals that are compared.

        Raises:
            InputError: not whole intervals.
        """
        length, gap = self.length_s // event.resolution, self.gap_s // event.resolution
        if length < 1 or gap < 0 or self.length_s % event.resolution or self.gap_s % event.resolution:
            raise InputError("an adjustment has whole intervals", where="adjustment", fix="use multiples of 1800 s")
        return Window(event.first - gap - length, event.first - gap, event.resolution)


@dataclass(frozen=True)
class SealedRule:
    """The mean of like days, with an additive adjustment at most: may run on sealed readings of homes.

    Args:
        days: which days. adjustment: or None.
    """

    days: DayRule = field(default_factory=DayRule)
    adjustment: Shift | None = None

    def vector(
        self, event: Window, calendar: Calendar, events: Sequence[Window] = (), first: int | None = None
    ) -> LinearBaseline:
        """The weights of one event, the same for every home: from public inputs alone.

        Args:
            event: t >= 4 intervals. events: other events; their days are left out. first: see `look_back`.

        Raises:
            InputError: too few days, or weights that could not pass the gate.

        Privacy: no reading is looked at. Cost: 3 ms.

        >>> evening = Window(16_190 * 48 + 34, 16_190 * 48 + 38, 1800)
        >>> found = SealedRule().vector(evening, Calendar("Europe/London", "GB"))
        >>> found.denominator, len(found.slots), sorted(set(found.weights.tolist()))
        (10, 44, [-10, 1])
        """
        before, past, past_before = chosen(event, self.days, self.adjustment, calendar, events, first)
        terms: dict[int, Fraction] = {}

        def add(slots: Ints, weight: Fraction) -> None:
            for slot in slots.reshape(-1).tolist():
                terms[slot] = terms.get(slot, Fraction(0)) + weight

        add(np.arange(event.first, event.end), Fraction(-1))
        add(past, Fraction(1, len(past)))
        if len(before):
            add(before, Fraction(len(event), len(before)))
            add(past_before, -Fraction(len(event), len(before) * len(past)))
        return _whole((event,), terms)

    def expected(
        self, readings_wh: Ints, window: Window, event: Window, calendar: Calendar, events: Sequence[Window] = ()
    ) -> Floats:
        """float64 [..., t]: the baseline of each interval of the event, for plots and reports.

        Args:
            readings_wh: int64 [..., T] over `window`: of a home at that home, or opened totals of groups.
        """
        return linear_course(self.days, self.adjustment, readings_wh, window, (event, calendar, events))


def chosen(
    event: Window, days: DayRule, shift: Shift | None, calendar: Calendar, events: Sequence[Window], first: int | None
) -> tuple[Ints, Ints, Ints]:
    """Intervals before the event [a], of the past days [d, t], and before it on those days [d, a]; a is 0 without."""
    start = event.first if shift is None else shift.before(event).first
    whole = Window(start, event.end, event.resolution)
    others = [other for other in events if other != event]
    found = look_back(whole, days, calendar, others, first)
    a = 0 if shift is None else len(shift.before(event))
    return np.arange(start, start + a, dtype=np.int64), found.slots[:, -len(event) :], found.slots[:, :a]


def linear_course(
    days: DayRule, shift: Shift | None, readings_wh: Ints, window: Window,
    asked: tuple[Window, Calendar, Sequence[Window]],
) -> Floats:  # fmt: skip
    """float64 [..., t]: mean of the days, moved by the adjustment."""
    event, calendar, events = asked
    before, past, past_before = chosen(event, days, shift, calendar, events, window.first)
    values = np.asarray(readings_wh, np.float64)
    course = values[..., past - window.first].mean(axis=-2)
    if len(before):
        missed = values[..., before - window.first].mean(axis=-1) - values[..., past_before - window.first].mean(
            (-2, -1)
        )
        course = course + missed[..., None]
    return np.asarray(course)


def _whole(events: tuple[Window, ...], terms: dict[int, Fraction]) -> LinearBaseline:
    """Fractions as whole weights over the smallest common denominator."""
    kept = {slot: weight for slot, weight in sorted(terms.items()) if weight}
    common = lcm(*(weight.denominator for weight in kept.values()))
    whole = [int(weight * common) for weight in kept.values()]
    shared = gcd(common, *whole)
    weights = np.array([weight // shared for weight in whole], object)
    if len(weights) and max(abs(int(weight)) for weight in weights) >= 1 << 62:
        raise InputError("the weights are too large", where="baseline", fix="use coarser rates")
    return LinearBaseline(events, np.array(list(kept), np.int64), weights.astype(np.int64), common // shared)
