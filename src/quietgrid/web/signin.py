"""Signing in: a one-time link, or name and password. Signing out, here or everywhere."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from quietgrid.accounts import Viewer
from quietgrid.api.auth import SESSION, drop_cookie, set_cookie
from quietgrid.errors import QuietgridError, SignInError, TooManyError
from quietgrid.web.kit import VISITOR, Look, Looking, Sent, go, local_path

router = APIRouter(include_in_schema=False)
HINT = "There are no default passwords. The first start printed one sign-in link per person in the terminal."


@router.get("/signin")
def form(look: Looking, next: Annotated[str, Query(max_length=300)] = "/") -> Response:
    """The form."""
    if look.session is not None:
        return go(local_path(next), look)
    return _form(look, "", "", local_path(next))


@router.post("/signin")
def by_password(sent: Sent) -> Response:
    """Check name and password."""
    look, name = sent.look, sent.fields.get("name", "")
    following = local_path(sent.fields.get("next", "/"))
    try:
        signed = look.services.accounts.sign_in_by_password(name, sent.fields.get("password", ""), _address(look))
    except (SignInError, TooManyError) as error:
        page = _form(look, name[:80], _said(error), following)
        page.status_code = error.http_status
        return page
    return _welcome(look, signed, following)


@router.get("/signin/{token}")
def by_link(look: Looking, token: str) -> Response:
    """Use a one-time link. Whoever is signed in already just goes on (a browser may fetch an address twice)."""
    try:
        signed = look.services.accounts.sign_in_by_link(token, _address(look))
    except (SignInError, TooManyError) as error:
        if look.session is not None:
            return go("/", look)
        page = _form(
            look, "", f"{error.what[:1].upper()}{error.what[1:]}. {error.fix[:1].upper()}{error.fix[1:]}.", "/"
        )
        page.status_code = error.http_status
        return page
    return _welcome(look, signed, "/")


@router.post("/signout")
def out(sent: Sent) -> Response:
    """End this session, or (``everywhere``) all of one's own."""
    look = sent.look
    if look.session is not None:
        if sent.fields.get("everywhere"):
            look.services.accounts.sign_out_everywhere(look.viewer.account)
        look.services.accounts.sign_out(look.session.token)
    response = go("/signin")
    drop_cookie(response, look.services, SESSION)
    return response


def _said(error: QuietgridError) -> str:
    return ". ".join(text[:1].upper() + text[1:] for text in (error.what, error.fix) if text) + "."


def _form(look: Look, name: str, error: str, following: str) -> Response:
    context: dict[str, object] = {
        "form": {"name": name, "error": error, "next": following, "code": False},
        "hint": HINT,
    }
    return look.page("signin.html", context)


def _welcome(look: Look, signed: tuple[str, Viewer], following: str) -> Response:
    token, _ = signed
    response = go(following)
    set_cookie(response, look.services, SESSION, token, look.services.accounts.session_seconds)
    drop_cookie(response, look.services, VISITOR)
    return response


def _address(look: Look) -> str:
    return look.request.client.host if look.request.client else "unknown"
