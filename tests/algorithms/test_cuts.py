"""The smallest cut against all subsets, and against exact rank."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quietgrid.algorithms.cuts import NONE, second_partition, smallest_cut
from quietgrid.algorithms.herd import rank
from quietgrid.errors import GateRefusal, InputError

MEMBERSHIPS = st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=1, max_size=9)


def columns(pairs: list[tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    both = np.array(pairs, np.int64)
    return both[:, 0], both[:, 1]


def by_rank(pairs: list[tuple[int, int]]) -> int:
    """Smallest set B with rank M - rank(M without B's columns) > 0: the definition of exposure."""
    leaves, groups = columns(pairs)
    sums = [leaves == leaf for leaf in range(4)] + [groups == group for group in range(4)]
    matrix = np.stack(sums).astype(np.int64)
    whole = rank(matrix)
    for size in range(1, len(pairs) + 1):
        for homes in combinations(range(len(pairs)), size):
            rest = np.delete(matrix, homes, axis=1)
            if whole > (rank(rest) if rest.size else 0):
                return size
    return 0


@given(MEMBERSHIPS)
@settings(max_examples=100, deadline=None)
def test_smallest_cut_is_the_smallest_exposed_set(pairs: list[tuple[int, int]]) -> None:
    assert smallest_cut(*columns(pairs)) == by_rank(pairs)


def by_subsets(pairs: list[tuple[int, int]]) -> int:
    """Smallest nonzero cut over all subsets of vertices (ground joins leaf -1 and group -1)."""
    ends = [(0 if leaf < 0 else 1 + leaf, 0 if group < 0 else 5 + group) for leaf, group in pairs]
    cuts = set()
    for side in range(1 << 9):
        cuts.add(sum((side >> one & 1) != (side >> two & 1) for one, two in ends))
    return min((cut for cut in cuts if cut), default=0)


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_smallest_cut_is_the_least_over_all_subsets(pairs: list[tuple[int, int]]) -> None:
    assert smallest_cut(*columns(pairs)) == by_subsets(pairs)


def test_overlapping_groups_are_refused_and_unions_of_leaves_are_not() -> None:
    leaves = np.repeat(np.arange(4), 30)
    second_partition(leaves, leaves // 2, 15)
    crossing = leaves // 2
    crossing[0] = 1
    with pytest.raises(GateRefusal, match="single out 1 home") as refusal:
        second_partition(leaves, crossing, 15)
    assert refusal.value.rule == "second-partition"
    crossing[:15] = 1
    second_partition(leaves, crossing, 15)


def test_a_group_of_all_but_few_of_a_leaf_is_refused() -> None:
    leaves = np.zeros(30, np.int64)
    groups = np.where(np.arange(30) < 20, 0, NONE)
    with pytest.raises(GateRefusal, match="single out 10"):
        second_partition(leaves, groups, 15)
    second_partition(leaves, np.where(np.arange(30) < 15, 0, NONE), 15)


def test_nothing_asked_nothing_exposed() -> None:
    nobody = np.full(5, NONE)
    assert smallest_cut(nobody, nobody) == 0
    second_partition(nobody, nobody, 15)
    with pytest.raises(InputError):
        smallest_cut(nobody, nobody[:3])
