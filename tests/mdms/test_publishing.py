"""Which figures are plain, which carry noise, and what the noise is made for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from quietgrid.errors import GateRefusal
from quietgrid.mdms.publishing import ALL, EXPORTERS, Cohort, Drawn, cohort_of, draw
from quietgrid.model import Book, Fact, MemberList, Status, Vector, Window
from quietgrid.model.closed import GateRules
from quietgrid.model.publication import PublishRules, Statistic

RULES = PublishRules(), GateRules()
WINDOW = Window(0, 48 * 28, 1800)


def town(homes: int, leaf: int = 30) -> Cohort:
    """Homes of some use; every third feeds in, every fourth is a shop, tariffs in turn."""
    random = np.random.default_rng(homes)
    number = np.arange(homes)
    bands = random.integers(0, 200_000, (homes, 2))
    return Cohort(
        number.astype(np.uint64), (number // leaf).astype(np.int32), np.full(homes, 14_500), number % 3 == 0,
        np.ones(homes, np.bool_), ["commercial" if n % 4 == 3 else "residential" for n in number.tolist()],
        ["flat" if n % 2 else "spot" for n in number.tolist()], bands.sum(axis=1), np.where(number % 3, 0, 77_000),
        ("night", "day"), bands,
    )  # fmt: skip


def drawn(statistic: Statistic, cohort: Cohort, plain: Sequence[np.ndarray] = (), epsilon: int = 500) -> Drawn:
    return draw(statistic, cohort, plain, RULES, epsilon, Random(1).randrange)


def no_noise(_n: int) -> int:
    raise AssertionError("randomness was asked for")


def test_a_hundred_homes_are_enough_for_a_plain_sum() -> None:
    for homes, noisy in ((120, False), (100, False), (99, True), (30, True)):
        cohort = town(homes, leaf=homes)
        figure = drawn(Statistic.USE, cohort).figures[0]
        assert (figure.name, figure.homes, figure.noisy) == (ALL, homes, noisy)
        if not noisy:
            plain = draw(Statistic.USE, cohort, [], RULES, 500, no_noise)
            assert plain.figures[0].value == int(cohort.import_wh.sum())
            assert (plain.sensitivity, plain.bound_wh, int(plain.epsilon_milli.max())) == (0, 0, 0)


def test_noise_hides_a_clipped_home() -> None:
    cohort = town(30)
    large = replace(cohort, import_wh=np.where(np.arange(30) == 4, 10**9, cohort.import_wh))
    small = replace(cohort, import_wh=np.where(np.arange(30) == 4, 800_000, cohort.import_wh))
    assert drawn(Statistic.USE, large).figures == drawn(Statistic.USE, small).figures
    with_noise = drawn(Statistic.USE, small).figures[0].value
    assert with_noise != int(small.import_wh.sum())
    assert drawn(Statistic.USE, small).sensitivity == 800_000


def test_an_unmeasured_home_does_not_count_towards_the_floor() -> None:
    cohort = town(100, leaf=100)
    silent = replace(cohort, measured=np.arange(100) > 0)
    figure = drawn(Statistic.USE, silent).figures[0]
    assert (figure.homes, figure.noisy) == (99, True)


def test_one_home_with_a_fifth_of_all_power_makes_noise() -> None:
    cohort = town(120)
    heavy = replace(cohort, connection_w=np.where(np.arange(120) == 0, 14_500 * 40, 14_500))
    assert drawn(Statistic.USE, heavy).figures[0].noisy


def test_a_group_is_plain_only_where_the_rest_is_as_large() -> None:
    """113 of 120 homes: beside the sum of all, their plain sum would give away that of seven."""
    cohort = town(120)
    kinds = ["residential" if n < 113 else "commercial" for n in range(120)]
    of_kinds = drawn(Statistic.KINDS, replace(cohort, kinds=kinds))
    assert [(f.name, f.homes, f.noisy) for f in of_kinds.figures] == [("residential", 113, True)]
    assert len(of_kinds.rows) == 113  # too few shops for a figure: they pay nothing
    wide = replace(town(240, leaf=60), kinds=["residential"] * 120 + ["commercial"] * 120)
    assert [f.noisy for f in drawn(Statistic.KINDS, wide).figures] == [False, False]
    everyone = np.ones(240, np.bool_)
    tariffs = replace(wide, tariffs=["flat"] * 119 + ["spot"] * 121)
    first = [np.arange(240) < 120, np.arange(240) >= 120]
    assert [f.noisy for f in drawn(Statistic.TARIFFS, tariffs, [everyone]).figures] == [True, True]
    assert [f.noisy for f in drawn(Statistic.TARIFFS, replace(wide, tariffs=wide.kinds), first).figures] == [False] * 2
    assert [f.noisy for f in drawn(Statistic.TARIFFS, tariffs, first).figures] == [True, True]


def test_counts_always_carry_noise() -> None:
    found = drawn(Statistic.SPREAD, town(300))
    assert all(figure.noisy for figure in found.figures)
    assert (found.sensitivity, found.bound_wh) == (2, 0)
    assert len(found.figures) == 7


def test_bands_need_the_same_bands_everywhere() -> None:
    found = drawn(Statistic.BANDS, town(30))
    assert [figure.name for figure in found.figures] == ["night", "day"]
    assert found.sensitivity == 2 * found.bound_wh == 1_600_000
    plain = drawn(Statistic.BANDS, town(120))
    assert [figure.value for figure in plain.figures] == town(120).bands_wh.sum(axis=0).tolist()
    with pytest.raises(GateRefusal, match="different bands"):
        drawn(Statistic.BANDS, replace(town(30), bands=(), bands_wh=np.zeros((30, 0), np.int64)))


def test_only_those_who_can_feed_in_pay_for_export() -> None:
    found = drawn(Statistic.EXPORT, town(60))
    assert found.figures[0].name == EXPORTERS
    assert found.rows.tolist() == list(range(0, 60, 3))
    with pytest.raises(GateRefusal, match="no group has 15"):
        drawn(Statistic.EXPORT, town(30))  # ten homes


def test_the_noise_follows_epsilon() -> None:
    cohort = town(60)
    exact = int(np.clip(cohort.import_wh, 0, 800_000).sum())
    mean = {}
    for epsilon in (100, 2_000):
        errors = [
            abs(draw(Statistic.USE, cohort, [], RULES, epsilon, Random(seed).randrange).figures[0].value - exact)
            for seed in range(300)
        ]
        mean[epsilon] = float(np.mean(errors)) * epsilon / 1000 / 800_000
    assert all(0.7 < found < 1.4 for found in mean.values())  # the mean of |noise| is its scale


def book(leaf: int, *names: str) -> Book:
    others = Vector("spot", 0, "prices", feed="day-ahead"), Vector("out", 1, "all")
    return Book(leaf, WINDOW, (*(Vector(n, 0, "hours", hours=(1,) * 7) for n in names), *others))


def test_a_cohort_adds_up_bands_and_leaves_prices_out() -> None:
    homes, pids = np.array([7, 7, 9], np.uint64), np.array([1, 2, 3], np.uint64)
    members = MemberList(
        bytes(16), 0, 0, WINDOW, homes, pids, np.array([0, 0, 1], np.int32), np.array([1, 3, 1], np.uint8),
        np.full(3, 10_000), ("A", "B"),
    )  # fmt: skip

    def fact(home: int, vector: str, register: int, value: int, intervals: int = 5) -> Fact:
        return Fact(home, vector, register, WINDOW, value, intervals, 0, Status.CONFIRMED)

    facts = [
        fact(7, "night", 0, 10), fact(7, "day", 0, 20), fact(7, "spot", 0, 10**9), fact(7, "out", 1, 4),
        fact(9, "night", 0, 0, 0), fact(9, "day", 0, 0, 0), fact(11, "day", 0, 5),
    ]  # fmt: skip
    groups = {7: ("residential", "flat"), 9: ("plant", "spot")}
    found = cohort_of(members, facts, {0: book(0, "night", "day"), 1: book(1, "night", "day")}, groups)
    assert found.homes.tolist() == [7, 9]
    assert found.import_wh.tolist() == [30, 0]
    assert found.export_wh.tolist() == [4, 0]
    assert found.exporters.tolist() == [True, False]
    assert found.measured.tolist() == [True, False]
    assert found.bands == ("night", "day")
    assert found.bands_wh.tolist() == [[10, 20], [0, 0]]
    assert found.kinds == ["residential", "plant"]
    assert cohort_of(members, facts, {0: book(0, "night", "day"), 1: book(1, "all")}, groups).bands == ()


def test_homes_alike_are_told_apart_by_what_is_certified_of_them() -> None:
    cohort = town(120)
    sizes = replace(cohort, connection_w=np.where(np.arange(120) < 8, 48_000, 14_500))
    found = drawn(Statistic.PEERS, sizes)
    assert [(f.name, f.homes, f.noisy) for f in found.figures] == [
        ("small connection", 75, True), ("small connection, feeds in", 37, True),
    ]  # fmt: skip
    assert set(found.rows.tolist()) == set(range(8, 120))  # the eight large ones are too few to be a group
    assert found.sensitivity == 800_000
