"""The demo's fleet with one reading planted: home HOME measures WH in slot SLOT. Everything else is the fleet's own.

Run as `python -m tests.scenarios.processes.planted STATE URL HOME SLOT WH`.
"""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType

import numpy as np
from numpy.typing import NDArray

from quietgrid.lab import fleet
from quietgrid.lab.source import Rows
from quietgrid.model.interval import Window
from quietgrid.model.readings import Readings


def plant(source: Rows, row: int, slot: int, wh: int) -> Rows:
    """The same readings, but for one."""

    def read(window: Window) -> Readings:
        readings = source(window)
        if slot in window:
            imported = readings.imported_wh.copy()
            imported[row, slot - window.first] = wh
            kept.append(imported)
            return replace(readings, imported_wh=imported)
        return readings

    kept: list[NDArray[np.int64]] = []
    return read


def main() -> None:
    state, url, home, slot, wh = sys.argv[1:]
    stopping: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.append(number)

    signal.signal(signal.SIGTERM, stop)
    real = fleet.rows_of

    def rows_of(name: str, count: int) -> Rows:
        return plant(real(name, count), int(home) - 1, int(slot), int(wh))

    fleet.rows_of = rows_of
    fleet.run(Path(state), url, lambda: bool(stopping))


if __name__ == "__main__":
    main()
