"""Discrete Laplace noise, exactly: whole numbers in, whole numbers out, no float anywhere.

P(x) is proportional to exp(-|x| / scale) for every integer x. Floating-point Laplace noise leaks through the gaps
between floats (Mironov, CCS 2012); this draws from the exact distribution with fair integers only. A value with
sensitivity D and noise of scale D / e is e-differentially private.

Source: Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy", NeurIPS 2020, algorithms 1 and 2.
Assumes that `below` is fair and secret (`secrets.randbelow`). Does not give constant time: draw where nobody measures.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, exp, log, log1p

from quietgrid.errors import InputError

Below = Callable[[int], int]
"""A fair integer in [0, n) for any n >= 1, as `secrets.randbelow` gives."""


def discrete_laplace(scale: Fraction, below: Below) -> int:
    """One draw of discrete Laplace noise.

    Args:
        scale: Sensitivity divided by epsilon, above 0; in the unit of the value. below: source of randomness.

    Raises:
        InputError: the scale is not above 0.

    Cost: some tens of random integers, whatever the scale.

    >>> from random import Random
    >>> [discrete_laplace(Fraction(3, 2), Random(7).randrange) for _ in range(2)]  # the same seed, the same noise
    [1, 1]
    """
    if scale <= 0:
        raise InputError("the scale of noise must be above 0", where="discrete Laplace", fix="give a larger epsilon")
    t, s = scale.numerator, scale.denominator
    while True:
        low = below(t)
        if not _bernoulli_exp(low, t, below):
            continue
        high = 0
        while _bernoulli_exp(1, 1, below):
            high += 1
        size = (low + t * high) // s
        negative = below(2) == 1
        if not (negative and size == 0):
            return -size if negative else size


def _bernoulli_exp(numerator: int, denominator: int, below: Below) -> bool:
    """True with probability exp(-numerator / denominator), for 0 <= numerator <= denominator."""
    k = 1
    while below(denominator * k) < numerator:
        k += 1
    return k % 2 == 1


def half_width(scale: Fraction, outside: float = 0.05) -> int:
    """The smallest w such that noise lies outside [-w, w] with at most this probability.

    P(|x| > w) = 2 q^(w + 1) / (1 + q) with q = exp(-1 / scale).

    >>> half_width(Fraction(1)), half_width(Fraction(1_200_000))
    (3, 3594879)
    """
    rate = 1 / float(scale)
    w = ceil(-(log(outside / 2) + log1p(exp(-rate))) / rate) - 1
    return max(0, w)
