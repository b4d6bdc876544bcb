"""Charts of the grid, as specs for `static/app.js`. A gap is None, never zero. Powers in kW, voltages in V or %."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor

from quietgrid.algorithms.frequency import Course
from quietgrid.api.desk.grid import Strip
from quietgrid.balance.frequency import sample_course
from quietgrid.model.grid import Measurement
from quietgrid.model.operation import BalancePlan, GridState
from quietgrid.web.charts import Spec
from quietgrid.web.grid.parts import Scale

POINTS = 720
"""Most values of a frequency strip."""
PPM = 10_000
"""Millionths in a per cent."""


def voltage(strip: Strip, scale: Scale, resolution: int, tz: str) -> Spec:
    """A group's voltages: the median, and where nine tenths of its nodes are, against the limits."""
    low, high = scale.limits
    first, end = strip.slots[0], strip.slots[-1] + 1
    at = {slot: number for number, slot in enumerate(strip.slots)}

    def spread(values: list[float | None]) -> list[float | None]:
        said = scale.values(values)
        return [said[at[slot]] if slot in at else None for slot in range(first, end)]

    def line(name: str, values: list[float | None], style: str) -> dict[str, object]:
        return {"name": name, "color": "grid", "style": style, "data": spread(values)}

    short = "V" if scale.unit == "V" else "%"
    return {
        "kind": "lines", "time": True, "tz": tz, "x": [slot * resolution for slot in range(first, end)],
        "x_title": "Interval", "unit": short, "digits": 1, "band": [0, 2],
        "range": [floor((low - 3) / 10) * 10, ceil((high + 3) / 10) * 10],
        "threshold": [{"value": high, "label": f"{high:g} {short}"}, {"value": low, "label": f"{low:g} {short}"}],
        "series": [
            line("5 % of nodes below", strip.p5, "dash"), line("median", strip.p50, "line"),
            line("5 % above", strip.p95, "dash"),
        ],
    }  # fmt: skip


def _over(states: Sequence[GridState], tz: str) -> tuple[Spec, list[GridState | None]]:
    """The frame of a chart over states, and each interval's state or None."""
    at = {state.slot: state for state in states}
    slots = range(states[0].slot, states[-1].slot + 1)
    spec: Spec = {"kind": "lines", "time": True, "tz": tz, "x": [slot * states[0].resolution for slot in slots],
                  "x_title": "Interval"}  # fmt: skip
    return spec, [at.get(slot) for slot in slots]


def loading(states: Sequence[GridState], tz: str) -> Spec | None:
    """The fullest branch of every interval, per cent of its rating."""
    if not states:
        return None
    spec, cells = _over(states, tz)
    data = [None if one is None or not one.loading else round(100 * max(one.loading.values()), 1) for one in cells]
    return spec | {
        "unit": "%", "digits": 0, "range": [0, 120],
        "threshold": [{"value": 100, "label": "rating"}, {"value": 80, "label": "alarm at 80 %"}],
        "series": [{"name": "Fullest branch", "color": "grid", "style": "area", "data": data}],
    }  # fmt: skip


def powers(states: Sequence[GridState], tz: str) -> Spec | None:
    """What all groups draw together and what comes from upstream, kW; the difference is lost."""
    if not states:
        return None
    spec, cells = _over(states, tz)
    drawn = [None if one is None else round(sum(g.power_w for g in one.groups) / 1000, 2) for one in cells]
    upstream = [None if one is None or not one.feasible else round(one.source_w / 1000, 2) for one in cells]
    return spec | {
        "unit": "kW", "digits": 1,
        "series": [
            {"name": "All groups draw", "color": "home", "style": "line", "data": drawn},
            {"name": "From upstream", "color": "grid", "style": "dash", "data": upstream},
        ],
    }  # fmt: skip


def plan(one: BalancePlan, group: str, most_w: int | None, tz: str) -> Spec:
    """A plan before and after: the sum of all groups, or one of them, kW."""
    made = one.proposal
    chosen = [part for part in made.groups if group in ("", part.group)]
    window = made.window

    def total(rows: Sequence[Sequence[int]]) -> list[float | None]:
        return [round(sum(column) / 1000, 2) for column in zip(*rows, strict=True)]

    before, after = total([part.before_w for part in chosen]), total([part.after_w for part in chosen])
    spec: Spec = {
        "kind": "lines", "time": True, "tz": tz, "unit": "kW", "digits": 1, "x_title": "Interval",
        "x": [slot * window.resolution for slot in range(window.first, window.end)],
        "series": [
            {"name": "Without the plan", "color": "grid", "style": "dash", "data": before},
            {"name": "With the plan", "color": "home", "style": "line", "data": after},
            {"name": "Storages", "color": "battery", "style": "step",
             "data": total([part.storage_w for part in chosen if part.storage_w])},
        ],
    }  # fmt: skip
    highest = max((abs(value) for value in (*before, *after) if value is not None), default=0.0)
    if most_w is not None and not group and highest > most_w / 2000:  # far below its rating the line says nothing
        spec["threshold"] = {"value": most_w / 1000, "label": "rating of what feeds all"}
    return spec


def price(one: BalancePlan, prices: Sequence[int | None], unit: str, tz: str) -> Spec:
    """Prices of a plan's window, in hundredths of the currency a kWh."""
    window = one.proposal.window
    return {
        "kind": "lines", "time": True, "tz": tz, "unit": unit, "digits": 2, "x_title": "Interval",
        "x": [slot * window.resolution for slot in range(window.first, window.end)],
        "series": [{"name": "Price", "color": "solar", "style": "step",
                    "data": [None if value is None else value / 10_000 for value in prices]}],
    }  # fmt: skip


def told(values: Sequence[int], first: int, resolution: int, tz: str) -> Spec:
    """What the homes of a group are told: how full, per cent of each home's own storage, at the end of an interval."""
    return {
        "kind": "lines", "time": True, "tz": tz, "unit": "%", "digits": 1, "x_title": "Interval", "range": [0, 100],
        "x": [(first + number) * resolution for number in range(len(values))],
        "series": [{"name": "Share of the home's own storage", "color": "battery", "style": "line",
                    "data": [round(value / PPM, 2) for value in values]}],
    }  # fmt: skip


def frequency(measured: Sequence[Measurement], name: str, tz: str) -> Spec:
    """A measured strip, at most `POINTS` values: of every run the value farthest from rated."""
    run = max(1, -(-len(measured) // POINTS))
    kept = [max(measured[at : at + run], key=lambda one: abs(one.value - 50_000))
            for at in range(0, len(measured), run)]  # fmt: skip
    return {
        "kind": "lines", "time": True, "tz": tz, "unit": "Hz", "digits": 3, "x_title": "Moment",
        "x": [round(one.at) for one in kept], "range": [49.8, 50.2],
        "threshold": [{"value": 50.2, "label": "+200 mHz"}, {"value": 49.8, "label": "−200 mHz"}],
        "series": [{"name": name, "color": "accent", "style": "line",
                    "data": [one.value / 1000 for one in kept]}],
    }  # fmt: skip


def island(courses: Mapping[str, Course]) -> Spec:
    """Frequency after a loss, simulated: seconds and Hz, a line a course."""
    styles = (("export", "dash"), ("accent", "line"))
    rows = {name: sample_course(course) for name, course in courses.items()}
    seconds = [f"{at:.1f} s" for at, _ in next(iter(rows.values()))]
    return {
        "kind": "lines", "time": False, "unit": "Hz", "digits": 3, "x": seconds, "x_title": "After",
        "range": [49.0, 50.2], "threshold": {"value": 49.0, "label": "load shedding begins"},
        "series": [
            {"name": name, "color": colour, "style": style, "data": [round(hz, 4) for _, hz in row]}
            for (name, row), (colour, style) in zip(rows.items(), styles, strict=True)
        ],
    }  # fmt: skip
