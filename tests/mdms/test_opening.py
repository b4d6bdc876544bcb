"""Opening: three components, compared, then subtracted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from numpy.typing import NDArray

from quietgrid.crypto.public.sealing import X25519, seal
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import UnavailableError, VerificationError
from quietgrid.mdms import LiarError, open_sealed, open_sums
from quietgrid.mdms.opening import HOLDERS, PAIRS_OF, suspects_of
from quietgrid.model.total import Status
from quietgrid.wire.columns import pack_bits
from quietgrid.wire.messages import Sums

WORDS = st.integers(0, 2**64 - 1)
SIGNED = st.integers(-(2**62), 2**62)


def answers(values: list[int], allowed: list[bool], seed: int) -> tuple[NDArray[np.uint64], dict[int, Sums]]:
    """A blind sum and what three honest keyholders send for it."""
    rng = np.random.default_rng(seed)
    n = len(values)
    mask = np.array(allowed)
    components = np.where(mask, rng.integers(0, 2**64, (3, n), dtype=np.uint64), np.uint64(0))
    blind = np.where(mask, np.array(values, np.int64).view(np.uint64), np.uint64(0)) + components.sum(
        axis=0, dtype=np.uint64
    )
    counts = np.arange(n, dtype="<i4").tobytes()
    sums = {
        i: Sums(i, b"q" * 32, pack_bits(mask), counts, [components[p].astype("<u8").tobytes() for p in PAIRS_OF[i]])
        for i in range(3)
    }
    return blind, sums


def lied(sums: Sums, at: int, number: int = 0, by: int = 1) -> Sums:
    words = np.frombuffer(sums.components[at], "<u8").copy()
    words[number : number + 1] += np.uint64(by)
    components = list(sums.components)
    components[at] = words.tobytes()
    return replace(sums, components=components)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(SIGNED, st.booleans()), min_size=1, max_size=12), st.integers(0, 2**32), st.integers(0, 3))
def test_two_or_three_open_the_same(numbers: list[tuple[int, bool]], seed: int, away: int) -> None:
    values, allowed = [v for v, _ in numbers], [a for _, a in numbers]
    blind, sums = answers(values, allowed, seed)
    some = {i: s for i, s in sums.items() if i != away}
    answer = open_sums(blind, some)
    assert answer.values.tolist() == [v if a else 0 for v, a in numbers]
    assert answer.allowed.tolist() == allowed
    assert answer.counts.tolist() == list(range(len(values)))
    assert answer.status is (Status.CONFIRMED if len(some) == 3 else Status.PROVISIONAL)
    assert answer.digests == open_sums(blind, sums).digests


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2), st.integers(1, 3), st.integers(0, 4), st.integers(1, 2**64 - 1))
def test_one_liar_among_three(liar: int, which: int, number: int, by: int) -> None:
    """It lies in its first component (1), its second (2) or both (3)."""
    blind, sums = answers([5, 6, 7, 8, 9], [True] * 5, 4)
    pairs = [p for at, p in enumerate(PAIRS_OF[liar]) if which >> at & 1]
    for at in range(2):
        if which >> at & 1:
            sums[liar] = lied(sums[liar], at, number, by)
    with pytest.raises(LiarError) as caught:
        open_sums(blind, sums)
    assert caught.value.pairs == tuple(pairs)
    assert liar in caught.value.suspects
    assert caught.value.suspects == ((liar,) if which == 3 else HOLDERS[pairs[0]])
    assert not any(str(value) in str(caught.value) for value in (5, 6, 7, 8, 9))


@pytest.mark.parametrize(("away", "liar"), [(2, 0), (2, 1), (1, 0), (1, 2), (0, 1), (0, 2)])
def test_two_up_share_one_component(away: int, liar: int) -> None:
    """A lie in the shared one is seen; in the other it goes through as provisional, until the third is back."""
    blind, sums = answers([100, 200], [True, True], 7)
    other = next(i for i in range(3) if i not in (away, liar))
    shared = next(iter(set(PAIRS_OF[liar]) & set(PAIRS_OF[other])))
    seen = lied(sums[liar], PAIRS_OF[liar].index(shared))
    with pytest.raises(LiarError) as caught:
        open_sums(blind, {liar: seen, other: sums[other]})
    assert caught.value.suspects == tuple(sorted((liar, other)))
    unseen = lied(sums[liar], 1 - PAIRS_OF[liar].index(shared))
    provisional = open_sums(blind, {liar: unseen, other: sums[other]})
    assert provisional.status is Status.PROVISIONAL
    assert provisional.values.tolist() == [99, 200]
    with pytest.raises(LiarError) as caught:
        open_sums(blind, {**sums, liar: unseen})
    assert caught.value.suspects == tuple(sorted((liar, away)))


def test_two_liars_cannot_be_told_apart() -> None:
    blind, sums = answers([1], [True], 3)
    sums[0], sums[1] = lied(sums[0], 1), lied(lied(sums[1], 0), 1)
    with pytest.raises(LiarError) as caught:
        open_sums(blind, sums)
    assert caught.value.suspects == (0, 1, 2)


def test_one_is_not_enough() -> None:
    blind, sums = answers([1], [True], 3)
    for some in ({}, {0: sums[0]}):
        with pytest.raises(UnavailableError):
            open_sums(blind, some)


@pytest.mark.parametrize("change", [
    {"allowed": b"\x00"}, {"counts": b"\x01\x00\x00\x00" * 2}, {"components": [b"", b""]}, {"components": [bytes(16)]},
    {"components": [bytes(16)] * 3},
])  # fmt: skip
def test_other_shapes_and_lists_are_refused(change: dict[str, object]) -> None:
    blind, sums = answers([1, 2], [True, True], 3)
    sums[1] = replace(sums[1], **change)
    with pytest.raises(VerificationError) as caught:
        open_sums(blind, sums)
    assert not isinstance(caught.value, LiarError)


@pytest.mark.parametrize("pairs", [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]])
def test_suspects(pairs: list[int]) -> None:
    """Whoever holds every component that differs; nobody in particular if nobody does."""
    holding = [i for i in range(3) if set(pairs) <= set(PAIRS_OF[i])]
    assert suspects_of(pairs) == (tuple(holding) or (0, 1, 2))


def test_an_answer_that_was_sealed_to_us_opens_and_no_other() -> None:
    values, allowed = np.array([5, -7, 9], "<i8"), np.array([True, True, False])
    key, info = PrivateKem.generate(X25519), b"question"
    blob = seal(values.tobytes(), key.public, info)
    sums = Sums(0, b"q" * 32, pack_bits(allowed), np.array([20, 21, 3], "<i4").tobytes(), [blob])
    answer = open_sealed(sums, key.open, info)
    assert answer.values.tolist() == [5, -7, 0]
    assert answer.allowed.tolist() == allowed.tolist()
    assert answer.counts.tolist() == [20, 21, 3]
    assert answer.status is Status.PROVISIONAL, "nobody else can confirm it"
    short = replace(sums, components=[seal(values[:2].tobytes(), key.public, info)])
    for wrong, opener, what in (
        (sums, PrivateKem.generate(X25519).open, info), (sums, key.open, b"other"), (short, key.open, info),
        (replace(sums, components=[]), key.open, info), (replace(sums, components=[blob, blob]), key.open, info),
    ):  # fmt: skip
        with pytest.raises(VerificationError):
            open_sealed(wrong, opener, what)
