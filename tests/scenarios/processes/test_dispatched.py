"""The running demo: two people dispatch a plan, homes fetch their shares, batteries move, opened totals show it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietgrid.demo.sample import behind
from quietgrid.lab.devices import FILE, Doings
from quietgrid.lab.fleet import Faults
from quietgrid.lab.gateway import found_plant
from quietgrid.lab.source import rows_of
from quietgrid.lab.up import PEOPLE, Ports, people_links, supervise
from quietgrid.model.interval import Window
from quietgrid.model.operation import BalancePlan
from quietgrid.runtime.clock import ClockFile
from quietgrid.runtime.founding import platform_database
from quietgrid.runtime.grid_totals import group_totals
from quietgrid.store import open_platform
from tests.scenarios.processes.small import HOMES, Small, low_ports, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_600)]
PATIENCE_S = 400.0
PACE_S, FOLLOWED_S = 2.0, 1_800.0
HOURS, FOLLOWED = "48", 48
"""Of the plan, so that it does not lapse while people decide on a slow machine; intervals that are looked at."""
ANALYST, OPERATOR = PEOPLE[0][0], PEOPLE[2][0]


class Steered(Small):
    """A small demo whose meters have a port and whose grid is simulated."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, days=7)
        found_plant(self.state, self.demo.plan)
        ports = low_ports(6)
        self.ports = Ports(ports[0], ports[1], (ports[2], ports[3], ports[4]), ports[5])
        people_links(self.demo, self.ports)
        (self.state / "run").mkdir(exist_ok=True)
        named = {"platform": ports[0], "household": ports[1], "keyholders": ports[2:5], "meters": ports[5], "chain": 0}
        (self.state / "run" / "ports.json").write_text(json.dumps(named))
        self.supervisor = supervise(self.state, self.ports, PACE_S)
        for child in [one for one in self.supervisor._children if one.name.startswith("reporter")]:
            self.supervisor._children.remove(child)
        self.supervisor.start()

    def run(self, *words: str) -> dict[str, Any]:
        """A command on the state folder; what it says."""
        command = [sys.executable, "-m", "quietgrid", *words, "--state", str(self.state), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr + self.logs()
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def now(self) -> float:
        """The community's time."""
        return ClockFile(self.state / "clock").now()

    def plan(self, number: int) -> BalancePlan:
        """A plan, from the platform's database, which is only read."""
        store = open_platform(platform_database(self.demo.folders))
        try:
            with store.read() as tx:
                return tx.grid.plan(number)
        finally:
            store.close()

    def power(self, group: str, window: Window) -> list[int] | None:
        """What opened of a group, W; None while not all did."""
        store = open_platform(platform_database(self.demo.folders))
        try:
            with store.read() as tx:
                found = group_totals(tx, [group], window)
                return found.power_w[0].tolist() if found.known.all() else None
        finally:
            store.close()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steered]:
    one = Steered(tmp_path_factory.mktemp("steered"))
    try:
        one.wait_phase("live", PATIENCE_S)
        yield one
    finally:
        one.stop()


def test_a_dispatched_plan_is_seen_in_totals_and_at_home(town: Steered) -> None:
    stored = behind(HOMES, Window(town.demo.plan.first, town.demo.plan.first + 1, 900))
    homes = [int(row) + 1 for row, size in zip(stored.rows, stored.capacity_wh, strict=True) if size]
    out = homes[0]
    assert town.run("device", str(out), "--no-follow")["follow"] is False
    until(lambda: town.run("grid", "status")["latest"], PATIENCE_S, town.logs())
    town.run("grid", "balance", "--by", OPERATOR, "--why", "evening peak", "--aim", "peak", "--hours", HOURS)
    town.run("grid", "approve", "1", "--by", ANALYST)
    plan = town.plan(1)
    group = next(one for one in plan.proposal.groups if one.storage_w)
    done = until(lambda: town.run("device", str(homes[1]))["done"], PATIENCE_S, town.logs())
    told = int(datetime.fromisoformat(done[0]["start"]).timestamp()) // 900 + 2  # by then all of that round were told
    first = max(told, plan.proposal.window.first)
    window = Window(first, min(first + FOLLOWED, plan.proposal.window.end), 900)
    planned = np.array(group.storage_w)[first - plan.proposal.window.first :][: len(window)]
    assert np.abs(planned).sum() > 0, "it came too late for the plan"
    seen = until(lambda: town.power(group.group, window), FOLLOWED_S, town.logs())
    doings = Doings(town.state / "fleet" / FILE)
    doings.refresh()
    rows = rows_of("sample", HOMES)
    followed, rest = (r.imported_wh - r.exported_wh for r in (doings.applied(rows(window)), rows(window)))
    there = present(window)
    assert seen == ((followed * there).sum(axis=0) * 4).tolist(), "what opened is what meters saw, late ones left out"
    changed = (followed - rest).sum(axis=0) * 4
    assert (changed * planned).sum() > 0, "in the direction that was planned"
    assert np.abs(changed[planned != 0]).sum() > 0.1 * np.abs(planned).sum()
    assert not (followed - rest)[out - 1].any(), "it opted out"
    assert town.run("device", str(homes[1]))["follow"] is True
    assert town.run("device", str(out))["done"] == []


def present(window: Window) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Which readings are in time, of the demo's faults: homes whose day is late are not in its totals (yet)."""
    faults = Faults()
    there = np.ones((HOMES, len(window)), np.bool_)
    for at, slot in enumerate(range(window.first, window.end)):
        day, within = divmod(slot, 96)
        for row in range(HOMES):
            lost = faults.lost(row + 1, day)
            gone = lost is not None and lost <= within < lost + 5
            there[row, at] = not (faults.late(row + 1, day) or gone)
    return there
