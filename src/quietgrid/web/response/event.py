"""One event: who was asked, what was delivered by group, with intervals; what it earned."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from quietgrid.api.desk import response as desk
from quietgrid.web.kit import Looking, Sent, go
from quietgrid.web.response.console import HOME, KEY
from quietgrid.web.response.parts import event_row, may, measured_row

router = APIRouter()
Name = Annotated[str, Path(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]


@router.get("/response/events.csv")
def as_csv(look: Looking) -> Response:
    """All events that are over, a line a group."""
    name = 'attachment; filename="quietgrid-events.csv"'
    return Response(
        desk.as_csv(look.services, look.viewer), media_type="text/csv", headers={"Content-Disposition": name}
    )


@router.get("/response/events/{name}")
def report(look: Looking, name: Name) -> Response:
    """Measurement and verification of one event."""
    services, viewer = look.services, look.viewer
    found = desk.event(services, viewer, name)
    facts = [one for one in desk.facts(services, viewer, found.event.program) if name in one.events]
    window = found.event.window
    groups = [measured_row(one) for one in found.measured]
    used = desk.total(services, viewer, [one.group for one in found.measured], window) if found.measured else []
    context: dict[str, object] = {
        "event": event_row(found, viewer.account), "groups": groups, "may": may(look),
        "facts": [
            {"name": one.name, "leaf": one.leaf, "homes": len(one.holders), "events": len(one.events),
             "state": one.state, "tone": "ok" if one.state == "opened" else "warn"}
            for one in facts
        ],
        "chart": _chart(groups, look.services.card.tz), "used": sum(value or 0 for value in used),
    }  # fmt: skip
    return look.page("response/event.html", context, active=KEY)


def _chart(groups: list[dict[str, object]], tz: str) -> object:
    if not groups:
        return None
    return {
        "kind": "bars", "time": False, "tz": tz, "x": [str(one["group"]) for one in groups], "x_title": "Section",
        "unit": "kWh", "digits": 1,
        "series": [
            {"name": "Baseline", "color": "grid", "style": "hatch", "data": [_kwh(g["baseline_wh"]) for g in groups]},
            {"name": "Used", "color": "grid", "style": "bar", "data": [_kwh(g["measured_wh"]) for g in groups]},
        ],
    }  # fmt: skip


def _kwh(value: object) -> float:
    return value / 1000 if isinstance(value, int) else 0.0


@router.post("/response/events/{name}/approve")
def approve(sent: Sent, name: Name) -> Response:
    """Approve what somebody else started."""
    desk.approve(sent.look.services, sent.look.viewer, name)
    return go(f"{HOME}/events/{name}", sent.look)


@router.post("/response/events/{name}/cancel")
def cancel(sent: Sent, name: Name) -> Response:
    """Cancel it; homes read why."""
    desk.cancel(sent.look.services, sent.look.viewer, name, sent.fields.get("reason", ""))
    return go(f"{HOME}/events/{name}", sent.look)
