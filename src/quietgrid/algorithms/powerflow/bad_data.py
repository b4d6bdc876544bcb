"""Do measurements fit together? The chi-square test on weighted residuals and the largest normalised residual.

A measurement that nothing else measures (a *critical* one) cannot be told to be bad: what it contradicts is only what
is usual. Without usual values its residual would always be zero. It is not thrown out, it weighs less the worse it
fits: as much as makes its residual just believable (Huber), so that a likely value counts and an absurd one does not.

Sources: Abur, Gómez-Expósito, *Power System State Estimation* (2004), chapter 5; the closed form of the chi-square
distribution for whole degrees of freedom, Abramowitz and Stegun 26.4.4-5; Huber, *Robust Estimation of a Location
Parameter* (1964).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from quietgrid.model.network import Flags, Floats, Rows

LEAST_EXPLAINED = 0.5
"""Of the variance of a quantity: if other measurements explain less of it they do not measure it."""


def chi_square_tail(value: float, freedom: int) -> float:
    """Probability that a chi-square variable exceeds `value`.

    >>> round(chi_square_tail(3.841, 1), 4), round(chi_square_tail(18.307, 10), 4)
    (0.05, 0.05)
    """
    half = value / 2
    if freedom <= 0:
        return 0.0 if value > 0 else 1.0
    order, tail = (0.5, math.erfc(math.sqrt(half))) if freedom % 2 else (1.0, math.exp(-half))
    while order < freedom / 2:
        tail += math.exp(order * math.log(half) - half - math.lgamma(order + 1)) if half > 0 else 0.0
        order += 1
    return min(tail, 1.0)


@lru_cache(maxsize=4096)
def chi_square_limit(false_alarms: float, freedom: int) -> float:
    """The value a chi-square variable exceeds with probability `false_alarms`; infinite without freedom or chance.

    >>> round(chi_square_limit(0.001, 1), 3)
    10.828
    """
    if freedom <= 0 or false_alarms <= 0:
        return math.inf
    low, high = 0.0, freedom + 40.0
    while chi_square_tail(high, freedom) > false_alarms:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if chi_square_tail(middle, freedom) > false_alarms else (low, middle)
    return high


def limits(false_alarms: float, freedom: Rows) -> Floats:
    """[t]: `chi_square_limit` for many. Args: freedom: int [t]."""
    kinds, back = np.unique(freedom, return_inverse=True)
    return np.array([chi_square_limit(false_alarms, int(kind)) for kind in kinds], np.float64)[back]


def normalised(innovation: Floats, inverse: Floats, present: Flags) -> Floats:
    """[t, m]: residuals by their own standard deviations; 0 where nothing was measured.

    With the covariance S of what was measured less what was expected, the residual of weighted least squares is
    R S⁻¹ d and its covariance R S⁻¹ R, so that R cancels.

    Args:
        innovation: [t, m], d. inverse: [t, m, m], S⁻¹. present: bool [t, m].
    """
    weighted = np.einsum("tij,tj->ti", inverse, innovation)
    own = np.einsum("tii->ti", inverse)
    return np.where(present, weighted / np.sqrt(np.maximum(own, 1e-300)), 0.0)


def alone(inverse: Floats, variance: Floats, expected: Floats) -> Flags:
    """bool [t, m]: nothing else measures what this measurement does.

    Without it its quantity would be known worse than it measures, and hardly better than before anything was measured.

    Args:
        inverse: [t, m, m], S⁻¹. variance: [t, m], of the measurements. expected: [t, m], of their quantities before.
    """
    otherwise = 1.0 / np.maximum(np.einsum("tii->ti", inverse), 1e-300) - variance
    return np.asarray((otherwise > variance) & (otherwise > (1 - LEAST_EXPLAINED) * expected), np.bool_)


def eased(inverse: Floats, normalised: Floats, false_alarms: float) -> Floats:
    """[t, m]: variance to add to a measurement so that its residual is just what chance leaves."""
    most = chi_square_limit(false_alarms, 1)
    excess = np.maximum(normalised**2 / most - 1, 0.0)
    return np.asarray(excess / np.maximum(np.einsum("tii->ti", inverse), 1e-300), np.float64)
