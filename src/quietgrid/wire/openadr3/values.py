"""The small values of OpenADR 3: ids, names, moments, durations; and when an event is over.

Source: OpenADR 3.1.1 (OpenAPI file, Definition, User Guide); RFC 3339; ISO 8601 durations with the file's own pattern.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

NOW = frozenset({"0001-01-01", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z"})
"""Starts that mean "now"."""
FOREVER_Y = 9999
_DATE_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DURATION = (
    r"^(-?)P(?=[0-9]|T[0-9])(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)([DW]))?"
    r"(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+(?:\.[0-9]+)?)S)?)?\Z"
)
_SPAN = re.compile(_DURATION)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x20\x7f]+")

ObjectID = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[a-zA-Z0-9_-]+\Z")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[^\x00]*\Z")]
"""What people call something. NUL is in no name: PostgreSQL cannot keep it."""
Uri = Annotated[str, msgspec.Meta(min_length=2, max_length=8000, extra_json_schema={"format": "uri"})]
Stamp = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
Duration = Annotated[str, msgspec.Meta(pattern=_DURATION, max_length=128)]
Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]


def moment(text: str) -> datetime | None:
    """A moment of an `intervalPeriod`; None for "now".

    Raises:
        ValueError: it is neither RFC 3339 nor one of the spellings of "now".

    >>> moment("2026-11-22T18:00:00+01:00").isoformat(), moment("0001-01-01")
    ('2026-11-22T17:00:00+00:00', None)
    """
    if text in NOW:
        return None
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        raise ValueError("a moment is written as in RFC 3339: 2026-11-22T17:00:00Z")
    whole = f"{text[:10]}T{text[11:17]}{min(int(found[6]), 59):02d}"  # a leap second is the one before it
    micro = round(float(found[7] or 0) * 1e6)
    zone = "+00:00" if found[8] in "Zz" else found[8]
    if int(found[6]) > 60:
        raise ValueError("a minute has at most 60 seconds")
    try:
        return (datetime.fromisoformat(whole + zone) + timedelta(microseconds=micro)).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("this moment is outside the calendar") from error


def written(at: float) -> str:
    """Unix seconds as RFC 3339, UTC.

    >>> written(0.5)
    '1970-01-01T00:00:00.500Z'
    """
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def after(start: datetime, duration: str) -> datetime | None:
    """`start` plus a duration, by the calendar; None where that is beyond the calendar ("P9999Y").

    >>> after(datetime(2024, 1, 31, tzinfo=UTC), "P1M").isoformat()
    '2024-02-29T00:00:00+00:00'
    >>> after(datetime(2024, 1, 31, tzinfo=UTC), "P9999Y") is None
    True
    """
    found = _SPAN.match(duration)
    if found is None:
        raise ValueError("a duration is written as in ISO 8601: PT1H")
    sign = -1 if found[1] else 1
    years, months = int(found[2] or 0), int(found[3] or 0)
    days = int(found[4] or 0) * (7 if found[5] == "W" else 1)
    seconds = int(found[6] or 0) * 3600 + int(found[7] or 0) * 60 + float(found[8] or 0)
    try:
        month = start.year * 12 + start.month - 1 + sign * (12 * years + months)
        year, month = divmod(month, 12)
        if not 1 <= year < FOREVER_Y:
            return None
        day = min(start.day, calendar.monthrange(year, month + 1)[1])
        return start.replace(year=year, month=month + 1, day=day) + sign * timedelta(days=days, seconds=seconds)
    except OverflowError:
        return None


def check_uri(text: str) -> str:
    """An absolute URI.

    Raises:
        ValueError: it is none.
    """
    if not _URI.fullmatch(text):
        raise ValueError("an address is an absolute URI: https://host/path")
    try:
        urlsplit(text)
    except ValueError as error:
        raise ValueError("an address is an absolute URI: https://host/path") from error
    return text
