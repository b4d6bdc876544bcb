"""Component sums: the masks of one pair key added up as a plan says.

Privacy: works on day keys only; what comes out is useless without the ciphertext sums and the third key's sum.
Cost: about 3 ns a mask, one core.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.plan import BillsPlan, TotalsPlan
from quietgrid.crypto.secret.masks import masked_sums, masks, weighted_sums

Keys = NDArray[np.uint8]
Masks = NDArray[np.uint64]
DayKeys = Callable[[int], Keys]
"""Day -> keys uint8 [n, 32] of one pair, in the order of the plan's rows."""


def totals_component(keys: Keys, plan: TotalsPlan, resolution: int) -> Masks:
    """uint64 [t]: signed sum over the plan's cells of one pair's masks; 0 where a number may not open."""
    total = np.zeros(plan.b - plan.a, np.uint64)
    for register, include in plan.signs.items():
        cells = plan.include[register] & plan.allowed
        for version in np.unique(plan.version[cells]).tolist():
            part = masked_sums(
                keys, register, version, resolution, presence=cells & (plan.version == version),
                first=plan.a,
            )  # fmt: skip
            total = total + part if include > 0 else total - part
    return total


def bills_component(day_keys: DayKeys, plan: BillsPlan, resolution: int) -> Masks:
    """uint64 [h, F]: per home and vector, the weighted sum of one pair's masks over the closed cells."""
    out = np.zeros((len(plan.homes), len(plan.registers)), np.uint64)
    for offset, close in plan.pieces:
        n, width = close.present.shape
        keys = day_keys(close.day)[:n]
        for register in sorted(set(plan.registers)):
            columns = [f for f, r in enumerate(plan.registers) if r == register]
            weights = np.ascontiguousarray(plan.weights[columns, offset : offset + width])
            if not weights.any():
                continue
            cells = close.present & plan.able[register][:n, None]
            for version in np.unique(close.version[cells]).tolist():
                part = weighted_sums(
                    keys, register, version, resolution, weights=weights,
                    presence=cells & (close.version == version), first=close.a,
                )  # fmt: skip
                for at, column in enumerate(columns):
                    np.add.at(out[:, column], plan.home_of_row[:n], part[:, at])
    for late in plan.late:
        masked = cells_component(day_keys, late.cells, late.signs, plan.registers[late.column], resolution)
        np.add.at(out[:, late.column], plan.home_of_row[late.cells[:, 0]], masked)
    return out


def cells_component(
    day_keys: DayKeys, cells: NDArray[np.int64], signs: NDArray[np.int64], register: int, resolution: int
) -> Masks:
    """uint64 [c]: one pair's signed mask of single cells; rows (row, day, slot, version).

    Used for late cells and events, which are few; the caller adds them up per home before anything leaves.
    """
    out = np.zeros(len(cells), np.uint64)
    for day in np.unique(cells[:, 1]).tolist():
        keys = day_keys(day)
        of_day = np.flatnonzero(cells[:, 1] == day)
        for version in np.unique(cells[of_day, 3]).tolist():
            some = of_day[cells[of_day, 3] == version]
            rows, where = np.unique(cells[some, 0], return_inverse=True)
            stream = masks(keys[rows], register, version, resolution)
            out[some] = stream[where, cells[some, 2]]
    return np.where(signs < 0, (~out) + np.uint64(1), out) * np.abs(signs).astype(np.uint64)
