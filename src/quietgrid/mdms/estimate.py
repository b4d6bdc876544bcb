"""Estimates for cells that did not arrive in time, band by band, out of numbers that are open anyway.

Rule (first that applies)
1. *own*: the home has measured cells in the band: its mean per cell there, times the missing cells.
2. *own register*: it has measured cells in other bands of the register: the leaf's mean of the band, scaled by how the
   home compares with the leaf on the bands it has.
3. *leaf*: the leaf's mean per home and cell of the band, from opened leaf totals, times the missing cells.
4. *none*: nothing is known; the estimate is 0 and says so.

Each estimate is one fraction rounded once, half to even, so everybody who knows the facts recomputes it.
An estimate is replaced when the cell's late fact opens: the next bill's true-up is late fact minus estimate. Where
only some of a band's missing cells have come, `remaining` keeps the estimate of the others; the parts that are
replaced over time add up to the whole estimate, exactly.

Privacy: reads opened facts and totals; asks no new question. Source: PROTOCOL A, "late pool"; C, G1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError
from quietgrid.model.quantity import divide_half_even

Ints = NDArray[np.int64]


class Source(IntEnum):
    """Where an estimate comes from."""

    NOTHING_MISSING = 0
    OWN_BAND = 1
    OWN_REGISTER = 2
    LEAF = 3
    NONE = 4


@dataclass(frozen=True)
class Estimates:
    """Estimates of n homes × F vectors.

    Args:
        energy_wh: int64 [n, F], Wh for the missing cells; 0 for price vectors.
        source: uint8 [n, F], a `Source` each.
    """

    energy_wh: Ints
    source: NDArray[np.uint8]

    @property
    def weak(self) -> NDArray[np.bool_]:
        """bool [n, F]: not from the home's own measurements, so worth an analyst's look."""
        return self.source >= Source.LEAF


@dataclass(frozen=True)
class Leaf:
    """What is known of the leaf per vector, from opened totals over the band's slots (or from the facts themselves).

    Args:
        energy_wh: int64 [F]. cells: int64 [F], home-cells in it (homes × slots arrived).
    """

    energy_wh: Ints
    cells: Ints


def leaf_of_facts(measured: Ints, intervals: Ints) -> Leaf:
    """The leaf's band sums and cells by adding its homes' facts (the same numbers as the totals, as cells are equal).

    Args:
        measured, intervals: int64 [n, F].
    """
    return Leaf(measured.sum(axis=0), intervals.sum(axis=0))


def leaf_of_totals(energy_wh: Ints, homes: Ints, answered: NDArray[np.bool_], weights: Ints) -> Leaf:
    """The leaf's band sums from its opened totals.

    Args:
        energy_wh: int64 [T], total per slot. homes: int64 [T], distinct homes in it. answered: bool [T].
        weights: int64 [F, T], 0/1 of each band.
    """
    counted = weights * answered.astype(np.int64)
    return Leaf(counted @ energy_wh, counted @ homes.astype(np.int64))


def estimate(
    measured: Ints,
    intervals: Ints,
    missing: Ints,
    registers: Ints,
    leaf: Leaf,
    *,
    banded: NDArray[np.bool_] | None = None,
) -> Estimates:
    """Estimate the missing cells of every home and band.

    Args:
        measured: int64 [n, F], opened sums (late facts included). intervals: int64 [n, F], cells in them.
        missing: int64 [n, F], cells in neither.
        registers: int64 [F], register of each vector. leaf: of the homes.
        banded: bool [F], False for price vectors, which get no estimate (their cells are estimated by band).

    Raises:
        InputError: shapes that do not fit, or negative numbers.

    Cost: linear in the number of missing (home, band) pairs, about 1 µs each.
    """
    n, f = measured.shape
    if intervals.shape != (n, f) or missing.shape != (n, f) or len(registers) != f or len(leaf.cells) != f:
        raise InputError("columns differ in shape", where="estimate", fix="one row a home, one column a vector")
    if min(int(a.min(initial=0)) for a in (measured, intervals, missing, leaf.cells)) < 0:
        raise InputError("a sum or count is negative", where="estimate", fix="void the answer first")
    bands = np.ones(f, np.bool_) if banded is None else banded
    energy = np.zeros((n, f), np.int64)
    source = np.zeros((n, f), np.uint8)
    for row, column in np.argwhere((missing > 0) & bands):
        same = [i for i in range(f) if bands[i] and registers[i] == registers[column]]
        value, found = _one(measured[row], intervals[row], int(missing[row, column]), int(column), same, leaf)
        energy[row, column], source[row, column] = value, found
    return Estimates(energy, source)


def _one(measured: Ints, intervals: Ints, missing: int, column: int, same: list[int], leaf: Leaf) -> tuple[int, Source]:
    """One home and band: the estimate in Wh and its source."""
    if intervals[column]:
        return divide_half_even(int(measured[column]) * missing, int(intervals[column])), Source.OWN_BAND
    if not leaf.cells[column]:
        return 0, Source.NONE
    band_sum, band_cells = int(leaf.energy_wh[column]), int(leaf.cells[column])
    # The home against the leaf on the cells it has: own energy / Σ (own cells × leaf mean), as one fraction.
    known = [i for i in same if intervals[i] and leaf.cells[i]]
    common = 1
    for i in known:
        common *= int(leaf.cells[i])
    own = sum(int(measured[i]) for i in known)
    usual = sum(int(intervals[i]) * int(leaf.energy_wh[i]) * (common // int(leaf.cells[i])) for i in known)
    if usual > 0:
        return divide_half_even(own * common * missing * band_sum, usual * band_cells), Source.OWN_REGISTER
    return divide_half_even(band_sum * missing, band_cells), Source.LEAF


def remaining(estimate_wh: int, missing: int, arrived: int) -> int:
    """What of a band's estimate stays once `arrived` of its `missing` cells have come, rounded half to even.

    >>> remaining(100, 3, 0), remaining(100, 3, 1), remaining(100, 3, 3)
    (100, 67, 0)
    """
    if not 0 <= arrived <= missing or missing == 0:
        raise InputError("more cells arrived than were missing", where="true-up", fix="count each late cell once")
    return divide_half_even(estimate_wh * (missing - arrived), missing)


def remaining_columns(estimate_wh: Ints, missing: Ints, arrived: Ints) -> Ints:
    """`remaining` for arrays of one shape; 0 where nothing was missing."""
    out = np.zeros_like(estimate_wh)
    for index in np.argwhere(missing > 0):
        at = tuple(index)
        out[at] = remaining(int(estimate_wh[at]), int(missing[at]), int(arrived[at]))
    return out
