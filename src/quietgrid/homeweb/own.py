"""A home's own series as one pair of columns, and what pages draw of it. Pure: arrays in, numbers and specs out.

Privacy: open readings of one home; the caller keeps them in the household's process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quietgrid.household import OwnSeries
from quietgrid.model.interval import Window, local_window, slots_per_day
from quietgrid.model.readings import EXPORT, IMPORT

Spec = dict[str, Any]
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


def kwh_of(values_wh: Ints, present: Bools, per: int = 1) -> list[float | None]:
    """kWh of every `per` intervals; None (a gap, never zero) where nothing arrived.

    >>> kwh_of(np.array([250, 0, 750, 9]), np.array([True, False, True, False]), 2)
    [0.25, 0.75]
    """
    short = -len(values_wh) % per
    energy = np.pad(np.where(present, values_wh, 0), (0, short)).reshape(-1, per).sum(axis=1)
    here = np.pad(present, (0, short)).reshape(-1, per).sum(axis=1) > 0
    return [value / 1000 if there else None for value, there in zip(energy.tolist(), here.tolist(), strict=True)]


def interval_spec(own: Own, tz: str) -> Spec:
    """kWh per interval over a window."""
    spec = _spec(own, tz, 1)
    return spec | {"kind": "lines", "x_title": "Interval", "digits": 3}


def hourly_spec(own: Own, tz: str) -> Spec:
    """kWh per hour, as bars."""
    return _spec(own, tz, 3600 // own.window.resolution) | {"kind": "bars", "x_title": "Hour", "digits": 2}


def _spec(own: Own, tz: str, per: int) -> Spec:
    step = per * own.window.resolution
    start = own.window.first * own.window.resolution
    used = kwh_of(own.imported_wh, own.present, per)
    style = ("area", "dash") if per == 1 else ("bar", "hatch")
    series: list[Spec] = [{"name": "From the grid", "color": "grid", "style": style[0], "data": used}]
    if own.exports:
        sold = kwh_of(own.exported_wh, own.present, per)
        series.append({"name": "To the grid", "color": "export", "style": style[1], "data": sold})
    x = [start + step * n for n in range(len(used))]
    return {"time": True, "tz": tz, "x": x, "unit": "kWh", "series": series}


def daily_spec(own: Own, days: Sequence[date], tz: str) -> Spec:
    """kWh a local day, as bars."""
    parts = [own.over(local_window(day, day + timedelta(days=1), tz, own.window.resolution)) for day in days]

    def column(values: Sequence[Ints]) -> list[float | None]:
        here = [bool(part.present.any()) for part in parts]
        return [int(energy.sum()) / 1000 if there else None for energy, there in zip(values, here, strict=True)]

    used = column([p.imported_wh for p in parts])
    series: list[Spec] = [{"name": "From the grid", "color": "grid", "style": "bar", "data": used}]
    if own.exports:
        sold = column([p.exported_wh for p in parts])
        series.append({"name": "To the grid", "color": "export", "style": "hatch", "data": sold})
    labels = [f"{day:%a} {day.day}" for day in days]
    return {"kind": "bars", "time": False, "x": labels, "x_title": "Day", "unit": "kWh", "digits": 1, "series": series}
