"""A home's month in a few numbers: the same as by plain loops over local time."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.errors import InputError, NotFoundError
from quietgrid.household.insight_month import month_of
from quietgrid.model.interval import month_window


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from([("Europe/Berlin", 900), ("Europe/London", 1800), ("Asia/Kolkata", 900), ("UTC", 900)]),
    st.integers(1, 12),
    st.integers(0, 2**32 - 1),
)
def test_equal_to_plain_loops(place: tuple[str, int], month: int, seed: int) -> None:
    tz, resolution = place
    window = month_window(2024, month, tz, resolution)
    energy = np.random.default_rng(seed).integers(0, 900, len(window))
    own = month_of(energy, np.ones(len(window), np.bool_), window, tz)
    by_hour, by_day = defaultdict(list), defaultdict(int)
    whole = defaultdict(int)
    for value, slot in zip(energy.tolist(), range(window.first, window.end), strict=True):
        local = datetime.fromtimestamp(slot * resolution, UTC).astimezone(ZoneInfo(tz))
        by_hour[local.hour].append(value)
        by_day[local.date()] += value
        whole[slot * resolution // 3600] += value
    per = 3600 // resolution
    assert own.energy_wh == sum(energy.tolist()) == sum(by_day.values())
    assert own.hours_wh.tolist() == [sum(by_hour[h]) * per // len(by_hour[h]) for h in range(24)]
    assert dict(zip(own.days, own.days_wh.tolist(), strict=True)) == by_day
    assert own.evening_wh == sum(sum(by_hour[h]) for h in range(17, 22))
    assert own.night_wh == sum(sum(by_hour[h]) for h in range(6))
    if tz != "Asia/Kolkata":  # there a local month begins within an hour of UTC
        low = sorted(whole.values())[: len(whole) // 10]
        assert own.base_w == sum(low) // len(low)
        assert own.peak_w == max(whole.values())
    weekend = [value for day, value in by_day.items() if day.weekday() >= 5]
    assert own.weekend_wh == sum(weekend) // len(weekend)
    assert (own.wh_per_degree_day, own.degree_days, own.missing, own.filled_wh) == (None, None, 0, 0)


def test_gaps_are_filled_by_the_same_hour_and_said() -> None:
    window = month_window(2024, 4, "Europe/Berlin", 900)
    energy = np.tile(np.repeat(np.arange(24) * 10, 4), 30)
    present = np.ones(len(window), np.bool_)
    present[96 * 3 : 96 * 5] = False
    own = month_of(np.where(present, energy, 0), present, window, "Europe/Berlin")
    assert (own.missing, own.energy_wh, own.filled_wh) == (192, int(energy.sum()), int(energy[: 2 * 96].sum()))
    present[: 96 * 2] = False
    with pytest.raises(NotFoundError, match="384 of 2880"):
        month_of(np.where(present, energy, 0), present, window, "Europe/Berlin")
    with pytest.raises(NotFoundError, match="0 of 0"):
        month_of(
            energy[:0],
            present[:0],
            month_window(2024, 4, "UTC", 900).intersect(month_window(2024, 5, "UTC", 900)),
            "UTC",
        )


def test_heating_is_what_the_cold_adds() -> None:
    window = month_window(2024, 1, "Europe/Berlin", 900)
    warmth = [10 * (day % 7) for day in range(31)]  # 0 to 6 degree-days, in tenths
    energy = np.repeat(np.array([9_600 + 70 * tenths for tenths in warmth]) // 96, 96)
    there = np.ones(len(window), np.bool_)
    own = month_of(energy, there, window, "Europe/Berlin", warmth)
    days = energy.reshape(31, 96).sum(axis=1)
    slope = np.polyfit(np.array(warmth) / 10, days, 1)[0]
    assert own.wh_per_degree_day == int(slope)
    assert own.degree_days == sum(warmth)
    assert month_of(energy, there, window, "Europe/Berlin", [5] * 31).wh_per_degree_day == 0  # nothing to tell apart
    assert (
        month_of(energy[::-1], there, window, "Europe/Berlin", [100 - w for w in warmth[::-1]]).wh_per_degree_day == 0
    )
    with pytest.raises(InputError):
        month_of(energy, there, window, "Europe/Berlin", warmth[1:])
    assert own.days[0] == date(2024, 1, 1)
