"""Withheld answers: the list for people, evidence and findings for the auditor's own machine (msgpack).

The auditor's machine signs its requests with the auditor's key (`wire.request_auth`) and asks the keyholders itself.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quietgrid.accounts import Permission, require
from quietgrid.api import shapes
from quietgrid.api.auth import Asker, Kit
from quietgrid.api.desk import disputes as desk
from quietgrid.api.routes.meters import Pid, need
from quietgrid.api.routes.readings import MSGPACK
from quietgrid.api.times import iso, iso_at
from quietgrid.crypto.public.envelope import Signed
from quietgrid.errors import InputError
from quietgrid.wire.disputes import COMPONENTS

router = APIRouter(prefix="/disputes", tags=["audit"])
_PACKED: dict[int | str, dict[str, object]] = {
    200: {"content": {MSGPACK: {"schema": {"type": "string", "format": "binary"}}}}
}
Name = Annotated[str, Path(pattern="^[0-9a-fA-F]{4,64}$", examples=["9f2b9f2b9f2b"])]
Day = Annotated[int, Path(ge=0, le=1 << 32, examples=[16953])]


@router.get("", response_model=shapes.Disputes, openapi_extra=need(Permission.LEDGER))
def withheld(kit: Kit, viewer: Asker) -> shapes.Disputes:
    """Answers withheld because keyholders contradict each other, newest first."""
    resolution = kit.card.resolution
    lines = [
        shapes.Dispute(
            name=item.name,
            kind=item.kind,
            node=item.node,
            quantity=item.quantity,
            start=iso(item.first, resolution),
            end=iso(item.end, resolution),
            since=iso_at(item.at),
            components=[COMPONENTS[pair] for pair in item.pairs],
            suspects=[f"keyholder {index}" for index in item.suspects],
            finding=desk.words(kit, viewer, item.finding),
        )
        for item in desk.withheld(kit, viewer)
    ]
    return shapes.Disputes(disputes=lines)


@router.get("/{name}/evidence", response_class=Response, openapi_extra=need(Permission.LEDGER), responses=_PACKED)
def evidence(kit: Kit, viewer: Asker, name: Name) -> Response:
    """What an auditor needs to narrow one down: a msgpack `Evidence`. No ciphertext."""
    return Response(msgspec.msgpack.encode(desk.evidence(kit, viewer, name)), media_type=MSGPACK)


@router.get("/meters/{pid}/{day}", response_class=Response, openapi_extra=need(Permission.LEDGER), responses=_PACKED)
def word(kit: Kit, viewer: Asker, pid: Pid, day: Day) -> Response:
    """A meter's signed record of a UTC day and its enrolment: a msgpack `MeterWord`. No reading."""
    return Response(msgspec.msgpack.encode(desk.word(kit, viewer, int(pid), day)), media_type=MSGPACK)


@router.post("/findings", response_class=Response, openapi_extra=need(Permission.LEDGER), responses=_PACKED)
async def finding(request: Request, kit: Kit, viewer: Asker) -> Response:
    """Take the auditor's finding, a msgpack `Signed[Finding]`; true if it is new."""
    require(viewer, Permission.LEDGER)
    try:
        signed = msgspec.msgpack.decode(await request.body(), type=Signed)
    except msgspec.MsgspecError as error:
        raise InputError("not a signed message", where="body", fix="send msgpack") from error
    new = await run_in_threadpool(desk.take, kit, viewer, signed)
    return Response(msgspec.msgpack.encode(new), media_type=MSGPACK)
