"""Status, events, and the demo's controls."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import StreamingResponse

from quietgrid.accounts import Permission
from quietgrid.api import shapes
from quietgrid.api.auth import Asker, Kit
from quietgrid.api.desk import evening as desk
from quietgrid.api.events import Hub
from quietgrid.api.routes.meters import need
from quietgrid.api.times import iso, iso_at, moment
from quietgrid.errors import InputError
from quietgrid.model.interval import Window

router = APIRouter(tags=["status"])
_DEMO = need(Permission.DEMO)


@router.get("/status", response_model=shapes.CommunityStatus, openapi_extra=need(Permission.STATUS))
def status(kit: Kit, viewer: Asker) -> shapes.CommunityStatus:
    """Which keyholders answer, the clock, what is closed, how far a replay is."""
    return _shape(kit, desk.status(kit, viewer))


def _shape(kit: Kit, s: desk.Status) -> shapes.CommunityStatus:
    return shapes.CommunityStatus(
        community=kit.card.name, demo=kit.settings.demo, time=iso_at(s.unix),
        closed_until=iso(s.closed_end, kit.card.resolution), phase=s.phase, days_done=s.done, days_total=s.total,
        note=s.note, speed=s.speed, paused=s.paused,
        keyholders=[shapes.HolderState(number=h.number, name=h.name, state=h.state) for h in s.holders],
    )  # fmt: skip


@router.get(
    "/events",
    response_class=StreamingResponse,
    openapi_extra=need(Permission.STATUS),
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def events(request: Request, viewer: Asker) -> StreamingResponse:
    """Server-sent events: ``status`` (keyholders, progress), ``beat``, and what the pages show."""
    hub: Hub = request.app.state.hub
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(hub.stream(viewer), media_type="text/event-stream", headers=headers)


@router.post("/questions/spy", response_model=shapes.SpyResult, openapi_extra=_DEMO, tags=["demo"])
def spy(kit: Kit, viewer: Asker, wanted: shapes.SpyRequest) -> shapes.SpyResult:
    """Ask every keyholder for one home's intervals. They refuse; the home sees the attempt (demo only)."""
    resolution = kit.card.resolution
    if int(wanted.home) >= 1 << 64:
        raise InputError("a home's number has 64 bits", where="home", fix="check the number")
    last = int(kit.now()) // resolution
    first = last - 3600 // resolution
    if wanted.start is not None and wanted.end is not None:
        first = int(moment(wanted.start, "start", kit.card.tz)) // resolution
        last = int(moment(wanted.end, "end", kit.card.tz)) // resolution
    if not first < last or last - first > 86_400 // resolution:
        raise InputError("the span does not fit", where="start, end", fix="one day at most, start before end")
    found = desk.spy(kit, viewer, int(wanted.home), Window(first, last, resolution))
    return shapes.SpyResult(
        home=wanted.home, start=iso(found.window.first, resolution), end=iso(found.window.end, resolution),
        at=iso_at(found.at),
        refusals=[
            shapes.HolderRefusal(keyholder=r.holder, rule=r.rule, what=r.what, fix=r.fix) for r in found.refusals
        ],
    )  # fmt: skip


@router.post("/demo/pace", response_model=shapes.CommunityStatus, openapi_extra=_DEMO, tags=["demo"])
def pace(kit: Kit, viewer: Asker, wanted: shapes.PaceRequest) -> shapes.CommunityStatus:
    """Pause, play, step, fast, slow (demo only)."""
    desk.pace(kit, viewer, wanted.do)
    return _shape(kit, desk.status(kit, viewer))


Number = Annotated[int, Path(ge=0, le=2, examples=[1])]


@router.post(
    "/demo/keyholders/{number}/stop", response_model=shapes.CommunityStatus, openapi_extra=_DEMO, tags=["demo"]
)
def stop(kit: Kit, viewer: Asker, number: Number) -> shapes.CommunityStatus:
    """Stop one keyholder's process (demo only)."""
    desk.holder(kit, viewer, number, "stop")
    return _shape(kit, desk.status(kit, viewer))


@router.post(
    "/demo/keyholders/{number}/start", response_model=shapes.CommunityStatus, openapi_extra=_DEMO, tags=["demo"]
)
def start(kit: Kit, viewer: Asker, number: Number) -> shapes.CommunityStatus:
    """Start it again (demo only)."""
    desk.holder(kit, viewer, number, "start")
    return _shape(kit, desk.status(kit, viewer))
