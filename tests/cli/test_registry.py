"""`meter replace`, `party list|move`, `household backup|restore` and `up --source`, on a demo's state folder."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path

import pytest

from quietgrid.cli.entry import run
from quietgrid.household import Vault
from quietgrid.lab.changes import State
from quietgrid.lab.demo_state import prepare
from quietgrid.model.closed import GateRules

HOMES = 16


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A demo that was never started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUIETGRID_STATE", "state")
    prepare(tmp_path / "state", HOMES, 1, GateRules())
    return tmp_path / "state"


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, object]:
    """Run a command with --json; its object."""
    assert run([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_meter_is_replaced_while_the_demo_stands(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = State(demo).plan
    out = said(capsys, "meter", "replace", "3")
    assert (out["home"], out["first"]) == (3, "2016-06-01 00:00")
    plan = State(demo).plan
    assert [seat.pid for seat in plan.seats] == [out["old"], out["new"]]
    assert len(plan.enrolments) == len(before.enrolments) + 1
    members, evidence = State(demo).newest()[-1]
    assert (members.revision, len(members), len(evidence)) == (1, HOMES + 1, HOMES + 1)
    assert [meter.pid for meter in Vault(demo / "households" / "3").meters()].count(out["new"]) == 1
    again = said(capsys, "meter", "replace", "3")
    assert again["old"] == out["new"], "the newest meter is the one that is replaced"
    assert run(["meter", "replace", "99"]) == 3
    assert "there is no such home here" in capsys.readouterr().err


def test_nothing_is_replaced_while_the_demo_runs(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (demo / "run").mkdir(exist_ok=True)
    (demo / "run" / "up.pid").write_text(str(os.getpid()))
    before = (demo / "commissioning").read_bytes()
    assert run(["meter", "replace", "3"]) != 0
    assert "the demo is running" in capsys.readouterr().err
    assert (demo / "commissioning").read_bytes() == before


def test_moves_are_queued_and_told_when(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for home in range(1, 5):
        out = said(capsys, "party", "move", str(home), "--to", f"Family {home}")
        assert (out["queued"], out["needed"], out["ready"], out["from"]) == (home, 5, False, "2016-08-01 00:00")
    assert run(["party", "move", "4", "--to", "Somebody"]) != 0
    assert run(["party", "move", "5", "--to", " "]) == 2
    capsys.readouterr()
    assert said(capsys, "party", "move", "5", "--to", "Family 5")["ready"] is True
    assert run(["party", "list"]) == 0
    assert "Orchard Hill 5" in capsys.readouterr().out, "nobody has moved yet"


def test_a_vault_comes_back_from_file_and_code(
    demo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Vault(demo / "households" / "7")
    keys, meters = vault.identity.public, vault.meters()
    out = said(capsys, "household", "backup", "7")
    path = Path(str(out["file"]))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert meters[0].roots not in path.read_bytes()
    assert run(["household", "backup", "7"]) != 0, "a backup is never overwritten"
    capsys.readouterr()

    code = str(out["code"])
    monkeypatch.setattr("sys.stdin", io.StringIO(code + "\n"))
    assert run(["household", "restore", str(path)]) != 0, "the vault is there"
    vault.erase()
    monkeypatch.setattr("sys.stdin", io.StringIO(code.replace(code[0], "A" if code[0] != "A" else "B") + "\n"))
    assert run(["household", "restore", str(path)]) != 0
    assert not (demo / "households" / "7").exists()
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.StringIO(code + "\n"))
    assert said(capsys, "household", "restore", str(path)) == {"home": 7, "meters": 1}
    back = Vault(demo / "households" / "7")
    assert (back.identity.public, back.meters()) == (keys, meters)


def test_up_refuses_a_file_that_is_none_of_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.npz").write_bytes(b"nothing")
    assert run(["up", "--source", "own.npz", "--state", "own"]) != 0
    assert "make it by `quietgrid import`" in capsys.readouterr().err
    assert not Path("own").exists(), "nothing was made"
