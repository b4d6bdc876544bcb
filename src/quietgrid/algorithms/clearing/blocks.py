"""Blocks: orders over several intervals that are taken whole or not at all, also charge-then-discharge and linked ones.

Choosing blocks is a small mixed-integer programme; it runs only where there are any. Prices stay uniform an interval:
with the blocks chosen, every interval is cleared by counting. A block that would lose at those prices is struck out and
the choice made again (no paradoxically accepted block), so the result may be less than the best imaginable welfare, as
in the European day-ahead market.

Source: EUPHEMIA public description (NEMO Committee), block orders and paradoxical acceptance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.clearing.curves import Curves, curves
from quietgrid.algorithms.clearing.uniform import Cleared, Tie, clear
from quietgrid.errors import InputError
from quietgrid.model.order import Ints, Orders, PriceGrid
from quietgrid.model.quantity import WH_PER_KWH

_GAP = 1e-9
_TICK_VOLUME = 1e-3


@dataclass(frozen=True, slots=True)
class Block:
    """One block.

    Args:
        energy_wh: int64 [t]: what it buys (positive) and sells (negative) in each interval.
        limit_micro: The most it pays in all (negative: the least it must be paid).
        needs: Row of a block without which this one is not taken; -1: none.
    """

    energy_wh: Ints
    limit_micro: int
    needs: int = -1


Blocks = list[Block]


@dataclass(frozen=True, slots=True)
class ClearedBlocks:
    """The outcome.

    Args:
        intervals: t outcomes of single orders; their `import_wh` is what blocks gave in that interval.
        taken: bool [b]. struck: bool [b]: would have been welcome and would have lost at the prices.
    """

    intervals: tuple[Cleared, ...]
    taken: NDArray[np.bool_]
    struck: NDArray[np.bool_]


def clear_blocks(books: list[Orders], blocks: Blocks, grid: PriceGrid, *, tie: Tie = Tie.MIDDLE) -> ClearedBlocks:
    """Clear t intervals together with b blocks.

    Args:
        books: t batches of single orders, one an interval. blocks: b of them.

    Raises:
        InputError: a block of another length, or one that needs itself or an unknown one.

    Cost: without blocks t auctions; with them a mixed-integer programme for each time a block is struck out.
    """
    _check(blocks, len(books))
    counted = [curves(book, grid.count) for book in books]
    struck = np.zeros(len(blocks), np.bool_)
    while True:
        taken = _choose(counted, blocks, grid, struck) if len(blocks) else np.zeros(0, np.bool_)
        given = -sum(
            (block.energy_wh for block, yes in zip(blocks, taken, strict=True) if yes), np.zeros(len(books), np.int64)
        )
        cleared = tuple(
            clear(book, grid.count, tie=tie, import_wh=int(import_wh))
            for book, import_wh in zip(books, given, strict=True)
        )
        losing = _losing(cleared, blocks, taken, grid)
        if not losing.any():
            return ClearedBlocks(cleared, taken, struck)
        struck |= losing


def _check(blocks: Blocks, length: int) -> None:
    for row, block in enumerate(blocks):
        if len(block.energy_wh) != length:
            raise InputError(f"block {row} has {len(block.energy_wh)} intervals", where="blocks", fix=f"give {length}")
        if block.needs == row or not -1 <= block.needs < len(blocks):
            raise InputError(f"block {row} needs a block that is not there", where="blocks", fix="-1 or another row")


def _losing(
    cleared: tuple[Cleared, ...], blocks: Blocks, taken: NDArray[np.bool_], grid: PriceGrid
) -> NDArray[np.bool_]:
    """[b]: taken, and pays more than its limit at the prices. Interval without a price: only blocks met there."""
    losing = np.zeros(len(blocks), np.bool_)
    for row in np.flatnonzero(taken).tolist():
        block = blocks[row]
        paid = 0
        for energy, one in zip(block.energy_wh.tolist(), cleared, strict=True):
            paid += energy * (grid.price(one.tick) if one.tick is not None else 0)
        losing[row] = paid > block.limit_micro * WH_PER_KWH
    return losing


def _choose(counted: list[Curves], blocks: Blocks, grid: PriceGrid, struck: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[b]: the blocks of most welfare, struck ones apart."""
    import highspy

    library: Any = highspy
    solver = library.Highs()
    options: dict[str, Any] = {"output_flag": False, "threads": 1, "mip_rel_gap": _GAP, "mip_abs_gap": 0.0}
    for name, value in options.items():
        solver.setOptionValue(name, value)
    most = np.where(struck, 0.0, 1.0).tolist()
    scale = WH_PER_KWH / grid.step_micro_per_kwh
    binary = [solver.addVariable(0.0, most[row], -block.limit_micro * scale).index for row, block in enumerate(blocks)]
    for column in binary:
        solver.changeColIntegrality(column, library.HighsVarType.kInteger)
    for t, one in enumerate(counted):
        columns, factors = list(binary), [float(block.energy_wh[t]) for block in blocks]
        for sign, curve in ((1.0, -np.diff(np.append(one.demand_wh, 0))), (-1.0, np.diff(np.append(0, one.supply_wh)))):
            for tick in np.flatnonzero(curve).tolist():
                worth = grid.price(tick) / grid.step_micro_per_kwh + (_TICK_VOLUME if sign > 0 else 0.0)
                columns.append(solver.addVariable(0.0, float(curve[tick]), -sign * worth).index)
                factors.append(sign)
        solver.addRow(0.0, 0.0, len(columns), np.array(columns, np.int32), np.array(factors))
    for row, block in enumerate(blocks):
        if block.needs >= 0:
            pair = np.array([binary[row], binary[block.needs]], np.int32)
            solver.addRow(-library.kHighsInf, 0.0, 2, pair, np.array([1.0, -1.0]))
    solver.run()
    found = np.array(solver.getSolution().col_value)
    return np.asarray(found[binary] > 0.5, np.bool_)
