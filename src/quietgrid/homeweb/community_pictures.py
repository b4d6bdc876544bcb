"""Pictures of the page Community: the strip with the home's dot, the day beside the community's, the months."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from quietgrid.algorithms.comparison import CLASS_PERCENTS, NEVER
from quietgrid.algorithms.insight import MONTH_UNIT_WH
from quietgrid.household.insight import Comparison
from quietgrid.model.insight import CLASSES, HOURS

Spec = dict[str, Any]
ROOM_PERCENT, LEAST_PERCENT = 108, 220
"""The strip ends so far right of the home, or of the average if that is further: what lies beyond is cut off."""


@dataclass(frozen=True, slots=True)
class TrendMonth:
    """A month of the trend. own_wh, average_wh: None where it is not known. until: its end, Unix seconds."""

    name: str
    own_wh: int | None
    average_wh: int | None
    until: float


def strip(found: Comparison) -> Spec:
    """Positions in per cent of the width: homes' spread in bands, the average, the classes, the home.

    Returns:
        ``bands``: {x, width, low, high: kWh, percent_low, percent_high, mine}; ``classes``: {letter, x, width, low,
        high, mine}; ``own``, ``average``: {x, kwh, anchor}; ``low``, ``high`` of the average's 95 % interval, or None.
    """
    figures, peers = found.figures, found.published.peers
    edges = [edge * MONTH_UNIT_WH for edge in figures.bands]
    most = max(found.own_wh * ROOM_PERCENT // 100, peers.average_wh * LEAST_PERCENT // 100, 1)

    def at(wh: int) -> float:
        return round(100 * min(max(wh, 0), most) / most, 2)

    sides, percents = [0, *edges, max(most, *edges, 0)], [0, *figures.percents, 100]
    bands = [
        {"x": at(low), "width": round(at(high) - at(low), 2), "low": low, "high": high, "percent_low": a,
         "percent_high": b, "mine": n == found.insight.band, "odd": n % 2 == 1}
        for n, ((low, high), (a, b)) in enumerate(zip(pairwise(sides), pairwise(percents), strict=True))
    ] if edges else []  # fmt: skip
    steps = [0, *(peers.average_wh * percent // 100 for percent in CLASS_PERCENTS), most]
    classes = [
        {"letter": letter, "x": at(low), "width": round(at(high) - at(low), 2),
         "middle": round((at(low) + at(high)) / 2, 2), "low": low, "high": high if n < len(CLASSES) - 1 else None,
         "mine": letter == found.verdict.letter}
        for n, (letter, (low, high)) in enumerate(zip(CLASSES, pairwise(steps), strict=True))
    ]  # fmt: skip
    noisy = bool(peers.epsilon_milli)
    return {
        "bands": bands, "classes": classes, "most": most,
        "own": _mark(at(found.own_wh), found.own_wh), "average": _mark(at(peers.average_wh), peers.average_wh),
        "margin": {"x": at(peers.average_wh - peers.margin_wh),
                   "width": round(at(peers.average_wh + peers.margin_wh) - at(peers.average_wh - peers.margin_wh), 2)}
        if noisy else None,
    }  # fmt: skip


def _mark(x: float, wh: int) -> Spec:
    return {"x": x, "wh": wh, "anchor": "start" if x < 14 else "end" if x > 86 else "middle"}


def profile(found: Comparison) -> Spec | None:
    """The day's shape beside the mean home's, per cent of the day in each hour; None where none is published."""
    figures = found.figures
    if not figures.profile_wh:
        return None
    own, whole = found.month.hours_wh.tolist(), max(1, sum(figures.profile_wh))
    day = max(1, sum(own))
    shares = [round(100 * wh / day, 2) for wh in own]
    out = set(found.verdict.hours)
    return {
        "kind": "lines", "time": False, "x": [f"{hour:02d}:00" for hour in range(HOURS)], "x_title": "Hour from",
        "unit": "% of the day", "digits": 1,
        "series": [
            {"name": "You", "color": "home", "style": "bar", "stack": "own",
             "data": [None if hour in out else share for hour, share in enumerate(shares)]},
            {"name": "You, stands out", "color": "export", "style": "hatch", "stack": "own",
             "data": [share if hour in out else None for hour, share in enumerate(shares)]},
            {"name": "Mean home", "color": "grid", "style": "line",
             "data": [round(100 * wh / whole, 2) for wh in figures.profile_wh]},
            {"name": "Still usual", "color": "ink-2", "style": "dash",
             "data": [None if mille == NEVER else mille / 10 for mille in figures.usual]},
        ],
    }  # fmt: skip


def trend(months: Sequence[TrendMonth], label: Callable[[str], str]) -> Spec:
    """The home's months beside the average of the group."""

    def kwh(wh: int | None) -> float | None:
        return None if wh is None else round(wh / 1000, 1)

    return {
        "kind": "bars", "time": False, "x": [label(month.name) for month in months], "x_title": "Month",
        "unit": "kWh", "digits": 1,
        "series": [
            {"name": "You", "color": "home", "style": "bar", "data": [kwh(month.own_wh) for month in months]},
            {"name": "Average of your group", "color": "grid", "style": "hatch",
             "data": [kwh(month.average_wh) for month in months]},
        ],
    }  # fmt: skip
