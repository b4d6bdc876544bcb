"""`quietgrid plant`: its registers as a file, faults on purpose, what it says of words that fit nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quietgrid.cli.entry import run
from quietgrid.lab.demo_state import prepare
from quietgrid.model.closed import GateRules
from quietgrid.wire.telemetry import read_map


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plant") / "state"
    prepare(folder, 30, 0, GateRules())
    return folder


def said(capsys: pytest.CaptureFixture[str], state: Path, *words: str, code: int = 0) -> str:
    capsys.readouterr()
    assert run(["plant", *words, "--state", str(state)]) == code
    got = capsys.readouterr()
    return got.out if code == 0 else got.err


def test_the_map_is_one_the_platform_reads(capsys: pytest.CaptureFixture[str], state: Path, tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text(said(capsys, state, "map"))
    table = read_map(path)
    assert {r.element for r in table.of("measure")} >= {"Orchard Hill", "Transformer", "Bus 16"}
    assert table.of("set")
    assert len(table.of("watchdog")) == len(table.of("alive")) == 1


def test_faults_are_ordered_listed_and_ended(capsys: pytest.CaptureFixture[str], state: Path) -> None:
    assert "nothing is wrong" in said(capsys, state, "faults")
    said(capsys, state, "fault", "false", "head-w Orchard Hill", "--value", "5000")
    said(capsys, state, "fault", "altered", "Orchard Hill", "--value", "20000")
    said(capsys, state, "fault", "dead", "head-w Orchard Hill")
    assert json.loads(said(capsys, state, "faults", "--json"))["faults"] == [
        {"kind": "altered", "sensor": "Orchard Hill", "value": 20_000},
        {"kind": "dead", "sensor": "head-w Orchard Hill", "value": 0},
    ]
    assert "nothing is wrong" in said(capsys, state, "faults", "--clear")


def test_what_is_not_there_is_told(capsys: pytest.CaptureFixture[str], state: Path, tmp_path: Path) -> None:
    assert "there is no such fault" in said(capsys, state, "fault", "bored", "Orchard Hill", code=2)
    assert "no such sensor" in said(capsys, state, "fault", "dead", "home-7", code=2)
    assert "not commissioned" in said(capsys, tmp_path, "map", code=2)
