"""The claims of PROTOCOL A and G7 about weights, each with the attack it stops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quietgrid.algorithms.wide import check_book, primes, smallest_support, wide, wide_book
from quietgrid.errors import GateRefusal, InputError
from quietgrid.model import Book, Vector, Window

SLOTS = 2688
HOURS = np.arange(SLOTS) // 4 % 24


def bands(count: int) -> NDArray[np.int64]:
    return (HOURS * count // 24 == np.arange(count)[:, None]).astype(np.int64)


def with_one(base: NDArray[np.int64] | int, value: int) -> NDArray[np.int64]:
    weights = np.full(SLOTS, base) if isinstance(base, int) else base.copy()
    weights[1234] = value
    return weights


READING = 777
REST = np.random.default_rng(4).integers(0, 900, SLOTS)
REST[1234] = READING


def test_one_price_a_unit_higher_reads_that_interval_and_is_refused() -> None:
    prices = with_one(300_000, 300_001)
    assert int(prices @ REST) % 300_000 % 1000 == READING  # the attack works
    with pytest.raises(GateRefusal, match="1 of 2688") as refusal:
        wide(prices)
    assert refusal.value.rule == "wide"


def test_one_heavy_weight_reads_that_interval_and_is_refused() -> None:
    weights = with_one(1, 2048)
    guess = int(weights @ (REST // 900)) / 2048
    assert abs(guess - REST[1234] // 900) < 1
    with pytest.raises(GateRefusal, match="1 of 2688"):
        wide(weights)


def test_all_multiples_of_seven_but_one_read_it_modulo_seven_and_are_refused() -> None:
    weights = with_one(np.random.default_rng(1).integers(0, 500, SLOTS) * 7, 701)
    assert int(weights @ REST) % 7 == READING * 701 % 7
    with pytest.raises(GateRefusal, match="modulo 7"):
        wide(weights)


def test_plain_sums_bands_and_their_complements_pass() -> None:
    wide(np.full(SLOTS, 300_000))
    for count in (2, 3, 6):
        for band in bands(count):
            wide(band)
            wide(5 - 3 * band)


@pytest.mark.parametrize(("ones", "passes"), [(135, True), (134, False), (SLOTS - 135, True), (SLOTS - 134, False)])
def test_a_band_needs_a_twentieth_of_the_intervals_and_leaves_one(ones: int, passes: bool) -> None:
    band = (np.arange(SLOTS) < ones).astype(np.int64)
    if passes:
        wide(band)
    else:
        with pytest.raises(GateRefusal):
            wide(band)


def test_a_negative_spike_is_refused() -> None:
    weights = 1000 + np.random.default_rng(1).integers(-10, 10, SLOTS)
    wide(weights)
    weights[:4] = 0
    with pytest.raises(GateRefusal, match="carry the weight"):
        wide(weights)


def test_more_than_4096_steps_are_refused() -> None:
    weights = np.random.default_rng(0).integers(0, 4096, SLOTS)
    weights[:2] = 0, 4096
    with pytest.raises(GateRefusal, match="4096 steps"):
        wide(weights)
    wide(weights.clip(0, 4095))
    with pytest.raises(InputError):
        wide(np.zeros(0, np.int64))


@given(st.integers(0, 2**32), st.sampled_from([2, 3, 5, 11, 101, 1021, 2039]), st.integers(1, 134))
@settings(max_examples=60, deadline=None)
def test_any_prime_with_few_intervals_outside_its_commonest_residue_is_refused(seed: int, p: int, few: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 4000 // p + 1, SLOTS) * p
    chosen = rng.choice(SLOTS, few, replace=False)
    weights[chosen] += rng.integers(1, p, few)
    with pytest.raises(GateRefusal):
        wide(weights)


@given(st.integers(0, 2**32), st.integers(1, 7), st.integers(-500, 500))
@settings(max_examples=40, deadline=None)
def test_the_verdict_does_not_depend_on_offset_and_scale(seed: int, scale: int, offset: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, rng.integers(2, 9), 400) * (rng.random(400) < rng.choice([0.03, 0.06, 0.5]))
    verdicts = []
    for column in (weights, scale * weights + offset):
        try:
            wide(column)
        except GateRefusal as refusal:
            verdicts.append(refusal.what)
        else:
            verdicts.append("")
    assert verdicts[0] == verdicts[1]


def test_two_bands_that_differ_in_an_hour_are_refused_together_though_each_is_wide() -> None:
    day = bands(2)[0]
    almost = day.copy()
    almost[:4] = 0
    wide(day)
    wide(almost)
    wide_book(bands(6))
    with pytest.raises(GateRefusal, match="only 4 of 2688") as refusal:
        wide_book(np.stack([day, almost]))
    assert refusal.value.rule == "wide"


def test_a_short_combination_of_many_vectors_is_found() -> None:
    rng = np.random.default_rng(2)
    book = [*bands(5), rng.integers(0, 4000, SLOTS)]
    wide_book(np.stack(book))
    hidden = (book[0] + 2 * book[3] + 3 * book[4]).astype(np.int64)
    hidden[rng.choice(SLOTS, 60, replace=False)] += 1
    wide(hidden)
    with pytest.raises(GateRefusal, match="only 60 of 2688"):
        wide_book(np.stack([*book, hidden]))


def test_dependent_vectors_are_harmless() -> None:
    day, night = bands(2)
    wide_book(np.stack([day, night, day + night]))
    wide_book(np.stack([day, day]))
    wide_book(np.zeros((2, SLOTS), np.int64))
    wide_book(np.zeros((0, SLOTS), np.int64))


def support_by_trial(matrix: NDArray[np.int64]) -> int:
    """Smallest support of any combination with coefficients -3..3 (enough for 0/1 columns of three vectors)."""
    ranges = np.stack(np.meshgrid(*[np.arange(-3, 4)] * len(matrix)), axis=-1).reshape(-1, len(matrix))
    sizes = np.count_nonzero(ranges @ matrix, axis=1)
    return int(sizes[sizes > 0].min(initial=matrix.shape[1]))


@given(st.integers(0, 2**32))
@settings(max_examples=80, deadline=None)
def test_smallest_support_is_found_on_small_books(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = (rng.random((int(rng.integers(1, 4)), 12)) < 0.5).astype(np.int64)
    matrix[0, 0] = 1
    assert smallest_support(matrix) == support_by_trial(matrix)


def test_primes() -> None:
    assert len(primes(4095)) == 564
    assert primes(4095)[-1] == 4093
    assert primes(1) == ()


def book(*vectors: Vector, days: int = 28) -> Book:
    return Book(3, Window(96 * 20_000, 96 * (20_000 + days), 900), vectors)


def band_vector(name: str, register: int = 0) -> Vector:
    return Vector(name, register, "hours", "UTC", (1,) * 7)


def test_a_sound_book_passes() -> None:
    vectors = [band_vector(f"band {n}") for n in range(6)] + [band_vector("export", 1)]
    check_book(book(*vectors), np.concatenate([bands(6), np.ones((1, SLOTS), np.int64)]))


def refused(what: Book, matrix: NDArray[np.int64]) -> str:
    with pytest.raises(GateRefusal) as refusal:
        check_book(what, matrix)
    assert refusal.value.where == "book of leaf 3" or refusal.value.rule == "wide"
    return f"{refusal.value.rule}: {refusal.value.what}"


def test_books_that_break_a_rule_are_refused() -> None:
    six = [band_vector(f"band {n}") for n in range(6)]
    assert refused(book(days=28), np.zeros((0, SLOTS), np.int64)) == "book: the book has 0 vectors"
    short = bands(1)[:, : 27 * 96]
    assert refused(book(six[0], days=27), short) == "book: the period has 27 days"
    seventh = np.concatenate([bands(6), bands(2)[:1]])
    assert refused(book(*six, band_vector("more")), seventh) == "book: register 0 has 7 bands"
    nine = [band_vector(f"band {n}", n % 2) for n in range(9)]
    assert refused(book(*nine), np.ones((9, SLOTS), np.int64)) == "book: the book has 9 vectors"
    assert refused(book(six[0], six[0]), bands(2)) == "book: two vectors have the same name"
    weekend = (np.arange(SLOTS) // 96 % 28 < 9).astype(np.int64)[None]
    assert refused(book(six[0]), weekend) == "book: band 'band 0' has 864 of 2688 intervals on 9 days"
    thin = (np.arange(SLOTS) % 96 < 4).astype(np.int64)[None]
    assert refused(book(six[0]), thin) == "book: band 'band 0' has 112 of 2688 intervals on 28 days"
    spot = Vector("spot", 0, "prices", feed="x")
    assert refused(book(spot), with_one(1, 2048)[None]).startswith("wide: 1 of 2688")
    day = bands(2)[0]
    shifted = day.copy()
    shifted[:4] = 0
    assert refused(book(six[0], six[1]), np.stack([day, shifted])).startswith("wide: a combination")
    check_book(book(six[0], band_vector("export", 1)), np.stack([day, shifted]))  # other cells: no combination
    with pytest.raises(InputError):
        check_book(book(six[0]), bands(2))
