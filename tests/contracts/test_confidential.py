"""`contracts/confidential` compiles and passes its own tests, offline, where it is installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "contracts" / "confidential"
HARDHAT = FOLDER / "node_modules" / "hardhat" / "internal" / "cli" / "bootstrap.js"
NOT_INSTALLED = "contracts/confidential is not installed: run npm ci --ignore-scripts there (360 MB)"


def hardhat(*words: str) -> str:
    """What hardhat prints; it must succeed.

    The proxies lead nowhere, so that a download would fail rather than go unnoticed.
    """
    node = shutil.which("node")
    if node is None or not HARDHAT.is_file():
        pytest.skip(NOT_INSTALLED)
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [node, str(HARDHAT), *words], cwd=FOLDER, capture_output=True, text=True, timeout=500, check=False,
        env={**os.environ, **nowhere, "HARDHAT_DISABLE_TELEMETRY_PROMPT": "true", "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_it_compiles_and_its_tests_pass() -> None:
    hardhat("compile", "--force")
    printed = hardhat("test", "--no-compile")
    passing = re.search(r"(\d+) passing", printed)
    assert passing, printed
    written = sum(path.read_text(encoding="utf-8").count("\n  it(") for path in (FOLDER / "test").glob("*.cjs"))
    assert int(passing.group(1)) == written > 0
    assert "failing" not in printed
    assert "pending" not in printed


@pytest.mark.slow
def test_the_seeds_functions_are_there() -> None:
    hardhat("compile")
    built = FOLDER / "artifacts" / "contracts" / "PrivateEnergyGridBalance.sol" / "PrivateEnergyGridBalance.json"
    abi = json.loads(built.read_text(encoding="utf-8"))["abi"]
    names = {entry["name"] for entry in abi if entry["type"] == "function"}
    assert {"submitLoad", "scheduleEnergy", "calculateStorage"} <= names


def test_its_lock_names_no_host() -> None:
    text = (FOLDER / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in text
    for name, entry in json.loads(text)["packages"].items():
        assert "resolved" not in entry, name
        assert not name or entry["integrity"].startswith("sha512-"), name
