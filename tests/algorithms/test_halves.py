"""Halves of a total: the same cells in two parts; both open or neither; what can be true."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.halves import halves_plan, implausible, why_whole
from quietgrid.algorithms.plan import totals_plan
from quietgrid.algorithms.strikes import halved_closes
from quietgrid.model.question import Quantity
from tests.algorithms.test_plan import RULES, closed, everyone, members

SEED = hashlib.sha256(b"lots").digest()


@given(st.integers(0, 2**32 - 1), st.sampled_from([Quantity.IMPORT, Quantity.EXPORT, Quantity.NET]))
def test_halves_are_the_total_in_two(draw: int, quantity: Quantity) -> None:
    """Whoever is missing, homes with two meters among them: disjoint, complete, k homes each, or not at all."""
    rng = np.random.default_rng(draw)
    registers = [1, 3, 3, 1, 1, 3, 1, 1, 1] if quantity is Quantity.NET else [3] * 9
    rules = replace(RULES, k=4) if quantity is Quantity.NET else RULES
    listed = members({"a": registers}, homes=[1, 2, 3, 4, 5, 6, 7, 8, 8])
    closes = [closed(rng.random((9, 6)) < 0.8)]
    whole = totals_plan(listed, "a", quantity, closes, rules)
    plan = halves_plan(listed, whole, closes, SEED, rules)
    one, two = plan.parts
    for register, cells in whole.include.items():
        assert not (one.include[register] & two.include[register]).any()
        assert np.array_equal(one.include[register] | two.include[register], cells)
    assert np.array_equal(one.allowed, two.allowed)
    assert not (one.allowed & ~whole.allowed).any()
    assert (one.homes + two.homes).tolist() == whole.homes.tolist()
    assert (plan.counts.reshape(2, -1)[:, one.allowed] >= rules.k).all()
    assert np.array_equal(one.allowed, whole.allowed & (whole.homes >= 2 * rules.k))
    assert set(one.signs) == set(whole.signs)
    side = plan.members[0][np.searchsorted(plan.homes, listed.homes)]
    for register, cells in one.include.items():
        assert np.array_equal(cells, whole.include[register] & side)  # all meters of a home are in one half


def test_one_large_home_keeps_both_halves_shut() -> None:
    """It may be half of a leaf, not half of a half; opened beside the total, the other half would be it."""
    listed = members({"a": [1] * 8}, watts=[18_000] + [5_000] * 7)
    closes = [closed(everyone(8, 1))]
    whole = totals_plan(listed, "a", Quantity.IMPORT, closes, RULES)
    plan = halves_plan(listed, whole, closes, SEED, RULES)
    assert whole.allowed.tolist() == [True]
    assert plan.allowed.tolist() == [False, False]
    assert plan.round(np.zeros(2, np.int64)).struck() is None


def test_homes_that_gave_the_day_away_do_not_fill_a_half() -> None:
    listed = members({"a": [1] * 8})
    closes = [closed(everyone(8, 1))]
    whole = totals_plan(listed, "a", Quantity.IMPORT, closes, RULES)
    assert halves_plan(listed, whole, closes, SEED, RULES).allowed.all()
    half = halves_plan(listed, whole, closes, SEED, RULES).members[0][:, 0]
    given_away = np.arange(1, 9, dtype=np.uint64)[half][:2]
    assert not halves_plan(listed, whole, closes, SEED, RULES, given_away).allowed.any()


def test_several_leaves_are_halved_as_one() -> None:
    """The union of leaves with a few exporters each."""
    listed = members({"a": [3] * 2 + [1] * 4, "b": [3] * 2 + [1] * 4, "c": [3] * 2 + [1] * 4})
    closes = [closed(everyone(6, 2), leaf=leaf) for leaf in range(3)]
    whole = totals_plan(listed, "union", Quantity.EXPORT, closes, RULES)
    plan = halves_plan(listed, whole, closes, SEED, RULES)
    assert plan.counts.tolist() == [3, 3, 3, 3]
    assert plan.allowed.all()


def test_bounds_are_what_the_homes_of_a_half_can_carry() -> None:
    listed = members({"a": [1] * 8}, homes=[1, 2, 3, 4, 5, 6, 7, 7], watts=[4_000] * 8)
    closes = [closed(everyone(8, 1))]
    whole = totals_plan(listed, "a", Quantity.IMPORT, closes, RULES)
    plan = halves_plan(listed, whole, closes, SEED, RULES)
    assert plan.bounds.ravel().tolist() == [3_000, 4_000]  # 3 and 4 homes of 4 kW for a quarter of an hour
    fine, high, low = (plan.round(np.array(values, np.int64)) for values in ([3_000, 4_000], [3_001, 0], [0, -1]))
    assert fine.struck() is None
    assert high.struck() == set(plan.homes[plan.members[0][:, 0]].tolist())
    assert low.struck() == set(plan.homes[plan.members[1][:, 0]].tolist())


@pytest.mark.parametrize(("value", "outside"), [(7_000, False), (7_001, True), (-1, True), (1 << 40, True)])
def test_what_a_total_can_be(value: int, outside: bool) -> None:
    listed = members({"a": [1] * 8}, homes=[1, 2, 3, 4, 5, 6, 7, 7], watts=[4_000] * 8)
    plan = totals_plan(listed, "a", Quantity.IMPORT, [closed(everyone(8, 1))], RULES)
    assert implausible(listed, plan, np.array([value], np.int64)).tolist() == [outside]


def test_net_totals_may_be_negative() -> None:
    listed = members({"a": [3] * 2 + [1] * 6}, watts=[4_000] * 8)
    plan = totals_plan(listed, "a", Quantity.NET, [closed(everyone(8, 3))], RULES)
    assert implausible(listed, plan, np.array([-8_000, -8_001, 8_001], np.int64)).tolist() == [False, True, True]


def test_which_closes_follow() -> None:
    listed = members({"a": [1] * 8})
    alarmed = totals_plan(listed, "a", Quantity.IMPORT, [closed(everyone(8, 4))], RULES)
    bad, limit = np.array([0, 0, 1 << 40, 0], np.int64), halved_closes(8)
    after = [closed(everyone(8, 1), a=4 + n) for n in range(limit + 1)]
    assert [why_whole(listed, alarmed, bad, after, one) == "" for one in after] == [True] * limit + [False]
    assert why_whole(listed, alarmed, bad, after[:3] + after[4:], after[5]) != ""
    assert why_whole(listed, alarmed, bad, after, closed(everyone(8, 1), a=3)) != ""
    assert "plausible" in why_whole(listed, alarmed, bad * 0, after, after[0])
    assert "plausible" in why_whole(listed, alarmed, bad[:3], after, after[0])
