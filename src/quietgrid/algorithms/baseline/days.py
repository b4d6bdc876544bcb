"""Which earlier days a baseline rests on: like days, without events, not too long ago; the same for every home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.calendar import Calendar
from quietgrid.errors import InputError
from quietgrid.model.interval import Window

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class DayRule:
    """How many days, and which.

    Args:
        days: looked for, newest first, before a working day. off_days: before a weekend or holiday; None: as many.
        look_back: calendar days gone back at most. least: with fewer found there is no baseline.
        alike: a working day is compared with working days, another with others; False: with any.
        gap_days: the newest day is at least so many days before the event (1: the day before).
    """

    days: int = 10
    off_days: int | None = None
    look_back: int = 45
    least: int = 5
    alike: bool = True
    gap_days: int = 1

    def __post_init__(self) -> None:
        wanted = (self.days, self.days if self.off_days is None else self.off_days)
        if not 1 <= self.least <= min(wanted) or max(wanted) > self.look_back or self.gap_days < 1:
            raise InputError("these days cannot be chosen", where="day rule", fix="1 <= least <= days <= look_back")

    def wanted(self, working: bool) -> int:
        """How many days before a working day, or another."""
        return self.days if working or self.off_days is None else self.off_days


@dataclass(frozen=True)
class Days:
    """The days found, newest first.

    Args:
        dates: d local dates. slots: int64 [d, t], the intervals at the window's local times on each.
    """

    dates: tuple[date, ...]
    slots: Ints

    def __len__(self) -> int:
        return len(self.dates)


def look_back(
    window: Window, rule: DayRule, calendar: Calendar, events: Sequence[Window] = (), first: int | None = None
) -> Days:
    """Earlier days at the same local times.

    Days that an event touches are left out, and days on which a local time is missing or comes twice.

    Args:
        window: of the event (and of what is before it, for an adjustment). events: all others so far.
        first: the earliest interval there are readings of; None: any.

    Raises:
        InputError: fewer than `rule.least` days.

    >>> here, rule = Calendar("Europe/London", "GB"), DayRule(days=3, least=3)
    >>> evening = Window(16_195 * 48 + 34, 16_195 * 48 + 38, 1800)  # Monday 5 May 2014, a holiday
    >>> [day.isoformat() for day in look_back(evening, rule, here).dates]
    ['2014-05-04', '2014-05-03', '2014-04-27']
    """
    resolution = window.resolution
    today = calendar.day_of(window.first, resolution)
    working = calendar.working(today)
    touched = {
        calendar.day_of(slot, resolution)
        for event in events
        for slot in (event.first * event.resolution // resolution, (event.end * event.resolution - 1) // resolution)
    }
    dates: list[date] = []
    slots: list[Ints] = []
    for back in range(rule.gap_days, rule.look_back + 1):
        day = today - timedelta(back)
        if len(dates) == rule.wanted(working):
            break
        if day in touched or (rule.alike and calendar.working(day) != working):
            continue
        found = calendar.same_time(window, -back)
        if found is None or (first is not None and found[0] < first):
            continue
        dates.append(day)
        slots.append(found)
    if len(dates) < rule.least:
        raise InputError(
            f"{len(dates)} of {rule.least} days to compare with", where=f"event of {today}", fix="look back further"
        )
    return Days(tuple(dates), np.array(slots, np.int64))
