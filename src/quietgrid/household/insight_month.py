"""One month of the home in a few numbers, computed at home from its own readings: what a comparison starts from.

Pure: arrays in, integers out. Gaps are filled with the mean of the same hour of the same kind of day, up to a tenth of
the month; what was filled is said. Privacy: everything here is the home's own and stays in its process, unless its
people send it encrypted (`household.insight_sealed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.weights import local_hours
from quietgrid.errors import InputError, NotFoundError
from quietgrid.model.interval import Window, local_days, local_window

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
MOST_MISSING_PERCENT = 10
"""With more of a month missing nothing is compared."""
EVENING = range(17, 22)
NIGHT = range(0, 6)
SATURDAY = 5
HOURS = 24
LOWEST = 10
"""The base load is the mean of the lowest tenth of all hours."""


@dataclass(frozen=True)
class OwnMonth:
    """A home's month.

    Args:
        window: The month. energy_wh: drawn from the grid, gaps filled. filled_wh: the part of it that was filled in.
        missing: Intervals without a reading. hours_wh: int64 [24], mean of each local hour. days: local dates.
        days_wh: int64 [days]. base_w: mean power of the lowest tenth of the hours. peak_w: of the highest hour.
        evening_wh, night_wh: drawn between 17:00 and 22:00, 00:00 and 06:00. weekday_wh, weekend_wh: mean of a day.
        wh_per_degree_day: how much more a day takes for one degree-day more; None where no weather is known.
        degree_days: tenths, of the month; None where no weather is known.
    """

    window: Window
    energy_wh: int
    filled_wh: int
    missing: int
    hours_wh: Ints
    days: tuple[date, ...]
    days_wh: Ints
    base_w: int
    peak_w: int
    evening_wh: int
    night_wh: int
    weekday_wh: int
    weekend_wh: int
    wh_per_degree_day: int | None = None
    degree_days: int | None = None

    @property
    def daily_wh(self) -> int:
        """Mean of a day."""
        return self.energy_wh // len(self.days)


def month_of(imported_wh: Ints, present: Bools, window: Window, tz: str, warmth: Sequence[int] = ()) -> OwnMonth:
    """The numbers of one month.

    Args:
        imported_wh: int64 [t], 0 where not `present`. present: bool [t]. window: t intervals of whole local days.
        warmth: degree-days of each local day, tenths; empty where no weather is known.

    Raises:
        NotFoundError: more than a tenth of the month is missing. InputError: another number of days of weather.
    """
    missing = int((~present).sum())
    if not len(window) or missing * 100 > MOST_MISSING_PERCENT * len(window):
        raise NotFoundError(
            f"{missing} of {len(window)} intervals of this month are missing", where="own readings",
            fix=f"a month is compared once at most {MOST_MISSING_PERCENT} % are missing",
        )  # fmt: skip
    days = tuple(local_days(window, tz))
    if warmth and len(warmth) != len(days):
        raise InputError("the weather has another number of days", where="degree-days", fix="give one a local day")
    week = local_hours(window, tz)
    energy = _filled(imported_wh, present, week)
    hour = week % HOURS
    per = 3600 // window.resolution
    per_hour = energy[: len(energy) // per * per].reshape(-1, per).sum(axis=1)
    days_wh = _by_day(energy, window, days, tz)
    weekend = np.array([day.weekday() >= SATURDAY for day in days])
    return OwnMonth(
        window, int(energy.sum()), int(energy[~present].sum()), missing, _hours(energy, hour, window.resolution), days,
        days_wh, _base_w(per_hour), int(per_hour.max()),
        int(energy[np.isin(hour, EVENING)].sum()), int(energy[np.isin(hour, NIGHT)].sum()),
        _mean(days_wh[~weekend]), _mean(days_wh[weekend]),
        _slope(days_wh, np.array(warmth, np.int64)) if warmth else None, sum(warmth) if warmth else None,
    )  # fmt: skip


def _filled(imported_wh: Ints, present: Bools, week: Ints) -> Ints:
    """Gaps as the mean of the same hour on the same kind of day, else of that hour, else of all."""
    kind = week % HOURS + HOURS * (week // HOURS >= SATURDAY)
    out = np.where(present, imported_wh, 0).astype(np.int64)
    for index in np.flatnonzero(~present):
        alike = (
            present & (kind == kind[index]),
            present & (week % HOURS == week[index] % HOURS),
            present,
        )
        out[index] = _mean(imported_wh[next(rows for rows in alike if rows.any())])
    return out


def _hours(energy: Ints, hour: Ints, resolution: int) -> Ints:
    """Mean Wh of each local hour: of a day of 23 or 25 hours as of any other."""
    per_hour = 3600 // resolution
    return np.array([energy[hour == h].sum() * per_hour // max(1, int((hour == h).sum())) for h in range(HOURS)])


def _by_day(energy: Ints, window: Window, days: Sequence[date], tz: str) -> Ints:
    bounds = [local_window(day, date.fromordinal(day.toordinal() + 1), tz, window.resolution) for day in days]
    return np.array([energy[b.first - window.first : b.end - window.first].sum() for b in bounds], np.int64)


def _base_w(hours_wh: Ints) -> int:
    return _mean(np.sort(hours_wh)[: max(1, len(hours_wh) // LOWEST)])


def _mean(values: Ints) -> int:
    return int(values.sum()) // len(values) if len(values) else 0


def _slope(days_wh: Ints, warmth: Ints) -> int:
    """Least squares, Wh a degree-day, in whole numbers; 0 where all days were alike or it falls with the cold."""
    n, x, y = len(days_wh), warmth.tolist(), days_wh.tolist()
    spread = n * sum(v * v for v in x) - sum(x) ** 2
    shared = n * sum(a * b for a, b in zip(x, y, strict=True)) - sum(x) * sum(y)
    return max(0, 10 * shared // spread) if spread else 0
