"""Telemetry of the grid's instruments in, set-points out. Nobody signs in: a gateway's signature decides."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quietgrid.api.auth import Kit
from quietgrid.api.problems import Problem
from quietgrid.api.routes.readings import MSGPACK, PACKED, Packed, sends
from quietgrid.crypto.public.envelope import pack_signed
from quietgrid.errors import NotFoundError

router = APIRouter(prefix="/grid", tags=["grid"])


@router.post(
    "/telemetry",
    response_class=Response,
    responses={200: PACKED, 415: {"model": Problem}},
    openapi_extra=sends(MSGPACK, "msgpack `Signed[TelemetryBatch]` of a registered gateway, at most 500 rows."),
)
async def telemetry(kit: Kit, body: Packed) -> Response:
    """Take one signed batch of measurements, once; the answer is `Signed[SetPoints]`: what holds now."""
    if kit.telemetry is None:
        raise NotFoundError("no gateway is registered here", where="telemetry", fix="see `Connect SCADA`")
    answer = await run_in_threadpool(kit.telemetry.accept, body)
    return Response(pack_signed(answer), media_type=MSGPACK)
