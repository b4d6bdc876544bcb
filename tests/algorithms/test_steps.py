"""Schedules in whole steps."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.schedule.steps import Steps, flatten, follow_prices, walk, wishes_of
from quietgrid.errors import InputError

LOADS = st.lists(st.integers(0, 6000), min_size=2, max_size=30)
STORES = st.builds(Steps, st.integers(1, 13), st.integers(1, 3000), st.integers(0, 7000))


@given(LOADS, st.integers(0, 15), STORES, st.randoms())
def test_limits_hold_whatever_is_wished(load: list[int], level: int, steps: Steps, random: object) -> None:
    wishes = [random.choice((-1, 0, 1)) for _ in load]  # type: ignore[attr-defined]
    plan = walk(load, level, wishes, steps)
    levels = list(accumulate(plan, initial=min(level, steps.capacity)))
    assert all(0 <= held <= steps.capacity for held in levels)
    for before, move in zip(load, plan, strict=True):
        assert move <= 0 or before + steps.step_wh <= steps.limit_wh
        assert before + move * steps.step_wh >= 0


@given(LOADS, st.integers(0, 13), STORES, st.data())
def test_flattening_charges_low_and_gives_high(load: list[int], level: int, steps: Steps, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, min(12, len(load) // 2)))
    plan = flatten(load, level, k, steps)
    order = sorted(range(len(load)), key=lambda t: (load[t], t))
    assert all(t in order[:k] for t, move in enumerate(plan) if move > 0)
    assert all(t in order[-k:] for t, move in enumerate(plan) if move < 0)


def test_prices() -> None:
    assert wishes_of((10, 20, 30), (10, 30)) == (1, 0, -1)
    assert follow_prices((500, 500, 200), (10, 20, 30), 0, (10, 30), Steps(4, 300, 2000)) == (1, 0, 0)


def test_refused() -> None:
    with pytest.raises(InputError, match="order"):
        wishes_of((1,), (5, 5))
    with pytest.raises(InputError, match="picked"):
        flatten((1, 2, 3), 0, 2, Steps(4, 300, 2000))
    with pytest.raises(InputError, match="counted"):
        Steps(14, 300, 2000)
