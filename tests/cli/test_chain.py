"""`quietgrid chain` against a node: deploying twice, looking, and what is said where there is no community."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quietgrid.chain.accounts import Account
from quietgrid.chain.built import safe_is_there
from quietgrid.chain.node import Anvil
from quietgrid.cli.entry import run
from quietgrid.runtime.founding import Folders, platform_database
from quietgrid.store import open_platform
from tests.chain.conftest import _anvil_is_there, anvil  # noqa: F401  (fixtures)


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert run([*words, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.slow
@pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)")
def test_deploy_look_and_check(anvil: Anvil, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    state = tmp_path / "state"
    where = ["--state", str(state), "--rpc", anvil.url]
    planned = said(capsys, "chain", "deploy", "--dry-run", *where)
    assert "deploy Settlement" in planned["missing"]  # type: ignore[operator]
    assert said(capsys, "chain", "deploy", "--dry-run", *where) == planned, "nothing was sent"
    done = said(capsys, "chain", "deploy", *where)
    assert done["did"] == planned["missing"]
    assert done["addresses"] == planned["addresses"]
    assert said(capsys, "chain", "deploy", *where)["did"] == []
    assert run(["chain", "check", *where]) == 2
    assert "there is no community here" in capsys.readouterr().err
    address = platform_database(Folders(state), "")
    assert isinstance(address, Path)
    assert not address.exists()
    address.parent.mkdir(parents=True)
    open_platform(address).close()
    assert said(capsys, "chain", "check", *where) == {"compared": 3, "holds": True, "different": []}
    assert said(capsys, "chain", "status", *where)["reachable"] is True
    assert said(capsys, "chain", "outbox", "--state", str(state)) == {"transactions": []}
    assert said(capsys, "chain", "events", "--state", str(state)) == {"events": []}


def test_what_did_not_fail_is_not_sent_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"
    address = platform_database(Folders(state), "")
    assert isinstance(address, Path)
    address.parent.mkdir(parents=True)
    store = open_platform(address)
    who = Account.generate().address
    with store.begin() as tx:
        tx.chain.queue("roots 1", who, who, b"", "DailyRoots.anchor")
    store.close()
    assert run(["chain", "retry", "roots 1", "--state", str(state)]) == 5
    assert "only what failed" in capsys.readouterr().err
    rows = said(capsys, "chain", "outbox", "--state", str(state))["transactions"]
    assert isinstance(rows, list)
    assert [(row["key"], row["state"]) for row in rows] == [("roots 1", "queued")]
