"""What running the grid leaves behind, on both engines: measurements, states, alarms, plans, breakers, stops."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from quietgrid.errors import ConflictError, NotFoundError
from quietgrid.model import ManualClock, Window
from quietgrid.model.grid import Alarm, MeasuredKind, Measurement, Priority, SetPoint, SetPointKind
from quietgrid.model.operation import (
    BalancePlan,
    Basis,
    Breaker,
    BreakerState,
    GridState,
    GroupPlan,
    GroupState,
    Held,
    PlanState,
    Proposal,
    StopState,
)
from quietgrid.model.signal import Signal, SignalKind
from quietgrid.store import open_platform
from quietgrid.store.stores import PlatformStore

NOW = 1_728_000_000.0


@pytest.fixture
def address(url: Callable[[], str]) -> str:
    return url()


@pytest.fixture
def store(address: str, clock: ManualClock) -> Iterator[PlatformStore]:
    opened = open_platform(address, clock)
    yield opened
    opened.close()


def volt(value: int, at: float, source: str = "meter") -> Measurement:
    return Measurement(MeasuredKind.VOLTAGE_MV, "busbar", value, at, source)


def state(slot: int, voltage: float = 1.0) -> GridState:
    group = GroupState("Mill", 12_000, 30, voltage, voltage, voltage, voltage, voltage, 0.25, 12_100)
    return GridState(slot, 900, Basis.MEASURED, True, (group,), {"head": 0.25}, 12_300, 200, 100, 50_010)


def point(id: str, start: float, end: float, value: int = -4_000) -> SetPoint:
    return SetPoint(id, SetPointKind.STORAGE_W, "Mill", value, start, end, "peak")


def plan(number: int) -> BalancePlan:
    group = GroupPlan("Mill", (5, 6), (4, 4), (-1, -2), (7, 8))
    window = Window(1_920_000, 1_920_002, 900)
    points = (point(f"{number} 0", NOW, NOW + 900), point(f"{number} 1", NOW + 900, NOW + 1800))
    told = Signal(f"{number}", SignalKind.SET_POINT, "Mill", window, (3, 4), "level_ppm", NOW)
    proposal = Proposal(window, (group,), points, (told,), "as yesterday", ("because",), 9, 8, 7, 6)
    return BalancePlan(number, proposal, "peak", "olu", NOW)


def test_the_newest_measurement_stays_whatever_the_order(store: PlatformStore) -> None:
    with store.begin() as tx:
        assert tx.grid.put_measurements([volt(400_000, 10.0), volt(401_000, 20.0), volt(7, 15.0, "other")]) == 3
        assert tx.grid.put_measurements([volt(399_000, 5.0), volt(401_000, 20.0)]) == 1
    with store.read() as tx:
        assert tx.grid.newest_measurements() == [volt(401_000, 20.0), volt(7, 15.0, "other")]
        assert [m.at for m in tx.grid.measurements(5.0, 20.0)] == [5.0, 10.0, 15.0]
        assert tx.grid.measurements(0, 99, MeasuredKind.HEAD_W) == []


def test_a_later_look_replaces_a_state_and_old_ones_are_forgotten(store: PlatformStore) -> None:
    nothing = replace(state(7), feasible=False, groups=(replace(state(7).groups[0], lowest=math.nan),))
    with store.begin() as tx:
        tx.grid.put_states([state(5), state(6)])
        tx.grid.put_states([state(6, 0.97), nothing])
        tx.grid.put_measurements([volt(1, 10.0), volt(2, 6 * 900.0)])
    with store.begin() as tx:
        assert tx.grid.states(Window(5, 7, 900)) == [state(5), state(6, 0.97)]
        last = tx.grid.last_state()
        assert last is not None
        assert (last.slot, last.feasible) == (7, False)
        assert math.isnan(last.groups[0].lowest)
        assert tx.grid.prune_grid(6 * 900.0) == 2
        assert tx.grid.states(Window(0, 9, 900))[0] == state(6, 0.97)
        assert tx.grid.measurements(0, 9e9) == [volt(2, 6 * 900.0)]


def test_an_alarm_is_raised_held_seen_and_ended(store: PlatformStore) -> None:
    alarm = Alarm("voltage Mill 10", "voltage", "Mill", Priority.HIGH, "0.89 of rated", 10.0)
    with store.begin() as tx:
        assert tx.grid.raise_alarm(alarm)
        assert not tx.grid.raise_alarm(replace(alarm, said="again"))
        tx.grid.raise_alarm(Alarm("b", "feed", "prices", Priority.LOW, "no prices", 11.0))
        tx.grid.hold_alarms([Held("voltage", "Mill", 10.0, 20.0)])
    with store.begin() as tx:
        assert tx.grid.held_alarms()[0] == Held("voltage", "Mill", 10.0, 20.0)
        assert [a.id for a in tx.grid.alarms()] == [alarm.id, "b"]
        assert tx.grid.see_alarm(alarm.id, "olu", 30.0).seen_by == "olu"
        assert tx.grid.see_alarm(alarm.id, "ana", 40.0).seen_by == "olu"
        tx.grid.end_alarm("voltage", "Mill", 50.0)
        assert [a.id for a in tx.grid.alarms(lasting=True)] == ["b"]
        assert tx.grid.alarm(alarm.id).until == 50.0
        assert [a.id for a in tx.grid.alarms(unseen=True)] == ["b"]
        with pytest.raises(NotFoundError):
            tx.grid.alarm("c")


def test_a_plan_gets_a_number_and_its_set_points_are_cut(store: PlatformStore, clock: ManualClock) -> None:
    clock.unix = NOW
    with store.begin() as tx:
        for number in (1, 2):
            assert tx.grid.next_plan() == number
            tx.grid.add_plan(plan(number))
        with pytest.raises(ConflictError):
            tx.grid.add_plan(replace(plan(1), why="another"))
        points = plan(1).proposal.set_points
        tx.grid.save_plan(replace(plan(1), state=PlanState.DISPATCHED, decided_by="ana", decided_at=NOW))
        assert tx.grid.put_set_points(points, 1) == 2
        assert tx.grid.put_set_points(points, 1) == 0
        assert tx.grid.decisions_since(NOW) == [NOW]
        assert tx.grid.decisions_since(NOW + 1) == []
    with store.begin() as tx:
        assert tx.grid.plan(1).proposal == plan(1).proposal
        assert tx.grid.plan(2) == plan(2)
        assert [p.number for p in tx.grid.plans(state=PlanState.PROPOSED)] == [2]
        assert [p.value for p in tx.grid.set_points(NOW, NOW + 1)] == [-4_000]
        assert tx.grid.cut_set_points(NOW + 100, plan=1) == 2
        assert tx.grid.set_points(NOW + 100, NOW + 9_000) == []
        assert [(p.start, p.end) for p in tx.grid.set_points(NOW, NOW + 9_000)] == [(NOW, NOW + 100)]
        with pytest.raises(NotFoundError):
            tx.grid.plan(3)


def test_breakers_stops_and_networks_survive_a_restart(store: PlatformStore, address: str, clock: ManualClock) -> None:
    opened = Breaker("market", BreakerState.OPEN, 5.0, "no state", None)
    with store.begin() as tx:
        tx.grid.save_breaker(Breaker("market"))
        tx.grid.save_breaker(opened)
        asked = tx.grid.add_stop("olu", "smoke", 1.0)
        with pytest.raises(ConflictError):
            tx.grid.add_stop("ana", "smoke", 2.0)
        tx.grid.save_stop(replace(asked, state=StopState.STOPPED, agreed_by="ana", agreed_at=2.0))
        assert tx.grid.put_network("town", b"1", "olu") == 1
        assert tx.grid.put_network("town", b"1", "olu") == 1
        assert tx.grid.put_network("town", b"2", "olu") == 2
    again = open_platform(address, clock)
    try:
        with again.begin() as tx:
            assert tx.grid.breakers() == {"market": opened}
            stop = tx.grid.stop()
            assert stop is not None
            assert (stop.state, stop.agreed_by, stop.recorded) == (StopState.STOPPED, "ana", False)
            assert tx.grid.stops(unrecorded=True) == [stop]
            tx.grid.save_stop(replace(stop, recorded=True))
            assert tx.grid.stops(unrecorded=True) == []
            row = tx.grid.network()
            assert row is not None
            assert (row.version, row.body, tx.grid.network_version()) == (2, b"2", 2)
    finally:
        again.close()


def test_means_of_intervals_are_of_good_values_of_one_kind(store: PlatformStore) -> None:
    slot = int(NOW) // 900
    with store.begin() as tx:
        assert tx.grid.first_measured(MeasuredKind.VOLTAGE_MV) is None
        tx.grid.put_measurements([
            volt(10, NOW), volt(20, NOW + 450), volt(30, NOW + 899.4, "other"), volt(50, NOW + 900),
            replace(volt(99, NOW + 1), good=False), Measurement(MeasuredKind.HEAD_W, "Mill", 7, NOW + 2, "meter"),
            volt(1, NOW + 1_800),
        ])  # fmt: skip
    with store.read() as tx:
        found = tx.grid.means(MeasuredKind.VOLTAGE_MV, Window(slot, slot + 2, 900))
        assert sorted(found) == [("busbar", slot, 20.0), ("busbar", slot + 1, 50.0)]
        assert tx.grid.means(MeasuredKind.HEAD_W, Window(slot, slot + 2, 900)) == [("Mill", slot, 7.0)]
        assert tx.grid.first_measured(MeasuredKind.VOLTAGE_MV) == NOW
        assert {m.value for m in tx.grid.newest_measurements() if m.source == "meter"} == {1, 7}
