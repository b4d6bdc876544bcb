"""Every home of a real (or the sample's) month: the encrypted verdict, band, class, hours and advice are the twin's."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from quietgrid.algorithms.comparison import verdict_of
from quietgrid.algorithms.insight import Community, Condition, from_digits, insight
from quietgrid.algorithms.publishing import spread
from quietgrid.crypto.public.fhe import Server, is_built
from quietgrid.crypto.secret.fhe import Client
from quietgrid.demo import Sample
from quietgrid.household.insight import features_of_month
from quietgrid.household.insight_month import month_of
from quietgrid.insight import Averages, figures_of
from quietgrid.insight.computing import answer, question
from quietgrid.model.insight import Features, Verdict
from quietgrid.model.interval import Window, local_window
from quietgrid.model.publication import EDGES_KWH, Statistic
from quietgrid.model.readings import Readings
from quietgrid.wire.insight import CommunityFigures
from quietgrid.wire.publication import Figure, Publication
from quietgrid.wire.series import Series

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_built(), reason="the engine is not built: make fhe")]


def features(readings: Readings, window: Window, tz: str) -> list[Features]:
    """Each home's month as it is compared."""
    cut = readings.cut(window)
    return [
        features_of_month(month_of(cut.imported_wh[row], cut.present[row], window, tz))
        for row in range(len(cut.imported_wh))
    ]


def published(readings: Readings, window: Window, tz: str) -> CommunityFigures:
    """What these homes would be compared with if nothing carried noise."""
    months = readings.cut(window).imported_wh.sum(axis=1)
    n, counts = len(months), spread(months, [kwh * 1000 for kwh in EDGES_KWH])

    def of(statistic: Statistic, figures: list[Figure]) -> Publication:
        head = b"c" * 16, statistic.value, window.first, window.end, window.resolution
        return Publication(*head, 2016, n, 0, 0, 0, 6_000, figures, 1.0)

    use = of(Statistic.USE, [Figure("all homes", n, int(months.sum()), False)])
    classes = [Figure(str(edge), n, int(count), False) for edge, count in zip(EDGES_KWH, counts, strict=True)]
    day = readings.cut(window).imported_wh.mean(axis=0)[: 24 * 3600 // window.resolution]
    profile = day.reshape(24, -1).sum(axis=1).astype(np.int64).tolist()
    others = {Statistic.SPREAD: Averages(of(Statistic.SPREAD, classes), "2016-06", use)}
    return figures_of(("2016-06", use), others, (profile, n), [])


def check(homes: list[Features], figures: CommunityFigures) -> list[Verdict]:
    """Compare each home in plain and encrypted."""
    client = Client.generate()
    server = Server(client.server_key())
    rules = tuple(tuple(Condition(*condition) for condition in rule.conditions) for rule in figures.advice)
    here = Community(
        figures.average, tuple(figures.bands), tuple(figures.classes), tuple(figures.usual), rules
    )  # fmt: skip
    out = []
    for home in homes:
        sealed = (
            client.encrypt([home.month], "u16"),
            client.encrypt(home.profile, "u8"),
            client.encrypt(home.values, "u8"),
        )
        opened = from_digits(client.decrypt(answer(server, question(*sealed, figures))), 24, len(rules))
        twin = insight(home.month, home.profile, home.values, here)
        assert opened == twin
        out.append(verdict_of(opened, figures.percents, [rule.id for rule in figures.advice]))
    return out


@pytest.mark.timeout(7_200)
def test_london(lcl: Series) -> None:
    window = local_window(date(2013, 3, 1), date(2013, 4, 1), lcl.tz, lcl.readings.window.resolution)
    homes = features(lcl.readings, window, lcl.tz)
    found = check(homes, published(lcl.readings, window, lcl.tz))
    assert len(found) == 90
    assert {one.side for one in found} >= {"below", "above"}
    assert len({one.letter for one in found}) >= 5
    assert len({advice for one in found for advice in one.advice}) >= 4


@pytest.mark.timeout(1_800)
def test_the_sample(sample: Sample) -> None:
    window = local_window(date(2016, 6, 1), date(2016, 7, 1), sample.tz, 900)
    homes = features(sample.readings, window, sample.tz)
    found = check(homes[::20], published(sample.readings, window, sample.tz))
    assert len(found) == 6
    assert len({(one.letter, one.side) for one in found}) > 1
