"""`contracts/js` connects to the contracts, and its example of a two-of-three operation runs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "contracts" / "js"


def node(*words: str) -> str:
    """What node prints; it must succeed."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("there is no node")
    if not (FOLDER.parent / "node_modules" / "ethers").is_dir():
        pytest.skip("contracts is not installed: run npm ci there")
    done = subprocess.run([program, *words], cwd=FOLDER, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_its_own_tests_pass() -> None:
    printed = node("--test", "--test-reporter=tap")
    counts = dict(re.findall(r"^# (\w+) (\d+)$", printed, re.MULTILINE))
    written = sum(path.read_text(encoding="utf-8").count("\ntest(") for path in (FOLDER / "test").glob("*.js"))
    assert int(counts["pass"]) == written > 0
    assert counts["fail"] == counts["skipped"] == "0"


@pytest.mark.slow
def test_two_of_three_operate() -> None:
    assert node("examples/two-of-three.mjs").startswith("one signature: refused; two: asset 1 belongs to 0x")
