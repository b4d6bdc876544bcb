"""`quietgrid vote` and `quietgrid asset` as they are typed, beside a platform whose chain thread is this test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quietgrid.chain.built import safe_is_there
from quietgrid.chain.node import Anvil
from quietgrid.cli.entry import run
from quietgrid.runtime.chain_at import ChainFolder, chain_at
from quietgrid.runtime.founding import Folders, platform_database
from quietgrid.runtime.onchain import OnChain
from quietgrid.store import open_platform
from tests.chain.conftest import _anvil_is_there, anvil  # noqa: F401  (fixtures)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)"),
]
Typed = Callable[..., dict[str, Any]]
Refused = Callable[..., tuple[int, str]]


@pytest.fixture
def onchain(anvil: Anvil, tmp_path: Path) -> Iterator[OnChain]:  # noqa: F811
    store = open_platform(platform_database(Folders(tmp_path), ""))
    yield chain_at(ChainFolder(tmp_path / "chain"), anvil.url, store)
    store.close()


@pytest.fixture
def typed(onchain: OnChain, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Runs a command, takes what the chain says, returns its JSON."""

    def call(*words: str) -> dict[str, Any]:
        onchain.step()
        capsys.readouterr()
        assert run([*words, "--state", str(tmp_path), "--rpc", onchain.node.url, "--json"]) == 0
        said: dict[str, Any] = json.loads(capsys.readouterr().out)
        onchain.step()
        return said

    return call


@pytest.fixture
def refused(onchain: OnChain, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs a command that fails: its exit code, and its one line."""

    def call(*words: str) -> tuple[int, str]:
        onchain.step()
        capsys.readouterr()
        code = run([*words, "--state", str(tmp_path), "--rpc", onchain.node.url])
        return code, capsys.readouterr().err

    return call


def later(onchain: OnChain, seconds: int) -> None:
    onchain.node.ask("evm_increaseTime", seconds)
    onchain.node.ask("evm_mine")


def test_a_vote_by_hand(typed: Typed, refused: Refused, onchain: OnChain) -> None:
    assert typed("vote", "list")["proposals"] == []
    code, line = refused("vote", "propose", "publish-everything", "5", "--why", "x")
    assert (code, "publish-budget" in line) == (2, True), line
    code, line = refused("vote", "propose", "publish-budget", "5", "--why", "x", "--by", "nobody")
    assert (code, "member-0" in line) == (3, True), line
    later(onchain, 2)  # who proposes must have had GRID a second ago
    typed("vote", "propose", "publish-budget", "5.5", "--why", "A little less")
    later(onchain, 3)
    for n in range(2):
        typed("vote", "cast", "1", "for", "--by", f"member-{n}")
    (found,) = typed("vote", "list")["proposals"]
    assert found["effects"] == ["publish budget 6 → 5.5 epsilon a home and year"]
    assert found["votes"]["for"] == str(2_000 * 10**18)
    later(onchain, 90)
    typed("vote", "queue", "1")
    assert refused("vote", "execute", "1")[0] == 4
    later(onchain, 25)
    typed("vote", "execute", found["id"])
    to = onchain.people and next(iter(onchain.people))
    typed("vote", "propose-payment", to, "12.50", "--why", "An inverter")
    typed("vote", "propose-role", "guardian", to, "--why", "One more watches")
    typed("vote", "propose-role", "guardian", to, "--take", "--why", "One less watches")
    code, line = refused("vote", "propose-role", "king", to, "--why", "x")
    assert (code, "guardian" in line) == (2, True), line
    assert refused("vote", "propose-payment", "0x12", "5", "--why", "x")[0] == 2
    assert refused("vote", "propose-payment", to, "0", "--why", "x")[0] == 2
    effects = [one["effects"][0] for one in typed("vote", "list")["proposals"][:3]]
    assert [words.split(" ", 1)[1] for words in effects[:2]] == ["is guardian no more", "becomes guardian"]
    assert effects[2].startswith("EnergyToken.transfer")
    assert effects[2].endswith("12500000")
    assert typed("vote", "give", to, "7")["grid"] == 7
    said = typed("vote", "list")
    assert said["proposals"][-1]["state"] == "executed"
    assert {one["key"]: one["value"] for one in said["parameters"]}["publish-budget"] == 5.5


def test_an_asset_by_hand(typed: Typed, refused: Refused, onchain: OnChain, tmp_path: Path) -> None:
    words = ["asset", "register", "7", "--kind", "storage", "--capacity-kw", "100", "--storage-kwh", "215"]
    words += ["--place", "Mill Street 3", "--share", "member-0=600", "--share", "member-1=400"]
    typed(*words)
    (found,) = typed("asset", "list")["assets"]
    assert (found["number"], found["kind"], found["storage_wh"], found["shares"]) == (7, "storage", 215_000, 1_000)
    code, line = refused(*[word if word != "Mill Street 3" else "Mill Street 5" for word in words])
    assert (code, "another place" in line) == (2, True), line

    typed("asset", "permit", "7", "guardian-0", "maintainer", "--days", "30")
    done = tmp_path / "works.txt"
    done.write_text("Inverter changed\n\nFuse checked\n", encoding="utf-8")
    block = onchain.node.block()
    assert block is not None
    start, end = (f"{datetime.fromtimestamp(block.timestamp - ago, UTC):%Y-%m-%dT%H:%M:%SZ}" for ago in (7_200, 3_600))
    maintain = ["asset", "maintain", "7", "--records", str(done), "--start", start, "--end", end, "--by", "guardian-0"]
    first, again = typed(*maintain), typed(*maintain)
    assert (first["works"], first["root"]) == (2, again["root"])
    done.write_text("Something else\n", encoding="utf-8")
    code, line = refused(*maintain)
    assert (code, "other records" in line) == (2, True), line

    typed("asset", "permit", "7", "guardian-0", "operator", "--days", "30")
    begun = f"{datetime.fromtimestamp(block.timestamp - 2 * 86_400, UTC):%Y-%m-%dT%H:%M:%SZ}"
    done.write_text("Mon 120.1 kWh\nTue 92.3 kWh\n", encoding="utf-8")
    words = ["asset", "produce", "7", "--kwh", "212.4", "--records", str(done), "--by", "guardian-0", "--start", begun]
    assert typed(*words, "--end", end)["produced_wh"] == 212_400
    code, line = refused(*words[:3], "--kwh", "99999", *words[5:], "--end", end)
    assert (code, "Implausible" in line) == (4, True), line

    typed("asset", "transfer-share", "7", "100", "--by", "member-0", "--to", "member-4")
    code, line = refused("asset", "revenue", "7", "--pay", "10", "--by", "supplier")
    assert (code, "reference" in line) == (2, True), line
    code, line = refused("asset", "revenue", "7", "--pay", "10", "--reference", "March", "--by", "member-3")
    assert (code, "ERC20InsufficientBalance" in line) == (4, True), line
    (found,) = typed("asset", "list")["assets"]
    assert {one["holder"]: one["shares"] for one in found["holders"]} == {
        "member-0": 500, "member-1": 400, "member-4": 100
    }  # fmt: skip
    assert [one["history"] for one in found["history"]] == ["maintenance", "production"]
    assert {(one["account"], one["permission"]) for one in found["permissions"]} == {
        ("OperatorSafe", "steward"), ("guardian-0", "maintainer"), ("guardian-0", "operator")
    }  # fmt: skip
    assert typed("asset", "revenue", "7", "--claim", "all", "--by", "member-0")["transactions"]
