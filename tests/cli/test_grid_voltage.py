"""`quietgrid grid en50160`: weeks from kept states, as a table, JSON and CSV."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from quietgrid.cli.entry import run
from quietgrid.demo.grid import demo_network
from quietgrid.model.operation import Basis, GridState, GroupState
from quietgrid.runtime.founding import Folders, platform_database
from quietgrid.runtime.grid_network import pack
from quietgrid.store import open_platform

MONDAY_SLOT = 4 * 96 + 672 * 2_900


def test_weeks_are_said_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = demo_network()
    groups = tuple(GroupState(name, 0, 30, 0.97, 0.98, 1.0, 1.02, 1.11, 0.3) for name in network.groups)
    database = platform_database(Folders(tmp_path))
    store = open_platform(database)
    with store.begin() as tx:
        tx.grid.put_network(network.name, pack(network), "test")
        tx.grid.put_states([GridState(MONDAY_SLOT + 5, 900, Basis.MEASURED, True, groups, {}, 0, 0)])
    store.close()
    out = tmp_path / "weeks.csv"
    assert run(["grid", "en50160", "--state", str(tmp_path), "--csv", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [week["verdict"] for week in found["weeks"]] == ["broken"] * 4
    assert found["weeks"][0]["start"] == MONDAY_SLOT * 900
    assert found["weeks"][0]["gaps"] == 671
    assert len(list(csv.DictReader(out.open()))) == 4
    assert run(["grid", "en50160", "--state", str(tmp_path), "--weeks", "2"]) == 0
    said = capsys.readouterr().out
    assert "estimated bus voltages" in said
    assert "111.0%" in said
    assert "unknown" in said
    assert run(["grid", "en50160", "--state", str(tmp_path), "--weeks", "0"]) == 2
