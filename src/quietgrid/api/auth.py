"""Who is asking: a session cookie, or a household's or the auditor's signed request.

Everything that changes something by cookie needs the session's CSRF token, in the header ``X-CSRF-Token`` or the form
field ``csrf``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quietgrid.accounts import Role, Viewer, check_csrf, well_formed
from quietgrid.api.guard import SAFE
from quietgrid.api.services import Services
from quietgrid.errors import NotFoundError, SignInError, VerificationError
from quietgrid.wire.request_auth import AUDITOR, SCHEME, verify_authorization

SESSION = "session"


@dataclass(frozen=True, slots=True)
class Session:
    """A live session: its token (from the cookie) and whose it is."""

    token: str
    viewer: Viewer


def services_of(request: Request) -> Services:
    """The server's services."""
    services: Services = request.app.state.services
    return services


def session_of(request: Request) -> Session | None:
    """The live session of a request's cookie, if there is one."""
    services = services_of(request)
    token = request.cookies.get(services.settings.cookie(SESSION), "")
    if not well_formed(token):
        return None
    try:
        return Session(token, services.accounts.viewer(token))
    except SignInError:
        return None


async def viewer_of(request: Request) -> Viewer:
    """Who is asking.

    Raises:
        SignInError: nobody that we know. ForbiddenError: a change without the session's CSRF token.
    """
    header = request.headers.get("authorization", "")
    if header.startswith(SCHEME):
        body = await request.body()
        return await run_in_threadpool(_signed, request, header, body)
    session = await run_in_threadpool(session_of, request)
    if session is None:
        raise SignInError("nobody is signed in", where=request.url.path, fix="use your sign-in link")
    if request.method not in SAFE:
        check_csrf(session.token, request.headers.get("x-csrf-token", ""))
    return session.viewer


def _signed(request: Request, header: str, body: bytes) -> Viewer:
    services = services_of(request)
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope.get("query_string", b"")
    target = (raw + b"?" + query if query else raw).decode("latin-1")
    try:
        with services.signing:
            message = verify_authorization(
                header, (request.method, target, body), services.signing_key, time.time(), services.nonces
            )
        if message.community != services.card.community:
            raise VerificationError("a request to another community", where="Authorization", fix="ask your own")
    except (VerificationError, NotFoundError) as error:
        raise SignInError(error.what, where="Authorization", fix=error.fix) from error
    if message.home == AUDITOR:
        return Viewer("auditor", Role.AUDITOR)
    return Viewer(f"home {message.home}", Role.HOUSEHOLD, message.home)


def set_cookie(response: Response, services: Services, name: str, value: str, seconds: int) -> None:
    """A cookie that scripts cannot read and other sites' requests do not carry."""
    response.set_cookie(
        services.settings.cookie(name), value, max_age=seconds, path="/", secure=services.settings.secure,
        httponly=True, samesite="lax",
    )  # fmt: skip


def drop_cookie(response: Response, services: Services, name: str) -> None:
    """Have the browser forget a cookie."""
    response.delete_cookie(
        services.settings.cookie(name), path="/", secure=services.settings.secure, httponly=True, samesite="lax"
    )


Asker = Annotated[Viewer, Depends(viewer_of)]
Kit = Annotated[Services, Depends(services_of)]
