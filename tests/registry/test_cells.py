"""Planning leaves: big enough to show, small enough to stay on one feeder."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.errors import InputError
from quietgrid.model.closed import GateRules
from quietgrid.model.party import Party, PartyKind
from quietgrid.registry import plan_cells

RULES = GateRules()


def feeder(name: str, count: int, first: int, watts: int = 5_000) -> list[Party]:
    return [Party(first + n, f"home {first + n}", PartyKind.RESIDENTIAL, name, watts, "flat") for n in range(count)]


def test_long_feeders_are_cut_into_even_sections() -> None:
    plan = plan_cells(feeder("north", 61, 1), frozenset(), RULES)
    assert [(c.name, len(c.homes)) for c in plan.cells] == [("north.1", 30), ("north.2", 31)]
    assert plan.too_small == ()


def test_short_feeders_are_joined() -> None:
    plan = plan_cells(feeder("a", 8, 1) + feeder("b", 9, 20) + feeder("c", 30, 40), frozenset(), RULES)
    assert [(c.name, len(c.homes)) for c in plan.cells] == [("c", 30), ("a+b", 17)]


def test_a_rest_below_the_floor_joins_its_neighbour() -> None:
    plan = plan_cells(feeder("a", 30, 1) + feeder("b", 3, 50), frozenset(), RULES)
    assert [(c.name, len(c.homes)) for c in plan.cells] == [("a", 33)]
    assert plan.too_small == ()


def test_too_few_homes_in_all() -> None:
    with pytest.raises(InputError, match="14 homes are too few"):
        plan_cells(feeder("a", 14, 1), frozenset(), RULES)


def test_what_an_operator_should_know() -> None:
    homes = feeder("a", 19, 1) + feeder("a", 1, 20, watts=40_000)
    (cell,) = plan_cells(homes, frozenset({1, 2}), RULES).cells
    assert (cell.exporters, cell.largest_percent) == (2, 29)
    assert [note.split(":")[0] for note in cell.notes] == [
        "20 homes", "one connection has 29 % of the capacity", "2 homes can export",
    ]  # fmt: skip
    (quiet,) = plan_cells(feeder("a", 30, 1), frozenset(range(1, 16)), RULES).cells
    assert quiet.notes == ()


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(1, 80), min_size=1, max_size=6), st.integers(2, 20))
def test_every_home_is_in_exactly_one_leaf_of_at_least_k(sizes: list[int], k: int) -> None:
    homes: list[Party] = []
    for number, size in enumerate(sizes):
        homes += feeder(f"feeder {number}", size, 1_000 * number + 1)
    rules = GateRules(k=k)
    if len(homes) < k:
        with pytest.raises(InputError):
            plan_cells(homes, frozenset(), rules)
        return
    plan = plan_cells(homes, frozenset(), rules)
    listed = [home for cell in plan.cells for home in cell.homes]
    assert sorted(listed) == sorted(p.home for p in homes)
    assert all(len(cell.homes) >= k for cell in plan.cells)
    assert len({cell.name for cell in plan.cells}) == len(plan.cells)
