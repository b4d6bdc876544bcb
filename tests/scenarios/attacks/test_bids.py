"""Attacks through sealed bids: PROTOCOL C, B1. The auction itself comes with the market; its opening rule is here."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quietgrid.algorithms.bisection import Answer, bracket, check_tick, most_ticks, next_tick
from quietgrid.errors import GateRefusal

TICKS = 128
HOMES = 20


def curves(seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Each home buys up to its own price and sells from there on: (prices, quantities, net demand [homes, P])."""
    rng = np.random.default_rng(seed)
    limits = rng.permutation(TICKS - 2)[:HOMES] + 1
    quantities = rng.integers(100, 5_000, HOMES)
    grid = np.arange(TICKS)
    return limits, quantities, np.where(grid < limits[:, None], quantities[:, None], -quantities[:, None])


def test_the_whole_curve_shows_every_order() -> None:
    """The rule off: the jumps of the sum curve are the orders, price and quantity, although twenty homes are in it."""
    limits, quantities, net = curves(1)
    opened = net.sum(axis=0)
    jumps = np.flatnonzero(np.diff(opened)) + 1
    assert sorted(jumps.tolist()) == sorted(limits.tolist())
    found = {int(tick): int(opened[tick - 1] - opened[tick]) // 2 for tick in jumps}
    assert found == dict(zip(limits.tolist(), quantities.tolist(), strict=True))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_bisection_opens_eight_sums_and_finds_the_price(seed: int) -> None:
    """The rule on: log2 P + 1 sums at forced ticks. Neighbours among them are at most three, at the price itself:
    the marginal step leaks, and it can be two steps."""
    _, _, net = curves(seed)
    opened = net.sum(axis=0)
    answers: list[Answer] = []
    while (tick := next_tick(answers, TICKS)) is not None:
        answers.append((tick, int(np.sign(opened[tick]))))
    low, high = bracket(answers, TICKS)
    cleared = int(np.argmax(opened <= 0)) if (opened <= 0).any() else TICKS
    assert low == high == cleared
    assert len(answers) <= most_ticks(TICKS) == 8
    steps = [b for a, b in pairwise(sorted(tick for tick, _ in answers)) if b == a + 1]
    assert len(steps) <= 2
    assert set(steps) <= {cleared - 1, cleared, cleared + 1}


@pytest.mark.parametrize("tick", [0, 62, 63, 65, 127])
def test_any_other_tick_is_refused(tick: int) -> None:
    check_tick(64, [], TICKS)
    with pytest.raises(GateRefusal) as refused:
        check_tick(tick, [], TICKS)
    assert refused.value.rule == "ticks"


def test_the_ticks_around_a_chosen_order_are_refused() -> None:
    """Who wants one home's order asks on both sides of its price: off the path to the price that is refused."""
    limits, _, net = curves(3)
    opened = net.sum(axis=0)
    answers: list[Answer] = []
    cleared = int(np.argmax(opened <= 0))
    for limit in limits.tolist():
        if abs(limit - cleared) <= 1:
            continue
        answers, refused = [], 0
        while (forced := next_tick(answers, TICKS)) is not None:
            for tick in {limit - 1, limit} - {forced}:
                with pytest.raises(GateRefusal):
                    check_tick(tick, answers, TICKS)
                refused += 1
            answers.append((forced, int(np.sign(opened[forced]))))
        assert not {limit - 1, limit} <= {tick for tick, _ in answers}
        assert refused >= len(answers)


def test_one_more_answer_after_the_price_is_known() -> None:
    answers: list[Answer] = []
    while (tick := next_tick(answers, TICKS)) is not None:
        answers.append((tick, 1 if tick < 40 else -1))
    assert bracket(answers, TICKS) == (40, 40)
    with pytest.raises(GateRefusal) as refused:
        bracket([*answers, (41, -1)], TICKS)
    assert refused.value.rule == "ticks"
