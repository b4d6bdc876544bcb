"""The leverage audit against its definition: ranks of the whole matrix, in exact integers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from quietgrid.algorithms.leverage import (
    Facts,
    Totals,
    audit,
    audit_sets,
    check_leverage,
    net_total,
    register_total,
)
from quietgrid.algorithms.modular import Field
from quietgrid.errors import GateRefusal, InputError

Case = tuple[list[Totals], list[Facts]]


def exact_rank(rows: list[list[int]]) -> int:
    """Rank over the rationals: fraction-free (Bareiss) elimination on Python integers."""
    work = [row for row in {tuple(row) for row in rows} if any(row)]
    table = [list(row) for row in work]
    rank, previous = 0, 1
    for column in range(len(table[0]) if table else 0):
        pivot = next((n for n in range(rank, len(table)) if table[n][column]), None)
        if pivot is None:
            continue
        table[rank], table[pivot] = table[pivot], table[rank]
        lead = table[rank]
        for n in range(rank + 1, len(table)):
            row = table[n]
            factor = row[column]
            table[n] = [(lead[column] * value - factor * top) // previous for value, top in zip(row, lead, strict=True)]
        previous = lead[column]
        rank += 1
        if rank == len(table):
            break
    return rank


def matrix(case: Case) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All answers as rows [rows, n, registers × t]; the owner of each row (-1: a total)."""
    totals, facts = case
    homes, slots = (totals[0].terms[0][1] if totals else facts[0].cells).shape
    rows: list[NDArray[np.int64]] = []
    owners: list[int] = []
    for total in totals:
        for slot in range(slots):
            row = np.zeros((homes, 2, slots), np.int64)
            for number, (register, cells) in enumerate(total.terms):
                row[:, register, slot] += (1, -1)[number] * cells[:, slot]
            rows.append(row.reshape(homes, -1))
            owners.append(-1)
    for fact in facts:
        for home in range(homes):
            for f, weights in enumerate(fact.weights):
                if fact.holders is None or fact.holders[home, f]:
                    row = np.zeros((homes, 2, slots), np.int64)
                    row[home, fact.register] = weights * fact.cells[home]
                    rows.append(row.reshape(homes, -1))
                    owners.append(home)
    return np.stack(rows), np.array(owners)


def by_definition(case: Case, sets: Sequence[Sequence[int]]) -> list[int]:
    """Positions of the exposed sets: rank M - rank(M without B) - rank(facts of B) > 0."""
    rows, owners = matrix(case)
    whole = exact_rank(rows.reshape(len(rows), -1).tolist())
    exposed = []
    for position, members in enumerate(sets):
        rest = np.delete(rows, list(members), axis=1).reshape(len(rows), -1)
        own = sum(exact_rank(rows[owners == home, home].tolist()) for home in members)
        if whole - exact_rank(rest.tolist()) - own > 0:
            exposed.append(position)
    return exposed


def random_weights(rng: np.random.Generator, count: int, slots: int) -> NDArray[np.int64]:
    """Bands, small prices or a mixture."""
    bands = rng.integers(0, count, slots)
    weights = (bands == np.arange(count)[:, None]).astype(np.int64)
    for row in weights[rng.random(count) < 0.3]:
        row[:] = rng.integers(0, 6, slots)
    return weights


def random_case(rng: np.random.Generator) -> Case:
    """A small leaf: 2-5 homes, 3-6 intervals, any mixture of what the gate meets and what it must catch."""
    homes, slots = int(rng.integers(2, 6)), int(rng.integers(3, 7))
    count = int(rng.integers(1, 4))
    weights = random_weights(rng, count, slots)
    arrived = rng.random((homes, slots)) >= rng.choice([0.0, 0.1, 0.3])
    late = ~arrived & (rng.random((homes, slots)) < 0.5)
    in_totals = arrived & (rng.random(slots) >= rng.choice([0.0, 0.2]))
    in_totals &= rng.random((homes, slots)) >= rng.choice([0.0, 0.0, 0.1])
    holders = rng.random((homes, count)) >= 0.4 if rng.random() < 0.2 else None
    facts = [Facts(0, weights, arrived, holders)]
    if rng.random() < 0.4:
        pool = int(rng.integers(0, count))
        facts.append(Facts(0, weights[pool : pool + 1], late, late.any(axis=1)[:, None]))
    if rng.random() < 0.4:
        event = (rng.random((1, slots)) < 0.5).astype(np.int64)
        facts.append(Facts(0, event, arrived, rng.random((homes, 1)) < rng.choice([0.3, 0.8, 1.0])))
    kind = rng.choice(["one", "net", "two", "halves"])
    if kind == "one":
        return [register_total(0, in_totals)], facts
    if kind == "halves":
        half = (rng.random(homes) < 0.5)[:, None] & (rng.random(slots) < 0.5)
        return [register_total(0, in_totals & half), register_total(0, in_totals & ~half)], facts
    exports = arrived & (rng.random(homes) < 0.7)[:, None]
    facts.append(Facts(1, random_weights(rng, int(rng.integers(1, 3)), slots), exports))
    if kind == "net":
        return [net_total(in_totals, exports & in_totals)], facts
    return [register_total(0, in_totals), register_total(1, exports & in_totals)], facts


def test_agrees_with_exact_rank_on_a_thousand_random_leaves() -> None:
    rng = np.random.default_rng(20_260_101)
    leaks = tested = 0
    for number in range(1_050):
        case = random_case(rng)
        singles = [[home] for home in range(case[1][0].cells.shape[0])]
        expected = by_definition(case, singles)
        assert audit(*case, seed=number).tolist() == expected, f"case {number}"
        leaks += bool(expected)
        tested += 1
    print(f"{tested} leaves, {leaks} with a leak")
    assert leaks >= tested // 10
    assert tested - leaks >= tested // 10


def test_sets_agree_with_exact_rank() -> None:
    rng = np.random.default_rng(5)
    leaks = 0
    for number in range(120):
        case = random_case(rng)
        homes = case[1][0].cells.shape[0]
        sets = [[one, two] for one in range(homes) for two in range(one)]
        expected = by_definition(case, sets)
        assert audit_sets(*case, sets, seed=number) == expected, f"case {number}"
        leaks += bool(expected) and len(expected) < len(sets)
    assert leaks >= 15


def test_agrees_with_the_rank_of_the_whole_matrix_on_larger_leaves() -> None:
    """Up to 7 homes and 45 intervals, where intervals repeat: ranks modulo another prime."""
    rng = np.random.default_rng(8)
    field = Field(2_147_483_647)
    leaks = 0
    for number in range(30):
        homes, slots = int(rng.integers(4, 8)), int(rng.integers(20, 46))
        weights = (rng.integers(0, 3, slots) == np.arange(3)[:, None]).astype(np.int64)
        arrived = rng.random((homes, slots)) > 0.05
        totals = arrived & (rng.random((homes, slots)) > rng.choice([0.0, 0.01]))
        holders = rng.random((homes, 3)) > rng.choice([0.0, 0.1])
        case: Case = [register_total(0, totals)], [Facts(0, weights, arrived, holders)]
        rows, owners = matrix(case)
        whole = field.rank(rows.reshape(len(rows), -1))
        expected = []
        for home in range(homes):
            rest = field.rank(np.delete(rows, home, axis=1).reshape(len(rows), -1))
            if whole - rest - field.rank(rows[owners == home, home]) > 0:
                expected.append(home)
        assert audit(*case, seed=number).tolist() == expected, f"case {number}"
        leaks += bool(expected)
    assert 5 <= leaks <= 27


def month(homes: int = 15, days: int = 28) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """A book of three bands and everyone's cells."""
    hours = np.arange(days * 96) // 4 % 24
    return (hours // 8 == np.arange(3)[:, None]).astype(np.int64), np.ones((homes, days * 96), np.bool_)


def test_g1_a_single_late_cell_in_a_bill_is_exposed() -> None:
    book, cells = month()
    late = cells.copy()
    late[4, 100] = False
    assert audit([register_total(0, late)], [Facts(0, book, late)]).tolist() == []
    assert audit([register_total(0, late)], [Facts(0, book, cells)]).tolist() == [4]
    with pytest.raises(GateRefusal, match="single out 1 home") as refusal:
        check_leverage([register_total(0, late)], [Facts(0, book, cells)])
    assert refusal.value.rule == "leverage"


def test_g1_three_homes_late_in_three_bands_are_each_exposed() -> None:
    book, cells = month()
    late = cells.copy()
    for home in range(3):
        late[home, 8 * 4 * home + 3] = False
    assert audit([register_total(0, late)], [Facts(0, book, cells)]).tolist() == [0, 1, 2]


def test_g1_many_homes_late_in_one_band_hide_each_other() -> None:
    book, cells = month()
    late = cells.copy()
    late[np.arange(8), np.arange(8)] = False
    assert audit([register_total(0, late)], [Facts(0, book, cells)]).tolist() == []
    facts = [Facts(0, book, late), Facts(0, book[:1], cells & ~late, (cells & ~late).any(axis=1)[:, None])]
    assert audit([register_total(0, late)], facts).tolist() == []


@pytest.mark.parametrize(("late_homes", "exposed"), [([4], [4]), ([4, 9], []), (list(range(15)), [])])
def test_g1_cells_of_an_earlier_period_added_to_this_bill(late_homes: list[int], exposed: list[int]) -> None:
    """One column beyond the period stands for each home's late sum, in the bills of its band and in no total."""
    book, cells = month()
    weights = np.concatenate([book, [[1], [0], [0]]], axis=1)
    in_bills = np.concatenate([cells, np.isin(np.arange(15), late_homes)[:, None]], axis=1)
    in_totals = np.concatenate([cells, np.zeros((15, 1), np.bool_)], axis=1)
    totals, facts = [register_total(0, in_totals)], [Facts(0, weights, in_bills)]
    assert audit(totals, facts).tolist() == exposed
    if len(late_homes) == 2:
        assert audit_sets(totals, facts, [late_homes, [4, 5]]) == [0]  # found by the rule, not by the audit


def test_g5_all_but_few_consenting_exposes_the_rest() -> None:
    book, cells = month(homes=6)
    event = np.zeros((1, cells.shape[1]), np.int64)
    event[0, [70, 71, 72, 73, 166, 167, 168, 169]] = 1
    exposed = {}
    for holders in range(7):
        held = (np.arange(6) < holders)[:, None]
        facts = [Facts(0, book, cells), Facts(0, event, cells, held)]
        pairs = [[one, two] for one in range(6) for two in range(one)]
        totals = [register_total(0, cells)]
        exposed[holders] = bool(audit(totals, facts).size or audit_sets(totals, facts, pairs))
    assert exposed == {0: False, 1: False, 2: False, 3: False, 4: True, 5: True, 6: False}  # k = 3


def test_g6_one_home_on_another_book_is_exposed() -> None:
    book, cells = month()
    holders = np.ones((15, 4), np.bool_)
    holders[7] = [False, False, False, True]
    flat = np.concatenate([book, np.ones((1, book.shape[1]), np.int64)])
    assert audit([register_total(0, cells)], [Facts(0, flat, cells, holders)]).tolist() == [7]
    assert audit([register_total(0, cells)], [Facts(0, flat, cells)]).tolist() == []


def test_net_totals_hide_the_only_exporter_and_export_totals_do_not() -> None:
    book, cells = month()
    exports = cells & (np.arange(15) == 3)[:, None]
    facts = [Facts(0, book, cells), Facts(1, book, exports)]
    assert audit([net_total(cells, exports)], facts).tolist() == []
    assert audit([register_total(0, cells), register_total(1, exports)], facts).tolist() == [3]


def test_halves_of_a_leaf_are_safe_and_a_cell_in_two_totals_is_refused() -> None:
    book, cells = month(homes=30)
    half = (np.arange(30) % 2 == 0)[:, None] & (np.arange(cells.shape[1]) >= 960)
    totals = [register_total(0, cells & ~half), register_total(0, cells & half)]
    assert audit(totals, [Facts(0, book, cells)]).tolist() == []
    with pytest.raises(GateRefusal, match="two totals") as refusal:
        audit([register_total(0, cells), register_total(0, cells & half)], [Facts(0, book, cells)])
    assert refusal.value.rule == "partition"


def test_two_equal_intervals_are_not_one() -> None:
    alone = np.array([[1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]], np.bool_)
    one_fact = Facts(0, np.array([[1, 1, 0, 0]]), np.ones((3, 4), np.bool_))
    assert audit([register_total(0, alone)], [one_fact]).tolist() == [0]


def test_refuses_what_does_not_fit() -> None:
    book, cells = month()
    with pytest.raises(InputError, match="shape"):
        audit([register_total(0, cells)], [Facts(0, book[:, 1:], cells)])
    with pytest.raises(InputError, match="shape"):
        audit([register_total(0, cells), register_total(1, cells[:4])], [])
    with pytest.raises(InputError, match="nothing"):
        audit([], [])
    with pytest.raises(GateRefusal, match="4096"):
        audit([register_total(0, cells)], [Facts(0, book * 4096, cells)])
