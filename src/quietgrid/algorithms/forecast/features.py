"""What a forecast of an interval may look at: lags, levels, the calendar, the weather; nothing later than its issue.

A row is a pair (origin, target): the first interval that had not ended when the forecast is issued, and the interval it
is about. Every lag at or after the origin is missing, and weather counts only if it was known by the origin; so the
same function makes the rows a model learns from and those it answers, and cannot tell it anything it could not know.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np

from quietgrid.algorithms.calendar import Calendar
from quietgrid.model.forecast import Floats, History, Ints, Weather
from quietgrid.model.interval import DAY_S, Window, slots_per_day, zone

LAG_DAYS = (1, 2, 3, 4, 5, 6, 7, 8, 14, 21, 28)
ALIKE_DAYS, ALIKE_BACK = 4, 21
"""The mean of the last four days of the same kind, at most three weeks back."""


def features(history: History, calendar: Calendar, origins: Ints, targets: Ints) -> Floats:
    """One row a pair of origin and target.

    Args:
        history: Totals and weather. origins, targets: int64 [r], absolute slots, origin <= target.

    Returns:
        float64 [r, f], NaN where something is not known.

    Privacy: group totals and public data. Cost: 60 ms for 10,000 rows.
    """
    table = _Totals(history)
    per_day = slots_per_day(history.window.resolution)
    hour = per_day // 24
    days = calendar_columns(Window(int(origins.min()) - (ALIKE_BACK + 1) * per_day, int(targets.max()) + 1,
                                   history.window.resolution), calendar)  # fmt: skip
    base = int(origins.min()) - (ALIKE_BACK + 1) * per_day
    lags = {back: table.at(targets - back * per_day, origins) for back in LAG_DAYS}
    columns = [
        (targets - origins).astype(np.float64),
        *lags.values(),
        _mean([lags[back] for back in range(1, 8)]),
        _mean([lags[back] for back in (7, 14, 21, 28)]),
        _mean([lags[back] for back in (1, 2, 3)]),
        table.mean(origins - per_day, origins, origins),
        table.mean(origins - 7 * per_day, origins, origins),
        table.mean(origins - hour, origins, origins),
        table.mean(origins - 4 * hour, origins, origins),
        table.mean(origins - per_day, origins, origins)
        - table.mean(origins - 8 * per_day, origins - 7 * per_day, origins),
        table.at(origins - 1, origins),
        *(
            table.mean(targets - back * per_day - hour, targets - back * per_day + hour + 1, origins)
            for back in (7, 1, 2)
        ),
        _alike(table, days[:, 2], origins, targets, (base, per_day)),
        *days[targets - base].T.astype(np.float64),
    ]
    if history.weather is not None:
        columns += _weather(history.weather, origins, targets, per_day)
    return np.stack(columns, axis=1)


class _Totals:
    """Totals with running sums."""

    def __init__(self, history: History) -> None:
        self.first, self.size = history.window.first, len(history.window)
        self.values = np.where(history.known, history.energy_wh.astype(np.float64), np.nan)
        self.sums = np.concatenate([[0.0], np.cumsum(np.where(history.known, self.values, 0.0))])
        self.counts = np.concatenate([[0], np.cumsum(history.known)])

    def at(self, slots: Ints, origins: Ints) -> Floats:
        """The totals of intervals that had ended by the origins, NaN for others."""
        place = slots - self.first
        good = (place >= 0) & (place < self.size) & (slots < origins)
        return (
            np.where(good, self.values[np.where(good, place, 0)], np.nan) if self.size else np.full(len(slots), np.nan)
        )

    def mean(self, low: Ints, high: Ints, origins: Ints) -> Floats:
        """The mean of known totals in ``[low, high)`` that had ended by the origins, NaN without any."""
        end = np.clip(np.minimum(high, origins) - self.first, 0, self.size)
        start = np.minimum(np.clip(low - self.first, 0, self.size), end)
        count = self.counts[end] - self.counts[start]
        return np.asarray(np.where(count > 0, (self.sums[end] - self.sums[start]) / np.maximum(count, 1), np.nan))


def _mean(columns: list[Floats]) -> Floats:
    """The mean of what is not NaN, row by row."""
    stacked = np.stack(columns)
    known = ~np.isnan(stacked)
    count = known.sum(axis=0)
    return np.asarray(np.where(count > 0, np.where(known, stacked, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan))


def _alike(table: _Totals, kinds: Ints, origins: Ints, targets: Ints, grid: tuple[int, int]) -> Floats:
    """The mean at the same time on the last days of the same kind."""
    base, per_day = grid
    total, count = np.zeros(len(targets)), np.zeros(len(targets), np.int64)
    wanted = kinds[targets - base]
    for back in range(1, ALIKE_BACK + 1):
        slots = targets - back * per_day
        value = table.at(slots, origins)
        use = (kinds[slots - base] == wanted) & ~np.isnan(value) & (count < ALIKE_DAYS)
        total += np.where(use, value, 0.0)
        count += use
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _weather(weather: Weather, origins: Ints, targets: Ints, per_day: int) -> list[Floats]:
    """Five columns of each quantity: now, mean of a day and of three hours, change over a week and a day."""
    first, size = weather.window.first, len(weather.window)
    place = np.clip(targets - first, 0, size - 1)
    known_at = np.maximum.accumulate(weather.known_at)
    inside = (targets >= first) & (targets < first + size)
    told = inside & (known_at[place] <= origins * weather.window.resolution)
    out = []
    for values in weather.values:
        given = ~np.isnan(values)
        sums = np.concatenate([[0.0], np.cumsum(np.where(given, values, 0.0))])
        counts = np.concatenate([[0], np.cumsum(given)])

        def mean(length: int, sums: Floats = sums, counts: Ints = counts) -> Floats:
            start = np.maximum(place + 1 - length, 0)
            count = counts[place + 1] - counts[start]
            return np.asarray(np.where(count > 0, (sums[place + 1] - sums[start]) / np.maximum(count, 1), np.nan))

        now = values[place]
        columns = [now, mean(per_day), mean(per_day // 8)]
        columns += [now - values[np.maximum(place - back * per_day, 0)] for back in (7, 1)]
        out += [np.asarray(np.where(told, column, np.nan)) for column in columns]
    return out


def calendar_columns(window: Window, calendar: Calendar) -> Ints:
    """int64 [t, 6]: minute of the local day, weekday, kind, day before free, day after free, end of the year.

    Kind is 0 for a working day, 1 for a Saturday, 2 for a Sunday or holiday.
    """
    per_day = slots_per_day(window.resolution)
    first, last = window.first // per_day, -(-window.end // per_day)
    whole = np.concatenate([_of_day(day, window.resolution, calendar) for day in range(first, last)])
    return whole[window.first - first * per_day : window.end - first * per_day]


@lru_cache(maxsize=4096)
def _of_day(day: int, resolution: int, calendar: Calendar) -> Ints:
    """The columns of one UTC day."""
    where, starts = zone(calendar.tz), np.arange(slots_per_day(resolution), dtype=np.int64) * resolution
    ends = [datetime.fromtimestamp(day * DAY_S + s, UTC).astimezone(where).utcoffset() for s in (0, DAY_S)]
    if ends[0] == ends[1]:
        offset = np.full(len(starts), int((ends[0] or timedelta()).total_seconds()))
    else:
        each = [datetime.fromtimestamp(day * DAY_S + s, UTC).astimezone(where) for s in starts.tolist()]
        offset = np.array([int((one.utcoffset() or timedelta()).total_seconds()) for one in each])
    local = starts + offset + day * DAY_S
    out = np.empty((len(starts), 6), np.int64)
    out[:, 0] = local % DAY_S // 60
    for here in np.unique(local // DAY_S).tolist():
        out[local // DAY_S == here, 1:] = _of_date(here, calendar)
    out.setflags(write=False)
    return out


def _of_date(day: int, calendar: Calendar) -> list[int]:
    date = datetime.fromtimestamp(day * DAY_S, UTC).date()
    weekday, holiday = date.weekday(), calendar.holiday(date)
    festive = (date.month, date.day) in {(1, 1), *((12, n) for n in range(24, 32))}
    free = [not calendar.working(date + timedelta(step)) for step in (-1, 1)]
    return [weekday, 2 if holiday or weekday == 6 else int(weekday == 5), int(free[0]), int(free[1]), int(festive)]
