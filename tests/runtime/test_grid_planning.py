"""How full storages are believed to be: what was asked of groups, half forgotten in nine hours, within bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.demo import demo_network
from quietgrid.model.grid import SetPoint, SetPointKind
from quietgrid.runtime.grid_planning import FORGETS_S, believed, storages_of

NETWORK = demo_network(60)
GROUPS = NETWORK.groups
HALF = storages_of(NETWORK)
SIZE = HALF.capacity_wh.tolist()
HOUR = 3_600.0


def point(watts: int, start: float, end: float, group: str = GROUPS[0], name: str = "p") -> SetPoint:
    return SetPoint(name, SetPointKind.STORAGE_W, group, watts, start, end)


def levels(points: list[SetPoint], now: float) -> list[int]:
    found: list[int] = believed(HALF, GROUPS, points, now).level_wh.tolist()
    return found


def test_without_a_dispatch_they_are_half_full() -> None:
    assert levels([], 0.0) == [size // 2 for size in SIZE]
    assert levels([point(9_000, 5 * HOUR, 6 * HOUR)], 5 * HOUR) == [size // 2 for size in SIZE], "not begun"


def test_what_was_given_is_gone_and_comes_back() -> None:
    asked = [point(-9_500, 0.0, HOUR)]
    gone = SIZE[0] // 2 - levels(asked, HOUR)[0]
    assert gone == pytest.approx(10_000, rel=0.01), "9.5 kWh at the grid are 10 out of the storage"
    later = SIZE[0] // 2 - levels(asked, HOUR + FORGETS_S)[0]
    assert later == pytest.approx(gone / 2, rel=0.01)
    assert levels(asked, HOUR)[1] == SIZE[1] // 2, "another group"


def test_of_two_that_overlap_the_later_counts_and_a_cut_one_only_so_far() -> None:
    both = [point(9_000, 0.0, 2 * HOUR), point(0, HOUR, 2 * HOUR, name="q")]
    assert levels(both, 2 * HOUR)[0] < levels(both[:1], 2 * HOUR)[0]
    assert levels([point(9_000, 0.0, HOUR)], 2 * HOUR) == levels(both, 2 * HOUR)


@given(
    st.lists(
        st.tuples(st.integers(-90_000, 90_000), st.integers(0, 96), st.integers(1, 20)), max_size=12
    ),
    st.integers(0, 120),
)  # fmt: skip
def test_a_belief_is_between_half_and_what_was_asked_and_within_the_capacity(
    asked: list[tuple[int, int, int]], now: int
) -> None:
    points = [point(w, a * 900.0, (a + n) * 900.0, name=str(at)) for at, (w, a, n) in enumerate(asked)]
    found = believed(HALF, GROUPS, points, now * 900.0)
    assert (found.level_wh >= 0).all()
    assert (found.level_wh <= found.capacity_wh).all()
    if all(watts <= 0 for watts, _, _ in asked):
        assert (found.level_wh <= HALF.level_wh).all()
    if all(watts >= 0 for watts, _, _ in asked):
        assert (found.level_wh >= HALF.level_wh).all()
    assert np.array_equal(found.end_wh, HALF.end_wh)
