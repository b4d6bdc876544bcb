"""Meters, and a home's own sealed series."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from quietgrid.accounts import Permission
from quietgrid.api import shapes
from quietgrid.api.auth import Asker, Kit
from quietgrid.api.desk import meters as desk
from quietgrid.api.routes.readings import MSGPACK, wants
from quietgrid.api.times import iso, span

router = APIRouter(tags=["meters"])
IDS = r"^[0-9]{1,20}$"
Pid = Annotated[str, Path(pattern=IDS, examples=["17"])]
From = Annotated[str | None, Query(alias="from", max_length=40, examples=["2026-03-12T00:00:00Z"])]
To = Annotated[str | None, Query(alias="to", max_length=40, examples=["2026-03-13T00:00:00Z"])]


def need(*permissions: Permission) -> dict[str, object]:
    """What a route needs, for the OpenAPI description and the tests."""
    return {"x-permission": [permission.name for permission in permissions]}


@router.get("/meters", response_model=shapes.Meters, openapi_extra=need(Permission.METERS))
def meters(kit: Kit, viewer: Asker) -> shapes.Meters:
    """Which meters there are and in which state. No readings."""
    found = [
        shapes.Meter(
            pid=str(m.pid),
            home=str(m.home),
            leaf=m.leaf,
            registers=list(m.registers),
            since_day=m.since_day,
            state=m.state,
        )
        for m in desk.meters(kit, viewer)
    ]
    return shapes.Meters(meters=found)


def _sealed(request: Request, kit: Kit, viewer: Asker, pid: str, kind: str, times: tuple[str | None, ...]) -> Response:
    card = kit.card
    last = int(kit.now()) // card.resolution
    window = span(times[0], times[1], card.resolution, last, card.tz)
    series = [message.body() for message in desk.sealed(kit, viewer, int(pid), kind, window)]
    if wants(request, MSGPACK):
        return Response(msgspec.msgpack.encode(series), media_type=MSGPACK)
    content = shapes.SealedHistory(
        pid=pid, start=iso(window.first, card.resolution), end=iso(window.end, card.resolution),
        resolution_s=card.resolution, sealed=[b64encode(body).decode() for body in series],
    )  # fmt: skip
    return Response(content.model_dump_json(), media_type="application/json")


_OWN = need(Permission.OWN_SERIES)


@router.get("/meters/{pid}/history", response_model=shapes.SealedHistory, openapi_extra=_OWN)
def history(request: Request, kit: Kit, viewer: Asker, pid: Pid, start: From = None, end: To = None) -> Response:
    """Both registers of one of your own meters, sealed. Refused to every other role."""
    return _sealed(request, kit, viewer, pid, "history", (start, end))


@router.get("/meters/{pid}/consumption", response_model=shapes.SealedHistory, openapi_extra=_OWN)
def consumption(request: Request, kit: Kit, viewer: Asker, pid: Pid, start: From = None, end: To = None) -> Response:
    """The import register of one of your own meters, sealed."""
    return _sealed(request, kit, viewer, pid, "consumption", (start, end))


@router.get("/meters/{pid}/production", response_model=shapes.SealedHistory, openapi_extra=_OWN)
def production(request: Request, kit: Kit, viewer: Asker, pid: Pid, start: From = None, end: To = None) -> Response:
    """The export register of one of your own meters, sealed."""
    return _sealed(request, kit, viewer, pid, "production", (start, end))
