"""The console: forecast against the threshold, the event that runs, who takes part, events by hand."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from quietgrid.api.desk import response as desk
from quietgrid.api.times import iso_at, moment, span
from quietgrid.errors import InputError
from quietgrid.model.interval import DAY_S, Window
from quietgrid.model.response import Capability, Program, Target
from quietgrid.web.kit import Look, Looking, Sent, go
from quietgrid.web.response.parts import ABLE, event_row, forecast_chart, may, program_row

router = APIRouter()
SHOWN = 30
HOME = "/response"
KEY = "response"


@router.get(HOME)
def console(look: Looking, program: Annotated[str, Query(max_length=128)] = "") -> Response:
    """Everything that is asked, now and before."""
    services, viewer = look.services, look.viewer
    programs = desk.programs(services, viewer)
    shown = next((one.program for one in programs if one.program.id == program), None)
    shown = shown or next((one.program for one in programs), None)
    rows = [event_row(one, viewer.account) for one in desk.events(services, viewer, limit=SHOWN)]
    members = services.members().leaf_names if programs else ()
    context: dict[str, object] = {
        "programs": [program_row(one, services.now()) for one in programs], "events": rows, "may": may(look),
        "program": None if shown is None else shown.id, "chart": None if shown is None else _chart(look, shown),
        "example": iso_at(services.now() + DAY_S // 6), "able": ABLE,
        "live_event": next((row for row in rows if row["open"]), None), "feeders": list(members),
    }  # fmt: skip
    return look.page("response/console.html", context, active=KEY)


def _chart(look: Look, program: Program) -> object:
    services, viewer = look.services, look.viewer
    resolution = services.card.resolution
    found = desk.forecasts(services, viewer, program.id)
    with services.store.read() as tx:
        reached = tx.answers.last_close(0)
    window = Window(max(0, reached - DAY_S // resolution), reached, resolution)
    past = desk.total(services, viewer, [one.group for one in found], window)
    return forecast_chart(found, past, window, program, services.card.tz)


@router.post("/response/events")
def start(sent: Sent) -> Response:
    """Start an event by hand, or an emergency override."""
    services, viewer, fields = sent.look.services, sent.look.viewer, sent.fields
    try:
        minutes, target = int(fields.get("minutes", "")), int(float(fields.get("target_kwh", "0") or 0) * 1000)
    except ValueError as error:
        raise InputError("a number is missing", where="event", fix="give minutes and kWh") from error
    first = fields.get("start", "")
    card = services.card
    window = span(first, _end(sent, first, minutes), card.resolution, 0, card.tz)
    able = fields.get("capability", "")
    feeder = fields.get("feeder", "")
    goal = Target(
        "", (feeder,) if feeder else (), (), (Capability(able),) if able in {one.value for one in Capability} else ()
    )
    made = desk.propose(
        services, viewer, fields.get("program", ""), window, goal, target, reason=fields.get("reason", ""),
        emergency=fields.get("emergency") == "yes",
    )  # fmt: skip
    return go(f"/response/events/{made.id}", sent.look)


def _end(sent: Sent, start: str, minutes: int) -> str:
    if not 0 < minutes <= 24 * 60:
        raise InputError("an event lasts minutes", where="minutes", fix="60 or 120")
    return iso_at(moment(start, "start", sent.look.services.card.tz) + 60 * minutes)
