"""The cells behind one number of an answer, in an order that every keyholder computes alike.

Only used when two keyholders contradict each other and one component is narrowed down (`disputes`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quietgrid.algorithms.plan import BillsPlan, Ints, TotalsPlan
from quietgrid.errors import InputError
from quietgrid.keyholder.sums import DayKeys, cells_component


@dataclass(frozen=True)
class Cells:
    """What one number adds up.

    Args:
        at: int64 [c, 4]: row (of the plan's rows), UTC day, slot of the day, version.
        registers: int64 [c]. weights: int64 [c], signed.
    """

    at: Ints
    registers: Ints
    weights: Ints

    def __len__(self) -> int:
        return len(self.at)

    def cut(self, first: int, end: int) -> Cells:
        """Cells [first, end)."""
        if not 0 <= first < end <= len(self):
            raise InputError("no such cells", where=f"[{first}, {end})", fix=f"ask within 0..{len(self)}")
        return Cells(self.at[first:end], self.registers[first:end], self.weights[first:end])

    def component(self, day_keys: DayKeys, resolution: int) -> int:
        """One pair's weighted sum of masks over all of them, mod 2^64."""
        total = 0
        for register in np.unique(self.registers).tolist():
            some = self.registers == register
            part = cells_component(day_keys, self.at[some], self.weights[some], register, resolution)
            total += int(part.sum(dtype=np.uint64))
        return total % (1 << 64)


def totals_cells(plan: TotalsPlan, number: int) -> Cells:
    """The cells of one slot's total, register by register."""
    at, registers, weights = [], [], []
    for register, sign in sorted(plan.signs.items()):
        rows = np.flatnonzero(plan.include[register][:, number] & plan.allowed[number])
        slot = np.full(len(rows), plan.a + number)
        at.append(np.stack([rows, np.full(len(rows), plan.day), slot, plan.version[rows, number]], axis=1))
        registers.append(np.full(len(rows), register))
        weights.append(np.full(len(rows), sign))
    return _joined(at, registers, weights)


def bills_cells(plan: BillsPlan, number: int) -> Cells:
    """The cells of one home's number: its closed cells in order, then its late ones."""
    home, column = divmod(number, len(plan.registers))
    register = plan.registers[column]
    mine = np.flatnonzero((plan.home_of_row == home) & plan.able[register])
    at, registers, weights = [], [], []
    for offset, close in plan.pieces:
        rows = mine[mine < len(close.present)]
        weight = plan.weights[column, offset : offset + close.b - close.a]
        where, slots = np.nonzero(close.present[rows] & (weight != 0))
        day = np.full(len(where), close.day)
        at.append(np.stack([rows[where], day, slots + close.a, close.version[rows[where], slots]], axis=1))
        weights.append(weight[slots])
    for late in plan.late:
        if late.column == column:
            some = np.isin(late.cells[:, 0], mine)
            at.append(late.cells[some])
            weights.append(late.signs[some])
    registers = [np.full(len(part), register) for part in at]
    return _joined(at, registers, weights)


def _joined(at: list[Ints], registers: list[Ints], weights: list[Ints]) -> Cells:
    return Cells(
        np.concatenate(at).astype(np.int64).reshape(-1, 4),
        np.concatenate(registers).astype(np.int64),
        np.concatenate(weights).astype(np.int64),
    )
