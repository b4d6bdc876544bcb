"""`quietgrid grid frequency|island|shedding` on a platform's own database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quietgrid.cli.entry import run
from quietgrid.store import open_platform


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A platform's database with the sample's grid in force."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUIETGRID_STATE", "state")
    (tmp_path / "state" / "platform").mkdir(parents=True)
    open_platform(tmp_path / "state" / "platform" / "platform.db").close()
    assert run(["grid", "import", "demo"]) == 0
    capsys.readouterr()
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """Run a command with --json; its object."""
    assert run(["grid", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_island_with_and_without_the_community(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = said(capsys, "island", "--loss", "3")
    assert found["with"]["nadir_hz"] > found["alone"]["nadir_hz"] + 0.1
    assert found["loss_w"] == pytest.approx(0.03 * sum(max(load, 0) for load in found["load_w"].values()))
    assert run(["grid", "island"]) == 0
    assert "nothing is switched" in capsys.readouterr().out


def test_who_is_never_cut_is_in_no_stage(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("shedding", "--priority", "Mill Lane=0", "--priority", "Church Road=3")
    stages = said(capsys, *words)["stages"]
    named = [group for stage in stages for group in stage["groups"]]
    assert named[0] == "Church Road"
    assert "Mill Lane" not in named
    assert [stage["hz"] for stage in stages][:2] == [49.0, 48.8]
    assert run(["grid", "shedding", "--priority", "Mill Lane"]) == 2
    assert "Mill Lane=2" in capsys.readouterr().err


def test_a_file_of_measured_frequency(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{1767571200 + second},{49.9 if second > 60 else 50.0}" for second in range(3660)]
    (state / "f.csv").write_text("time,frequency\n" + "\n".join(lines) + "\n")
    found = said(capsys, "frequency", "f.csv")
    assert found["quality"]["lowest_hz"] == 49.9
    assert found["delivered"]["given_wh"] > 0
    assert run(["grid", "frequency", "nothing.csv"]) == 2


def test_without_a_grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUIETGRID_STATE", "state")
    (tmp_path / "state" / "platform").mkdir(parents=True)
    open_platform(tmp_path / "state" / "platform" / "platform.db").close()
    assert run(["grid", "island"]) == 3
    assert "no grid is in force" in capsys.readouterr().err
