"""What a household's own process fetches for its home, by signed requests. Bodies are msgpack (`household.links`)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.api.auth import Asker, Kit
from quietgrid.api.desk import bills as bills_desk
from quietgrid.api.desk import grid as grid_desk
from quietgrid.api.desk import insight as insight_desk
from quietgrid.api.desk import response as response_desk
from quietgrid.api.routes.meters import IDS, need
from quietgrid.crypto.public.envelope import Signed
from quietgrid.errors import ForbiddenError, InputError

router = APIRouter(prefix="/own", tags=["own"])
MEDIA = "application/msgpack"
_BODY = {"content": {MEDIA: {"schema": {"type": "string", "format": "binary"}}}}
_SERIES, _BILLS = need(Permission.OWN_SERIES), need(Permission.OWN_BILLS)
MOST = 1 << 40
Slot = Annotated[int, Query(ge=0, le=MOST, examples=[1711200])]


def _answer(content: object) -> Response:
    return Response(msgspec.msgpack.encode(content), media_type=MEDIA)


def _home(viewer: Viewer, permission: Permission) -> int:
    require(viewer, permission)
    if viewer.home is None:
        raise ForbiddenError("this is for households", where=f"role {viewer.role.value}")
    return viewer.home


@router.get("/sealed", response_class=Response, openapi_extra=_SERIES, responses={200: _BODY})
def sealed(
    kit: Kit,
    viewer: Asker,
    pid: Annotated[str, Query(pattern=IDS)],
    register: Annotated[int, Query(ge=0, le=1)],
    first: Slot,
    end: Slot,
) -> Response:
    """`SealedSeries` of one of the home's own meters."""
    home = _home(viewer, Permission.OWN_SERIES)
    series = kit.own.sealed(home, int(pid), register, kit.own.window(first, end))
    return Response(series.body(), media_type=MEDIA)


@router.get("/bills", response_class=Response, openapi_extra=_BILLS, responses={200: _BODY})
def bills(kit: Kit, viewer: Asker) -> Response:
    """The home's bills, encoded, newest period last."""
    return _answer(kit.own.bills(_home(viewer, Permission.OWN_BILLS)))


@router.get("/book", response_class=Response, openapi_extra=_BILLS, responses={200: _BODY})
def book(kit: Kit, viewer: Asker, first: Slot) -> Response:
    """The registered book of the home's leaf for the period that starts at slot `first`."""
    return _answer(kit.own.book(_home(viewer, Permission.OWN_BILLS), first))


@router.get("/prices", response_class=Response, openapi_extra=_BILLS, responses={200: _BODY})
def prices(
    kit: Kit, viewer: Asker, feed: Annotated[str, Query(min_length=1, max_length=64)], first: Slot, end: Slot
) -> Response:
    """Published prices of a feed, as signed."""
    _home(viewer, Permission.OWN_BILLS)
    return _answer(kit.own.prices(feed, kit.own.window(first, end)))


@router.get("/closes", response_class=Response, openapi_extra=_SERIES, responses={200: _BODY})
def closes(kit: Kit, viewer: Asker, first: Slot, end: Slot) -> Response:
    """The closes of the home's leaf, as signed: what was counted."""
    return _answer(kit.own.closes(_home(viewer, Permission.OWN_SERIES), kit.own.window(first, end)))


@router.get("/records", response_class=Response, openapi_extra=_SERIES, responses={200: _BODY})
def records(kit: Kit, viewer: Asker, first: Slot, end: Slot) -> Response:
    """The day records of the home's meters."""
    return _answer(kit.own.records(_home(viewer, Permission.OWN_SERIES), kit.own.window(first, end)))


@router.get("/invoice", response_class=Response, openapi_extra=_BILLS, responses={200: _BODY})
def invoice(kit: Kit, viewer: Asker, first: Slot) -> Response:
    """An `InvoiceHead`: what the home prints around its own bill of the period that starts at slot `first`."""
    return Response(bills_desk.invoice_head(kit, viewer, first).body(), media_type=MEDIA)


@router.get("/vouching", response_class=Response, openapi_extra=_BILLS, responses={200: _BODY})
def vouching(kit: Kit, viewer: Asker, first: Slot, end: Slot) -> Response:
    """What vouches for the keys of the home's meters in a period: a `Vouching`."""
    return Response(
        kit.own.vouching(_home(viewer, Permission.OWN_BILLS), kit.own.window(first, end)).body(), media_type=MEDIA
    )


@router.post("/recovery", response_class=Response, responses={200: _BODY})
async def recovery(request: Request, kit: Kit) -> Response:
    """Take a household's new key over: a msgpack [home, list of encoded `Signed[Takeover]`] of two keyholders.

    Nobody has to be signed in: the keyholders' signatures decide. The home's sessions end.
    """
    try:
        home, proof = msgspec.msgpack.decode(await request.body(), type=tuple[int, list[bytes]])
    except msgspec.MsgspecError as error:
        raise InputError("not a proof of a recovery", where="body", fix="send msgpack") from error
    await run_in_threadpool(_recover, kit, home, proof)
    return _answer(True)


def _recover(kit: Kit, home: int, proof: list[bytes]) -> None:
    with kit.changing():
        kit.own.recover(home, proof)
    kit.accounts.sign_out_home(home)
    kit.forget_comparisons(home)


@router.get("/published", response_class=Response, openapi_extra=_BILLS, responses={200: _BODY})
def published(kit: Kit, viewer: Asker) -> Response:
    """What published statistics the home's monthly figure entered: a `Signed[OwnParts]`."""
    return _answer(kit.publishing.own(_home(viewer, Permission.OWN_BILLS)))


@router.get("/insight", response_class=Response, openapi_extra=_BILLS, responses={200: _BODY})
def insight(
    kit: Kit,
    viewer: Asker,
    month: Annotated[str, Query(pattern=r"^([0-9]{4}-[0-9]{2})?$")] = "",
    group: Annotated[str, Query(pattern=r"^[a-z0-9-]{1,60}$")] = "all",
) -> Response:
    """What the home is compared with: [`Signed[CommunityFigures]`, groups it is in, months].

    The group ``peers`` stands for the smallest that the home is in.
    """
    return _answer(insight_desk.for_home(kit, viewer, month, group))


@router.get("/signals", response_class=Response, openapi_extra=_SERIES, responses={200: _BODY})
def signals(kit: Kit, viewer: Asker) -> Response:
    """What the devices of the home's group are asked for, now and ahead: a `Signed[OwnSignals]`."""
    _home(viewer, Permission.OWN_SERIES)
    return _answer(grid_desk.own_signals(kit, viewer))


@router.get("/events", response_class=Response, openapi_extra=_SERIES, responses={200: _BODY})
def events(kit: Kit, viewer: Asker) -> Response:
    """What the home is told of demand response: a `Signed[OwnEvents]`."""
    return _answer(kit.platform.parts.identity.sign(response_desk.own(kit, viewer)))


@router.post("/enrolment", response_class=Response, openapi_extra=_SERIES, responses={200: _BODY})
async def enrolment(request: Request, kit: Kit, viewer: Asker) -> Response:
    """Join, change or leave a program: a msgpack `Signed[ProgramEnrolment]`."""
    _home(viewer, Permission.OWN_SERIES)
    await run_in_threadpool(response_desk.enrol, kit, viewer, await _signed(request))
    return _answer(True)


@router.post("/choice", response_class=Response, openapi_extra=_SERIES, responses={200: _BODY})
async def choice(request: Request, kit: Kit, viewer: Asker) -> Response:
    """Take part in an event, or not: a msgpack `Signed[EventChoice]`."""
    _home(viewer, Permission.OWN_SERIES)
    await run_in_threadpool(response_desk.choose, kit, viewer, await _signed(request))
    return _answer(True)


async def _signed(request: Request) -> Signed:
    try:
        return msgspec.msgpack.decode(await request.body(), type=Signed)
    except msgspec.MsgspecError as error:
        raise InputError("not a signed message", where="body", fix="send msgpack") from error


@router.post("/erase", response_class=Response, openapi_extra=_SERIES, responses={200: _BODY})
async def erase(request: Request, kit: Kit, viewer: Asker) -> Response:
    """Drop the home's meters at once: a msgpack `Signed[Erase]` of its household, which has its keys erased next."""
    home = _home(viewer, Permission.OWN_SERIES)
    try:
        signed = msgspec.msgpack.decode(await request.body(), type=Signed)
    except msgspec.MsgspecError as error:
        raise InputError("not a signed message", where="body", fix="send msgpack") from error
    await run_in_threadpool(_erase, kit, home, signed)
    return _answer(True)


def _erase(kit: Kit, home: int, signed: Signed) -> None:
    with kit.changing():
        kit.own.erase(home, signed)
    kit.forget_comparisons(home)


@router.get("/claims", response_class=Response, openapi_extra=_BILLS, responses={200: _BODY})
def claims(kit: Kit, viewer: Asker) -> Response:
    """What the home's bills owe it and it may claim on the chain: an `OwnClaims`."""
    return Response(kit.own.claims(_home(viewer, Permission.OWN_BILLS)).body(), media_type=MEDIA)


@router.post("/claims/account", response_class=Response, openapi_extra=_BILLS, responses={200: _BODY})
async def claim_account(request: Request, kit: Kit, viewer: Asker) -> Response:
    """Name the address that the home's credits go to from now on: a msgpack `Signed[ClaimAccount]`."""
    home = _home(viewer, Permission.OWN_BILLS)
    try:
        signed = msgspec.msgpack.decode(await request.body(), type=Signed)
    except msgspec.MsgspecError as error:
        raise InputError("not a signed message", where="body", fix="send msgpack") from error
    await run_in_threadpool(kit.own.name_account, home, signed)
    return _answer(True)


@router.post("/proofs", response_class=Response, openapi_extra=_BILLS, responses={200: _BODY})
async def proofs(request: Request, kit: Kit, viewer: Asker) -> Response:
    """Release the scalars of one bill: a msgpack `Signed[BillScalars]`."""
    _home(viewer, Permission.OWN_BILLS)
    try:
        signed = msgspec.msgpack.decode(await request.body(), type=Signed)
    except msgspec.MsgspecError as error:
        raise InputError("not a signed message", where="body", fix="send msgpack") from error
    await run_in_threadpool(bills_desk.release, kit, viewer, signed)
    return _answer(True)
