"""Clipping and sensitivity as laws; which plain sums stay coarse together."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.publishing import clip, clip_rows, spread, stays_coarse

WH = st.integers(-(2**40), 2**40)
BOUND = st.integers(1, 2**32)
EDGES = (0, 100, 200, 400)


def column(values: list[int]) -> np.ndarray:
    return np.array(values, np.int64)


@given(st.lists(WH, min_size=1, max_size=12), WH, st.integers(0, 11), BOUND)
def test_one_home_moves_a_clipped_sum_by_at_most_the_bound(values: list[int], other: int, at: int, bound: int) -> None:
    changed = [*values]
    changed[at % len(values)] = other
    before, after = clip(column(values), bound), clip(column(changed), bound)
    assert ((before >= 0) & (before <= bound)).all()
    assert abs(int(before.sum()) - int(after.sum())) <= bound
    assert (clip(before, bound) == before).all()


@given(st.lists(st.tuples(WH, WH, WH), min_size=1, max_size=8), st.tuples(WH, WH, WH), st.integers(0, 7), BOUND)
def test_one_home_moves_all_bands_by_at_most_twice_the_bound(
    rows: list[tuple[int, ...]], other: tuple[int, ...], at: int, bound: int
) -> None:
    changed = [*rows]
    changed[at % len(rows)] = other
    before, after = clip_rows(np.array(rows), bound), clip_rows(np.array(changed), bound)
    assert (before >= 0).all()
    assert (before.sum(axis=1) <= bound).all()
    assert int(np.abs(before.sum(axis=0) - after.sum(axis=0)).sum()) <= 2 * bound


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=8))
def test_rows_under_the_bound_stay_as_they_are(rows: list[tuple[int, int]]) -> None:
    values = np.array(rows, np.int64)
    assert (clip_rows(values, int(values.sum(axis=1).max()) or 1) == values).all()


@given(st.lists(st.integers(-50, 1000), min_size=1, max_size=20), st.integers(-50, 1000), st.integers(0, 19))
def test_one_home_moves_the_counts_by_at_most_two(values: list[int], other: int, at: int) -> None:
    changed = [*values]
    changed[at % len(values)] = other
    before, after = spread(column(values), EDGES), spread(column(changed), EDGES)
    assert int(before.sum()) == int(after.sum()) == len(values)
    assert int(np.abs(before - after).sum()) <= 2


def rank(rows: list[list[Fraction]]) -> int:
    """Rank over the rationals."""
    rows, found = [row[:] for row in rows], 0
    for at in range(len(rows[0]) if rows else 0):
        pivot = next((row for row in rows[found:] if row[at]), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        rows.insert(found, pivot)
        for row in rows[found + 1 :]:
            factor = row[at] / pivot[at]
            row[:] = [a - factor * b for a, b in zip(row, pivot, strict=True)]
        found += 1
    return found


@given(st.data())
def test_no_combination_of_coarse_sums_reaches_a_small_group(data: st.DataObject) -> None:
    """Brute force: of ten homes in feeders, no group below k is in the span of sums that pass."""
    k, pair = 2, st.tuples(st.integers(0, 2), st.integers(0, 3))
    leaves, labels = (np.repeat(c, 2) for c in zip(*data.draw(st.lists(pair, min_size=5, max_size=5)), strict=True))
    if data.draw(st.booleans()):
        labels[data.draw(st.integers(0, 9))] ^= data.draw(st.integers(1, 3))
    sets = [s for s in (labels & 1 > 0, labels & 2 > 0) if s.any()]
    if not stays_coarse(sets, leaves.astype(np.int32), k, k):
        return
    rows = [[Fraction(int(x)) for x in one] for one in [*(leaves == leaf for leaf in range(3)), *sets]]
    base = rank(rows)
    for one in range(10):
        assert rank([*rows, [Fraction(int(home == one)) for home in range(10)]]) > base


def test_the_brute_force_finds_what_is_not_coarse() -> None:
    """The test above can fail: two sets that differ by one home give that home away, and rank sees it."""
    most = [Fraction(int(home != 3)) for home in range(10)]
    rows = [[Fraction(1)] * 10, most]
    assert rank([*rows, [Fraction(int(home == 3)) for home in range(10)]]) == rank(rows) == 2


def test_the_difference_of_two_plain_sums_is_noticed() -> None:
    leaves = np.repeat(np.arange(10, dtype=np.int32), 30)
    everyone, most = np.ones(300, bool), np.arange(300) < 299
    assert stays_coarse([everyone], leaves, 100, 15)
    assert not stays_coarse([most], leaves, 100, 15)  # beside the feeders' totals
    assert stays_coarse([everyone, np.arange(300) < 150], leaves, 100, 15)
    assert not stays_coarse([np.arange(300) < 151], leaves, 100, 15)  # one home of the sixth feeder
    kinds, tariffs = np.arange(300) < 150, np.arange(300) >= 180
    assert not stays_coarse([kinds, tariffs], leaves, 100, 15)  # everyone less both leaves thirty
    assert stays_coarse([kinds, tariffs], leaves, 30, 15)
