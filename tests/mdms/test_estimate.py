"""Estimates: each source, the rounding, and that parts replaced over time add up."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.errors import InputError
from quietgrid.mdms.estimate import (
    Leaf,
    Source,
    estimate,
    leaf_of_facts,
    leaf_of_totals,
    remaining,
    remaining_columns,
)  # fmt: skip

REGISTERS = np.array([0, 0, 0, 1])


def table(*rows: list[int]) -> np.ndarray:
    return np.array(rows, np.int64)


def test_own_mean_of_the_band_comes_first() -> None:
    measured, cells, missing = table([1000, 300, 0, 0]), table([3, 10, 5, 5]), table([2, 0, 0, 1])
    found = estimate(measured, cells, missing, REGISTERS, leaf_of_facts(measured, cells))
    assert found.energy_wh.tolist() == [[667, 0, 0, 0]]  # 1000 × 2 / 3
    assert found.source.tolist() == [[Source.OWN_BAND, 0, 0, Source.OWN_BAND]]
    assert not found.weak.any()


def test_another_band_says_how_the_home_compares_with_its_leaf() -> None:
    # In band 0 the home uses twice the leaf's mean of 10; band 1's mean is 7.
    leaf = Leaf(np.array([1000, 700, 0, 50]), np.array([100, 100, 0, 100]))
    found = estimate(table([100, 0, 0, 0]), table([5, 0, 0, 0]), table([0, 4, 3, 2]), REGISTERS, leaf)
    assert found.energy_wh.tolist() == [[0, 56, 0, 1]]
    assert found.source.tolist() == [[0, Source.OWN_REGISTER, Source.NONE, Source.LEAF]]
    assert found.weak.tolist() == [[False, False, True, True]]


def test_with_nothing_measured_the_leaf_stands_in() -> None:
    leaf = Leaf(np.array([1000, 0, 0, 0]), np.array([96, 10, 0, 0]))
    found = estimate(table([0] * 4), table([0] * 4), table([31, 2, 1, 0]), REGISTERS, leaf)
    assert found.energy_wh.tolist() == [[round(Fraction(31_000, 96)), 0, 0, 0]]
    assert found.source.tolist() == [[Source.LEAF, Source.LEAF, Source.NONE, Source.NOTHING_MISSING]]


def test_price_vectors_get_no_estimate() -> None:
    banded = np.array([True, True, False, True])
    measured, cells, missing = table([10, 20, 30, 40]), table([1, 1, 1, 1]), table([1, 1, 1, 1])
    found = estimate(measured, cells, missing, REGISTERS, leaf_of_facts(measured, cells), banded=banded)
    assert found.energy_wh.tolist() == [[10, 20, 0, 40]]


def test_totals_and_facts_tell_the_same_leaf() -> None:
    rng = np.random.default_rng(4)
    energy, present = rng.integers(0, 500, (6, 40)), rng.random((6, 40)) > 0.2
    weights = np.stack([np.arange(40) % 4 == 0, np.arange(40) % 4 != 0]).astype(np.int64)
    by_fact = leaf_of_facts(energy * present @ weights.T, present.astype(np.int64) @ weights.T)
    totals = (energy * present).sum(axis=0), present.sum(axis=0)
    by_total = leaf_of_totals(*totals, np.ones(40, np.bool_), weights)
    assert by_fact.energy_wh.tolist() == by_total.energy_wh.tolist()
    assert by_fact.cells.tolist() == by_total.cells.tolist()
    none = leaf_of_totals(*totals, np.zeros(40, np.bool_), weights)
    assert not none.cells.any()


numbers = st.integers(0, 1 << 40)


@given(st.lists(st.tuples(numbers, st.integers(1, 3000), st.integers(0, 3000)), min_size=1, max_size=5))
def test_every_estimate_is_one_fraction_rounded_once(rows: list[tuple[int, int, int]]) -> None:
    measured, cells, missing = (np.array([[row[i]] for row in rows], np.int64) for i in range(3))
    found = estimate(measured, cells, missing, np.array([0]), leaf_of_facts(measured, cells))
    assert found.energy_wh[:, 0].tolist() == [round(Fraction(m * gone, have)) for m, have, gone in rows]


@given(numbers, st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any))
def test_parts_replaced_over_time_add_up_to_the_estimate(whole: int, parts: list[int]) -> None:
    missing, arrived, replaced, last = sum(parts), 0, 0, whole
    for part in parts:
        arrived += part
        left = remaining(whole, missing, arrived)
        replaced += last - left
        assert 0 <= left <= last
        last = left
    assert (replaced, last) == (whole, 0)


def test_columns_of_what_remains() -> None:
    found = remaining_columns(table([100, 0]), table([3, 0]), table([1, 0]))
    assert found.tolist() == [[67, 0]]


@pytest.mark.parametrize(("missing", "arrived"), [(3, 4), (0, 0), (3, -1)])
def test_more_than_was_missing_cannot_arrive(missing: int, arrived: int) -> None:
    with pytest.raises(InputError, match="more cells arrived"):
        remaining(100, missing, arrived)


def test_broken_columns_are_refused() -> None:
    good = table([1, 2, 3, 4])
    leaf = leaf_of_facts(good, good)
    with pytest.raises(InputError, match="shape"):
        estimate(good, good[:, :2], good, REGISTERS, leaf)
    with pytest.raises(InputError, match="negative"):
        estimate(-good, good, good, REGISTERS, leaf)
