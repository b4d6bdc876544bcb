"""`Limits`: batches of moves, shares of them, what they break."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.errors import InputError
from quietgrid.model.interval import Window
from quietgrid.model.limits import UNBOUNDED_W, Limits

WINDOW = Window(0, 3, 900)


def limits() -> Limits:
    """Two groups behind one cable of 10, 10, -2 kW; the second relieves it by feeding in."""
    room = np.array([[10e3, 10e3, -2e3]])
    wide = np.full((2, 3), 8_000, np.int64)
    return Limits(WINDOW, ("A", "B"), wide, wide, ("cable",), room, np.array([[1.0, 1.0]]), np.array([[-1.0, -0.5]]))


def test_many_candidates_are_checked_at_once() -> None:
    moves = np.zeros((4, 2, 3), np.int64)
    moves[1], moves[2, 0], moves[2, 1], moves[3, 0] = 6_000, 8_000, -1_000, 8_001
    assert limits().allowed(moves).tolist() == [
        [True, True, True], [False, False, False], [True, True, False], [False, False, False],
    ]  # fmt: skip
    assert limits().binding(moves[1]) == [("cable",)] * 3
    assert limits().allowed(np.array([[-1, -1, -1], [0, 0, 0]])).all()


@given(st.lists(st.integers(-20_000, 20_000), min_size=6, max_size=6))
def test_a_share_of_moves_is_allowed_and_a_larger_one_is_not(values: list[int]) -> None:
    moves = np.array(values, np.int64).reshape(2, 3)
    share = limits().scaled(moves)
    assert ((share >= 0) & (share <= 1)).all()
    assert limits().allowed(np.trunc(moves * share).astype(np.int64) * (share >= 1e-3))[:2].all()
    whole = limits().allowed(moves)
    assert (share[whole] == 1).all()
    assert (share[~whole] < 1).all()


def test_unbounded_allows_whatever_a_grid_can_carry() -> None:
    free = Limits.unbounded(("A", "B"), WINDOW)
    assert free.allowed(np.full((5, 2, 3), UNBOUNDED_W)).all()
    assert (free.scaled(np.full((2, 3), 10**9)) == 1).all()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="groups"):
        limits().allowed(np.zeros((3, 3), np.int64))
    with pytest.raises(InputError, match="fit"):
        Limits(WINDOW, ("A",), np.zeros((2, 3), np.int64), np.zeros((2, 3), np.int64), (), *[np.zeros((0, 1))] * 3)
