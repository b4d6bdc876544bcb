"""Figures for comparison of a real billing period: what is due is published once, the same bytes for all, and right."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import numpy as np
import pytest

from quietgrid.crypto.public.envelope import decode
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import NotFoundError
from quietgrid.model.publication import PublishRules, Statistic
from quietgrid.runtime.insight import Insights, publish_quietly
from quietgrid.runtime.publishing import Publishing
from quietgrid.wire.insight import CommunityFigures
from tests.runtime.hamlet import Hamlet
from tests.runtime.test_publishing import PERIOD, billed

pytestmark = pytest.mark.slow
SEED = 1
"""Of noise that leaves an average of 20 homes."""


def insights(town: Hamlet, rules: PublishRules | None = None) -> Insights:
    return Insights(town.platform, Publishing(town.platform, town.community.periods, rules, Random(SEED).randrange))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hamlet]:
    """110 homes."""
    town = billed(tmp_path_factory.mktemp("large"), 110)
    yield town
    town.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hamlet]:
    """20 homes: noise everywhere, no mean day."""
    town = billed(tmp_path_factory.mktemp("small"), 20)
    yield town
    town.close()


def test_many_homes_have_an_exact_average_and_day(large: Hamlet) -> None:
    found = insights(large)
    with pytest.raises(NotFoundError, match="nothing is published"):
        found.figures()
    steps = found.publish_due("", "analyst")
    assert [(one.statistic, one.epsilon_milli, one.refused) for one in steps] == [
        (Statistic.USE, 0, ""), (Statistic.SPREAD, 1_000, ""), (Statistic.PEERS, 0, ""),
    ]  # fmt: skip
    assert found.publish_due("", "analyst") == []
    signed = found.figures()
    card = large.platform.parts.card
    figures = open_signed(signed, CommunityFigures, card.platform_pk)
    readings = large.readings(PERIOD).imported_wh
    assert figures.average == int(readings.sum()) // 110 // 100
    by_hour = readings.reshape(110, -1, 24, 2).sum(axis=(0, 1, 3))
    days = len(PERIOD) // 48
    exact = by_hour / (110 * days)
    assert all(abs(a - b) <= 1 for a, b in zip(figures.profile_wh, exact, strict=True))
    assert (figures.profile_homes, figures.month) == (110, found.months()[0])
    assert [(row.name, row.homes) for row in figures.groups] == [("all", 110), ("small-connection", 110)]
    months = np.sort(readings.sum(axis=1))
    middle = figures.bands[figures.percents.index(50)] * 100
    assert abs(middle - int(np.median(months))) < 100_000  # a class is 400 kWh wide there
    assert found.figures().body == signed.body == insights(large).figures().body
    assert found.by_hash(signed.hash()) == figures


def test_a_home_gets_the_figures_of_the_groups_it_is_in(large: Hamlet) -> None:
    found = insights(large)
    publish_quietly(found, "", "analyst")
    signed, groups = found.for_home(100, group="peers")
    assert set(groups) == {"all", "small-connection"}
    assert decode(CommunityFigures, signed.body).group in groups
    assert found.for_home(4_242)[1] == ["all"]
    for wrong in ({"month": "1999-01"}, {"group": "castles"}):
        with pytest.raises(NotFoundError):
            found.for_home(100, **wrong)
    with pytest.raises(NotFoundError):
        found.by_hash(b"\0" * 32)


def test_few_homes_pay_for_noise_and_have_no_mean_day(small: Hamlet) -> None:
    found = insights(small, PublishRules(budget_milli=2_000))
    steps = found.publish_due("", "analyst")
    assert [(one.statistic, one.epsilon_milli) for one in steps] == [
        (Statistic.USE, 500), (Statistic.SPREAD, 1_000), (Statistic.PEERS, 0),
    ]  # fmt: skip
    assert "budget" in steps[2].refused
    with small.store.read() as tx:
        assert {row.epsilon_milli for row in tx.publications.spent()} == {1_500}
    figures = decode(CommunityFigures, found.figures().body)
    assert (figures.profile_wh, set(figures.usual)) == ([], {255})
    assert figures.groups[0].epsilon_milli == 500
    assert figures.groups[0].margin_wh > 0
