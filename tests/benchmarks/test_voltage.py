"""`voltage`: days of the sample's grid: violations go, energy is counted, shares differ as they should."""

from __future__ import annotations

import json

import pytest

from benchmarks import __main__ as command


@pytest.mark.slow
def test_stages_take_violations_away(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["voltage", "--quick", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = found["stages"]
    assert all(line["holds"] for line in found["bars"]), found["bars"]
    assert rows["none"]["violations"] > 0
    assert rows["none"]["curtailed_mwh"] == rows["tap changer"]["curtailed_mwh"] == 0
    assert all(rows[name]["violations"] < rows["none"]["violations"] for name in ("tap changer", "Q(U)", "P(U)", "all"))
    assert rows["tap changer"]["tap_operations"] > 0
    assert rows["Q(U)"]["losses_mwh"] >= rows["none"]["losses_mwh"]
    assert rows["curtailment, least"]["fairness"] < rows["curtailment, proportional"]["fairness"]
