"""Sealed frames in, receipts out; the meters' day records; the books they commit to.

Nobody signs in here: a frame is judged by its MAC, a record by its meter's signature, and books are public.
Answers are msgpack (`client.platform`), or JSON for those who ask for it.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated

import msgspec
import numpy as np
from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from quietgrid.api import shapes
from quietgrid.api.auth import Kit
from quietgrid.api.problems import Problem
from quietgrid.api.services import Services
from quietgrid.concentrator import Accepted
from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.errors import InputError
from quietgrid.wire.messages import BookMessage

router = APIRouter(tags=["readings"])
OCTETS, MSGPACK, JSON = "application/octet-stream", "application/msgpack", "application/json"
STORED, REFUSED = 0, 2
_BINARY = {"schema": {"type": "string", "format": "binary"}}
PACKED: dict[str, object] = {"content": {MSGPACK: _BINARY}}


def sends(media: str, what: str) -> dict[str, object]:
    """What a route takes, for the OpenAPI description."""
    return {"requestBody": {"required": True, "description": what, "content": {media: _BINARY}}}


async def _octets(request: Request) -> bytes:
    return await _body(request, OCTETS)


async def _packed(request: Request) -> bytes:
    return await _body(request, MSGPACK)


async def _body(request: Request, media: str) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != media:
        raise HTTPException(415, f"send {media}")
    body = await request.body()
    if not body:
        raise InputError("the request is empty", where="body", fix=f"send {media}")
    return body


Octets = Annotated[bytes, Depends(_octets)]
Packed = Annotated[bytes, Depends(_packed)]


def wants(request: Request, media: str) -> bool:
    """Whether the asker names a media type."""
    return media in {part.partition(";")[0].strip() for part in request.headers.get("accept", "").lower().split(",")}


@router.post(
    "/meters/reading",
    response_model=shapes.Accepted,
    status_code=202,
    responses={
        200: {"model": shapes.Accepted, "description": "Every frame was stored before and is acknowledged again."},
        202: {"description": "Something new is stored; the receipt was on disk before this answer.", **PACKED},
        207: {"model": shapes.Accepted, "description": "Some or all frames are refused; `reasons` says why."},
        415: {"model": Problem},
    },
    openapi_extra=sends(OCTETS, "One sealed frame, or frames one after the other."),
)
async def reading(request: Request, kit: Kit, body: Octets) -> Response:
    """Take sealed frames. Acknowledged after commit; sending the same again is acknowledged again."""
    accepted = await run_in_threadpool(_accept, kit, body)
    if bool((accepted.status == REFUSED).any()):
        code = 207
    else:
        code = 202 if bool((accepted.status == STORED).any()) else 200
    order = accepted.order.tolist()
    if wants(request, JSON):
        receipt = None if accepted.receipt is None else b64encode(pack_signed(accepted.receipt)).decode()
        content = {"status": accepted.status.tolist(), "reasons": accepted.reasons, "receipt": receipt, "order": order}
        return Response(msgspec.json.encode(content), code, media_type=JSON)
    packed = {
        "status": accepted.status.tobytes(), "reasons": accepted.reasons, "receipt": accepted.receipt, "order": order,
    }  # fmt: skip
    return Response(msgspec.msgpack.encode(packed), code, media_type=MSGPACK)


@router.post(
    "/meters/day-records",
    response_class=Response,
    responses={200: PACKED, 415: {"model": Problem}},
    openapi_extra=sends(MSGPACK, "msgpack list of `Signed[DayRecord]`."),
)
async def day_records(request: Request, kit: Kit, body: Packed) -> Response:
    """Take the meters' signed day records, by which bills are proven; how many are new."""
    try:
        signed = msgspec.msgpack.decode(body, type=list[Signed])
    except msgspec.MsgspecError as error:
        raise InputError("not a list of signed messages", where="body", fix="send msgpack") from error
    new = await run_in_threadpool(_keep, kit, signed)
    if wants(request, JSON):
        return Response(msgspec.json.encode({"new": new}), media_type=JSON)
    return Response(msgspec.msgpack.encode(new), media_type=MSGPACK)


@router.post(
    "/meters/standing",
    response_class=Response,
    responses={200: PACKED, 415: {"model": Problem}},
    openapi_extra=sends(MSGPACK, "msgpack [nonce of 16 bytes, pids]."),
)
async def standing(kit: Kit, body: Packed) -> Response:
    """The concentrator's signed word on how far it has each meter's frames; meters ask when they start."""
    try:
        nonce, pids = msgspec.msgpack.decode(body, type=tuple[bytes, list[int]])
        asked = np.array(pids, np.uint64)
    except (msgspec.MsgspecError, OverflowError) as error:
        raise InputError("not a nonce and meter ids", where="body", fix="send msgpack [nonce, pids]") from error
    if len(nonce) != 16:
        raise InputError("a nonce has 16 bytes", where="body", fix="send a fresh random one")
    signed = await run_in_threadpool(kit.platform.parts.concentrator.standing, nonce, asked)
    return Response(msgspec.msgpack.encode(signed), media_type=MSGPACK)


@router.get("/books", response_class=Response, responses={200: PACKED})
def books(kit: Kit) -> Response:
    """The registered books and the meters each is for: a msgpack list of (`Signed[BookMessage]`, pids)."""
    found: list[tuple[Signed, list[int]]] = []
    with kit.store.read() as tx:
        messages = [unpack_signed(data) for data in tx.registry.books()]
    for signed in messages:
        book = decode(BookMessage, signed.body)
        members = kit.platform.members(book.first)
        found.append((signed, members.pids[members.rows(book.leaf)].tolist()))
    return Response(msgspec.msgpack.encode(found), media_type=MSGPACK)


def _accept(services: Services, body: bytes) -> Accepted:
    with services.changing() as platform:
        accepted = platform.accept(body)
        services.refused_frames += int((accepted.status == REFUSED).sum())
        return accepted


def _keep(services: Services, signed: list[Signed]) -> int:
    with services.changing() as platform:
        return platform.records.put(signed)
