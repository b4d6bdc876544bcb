"""Baselines from others or from the weather, and how far baselines are off.

`control_group`: what comparable homes that were not asked did. `regression`: what the weather of the hour says, as
weights on past days; the weather is public, so the weights are, and the rule is a weighted sum like `SealedRule`'s.

Source: California ISO, Baseline Accuracy Assessment (2017), control groups and the statistics bias and precision;
ASHRAE Guideline 14 (CVRMSE).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.baseline.days import DayRule, look_back
from quietgrid.algorithms.baseline.linear import LinearBaseline
from quietgrid.algorithms.calendar import Calendar
from quietgrid.errors import InputError
from quietgrid.model.interval import Window

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bits = NDArray[np.bool_]

STEPS = 1_000
"""A regression's weights are thousandths."""


@dataclass(frozen=True)
class Effect:
    """A change that was measured, in percent of what would have been used, and where it lies 95 times in 100.

    Args:
        percent: of it; negative: less was used. low, high: of the interval. days: it rests on.
    """

    percent: float
    low: float
    high: float
    days: int


def control_group(asked_wh: Floats, others_wh: Floats, event: Bits, near: int | None = None) -> Effect:
    """What events changed, compared with homes that were not asked, day by day.

    On days without an event the ratio of the two groups is what it is; what it becomes in the events' intervals is
    their effect: a difference in differences of logarithms, by the same interval of the day, with its error from days.

    Args:
        asked_wh, others_wh: float64 [d, t], totals of both groups, all positive. event: bool [d, t], intervals of
            events (or of a high price). near: compare with days at most so many before or after; None: with all.

    Raises:
        InputError: fewer than two days with an event, or an interval of the day never without one.

    Privacy: two opened totals of groups.
    """
    ratio = np.log(asked_wh / others_wh)
    size = len(event)
    span = np.abs(np.arange(size)[:, None] - np.arange(size)) <= (size if near is None else near)
    count = span.astype(np.float64) @ ~event
    if int(event.any(axis=1).sum()) < 2 or bool((count[event] == 0).any()):
        raise InputError("too few events, or no day without", where="control group", fix="compare a longer time")
    usual = span.astype(np.float64) @ np.where(event, 0.0, ratio) / np.maximum(count, 1)
    moved = np.where(event, ratio - usual, 0.0)
    touched = event.any(axis=1)
    weight = event[touched].sum(axis=1)
    each = moved[touched].sum(axis=1) / weight
    mean = float((each * weight).sum() / weight.sum())
    squares = float((weight**2 * (each - mean) ** 2).sum()) * len(each) / (len(each) - 1)
    spread = math.sqrt(squares) / float(weight.sum())
    low, middle, high = (100 * math.expm1(mean + sign * 1.96 * spread) for sign in (-1, 0, 1))
    return Effect(middle, low, high, len(each))


def regression(
    event: Window, calendar: Calendar, rule: DayRule, temperature_c: Floats, window: Window,
    events: Sequence[Window] = (),
) -> LinearBaseline:  # fmt: skip
    """Least squares on the temperature of the event's hours, as whole weights: exact on sealed readings, too.

    With T the mean temperature of each past day's same hours, the expected use is ``a + b × T``; its value at the
    event's own temperature is a sum of the past days with weights that depend on temperatures alone.

    Args:
        temperature_c: float64 over `window`, which holds the event and the past days. events: others.

    Raises:
        InputError: too few days, a temperature missing, or one that the past days say too little about.

    Privacy: no reading is looked at.
    """
    past = look_back(event, rule, calendar, events, window.first)
    known = temperature_c[past.slots - window.first].mean(axis=1)
    now = float(temperature_c[event.first - window.first : event.end - window.first].mean())
    spread = float(((known - known.mean()) ** 2).sum())
    if math.isnan(now) or bool(np.isnan(known).any()):
        raise InputError("a temperature is missing", where="regression", fix="fill the weather first")
    shares = np.full(len(past), 1 / len(past))
    if spread > 1e-9:
        shares += (now - known.mean()) * (known - known.mean()) / spread
    weights = rounded(shares, STEPS)
    if float((shares**2).sum()) > 1:  # worse than asking one day
        raise InputError("no past day was like this", where="regression", fix="look back further")
    used = weights != 0
    slots = np.concatenate([past.slots[used].reshape(-1), np.arange(event.first, event.end)])
    values = np.concatenate([np.repeat(weights[used], len(event)), np.full(len(event), -STEPS)])
    order = np.argsort(slots)
    return LinearBaseline((event,), slots[order], values[order], STEPS)


def rounded(shares: Floats, steps: int) -> Ints:
    """Shares that add up to 1 as whole numbers that add up to `steps`: largest remainders.

    >>> rounded(np.array([1 / 3, 1 / 3, 1 / 3]), 100).tolist()
    [34, 33, 33]
    """
    down = np.floor(shares * steps).astype(np.int64)
    left = int(steps - down.sum())
    order = np.argsort(-(shares * steps - down), kind="stable")
    down[order[:left]] += 1
    return down


@dataclass(frozen=True)
class Errors:
    """How far baselines were off where nothing happened.

    Args:
        bias_percent: sum of (baseline - actual) by sum of actual: positive: it pays for nothing.
        error_percent: mean of |baseline - actual| over whole events by the mean of actual. cvrmse_percent: root of the
            mean square over whole events, likewise. events: how many.
    """

    bias_percent: float
    error_percent: float
    cvrmse_percent: float
    events: int


def errors(baseline_wh: Floats, actual_wh: Floats) -> Errors:
    """Statistics over events without a reduction, float64 [n] each: energy of whole events.

    Raises:
        InputError: none, or nothing was used.

    >>> errors(np.array([11.0, 9.0]), np.array([10.0, 10.0]))
    Errors(bias_percent=0.0, error_percent=10.0, cvrmse_percent=10.0, events=2)
    """
    if not actual_wh.size or float(actual_wh.sum()) <= 0:
        raise InputError("nothing was used", where="errors", fix="compare events of homes that use energy")
    off, mean = baseline_wh - actual_wh, float(actual_wh.mean())
    return Errors(
        100 * float(off.mean()) / mean, 100 * float(np.abs(off).mean()) / mean,
        100 * math.sqrt(float((off**2).mean())) / mean, int(actual_wh.size),
    )  # fmt: skip
