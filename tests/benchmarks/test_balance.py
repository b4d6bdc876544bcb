"""The benchmark of balancing runs at a small size and says what it is made of."""

from __future__ import annotations

import json

import pytest

from benchmarks import __main__ as command
from benchmarks.balance import operated
from benchmarks.balance_plot import drawing


@pytest.mark.slow
def test_a_quick_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["balance", "--quick", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    share, _, mixed, _ = found["bars"]
    assert share["holds"]
    assert mixed["holds"]
    assert found["ours"]["month, aggregate, forecast"]["cost"] < found["ours"]["month, rest"]["cost"]


@pytest.mark.slow
def test_the_picture_shows_each_way() -> None:
    months, look, _ = operated(7, 24)
    picture = drawing(months, look.window)
    assert picture.count("<polyline") == 3
    assert "perfect foresight" in picture
