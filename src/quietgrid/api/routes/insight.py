"""Comparison: published figures for everybody, and encrypted questions that only the asking home can read.

A household asks with signed requests. The server key is one body of 30 MB; no other route takes so much from a home.
"""

from __future__ import annotations

import threading
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterator
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from quietgrid.accounts import Permission
from quietgrid.api import shapes_insight as shapes
from quietgrid.api.auth import Asker, Kit
from quietgrid.api.desk import insight as desk
from quietgrid.api.guard import SERVER_KEY_LIMIT
from quietgrid.api.routes.meters import need
from quietgrid.api.times import iso, iso_at
from quietgrid.crypto.public.fhe import FORMAT
from quietgrid.errors import InputError, UnavailableError
from quietgrid.model.insight import ALL, PeerGroup
from quietgrid.runtime.insight_jobs import part_bytes
from quietgrid.store.insight import KeyRow, RequestRow
from quietgrid.wire.insight import CommunityFigures

router = APIRouter(prefix="/insight", tags=["comparison"])
OWN = need(Permission.OWN_INSIGHT)
Month = Annotated[str, Query(pattern=r"^([0-9]{4}-[0-9]{2})?$", examples=["2026-03"])]
Group = Annotated[str, Query(pattern=r"^[a-z0-9-]{1,60}$", examples=["all"])]
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", examples=["9f2b9f2b9f2b9f2b9f2b9f2b9f2b9f2b"])]
KEYS_AT_ONCE, QUESTION_BYTES = 2, 2_048
_room = threading.BoundedSemaphore(KEYS_AT_ONCE)


def one_of_few() -> Iterator[None]:
    """Room for one key in memory, asked for before its body is read.

    Raises:
        UnavailableError: as many are being sent as fit.
    """
    if not _room.acquire(blocking=False):
        raise UnavailableError("other keys are being sent just now", where="server key", fix="try again in a minute")
    try:
        yield
    finally:
        _room.release()


@router.get("/community", response_model=shapes.CommunityComparison, openapi_extra=need(Permission.PUBLISHED))
def community(kit: Kit, viewer: Asker, month: Month = "", group: Group = ALL) -> shapes.CommunityComparison:
    """What homes are compared with: averages, spread, the mean day. The newest month unless told."""
    said, figures, digest = desk.community(kit, viewer, month, group)
    window, spread = said.window, said.spread
    return shapes.CommunityComparison(
        month=said.month, months=desk.months(kit, viewer), start=iso(window.first, window.resolution),
        end=iso(window.end, window.resolution), figures=digest, group=_peers(said.group),
        groups=[_peers(one) for one in said.groups],
        spread=shapes.SpreadOfHomes(
            thresholds_wh=list(spread.thresholds_wh), percents=list(spread.percents), month=spread.month,
            epsilon=spread.epsilon_milli / 1000, margin_homes=spread.margin_homes,
        ),
        profile_wh=list(said.profile_wh), profile_homes=said.profile_homes, usual_permille=figures.usual,
        degree_days=list(said.degree_days), advice=[rule.id for rule in figures.advice],
    )  # fmt: skip


@router.post("/community", response_model=shapes.ComparisonSteps, openapi_extra=need(Permission.PUBLISH))
def publish(kit: Kit, viewer: Asker, wanted: shapes.ComparisonWanted) -> shapes.ComparisonSteps:
    """Publish what a comparison of a billed month needs and is not out yet, within the homes' privacy budgets."""
    steps = [
        shapes.ComparisonStep(
            statistic=one.statistic.value, epsilon=one.epsilon_milli / 1000, refused=one.refused
        )
        for one in desk.publish(kit, viewer, wanted.month)
    ]  # fmt: skip
    return shapes.ComparisonSteps(steps=steps)


@router.get("", response_model=shapes.InsightStatus, openapi_extra=OWN)
def status(kit: Kit, viewer: Asker) -> shapes.InsightStatus:
    """Whether this platform computes on encrypted numbers, your key, how many questions wait, what is taken."""
    found, kept, waiting, limits = desk.engine(kit, viewer)
    return shapes.InsightStatus(
        engine=shapes.InsightEngine(built=found.built, fix=found.fix), key=None if kept is None else _key(kept),
        waiting=waiting,
        limits=shapes.InsightLimits(
            key_bytes=SERVER_KEY_LIMIT, question_bytes=QUESTION_BYTES, waiting=limits.waiting, seconds=limits.seconds,
            kept=limits.kept, kept_days=limits.kept_days,
        ),
    )  # fmt: skip


_KEY = {"requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}}


@router.post("/keys", response_model=shapes.InsightKey, status_code=201, openapi_extra={**OWN, **_KEY})
async def put_key(
    request: Request, kit: Kit, _room: Annotated[None, Depends(one_of_few)], viewer: Asker
) -> shapes.InsightKey:
    """Send your server key, in place of the former one: with it the platform can compute, and not read."""
    return _key(await run_in_threadpool(desk.put_key, kit, viewer, await request.body()))


@router.get("/keys", response_model=shapes.InsightKey, openapi_extra=OWN)
def key(kit: Kit, viewer: Asker) -> shapes.InsightKey:
    """Your server key, without the key itself."""
    return _key(desk.key(kit, viewer))


@router.delete("/keys", status_code=204, response_class=Response, openapi_extra=OWN)
def forget(kit: Kit, viewer: Asker) -> Response:
    """Erase your server key, questions and answers."""
    desk.forget(kit, viewer)
    return Response(status_code=204)


@router.post("/requests", response_model=shapes.InsightTaken, status_code=202, openapi_extra=OWN)
def ask(kit: Kit, viewer: Asker, asked: shapes.InsightQuestion) -> shapes.InsightTaken:
    """Ask where your home stands, with encrypted features; fetch the encrypted answer by its id."""
    sealed = _bytes(asked.month), _bytes(asked.profile), _bytes(asked.features)
    row = desk.ask(kit, viewer, asked.figures, sealed)
    _, state, place, _ = desk.request(kit, viewer, row.id)
    return shapes.InsightTaken(id=row.id, state=state, place=place)


@router.get("/requests", response_model=shapes.InsightRequests, openapi_extra=OWN)
def requests(kit: Kit, viewer: Asker) -> shapes.InsightRequests:
    """Your questions, newest first, without the ciphertexts."""
    return shapes.InsightRequests(requests=[_request(*one, whole=False) for one in desk.requests(kit, viewer)])


@router.get("/requests/{id}", response_model=shapes.InsightRequest, openapi_extra=OWN)
def request_(kit: Kit, viewer: Asker, id: Id) -> shapes.InsightRequest:
    """A question of yours: what the platform saw of it, and the encrypted answer once it is there."""
    return _request(*desk.request(kit, viewer, id), whole=True)


@router.delete("/requests/{id}", status_code=204, response_class=Response, openapi_extra=OWN)
def drop(kit: Kit, viewer: Asker, id: Id) -> Response:
    """Erase a question and its answer."""
    desk.drop(kit, viewer, id)
    return Response(status_code=204)


def _peers(one: PeerGroup) -> shapes.Peers:
    return shapes.Peers(
        name=one.name, words=one.words, homes=one.homes, average_wh=one.average_wh, margin_wh=one.margin_wh,
        epsilon=one.epsilon_milli / 1000,
    )  # fmt: skip


def _key(row: KeyRow) -> shapes.InsightKey:
    return shapes.InsightKey(
        key_id=row.key_id, bytes=row.size, sha256=row.sha256.hex(), format=FORMAT, uploaded=iso_at(row.at)
    )


def _request(
    row: RequestRow, state: str, place: int, figures: CommunityFigures, *, whole: bool
) -> shapes.InsightRequest:
    seen = [shapes.SeenPart(part=name, **_shown(content, whole).model_dump()) for name, content in part_bytes(row)]
    failed = shapes.InsightProblem(title="No answer", detail=row.why, fix="ask again") if row.why else None
    return shapes.InsightRequest(
        id=row.id, state=state, place=place, asked=iso_at(row.asked_at),
        done="" if row.done_at is None else iso_at(row.done_at), figures=row.figures.hex(), month=figures.month,
        group=figures.group, seen=seen, answer=_shown(row.answer, whole) if row.answer else None,
        seconds=row.cpu_ms / 1000, problem=failed,
    )  # fmt: skip


def _shown(content: bytes, whole: bool) -> shapes.SeenBytes:
    text = b64encode(content).decode() if whole else ""
    return shapes.SeenBytes(bytes=len(content), sha256=sha256(content).hexdigest(), content=text)


def _bytes(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (NotBase64, ValueError) as error:
        raise InputError("not base64", where="question", fix="encode the ciphertext as base64") from error
