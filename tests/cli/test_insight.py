"""`quietgrid insight`: what is said of a home, and that the arithmetic is there."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from quietgrid.algorithms.advice import Prices, named, saving
from quietgrid.algorithms.comparison import community_of, usual_of, verdict_of
from quietgrid.algorithms.insight import insight as compare
from quietgrid.cli import entry
from quietgrid.cli.insight import _data, _lines, _published, _sealed
from quietgrid.insight import Averages, figures_of
from quietgrid.model.insight import Features
from quietgrid.model.publication import Statistic
from quietgrid.wire.insight import CommunityFigures
from tests.insight.test_figures import PEERS, SPREAD, use

HOME = Features(2_000, (41,) * 24, (30, 33, 100, 0, 20, 30))
DAY = [100] * 24


def figures(*, bare: bool = False) -> CommunityFigures:
    here = {} if bare else {
        Statistic.SPREAD: Averages(SPREAD, "2016-01", use()), Statistic.PEERS: Averages(PEERS, "2016-06", use())
    }  # fmt: skip
    return figures_of(("2016-06", use()), here, ([], 0) if bare else (DAY, 120), [])


def comparison(said: CommunityFigures) -> SimpleNamespace:
    here = community_of(300_000, [units * 100 for units in said.bands], usual_of(said.profile_wh), [])
    verdict = verdict_of(compare(HOME.month, HOME.profile, HOME.values, here), said.percents, [])
    prices = Prices("EUR", 330_000, 330_000, 330_000)
    return SimpleNamespace(
        figures=said, features=HOME, verdict=verdict, own_wh=200_049,
        advice=[(named("always-on"), saving(named("always-on"), HOME, prices))],
    )  # fmt: skip


def test_it_says_where_a_home_stands_with_the_arithmetic() -> None:
    text = "\n".join(_lines(17, comparison(figures())))  # type: ignore[arg-type]
    assert "home 17, 2016-06: 200.0 kWh, below the average of all homes (120 homes, 300.0 kWh)" in text
    assert "class B" in text
    assert "10 to 20 of a hundred homes use less" in text
    assert "(300 W − 150 W) × 8,760 h ÷ 1,000 × 0.5 = 657 kWh a year" in text
    assert "657 kWh × 0.33 EUR = 216.81 EUR a year" in text
    data = _data(17, comparison(figures()))  # type: ignore[arg-type]
    assert (data["class"], data["advice"][0]["kwh_year"], data["average_wh"]) == ("B", 657, 300_000)


def test_what_is_not_published_is_said() -> None:
    bare = "\n".join([*_lines(17, comparison(figures(bare=True))), *_published(figures(bare=True))])  # type: ignore[arg-type]
    assert "of a hundred homes use less" not in bare
    assert "hours are not compared" in bare
    assert "not published yet" in bare
    assert "fewer than 100 homes" in bare
    whole = "\n".join(_published(figures()))
    assert "small-connection" in whole
    assert "+/- 6 homes a class (95 %), epsilon 1" in whole
    assert "from counts of 2016-01" in whole


def test_an_answer_that_differs_is_not_to_be_used() -> None:
    seen = [("month", 76, "ab" * 32)]
    for equal in (True, False):
        said = SimpleNamespace(seen=seen, server_key=(30, "cd" * 32), equal=equal, seconds=1.25)
        data, lines = _sealed(said)  # type: ignore[arg-type]
        assert data["equal"] is equal
        assert ("NOT THE SAME" in "\n".join(lines)) is not equal
        assert data["seen"][0]["sha256"] == "ab" * 32


def test_the_command_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(["insight", "--help"]) == 0
    assert "--encrypted" in capsys.readouterr().out
