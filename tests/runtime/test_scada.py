"""A real Modbus server process: read, dispatch, lose, fall back, come back."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from quietgrid.errors import UnavailableError
from quietgrid.lab.demo_state import prepare
from quietgrid.model import ManualClock
from quietgrid.model.closed import GateRules
from quietgrid.model.grid import MeasuredKind, Measurement, SetPoint, SetPointKind
from quietgrid.runtime.clock import ClockFile, Tick
from quietgrid.runtime.commissioning import Commissioning
from quietgrid.runtime.scada import FIRST_BACK_S, LONGEST_S, Poller
from quietgrid.wire.telemetry import DeviceAt, ModbusDevice, read_map
from quietgrid.wire.telemetry.registers import RegisterMap
from tests.scenarios.processes.small import low_ports

pytestmark = pytest.mark.slow
pytest.importorskip("pymodbus", reason="the extra `scada` is not installed")
SILENCE_S = 4.0
PATIENCE_S = 60.0
NOW = 1_728_000_000.0
TAP = (SetPointKind.TAP, "Transformer")
STORAGE = (SetPointKind.STORAGE_W, "Orchard Hill")
BUSBAR = (MeasuredKind.VOLTAGE_MV, "Bus 16")


def until(what: Callable[[], bool], why: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.05)


class Station:
    """The plant's process, with a Modbus port."""

    def __init__(self, state: Path) -> None:
        self.state, (self.port,) = state, low_ports(1)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = ["plant", "run", "--modbus", str(self.port), "--silence", str(SILENCE_S), "--state", str(self.state)]
        self.process = subprocess.Popen([sys.executable, "-m", "quietgrid", *words], env=os.environ)
        self.at = DeviceAt("station", "127.0.0.1", self.port, RegisterMap(()), poll_s=0.1, stale_s=30.0, timeout_s=20.0)
        table = self.state / "plant" / "registers.csv"
        until(table.exists, "the plant writes its map")
        self.at = replace(self.at, registers=read_map(table))
        until(self.answers, "the plant measures")

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None
        device = ModbusDevice(self.at)
        try:
            return BUSBAR in device.read().values
        except UnavailableError:
            return False
        finally:
            device.close()

    def held(self) -> dict[tuple[SetPointKind, str], int]:
        """What the device holds, asked by somebody who moves no watchdog."""
        device = ModbusDevice(self.at)
        try:
            return dict(device.read().held)
        finally:
            device.close()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo of 30 homes at noon of its first day."""
    folder = tmp_path_factory.mktemp("station") / "state"
    prepare(folder, 30, 1, GateRules())
    slot = Commissioning.load(folder / "commissioning").first + 48
    ClockFile(folder / "clock").write(Tick(slot * 900.0, slot))
    return folder


@pytest.fixture(scope="module")
def station(state: Path) -> Iterator[Station]:
    one = Station(state)
    one.start()
    yield one
    one.kill()


@dataclass
class Control:
    """The platform's end of one device, without a thread."""

    at: DeviceAt
    wanted: list[SetPoint] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.taken: list[Measurement] = []
        self.poller = Poller(
            self.at, ManualClock(NOW), self.taken.extend, lambda _: self.wanted, lambda: self.seconds
        )  # fmt: skip

    def step(self) -> float:
        self.taken.clear()
        return self.poller.step()

    def holds(self, station: Station, *wanted: SetPoint) -> bool:
        """One round; whether the device holds this afterwards."""
        self.wanted = list(wanted)
        self.step()
        held = station.held()
        return self.poller.standing.wrong == () and all(held[p.kind, p.element] == p.value for p in wanted)

    def value(self, element: tuple[MeasuredKind, str]) -> int:
        return next(m.value for m in self.taken if (m.kind, m.element) == element)


def point(target: tuple[SetPointKind, str], value: int) -> SetPoint:
    return SetPoint("1", *target, value, NOW - 1, NOW + 900)


def test_read_dispatch_lose_fall_back_come_back(station: Station) -> None:
    control = Control(station.at)
    # read
    assert control.step() == station.at.poll_s
    assert {(m.source, m.at, m.good) for m in control.taken} == {("station", NOW, True)}
    assert {m.kind for m in control.taken} == set(MeasuredKind)
    before = control.value(BUSBAR)
    assert 380_000 < before < 440_000
    # dispatch
    until(lambda: control.holds(station, point(TAP, 1), point(STORAGE, 5_000)), "it is told")

    def obeyed() -> bool:
        control.step()
        return bool(control.taken) and control.value((MeasuredKind.TAP, "Transformer")) == 1

    until(obeyed, "the tap moves")
    assert control.value(BUSBAR) < before - 10_000, "two steps of 2.5 % at the high-voltage side"
    # a watcher who is away: the device goes back by itself
    until(lambda: station.held()[TAP] == -1, "the device falls back when its watchdog stands still")
    assert station.held()[STORAGE] == 0
    until(lambda: control.holds(station, point(TAP, 1)), "and is told again when we are back")
    # lose
    station.kill()
    waits = [control.step() for _ in range(10)]
    assert waits[:3] == [FIRST_BACK_S, 2 * FIRST_BACK_S, 4 * FIRST_BACK_S]
    assert waits[-1] == LONGEST_S
    standing = control.poller.standing
    assert (standing.reachable, standing.stale) == (False, False)
    assert control.taken == []
    control.seconds += station.at.stale_s + 1
    control.step()
    assert control.poller.standing.stale
    assert control.taken
    assert not any(m.good for m in control.taken), "old values are handed on once more, as not good"
    control.step()
    assert control.taken == []
    # come back
    station.start()
    assert station.held()[TAP] == -1, "a device that starts is in its safe state"
    assert control.step() == station.at.poll_s
    assert control.poller.standing.reachable
    assert all(m.good for m in control.taken)
    until(lambda: control.holds(station, point(TAP, 1)), "and is told what holds")


def test_a_counter_that_stands_still_makes_values_doubtful(station: Station) -> None:
    still = tuple(
        replace(r, address=station.at.registers.of("measure")[0].address + 2) if r.what == "alive" else r
        for r in station.at.registers.registers
    )
    control = Control(replace(station.at, registers=RegisterMap(still)))
    control.step()
    assert all(m.good for m in control.taken)
    control.step()
    assert control.taken == [], "nothing new was measured"
    control.seconds += station.at.stale_s + 1
    control.step()
    assert control.poller.standing.note == "it answers, but its counter stands still"
    assert control.taken
    assert not any(m.good for m in control.taken)


def test_a_map_that_is_not_the_devices_is_told(station: Station) -> None:
    odd = tuple(replace(r, address=40_000 + r.address, quality=None) for r in station.at.registers.registers)
    control = Control(replace(station.at, registers=RegisterMap(odd)))
    control.step()
    assert not control.poller.standing.reachable
    assert "does not have input registers 40000" in control.poller.standing.note


def test_half_a_value_is_not_taken(station: Station) -> None:
    control = Control(station.at)
    until(lambda: control.holds(station, point(STORAGE, 70_000)), "a whole value is")
    device = ModbusDevice(station.at)
    (storage,) = (r for r in station.at.registers.of("set") if (r.kind, r.element) == STORAGE)
    half = replace(storage, form="u16")
    with pytest.raises(UnavailableError, match="refuses storage-w"):
        device.write(half, 1)
    device.close()
    assert station.held()[STORAGE] in (70_000, 0), "what it held, or the safe value, if that took us long"


def test_the_thread_asks_until_it_is_stopped(station: Station) -> None:
    taken: list[Measurement] = []
    poller = Poller(station.at, ManualClock(NOW), taken.extend, lambda _: [point(TAP, 2)])
    poller.start()
    until(lambda: bool(taken), "it asks")
    until(lambda: station.held()[TAP] == 2, "it tells")
    time.sleep(1.5 * SILENCE_S)
    until(lambda: station.held()[TAP] == 2, "it moves the watchdog")
    poller.stop()
    until(lambda: station.held()[TAP] == -1, "nobody watches any more")
