"""`quietgrid grid`: import, check, draw, show, undo, export, on a platform's own database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quietgrid.balance.findings import Severity, findings
from quietgrid.cli.entry import run
from quietgrid.demo import demo_network
from quietgrid.runtime.grid_network import unpack
from quietgrid.store import open_platform
from quietgrid.wire.grid import read_grid
from tests.wire.grid.networks import GRIDS, assert_same

RURAL, URBAN = str(GRIDS / "rural3"), str(GRIDS / "urban6.pandapower.json")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A platform's database, empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUIETGRID_STATE", "state")
    (tmp_path / "state" / "platform").mkdir(parents=True)
    open_platform(tmp_path / "state" / "platform" / "platform.db").close()
    return tmp_path / "state"


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    """Run a command with --json; its object."""
    assert run(["grid", *words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_import_show_undo(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["grid", "show"]) == 3
    assert "no grid is in force" in capsys.readouterr().err
    first = said(capsys, "import", RURAL, "--groups", "feeders", "--by", "ada")
    assert (first["version"], first["changed"], first["nodes"]) == (1, True, 129)
    again = said(capsys, "import", RURAL, "--groups", "feeders")
    assert (again["version"], again["changed"]) == (1, False)
    assert said(capsys, "import", URBAN)["version"] == 2
    back = said(capsys, "undo")
    assert back == {"version": 3, "again": 1}
    shown = said(capsys, "show")
    assert [(one["version"], one["by"]) for one in shown["versions"]] == [(3, "operator"), (2, "operator"), (1, "ada")]
    assert (shown["nodes"], len(shown["groups"])) == (129, 9)
    assert said(capsys, "undo")["again"] == 2
    assert said(capsys, "show")["nodes"] == 59
    assert run(["grid", "undo", "--to", "9"]) == 3
    with open_platform(state / "platform" / "platform.db").read() as tx:
        assert [one.action for one in tx.log.entries()] == ["grid.network"] * 4
        row = tx.grid.network()
    assert row is not None
    assert_same(unpack(row.body), read_grid(Path(URBAN)).network)


def test_a_grid_with_errors_is_not_put_in_force(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = json.loads(Path(URBAN).read_text())
    saved["_object"]["trafo"]["_object"] = saved["_object"]["trafo"]["_object"].replace(
        '"hv",0.0,-2.0,2.0', '"hv",0.0,3.0,5.0'
    )
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(saved))
    errors = [one for one in findings(read_grid(broken).network) if one.severity is Severity.ERROR]
    assert [one.rule for one in errors] == ["tap-range"]
    checked = said(capsys, "check", str(broken), code=2)
    assert checked["errors"] == 1
    assert run(["grid", "import", str(broken)]) == 2
    assert "tap -1" in capsys.readouterr().err
    assert run(["grid", "show"]) == 3


def test_groups_from_a_file(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = read_grid(Path(RURAL)).network.nodes.names
    groups = tmp_path / "groups.csv"
    groups.write_text(
        "node,group\n" + "".join(f"{name},{'East' if at % 2 else 'West'}\n" for at, name in enumerate(names[2:]))
    )
    said(capsys, "import", RURAL, "--groups", str(groups))
    assert [one["group"] for one in said(capsys, "show")["groups"]] == ["West", "East"]
    groups.write_text("node,group\nNowhere,East\n")
    assert run(["grid", "check", RURAL, "--groups", str(groups)]) == 2
    assert "groups.csv, line 2, column node" in capsys.readouterr().err


def test_check_says_what_is_odd(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["grid", "check", "demo"]) == 0
    out = capsys.readouterr().out
    assert "Sample community: 131 nodes, 129 lines, 1 transformer, 205 units, 4 groups" in out
    assert "[group-behind-group]" in out
    assert said(capsys, "check", RURAL)["findings"][0]["rule"] == "no-group"
    assert said(capsys, "check", RURAL, "--groups", "feeders")["findings"] == []


def test_draw_and_export(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "draw", "demo", "--mean", "--out", "a.svg", "--width", "390")
    svg = (tmp_path / "a.svg").read_text()
    assert svg.startswith("<svg ")
    assert "within limits" in svg
    said(capsys, "import", "demo")
    said(capsys, "draw", "--map", "--out", "b.svg")
    assert (tmp_path / "b.svg").read_text().count("<g id=") == 131 + 130
    said(capsys, "export", "--out", "grid.json")
    assert_same(read_grid(tmp_path / "grid.json").network, demo_network())
    assert run(["grid", "draw", "demo", "--out", "nowhere/c.svg"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_no_community_no_grid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["grid", "show", "--state", "empty"]) == 2
    assert "there is no community here" in capsys.readouterr().err
