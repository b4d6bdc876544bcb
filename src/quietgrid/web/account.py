"""One's own account: setting and changing the password. There is none until its owner sets one."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from quietgrid.accounts import ROLE_NAMES
from quietgrid.accounts.passwords import MAX_LENGTH, MIN_LENGTH
from quietgrid.api.auth import SESSION, set_cookie
from quietgrid.errors import InputError, QuietgridError, SignInError, TooManyError
from quietgrid.web.kit import Look, Looking, Sent, go

router = APIRouter(include_in_schema=False)


@router.get("/account")
def account(look: Looking, done: str = "") -> Response:
    """Who one is here, and the form."""
    return _page(look, "", done == "yes")


@router.post("/account")
def change(sent: Sent) -> Response:
    """Set or change the password; every other session ends."""
    look, fields = sent.look, sent.fields
    try:
        if fields.get("password", "") != fields.get("again", ""):
            raise InputError("the two new passwords are not the same", where="password", fix="type it twice")
        token, _ = look.services.accounts.set_password(
            look.viewer, fields.get("password", ""), fields.get("current", "")
        )
    except (SignInError, InputError, TooManyError) as error:
        if look.session is None:
            raise
        page = _page(look, _said(error), False)
        page.status_code = error.http_status if error.http_status != 401 else 403
        return page
    response = go("/account?done=yes")
    set_cookie(response, look.services, SESSION, token, look.services.accounts.session_seconds)
    return response


def _said(error: QuietgridError) -> str:
    what = "the current password is wrong" if isinstance(error, SignInError) else error.what
    return ". ".join(text[:1].upper() + text[1:] for text in (what, error.fix) if text) + "."


def _page(look: Look, error: str, done: bool) -> Response:
    viewer = look.viewer
    context: dict[str, object] = {
        "account": {
            "name": viewer.name, "role_name": ROLE_NAMES[viewer.role],
            "has_password": look.services.accounts.has_password(viewer), "least": MIN_LENGTH, "most": MAX_LENGTH,
        },
        "error": error, "done": done,
    }  # fmt: skip
    return look.page("account.html", context)
