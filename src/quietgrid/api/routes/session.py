"""Signing in and out for programs; people do it on the pages."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from quietgrid.accounts import ALLOWED, csrf_token
from quietgrid.api import shapes
from quietgrid.api.auth import SESSION, Asker, Kit, drop_cookie, session_of, set_cookie
from quietgrid.errors import SignInError

router = APIRouter(prefix="/session", tags=["session"])


@router.post("", response_model=shapes.Me, status_code=201)
def sign_in(request: Request, response: Response, kit: Kit, wanted: shapes.SignInRequest) -> shapes.Me:
    """Sign in by name and password. There are no default passwords; the first start printed sign-in links."""
    address = request.client.host if request.client else "unknown"
    token, viewer = kit.accounts.sign_in_by_password(wanted.name, wanted.password, address)
    set_cookie(response, kit, SESSION, token, kit.accounts.session_seconds)
    return _me(viewer, token)


@router.get("", response_model=shapes.Me)
def me(request: Request, kit: Kit, viewer: Asker) -> shapes.Me:
    """Who is signed in, what they may do, and the CSRF token of the session (empty for signed requests)."""
    session = session_of(request)
    return _me(viewer, session.token if session else "")


@router.delete("", status_code=204)
def sign_out(request: Request, kit: Kit, viewer: Asker) -> Response:
    """Sign out."""
    session = _live(request)
    kit.accounts.sign_out(session)
    response = Response(status_code=204)
    drop_cookie(response, kit, SESSION)
    return response


@router.delete("/all", status_code=204)
def sign_out_everywhere(request: Request, kit: Kit, viewer: Asker) -> Response:
    """Sign out everywhere: every session and unused sign-in link of this account ends."""
    _live(request)
    kit.accounts.sign_out_everywhere(viewer.account)
    response = Response(status_code=204)
    drop_cookie(response, kit, SESSION)
    return response


@router.put("/password", status_code=204)
def password(request: Request, kit: Kit, viewer: Asker, wanted: shapes.PasswordRequest) -> Response:
    """Set or change one's own password; all sessions end but the new one that this answer sets."""
    _live(request)
    token, _ = kit.accounts.set_password(viewer, wanted.password, wanted.current)
    response = Response(status_code=204)
    set_cookie(response, kit, SESSION, token, kit.accounts.session_seconds)
    return response


def _live(request: Request) -> str:
    session = session_of(request)
    if session is None:
        raise SignInError("there is no session to end", where="session", fix="signed requests have none")
    return session.token


def _me(viewer: Asker, token: str) -> shapes.Me:
    home = None if viewer.home is None else str(viewer.home)
    return shapes.Me(
        name=viewer.name or viewer.account, role=viewer.role.value, home=home,
        csrf=csrf_token(token) if token else "", may=sorted(p.value for p in ALLOWED[viewer.role]),
    )  # fmt: skip
