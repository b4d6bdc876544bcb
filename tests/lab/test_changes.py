"""A meter is replaced in the middle of a billing period; households move with an epoch. In one process, for real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from quietgrid import demo
from quietgrid.errors import ConflictError, GateRefusal, NotFoundError
from quietgrid.household import Home, Verdict
from quietgrid.household.checking import decode_bill
from quietgrid.lab import commission
from quietgrid.lab.changes import BATCH, State
from quietgrid.lab.fleet import LOST_SLOTS, Faults
from quietgrid.lab.plain import ON_TIME, PlainLeaf, Register, plain_bill
from quietgrid.meter import MeterBank
from quietgrid.model.interval import Window, month_window
from quietgrid.model.question import Quantity
from quietgrid.model.tariff_text import tariffs_from_toml
from quietgrid.runtime.clock import ClockFile
from tests.lab.stage import Stage

HOMES, CHANGE, END = 30, 13, 39
JULY_BILLED = 70
JUNE = month_window(2016, 6, "Europe/Berlin", 900)


def quiet_home(stage: Stage) -> int:
    """A home that delivers everything in time all June and whose tariff has no price feed."""
    faults = Faults()
    days = [day for day, _, _ in JUNE.by_day()]
    plan = State(stage.state).plan
    for party in plan.parties:
        fine = all(not faults.late(party.home, d) and faults.lost(party.home, d) is None for d in days)
        if fine and party.tariff in ("flat", "time-of-use"):
            return party.home
    raise AssertionError("the sample's faults leave no home alone")


def arrived(window: Window, homes: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """bool [homes, t]: what reaches the platform in time, by the fleet's own draw of faults.

    Twice: a late day's frames are sent when the day is over, at about the time of its close: before it, or after.
    """
    faults, before = Faults(), np.ones((homes, len(window)), np.bool_)
    after = before.copy()
    for day, _, _ in window.by_day():
        at = day * 96 - window.first
        for home in range(1, homes + 1):
            lost = faults.lost(home, day)
            if lost is not None:
                before[home - 1, at + lost : at + lost + LOST_SLOTS] = False
            after[home - 1, at : at + 96] = before[home - 1, at : at + 96] & (not faults.late(home, day))
    return before, after


def own_bill(home: Home, first: int) -> list[bytes]:
    """The home's bills of a period."""
    return [data for data in home.bills() if decode_bill(data).window.first == first]


@pytest.fixture(scope="module")
def replaced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Stage, int]:
    stage = Stage(tmp_path_factory.mktemp("demo") / "state", HOMES)
    stage.run_days(CHANGE)
    stage.stop()
    home = quiet_home(stage)
    done = State(stage.state).replace_meter(home)
    assert JUNE.first < done.first < JUNE.end
    assert done.old != done.new
    stage.run_days(END)
    return stage, home


@pytest.mark.slow
def test_one_bill_spans_both_meters_and_holds_at_home(replaced: tuple[Stage, int]) -> None:
    stage, home = replaced
    plan = State(stage.state).plan
    tariffs = {tariff.name: tariff for tariff in tariffs_from_toml(plan.tariffs)}
    party = next(p for p in plan.parties if p.home == home)
    readings = demo.load(HOMES, JUNE).readings
    whole = np.full(len(JUNE), ON_TIME, np.int8)
    energy = Register(readings.imported_wh[home - 1], whole)
    sold = Register(readings.exported_wh[home - 1], whole) if readings.exported_wh[home - 1].any() else None
    tariff = tariffs[party.tariff]
    should = plain_bill(tariff, PlainLeaf(JUNE, (tariff,), {}), energy, sold)
    bill = stage.periods.bill(home, JUNE)
    assert (bill.total_micro, bill.imported_wh) == should
    assert not any(fact.missing for fact in bill.facts)

    own = stage.home(home)
    assert len(own.lines) == 2
    opened = own.readings(JUNE)
    assert np.array_equal(opened.imported_wh.sum(axis=0), energy.energy_wh)
    assert np.array_equal(opened.present.sum(axis=0), np.ones(len(JUNE))), "one meter at a time"
    check = own.verify_bill(own.bill(JUNE.first))
    assert check.verdict is Verdict.HOLDS
    assert check.disputed == []
    days = len(list(JUNE.by_day()))
    assert check.records in (days, days + 1), "one a day and meter; two on the day of the change"


@pytest.mark.slow
def test_totals_count_the_home_once(replaced: tuple[Stage, int]) -> None:
    stage, _ = replaced
    day = JUNE.first // 96 + CHANGE
    window = Window((day - 1) * 96, (day + 4) * 96, 900)
    readings = demo.load(HOMES, window).readings
    came = arrived(window, HOMES)
    members = stage.platform.members(window.first)
    assert len(members) == HOMES + 1
    with stage.platform.parts.store.read() as tx:
        total = tx.totals.total(members.leaf_names[0], Quantity.IMPORT, window)
    assert total.answered.all()
    sums = [(cells.sum(axis=0), np.where(cells, readings.imported_wh, 0).sum(axis=0)) for cells in came]
    fits = [(total.homes == homes) & (total.energy_wh == energy) for homes, energy in sums]
    assert (fits[0] | fits[1]).all()


@pytest.mark.slow
def test_the_old_meter_signs_its_last_day_and_is_retired(replaced: tuple[Stage, int]) -> None:
    stage, home = replaced
    seats = State(stage.state).plan.seats
    assert len(seats) == 2
    bank = MeterBank.open(stage.folders.fleet, ClockFile(stage.state / "clock"))
    try:
        assert bank.retired == {seats[0].pid}
    finally:
        bank.close()
    with stage.platform.parts.store.read() as tx:
        meters = {m.pid: m for m in tx.registry.meters_of(home)}
    assert meters[seats[0].pid].retired == -(-seats[0].end // 96)
    assert meters[seats[1].pid].retired is None


def test_fewer_than_five_are_refused_by_the_keyholders(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "state", HOMES)
    stage.run_days(1)
    opened = State(stage.state)
    for home in range(1, BATCH):
        opened.queue_move(home, f"Newcomer {home}")
    assert [batch.ready for batch in opened.batches()] == [False]
    with pytest.raises(ConflictError, match="queued already"):
        opened.queue_move(1, "Somebody else")
    with pytest.raises(NotFoundError):
        opened.queue_move(999, "Nobody's")
    held = opened.plan
    opened._sign_next(opened.moves())  # the registrar gives in: the keyholders do not
    too_few = opened.plan
    stage.platform.enrol([], too_few.enrolments[HOMES:])
    with pytest.raises(GateRefusal, match="fewer than 5 homes join") as refused:
        stage.platform.adopt_members(too_few.members[-1])
    assert refused.value.rule == "join"

    opened.save(held)
    opened.queue_move(BATCH, "Newcomer 5")
    start = opened.next_start
    august = month_window(2016, 8, "Europe/Berlin", 900).first
    assert start == august, "June and July have books: the epoch ends with them, ten months early"
    members = opened.settle_moves()
    assert opened.moves() == []
    assert next((m.epoch, m.revision, m.window.end) for m, _ in opened.newest()) == (0, 1, august)
    assert members.window.first == august
    assert set(members.homes.tolist()) == set(range(BATCH + 1, HOMES + 1)) | set(members.homes[-BATCH:].tolist())
    known = {signed.hash() for signed in too_few.enrolments}
    stage.platform.enrol([], [signed for signed in opened.plan.enrolments if signed.hash() not in known])
    for signed in opened.plan.members[1:]:
        stage.platform.adopt_members(signed)
    assert [stage.platform.members(slot).epoch for slot in (august - 1, august)] == [0, 1]
    stage.stop()


@pytest.mark.slow
def test_households_move_with_an_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commission, "EPOCH_MONTHS", 1)
    stage = Stage(tmp_path / "state", HOMES)
    opened = State(stage.state)
    for home in range(1, BATCH + 2):
        opened.queue_move(home, f"Newcomer {home}")
    assert opened.due, "the next epoch is signed two months ahead"
    opened.settle_moves()
    opened.renew()
    stage.run_days(JULY_BILLED)
    opened = State(stage.state)
    assert [m.epoch for m, _ in opened.newest()] == [0, 1, 2]
    arrivals = {party.name: party.home for party in opened.plan.parties if party.name.startswith("Newcomer")}
    assert len(arrivals) == BATCH + 1
    july = month_window(2016, 7, "Europe/Berlin", 900)
    window = Window(july.first, july.first + 96, 900)
    with stage.platform.parts.store.read() as tx:
        total = tx.totals.total(opened.newest()[1][0].leaf_names[0], Quantity.IMPORT, window)
    assert total.answered.all()
    for home in (1, arrivals["Newcomer 1"]):
        own = stage.home(home)
        billed = [own.bill(period.first) for period in (JUNE, july) if any(own_bill(own, period.first))]
        assert [bill.window for bill in billed] == [JUNE if home == 1 else july]
        assert own.verify_bill(billed[0]).verdict is not Verdict.DIFFERS
        before = own.readings(JUNE).present.any(), own.readings(window).present.any()
        assert before == ((True, False) if home == 1 else (False, True)), "who comes opens nothing of who left"
    stage.stop()
