"""The watch over heads and totals: it says how long it learns, and what the plant does wrong becomes an alarm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quietgrid.algorithms.detection import Suspicion
from quietgrid.balance.rules import Level
from quietgrid.balance.service import Grid
from quietgrid.demo import demo_network, home_units, load
from quietgrid.lab.plant import Fault, FaultKind
from quietgrid.lab.plant.frequency import simulated_frequency
from quietgrid.lab.plant.sensors import Noise, Sensors, altered
from quietgrid.lab.plant.truth import TrueGrid
from quietgrid.model import ManualClock
from quietgrid.model.grid import Alarm, MeasuredKind, Measurement, Priority
from quietgrid.model.interval import Window
from quietgrid.model.question import Quantity
from quietgrid.model.readings import Readings
from quietgrid.model.total import Status, Total
from quietgrid.runtime.grid_watch import GridWatch
from quietgrid.store import PlatformStore, open_platform

HOMES, DAY, DAYS, QUIET = 120, 96, 40, 36
FIRST = 16_953 * DAY  # 1 June 2016
END = FIRST + DAYS * DAY
ATTACK = END - 24
"""Six hours."""
NETWORK = demo_network(HOMES)


class Street:
    """Forty days of the sample's homes, their sections' totals, and the instruments of its grid."""

    def __init__(self) -> None:
        self.window = Window(FIRST, END, 900)
        self.readings: Readings = replace(load(HOMES, self.window).readings, meters=np.arange(HOMES, dtype=np.uint64))
        self.truth = TrueGrid(NETWORK, home_units(NETWORK))
        self.before = self.truth.over(self.readings.cut(Window(FIRST, ATTACK, 900)), {}, {})
        self.heads = [(MeasuredKind.HEAD_W, name) for name in NETWORK.groups]

    def sensors(self) -> Sensors:
        return Sensors(NETWORK, self.heads, "station", 3, Noise(), simulated_frequency(3))

    def measured(self, *faults: Fault) -> list[Measurement]:
        """What the heads say, with something wrong from `ATTACK` on."""
        sensors = self.sensors()
        out = sensors.report(self.before)
        rows = self.readings.cut(Window(ATTACK, END, 900))
        return out + sensors.report(self.truth.over(rows, {}, altered(faults)), faults)

    def totals(self) -> list[Total]:
        net = self.readings.imported_wh - self.readings.exported_wh
        of_home = NETWORK.unit_groups[home_units(NETWORK)]
        out = []
        for row, name in enumerate(NETWORK.groups):
            mine = of_home == row
            homes = np.full(len(self.window), int(mine.sum()), np.int32)
            out.append(
                Total(name, Quantity.NET, self.window, net[mine].sum(axis=0), homes, int(mine.sum()),
                      np.ones(len(self.window), np.bool_), Status.CONFIRMED)
            )  # fmt: skip
        return out


@pytest.fixture(scope="module")
def street() -> Street:
    return Street()


@pytest.fixture(scope="module")
def quiet(street: Street) -> list[Measurement]:
    return street.measured()


@pytest.fixture
def store(street: Street, tmp_path: Path) -> Iterator[PlatformStore]:
    made = open_platform(tmp_path / "platform.db", ManualClock(END * 900.0))
    with made.begin() as tx:
        tx.totals.put_totals(street.totals(), b"question")
    yield made
    made.close()


def watch_of(store: PlatformStore, measured: list[Measurement]) -> GridWatch:
    with store.begin() as tx:
        tx.grid.put_measurements(measured)
    return GridWatch(store, 900, "Europe/Berlin")


def suspected(levels: list[Level]) -> set[tuple[str, str]]:
    return {(one.rule, one.element) for one in levels if one.value >= one.over}


def test_it_says_how_long_it_learns_and_then_what_it_watches(store: PlatformStore, quiet: list[Measurement]) -> None:
    watch = GridWatch(store, 900, "Europe/Berlin")
    assert watch.standing(NETWORK, END).state == "not measured"
    watch = watch_of(store, quiet)
    first = watch.standing(NETWORK, FIRST + 1)
    assert (first.state, first.days_left) == ("learning", 35)
    assert watch.standing(NETWORK, FIRST + 10 * DAY).said == "learning what is usual, 25 days left"
    assert watch.levels(NETWORK, FIRST + 10 * DAY) == []
    then = watch.standing(NETWORK, END)
    assert (then.state, then.groups) == ("watching", NETWORK.groups)
    assert then.learnt_until is not None
    assert FIRST + 35 * DAY <= then.learnt_until / 900 <= END


def test_a_quiet_grid_has_no_false_data_and_no_replay(store: PlatformStore, quiet: list[Measurement]) -> None:
    watch = watch_of(store, quiet)
    found = set()
    for end in range(FIRST + QUIET * DAY, END + 1, 16):
        found |= suspected(watch.levels(NETWORK, end))
    assert not {one for one in found if one[0] != Suspicion.LOAD}


@pytest.mark.parametrize(
    ("fault", "rule", "group"),
    [
        (Fault(FaultKind.FALSE, "head-w Mill Lane", 4_000), "false-data", "Mill Lane"),
        (Fault(FaultKind.REPLAYED, "head-w Church Road"), "replay", "Church Road"),
        (Fault(FaultKind.FROZEN, "head-w Church Road"), "replay", "Church Road"),
        (Fault(FaultKind.ALTERED, "Station Road", 8_000), "false-data", "Station Road"),
    ],
)
def test_what_the_plant_does_wrong_is_an_alarm_and_ends(
    street: Street, store: PlatformStore, fault: Fault, rule: str, group: str
) -> None:
    watch = watch_of(store, street.measured(fault))
    grid = Grid(store, ManualClock(END * 900.0))
    grid.look([], {}, ATTACK * 900.0, watch.levels(NETWORK, ATTACK))
    raised = grid.look([], {}, END * 900.0, watch.levels(NETWORK, END)).raised
    with store.read() as tx:
        alarms = {(one.rule, one.element): one for one in tx.grid.alarms(lasting=True)}
    assert (rule, group) in alarms
    assert alarms[rule, group].id in raised
    assert alarms[rule, group].said.startswith(f"{group}: the head ")
    assert not {key for key in alarms if key[0] != Suspicion.LOAD and key != (rule, group)} - {("false-data", group)}
    again = GridWatch(store, 900, "Europe/Berlin")
    assert again.levels(NETWORK, END) == watch.levels(NETWORK, END), "after a restart it suspects the same"


def test_homes_that_are_late_half_of_the_time_do_not_blind_it(street: Street, tmp_path: Path) -> None:
    late = np.random.default_rng(5).random((len(NETWORK.groups), len(street.window))) < 0.5
    late[:, -8:] = False
    store = open_platform(tmp_path / "late.db", ManualClock(END * 900.0))
    with store.begin() as tx:
        rows = zip(street.totals(), late, strict=True)
        tx.totals.put_totals([replace(one, homes=one.homes - gone.astype(np.int32)) for one, gone in rows], b"question")
    watch = watch_of(store, street.measured(Fault(FaultKind.FALSE, "head-w Mill Lane", 4_000)))
    assert watch.standing(NETWORK, END).groups == NETWORK.groups
    assert ("false-data", "Mill Lane") in suspected(watch.levels(NETWORK, END))
    store.close()


def test_an_alarm_is_not_learnt_as_usual(street: Street, store: PlatformStore, quiet: list[Measurement]) -> None:
    begin, end = FIRST + 20 * DAY, FIRST + 32 * DAY
    wrong = [
        replace(one, value=one.value + 40_000) if one.element == "Mill Lane" and begin <= one.at // 900 < end else one
        for one in street.measured(Fault(FaultKind.FALSE, "head-w Mill Lane", 4_000))
    ]
    learnt = watch_of(store, wrong)
    assert ("false-data", "Mill Lane") not in suspected(learnt.levels(NETWORK, END)), "it takes the lie for usual"
    with store.begin() as tx:
        lie = Alarm("1", "false-data", "Mill Lane", Priority.HIGH, "false data", begin * 900.0, end * 900.0)
        tx.grid.raise_alarm(lie)
    fresh = GridWatch(store, 900, "Europe/Berlin")
    assert ("false-data", "Mill Lane") in suspected(fresh.levels(NETWORK, END))
