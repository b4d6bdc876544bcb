"""Times in addresses: ISO 8601 with an offset for spans, the first local day for billing periods."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime

from quietgrid.errors import InputError, NotFoundError
from quietgrid.model.interval import Window, slots_per_day, zone

MOST_DAYS = 400
_FORM = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?)?(Z|[+-]\d{2}:?\d{2})?", re.ASCII)


def moment(text: str, field: str, tz: str) -> float:
    """Unix seconds of an ISO 8601 time; without an offset it is local time in `tz`.

    Raises:
        InputError: not such a time, or outside 1970..2199.

    >>> moment("2026-03-12T18:15:00Z", "from", "Europe/Berlin"), moment("2026-03-12", "from", "UTC")
    (1773339300.0, 1773273600.0)
    """
    wrong = InputError(
        "this is not a time", where=field, fix="write 2026-03-12T18:15:00Z, 2026-03-12T18:15%2B01:00 or 2026-03-12"
    )
    if not _FORM.fullmatch(text):
        raise wrong
    try:
        when = datetime.fromisoformat(text)
        when = when.replace(tzinfo=zone(tz)) if when.tzinfo is None else when
        unix = when.timestamp()
        if unix < 0 or when.year >= 2200:
            raise wrong
        return unix
    except (ValueError, OverflowError) as error:
        raise wrong from error


def span(start: str | None, end: str | None, resolution: int, last: int, tz: str) -> Window:
    """The slots from `start` to `end`; by default the day up to slot `last`.

    Raises:
        InputError: not times, the wrong way round, or more than 400 days.
    """
    per_day = slots_per_day(resolution)
    upto = last if end is None else -int(-moment(end, "to", tz) // resolution)
    first = max(0, upto - per_day) if start is None else int(moment(start, "from", tz) // resolution)
    if not first <= upto or upto - first > MOST_DAYS * per_day:
        raise InputError("the span does not fit", where="from, to", fix=f"0 to {MOST_DAYS} days, from before to")
    return Window(first, upto, resolution)


def iso(slot: int, resolution: int) -> str:
    """The start of a slot, UTC.

    >>> iso(0, 900)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(slot * resolution, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_at(unix: float) -> str:
    """A moment, UTC, to the second."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def period_name(window: Window, tz: str) -> str:
    """A billing period's name in addresses: its first local day."""
    return window.start_time.astimezone(zone(tz)).date().isoformat()


def period_of(name: str, windows: Sequence[Window], tz: str) -> Window:
    """The billing period of a name.

    Raises:
        NotFoundError: no books are registered for such a period.
    """
    try:
        known = {period_name(window, tz): window for window in windows}
        return known[date.fromisoformat(name).isoformat()]
    except (KeyError, ValueError) as error:
        raise NotFoundError(
            "there is no such billing period", where="period", fix="known: " + (", ".join(sorted(known)) or "none")
        ) from error
