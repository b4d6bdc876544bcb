"""Discrete Laplace noise: the exact distribution, from fair integers only."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import exp
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.laplace import discrete_laplace, half_width
from quietgrid.errors import InputError

DRAWS = 20_000
SCALES = [Fraction(1, 3), Fraction(1), Fraction(5, 3), Fraction(8), Fraction(1000, 7)]


def exact(scale: Fraction, x: int) -> float:
    """P(x) as the definition has it."""
    q = exp(-1 / float(scale))
    return (1 - q) / (1 + q) * q ** abs(x)


@pytest.mark.parametrize("scale", SCALES, ids=str)
def test_it_is_the_exact_distribution(scale: Fraction) -> None:
    """Chi-squared over the central values and both tails; the bound is passed by chance once in 10^9 seeds."""
    below = Random(f"laplace {scale}").randrange
    seen = Counter(discrete_laplace(scale, below) for _ in range(DRAWS))
    edge = max(1, int(2 * scale))
    step = max(1, edge // 8)
    cells = [(low, min(low + step, edge + 1)) for low in range(-edge, edge + 1, step)]
    expected = [sum(exact(scale, x) for x in range(low, high)) for low, high in cells]
    found = [sum(seen[x] for x in range(low, high)) for low, high in cells]
    tail = (1 - sum(expected)) / 2
    expected += [tail, tail]
    found += [sum(n for x, n in seen.items() if x < -edge), sum(n for x, n in seen.items() if x > edge)]
    assert sum(found) == DRAWS
    statistic = sum((n - DRAWS * p) ** 2 / (DRAWS * p) for n, p in zip(found, expected, strict=True))
    freedom = len(expected) - 1
    assert statistic < freedom + 6.5 * (2 * freedom) ** 0.5 + 30


def test_rounded_float_noise_would_fail() -> None:
    """The test above can fail: noise of twice the scale is found out."""
    below = Random(1).randrange
    seen = Counter(discrete_laplace(Fraction(2), below) for _ in range(DRAWS))
    assert abs(seen[0] / DRAWS - exact(Fraction(1), 0)) > 0.1


@given(st.fractions(Fraction(1, 50), 10**7), st.integers(0, 2**32))
def test_always_a_whole_number_never_a_float(scale: Fraction, seed: int) -> None:
    random = Random(seed)
    asked: list[int] = []

    def below(n: int) -> int:
        asked.append(n)
        return random.randrange(n)

    assert type(discrete_laplace(scale, below)) is int
    assert all(type(n) is int and n >= 1 for n in asked)


def test_both_signs_come_alike() -> None:
    below = Random(5).randrange
    draws = [discrete_laplace(Fraction(40), below) for _ in range(DRAWS)]
    positive, negative = sum(x > 0 for x in draws), sum(x < 0 for x in draws)
    assert abs(positive - negative) < 6 * DRAWS**0.5
    assert abs(sum(draws)) < 6 * 40 * 2**0.5 * DRAWS**0.5


def test_no_scale_no_noise() -> None:
    with pytest.raises(InputError, match="above 0"):
        discrete_laplace(Fraction(0), Random(0).randrange)


@given(st.fractions(Fraction(1, 20), 10**8), st.sampled_from([0.5, 0.1, 0.05, 0.01]))
def test_the_half_width_is_the_smallest(scale: Fraction, outside: float) -> None:
    w, q = half_width(scale, outside), exp(-1 / float(scale))

    def beyond(w: int) -> float:
        return 2 * q ** (w + 1) / (1 + q)

    assert beyond(w) <= outside * (1 + 1e-6)
    assert w == 0 or beyond(w - 1) > outside * (1 - 1e-6)
