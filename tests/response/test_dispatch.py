"""Merit order, the herd rule over a month's numbers, and rewards."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.model.interval import Window
from quietgrid.model.response import Capability, Program, Terms
from quietgrid.response import MonthFact, Offer, Part, dispatch, herd, month_facts, month_reward, postings
from quietgrid.response.facts import Leaf, vector

PERIOD = Window(960_000, 960_000 + 30 * 48, 1800)
OFFERS = st.lists(
    st.builds(
        Offer, st.integers(1, 10**6), st.sampled_from(list(Capability)), st.integers(0, 5_000), st.integers(1, 100),
        st.integers(0, 100), st.integers(0, 8),
    ),
    max_size=60, unique_by=lambda one: one.home,
)  # fmt: skip


@given(OFFERS, st.integers(1, 100_000), st.integers(50, 99))
def test_dispatch_asks_the_cheapest_and_no_more_than_needed(offers: list[Offer], target: int, sure: int) -> None:
    found = dispatch(offers, target, sure)
    costs = {one.home: one.cost_cents for one in offers}
    assert len(set(found.homes)) == len(found.homes)
    assert [costs[home] for home in found.homes] == sorted(costs[home] for home in found.homes)
    left = [costs[home] for home in costs.keys() - set(found.homes)]
    assert not left or max(costs[home] for home in found.homes) <= min(left)
    assert found.reaches(target) or len(found.homes) == len(offers)
    fewer = dispatch([one for one in offers if one.home in found.homes[:-1]], target, sure)
    assert not fewer.reaches(target + 1) or len(found.homes) <= 1


def part(name: str, day: int) -> Part:
    first = PERIOD.first + day * 48 + 34
    days = np.array([[first - 48 * back + at for at in range(4)] for back in range(1, 11)])
    return Part(name, Window(first, first + 4, 1800), (40,) * 4, days)


PARTS = [part("a", 12), part("b", 15), part("c", 20)]


@given(st.dictionaries(st.integers(0, 29), st.sets(st.sampled_from("abc")), max_size=30), st.sets(st.integers(0, 29)))
def test_numbers_keep_to_the_herd_rule_and_the_budget(took: dict[int, set[str]], each: set[int]) -> None:
    leaf = Leaf(tuple(range(30)), 15, PERIOD, np.ones((1, len(PERIOD)), np.int64), [])
    facts, left = month_facts(PARTS, took, each, leaf)
    held: dict[int, int] = {}
    for one in facts:
        assert len(one.holders) <= 15 or len(one.holders) == 30
        for home in one.holders:
            held[home] = held.get(home, 0) + 1
            assert set(one.events) <= took[home]
            assert home not in left or home in each
    assert len(held) <= 15 or len(held) == 30
    assert all(count == 1 or home in each for home, count in held.items())
    assert all(count <= 8 for count in held.values())
    assert {home for home, ids in took.items() if ids} <= held.keys() | set(left)


def test_a_vector_of_one_event_weighs_days_and_event_alike() -> None:
    slots, step = vector([PARTS[0]])
    assert step == 40
    assert sum(weight for _, weight in slots) == 0
    assert sorted({weight for _, weight in slots}) == [-10, 1]


def test_the_last_to_join_are_measured_in_their_group() -> None:
    kept, left = herd(range(30), range(16, 0, -1), 15)
    assert kept == list(range(16, 1, -1))
    assert left == [1]


FACT = MonthFact(("a",), (7,), tuple(vector([PARTS[0]])[0]), 10, 40)


@given(st.integers(-(10**9), 10**9), st.integers(0, 100), st.integers(0, 44))
def test_rewards_are_capped_and_postings_balance(number: int, penalty: int, missing: int) -> None:
    program = Program("p", "P", "netz", "DE", terms=Terms(penalty_percent=penalty))
    one = month_reward(FACT, 7, number, missing, program, "p/2026-06")
    cap = program.terms.cap_micro
    assert -cap <= one.amount_micro <= cap
    assert one.amount_micro * number >= 0
    if not penalty:
        assert one.amount_micro >= 0
    batch = postings([one], FACT, "netz")
    assert sum(posting.amount_micro for posting in batch) == abs(one.amount_micro)
    for posting in batch:
        sides = ("utility:netz", "home:0000000000000007")
        assert (posting.debit, posting.credit) == (sides if one.amount_micro > 0 else sides[::-1])
