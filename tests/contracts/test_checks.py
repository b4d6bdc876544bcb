"""The contracts: what is committed is what the sources give, forge's tests, gas, proofs, static analysis.

Node's parts come with `make test`; halmos and slither are AGPL programs that `make contracts-tools` puts into an
environment of their own. What is not there is skipped, and says so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "contracts"
TOOLS = ROOT / ".venv" / "contracts" / "bin"
SOURCES = sorted((CONTRACTS / "src").rglob("*.sol"))
NO_NODE = "node or contracts/node_modules is missing: make test installs both"
NO_TOOLS = "halmos and slither are missing: make contracts-tools installs them"


def run(words: Sequence[str | Path], folder: Path = CONTRACTS, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None or not (CONTRACTS / "node_modules" / "solc").is_dir():
        pytest.skip(NO_NODE)
    return found


@pytest.fixture
def workshop(node: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """A copy of the contracts for tools that build in their own way, and an environment in which they find forge.

    Not under pytest's own folder: the filter below leaves out every path with "test" in it.
    """
    with tempfile.TemporaryDirectory(prefix="workshop-") as folder:
        yield fill(node, Path(folder))


def fill(node: str, folder: Path) -> tuple[Path, dict[str, str]]:
    forge = next((CONTRACTS / "node_modules" / "@foundry-rs").glob("forge-*/bin"), None)
    if forge is None or not (TOOLS / "halmos").exists() or not (TOOLS / "slither").exists():
        pytest.skip(NO_TOOLS)
    copy = folder / "contracts"
    copy.mkdir()
    for name in ("src", "test", "tools"):
        shutil.copytree(CONTRACTS / name, copy / name)
    shutil.copy(CONTRACTS / "foundry.toml", copy)
    shutil.copy(CONTRACTS / "package.json", copy)
    (copy / "node_modules").symlink_to(CONTRACTS / "node_modules")
    (folder / "vectors").symlink_to(ROOT / "vectors")
    return copy, {"PATH": f"{forge}:{Path(node).parent}:{os.environ['PATH']}"}


@pytest.mark.slow
def test_artifacts_sizes_and_storage_are_what_the_sources_compile_to(node: str) -> None:
    done = run([node, "tools/compile.mjs", "--check"])
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_forge(node: str) -> None:
    done = run([node, "tools/forge.mjs", "test"], NO_COLOR="1")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    passed = re.search(r"(\d+) tests passed, 0 failed, 0 skipped", done.stdout)
    assert passed, done.stdout[-2000:]
    written = sum(
        len(re.findall(r"function (?:test|invariant)\w*\(", path.read_text(encoding="utf-8")))
        for path in (CONTRACTS / "test").rglob("*.t.sol")
    )
    assert int(passed[1]) == written


@pytest.mark.slow
def test_gas_is_what_is_committed(node: str) -> None:
    done = run([node, "tools/gas.mjs", "--check"])
    assert done.returncode == 0, done.stderr


def test_gas_reaches_what_was_asked() -> None:
    gas = json.loads((CONTRACTS / "snapshots" / "gas.json").read_text(encoding="utf-8"))
    assert gas["settlement of 1,000 trades, 100 parties: a trade"] <= 1_000
    assert gas["reward root, 1,000 homes"] == gas["reward root, 100,000 homes"]
    claims = {name: figure for name, figure in gas.items() if "claim" in name and " at once" not in name}
    assert {"claim, 1,000 homes, fresh address", "claim, 100,000 homes, fresh address"} <= set(claims)
    assert max(claims.values()) <= 65_000
    a_year = gas["claim, 1,000 homes, fresh address"] + 11 * gas["claim, 1,000 homes, a later one"]
    assert a_year + gas["withdrawal, to an address that held nothing"] <= 12 * 65_000  # the tokens in hand


def test_every_deployable_contract_has_a_size_and_a_layout() -> None:
    sizes = json.loads((CONTRACTS / "snapshots" / "sizes.json").read_text(encoding="utf-8"))
    layouts = json.loads((CONTRACTS / "snapshots" / "storage.json").read_text(encoding="utf-8"))
    built = {path.stem for path in (ROOT / "src" / "quietgrid" / "chain" / "artifacts").glob("*.json")}
    assert built == set(sizes)
    assert set(layouts) <= built
    assert max(sizes.values()) <= 24_576


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_halmos_proves_the_arithmetic(workshop: tuple[Path, dict[str, str]]) -> None:
    copy, env = workshop
    bounds = ["--loop", "4", "--solver-timeout-assertion", "120000"]  # three parties a batch
    done = run([TOOLS / "halmos", "--root", ".", "--match-contract", "Proofs$", *bounds], copy, **env)
    printed = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    assert done.returncode == 0, printed[-3000:] + done.stderr[-2000:]
    proved = set(re.findall(r"\[PASS\] (check_\w+)", printed))
    written = {
        name
        for path in (CONTRACTS / "test" / "proofs").glob("*.sol")
        for name in re.findall(r"function (check_\w+)", path.read_text(encoding="utf-8"))
    }
    assert proved == written
    assert written
    assert "not been fully explored" not in re.sub(r"\s+", " ", printed + done.stderr)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_slither_finds_nothing_of_weight(workshop: tuple[Path, dict[str, str]]) -> None:
    """High and medium findings are none, but those explained in contracts/slither.json."""
    copy, env = workshop
    report = copy / "report.json"
    words = [TOOLS / "slither", ".", "--filter-paths", "node_modules|test/", "--json", report, "--fail-none"]
    weight = ["--exclude-informational", "--exclude-low", "--exclude-optimization"]
    done = run([*words, *weight], copy, **env)
    analysed = re.search(r"analyzed \((\d+) contracts", done.stderr)
    assert analysed, done.stderr[-3000:]
    assert int(analysed[1]) >= len(SOURCES), "slither did not see the contracts"
    found = json.loads(report.read_text(encoding="utf-8"))["results"].get("detectors", [])
    explained = json.loads((CONTRACTS / "slither.json").read_text(encoding="utf-8"))
    new = [one["description"] for one in found if place(one) not in explained]
    assert not new, "".join(new)
    assert {place(one) for one in found} == set(explained), "an explanation explains nothing any more"


def place(finding: dict[str, Any]) -> str:
    """What a finding is, and in which contract and function."""
    element = next(one for one in finding["elements"] if one["type"] in ("function", "variable", "contract"))
    above = element["type_specific_fields"].get("parent", {}).get("name", "")
    return f"{finding['check']}: {above}.{element['name']}" if above else f"{finding['check']}: {element['name']}"
