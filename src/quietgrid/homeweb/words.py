"""Periods and days in words, for the household's pages."""

from __future__ import annotations

from datetime import date, datetime

from quietgrid.model.interval import Window, zone


def days_text(first: date, last: date) -> str:
    """A range of days, both ends included.

    >>> days_text(date(2026, 3, 5), date(2026, 3, 11)), days_text(date(2026, 2, 27), date(2026, 3, 5))
    ('5 to 11 March 2026', '27 February to 5 March 2026')
    """
    if first == last:
        return f"{first:%a} {first.day} {first:%b %Y}"
    start = f"{first.day}"
    if (first.year, first.month) != (last.year, last.month):
        start += f" {first:%B}" + (f" {first.year}" if first.year != last.year else "")
    return f"{start} to {last.day} {last:%B %Y}"


def span_text(window: Window, tz: str) -> str:
    """A window in local time: whole months by name, whole days as days, anything else to the minute.

    >>> from quietgrid.model.interval import month_window
    >>> month = month_window(2026, 3, "Europe/Berlin", 900)
    >>> span_text(month, "Europe/Berlin")
    'March 2026'
    >>> span_text(Window(month.first + 72, month.first + 76, 900), "Europe/Berlin")
    'Sun 1 Mar 2026, 18:00 to 19:00'
    """
    if not len(window):
        return "no interval"
    first, end = window.start_time.astimezone(zone(tz)), window.end_time.astimezone(zone(tz))
    if _midnight(first) and _midnight(end):
        last = date.fromordinal(end.toordinal() - 1)
        if first.day == end.day == 1 and (end.year - first.year) * 12 + end.month - first.month == 1:
            return f"{first:%B %Y}"
        return days_text(first.date(), last)
    if first.date() == end.date():
        return f"{days_text(first.date(), first.date())}, {first:%H:%M} to {end:%H:%M}"
    return f"{days_text(first.date(), first.date())}, {first:%H:%M} to {days_text(end.date(), end.date())}, {end:%H:%M}"


def _midnight(moment: datetime) -> bool:
    return moment.hour == moment.minute == 0
