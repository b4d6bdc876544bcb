"""Time: intervals, days, windows and clocks.

An interval is a half-open UTC span of `resolution` seconds. It is named by its *absolute slot*
(Unix start // resolution), an integer, so that arithmetic on time is arithmetic on integers.
Days are UTC days (Unix start // 86 400): always 96 or 48 slots. Local days, which have 23 or 25
hours twice a year, are *windows* of slots made with a time zone; nothing else knows of zones.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quietgrid.errors import InputError

DAY_S = 86_400
RESOLUTIONS = (900, 1800)


def check_resolution(resolution: int) -> int:
    """Return `resolution` (seconds) if meters may use it, else raise `InputError`."""
    if resolution not in RESOLUTIONS:
        raise InputError(
            f"resolution {resolution} s is not supported",
            where="resolution",
            fix="use 900 (15 minutes) or 1800 (30 minutes)",
        )
    return resolution


def slots_per_day(resolution: int) -> int:
    """Slots in a UTC day: 96 or 48."""
    return DAY_S // check_resolution(resolution)


def zone(name: str) -> ZoneInfo:
    """The time zone called `name`, or `InputError`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InputError(
            f"no time zone is called {name!r}", where="time zone", fix="use an IANA name, such as Europe/London"
        ) from error


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """One half-open UTC slot ``[start, end)``.

    Args:
        slot: Absolute slot: Unix start // resolution.
        resolution: Seconds, 900 or 1800.

    >>> Interval.at(datetime(2026, 3, 29, 0, 30, tzinfo=UTC), 1800).end.isoformat()
    '2026-03-29T01:00:00+00:00'
    """

    slot: int
    resolution: int

    @classmethod
    def at(cls, when: datetime, resolution: int) -> Interval:
        """The interval that holds the moment `when` (aware)."""
        return cls(int(when.timestamp()) // check_resolution(resolution), resolution)

    @property
    def start(self) -> datetime:
        """First moment, UTC."""
        return datetime.fromtimestamp(self.slot * self.resolution, UTC)

    @property
    def end(self) -> datetime:
        """First moment after it, UTC."""
        return datetime.fromtimestamp((self.slot + 1) * self.resolution, UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open range ``[first, end)`` of absolute slots of one resolution.

    A window is what a period, a day or a question is about.
    """

    first: int
    end: int
    resolution: int

    def __post_init__(self) -> None:
        check_resolution(self.resolution)
        if self.end < self.first:
            raise InputError("a window ends before it starts", where=f"[{self.first}, {self.end})", fix="swap them")

    def __len__(self) -> int:
        return self.end - self.first

    def __contains__(self, slot: object) -> bool:
        return isinstance(slot, int) and self.first <= slot < self.end

    @property
    def start_time(self) -> datetime:
        """First moment, UTC."""
        return Interval(self.first, self.resolution).start

    @property
    def end_time(self) -> datetime:
        """First moment after it, UTC."""
        return Interval(self.end, self.resolution).start

    @property
    def first_day(self) -> int:
        """The UTC day that holds the first slot."""
        return self.first // slots_per_day(self.resolution)

    def by_day(self) -> Iterator[tuple[int, int, int]]:
        """Yield ``(day, a, b)``: the UTC day and the slots ``[a, b)`` within it, ``0 <= a < b <= 96``."""
        per_day = slots_per_day(self.resolution)
        first = self.first
        while first < self.end:
            day = first // per_day
            end = min(self.end, (day + 1) * per_day)
            yield day, first - day * per_day, end - day * per_day
            first = end

    def intersect(self, other: Window) -> Window:
        """The slots in both (empty if none)."""
        first = max(self.first, other.first)
        return Window(first, max(first, min(self.end, other.end)), self.resolution)


def day_window(day: int, resolution: int) -> Window:
    """The window of one UTC day (days since 1970-01-01)."""
    per_day = slots_per_day(resolution)
    return Window(day * per_day, (day + 1) * per_day, resolution)


def local_window(first: date, end: date, tz: str, resolution: int) -> Window:
    """The window from local midnight of `first` to local midnight of `end`.

    >>> len(local_window(date(2026, 3, 29), date(2026, 3, 30), "Europe/London", 1800))  # 23 hours
    46
    >>> len(local_window(date(2026, 10, 25), date(2026, 10, 26), "Europe/London", 1800))  # 25 hours
    50
    """
    check_resolution(resolution)
    where = zone(tz)

    def slot(day: date) -> int:
        midnight = datetime(day.year, day.month, day.day, tzinfo=where)
        seconds = int(midnight.timestamp())
        if seconds % resolution:
            raise InputError(
                f"midnight in {tz} on {day} does not fall on an interval boundary",
                where="time zone",
                fix="use a finer resolution",
            )
        return seconds // resolution

    return Window(slot(first), slot(end), resolution)


def month_window(year: int, month: int, tz: str, resolution: int) -> Window:
    """The window of one local calendar month."""
    first = date(year, month, 1)
    return local_window(first, (first + timedelta(days=32)).replace(day=1), tz, resolution)


def local_days(window: Window, tz: str) -> list[date]:
    """The local dates that `window` touches, in order."""
    where = zone(tz)
    first = window.start_time.astimezone(where).date()
    last = (window.end_time - timedelta(seconds=1)).astimezone(where).date() if len(window) else first
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


class Clock(Protocol):
    """Where a process takes the time from. Injected everywhere; never read from the system in a stage."""

    def now(self) -> float:
        """Unix seconds."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()


@dataclass
class ManualClock:
    """A clock that stands still until it is set; for tests and replays."""

    unix: float

    def now(self) -> float:
        """Unix seconds."""
        return self.unix
