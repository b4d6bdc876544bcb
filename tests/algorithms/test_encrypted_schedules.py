"""Schedules for encrypted loads, in plain: limits hold, the shaved peak is within its bound, bad input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.algorithms.schedule import aggregated, optimum
from quietgrid.algorithms.schedule.encrypted import STEP_SCHEDULES, Private, Terms, moves_of
from quietgrid.algorithms.schedule.shaving import CAPS, caps_of, counted, keeps, shave
from quietgrid.algorithms.schedule.steps import Steps, carry_out, walk
from quietgrid.errors import InputError
from quietgrid.model.interval import Window
from quietgrid.model.schedule import Aim, Objective, Outlook, Storages

STEP = 300
STEPS = st.builds(
    lambda capacity, over: Steps(capacity, STEP, (CAPS + over) * STEP), st.integers(1, 10), st.integers(0, 4)
)


@st.composite
def questions(draw: st.DrawFn, longest: int = 30) -> tuple[Private, Terms]:
    steps = draw(STEPS)
    n = draw(st.integers(2, longest))
    load = tuple(draw(st.lists(st.integers(0, steps.limit_wh), min_size=n, max_size=n)))
    prices = tuple(draw(st.lists(st.integers(-50_000, 400_000), min_size=n, max_size=n)))
    costs = tuple(draw(st.lists(st.integers(0, 255), min_size=n, max_size=n)))
    terms = Terms(n, steps, prices, draw(st.integers(1, min(12, n // 2))))
    return Private(load, draw(st.integers(0, steps.capacity)), costs), terms


@given(questions())
def test_every_schedule_keeps_power_energy_and_connection(asked: tuple[Private, Terms]) -> None:
    private, terms = asked
    steps = terms.steps
    for name, way in STEP_SCHEDULES.items():
        moves = way.plain(private, terms)
        level = private.level
        for load, move in zip(private.load_wh, moves, strict=True):
            level += move
            assert move in (-1, 0, 1), name
            assert 0 <= level <= steps.capacity, name
            assert load + move * steps.step_wh >= 0, f"{name} feeds in"
            assert move < 1 or load + steps.step_wh <= steps.limit_wh, f"{name} overloads the connection"


@given(questions())
def test_what_is_encrypted_fits_its_type(asked: tuple[Private, Terms]) -> None:
    private, terms = asked
    for way in STEP_SCHEDULES.values():
        for values, kind in way.question(private, terms):
            assert all(0 <= value < 1 << int(kind[1:]) for value in values)


def best_in_steps(load: tuple[int, ...], level: int, steps: Steps) -> int:
    """The lowest peak of any plan in steps, by trying all."""
    best = 1 << 40
    for moves in itertools.product((-1, 0, 1), repeat=len(load)):
        held, fits = level, True
        for move in moves:
            held += move
            fits &= 0 <= held <= steps.capacity
        if fits:
            best = min(best, max(x + move * steps.step_wh for x, move in zip(load, moves, strict=True)))
    return best


@settings(max_examples=60, deadline=None)
@given(questions(longest=6))
def test_the_shaved_peak_is_less_than_a_step_above_the_best(asked: tuple[Private, Terms]) -> None:
    private, terms = asked
    steps = terms.steps
    best = best_in_steps(private.load_wh, private.level, steps)
    moves = shave(private.load_wh, private.level, steps)
    peak = max(x + move * steps.step_wh for x, move in zip(private.load_wh, moves, strict=True))
    lowest = caps_of(steps)[0]
    assert peak < max(best, lowest - steps.step_wh) + steps.step_wh or peak <= max(lowest, best)


@settings(max_examples=15, deadline=None)
@given(questions(longest=12))
def test_the_shaved_peak_is_less_than_two_steps_above_the_linear_programme(asked: tuple[Private, Terms]) -> None:
    """The full programme: lossless, any power up to a step an interval."""
    private, terms = asked
    steps, one = terms.steps, np.array([1], np.int64)
    net = np.array([private.load_wh], np.int64)
    store = Storages(
        one * 0, one * steps.capacity * steps.step_wh, one * private.level * steps.step_wh, one * 0,
        one * 2 * steps.step_wh, one * 2 * steps.step_wh, one * 1_000, one * 1_000,
    )  # fmt: skip
    price = np.full(terms.intervals, 100_000, np.int64)
    window = Window(0, terms.intervals, 1_800)
    look = Outlook(window, ("g",), net, net, net, price, price, store, objective=Objective(Aim.PEAK))
    programme = optimum(aggregated(look)).peak_w // 2
    moves = shave(private.load_wh, private.level, steps)
    peak = max(x + move * steps.step_wh for x, move in zip(private.load_wh, moves, strict=True))
    assert peak < max(programme, caps_of(steps)[0] - steps.step_wh) + 2 * steps.step_wh


@given(questions())
def test_a_cap_that_is_kept_is_kept_by_higher_ones_too(asked: tuple[Private, Terms]) -> None:
    """What lets the encrypted search count the caps that fail."""
    private, terms = asked
    counts = counted(private.load_wh, terms.steps)
    kept = [keeps(counts, private.level, cap, terms.steps.capacity) for cap in range(CAPS)]
    assert kept == sorted(kept)


@given(questions(), st.integers(1, 2), st.randoms(use_true_random=False))
def test_carrying_out_keeps_the_storage_within_its_size(
    asked: tuple[Private, Terms], parts: int, chance: object
) -> None:
    private, terms = asked
    steps = terms.steps
    wishes = [(-1, 0, 1)[load % 3] for load in private.load_wh]
    moves = walk(private.load_wh, private.level, wishes, steps)
    came = [load // 2 for load in private.load_wh for _ in range(parts)]
    begin = private.level * steps.step_wh
    after, left = carry_out(came, moves, begin, steps, parts)
    assert 0 <= left <= steps.capacity * steps.step_wh
    assert min(after) >= 0
    assert sum(after) - sum(came) == left - begin


@pytest.mark.parametrize(
    "broken",
    [
        lambda: Terms(1, Steps(4, 300, 2_000)),
        lambda: Terms(4, Steps(4, 300, 2_000), (1, 2)),
        lambda: Terms(4, Steps(4, 300, 2_000), picks=0),
        lambda: Terms(4, Steps(4, 300, 2_000), (1, 2, 3, 1 << 41)),
        lambda: caps_of(Steps(11, 300, 2_000)),
        lambda: caps_of(Steps(4, 300, 1_799)),
        lambda: moves_of([0, 3]),
    ],
)
def test_what_cannot_be_is_refused(broken: object) -> None:
    with pytest.raises(InputError):
        broken()  # type: ignore[operator]


@pytest.mark.parametrize("name", STEP_SCHEDULES)
def test_a_question_that_cannot_be_is_refused_without_its_values(name: str) -> None:
    terms = Terms(4, Steps(4, 300, 2_000), (1, 2, 3, 4), 1)
    for private in (
        Private((1, 2, 3), 0, (0,) * 4), Private((1, 2, 3, 77_777), 0, (0,) * 4), Private((1, 2, 3, 4), 5, (0,) * 4)
    ):  # fmt: skip
        with pytest.raises(InputError) as error:
            STEP_SCHEDULES[name].question(private, terms)
        assert "77777" not in str(error.value)


def test_equal_prices_ask_for_nothing() -> None:
    terms = Terms(4, Steps(4, 300, 2_000), (5, 5, 5, 5))
    assert STEP_SCHEDULES["greedy"].plain(Private((500,) * 4, 2), terms) == (0, 0, 0, 0)
    with pytest.raises(InputError, match="prices"):
        STEP_SCHEDULES["greedy"].plain(Private((500,) * 4, 2), Terms(4, Steps(4, 300, 2_000)))
