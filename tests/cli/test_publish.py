"""`quietgrid publish` on a state folder: a plain sum, noise, a refusal, the list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quietgrid.cli.entry import run
from tests.runtime.hamlet import Hamlet, days
from tests.runtime.test_periods import live

PERIOD = days(0, 28)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 homes with one billed month."""
    town = Hamlet(tmp_path_factory.mktemp("publish"), epoch_days=28)
    town.community.register_books(PERIOD)
    live(town, PERIOD)
    town.community.periods.run(PERIOD)
    town.close()
    return town.community.folders.state


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, list[dict[str, object]]]:
    assert run([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def test_published_once_listed_for_ever(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUIETGRID_STATE", str(state))
    monkeypatch.setenv("QUIETGRID_PUBLISH_BUDGET", "1")
    assert said(capsys, "publish", "--list") == {"published": [], "refused": []}
    first = said(capsys, "publish", "--epsilon", "0.75")["published"]
    assert [(one["statistic"], one["month"], one["homes"], one["epsilon"]) for one in first] == [
        ("use", "2016-07", 20, 0.75)
    ]
    assert said(capsys, "publish", "use", "--month", "2016-07")["published"] == first
    assert said(capsys, "publish", "--list")["published"] == first
    out = said(capsys, "publish", "use", "spread", code=4)
    assert out["published"] == first
    assert "would pass their privacy budget of 1 for 2016" in str(out["refused"][0])
    assert run(["publish", "--list"]) == 0
    assert "+/- 3,195 (95 %), epsilon 0.75" in capsys.readouterr().out
    assert run(["publish", "peak"]) == 2
    assert run(["publish", "--month", "2015-01"]) == 3
