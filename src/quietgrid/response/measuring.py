"""The reduction of a group over one event, from its opened totals, with an interval from days without one.

The interval is made of placebos: the same baseline for the same hours of earlier days on which nothing was asked. How
much those differ from what was used then is how much this one may be wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quietgrid.algorithms.baseline import OpenRule, Preset, SealedRule, look_back
from quietgrid.algorithms.calendar import Calendar
from quietgrid.errors import InputError, NotFoundError
from quietgrid.model.forecast import History
from quietgrid.model.interval import Window
from quietgrid.model.response import Event, Measured

PLACEBO_DAYS = 28
LEAST_PLACEBOS = 8
LOW_PERCENT, HIGH_PERCENT = 5.0, 95.0


def measure(
    event: Event, history: History, preset: Preset, calendar: Calendar, others: Sequence[Window], homes: int
) -> Measured:
    """What a group used less than its baseline.

    Args:
        history: opened totals of the group, before and during the event. preset: of the baseline. others: windows of
            other events, whose days count as neither. homes: the fewest behind one of the event's totals.

    Raises:
        NotFoundError: a total of the event, or too many before it, did not open.
    """
    rule = preset.rule
    window = event.window
    used = _sum(history, window)
    if used is None:
        raise NotFoundError("a total of the event did not open", where=history.group, fix="its group is too small then")
    expected = _baseline(rule, history, window, calendar, others)
    if expected is None:
        raise NotFoundError("too few days to compare with", where=history.group, fix="measure after more days")
    baseline, days = expected
    errors = placebos(rule, history, window, calendar, others)
    if len(errors) >= LEAST_PLACEBOS:
        low, high = np.percentile(errors, [LOW_PERCENT, HIGH_PERCENT])
    else:
        widest = max((abs(error) for error in errors), default=float(baseline))
        low, high = -widest, widest
    reduction = baseline - used
    return Measured(
        event.id, history.group, baseline, used, int(np.floor(reduction - high)), int(np.ceil(reduction - low)), days,
        homes,
    )  # fmt: skip


def placebos(
    rule: SealedRule | OpenRule, history: History, window: Window, calendar: Calendar, others: Sequence[Window]
) -> list[float]:
    """Baseline minus use on earlier days without an event, Wh, newest first."""
    touched = {calendar.day_of(other.first, other.resolution) for other in others}
    out = []
    for back in range(1, PLACEBO_DAYS + 1):
        found = calendar.same_time(window, -back)
        if found is None:
            continue
        past = Window(int(found[0]), int(found[-1]) + 1, window.resolution)
        if len(past) != len(window) or calendar.day_of(past.first, past.resolution) in touched:
            continue
        used = _sum(history, past)
        expected = _baseline(rule, history, past, calendar, [*others, window])
        if used is not None and expected is not None:
            out.append(float(expected[0] - used))
    return out


def _sum(history: History, window: Window) -> int | None:
    """What was used in a window, if all of it is known."""
    if window.first < history.window.first or window.end > history.window.end:
        return None
    part = slice(window.first - history.window.first, window.end - history.window.first)
    return int(history.energy_wh[part].sum()) if bool(history.known[part].all()) else None


def _baseline(
    rule: SealedRule | OpenRule, history: History, window: Window, calendar: Calendar, others: Sequence[Window]
) -> tuple[int, int] | None:
    """Baseline of a window in Wh, and the days it rests on."""
    rest = [other for other in others if other != window]
    try:
        slots = look_back(window, rule.days, calendar, rest, history.window.first).slots
        if not history.known[slots.reshape(-1) - history.window.first].all():
            return None
        course = rule.expected(history.energy_wh, history.window, window, calendar, rest)
    except InputError:
        return None
    return round(float(course.sum())), len(slots)
