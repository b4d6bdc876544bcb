"""Orders that hypothesis draws."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from quietgrid.model.order import BUY, SELL, Orders

TICKS = 12


def orders_of(rows: list[tuple[int, int, int]]) -> Orders:
    """Orders of (side, tick, energy)."""
    side, tick, energy = zip(*rows, strict=True) if rows else ((), (), ())
    return Orders(np.array(side, np.int8), np.array(tick, np.int32), np.array(energy, np.int64))


ROWS = st.lists(st.tuples(st.sampled_from([BUY, SELL]), st.integers(0, TICKS - 1), st.integers(1, 30)), max_size=25)
ORDERS = ROWS.map(orders_of)
