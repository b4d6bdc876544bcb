"""`Readings`: a columnar batch, meters × intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError
from quietgrid.model.interval import Window
from quietgrid.model.quantity import MAX_READING_WH

IMPORT, EXPORT, VOLTAGE = 0, 1, 2
"""Registers of a meter (PROTOCOL A)."""
REGISTER_NAMES = {IMPORT: "import", EXPORT: "export", VOLTAGE: "voltage"}


def register_list(bitmap: int) -> list[int]:
    """The registers set in a bitmap, ascending.

    >>> register_list(0b011)
    [0, 1]
    """
    return [register for register in REGISTER_NAMES if bitmap >> register & 1]


@dataclass(frozen=True)
class Readings:
    """What meters measured: two non-negative columns, never one signed number.

    Args:
        meters: uint64 [n], pseudonymous meter ids.
        window: t consecutive intervals.
        imported_wh: int64 [n, t], energy taken from the grid.
        exported_wh: int64 [n, t], energy given to it (all zero for a meter without that register).
        present: bool [n, t]; where False the two columns hold 0 and mean nothing.

    Raises:
        InputError: shapes that do not fit, a negative or oversized value.

    Privacy: open readings. Only `meter` and `household` may hold one of a real home.
    """

    meters: NDArray[np.uint64]
    window: Window
    imported_wh: NDArray[np.int64]
    exported_wh: NDArray[np.int64]
    present: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shape = (len(self.meters), len(self.window))
        for name in ("imported_wh", "exported_wh", "present"):
            column = getattr(self, name)
            if column.shape != shape:
                raise InputError(
                    f"column {name} has shape {column.shape}, the batch is {shape}",
                    where="Readings",
                    fix="give one row a meter and one column an interval",
                )
        for name in ("imported_wh", "exported_wh"):
            column = getattr(self, name)
            if column.size and (int(column.min()) < 0 or int(column.max()) >= MAX_READING_WH):
                raise InputError(
                    f"column {name} holds a value outside 0..{MAX_READING_WH - 1} Wh",
                    where="Readings",
                    fix="split import and export; check the unit (Wh per interval)",
                )

    def register(self, register: int) -> NDArray[np.int64]:
        """The column of one energy register."""
        return self.imported_wh if register == IMPORT else self.exported_wh

    def cut(self, window: Window) -> Readings:
        """The intervals that are also in `window`."""
        both = self.window.intersect(window)
        part = slice(both.first - self.window.first, both.end - self.window.first)
        return Readings(self.meters, both, self.imported_wh[:, part], self.exported_wh[:, part], self.present[:, part])
