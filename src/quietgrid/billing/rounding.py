"""The one rounding rule of bills, for columns: half to even, exact at any size.

The scalar twin is `model.quantity.divide_half_even`; the tests hold both equal.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quietgrid.model.quantity import WH_PER_KWH, divide_half_even

Ints = NDArray[np.int64]
_SAFE = 1 << 62


def divide_column(numerator: Ints, denominator: int) -> Ints:
    """int64 [n]: each ``numerator / denominator`` rounded half to even; |numerator| and denominator < 2^62.

    >>> divide_column(np.array([-3, -1, 1, 3, 5]), 2).tolist()
    [-2, 0, 0, 2, 2]
    """
    quotient, remainder = np.divmod(numerator, denominator)
    rest = denominator - remainder
    up = (remainder > rest) | ((remainder == rest) & (quotient % 2 == 1))
    result: Ints = quotient + up
    return result


def scale_column(values: Ints, factor: int, denominator: int) -> Ints:
    """int64 [n]: each ``values × factor / denominator`` rounded half to even.

    Where the product might not fit 64 bits, Python integers take over: slower, never wrong.

    Raises:
        OverflowError: a *result* does not fit 64 bits.
    """
    largest = int(np.abs(values).max(initial=0))
    if largest * abs(factor) < _SAFE and denominator < _SAFE:
        return divide_column(values * factor, denominator)
    return np.array([divide_half_even(int(value) * factor, denominator) for value in values], dtype=np.int64)


def cost_column(energy_wh: Ints, price_sum_micro: int, slots: int = 1) -> Ints:
    """int64 [n]: money for energy at the price ``price_sum_micro / slots`` per kWh, each rounded once."""
    return scale_column(energy_wh, price_sum_micro, slots * WH_PER_KWH)
