"""The watch for attacks in a running demo: five weeks of replayed history, an honest grid, then a plant that lies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from quietgrid.algorithms.detection import Suspicion
from quietgrid.demo import demo_network
from quietgrid.lab.gateway import found_plant
from quietgrid.lab.plant import Fault, FaultKind, write_faults
from quietgrid.lab.up import supervise
from quietgrid.model.grid import Alarm
from quietgrid.runtime.clock import ClockFile
from quietgrid.runtime.founding import platform_database
from quietgrid.store import open_platform
from tests.scenarios.processes.small import HOMES, Small, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_600)]
DAYS, PACE_S, PATIENCE_S = 36, 0.4, 900.0
GROUP = demo_network(HOMES).groups[0]
HONEST_S = 6 * 3600.0
"""So long the honest grid is watched, in the community's time."""
ATTACKS = (
    (Fault(FaultKind.FALSE, f"head-w {GROUP}", 8_000), Suspicion.FALSE_DATA),
    (Fault(FaultKind.ALTERED, GROUP, 8_000), Suspicion.FALSE_DATA),  # behind the head, past the meters
    (Fault(FaultKind.REPLAYED, f"head-w {GROUP}"), Suspicion.REPLAY),
)


class Watched(Small):
    """A small demo with five weeks of history, and its plant."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, DAYS, pace_s=PACE_S)
        assert found_plant(self.state, self.demo.plan)
        self.supervisor = supervise(self.state, self.ports, PACE_S)
        self.supervisor.start()

    def now(self) -> float:
        """The community's time."""
        return ClockFile(self.state / "clock").now()

    def groups(self) -> int:
        """How many groups are watched, as Prometheus is told."""
        text = httpx.get(self.url("platform") + "/metrics", timeout=60, trust_env=False).text
        found = re.search(r"^quietgrid_grid_watched_groups (\d+)$", text, re.MULTILINE)
        assert found is not None
        return int(found[1])

    def alarms(self, *, lasting: bool) -> list[Alarm]:
        """What the watch raised."""
        store = open_platform(platform_database(self.demo.folders))
        try:
            with store.read() as tx:
                found = tx.grid.alarms(lasting=lasting)
        finally:
            store.close()
        return [one for one in found if one.rule in set(Suspicion)]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Watched]:
    one = Watched(tmp_path)
    try:
        yield one
    finally:
        one.stop()


def test_an_honest_grid_is_quiet_and_each_lie_is_an_alarm_until_it_ends(town: Watched) -> None:
    orders = town.state / "control" / "plant.faults"
    until(town.health, PATIENCE_S, town.logs())
    assert town.groups() == 0, "it learns"
    town.wait_phase("live", PATIENCE_S)
    until(lambda: town.groups() > 0, PATIENCE_S, town.logs())
    live = town.now()
    until(lambda: town.now() > live + HONEST_S, PATIENCE_S, town.logs())
    assert town.alarms(lasting=False) == []
    for fault, rule in ATTACKS:
        began = town.now()
        write_faults(orders, [fault])
        alarm = until(partial(of, town, rule, lasting=True), PATIENCE_S, f"{fault.kind}: {town.logs()}")
        write_faults(orders, [])
        until(lambda: not town.alarms(lasting=True), PATIENCE_S, f"{fault.kind} ends: {town.logs()}")
        over = next(one for one in town.alarms(lasting=False) if one.id == alarm.id)
        assert over.since >= began
        assert over.until is not None
        assert over.said.startswith(f"{GROUP}: the head ")


def of(town: Watched, rule: Suspicion, *, lasting: bool) -> Alarm | None:
    """The newest alarm of a kind about the group."""
    found = [one for one in town.alarms(lasting=lasting) if (one.rule, one.element) == (rule.value, GROUP)]
    return max(found, key=lambda one: one.since, default=None)
