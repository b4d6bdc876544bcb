"""Plans: which cells a question adds up, and which of its numbers may open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quietgrid.algorithms.herd import beside_late
from quietgrid.algorithms.plan import (
    BillsPlan,
    bills_plan,
    by_home,
    carries,
    covering,
    late_set,
    partition,
    rebased,
    totals_plan,
)
from quietgrid.errors import GateRefusal
from quietgrid.model.closed import Closed, GateRules
from quietgrid.model.interval import Window
from quietgrid.model.party import MemberList
from quietgrid.model.question import Quantity

RULES = GateRules(k=3, max_share_percent=50)
PER_DAY = 96


def members(
    leaves: dict[str, Sequence[int]], *, homes: Sequence[int] | None = None, watts: Sequence[int] | None = None
) -> MemberList:
    """A list with one register bitmap a meter; homes are 1, 2, … unless given."""
    bits = [b for registers in leaves.values() for b in registers]
    leaf = [n for n, registers in enumerate(leaves.values()) for _ in registers]
    count = len(bits)
    return MemberList(
        bytes(16), 0, 0, Window(0, 40 * PER_DAY, 900),
        np.array(homes or range(1, count + 1), np.uint64), np.arange(100, 100 + count, dtype=np.uint64),
        np.array(leaf, np.int32), np.array(bits, np.uint8), np.array(watts or [5_000] * count, np.int64), tuple(leaves),
    )  # fmt: skip


def closed(
    present: NDArray[np.bool_], *, leaf: int = 0, day: int = 0, a: int = 0, version: NDArray[np.int16] | None = None
) -> Closed:
    number = np.zeros(present.shape, np.int16) if version is None else version
    return Closed(leaf, day, a, a + present.shape[1], present, number, bytes([leaf, day, a]) + bytes(29))


def everyone(count: int, slots: int) -> NDArray[np.bool_]:
    return np.ones((count, slots), np.bool_)


# -- the partition --------------------------------------------------------------------------------------------------


def test_what_each_leaf_answers() -> None:
    plan = partition(
        members({"none": [1] * 4, "many": [3] * 3 + [1], "few": [3] + [1] * 3, "also few": [3, 3, 1], "small": [1, 3]}),
        RULES,
    )
    assert plan == {
        "none": ((0,), (Quantity.IMPORT,)),
        "many": ((1,), (Quantity.IMPORT, Quantity.EXPORT)),
        "few": ((2,), (Quantity.NET,)),
        "also few": ((3,), (Quantity.NET,)),
        "union": ((2, 3), (Quantity.EXPORT,)),
    }


def test_a_union_below_the_floor_is_not_asked() -> None:
    assert "union" not in partition(members({"few": [3, 1, 1], "also few": [3, 1, 1]}), RULES)
    assert "union" not in partition(members({"few": [3, 3, 1]}), RULES)  # one leaf: it would be its export


def test_meters_of_one_home_count_once() -> None:
    some = members({"leaf": [3, 3, 3, 1, 1]}, homes=[1, 1, 1, 2, 3])
    assert partition(some, RULES) == {"leaf": ((0,), (Quantity.NET,))}
    assert partition(members({"leaf": [1] * 5}, homes=[1, 1, 1, 1, 2]), RULES) == {}


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(st.sampled_from([1, 3]), min_size=1, max_size=7), min_size=1, max_size=5))
def test_no_leaf_is_in_two_nodes_with_one_quantity(leaves: list[list[int]]) -> None:
    """Slot totals use one partition: of a leaf's register there is never more than one sum."""
    plan = partition(members({f"leaf {n}": bits for n, bits in enumerate(leaves)}), RULES)
    seen: set[tuple[int, int]] = set()
    for numbers, quantities in plan.values():
        for leaf in numbers:
            for quantity in quantities:
                register = int(quantity is Quantity.EXPORT)  # a net total is the leaf's only import total
                assert (leaf, register) not in seen
                seen.add((leaf, register))


# -- totals ---------------------------------------------------------------------------------------------------------


def test_the_floor_counts_who_arrived() -> None:
    present = everyone(5, 4)
    present[2:, 1] = False
    present[:2, 2] = False
    plan = totals_plan(members({"leaf": [1] * 5}), "leaf", Quantity.IMPORT, [closed(present)], RULES)
    assert plan.homes.tolist() == [5, 2, 3, 5]
    assert plan.allowed.tolist() == [True, False, True, True]
    assert np.array_equal(plan.include[0], present)


def test_no_home_has_more_than_its_share() -> None:
    some = members({"leaf": [1] * 4}, watts=[9_000, 3_000, 3_000, 3_000])
    present = everyone(4, 2)
    present[3, 1] = False
    plan = totals_plan(some, "leaf", Quantity.IMPORT, [closed(present)], RULES)
    assert plan.allowed.tolist() == [True, False]  # 9 of 18 kW, then 9 of 15


def test_a_home_weighs_what_its_largest_meter_is_certified_for() -> None:
    some = members({"leaf": [1] * 5}, homes=[1, 1, 2, 3, 4], watts=[9_000, 9_000, 3_000, 3_000, 3_000])
    plan = totals_plan(some, "leaf", Quantity.IMPORT, [closed(everyone(5, 1))], RULES)
    assert plan.homes.tolist() == [4]
    assert plan.allowed.tolist() == [True]


def test_net_has_the_export_of_those_who_can() -> None:
    plan = totals_plan(members({"few": [3] + [1] * 3}), "few", Quantity.NET, [closed(everyone(4, 1))], RULES)
    assert plan.signs == {0: 1, 1: -1}
    assert plan.include[0].sum() == 4
    assert plan.include[1].tolist() == [[True], [False], [False], [False]]


def test_a_union_adds_its_leaves_up() -> None:
    some = members({"few": [3, 3, 1], "none": [1] * 3, "also few": [1, 3, 1]})
    closes = [closed(everyone(3, 2)), closed(everyone(3, 2), leaf=2)]
    plan = totals_plan(some, "union", Quantity.EXPORT, closes, RULES)
    assert plan.rows.tolist() == [0, 1, 2, 6, 7, 8]
    assert plan.homes.tolist() == [3, 3]
    closes[1].present[1, 0] = False
    assert totals_plan(some, "union", Quantity.EXPORT, closes, RULES).allowed.tolist() == [False, True]


@pytest.mark.parametrize("change", ["other day", "other slots", "other leaf", "order", "one missing", "one twice"])
def test_closes_that_are_not_the_nodes(change: str) -> None:
    some = members({"few": [3, 3, 1], "also few": [1, 3, 1]})
    one, two = closed(everyone(3, 2)), closed(everyone(3, 2), leaf=1)
    closes = {
        "other day": [one, replace(two, day=1)], "other slots": [one, replace(two, a=1, b=3)],
        "other leaf": [one, replace(two, leaf=0)], "order": [two, one], "one missing": [one], "one twice": [one, one],
    }[change]  # fmt: skip
    with pytest.raises(GateRefusal) as refused:
        totals_plan(some, "union", Quantity.EXPORT, closes, RULES)
    assert refused.value.rule == "partition"


@pytest.mark.parametrize(("node", "quantity"), [("few", Quantity.IMPORT), ("nowhere", Quantity.NET)])
def test_questions_the_partition_has_no_place_for(node: str, quantity: Quantity) -> None:
    with pytest.raises(GateRefusal, match=r"few \(net\)") as refused:
        totals_plan(members({"few": [3, 1, 1]}), node, quantity, [closed(everyone(3, 1))], RULES)
    assert refused.value.rule == "partition"


def test_a_close_of_an_earlier_revision_has_fewer_rows() -> None:
    first = members({"leaf": [1] * 4})
    later = MemberList(
        first.community, 0, 1, first.window, np.append(first.homes, first.homes[0]),
        np.append(first.pids, np.uint64(7)), np.append(first.leaves, np.int32(0)),
        np.append(first.registers, np.uint8(1)), np.append(first.connection_w, 5_000), first.leaf_names,
    )  # fmt: skip
    old, new = closed(everyone(4, 2)), closed(everyone(5, 2), day=1)
    new.present[0] = False
    for close, rows in ((old, [0, 1, 2, 3]), (new, [0, 1, 2, 3, 4])):
        plan = totals_plan(later, "leaf", Quantity.IMPORT, [close], RULES)
        assert plan.rows.tolist() == rows
        assert plan.homes.tolist() == [4, 4]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_cells_merged_by_home(rows: int, slots: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    homes, cells = rng.integers(0, 4, rows).astype(np.uint64), rng.random((rows, slots)) < 0.4
    expected = [cells[homes == home].any(axis=0).tolist() for home in np.unique(homes)]
    assert by_home(homes, cells).tolist() == expected


# -- bills ----------------------------------------------------------------------------------------------------------

WINDOW = Window(0, 4 * PER_DAY, 900)
FULL = np.ones((1, len(WINDOW)), np.int64)


def days(count: int, present: NDArray[np.bool_] | None = None) -> list[Closed]:
    cells = everyone(count, len(WINDOW)) if present is None else present
    return [closed(cells[:, n * PER_DAY : (n + 1) * PER_DAY], day=n) for n in range(4)]


def test_closes_cover_the_period() -> None:
    closes = days(3)
    pieces = covering(closes, 0, WINDOW)
    assert [offset for offset, _ in pieces] == [0, 96, 192, 288]
    for wrong in (closes[1:], closes[:-1], [closes[0], *closes], closes[::-1], [], [replace(closes[0], leaf=1)]):
        with pytest.raises(GateRefusal) as refused:
            covering(wrong, 0, WINDOW)
        assert refused.value.rule == "batch"


def test_counts_and_what_is_missing() -> None:
    present = everyone(4, len(WINDOW))
    present[1, 10:20] = False
    weights = np.zeros((2, len(WINDOW)), np.int64)
    weights[0, ::2] = 1
    weights[1] = 1
    some = members({"leaf": [3, 1, 1, 1]}, homes=[1, 2, 2, 3])
    plan = bills_plan(some, 0, WINDOW, days(4, present), ([0, 1], weights))
    assert plan.homes.tolist() == [1, 2, 3]
    assert plan.home_of_row.tolist() == [0, 1, 1, 2]
    assert plan.counts.tolist() == [[192, 384], [192, 0], [192, 0]]  # home 2's other meter delivered those cells
    assert plan.missing.tolist() == [[0, 0], [0, 0], [0, 0]]
    present[2, 10:20] = False
    plan = bills_plan(some, 0, WINDOW, days(4, present), ([0, 1], weights))
    assert (plan.counts[1, 0], plan.missing[1, 0]) == (187, 5)
    assert plan.missing[1, 1] == 0  # it has no export to miss


def late_plan(late: Sequence[tuple[int, int, int, int]], present: NDArray[np.bool_]) -> BillsPlan:
    some = members({"leaf": [1] * 4})
    closes = days(4, present)
    find = {(c.day, c.a + n): c for c in closes for n in range(c.b - c.a)}
    part = late_set(some, 0, 0, late, lambda day, slot: find.get((day, slot)), RULES)
    return bills_plan(some, 0, WINDOW, closes, ([0], FULL), [part])


def test_late_cells_fill_what_was_missing() -> None:
    present = everyone(4, len(WINDOW))
    present[:3, 100] = False
    plan = late_plan([(row, 1, 4, 0) for row in range(3)], present)
    assert plan.late[0].signs.tolist() == [1, 1, 1]
    assert plan.counts[:, 0].tolist() == [384] * 4
    assert not plan.missing.any()


def test_a_corrected_cell_replaces_the_one_that_was_counted() -> None:
    """It adds the new version and takes the old one out, and counts as one cell."""
    plan = late_plan([(row, 1, 4, 1) for row in range(3)], everyone(4, len(WINDOW)))
    assert plan.late[0].cells.tolist() == [[r, 1, 4, v] for r in range(3) for v in (1, 0)]
    assert plan.late[0].signs.tolist() == [1, -1] * 3
    assert plan.counts[:, 0].tolist() == [384] * 4


@pytest.mark.parametrize(("late", "what"), [
    ([(0, 1, 4, 0), (1, 1, 4, 0)], "wait until 3 homes"),
    ([(0, 1, 4, 0), (1, 1, 4, 0), (3, 1, 4, 0)], "is not late"),  # home 4 was counted
    ([(0, 9, 4, 0), (1, 1, 4, 0), (2, 1, 4, 0)], "lies in no close"),
    ([(7, 1, 4, 0), (1, 1, 4, 0), (2, 1, 4, 0)], "lies in no close"),
    ([(0, 1, 4, 300), (1, 1, 4, 0), (2, 1, 4, 0)], "lies in no close"),
])  # fmt: skip
def test_late_cells_that_are_refused(late: list[tuple[int, int, int, int]], what: str) -> None:
    present = everyone(4, len(WINDOW))
    present[:3, 100] = False
    with pytest.raises(GateRefusal, match=what) as refused:
        late_plan(late, present)
    assert refused.value.rule == "late"


def test_a_home_that_was_away_does_not_open() -> None:
    present = everyone(4, len(WINDOW))
    present[2, 9:] = False  # 9 cells are fewer than a fortieth of 384
    present[3, 10:] = False
    plan = bills_plan(members({"leaf": [1] * 4}), 0, WINDOW, days(4, present), ([0], FULL))
    assert plan.allowed[:, 0].tolist() == [True, True, False, True]


@settings(max_examples=150, deadline=None)
@given(st.integers(2, 5), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_facts_that_give_late_cells_away_stay_closed(vectors: int, slots: int, seed: int) -> None:
    """Against plain linear algebra: a combination that vanishes in time but holds the band shows its late cells."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 3, (vectors, slots)) * (rng.random((vectors, slots)) < 0.6)
    if rng.random() < 0.5:
        weights[0] = weights[1:].sum(axis=0)
    closed_columns = beside_late([0] * vectors, weights, np.ones(vectors, np.bool_), 0)
    others = np.linalg.matrix_rank(weights[1:])
    follows = np.linalg.matrix_rank(weights) == others and bool(weights[0].any())
    assert bool(closed_columns) == follows
    left = [f for f in range(1, vectors) if f not in closed_columns]
    if left and weights[0].any():
        assert np.linalg.matrix_rank(weights[[*left, 0]]) > np.linalg.matrix_rank(weights[left])


def test_a_close_of_an_earlier_epoch_by_the_rows_of_a_later_list() -> None:
    """The second home has left and a new one came last; the third has another household at the same connection."""
    old = members({"leaf": [1] * 4})
    new = members({"leaf": [1] * 4}, homes=[1, 7, 4, 9])
    new = replace(new, epoch=1, pids=np.array([100, 102, 103, 109], np.uint64))
    assert carries(0, old, new).tolist() == [True, False, True, False]
    assert not carries(0, replace(old, leaf_names=("other",)), new).any()
    present = np.arange(4 * PER_DAY).reshape(4, PER_DAY) % 3 > 0
    version = present * np.arange(4)[:, None]
    close = Closed(0, 0, 0, PER_DAY, present, version.astype(np.int16), bytes(32))
    seen = rebased(close, 0, old, new)
    assert (seen.present[[0, 1, 2]] == present[[0, 2, 3]]).all()
    assert (seen.version[[0, 1, 2]] == version[[0, 2, 3]]).all()
    assert not seen.present[3].any()
    assert not seen.version[3].any()
    short = rebased(replace(close, present=present[:3], version=version[:3].astype(np.int16)), 0, old, new)
    assert not short.present[2].any(), "a meter that was appended after this close is not in it"
