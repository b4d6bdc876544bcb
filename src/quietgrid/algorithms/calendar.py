"""Local days: which intervals they hold, which are working days, and the public holidays of a region.

Holidays are computed from rules (Easter, Mondays, fixed dates, days that were proclaimed), so that a community does not
wait for a new list each year; a region's rule pack may give its own set instead.

Sources: Banking and Financial Dealings Act 1971, schedule 1, and the proclamations listed here (England and Wales);
the Länder's laws as far as all sixteen agree, and Einigungsvertrag art. 2(2) (Germany); Algemene termijnenwet art. 3
(Netherlands); Easter by Butcher's algorithm (Meeus, Astronomical Algorithms, ch. 8).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError
from quietgrid.model.interval import Window, zone

Ints = NDArray[np.int64]
_SATURDAY = 5
_GB_MORE = {
    date(2011, 4, 29): "Royal wedding", date(2012, 6, 5): "Diamond Jubilee", date(2022, 6, 3): "Platinum Jubilee",
    date(2022, 9, 19): "State funeral", date(2023, 5, 8): "Coronation",
}  # fmt: skip
_GB_MOVED = {2012: ("late May", date(2012, 6, 4)), 2022: ("late May", date(2022, 6, 2)),
             2020: ("early May", date(2020, 5, 8))}  # fmt: skip
REGIONS = ("GB", "DE", "NL")


@lru_cache(maxsize=512)
def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar.

    >>> easter(2013).isoformat(), easter(2026).isoformat()
    ('2013-03-31', '2026-04-05')
    """
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    shift = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * shift) // 451
    month, day = divmod(h + shift - 7 * m + 114, 31)
    return date(year, month, day + 1)


@lru_cache(maxsize=512)
def holidays(region: str, year: int) -> dict[date, str]:
    """Public holidays of a year: date -> name.

    Args:
        region: ``GB`` (England and Wales), ``DE`` (what all Länder keep), ``NL``.

    Raises:
        InputError: there is no rule for this region.

    >>> [day.isoformat() for day, name in holidays("GB", 2013).items() if "May" in name]
    ['2013-05-06', '2013-05-27']
    >>> holidays("DE", 2026)[date(2026, 10, 3)]
    'German Unity'
    """
    sunday = easter(year)
    if region == "DE":
        moving = {-2: "Good Friday", 1: "Easter Monday", 39: "Ascension", 50: "Whit Monday"}
        fixed = {(1, 1): "New Year", (5, 1): "Labour Day", (10, 3): "German Unity", (12, 25): "Christmas",
                 (12, 26): "Second day of Christmas"}  # fmt: skip
    elif region == "NL":
        moving = {1: "Easter Monday", 39: "Ascension", 50: "Whit Monday"}
        king = 27 if date(year, 4, 27).weekday() != _SATURDAY + 1 else 26
        fixed = {(1, 1): "New Year", (4, king): "King's Day", (5, 5): "Liberation", (12, 25): "Christmas",
                 (12, 26): "Second day of Christmas"}  # fmt: skip
    elif region == "GB":
        return _gb(year, sunday)
    else:
        raise InputError(f"no holidays are known for {region[:8]!r}", where="holidays", fix="one of: GB, DE, NL")
    found = {sunday + timedelta(days): name for days, name in moving.items()}
    found |= {date(year, month, day): name for (month, day), name in fixed.items()}
    return dict(sorted(found.items()))


def _gb(year: int, sunday: date) -> dict[date, str]:
    def monday(month: int, last: bool) -> date:
        first = date(year, month, 31 if last else 1)
        return first - timedelta(first.weekday()) if last else first + timedelta(-first.weekday() % 7)

    new_year, christmas = date(year, 1, 1), date(year, 12, 25)
    found = {new_year + timedelta((7 - new_year.weekday()) if new_year.weekday() >= _SATURDAY else 0): "New Year"}
    found |= {sunday - timedelta(2): "Good Friday", sunday + timedelta(1): "Easter Monday"}
    found |= {monday(5, False): "early May", monday(5, True): "late May", monday(8, True): "Summer"}
    if year in _GB_MOVED:
        name, day = _GB_MOVED[year]
        found = {kept: called for kept, called in found.items() if called != name} | {day: name}
    two = {4: (0, 3), 5: (2, 3), 6: (2, 1)}.get(christmas.weekday(), (0, 1))
    found |= {christmas + timedelta(two[0]): "Christmas", christmas + timedelta(two[1]): "Boxing Day"}
    found |= {day: name for day, name in _GB_MORE.items() if day.year == year}
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Calendar:
    """Local days of a place.

    Args:
        tz: IANA name. region: of `holidays`; empty for none. also: holidays besides, of a rule pack.
    """

    tz: str
    region: str = ""
    also: frozenset[date] = field(default_factory=frozenset)

    def holiday(self, day: date) -> bool:
        """Whether a date is a public holiday here."""
        return day in self.also or bool(self.region and day in holidays(self.region, day.year))

    def working(self, day: date) -> bool:
        """Monday to Friday and no holiday.

        >>> here = Calendar("Europe/London", "GB")
        >>> [here.working(date(2013, 5, day)) for day in (3, 4, 6)]
        [True, False, False]
        """
        return day.weekday() < _SATURDAY and not self.holiday(day)

    def day_of(self, slot: int, resolution: int) -> date:
        """The local date in which an interval starts."""
        return self._local(slot * resolution).date()

    def same_time(self, window: Window, days: int) -> Ints | None:
        """The intervals at the same local times `days` local days later (earlier if negative).

        Returns:
            int64 [t] absolute slots; None where a local time does not exist, or comes twice, on that day or this one.
        """
        if not days:
            return np.arange(window.first, window.end, dtype=np.int64)
        where, out = zone(self.tz), np.empty(len(window), np.int64)
        for place, slot in enumerate(range(window.first, window.end)):
            here = self._local(slot * window.resolution)
            there = (here.replace(tzinfo=None) + timedelta(days)).replace(tzinfo=where)
            unix = int(there.timestamp())
            if here.utcoffset() != here.replace(fold=1 - here.fold).utcoffset() or (
                there.utcoffset() != there.replace(fold=1).utcoffset()
            ):
                return None
            out[place] = unix // window.resolution
        return out

    def _local(self, unix: int) -> datetime:
        return datetime.fromtimestamp(unix, UTC).astimezone(zone(self.tz))
