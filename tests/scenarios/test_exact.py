"""Totals equal the plain sums exactly and bills the plain bills to the micro-unit, through the whole pipeline.

What equals what
- A total is the sum of the cells that arrived before its close, at every interval with at least 15 such homes.
- A bill is the plain bill of the cells in time and of the late ones that were taken in (a band's late cells are, once
  15 homes of the leaf have some); what never came, or still waits, is estimated: the home's mean of the band.
- Late energy of a real-time tariff is the late cells' share of the band sum, at the band's mean price (nobody sees
  late cells apart); energy stays exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from quietgrid import demo
from quietgrid.billing.bill import LineKind
from quietgrid.meter import SealedFrame
from quietgrid.model.interval import Window, local_window, month_window
from quietgrid.model.readings import Readings
from quietgrid.wire.frame import parse_head
from quietgrid.wire.series import Series
from tests.scenarios.town import BEHIND, KINDS, TIMELY, Town, residents, tariffs_for

LONDON, BERLIN = "Europe/London", "Europe/Berlin"


def rows_of(readings: Readings, rows: list[int]) -> Readings:
    return Readings(
        readings.meters[rows], readings.window, readings.imported_wh[rows], readings.exported_wh[rows],
        readings.present[rows],
    )  # fmt: skip


def sample_town(folder: Path, periods: list[Window], homes: list[int]) -> Town:
    """Homes of the project's sample, tariffs in turn."""
    window = Window(periods[0].first, periods[-1].end, 900)
    found = demo.load(max(homes) + 1, window)
    chosen = [found.homes[row] for row in homes]
    readings = rows_of(found.readings, homes)
    people = residents(
        readings, [KINDS[at % 4] for at in range(len(homes))], [h.feeder for h in chosen],
        [h.registers for h in chosen],
    )  # fmt: skip
    return Town(folder, readings, people, tariffs_for(BERLIN, "EUR"), periods, demo.prices(window))


def london_town(folder: Path, series: Series, periods: list[Window], homes: int) -> Town:
    """The complete homes of the London trial in sections of 30, tariffs in turn."""
    window = Window(periods[0].first, periods[-1].end, 1800)
    readings = rows_of(series.readings.cut(window), list(range(homes)))
    assert readings.window == window
    people = residents(
        readings, [KINDS[row % 4] for row in range(homes)], [f"Section {row // 30}" for row in range(homes)]
    )
    hours = np.arange(len(window)) % 48 / 2
    swing = np.random.default_rng(1).integers(0, 90_000, len(window))
    prices = ((50_000 + 900 * (hours - 12) ** 2).astype(np.int64) + swing) // 100 * 100
    tariffs = [replace(t, vat_bp=500) for t in tariffs_for(LONDON, "GBP")]
    return Town(folder, readings, people, tariffs, periods, prices)


@pytest.fixture
def towns() -> Iterator[list[Town]]:
    made: list[Town] = []
    yield made
    for town in made:
        town.close()


@pytest.mark.slow
@pytest.mark.parametrize("month", [3, 10])
def test_sample_month_with_a_time_change_complete(tmp_path: Path, month: int, towns: list[Town]) -> None:
    period = month_window(2016, month, BERLIN, 900)
    town = sample_town(tmp_path, [period], list(range(60)))
    towns.append(town)
    town.live(period, town.gaps(period, 0, 0, 0))
    assert town.check_totals(period) >= 3 * len(period)
    run = town.bill(period)
    assert (run.estimated, run.late_cells) == (0, 0)
    bills = town.check_bills(period)
    assert any(line.kind is LineKind.EXPORT and line.amount_micro < 0 for bill in bills for line in bill.lines)


def test_sample_month_with_missing_and_late_readings(tmp_path: Path, towns: list[Town]) -> None:
    """One section of 30 homes, 20 of them with PV, in the month in which summer time ends."""
    period = month_window(2016, 10, BERLIN, 900)
    homes = [at for at, h in enumerate(demo.load(120, Window(period.first, period.first + 4, 900)).homes)
             if h.feeder == "Orchard Hill"]  # fmt: skip
    town = sample_town(tmp_path, [period], homes)
    towns.append(town)
    town.live(period, town.gaps(period, 0.02, 0.02, 7))
    assert town.check_totals(period) > len(period)
    run = town.bill(period)
    assert run.estimated == 30
    assert run.late_cells > 0.015 * 30 * len(period)
    bills = town.check_bills(period)
    assert any(line.estimated for bill in bills for line in bill.lines)
    assert any(line.kind is LineKind.BAND_MEAN and not line.estimated for bill in bills for line in bill.lines)
    again = town.community.periods.run(period)
    assert again.bills == 30
    town.check_bills(period)


@pytest.mark.slow
def test_export_of_a_few_waits_while_import_enters(tmp_path: Path, towns: list[Town]) -> None:
    """A section with fewer than 15 exporters: late export can never hide among 15, so it stays estimated."""
    period = month_window(2016, 6, BERLIN, 900)
    homes = [at for at, h in enumerate(demo.load(120, Window(period.first, period.first + 4, 900)).homes)
             if h.feeder == "Mill Lane"]  # fmt: skip
    town = sample_town(tmp_path, [period], homes)
    towns.append(town)
    exporters = sum(r.registers >> 1 for r in town.people)
    assert 0 < exporters < 15
    town.live(period, town.gaps(period, 0.02, 0.02, 3))
    town.check_totals(period)
    town.bill(period)
    town.check_bills(period, waiting=False, export_waits=True)


def test_london_march_with_missing_and_late_readings(tmp_path: Path, lcl: Series, towns: list[Town]) -> None:
    period = month_window(2013, 3, LONDON, 1800)
    assert len(period) == 31 * 48 - 2
    town = london_town(tmp_path, lcl, [period], 30)
    towns.append(town)
    town.live(period, town.gaps(period, 0.02, 0.02, 3))
    assert town.check_totals(period) == len(period)
    assert town.bill(period).late_cells > 0
    town.check_bills(period)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("missing", "late"), [(0.0, 0.0), (0.02, 0.02)])
def test_every_london_home_and_month(
    tmp_path: Path, lcl: Series, towns: list[Town], missing: float, late: float
) -> None:
    """The 90 complete homes of 2013, all months: every feeder total, every bill."""
    periods = [month_window(2013, month, LONDON, 1800) for month in range(1, 13)]
    town = london_town(tmp_path, lcl, periods, 90)
    towns.append(town)
    for number, period in enumerate(periods):
        town.live(period, town.gaps(period, missing, late, number))
        assert town.check_totals(period) == 3 * len(period)
        run = town.bill(period)
        assert (run.late_cells > 0) == (late > 0)
        town.check_bills(period)


# -- one late home -------------------------------------------------------------------------------------------------


def four_weeks(number: int) -> Window:
    first = date(2016, 6, 1).toordinal() + 28 * number
    return local_window(date.fromordinal(first), date.fromordinal(first + 28), BERLIN, 900)


def plain_homes(count: int) -> list[int]:
    """Homes of one section without PV, then from the next: they import only."""
    found = demo.load(120, Window(four_weeks(0).first, four_weeks(0).first + 4, 900)).homes
    return [at for at, h in enumerate(found) if h.registers == 1 and h.connection_w < 20_000][:count]


def small_town(folder: Path, periods: list[Window], homes: int = 20) -> Town:
    """Homes that import only, in one section."""
    town_rows = plain_homes(homes)
    window = Window(periods[0].first, periods[-1].end, 900)
    readings = rows_of(demo.load(120, window).readings, town_rows)
    people = residents(readings, [KINDS[at % 4] for at in range(homes)], ["Section"] * homes)
    return Town(folder, readings, people, tariffs_for(BERLIN, "EUR"), periods, demo.prices(window))


def evening(period: Window, day: int, count: int) -> list[int]:
    """Columns of `count` intervals from 17:00 local (summer time) on a day of a period."""
    return [day * 96 + 17 * 4 + n for n in range(count)]


def min_day(frames: list[SealedFrame]) -> int:
    return min(parse_head(sent.frame).day for sent in frames)


def true_ups(town: Town, row: int, period: Window) -> tuple[int, int]:
    """(Wh, millionths before VAT) of the true-ups on a bill; a surcharge is on energy that another line has already."""
    lines = [line for line in town.bill_of(row, period).lines if line.kind is LineKind.TRUE_UP]
    tariff = town.tariffs[town.people[row].party.tariff]
    surcharges = {band.name for band in tariff.bands} if tariff.feed else set()
    energy = sum(line.quantity for line in lines if line.name not in surcharges)
    return energy, sum(line.amount_micro for line in lines)


@pytest.mark.slow
def test_a_single_late_home_is_estimated_then_trued_up(tmp_path: Path, towns: list[Town]) -> None:
    first, second = four_weeks(0), four_weeks(1)
    town = small_town(tmp_path, [first, second])
    towns.append(town)
    state = town.gaps(first, 0, 0, 0)
    state[1, evening(first, 5, 3)] = BEHIND
    town.live(first, state)
    assert town.bill(first).late_cells == 0
    town.check_totals(first)
    town.check_bills(first, waiting=True)
    before = town.bill_of(1, first)
    assert before.estimated_wh > 0

    state = town.gaps(second, 0, 0, 0)
    for row in range(2, 16):
        state[row, evening(second, row, 2)] = BEHIND
    town.live(second, state)
    run = town.bill(second)
    assert run.late_cells == 3 + 14 * 2
    town.check_totals(second)
    for row in range(20):
        bill, plain = town.bill_of(row, second), town.plain(row, second)
        if row != 1:
            assert bill.total_micro == plain.total_micro
    quantity, amount = true_ups(town, 1, second)
    assert quantity == -before.estimated_wh
    assert amount == -sum(line.amount_micro for line in before.lines if line.estimated)
    after = town.bill_of(1, second)
    whole = sum(int(town.readings.cut(p).imported_wh[1].sum()) for p in (first, second))
    assert before.imported_wh + after.imported_wh + quantity == whole, "energy is conserved over both periods"
    late_wh = int(town.readings.cut(first).imported_wh[1, evening(first, 5, 3)].sum())
    assert after.imported_wh == int(town.readings.cut(second).imported_wh[1].sum()) + late_wh
    prompt = [town.plain(1, period) for period in (first, second)]
    paid, due = before.net_micro + after.net_micro, sum(sum(p.amounts.values()) for p in prompt)
    assert abs(paid - due) <= 2, "one tariff, one price: at most a rounding a bill and band apart"
    assert not any(line.kind is LineKind.TRUE_UP for row in (0, 2, 19) for line in town.bill_of(row, second).lines)


@pytest.mark.slow
def test_true_ups_over_several_periods_add_up_to_the_estimate(tmp_path: Path, towns: list[Town]) -> None:
    """Two late cells of eight homes: one enters a batch in the second period, one in the third."""
    periods = [four_weeks(number) for number in range(3)]
    town = small_town(tmp_path, periods)
    towns.append(town)
    slow = range(2, 10)
    town.stuck_pids = {town.people[row].pid for row in slow}
    state = town.gaps(periods[0], 0, 0, 0)
    for row in slow:
        state[row, [evening(periods[0], day, 1)[0] for day in (3, 7)]] = BEHIND
    town.live(periods[0], state)
    early = [frame for frame in town.stuck if parse_head(frame.frame).day == min_day(town.stuck)]
    assert (len(early), len(town.stuck)) == (8, 16)
    town.bill(periods[0])
    town.check_bills(periods[0], waiting=True)
    estimated = {row: town.bill_of(row, periods[0]).estimated_wh for row in slow}
    assert any(wh % 2 for wh in estimated.values()), "half of it is not whole"
    for number, period in enumerate(periods[1:]):
        state = town.gaps(period, 0, 0, 0)
        for row in range(10, 20):
            state[row, evening(period, row, 2)] = BEHIND
        town.live(period, state)
        town.community.send(early if number == 0 else [frame for frame in town.stuck if frame not in early])
        town.bill(period)
    for row in slow:
        back = [true_ups(town, row, period)[0] for period in periods[1:]]
        assert max(back) <= 0
        assert sum(back) == -estimated[row]
        whole = sum(int(town.readings.cut(p).imported_wh[row].sum()) for p in periods)
        assert sum(town.bill_of(row, p).imported_wh for p in periods) + sum(back) == whole


@pytest.mark.slow
def test_a_home_that_was_away_is_billed_when_its_numbers_may_open(tmp_path: Path, towns: list[Town]) -> None:
    """27 days delivered late at once: the home's own band sums rest on one day, so they do not open in the first
    period, and hide among those of fourteen neighbours, who get an estimate (rule `hide`); the others' bills are exact.
    The late cells are not lost, they enter the next batch, and the estimate for them is given back."""
    first, second = four_weeks(0), four_weeks(1)
    town = small_town(tmp_path, [first, second], 40)
    towns.append(town)
    state = town.gaps(first, 0, 0.05, 1)
    state[0] = TIMELY
    state[0, : 27 * 96] = BEHIND
    town.live(first, state)
    run = town.bill(first)
    assert run.late_cells > 0
    closed = {
        row for row in range(40) if all(f.intervals + f.late_intervals == 0 for f in town.bill_of(row, first).facts)
    }
    assert 0 in closed
    assert len(closed) == 15
    away = town.bill_of(0, first)
    assert away.estimated_wh == away.imported_wh > 0
    for row in set(range(40)) - closed:
        assert town.bill_of(row, first).total_micro == town.plain(row, first).total_micro

    town.live(second, town.gaps(second, 0, 0.05, 2))
    town.bill(second)
    quantity, _ = true_ups(town, 0, second)
    bill, readings = town.bill_of(0, second), town.readings
    came = int(readings.cut(first).imported_wh[0, : 27 * 96].sum())
    assert bill.imported_wh == int(readings.cut(second).imported_wh[0].sum()) + came
    left = away.estimated_wh + quantity
    assert abs(left - away.estimated_wh / 28) < 0.02 * away.estimated_wh, "the estimate of the one day stays"
