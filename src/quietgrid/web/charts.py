"""Chart specs for `static/app.js`: times, values with gaps, units. Energy in kWh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.api.desk.totals import Series
from quietgrid.model.question import Quantity

Spec = dict[str, object]
WORDS = {Quantity.IMPORT: "Used", Quantity.EXPORT: "Fed in", Quantity.NET: "Net"}
COLOURS = {Quantity.IMPORT: "grid", Quantity.EXPORT: "export", Quantity.NET: "home"}


def kwh(energy_wh: NDArray[np.int64], answered: NDArray[np.bool_]) -> list[float | None]:
    """Values in kWh; a gap is None, never zero."""
    return [value / 1000 if ok else None for value, ok in zip(energy_wh.tolist(), answered.tolist(), strict=True)]


def lines(series: Series, tz: str, style: str = "area") -> Spec:
    """One total as a line over time."""
    resolution = series.window.resolution
    times = [slot * resolution for slot in range(series.window.first, series.window.end)]
    return {
        "kind": "lines", "time": True, "tz": tz, "x": times, "x_title": "Interval", "unit": "kWh", "digits": 2,
        "series": [
            {"name": WORDS[series.quantity], "color": COLOURS[series.quantity], "style": style,
             "data": kwh(series.energy_wh, series.answered)}
        ],
    }  # fmt: skip


def heatmap(days: list[str], leaves: list[str], percent: list[list[float | None]]) -> Spec:
    """Share of missing readings by feeder and day."""
    most = max([5.0, *(value for row in percent for value in row if value is not None)])
    return {
        "kind": "heatmap", "x": days, "y": leaves, "values": percent, "max": round(most), "unit": "%", "digits": 1,
        "x_title": "Day", "y_title": "Feeder",
    }  # fmt: skip


def volumes(days: list[str], answered: list[int], refused: list[int]) -> Spec:
    """Answers and refusals a day."""
    return {
        "kind": "bars", "time": False, "x": days, "x_title": "Day", "unit": "", "digits": 0,
        "series": [
            {"name": "Answered", "color": "grid", "style": "bar", "stack": "a", "data": answered},
            {"name": "Refused", "color": "export", "style": "hatch", "stack": "a", "data": refused},
        ],
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ranged:
    """A bar: its label, its value, and how far noise may have moved it (95 %), 0 without."""

    label: str
    value: float
    margin: float


def ranged(bars: Sequence[Ranged], name: str, unit: str, colour: str) -> Spec:
    """Bars with the interval that noise leaves; with noise a value can lie below zero."""
    return {
        "kind": "bars", "time": False, "x": [bar.label for bar in bars], "x_title": "", "unit": unit, "digits": 0,
        "series": [
            {"name": name, "color": colour, "style": "bar", "data": [bar.value for bar in bars],
             "low": [bar.value - bar.margin for bar in bars], "high": [bar.value + bar.margin for bar in bars]}
        ],
    }  # fmt: skip
