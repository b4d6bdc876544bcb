"""Only forced ticks of a sealed curve open."""

from __future__ import annotations

from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.bisection import bracket, check_tick, most_ticks, next_tick
from quietgrid.errors import GateRefusal, InputError


@given(st.integers(1, 5000), st.data())
def test_every_clearing_tick_is_found_within_the_allowance(ticks: int, data: st.DataObject) -> None:
    clearing = data.draw(st.integers(0, ticks))
    answers: list[tuple[int, int]] = []
    while (tick := next_tick(answers, ticks)) is not None:
        check_tick(tick, answers, ticks)
        answers.append((tick, 1 if tick < clearing else data.draw(st.sampled_from([-1, 0]))))
    assert bracket(answers, ticks) == (clearing, clearing)
    assert len(answers) <= most_ticks(ticks) == ceil(log2(ticks)) + 1
    opened = {tick for tick, _ in answers}
    assert clearing == ticks or clearing in opened  # both sides of the marginal step are known
    assert clearing == 0 or clearing - 1 in opened


@given(st.integers(2, 300), st.data())
def test_any_other_tick_is_refused(ticks: int, data: st.DataObject) -> None:
    clearing = data.draw(st.integers(0, ticks))
    answers: list[tuple[int, int]] = []
    for _ in range(data.draw(st.integers(0, 12))):
        tick = next_tick(answers, ticks)
        if tick is None:
            break
        answers.append((tick, 1 if tick < clearing else -1))
    forced = next_tick(answers, ticks)
    other = data.draw(st.integers(0, ticks - 1).filter(lambda tick: tick != forced))
    with pytest.raises(GateRefusal) as refusal:
        check_tick(other, answers, ticks)
    assert refusal.value.rule == "ticks"
    with pytest.raises(GateRefusal):
        next_tick([*answers, (other, 1)], ticks)


def test_a_path_that_nobody_forced_is_refused() -> None:
    for answers in ([(0, 1)], [(50, 1), (50, -1)], [(50, 1)] * 20, [(0, -1), (0, -1)]):
        with pytest.raises(GateRefusal):
            next_tick(answers, 100)
    with pytest.raises(InputError):
        next_tick([(50, 7)], 100)
    with pytest.raises(InputError):
        next_tick([], 0)
