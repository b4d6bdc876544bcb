"""What pages draw of a home's own series (`household.own`). Pure: arrays in, specs out.

Privacy: open readings of one home; the caller keeps them in the household's process.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quietgrid.household.own import Own
from quietgrid.model.interval import local_window

Spec = dict[str, Any]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


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
