"""What the pages of demand response share: rows of events, badges, charts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quietgrid.accounts import Permission
from quietgrid.api.desk import response as desk
from quietgrid.model.forecast import Forecast
from quietgrid.model.interval import Window
from quietgrid.model.response import Capability, EventState, Measured, Program, Trigger
from quietgrid.response.triggers import together
from quietgrid.web.charts import Spec
from quietgrid.web.kit import Look

TONES = {
    EventState.PROPOSED: "warn", EventState.ANNOUNCED: "warn", EventState.ACTIVE: "ok", EventState.ENDED: "idle",
    EventState.VERIFIED: "ok", EventState.REWARDED: "ok", EventState.PAID: "ok", EventState.CANCELLED: "bad",
}  # fmt: skip
CAUSES = {
    "hand": "by hand", "forecast": "by forecast", "grid": "by the grid's state", "openadr": "by OpenADR",
    "override": "emergency override",
}  # fmt: skip


def may(look: Look) -> dict[str, bool]:
    """What the viewer may do here."""
    viewer = look.viewer
    return {
        "operate": viewer.may(Permission.RESPONSE_OPERATE), "approve": viewer.may(Permission.RESPONSE_APPROVE),
    }  # fmt: skip


def event_row(one: desk.EventLook, viewer: str) -> dict[str, object]:
    """An event as a row."""
    event, counts = one.event, one.counters
    window = event.window
    return {
        "id": event.id, "program": event.program, "start": window.first * window.resolution,
        "end": window.end * window.resolution, "state": event.state.value, "tone": TONES[event.state],
        "cause": CAUSES[event.cause.value], "reason": event.cancelled or event.reason, "target_wh": event.target_wh,
        "expected_wh": event.expected_wh, "sure_wh": event.sure_wh, "rate_cents": event.rate_cents,
        "asked": counts.asked, "joined": counts.joined, "out": counts.out, "silent": counts.silent,
        "delivered_wh": one.delivered_wh, "homes": one.rewards[0], "rewards_micro": one.rewards[1],
        "carbon": one.carbon, "feeders": list(event.target.feeders), "own": event.asked_by == viewer,
        "waiting": event.state is EventState.PROPOSED, "emergency": event.emergency,
        "open": event.state in (EventState.PROPOSED, EventState.ANNOUNCED, EventState.ACTIVE),
        "capabilities": [able.value for able in event.target.capabilities],
    }  # fmt: skip


def program_row(one: desk.ProgramLook, now: float) -> dict[str, object]:
    """A program as a row."""
    program, terms = one.program, one.program.terms
    threshold = program.threshold
    said = "only by hand"
    if threshold is not None:
        unit = "Wh an interval" if threshold.trigger is Trigger.FORECAST else "% loading"
        said = f"{threshold.trigger.value} over {threshold.level:,} {unit}"
    return {
        "id": program.id, "name": program.name, "utility": one.utility.name, "verified": bool(one.utility.verified_by),
        "region": program.region, "pack": program.pack, "rate_cents": terms.rate_cents,
        "early_percent": terms.early_percent, "penalty_percent": terms.penalty_percent, "cap_micro": terms.cap_micro,
        "notice_h": terms.notice_s / 3_600, "events_a_month": terms.events_a_month, "threshold": said,
        "homes": one.homes, "events": one.events, "running": program.runs(now), "revision": program.revision,
        "baseline": terms.baseline,
    }  # fmt: skip


def forecast_chart(
    found: Sequence[Forecast], past: list[int | None], window: Window, program: Program, tz: str
) -> Spec | None:
    """What was used, and the forecast with its band, against the threshold, in kWh an interval."""
    bands = together(found)
    if bands is None:
        return None
    low, middle, high, ahead = bands

    def kwh(values: Sequence[int | None]) -> list[float | None]:
        return [None if value is None else value / 1000 for value in values]

    before: list[float | None] = [None] * len(window)
    x = [slot * window.resolution for slot in range(window.first, window.end)]
    x += [slot * window.resolution for slot in range(ahead.first, ahead.end)]
    after: list[float | None] = [None] * len(ahead)
    spec: Spec = {
        "kind": "lines", "time": True, "tz": tz, "x": x, "x_title": "Interval", "unit": "kWh", "digits": 1,
        "band": [1, 3],
        "series": [
            {"name": "Used", "color": "grid", "style": "area", "data": [*kwh(past), *after]},
            {"name": "Low", "color": "grid", "style": "dash", "data": [*before, *kwh(low.tolist())]},
            {"name": "Forecast", "color": "grid", "style": "line", "data": [*before, *kwh(middle.tolist())]},
            {"name": "High", "color": "grid", "style": "dash", "data": [*before, *kwh(high.tolist())]},
        ],
    }  # fmt: skip
    threshold = program.threshold
    if threshold is not None and threshold.trigger is Trigger.FORECAST:
        level = threshold.level / 1000
        spec["threshold"] = [{"value": level, "label": f"{level:g} kWh"}]
        spec["range"] = [0, float(np.ceil(max(level, *[v / 1000 for v in high.tolist()]) / 5) * 5)]
    return spec


def measured_row(one: Measured) -> dict[str, object]:
    """A group's measurement."""
    return {
        "group": one.group, "baseline_wh": one.baseline_wh, "measured_wh": one.measured_wh, "days": one.days,
        "delivered_wh": one.delivered_wh, "low_wh": one.low_wh, "high_wh": one.high_wh, "homes": one.homes,
        "sure": one.low_wh > 0,
    }  # fmt: skip


ABLE = [(one.value, one.value.replace("-", " ")) for one in Capability]
