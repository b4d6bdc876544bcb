"""Strike halves: disjoint, complete, the same for everyone, unbiased, and they find a poisoner."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from quietgrid.algorithms.leverage import Facts, audit, register_total
from quietgrid.algorithms.strikes import (
    Round,
    _below,
    halved_closes,
    joined,
    place_after,
    seed_of,
    strike_halves,
    suspicion,
)
from quietgrid.errors import InputError, UnavailableError, VerificationError

LEAF = np.arange(100, 130, dtype=np.uint64)
ALL = np.ones((30, 1), np.bool_)


def seed(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def first_of(found: bytes) -> NDArray[np.uint64]:
    """The homes of the leaf in the first half when all have arrived."""
    return LEAF[strike_halves(found, LEAF, ALL)[:, 0]]


@given(st.binary(min_size=16, max_size=64), st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 8))
def test_halves_are_disjoint_complete_and_even(found: bytes, draw: int, homes: int, slots: int) -> None:
    arrived = np.random.default_rng(draw).random((homes, slots)) < 0.7
    ids = np.arange(homes, dtype=np.uint64) * np.uint64(3)
    first = strike_halves(found, ids, arrived)
    assert not (first & ~arrived).any()
    assert first.sum(axis=0).tolist() == (arrived.sum(axis=0) // 2).tolist()
    assert np.array_equal(first, strike_halves(found, ids, arrived))


def test_who_is_missing_moves_nobody_across_but_the_one_in_the_middle() -> None:
    some = ALL.copy()
    some[7] = False
    changed = strike_halves(seed(1), LEAF, ALL)[:, 0] != strike_halves(seed(1), LEAF, some)[:, 0]
    assert changed.sum() <= 2


def test_known_answer() -> None:
    """The rule of the docstring, written out once more."""
    found = bytes(range(32))
    blocks = (hashlib.sha256(b"qg1 strike halves" + found + n.to_bytes(8, "little")).digest() for n in range(99))
    numbers = (int.from_bytes(block[at : at + 8], "little") for block in blocks for at in (0, 8, 16, 24))
    order = LEAF.tolist()
    for last in range(29, 0, -1):
        number = next(n for n in numbers if n < 2**64 // (last + 1) * (last + 1))
        order[last], order[number % (last + 1)] = order[number % (last + 1)], order[last]
    one = first_of(found)
    assert one.tolist() == sorted(order[:15])
    assert hashlib.sha256(one.astype("<u8").tobytes()).hexdigest()[:16] == "f7f4a1764d12d7c7"


def test_numbers_in_the_incomplete_last_multiple_are_thrown_away() -> None:
    assert _below(3, iter([2**64 - 1, 5])) == 2
    assert _below(3, iter([2**64 - 2])) == (2**64 - 2) % 3


def test_every_home_and_every_pair_lands_together_about_equally_often() -> None:
    draws = 2_000
    side = np.zeros((draws, 30))
    for number in range(draws):
        side[number] = strike_halves(seed(number), LEAF, ALL)[:, 0]
    share = side.mean(axis=0)
    assert np.abs(share - 0.5).max() < 0.06  # 5 standard deviations
    together = (side.T @ side + (1 - side).T @ (1 - side)) / draws
    pairs = together[~np.eye(30, dtype=bool)]
    assert np.abs(pairs - 14 / 29).max() < 0.07


def lie(found: bytes, liars: list[int], arrived: NDArray[np.bool_] = ALL) -> Round:
    """A close in which some homes lie in every interval."""
    first = strike_halves(found, LEAF, arrived)
    second = arrived & ~first
    lying = np.isin(LEAF, np.array(liars, np.uint64))
    bad = np.stack([(half & lying[:, None]).any(axis=0) for half in (first, second)])
    return Round(LEAF, first, second, bad)


def test_a_poisoner_is_named_after_about_two_log_n_closes() -> None:
    needed = []
    for poisoner in LEAF.tolist():
        rounds: list[Round] = []
        while suspicion(rounds).named is None:
            rounds.append(lie(seed(1000 * poisoner + len(rounds)), [poisoner]))
        found = suspicion(rounds)
        assert (found.named, found.strikes[0]) == (poisoner, (poisoner, len(rounds)))
        needed.append(len(rounds))
    assert min(needed) == 10  # 2 log2 30
    assert np.mean(needed) < 11
    assert max(needed) <= halved_closes(30)


def test_closes_without_a_lie_tell_nothing() -> None:
    rounds = [lie(seed(n), [107] if n % 3 == 0 else []) for n in range(30)]
    found = suspicion(rounds)
    assert (found.rounds, found.telling, found.named) == (30, 10, 107)
    assert suspicion(rounds[1:3]).strikes == ()


def test_two_poisoners_are_both_suspects_and_nobody_is_named() -> None:
    found = suspicion([lie(seed(n), [103, 119]) for n in range(40)])
    assert found.named is None
    assert {home for home, _ in found.strikes[:2]} == {103, 119}
    assert found.strikes[0][1] == found.strikes[1][1] == found.telling


def test_within_a_close_the_halves_of_every_interval_count() -> None:
    """Who is missing shifts the cut, so that one close of many intervals says more than one of a single interval."""
    arrived = np.random.default_rng(4).random((30, 96)) < 0.9
    arrived[7] = True
    struck = lie(seed(1), [107], arrived).struck()
    assert struck is not None
    assert 107 in struck
    assert len(struck) < 15


def lots(*names: str) -> tuple[bytes, ...]:
    return tuple(hashlib.sha256(name.encode()).digest() for name in names)


def test_any_two_votes_give_the_same_seed() -> None:
    votes = {0: lots("01", "02"), 1: lots("01", "12"), 2: lots("02", "12")}
    seeds = {seed_of({i: votes[i] for i in some}) for some in ((0, 1), (0, 2), (1, 2), (0, 1, 2))}
    assert len(seeds) == 1
    assert seed_of(votes | {2: lots("02", "21")} | {1: ()}) not in seeds
    assert joined(list(seeds)) in seeds
    assert joined([seed(1), seed(2)]) != joined([seed(2), seed(1)])


def test_one_vote_is_not_enough_and_contradictions_are_seen() -> None:
    votes = {0: lots("01", "02"), 1: lots("01", "12"), 2: lots("02", "12")}
    with pytest.raises(UnavailableError):
        seed_of({0: votes[0]})
    with pytest.raises(UnavailableError):
        seed_of({0: votes[0], 1: ()})
    with pytest.raises(VerificationError, match="different lots"):
        seed_of(votes | {2: lots("02", "21")})


def test_the_place_of_a_close_leaves_no_gap() -> None:
    spans = [(0, 4), (4, 8), (12, 16)]
    assert place_after(0, spans, 4) == 1
    assert place_after(4, spans, 4) == 0
    assert place_after(0, spans, 12) is None
    assert place_after(4, spans, 0) is None


def test_halves_do_not_expose_anyone() -> None:
    slots = 672
    cells = np.ones((30, slots), np.bool_)
    book = (np.arange(slots) // 4 % 24 // 8 == np.arange(3)[:, None]).astype(np.int64)
    first = np.zeros_like(cells)
    for slot in range(100, 120):
        first[:, slot] = strike_halves(seed(slot), LEAF, ALL)[:, 0]
    struck = (np.arange(slots) >= 100) & (np.arange(slots) < 120)
    totals = [register_total(0, cells & ~struck), register_total(0, first), register_total(0, cells & struck & ~first)]
    assert audit(totals, [Facts(0, book, cells)]).tolist() == []


def test_refuses_weak_seeds_and_homes_out_of_order() -> None:
    with pytest.raises(InputError, match="seed"):
        strike_halves(b"short", LEAF, ALL)
    for homes in (LEAF[::-1], np.r_[LEAF[:29], LEAF[:1]]):
        with pytest.raises(InputError, match="in order"):
            strike_halves(bytes(32), homes, ALL)
