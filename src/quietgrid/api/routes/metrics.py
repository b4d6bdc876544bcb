"""`GET /metrics`, for Prometheus: from this machine without signing in, else with a session or an API key.

An API key is a bearer token with the scope ``metrics``. "From this machine" is a direct connection from loopback to a
platform that is on loopback itself: behind a proxy everybody seems to come from there, so it takes a session or a key.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quietgrid.accounts import Permission, Role, Viewer, token_hash, well_formed
from quietgrid.accounts import viewer_of as viewer_of_account
from quietgrid.api.auth import Kit, services_of, viewer_of
from quietgrid.api.metrics import MEDIA, metrics
from quietgrid.api.routes.meters import need
from quietgrid.api.settings import LOOPBACK
from quietgrid.errors import ForbiddenError, NotFoundError, SignInError

router = APIRouter(tags=["status"])
SCOPE = "metrics"
BEARER = "bearer "
NEAR = frozenset({"127.0.0.1", "::1"})
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


async def scraper_of(request: Request) -> Viewer:
    """Who scrapes.

    Raises:
        SignInError: nobody we know, and not from this machine. ForbiddenError: a key for something else.
    """
    header = request.headers.get("authorization", "")
    if header[: len(BEARER)].lower() == BEARER:
        return await run_in_threadpool(_by_key, request, header[len(BEARER) :].strip())
    here = services_of(request).settings.host in LOOPBACK
    direct = not any(name in request.headers for name in FORWARDED)
    if here and direct and request.client is not None and request.client.host in NEAR:
        return Viewer("this machine", Role.AUDITOR)
    return await viewer_of(request)


def _by_key(request: Request, token: str) -> Viewer:
    if not well_formed(token):
        raise SignInError("this key is not known", where="Authorization", fix="use a key with the scope metrics")
    try:
        with services_of(request).store.read() as tx:
            account, scopes = tx.people.api_key(token_hash(token))
    except NotFoundError as error:
        raise SignInError("this key is not known", where="Authorization", fix="make a new one") from error
    if account.disabled:
        raise SignInError("this account is locked", where="Authorization", fix="ask the operator")
    if SCOPE not in scopes:
        raise ForbiddenError("this key is for something else", where="scope", fix="make one with the scope metrics")
    return viewer_of_account(account)


@router.get(
    "/metrics",
    openapi_extra=need(Permission.GRID),
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def scrape(kit: Kit, viewer: Annotated[Viewer, Depends(scraper_of)]) -> Response:
    """Counters and gauges in Prometheus' text form; none is about a home."""
    return Response(metrics(kit, viewer), media_type=MEDIA)
