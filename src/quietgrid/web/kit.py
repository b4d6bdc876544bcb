"""What every page needs: who is looking, the tokens of its forms, the frame around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from quietgrid.accounts import Role, Viewer, check_csrf, csrf_token, new_token, well_formed
from quietgrid.api.auth import Session, services_of, session_of, set_cookie
from quietgrid.api.problems import Problem
from quietgrid.api.services import Services
from quietgrid.api.settings import PAPER_BYTES
from quietgrid.errors import InputError, QuietgridError, SignInError
from quietgrid.web.environment import render, security_headers

VISITOR = "visitor"
VISITOR_S = 24 * 3600
LIVE_S = 5
FIELDS, FIELD_BYTES = 20, 4096


@dataclass(frozen=True)
class Look:
    """One request for a page: the services, who looks (None: nobody is signed in), the token its forms are bound to."""

    request: Request
    services: Services
    session: Session | None
    token: str

    @property
    def viewer(self) -> Viewer:
        """Who looks.

        Raises:
            SignInError: nobody is signed in.
        """
        if self.session is None:
            raise SignInError("nobody is signed in", where=self.request.url.path, fix="use your sign-in link")
        return self.session.viewer

    @property
    def csrf(self) -> str:
        """The token of this page's forms."""
        return csrf_token(self.token)

    @property
    def partial(self) -> bool:
        """Whether a part of a page is asked for (htmx)."""
        return self.request.headers.get("hx-request") == "true"

    def base(self, active: str = "", live: str = "") -> dict[str, object]:
        """The context of `base.html`."""
        settings, card = self.services.settings, self.services.card
        viewer = None
        if self.session is not None:
            who = self.session.viewer
            role = "visitor" if who.role is Role.HOUSEHOLD else who.role.value
            viewer = {"name": who.name or who.account, "role": role}
        return {
            "lang": "en", "demo": settings.demo, "csrf": self.csrf, "viewer": viewer, "active": active, "live": live,
            "live_every": LIVE_S, "community": {"name": card.name, "tz": card.tz, "currency": card.currency},
            "platform_url": settings.public_url, "household_url": settings.household_url,
        }  # fmt: skip

    def page(self, template: str, context: dict[str, object], *, active: str = "", live: str = "") -> Response:
        """A whole page."""
        return self.dress(HTMLResponse(render(template, self.base(active, live) | context)))

    def part(self, template: str, context: dict[str, object]) -> Response:
        """A part of a page."""
        return self.dress(HTMLResponse(render(template, self.base() | context)))

    def dress(self, response: Response) -> Response:
        """The headers of a page; a visitor without a session gets a token for the sign-in form."""
        response.headers.update(security_headers(frames=self.services.settings.household_url))
        if self.session is None and self.request.cookies.get(self.services.settings.cookie(VISITOR)) != self.token:
            set_cookie(response, self.services, VISITOR, self.token, VISITOR_S)
        return response


def look_at(request: Request) -> Look:
    """The request's look."""
    services = services_of(request)
    session = session_of(request)
    if session is not None:
        return Look(request, services, session, session.token)
    visitor = request.cookies.get(services.settings.cookie(VISITOR), "")
    return Look(request, services, None, visitor if well_formed(visitor) else new_token())


@dataclass(frozen=True)
class Form:
    """A form that was sent from one of our pages: its token was right."""

    look: Look
    fields: dict[str, str]

    def one_of(self, name: str, *allowed: str) -> str:
        """A field that is one of these, or `InputError`."""
        value = self.fields.get(name, "")
        if value not in allowed:
            raise InputError("the form holds something else", where=name, fix="send it from the page")
        return value


async def form_of(request: Request, longest: int) -> Form:
    """The form of a request.

    Args:
        longest: letters a field may have.

    Raises:
        ForbiddenError: without the CSRF token of this session (or, before signing in, of this visitor).
        InputError: too many or too long fields, or a file.
    """
    fields: dict[str, str] = {}
    async with request.form(max_files=0, max_fields=FIELDS) as form:
        for name, value in form.multi_items():
            if not isinstance(value, str) or len(value) > longest:
                raise InputError("a field is too long", where=name[:40], fix="send less")
            fields[name] = value
    look = await run_in_threadpool(look_at, request)
    check_csrf(look.token, fields.pop("csrf", "") or request.headers.get("x-csrf-token", ""))
    return Form(look, fields)


async def plain_form_of(request: Request) -> Form:
    """A form of short fields, see `form_of`."""
    return await form_of(request, FIELD_BYTES)


async def paper_of(request: Request) -> Form:
    """A form with a pasted document, see `form_of`."""
    return await form_of(request, PAPER_BYTES)


def go(path: str, look: Look | None = None) -> Response:
    """On to a page of ours, after a form."""
    response = RedirectResponse(path, 303)
    return response if look is None else look.dress(response)


def local_path(path: str) -> str:
    """`path` if it is one of ours, else the start page.

    >>> [local_path(p) for p in ("/mdms/quality?period=1", "//evil.example", "https://evil.example", "/\\\\evil")]
    ['/mdms/quality?period=1', '/', '/', '/']
    """
    ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if ours and len(path) < 200 else "/"


def html_error(request: Request, problem: Problem) -> Response:
    """An error as a page; somebody who is not signed in is sent to do so."""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if problem.status == 401 and request.method == "GET":
        return RedirectResponse(f"/signin?next={quote(local_path(path))}", 303)
    try:
        look = look_at(request)
    except QuietgridError:
        look = Look(request, services_of(request), None, new_token())
    kind = "few" if problem.rule else {403: "forbidden", 404: "empty"}.get(problem.status, "error")
    context: dict[str, object] = {
        "problem": {
            "title": problem.title, "status": problem.status, "what": problem.detail, "where": problem.where,
            "fix": problem.fix, "id": problem.id, "kind": kind,
        },
        "retry": local_path(path) if request.method == "GET" and problem.status not in (403, 404) else "",
    }  # fmt: skip
    page = look.page("error.html", context)
    page.status_code = problem.status
    return page


Looking = Annotated[Look, Depends(look_at)]
Sent = Annotated[Form, Depends(plain_form_of)]
Paper = Annotated[Form, Depends(paper_of)]
