"""Blind sums: ciphertexts added up as a plan says. The sum of ciphertexts minus the sums of masks is the answer.

Privacy: sealed in, sealed out. Cost: memory bandwidth (about 0.4 ns a cell).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.halves import HalvesPlan
from quietgrid.algorithms.plan import BillsPlan, LateSet, TotalsPlan

Words = NDArray[np.uint64]
Fetch = Callable[[int, int, NDArray[np.int64], NDArray[np.int16] | None], Words]
"""(day, register, member rows, version int16 [n, slots a day] or None) -> ciphertexts uint64 [n, slots a day]."""


def blind_totals(fetch: Fetch, plan: TotalsPlan, per_day: int) -> Words:
    """uint64 [t]: signed sum of the plan's ciphertexts; 0 where a number may not open."""
    total = np.zeros(plan.b - plan.a, np.uint64)
    version = widen(plan.version, plan.a, per_day)
    for register, sign in plan.signs.items():
        words = fetch(plan.day, register, plan.rows, version)[:, plan.a : plan.b]
        part = np.where(plan.include[register] & plan.allowed, words, np.uint64(0)).sum(axis=0, dtype=np.uint64)
        total = total + part if sign > 0 else total - part
    return total


def blind_halves(fetch: Fetch, plan: HalvesPlan, per_day: int) -> Words:
    """uint64 [2 t]: the sums of both halves, the first half's intervals first."""
    return np.concatenate([blind_totals(fetch, part, per_day) for part in plan.parts])


def blind_bills(fetch: Fetch, plan: BillsPlan, per_day: int) -> Words:
    """uint64 [h, F]: per home and vector, the weighted sum of ciphertexts over the closed cells and the late ones."""
    out = np.zeros((len(plan.homes), len(plan.registers)), np.uint64)
    for offset, close in plan.pieces:
        n, width = close.present.shape
        version = widen(close.version, close.a, per_day)
        for register in sorted(set(plan.registers)):
            columns = [f for f, r in enumerate(plan.registers) if r == register]
            cells = close.present & plan.able[register][:n, None]
            words = fetch(close.day, register, plan.rows[:n], version)[:, close.a : close.b]
            weights = plan.weights[columns, offset : offset + width].astype(np.uint64)
            part = np.where(cells, words, np.uint64(0)) @ weights.T
            for at, column in enumerate(columns):
                np.add.at(out[:, column], plan.home_of_row[:n], part[:, at])
    for late in plan.late:
        words = blind_cells(fetch, plan.rows, late, plan.registers[late.column], per_day)
        np.add.at(out[:, late.column], plan.home_of_row[late.cells[:, 0]], words)
    return out


def blind_cells(fetch: Fetch, rows: NDArray[np.int64], late: LateSet, register: int, per_day: int) -> Words:
    """uint64 [c]: signed ciphertexts of single late cells; they are only ever added to a home's whole band."""
    cells, signs = late.cells, late.signs
    out = np.zeros(len(cells), np.uint64)
    for day in np.unique(cells[:, 1]).tolist():
        for number in np.unique(cells[cells[:, 1] == day, 3]).tolist():
            some = np.flatnonzero((cells[:, 1] == day) & (cells[:, 3] == number))
            version = None
            if number:
                version = np.full((len(rows), per_day), -1, np.int16)
                version[cells[some, 0], cells[some, 2]] = number
            words = fetch(day, register, rows, version)
            out[some] = words[cells[some, 0], cells[some, 2]]
    return np.where(signs < 0, (~out) + np.uint64(1), out) * np.abs(signs).astype(np.uint64)


def widen(version: NDArray[np.int16], a: int, per_day: int) -> NDArray[np.int16] | None:
    """Versions of slots [a, b) placed in a whole day; None when all are 0 (the usual case)."""
    if not version.any():
        return None
    out = np.zeros((len(version), per_day), np.int16)
    out[:, a : a + version.shape[1]] = version
    return out
