"""The mean home's day and degree-days: of enough homes and a known weather, or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import numpy as np

from quietgrid.insight import degree_days, imports_of, mean_day
from quietgrid.model.interval import local_window, zone
from quietgrid.model.question import Quantity
from quietgrid.model.total import Status, Total

TZ = "Europe/Berlin"
MONTH = local_window(date(2016, 3, 1), date(2016, 4, 1), TZ, 900)
"""With a day of 23 hours."""


def total(wh: int, homes: int, node: str = "a") -> Total:
    n = len(MONTH)
    return Total(
        node, Quantity.IMPORT, MONTH, np.full(n, wh * homes, np.int64), np.full(n, homes, np.int32), homes,
        np.ones(n, np.bool_), Status.CONFIRMED,
    )  # fmt: skip


def test_groups_are_weighed_by_their_homes() -> None:
    profile, homes = mean_day([total(100, 90), total(40, 30, "b")], MONTH, TZ, 100)
    assert profile == [4 * (100 * 90 + 40 * 30) // 120] * 24
    assert homes == 120


def test_intervals_of_too_few_homes_do_not_count() -> None:
    a, b = total(100, 90), total(40, 30, "b")
    b.answered[::4] = False  # the other three quarters still say what the hour takes
    profile, homes = mean_day([a, b], MONTH, TZ, 100)
    assert (profile, homes) == ([4 * (100 * 90 + 40 * 30) // 120] * 24, 120)
    b.answered[1::4] = False
    b.answered[2::4] = False
    assert mean_day([a, b], MONTH, TZ, 100) == ([], 0)
    assert mean_day([a], MONTH, TZ, 100) == ([], 0)
    assert mean_day([], MONTH, TZ, 100) == ([], 0)


def test_the_hours_are_local_on_both_sides_of_the_change() -> None:
    evening = total(0, 120)
    starts = [MONTH.start_time.timestamp() + 900 * at for at in range(len(MONTH))]
    hours = np.array([datetime.fromtimestamp(unix, zone(TZ)).hour for unix in starts])
    evening.energy_wh[hours == 19] = 120 * 250
    profile, _ = mean_day([evening], MONTH, TZ, 100)
    assert profile == [1000 if hour == 19 else 0 for hour in range(24)]


def hourly(milli: int) -> list[tuple[int, int]]:
    return [(at * 900, milli) for at in range(MONTH.first, MONTH.end, 4)]


def test_degree_days() -> None:
    assert degree_days(hourly(5_000), MONTH, TZ) == [100] * 31
    assert degree_days(hourly(15_001), MONTH, TZ) == [0] * 31
    assert degree_days([], MONTH, TZ) == []
    assert degree_days(hourly(5_000)[:-5], MONTH, TZ) == []  # the last day is known for 19 hours
    assert len(degree_days(hourly(5_000)[:-4], MONTH, TZ)) == 31


def test_groups_of_which_only_the_net_opens_are_added_with_their_unions_export() -> None:
    nets = [total(70, 30, "b"), total(10, 40, "c")]  # import less export
    union = replace(total(50, 16, "union"), quantity=Quantity.EXPORT)
    union.answered[7] = nets[1].answered[8] = False
    both = imports_of(nets, union)
    assert both.energy_wh[0] == 70 * 30 + 10 * 40 + 50 * 16
    assert (both.homes[0], both.members, both.quantity) == (70, 70, Quantity.IMPORT)
    assert np.flatnonzero(~both.answered).tolist() == [7, 8]
    assert (nets[0].energy_wh[0], union.energy_wh[0]) == (2_100, 800)  # what was opened stays as it was
