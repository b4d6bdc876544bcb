"""Running the grid over a real community; every reaction by taking the part away: keyholder, feed, chain, sensor."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from quietgrid.algorithms.voltage import Characteristic
from quietgrid.balance.voltage import VoltageSettings
from quietgrid.demo import load
from quietgrid.errors import ConflictError, UnavailableError
from quietgrid.model.grid import MeasuredKind, Measurement, SetPoint, SetPointKind
from quietgrid.model.interval import Window
from quietgrid.model.operation import Basis, BreakerState, StopState
from quietgrid.runtime.grid import FEED, GridRun, GridWorker
from quietgrid.runtime.grid_network import pack, unpack
from quietgrid.runtime.onchain import ChainWork, ChainWorker
from tests.api.town import Town, found_town

HOUR = 3_600.0


@pytest.fixture
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with found_town(tmp_path_factory.mktemp("grid"), days=1) as made:
        yield made


@pytest.fixture
def run(town: Town) -> GridRun:
    made: GridRun = town.services.grid
    made.step()
    return made


def lasting(run: GridRun) -> set[tuple[str, str]]:
    with run.grid.store.read() as tx:
        return {(a.rule, a.element) for a in tx.grid.alarms(lasting=True)}


def send(run: GridRun, start: float, end: float, value: int = -3_000) -> None:
    point = SetPoint("by hand", SetPointKind.STORAGE_W, "Mill Lane", value, start, end, "test")
    with run.grid.store.begin() as tx:
        tx.grid.put_set_points([point])


def told(run: GridRun, at: float) -> list[int]:
    return [p.value for p in run.set_points(at)]


def test_every_interval_gets_a_state_once(town: Town, run: GridRun) -> None:
    with run.grid.store.read() as tx:
        last = tx.grid.last_state()
        assert last is not None
        states = tx.grid.states(Window(last.slot - 95, last.slot + 1, 900))
    assert [s.slot for s in states] == list(range(last.slot - 95, last.slot + 1))
    assert {s.basis for s in states} == {Basis.TOTALS}
    again = run.step()
    assert again is not None
    assert again.states == 0
    net = (town.sample.readings.imported_wh - town.sample.readings.exported_wh)[:30].sum(axis=0) * 4
    assert [s.groups[0].power_w for s in states] == net.tolist()


def test_without_two_keyholders_totals_grow_old_and_devices_fall_back(town: Town, run: GridRun) -> None:
    clock = town.community.clock
    now = clock.now()
    send(run, now, now + 8 * HOUR)
    assert told(run, now) == [-3_000]
    for index in (0, 1):
        town.control.stop_keyholder(index)
    town.community.platform.keyholders.catch_up()
    clock.unix += run.grid.rules.patience_s
    run.step()
    assert set(town.community.platform.keyholders.away) <= {0, 1}
    clock.unix += 3 * HOUR
    assert told(run, clock.unix) == [-3_000]
    look = run.step()
    assert look is not None
    assert [b.name for b in look.turned] == ["data"]
    assert ("stale", "totals") in lasting(run)
    assert told(run, clock.unix) == []
    assert {one.value for one in run.standing(clock.unix) if one.kind == "storage-w"} == {0}
    plan_number, proposal = run.planning.proposal("peak", 4, "aggregate")
    run.decisions.propose(plan_number, proposal, "olu", "evening peak")
    with pytest.raises(UnavailableError, match="nothing is decided automatically"):
        run.decisions.approve(plan_number, "ana")


def test_a_keyholder_that_is_away_is_an_alarm_until_it_is_back(town: Town, run: GridRun) -> None:
    clock, keyholders = town.community.clock, town.community.platform.keyholders
    town.control.stop_keyholder(2)
    keyholders.call(lambda link: link.ledger_head())
    run.step()
    assert lasting(run) == set()
    clock.unix += run.grid.rules.patience_s
    run.step()
    assert lasting(run) == {("away", "keyholder 2")}
    assert run.grid.breaker("data").state is BreakerState.CLOSED
    town.control.start_keyholder(2)
    keyholders.call(lambda link: link.ledger_head())
    run.step()
    assert lasting(run) == {("away", "keyholder 2")}
    clock.unix += run.grid.rules.hold_s
    run.step()
    assert ("away", "keyholder 2") not in lasting(run)


def test_where_prices_end_there_is_an_alarm_and_the_lowest_peak_is_planned(town: Town, run: GridRun) -> None:
    clock = town.community.clock
    priced = run.planning.proposal("cost", 4, "aggregate")[1]
    assert "prices of day-ahead" in priced.basis
    clock.unix = float(town.period.end * 900 - 2 * HOUR)
    assert "no prices known" in run.planning.proposal("cost", 4, "aggregate")[1].basis
    clock.unix = float(town.period.end * 900)
    run.step()
    clock.unix += run.grid.rules.patience_s
    run.step()
    assert ("away", FEED) in lasting(run)


def test_without_the_chain_the_grid_goes_on(town: Town, run: GridRun) -> None:
    tried = threading.Event()

    def prepare() -> ChainWork:
        tried.set()
        raise UnavailableError("no node", where="chain", fix="start it")

    worker = ChainWorker(prepare, lambda _said: None)
    worker.start()
    try:
        assert tried.wait(30)
        run.chain = worker
        run.step()
        town.community.clock.unix += run.grid.rules.patience_s
        run.step()
        assert lasting(run) == {("away", "chain")}
        assert run.market() == (True, "")
        run.decisions.ask_stop("olu", "smoke")
        stop = run.decisions.agree_stop("ana")
        assert (stop.state, stop.recorded) == (StopState.STOPPED, False)
        assert run.market() == (False, "emergency stop")
    finally:
        worker.stop()


def test_a_sensor_that_falls_silent_is_an_alarm_and_the_state_goes_on_from_totals(town: Town, run: GridRun) -> None:
    clock = town.community.clock
    run.take([Measurement(MeasuredKind.VOLTAGE_MV, "Bus 1", 400_000, clock.now(), "substation")])
    run.step()
    assert lasting(run) == set()
    clock.unix += run.grid.rules.stale_s
    run.grid.silent_s = HOUR
    run.step()
    assert lasting(run) == set(), "the demo's clock has jumped; the sensor said something just now"
    run.grid.silent_s = 0.0
    run.step()
    assert lasting(run) == {("stale", "sensor Bus 1 voltage-mv (substation)")}
    assert run.grid.breaker("data").state is BreakerState.CLOSED


def test_a_measured_frequency_is_in_the_state_and_none_is_made_up(town: Town, run: GridRun) -> None:
    community, window = town.community, town.sample.readings.window
    more = Window(window.end, window.end + 1, 900)
    at = float(window.end * 900)
    run.take(
        [
            Measurement(MeasuredKind.FREQUENCY_MILLIHZ, "", value, at + n, "relay")
            for n, value in ((1, 49_980), (2, 50_020))
        ]
    )
    community.measure(load(60, more).readings)
    community.settle()
    look = run.step()
    assert look is not None
    with run.grid.store.read() as tx:
        last, before = tx.grid.states(Window(window.end, window.end + 1, 900)), tx.grid.states(window)
    assert [s.frequency_millihz for s in last] == [50_000]
    assert {s.frequency_millihz for s in before} == {None}
    assert last[0].basis is Basis.MEASURED


def test_voltages_are_regulated_only_where_somebody_measures(town: Town, run: GridRun) -> None:
    clock, end = town.community.clock, town.sample.readings.window.end
    narrow = Characteristic("narrow", (0.90, 0.92, 1.0, 1.1), (-1.0, 0.0, 0.0, 1.0), source="a test")
    run.voltage = VoltageSettings(reactive=narrow)
    run.step()
    assert run.set_points(clock.now()) == []
    clock.unix = float(end * 900)
    town.community.measure(load(60, Window(end, end + 2, 900)).readings)
    town.community.settle()
    run.take([Measurement(MeasuredKind.FREQUENCY_MILLIHZ, "", 50_000, clock.now(), "relay")])
    run.step()
    told = run.set_points(clock.now())
    assert {p.kind for p in told} >= {SetPointKind.REACTIVE_PERCENT}
    assert all(p.end <= clock.now() + run.voltage.valid_s for p in told)
    with run.grid.store.read() as tx:
        assert tx.log.latest(1)[0].action == "grid.voltage"
    assert run.set_points(clock.now() + run.voltage.valid_s) == []


@pytest.mark.parametrize(("silent_s", "regulated"), [(0.0, False), (HOUR, True)])
def test_in_a_demo_whose_clock_runs_ahead_voltages_are_regulated_all_the_same(
    town: Town, run: GridRun, silent_s: float, regulated: bool
) -> None:
    """The demo's clock is three intervals ahead of what is closed, the plant's last word two of them old."""
    clock, end = town.community.clock, town.sample.readings.window.end
    narrow = Characteristic("narrow", (0.90, 0.92, 1.0, 1.1), (-1.0, 0.0, 0.0, 1.0), source="a test")
    run.voltage, run.grid.silent_s = VoltageSettings(reactive=narrow), silent_s
    clock.unix = float(end * 900)
    town.community.measure(load(60, Window(end, end + 1, 900)).readings)
    town.community.settle()
    clock.unix = float((end + 3) * 900)
    old = clock.now() - run.grid.rules.stale_s - 1
    run.take([Measurement(MeasuredKind.FREQUENCY_MILLIHZ, "", 50_000, old, "relay")])
    run.step()
    assert bool(run.set_points(clock.now())) is regulated


def test_set_points_end_by_themselves(town: Town, run: GridRun) -> None:
    now = town.community.clock.now()
    send(run, now, now + HOUR)
    assert told(run, now + HOUR - 1) == [-3_000]
    assert told(run, now + HOUR) == []


def test_too_many_dispatches_open_the_breaker_and_it_closes_again(town: Town, run: GridRun) -> None:
    clock = town.community.clock
    most = run.grid.rules.dispatches_an_hour
    for _ in range(most + 1):
        number, proposal = run.planning.proposal("peak", 12, "aggregate")
        run.decisions.propose(number, proposal, "olu", "evening peak")
    for number in range(1, most + 1):
        run.decisions.approve(number, "ana")
    with pytest.raises(UnavailableError, match="dispatches within an hour"):
        run.decisions.approve(most + 1, "ana")
    assert run.grid.breaker("dispatch").state is BreakerState.OPEN
    clock.unix += HOUR
    run.grid.look([], {})
    clock.unix += run.grid.rules.cool_s
    run.grid.look([], {})
    assert run.grid.breaker("dispatch").state is BreakerState.HALF_OPEN
    assert run.decisions.approve(most + 1, "ana").decided_by == "ana"
    clock.unix += run.grid.rules.trial_s
    run.grid.look([], {})
    assert run.grid.breaker("dispatch").state is BreakerState.CLOSED


def test_a_state_that_cannot_be_halts_markets_until_it_is_calm(town: Town, run: GridRun) -> None:
    clock = town.community.clock
    with run.grid.store.read() as tx:
        last = tx.grid.last_state()
    assert last is not None
    run.grid.look([replace(last, slot=last.slot + 1, feasible=False, loading={})], {})
    assert run.market() == (False, "no power flow carries what is drawn")
    run.grid.look([replace(last, slot=last.slot + 2)], {})
    assert not run.market()[0]
    clock.unix += run.grid.rules.cool_s
    run.grid.look([], {})
    assert run.grid.breaker("market").state is BreakerState.HALF_OPEN
    assert run.market() == (True, "")


def test_a_request_for_a_stop_lapses_and_plans_do(town: Town, run: GridRun) -> None:
    clock = town.community.clock
    number, proposal = run.planning.proposal("peak", 1, "aggregate")
    run.decisions.propose(number, proposal, "olu", "evening peak")
    run.decisions.ask_stop("olu", "smoke")
    clock.unix += 2 * HOUR
    with pytest.raises(ConflictError, match="no stop is asked for"):
        run.decisions.agree_stop("ana")
    with pytest.raises(ConflictError, match="over"):
        run.decisions.approve(number, "ana")
    run.step()
    with run.grid.store.read() as tx:
        stop = tx.grid.stop()
        assert stop is not None
        assert stop.state is StopState.LAPSED
        assert tx.grid.plan(number).state.value == "lapsed"


def test_the_worker_looks_when_it_is_woken(town: Town) -> None:
    run = GridRun(town.community.platform, demo=True)
    worker = GridWorker(run, lambda _said: None, pause_s=None)
    worker.start()
    try:
        worker.wake(town.community.clock.now())
        deadline = threading.Event()
        for _ in range(600):
            with run.grid.store.read() as tx:
                if tx.grid.last_state() is not None:
                    break
            deadline.wait(0.1)
        else:
            pytest.fail("nothing was looked at within a minute")
    finally:
        worker.stop()


def test_a_network_comes_back_as_it_was(run: GridRun) -> None:
    network = run.network()
    back = unpack(pack(network))
    for table in ("nodes", "lines", "transformers", "sources", "units"):
        for name, column in vars(getattr(network, table)).items():
            other = getattr(getattr(back, table), name)
            if isinstance(column, tuple):
                assert other == column
            else:
                assert other.dtype == column.dtype
                assert np.array_equal(other, column, equal_nan=column.dtype == np.float64)
    assert (back.name, back.groups, back.frequency_hz) == (network.name, network.groups, network.frequency_hz)
    assert run.put_network(network, "olu") == 1
    assert run.put_network(network.tapped(network.transformers.tap + 1), "olu") == 2
