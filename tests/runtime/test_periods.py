"""Billing periods: nothing is bound too early, a batch is one for ever, what comes late waits its turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quietgrid.errors import InputError, NotFoundError, UnavailableError
from quietgrid.model.interval import Window
from tests.runtime.hamlet import PER_DAY, Hamlet, days

FIRST, SECOND = days(0, 28), days(28, 28)
HOME = 103


def live(town: Hamlet, window: Window, late: np.ndarray | None = None, gone: np.ndarray | None = None) -> None:
    """Measure and close a window, a week at a time (meters keep ten days of keys); late frames are held."""
    for first in range(window.first, window.end, 7 * PER_DAY):
        week = Window(first, min(window.end, first + 7 * PER_DAY), window.resolution)
        part = slice(week.first - window.first, week.end - window.first)
        readings = town.readings(week, None if gone is None else gone[:, part])
        town.community.measure(readings, None if late is None else late[:, part])
        town.community.settle()


def cells(window: Window, chosen: dict[int, list[int]]) -> np.ndarray:
    """bool [20, t] with some cells set: row -> columns."""
    out = np.zeros((20, len(window)), np.bool_)
    for row, columns in chosen.items():
        out[row, columns] = True
    return out


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hamlet]:
    """Two closed periods of which the first is billed; 16 homes late in the first, one of them after its batch."""
    town = Hamlet(tmp_path_factory.mktemp("billed"), epoch_days=56)
    for window in (FIRST, SECOND):
        town.community.register_books(window)
    late = cells(FIRST, {row: [100 + row] for row in range(16)})
    live(town, FIRST, late)
    straggler = [frame for frame in town.community.held if frame.pid == 16]
    town.community.held = [frame for frame in town.community.held if frame.pid != 16]
    town.community.deliver_late()
    town.community.periods.run(FIRST)
    town.straggler = straggler  # type: ignore[attr-defined]
    yield town
    town.close()


def energy(town: Hamlet, home: int, window: Window) -> int:
    """What a home's bill of a period says was measured."""
    bill = town.community.periods.bill(home, window)
    return sum(fact.measured + fact.late for fact in bill.facts)


def plain(town: Hamlet, home: int, window: Window) -> int:
    row = next(n for n, person in enumerate(town.people) if person.party.home == home)
    return int(town.readings(window).imported_wh[row].sum())


def test_a_period_that_is_not_over_binds_nothing(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet(epoch_days=28)
    town.community.register_books(FIRST)
    live(town, days(0, 3), cells(days(0, 3), {row: [row] for row in range(20)}))
    town.community.deliver_late()
    with pytest.raises(UnavailableError, match=r"1200 intervals.*not closed"):
        town.community.periods.run(FIRST)
    with town.store.read() as tx:
        assert tx.answers.questions("bills") == []
        assert tx.answers.closes(0, FIRST.first, FIRST.end, kind="late") == []
    with pytest.raises(InputError, match="nothing to approve"):
        town.community.periods.approve(FIRST, "analyst")


def test_late_cells_of_fifteen_homes_are_in_the_bills(billed: Hamlet) -> None:
    for home in range(100, 115):
        assert energy(billed, home, FIRST) == plain(billed, home, FIRST)
    bill = billed.community.periods.bill(100, FIRST)
    assert [(f.late_intervals, f.missing) for f in bill.facts] == [(1, 0)]
    assert energy(billed, 117, FIRST) == plain(billed, 117, FIRST)
    late = billed.community.periods.bill(115, FIRST)
    assert [(f.late_intervals, f.missing) for f in late.facts] == [(0, 1)]
    assert late.estimated_wh > 0


def test_a_second_run_changes_nothing_even_if_more_came_late(billed: Hamlet) -> None:
    periods = billed.community.periods
    before = [periods.bill(home, FIRST) for home in range(100, 120)]
    with billed.store.read() as tx:
        questions = len(tx.answers.questions("bills"))
    billed.community.send(billed.straggler)  # type: ignore[attr-defined]
    run = periods.run(FIRST)
    assert (run.bills, run.late_cells, run.outcomes.answered) == (20, 15, 1)
    assert [periods.bill(home, FIRST) for home in range(100, 120)] == before
    with billed.store.read() as tx:
        assert len(tx.answers.questions("bills")) == questions
        pool = tx.totals.late(0, FIRST.first, FIRST.end, "all")
        assert pool.homes.tolist() == [115], "the straggler waits"


def test_the_straggler_enters_the_next_batch_with_fifteen_others(billed: Hamlet) -> None:
    periods = billed.community.periods
    live(billed, SECOND, cells(SECOND, {row: [row] for row in range(14)}))
    billed.community.deliver_late()
    run = periods.run(SECOND)
    assert run.late_cells == 15
    assert energy(billed, 115, SECOND) == plain(billed, 115, SECOND) + int(billed.readings(FIRST).imported_wh[15, 115])
    back = [line for line in periods.bill(115, SECOND).lines if line.kind == "true-up"]
    assert sum(line.quantity for line in back) == -periods.bill(115, FIRST).estimated_wh
    assert all(line.period == FIRST for line in back)


def test_approval(billed: Hamlet) -> None:
    assert billed.community.periods.approve(FIRST, "analyst") == 20
    assert billed.community.periods.approve(FIRST, "analyst") == 0
    with billed.store.read() as tx:
        assert {row.status for row in tx.billing.bills(first=FIRST.first)} == {"issued"}
    assert billed.community.periods.balanced(FIRST)


def test_windows_and_books(billed: Hamlet) -> None:
    periods = billed.community.periods
    assert periods.windows() == [FIRST, SECOND]
    assert periods.register_books(FIRST) == periods.register_books(FIRST)
    with pytest.raises(NotFoundError):
        periods.book(0, Window(FIRST.first, FIRST.end - 1, 1800))
    assert [v.name for v in periods.book(0, FIRST).vectors] == ["all"]


def test_fourteen_late_homes_wait(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet(epoch_days=28)
    town.community.register_books(FIRST)
    live(town, FIRST, cells(FIRST, {row: [7, 8] for row in range(14)}))
    town.community.deliver_late()
    run = town.community.periods.run(FIRST)
    assert (run.late_cells, run.estimated, run.bills) == (0, 14, 20)
    readings = town.readings(FIRST).imported_wh
    assert energy(town, 100, FIRST) == int(readings[0].sum() - readings[0, 7:9].sum())


def test_late_cells_that_no_period_bills_do_not_enter_one(hamlet: Callable[..., Hamlet]) -> None:
    """The community started a day before its first billing period."""
    town = hamlet(epoch_days=29)
    period = days(1, 28)
    town.community.register_books(period)
    live(town, days(0, 29), cells(days(0, 29), {row: [5, PER_DAY + 5] for row in range(20)}))
    town.community.deliver_late()
    assert town.community.periods.run(period).late_cells == 20
    assert energy(town, HOME, period) == plain(town, HOME, period)


def test_corrections_change_the_energy_and_no_count(hamlet: Callable[..., Hamlet]) -> None:
    """16 homes correct a cell that was closed; one of them also misses a cell for good."""
    town = hamlet(epoch_days=28)
    town.community.register_books(FIRST)
    gone = cells(FIRST, {3: [40]})
    live(town, FIRST, gone=gone)
    fix = town.readings(FIRST)
    chosen = cells(FIRST, {row: [len(FIRST) - 60 + row] for row in range(16)})
    town.community.send(
        town.community.bank.correct(replace(fix, imported_wh=np.where(chosen, fix.imported_wh + 11, 0), present=chosen))
    )
    run = town.community.periods.run(FIRST)
    assert run.late_cells == 16
    whole = fix.imported_wh.sum(axis=1)
    for row in range(20):
        missing = int(fix.imported_wh[row, 40]) if row == 3 else 0
        assert energy(town, 100 + row, FIRST) == whole[row] - missing + (11 if row < 16 else 0)
        fact = town.community.periods.bill(100 + row, FIRST).facts[0]
        assert (fact.intervals + fact.late_intervals, fact.missing) == (
            (len(FIRST) - 1, 1) if row == 3 else (len(FIRST), 0)
        )
    assert town.community.periods.bill(103, FIRST).estimated_wh > 0


def test_billing_waits_for_keyholders_and_then_gives_the_same(hamlet: Callable[..., Hamlet], tmp_path: Path) -> None:
    town = hamlet(epoch_days=28)
    town.community.register_books(FIRST)
    live(town, FIRST, cells(FIRST, {row: [row, 200 + row] for row in range(18)}))
    town.community.deliver_late()
    for index in (1, 2):
        town.community.links[index].up = False
    run = town.community.periods.run(FIRST)
    assert (run.bills, run.outcomes.waiting) == (0, 1)
    for index in (1, 2):
        town.community.links[index].up = True
    run = town.community.periods.run(FIRST)
    assert (run.bills, run.late_cells, run.outcomes.answered) == (20, 36, 1)
    for home in range(100, 120):
        assert energy(town, home, FIRST) == plain(town, home, FIRST)
