"""Storage planned under encryption: the stations' way in, and the sums.

Stations do not sign in: what they send is signed with the key they enrolled with, or MACed (frames). What comes back is
encrypted under a key that only the station has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
import numpy as np
from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quietgrid.accounts import Permission
from quietgrid.api import shapes_storage as shapes
from quietgrid.api.auth import Asker, Kit
from quietgrid.api.desk import storage as desk
from quietgrid.api.problems import Problem
from quietgrid.api.routes.meters import need
from quietgrid.api.routes.readings import MSGPACK, OCTETS, PACKED, Octets, Packed, sends
from quietgrid.api.services import Services
from quietgrid.api.times import iso_at
from quietgrid.errors import InputError, NotFoundError
from quietgrid.runtime.storing import StoredDay, Storing, peaks

router = APIRouter(prefix="/storage", tags=["storage"])
_TAKEN: dict[int | str, dict[str, object]] = {200: PACKED, 415: {"model": Problem}}


@router.get("", response_model=shapes.Storage, openapi_extra=need(Permission.GRID))
def storage(kit: Kit, viewer: Asker, days: Annotated[int, Query(ge=1, le=desk.MOST_DAYS)] = 7) -> shapes.Storage:
    """Sums of at least 15 stations before and behind their storages, and how they were planned."""
    found, known = desk.view(kit, viewer, days), desk.algorithms(kit, viewer)
    if found is None:
        return shapes.Storage(
            running=False, engine=False, stations=0, floor=kit.rules.k, waiting=0, note="no station takes part here",
            algorithms=known, days=[],
        )  # fmt: skip
    return shapes.Storage(
        running=True, engine=found.built, stations=found.stations, floor=found.floor, waiting=found.waiting,
        note=found.phase, algorithms=known, days=[_day(one) for one in found.days],
    )  # fmt: skip


@router.post(
    "/keys", response_class=Response, responses=_TAKEN,
    openapi_extra=sends(MSGPACK, "msgpack `Signed[StationKey]`: a server key of 30 MB, with which nobody can read."),
)  # fmt: skip
async def key(kit: Kit, body: Packed) -> Response:
    """Take a station's server key; its id. It replaces the station's former one."""
    return await _packed(_storing(kit).take_key, body)


@router.post(
    "/keys/gone", response_class=Response, responses=_TAKEN, openapi_extra=sends(MSGPACK, "`Signed[StationKeyGone]`.")
)
async def key_gone(kit: Kit, body: Packed) -> Response:
    """Delete a station's server key."""
    await run_in_threadpool(_storing(kit).drop_key, body)
    return Response(msgspec.msgpack.encode(True), media_type=MSGPACK)


@router.post(
    "/plans", response_class=Response, responses=_TAKEN,
    openapi_extra=sends(MSGPACK, "`Signed[PlanQuestion]`: public terms and encrypted load and level."),
)  # fmt: skip
async def ask(kit: Kit, body: Packed) -> Response:
    """Take a question once and queue its computation; the answer is msgpack `PlanState`."""
    return await _packed(_storing(kit).ask, body)


@router.get("/plans/{plan}", response_class=Response, responses={200: PACKED})
def plan(kit: Kit, plan: Annotated[str, Path(pattern="^[0-9a-f]{64}$")]) -> Response:
    """How far a question is, and the encrypted plan once it is there. Its id is known to who asked."""
    return Response(msgspec.msgpack.encode(_storing(kit).state(plan)), media_type=MSGPACK)


@router.post(
    "/readings", response_class=Response, responses=_TAKEN,
    openapi_extra=sends(OCTETS, "Sealed frames of stations' meters, one after the other."),
)  # fmt: skip
async def readings(kit: Kit, body: Octets) -> Response:
    """Take sealed frames; acknowledged after commit."""
    accepted = await run_in_threadpool(_storing(kit).accept, body)
    packed = {
        "status": accepted.status.tobytes(), "reasons": accepted.reasons, "receipt": accepted.receipt,
        "order": accepted.order.tolist(),
    }  # fmt: skip
    return Response(msgspec.msgpack.encode(packed), media_type=MSGPACK)


@router.post(
    "/standing", response_class=Response, responses=_TAKEN,
    openapi_extra=sends(MSGPACK, "msgpack [nonce of 16 bytes, pids]."),
)  # fmt: skip
async def standing(kit: Kit, body: Packed) -> Response:
    """The concentrator's signed word on how far it has each meter's frames."""
    try:
        nonce, pids = msgspec.msgpack.decode(body, type=tuple[bytes, list[int]])
        asked = np.array(pids, np.uint64)
    except (msgspec.MsgspecError, OverflowError) as error:
        raise InputError("not a nonce and meter ids", where="body", fix="send msgpack [nonce, pids]") from error
    if len(nonce) != 16:
        raise InputError("a nonce has 16 bytes", where="body", fix="send a fresh random one")
    signed = await run_in_threadpool(_storing(kit).standing, nonce, asked)
    return Response(msgspec.msgpack.encode(signed), media_type=MSGPACK)


async def _packed(work: Callable[[bytes], object], body: bytes) -> Response:
    found = await run_in_threadpool(work, body)
    return Response(msgspec.msgpack.encode(found), media_type=MSGPACK)


def _storing(kit: Services) -> Storing:
    if kit.storing is None:
        raise NotFoundError("no station takes part here", where="storage", fix="see `Encrypted storage` in the docs")
    return kit.storing


def _day(day: StoredDay) -> shapes.StorageDay:
    plans, before, behind = day.plans, day.before, day.behind
    sums, least = [], 0
    if before is not None and behind is not None:
        step = before.window.resolution
        for t in range(len(before.window)):
            values = [int(one.energy_wh[t]) if one.answered[t] else None for one in (before, behind)]
            sums.append(
                shapes.StorageSum(
                    start=iso_at((before.window.first + t) * step), before_wh=values[0], behind_wh=values[1]
                )
            )
        counted = [int(one.homes[one.answered].min()) for one in (before, behind) if one.answered.any()]
        least = min(counted, default=0)
    high = peaks(day)
    return shapes.StorageDay(
        start=iso_at(plans.day), algorithm=plans.schedule, asked=plans.asked, planned=plans.done, failed=plans.failed,
        cpu_s=plans.cpu_ms / 1_000, ciphertext_bytes=plans.question_bytes + plans.answer_bytes, stations=least,
        peak_before_w=high[0] if high else None, peak_behind_w=high[1] if high else None, sums=sums,
    )  # fmt: skip
