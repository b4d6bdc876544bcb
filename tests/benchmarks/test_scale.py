"""`scale` and `simulate`: they run, check themselves, and print the object of the design."""

from __future__ import annotations

import json

import pytest

from benchmarks import __main__ as command


def test_scale_grows_and_keeps_its_memory(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["scale", "--quick", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [size["homes"] for size in found["growth"]] == [1_000, 10_000]
    assert [size["numbers_opened"] for size in found["growth"]] == [34 * 96 + 4 * 1_000, 334 * 96 + 4 * 10_000]
    assert all({"what", "need", "got", "holds"} == set(line) for line in found["bars"])


@pytest.mark.slow
def test_simulate_is_exact(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["simulate", "--quick", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ours"]["wall_s"] > 0
    assert found["ours"]["readings_sealed"] > 120 * 90
