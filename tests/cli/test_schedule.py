"""`quietgrid schedule`: a plan from a file, the list, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quietgrid.cli.entry import run
from quietgrid.crypto.public.fhe import is_built
from tests.conftest import NO_FHE


@pytest.fixture
def loads(tmp_path: Path) -> str:
    rows = [(300, 10, 1), (200, 20, 2), (900, 300, 9), (1_500, 400, 10)]
    text = "load_wh,price,cost\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows)
    (tmp_path / "loads.csv").write_text(text)
    return str(tmp_path / "loads.csv")


def test_a_plan_from_a_file(loads: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schedule", loads, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["before_wh"] == [300, 200, 900, 1_500]
    assert said["after_wh"] == [b + 250 * m for b, m in zip(said["before_wh"], said["moves"], strict=True)]
    assert said["peak_after_wh"] == 1_250
    assert run(["schedule", loads, "--algorithm", "cheapest", "--picks", "2"]) == 0
    text = capsys.readouterr().out
    assert "charge" in text
    assert "highest interval: 1500 Wh before" in text


@pytest.mark.slow
@pytest.mark.skipif(not is_built(), reason=NO_FHE)
def test_the_same_on_ciphertexts(loads: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schedule", loads, "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert run(["schedule", loads, "--json", "--encrypted"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["moves"] == plain["moves"]
    assert found["question_bytes"] > 0


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schedule", "algorithms", "--json"]) == 0
    assert {"greedy", "cheapest", "flatten", "prefer", "shave"} <= set(
        json.loads(capsys.readouterr().out)["algorithms"]
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "loads"), ("load_wh\n1\n", "2 to 96"), ("price\n1\n2\n", "load_wh"), ("load_wh\n1\nx\n", "whole numbers"),
        ("load_wh\n1\n-2\n", "below zero"), ("load_wh\n1\n99999999\n", "16-bit"), ("load_wh\n" + "1\n" * 97, "96"),
    ],
)  # fmt: skip
def test_what_cannot_be_planned(tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "loads.csv"
    path.write_text(text)
    assert run(["schedule", str(path)]) != 0
    assert words in capsys.readouterr().err


def test_an_unknown_algorithm(loads: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schedule", loads, "--algorithm", "magic"]) != 0
    assert "magic" in capsys.readouterr().err
