"""From published statistics to what a home is compared with: nothing rough, nothing of too few homes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.advice import advice
from quietgrid.algorithms.comparison import NEVER, PERCENTS
from quietgrid.errors import GateRefusal, NotFoundError
from quietgrid.insight import Averages, due, figures_of, slug
from quietgrid.model.publication import EDGES_KWH, Statistic, peers
from quietgrid.wire.insight import CommunityFigures, statistics_in
from quietgrid.wire.publication import Figure, Publication

FIRST, END = 1_632_000, 1_634_880
COUNTS = (5, 15, 30, 25, 25, 15, 5)


def published(
    statistic: Statistic, figures: list[Figure], epsilon_milli: int = 0, sensitivity: int = 0, at: float = 1.0
) -> Publication:
    return Publication(
        b"c" * 16, statistic.value, FIRST, END, 900, 2016, sum(f.homes for f in figures), epsilon_milli, sensitivity,
        sensitivity, 6_000, figures, at,
    )  # fmt: skip


def use(value: int = 36_000_000, homes: int = 120, *, noisy: bool = False) -> Publication:
    figures = [Figure("all homes", homes, value, noisy)]
    return published(Statistic.USE, figures, 500 * noisy, 800_000 * noisy)


SPREAD = published(
    Statistic.SPREAD, [Figure(str(edge), 120, n, True) for edge, n in zip(EDGES_KWH, COUNTS, strict=True)], 1_000, 2,
    at=9.0,
)  # fmt: skip
PEERS = published(
    Statistic.PEERS,
    [Figure("small connection", 80, 20_000_000, True), Figure("small connection, feeds in", 20, 1_000_000, True)],
    1_000, 800_000,
)  # fmt: skip


def test_the_average_of_all_is_exact_and_alone_without_more() -> None:
    found = figures_of(("2016-06", use()), {}, ([], 0), [])
    assert (found.average, found.bands, found.percents, found.usual) == (3_000, [], [], [NEVER] * 24)
    (row,) = found.groups
    assert (row.name, row.homes, row.average_wh, row.margin_wh, row.epsilon_milli) == ("all", 120, 300_000, 0, 0)
    assert [rule.id for rule in found.advice] == [one.id for one in advice()]
    said = statistics_in(found)
    assert (said.group.words, said.spread.thresholds_wh, said.month) == ("all homes", (), "2016-06")


def test_a_spread_gives_bands_that_rise_and_says_its_noise() -> None:
    found = figures_of(("2016-06", use()), {Statistic.SPREAD: Averages(SPREAD, "2016-06", use())}, ([], 0), [])
    assert found.percents == list(PERCENTS)
    assert all(a < b for a, b in pairwise(found.bands))
    assert (found.spread_month, found.spread_epsilon_milli, found.spread_margin_homes) == ("2016-06", 1_000, 6)
    assert found.published == 9.0
    middle = found.bands[PERCENTS.index(50)]
    assert 3_000 < middle < 4_000  # 50 of 120 below 300 kWh, 75 below 400


@given(st.integers(50, 400))
def test_another_months_spread_is_brought_to_the_month_by_the_averages(percent: int) -> None:
    here = {Statistic.SPREAD: Averages(SPREAD, "2016-01", use(36_000_000 * percent // 100))}
    scaled = figures_of(("2016-06", use()), here, ([], 0), [])
    plain = figures_of(("2016-06", use()), {Statistic.SPREAD: Averages(SPREAD, "2016-06", None)}, ([], 0), [])
    assert all(abs(a * percent / 100 - b) <= 2 + percent / 100 for a, b in zip(scaled.bands, plain.bands, strict=True))


def test_groups_whose_noise_hides_them_are_left_out() -> None:
    found = figures_of(("2016-06", use()), {Statistic.PEERS: Averages(PEERS, "2016-06", use())}, ([], 0), [])
    assert [row.name for row in found.groups] == ["all", "small-connection"]  # 20 homes: 2,397 kWh of noise on 1,000
    row = found.groups[1]
    assert (row.average_wh, row.epsilon_milli) == (250_000, 1_000)
    assert row.margin_wh == PEERS.margin // 80
    alike = figures_of(
        ("2016-06", use()), {Statistic.PEERS: Averages(PEERS, "2016-06", use())}, ([], 0), [], "small-connection"
    )
    assert (alike.average, alike.classes[0]) == (2_500, 1_500)
    with pytest.raises(NotFoundError, match="peer group"):
        figures_of(("2016-06", use()), {}, ([], 0), [], "small-connection")


def test_noise_alone_is_no_average() -> None:
    with pytest.raises(GateRefusal) as no:
        figures_of(("2016-06", use(1_000_000, 20, noisy=True)), {}, ([], 0), [])
    assert no.value.rule == "floor"
    rough = figures_of(("2016-06", use(27_000_000, 90, noisy=True)), {}, ([], 0), []).groups[0]
    assert 0 < rough.margin_wh < rough.average_wh // 4


def test_the_same_statistics_give_the_same_bytes() -> None:
    made = [figures_of(("2016-06", use()), {}, ([100] * 24, 120), [5]) for _ in range(2)]
    assert made[0].hash() == made[1].hash()
    assert CommunityFigures.NAME == "community-figures"


def test_what_is_due_stays_within_a_budget_of_six_a_year() -> None:
    for plain in (True, False):
        out: dict[Statistic, list[str]] = {}
        spent = 0
        for month in range(24):
            name = f"{2025 + month // 12}-{month % 12 + 1:02d}"
            for one in due(name, out, plain):
                out.setdefault(one.statistic, []).append(name)
                if month < 12 and not (plain and one.statistic is Statistic.USE):
                    spent += one.epsilon_milli
            assert due(name, out, plain) == []
        assert spent == (4_000 if plain else 6_000)
        assert len(out[Statistic.USE]) == (24 if plain else 8)


def test_names() -> None:
    assert slug(peers(14_500, True)) == "small-connection-feeds-in"
    assert peers(30_000, False) == "medium connection"
