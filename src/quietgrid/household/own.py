"""A home's own series as one pair of columns: all its meters together. Pure: arrays in, numbers out.

Privacy: open readings of one home; the caller keeps them in the household's process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from quietgrid.household.opening import OwnSeries
from quietgrid.household.service import Home
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.model.readings import EXPORT, IMPORT

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Own:
    """All meters of a home together.

    Args:
        window: t intervals. imported_wh, exported_wh: int64 [t], 0 where not `present`.
        present: bool [t], every meter that was there has delivered. known: bool [t], some meter was there.
        exports: The home has an export register.
    """

    window: Window
    imported_wh: Ints
    exported_wh: Ints
    present: Bools
    known: Bools
    exports: bool

    def over(self, window: Window) -> Own:
        """The part of a window inside; absent outside."""
        both = self.window.intersect(window)
        if both == window:
            part = slice(window.first - self.window.first, window.end - self.window.first)
            return Own(
                window, self.imported_wh[part], self.exported_wh[part], self.present[part], self.known[part],
                self.exports,
            )  # fmt: skip
        pad = both.first - window.first, window.end - both.end
        if not len(both):
            pad = len(window), 0
        inner = slice(both.first - self.window.first, both.end - self.window.first) if len(both) else slice(0, 0)
        return Own(
            window, np.pad(self.imported_wh[inner], pad), np.pad(self.exported_wh[inner], pad),
            np.pad(self.present[inner], pad), np.pad(self.known[inner], pad), self.exports,
        )  # fmt: skip

    @property
    def import_wh(self) -> int:
        """What was drawn from the grid."""
        return int(self.imported_wh.sum())

    @property
    def export_wh(self) -> int | None:
        """What was given to the grid; None for a home that cannot."""
        return int(self.exported_wh.sum()) if self.exports else None

    def last(self) -> int | None:
        """Absolute slot of the newest reading."""
        here = np.flatnonzero(self.present)
        return self.window.first + int(here[-1]) if len(here) else None

    def power_w(self, slot: int) -> int:
        """Mean power drawn in one interval."""
        return int(self.imported_wh[slot - self.window.first]) * 3600 // self.window.resolution


def whole(home: Home, window: Window) -> Own:
    """All meters of a home together, fetched sealed and opened here; absent after now."""
    resolution = window.resolution
    until = min(window.end, int(home.parts.clock.now()) // resolution)
    asked = Window(min(window.first, until), until, resolution)
    first_days = {pid: line.meter.d0 for pid, line in home.lines.items()}
    return own_of(home.series(asked), asked, first_days).over(window)


def own_of(series: Sequence[OwnSeries], window: Window, first_days: Mapping[int, int]) -> Own:
    """Add up the meters of a home: there where all are that should be; a replaced one until the next takes its place.

    Args:
        series: Over exactly the window. first_days: pid -> UTC day it enrolled.
    """
    there = _in_place(series, window, first_days)
    columns = {r: np.zeros(len(window), np.int64) for r in (IMPORT, EXPORT)}
    present, known = np.ones(len(window), np.bool_), np.zeros(len(window), np.bool_)
    for part in series:
        columns[part.register] += np.where(part.present, part.energy_wh, 0)
        present &= part.present | ~there[part.pid]
        known |= there[part.pid]
    present &= known
    return Own(
        window, np.where(present, columns[IMPORT], 0), np.where(present, columns[EXPORT], 0), present, known,
        any(part.register == EXPORT for part in series),
    )  # fmt: skip


def _in_place(series: Sequence[OwnSeries], window: Window, first_days: Mapping[int, int]) -> dict[int, Bools]:
    """pid -> bool [t]: where a meter should deliver. One that ends before a newer one begins was replaced by it."""
    slots, per_day = np.arange(window.first, window.end), slots_per_day(window.resolution)
    pids = sorted({part.pid for part in series}, key=lambda pid: (first_days[pid], pid))
    there = {pid: slots >= first_days[pid] * per_day for pid in pids}
    came = {pid: slots[np.any([part.present for part in series if part.pid == pid], axis=0)] for pid in pids}
    for older, newer in pairwise(pids):
        if first_days[older] < first_days[newer] and len(came[newer]) and max(came[older], default=-1) < came[newer][0]:
            there[older] &= slots < came[newer][0]
            if len(came[older]):
                there[newer] &= slots >= came[newer][0]
    return there
