"""What all pages share: who asks, the context of `base.html`, headers, errors as pages, streams, the check of forms."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from quietgrid.errors import ForbiddenError, InputError, QuietgridError
from quietgrid.homeweb.community import CommunityDesk
from quietgrid.homeweb.desk import Desk
from quietgrid.homeweb.live import Look, stream
from quietgrid.homeweb.node import NodeReader
from quietgrid.homeweb.settings import PageSettings
from quietgrid.homeweb.signin import LinkSessions
from quietgrid.household.server import Origin
from quietgrid.household.sessions import Session
from quietgrid.web.environment import render, security_headers

FRAME_COOKIE = "quietgrid_frame"
Context = dict[str, Any]


@dataclass(frozen=True)
class Visit:
    """One signed-in request. `form`: of a POST, checked to come from our own page."""

    desk: Desk
    session: Session
    request: Request
    form: Mapping[str, str]


View = Callable[["Pages", Visit], Response]


class Pages:
    """What the routes share.

    Args:
        origin: Homes and sessions. settings: See `PageSettings`.
    """

    def __init__(self, origin: Origin, settings: PageSettings) -> None:
        self.origin, self.settings = origin, settings
        self.node = NodeReader(settings.node)
        self.community = CommunityDesk()
        self._desks: dict[int, Desk] = {}

    def desk(self, home: int) -> Desk:
        """The desk of a home."""
        known = self._desks.get(home)
        if known is None or known.home is not self.origin.homes[home]:
            known = self._desks[home] = Desk(self.origin.homes[home])
        return known

    # -- answers ---------------------------------------------------------------------------------------------------

    def headers(self, **frame: str) -> dict[str, str]:
        """Of every page. The referrer goes to ourselves only: without it browsers hide where a form came from."""
        return security_headers(**frame) | {"Referrer-Policy": "same-origin", "Cache-Control": "no-store"}

    def base(self, visit: Visit | None, active: str = "", live: str = "") -> Context:
        """The context of `base.html`."""
        card = next(iter(self.origin.homes.values())).parts.card if self.origin.homes else None
        viewer = None
        if visit is not None:
            viewer = {"name": self.settings.name_of(visit.session.home), "role": "household"}
        return {
            "lang": "en",
            "demo": self.settings.demo,
            "csrf": visit.session.csrf if visit is not None else "",
            "community": {
                "name": card.name if card else "",
                "tz": card.tz if card else "UTC",
                "currency": card.currency if card else "EUR",
            },
            "viewer": viewer,
            "active": active,
            "live": live,
            "live_every": self.settings.live_every,
            "platform_url": self.settings.platform_url,
            "household_url": self.settings.household_url,
        }

    def page(self, template: str, context: Context, status: int = 200) -> Response:
        """A rendered page."""
        return HTMLResponse(render(template, context), status, headers=self.headers())

    def problem(self, request: Request, error: QuietgridError) -> Response:
        """An error as a page."""
        found = self.origin.signed_in(request)
        visit = None if found is None else Visit(self.desk(found[0].home), found[0], request, {})
        what = error.what[:1].upper() + error.what[1:]
        shown: Context = {
            "title": error.title, "status": error.http_status, "what": f"{what.rstrip('.')}.", "where": error.where,
            "fix": error.fix, "id": secrets.token_hex(4),
            "kind": "forbidden" if error.http_status == 403 else "empty" if error.http_status == 404 else "error",
        }  # fmt: skip
        retry = request.url.path if request.method == "GET" and error.http_status == 503 else ""
        if visit is None:
            return self.welcome(shown["what"], error.http_status)
        return self.page("error.html", self.base(visit) | {"problem": shown, "retry": retry}, error.http_status)

    def welcome(self, error: str = "", status: int = 401) -> Response:
        """The page for whoever is not signed in."""
        return self.page("household/welcome.html", self.base(None) | {"error": error}, status)

    # -- endpoints -------------------------------------------------------------------------------------------------

    def signed_in(self, view: View) -> Callable[[Request], Awaitable[Response]]:
        """Signed in, from our own page if it changes something; then the view in a worker thread."""

        async def endpoint(request: Request) -> Response:
            found = await run_in_threadpool(self.origin.signed_in, request)
            if found is None:
                return self.welcome()
            form: dict[str, str] = {}
            if request.method == "POST":
                form = _form(await request.body())
                _check(request, found[0], form)
            visit = Visit(self.desk(found[0].home), found[0], request, form)
            return await run_in_threadpool(view, self, visit)

        return endpoint

    def live(self, watch: Callable[[Desk, str], Look]) -> Callable[[Request], Awaitable[Response]]:
        """A stream for whoever is signed in."""

        async def endpoint(request: Request) -> Response:
            found = await run_in_threadpool(self.origin.signed_in, request)
            if found is None:
                return Response(status_code=204)  # tells the browser not to come back
            look = watch(self.desk(found[0].home), self.settings.name_of(found[0].home))
            return self.stream(request, look, lambda: self.origin.signed_in(request) is not None)

        return endpoint

    def stream(self, request: Request, look: Look, allowed: Callable[[], bool]) -> Response:
        """A stream of events."""
        text = stream(request, look, allowed, self.settings.live_every)
        return StreamingResponse(text, media_type="text/event-stream", headers=self.headers())

    def frame_home(self, request: Request) -> int | None:
        """Whose curve the frame shows: who is signed in, else (in a demo) the home that is shown to everybody."""
        found = self.origin.signed_in(request)
        if found is not None:
            return found[0].home
        sessions, shown = self.origin.sessions, self.settings.shown_home if self.settings.demo else None
        if isinstance(sessions, LinkSessions):
            signed_in = sessions.frame_home(request.cookies.get(FRAME_COOKIE, ""))
            shown = shown if signed_in is None else signed_in
        return shown if shown in self.origin.homes else None


def _form(content: bytes) -> dict[str, str]:
    try:
        found = parse_qs(content.decode("ascii"), keep_blank_values=True, max_num_fields=30)
    except ValueError as error:
        raise InputError("the form cannot be read", where="body", fix="send it from the page") from error
    return {name: values[-1] for name, values in found.items()}


def _check(request: Request, session: Session, form: Mapping[str, str]) -> None:
    """Refuse what another page made the browser send."""
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    token = form.get("csrf") or request.headers.get("x-csrf-token", "")
    if request.headers.get("origin", own) != own or not compare_digest(token.encode(), session.csrf.encode()):
        raise ForbiddenError("the form did not come from this page", where="CSRF", fix="reload the page and try again")
