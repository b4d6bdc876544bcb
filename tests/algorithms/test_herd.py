"""Events and thin bands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from quietgrid.algorithms.herd import check_events, hidden_among, opens, rank
from quietgrid.errors import GateRefusal, InputError

SLOTS = 2688
HOURS = np.arange(SLOTS) // 4 % 24
BOOK = (np.arange(3)[:, None] == HOURS // 8).astype(np.int64)
EVENING = np.zeros((1, SLOTS), np.int64)
EVENING[0, 70:78] = 1


def holders(count: int, homes: int = 30) -> NDArray[np.bool_]:
    return (np.arange(homes) < count)[:, None]


@pytest.mark.parametrize("count", [0, 1, 15, 30])
def test_few_or_all_may_hold_an_event(count: int) -> None:
    check_events(BOOK, EVENING, holders(count), 15)


@pytest.mark.parametrize("count", [16, 29])
def test_all_but_few_may_not(count: int) -> None:
    with pytest.raises(GateRefusal, match=f"{count} of 30") as refusal:
        check_events(BOOK, EVENING, holders(count), 15)
    assert refusal.value.rule == "herd"


def event(*weights: tuple[int, int]) -> NDArray[np.int64]:
    found = np.zeros((1, SLOTS), np.int64)
    for slot, weight in weights:
        found[0, slot] = weight
    return found


@pytest.mark.parametrize(
    ("vectors", "why"),
    [
        (event((70, 1), (71, 1), (72, 1)), "fewer than 4 intervals"),
        (event((70, 4000), (71, 1), (72, 1), (73, 1), (74, 1)), "fewer than 4 intervals"),
        (event((70, 7), (71, 7), (72, 7), (73, 7), (74, 6)), "modulo 7 only 1"),
        (event((70, 4096), (71, 4096), (72, 4096), (73, 4096)), "4096 or more"),
        (BOOK[:1], "combination of the book"),
        (np.concatenate([EVENING, 2 * EVENING]), "combination of the book"),
        (BOOK[:1] - event((3, 1)), "rests on 1 intervals"),
        (np.concatenate([EVENING, EVENING - event((70, 1))]), "rests on 1 intervals"),
        (np.zeros((1, SLOTS), np.int64), "fewer than 4 intervals"),
    ],
)
def test_vectors_that_would_read_few_intervals_are_refused(vectors: NDArray[np.int64], why: str) -> None:
    with pytest.raises(GateRefusal, match=why) as refusal:
        check_events(BOOK, vectors, np.zeros((30, len(vectors)), np.bool_), 15)
    assert refusal.value.rule in ("event", "weights")


def test_a_linear_baseline_reward_passes() -> None:
    """Ten times the event minus the same intervals of the ten days before: linear, with negative weights."""
    reward = 10 * np.roll(EVENING, 96 * 12)
    for day in range(2, 12):
        reward -= np.roll(EVENING, 96 * day)
    check_events(BOOK, reward, holders(12), 15)


def test_more_than_eight_events_a_home_are_refused() -> None:
    nine = np.stack([np.roll(EVENING[0], 96 * day) for day in range(9)])
    check_events(BOOK, nine[:8], np.tile(holders(15), 8), 15)
    with pytest.raises(GateRefusal, match="holds 9 events"):
        check_events(BOOK, nine, np.tile(holders(15), 9), 15)
    check_events(BOOK, nine, (np.arange(30)[:, None] // 2 == np.arange(9)), 15)


def test_shapes_must_fit() -> None:
    with pytest.raises(InputError):
        check_events(BOOK[:, 1:], EVENING, holders(3), 15)
    with pytest.raises(InputError):
        check_events(BOOK, EVENING, np.tile(holders(3), 2), 15)


def test_no_events_are_no_trouble() -> None:
    check_events(BOOK, EVENING[:0], np.zeros((30, 0), np.bool_), 15)


def test_a_band_of_one_delivered_cell_does_not_open() -> None:
    cells = np.ones((3, SLOTS), np.bool_)
    cells[1, 1:] = False
    cells[2] = np.random.default_rng(1).random(SLOTS) > 0.05
    assert opens(BOOK, cells).tolist() == [[True] * 3, [False] * 3, [True] * 3]


def test_rank_agrees_with_floating_point_on_small_matrices() -> None:
    rng = np.random.default_rng(6)
    for _ in range(200):
        matrix = rng.integers(-2, 3, rng.integers(1, 6, 2))
        assert rank(matrix) == np.linalg.matrix_rank(matrix)


@given(st.integers(1, 12), st.integers(1, 4), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_what_stays_closed_is_alone_nowhere(homes: int, vectors: int, k: int, seed: int) -> None:
    """Nothing is opened that was closed; in a register with a closed number at least k homes that have some are closed.

    Those homes are closed in all of it: a number that follows from a home's other numbers would hide nothing.
    """
    rng = np.random.default_rng(seed)
    registers = rng.integers(0, 2, vectors).tolist()
    counts = rng.integers(0, 3, (homes, vectors)).astype(np.int32)
    opening = rng.random((homes, vectors)) < 0.8
    out = hidden_among(registers, counts, opening, k)
    assert not (out & ~opening).any()
    for register in set(registers):
        columns = np.flatnonzero(np.array(registers) == register)
        touched = counts[:, columns].any(axis=1)
        before = ((counts > 0) & ~opening)[:, columns].any(axis=1)
        closed = touched & ~out[:, columns].any(axis=1)
        if before.any():
            assert closed[before].all()
            assert closed.sum() >= min(k, touched.sum())
        else:
            assert (out == opening)[:, columns].all()
