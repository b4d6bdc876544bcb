"""Strike halves: disjoint, complete, the same for everyone, unbiased, and they find a poisoner."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.leverage import Facts, audit, register_total
from quietgrid.algorithms.strikes import _below, strike_halves
from quietgrid.errors import GateRefusal, InputError

LEAF = np.arange(100, 130, dtype=np.uint64)


def seed(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


@given(st.binary(min_size=16, max_size=64), st.sets(st.integers(0, 2**64 - 1), min_size=30, max_size=80))
def test_halves_are_disjoint_complete_and_large_enough(found: bytes, homes: set[int]) -> None:
    one, two = strike_halves(found, np.array(sorted(homes), np.uint64), 15)
    assert sorted([*one.tolist(), *two.tolist()]) == sorted(homes)
    assert 15 <= len(one) <= len(two) <= len(one) + 1
    again = strike_halves(found, np.array(sorted(homes, reverse=True), np.uint64), 15)
    assert one.tolist() == again[0].tolist()


def test_known_answer() -> None:
    """The rule of the docstring, written out once more."""
    found = bytes(range(32))
    blocks = (hashlib.sha256(b"qg1 strike halves" + found + n.to_bytes(8, "little")).digest() for n in range(99))
    numbers = (int.from_bytes(block[at : at + 8], "little") for block in blocks for at in (0, 8, 16, 24))
    order = LEAF.tolist()
    for last in range(29, 0, -1):
        number = next(n for n in numbers if n < 2**64 // (last + 1) * (last + 1))
        order[last], order[number % (last + 1)] = order[number % (last + 1)], order[last]
    one, two = strike_halves(found, LEAF, 15)
    assert one.tolist() == sorted(order[:15])
    assert two.tolist() == sorted(order[15:])
    assert hashlib.sha256(one.astype("<u8").tobytes()).hexdigest()[:16] == "f7f4a1764d12d7c7"


def test_numbers_in_the_incomplete_last_multiple_are_thrown_away() -> None:
    assert _below(3, iter([2**64 - 1, 5])) == 2
    assert _below(3, iter([2**64 - 2])) == (2**64 - 2) % 3


def test_every_home_and_every_pair_lands_together_about_equally_often() -> None:
    draws = 2_000
    side = np.zeros((draws, 30))
    for number in range(draws):
        one, _ = strike_halves(seed(number), LEAF, 15)
        side[number, (one - 100).astype(int)] = 1
    share = side.mean(axis=0)
    assert np.abs(share - 0.5).max() < 0.06  # 5 standard deviations
    together = (side.T @ side + (1 - side).T @ (1 - side)) / draws
    pairs = together[~np.eye(30, dtype=bool)]
    assert np.abs(pairs - 14 / 29).max() < 0.07


def test_a_poisoner_is_left_alone_under_suspicion_after_a_few_intervals() -> None:
    needed = []
    for poisoner in range(30):
        suspects = set(LEAF.tolist())
        rounds = 0
        while len(suspects) > 1:
            one, two = strike_halves(seed(1000 * poisoner + rounds), LEAF, 15)
            suspects &= set((one if 100 + poisoner in one else two).tolist())
            rounds += 1
        assert suspects == {100 + poisoner}
        needed.append(rounds)
    assert np.mean(needed) < 10  # 2 log2 30


def test_halves_do_not_expose_anyone() -> None:
    slots = 672
    cells = np.ones((30, slots), np.bool_)
    book = (np.arange(slots) // 4 % 24 // 8 == np.arange(3)[:, None]).astype(np.int64)
    first = np.zeros_like(cells)
    for slot in range(100, 120):
        one, _ = strike_halves(seed(slot), LEAF, 15)
        first[(one - 100).astype(int), slot] = True
    struck = (np.arange(slots) >= 100) & (np.arange(slots) < 120)
    totals = [register_total(0, cells & ~struck), register_total(0, first), register_total(0, cells & struck & ~first)]
    assert audit(totals, [Facts(0, book, cells)]).tolist() == []


def test_refuses_small_leaves_and_weak_seeds() -> None:
    with pytest.raises(GateRefusal, match="29 homes") as refusal:
        strike_halves(bytes(32), LEAF[:29], 15)
    assert refusal.value.rule == "strike-halves"
    with pytest.raises(InputError, match="seed"):
        strike_halves(b"short", LEAF, 15)
    with pytest.raises(InputError, match="twice"):
        strike_halves(bytes(32), np.r_[LEAF, LEAF], 15)
