"""The household's own web origin: what only the home may see is opened here and never touches the platform.

One process may serve several homes (the demo does, and says so); a session belongs to one of them. Sign-in is a
one-time link; the cookie is HttpOnly and SameSite=Lax; every request that changes something repeats the session's CSRF
token and comes from this origin. Nothing of a request or answer is logged.

    GET    /healthz                     GET    /sign-in?token=              POST   /sign-out
    GET    /api/own/session             GET    /api/own/series?from=&to=    GET    /api/own/bills
    GET    /api/own/verify/{bill}       POST   /api/own/proofs/{bill}       GET    /api/own/privacy
    GET    /api/own/consents            POST   /api/own/consents            DELETE /api/own/consents?subject=&recipient=
    POST   /api/own/backup              POST   /api/own/erase
    GET    /api/own/device              POST   /api/own/device
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from quietgrid.errors import ForbiddenError, InputError, QuietgridError
from quietgrid.household import views
from quietgrid.household.guard import Guard, TooLarge
from quietgrid.household.rewards import forget
from quietgrid.household.service import Home
from quietgrid.household.sessions import Session, Sessions
from quietgrid.household.steering import Choice, ChoiceRequest, steering_of
from quietgrid.model.interval import DAY_S

COOKIE = "quietgrid_home"
HOSTS = ("home.localhost", "localhost", "127.0.0.1")
CONSENT_DAYS = 30
PRIVACY_ROWS = 2_000
View = Callable[["Origin", Home, Request, dict[str, Any]], Any]


class ConsentRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /api/own/consents``: chosen UTC days for a recipient with a key, or one event's number.

    Args:
        recipient: Its name. purpose: in the household's words. days: ISO dates (UTC days). key: the recipient's tagged
            HPKE public key, base64; for days. subject: an event's vector; instead of days. valid_days: of the consent.
    """

    recipient: str
    purpose: str
    days: list[str] = []
    key: str = ""
    subject: str = ""
    valid_days: int = CONSENT_DAYS


class EraseRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /api/own/erase``: the home's id typed again, and why."""

    confirm: str
    reason: str


@dataclass
class Origin:
    """What the server serves.

    Args:
        homes: By id; an erased home is taken out. sessions: who is signed in. operator: shown where one operator runs
            everything; empty in real operation.
    """

    homes: dict[int, Home]
    sessions: Sessions
    operator: str = ""

    def signed_in(self, request: Request) -> tuple[Session, Home] | None:
        """Who asks, or None."""
        session = self.sessions.find(request.cookies.get(COOKIE, ""))
        home = None if session is None else self.homes.get(session.home)
        return None if session is None or home is None else (session, home)


def create_app(origin: Origin, hosts: Sequence[str] = HOSTS, routes: Sequence[Route] = ()) -> Guard:
    """The ASGI app.

    Args:
        origin: What it serves. hosts: names it answers to. routes: further ones (the HTML pages).
    """

    def api(path: str, method: str, view: View) -> Route:
        return Route(path, _endpoint(origin, view), methods=[method])

    own = [
        Route("/healthz", _healthz(origin)),
        Route("/sign-in", _sign_in(origin), methods=["GET"]),
        api("/sign-out", "POST", _sign_out),
        api("/api/own/session", "GET", _session),
        api("/api/own/series", "GET", _series),
        api("/api/own/bills", "GET", _bills),
        api("/api/own/verify/{bill}", "GET", _verify),
        api("/api/own/proofs/{bill}", "POST", _prove),
        api("/api/own/privacy", "GET", _privacy),
        api("/api/own/consents", "GET", _consents),
        api("/api/own/consents", "POST", _give),
        api("/api/own/consents", "DELETE", _withdraw),
        api("/api/own/backup", "POST", _backup),
        api("/api/own/erase", "POST", _erase),
        api("/api/own/device", "GET", _device),
        api("/api/own/device", "POST", _choose),
    ]
    app = Starlette(
        routes=[*own, *routes],
        exception_handlers={QuietgridError: _refused, TooLarge: _too_large},
    )
    return Guard(app, hosts)


def _endpoint(origin: Origin, view: View) -> Callable[[Request], Awaitable[Response]]:
    """Signed in, from this origin if it changes something; then the view in a worker thread."""

    async def endpoint(request: Request) -> Response:
        found = await run_in_threadpool(origin.signed_in, request)
        if found is None:
            return _problem(401, "Please sign in", "nobody is signed in", "use your sign-in link")
        session, home = found
        body: dict[str, Any] = {"session": session}
        if request.method != "GET":
            _check_origin(request, session)
            body["content"] = await request.body()
        answer = await run_in_threadpool(view, origin, home, request, body)
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    return endpoint


def _check_origin(request: Request, session: Session) -> None:
    """Refuse what another page made the browser send."""
    sent, own = request.headers.get("origin", ""), f"{request.url.scheme}://{request.headers.get('host', '')}"
    if sent != own or not compare_digest(request.headers.get("x-csrf-token", "").encode(), session.csrf.encode()):
        raise ForbiddenError("the request did not come from this page", where="CSRF", fix="reload the page, try again")


def _sign_in(origin: Origin) -> Callable[[Request], Awaitable[Response]]:
    async def sign_in(request: Request) -> Response:
        token = await run_in_threadpool(origin.sessions.redeem, request.query_params.get("token", ""))
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, token, httponly=True, samesite="lax", path="/", secure=request.url.scheme == "https")
        return answer

    return sign_in


def _healthz(origin: Origin) -> Callable[[Request], Awaitable[Response]]:
    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok", "homes": len(origin.homes)})

    return healthz


# -- views: (origin, home, request, body) -> JSON --------------------------------------------------------------------


def _sign_out(origin: Origin, home: Home, request: Request, body: dict[str, Any]) -> Response:
    origin.sessions.end(request.cookies.get(COOKIE, ""))
    answer = JSONResponse({"signed_out": True})
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return answer


def _session(origin: Origin, home: Home, request: Request, body: dict[str, Any]) -> Any:
    card = home.parts.card
    return {
        "home": str(home.parts.vault.home),
        "csrf": body["session"].csrf,
        "community": card.name,
        "tz": card.tz,
        "currency": card.currency,
        "resolution": card.resolution,
        "meters": [{"meter": str(m.pid), "registers": m.registers} for m in home.parts.vault.meters()],
        "one_operator": origin.operator,
    }


def _series(origin: Origin, home: Home, request: Request, body: dict[str, Any]) -> Any:
    card, query = home.parts.card, request.query_params
    window = views.period(query.get("from", ""), query.get("to", ""), card.tz, card.resolution)
    return views.series_json(home.series(window), window)


def _bills(origin: Origin, home: Home, request: Request, body: dict[str, Any]) -> Any:
    return [views.bill_json(data) for data in home.bills()]


def _verify(origin: Origin, home: Home, request: Request, body: dict[str, Any]) -> Any:
    bill = home.bill(*views.parse_bill_id(request.path_params["bill"]))
    return views.check_json(bill, home.verify_bill(bill))


def _prove(origin: Origin, home: Home, request: Request, body: dict[str, Any]) -> Any:
    bill = home.bill(*views.parse_bill_id(request.path_params["bill"]))
    return views.check_json(bill, home.release(bill))


def _privacy(origin: Origin, home: Home, request: Request, body: dict[str, Any]) -> Any:
    rows = home.privacy()
    if request.query_params.get("mine") == "1":
        rows = [row for row in rows if row.mine]
    return {"count": len(rows), "entries": views.privacy_json(rows[:PRIVACY_ROWS])}


def _consents(origin: Origin, home: Home, request: Request, body: dict[str, Any]) -> Any:
    return [views.consent_json(consent) for consent in home.consents()]


def _give(origin: Origin, home: Home, request: Request, body: dict[str, Any]) -> Any:
    asked = _decode(body["content"], ConsentRequest)
    if not (0 < len(asked.recipient) <= 100 and len(asked.purpose) <= 500 and 0 < asked.valid_days <= 366):
        raise InputError("recipient, purpose or validity does not fit", where="consent", fix="fill in every field")
    if bool(asked.days) == bool(asked.subject):
        raise InputError("give either days or one subject", where="consent", fix="leave the other empty")
    expires = home.parts.clock.now() + asked.valid_days * DAY_S
    if asked.subject:
        signed = home.consent(asked.subject, asked.recipient, asked.purpose, expires)
        return {"consent": views.signed_text(signed)}
    try:
        key = b64decode(asked.key, validate=True)
    except ValueError as error:
        raise InputError("the recipient's key is not base64", where="key", fix="paste it again") from error
    days = [views.utc_day(day) for day in asked.days]
    package = home.share(days, (asked.recipient, key), asked.purpose, expires)
    return {"days": len(set(days)), "package": views.signed_text(package)}


def _withdraw(origin: Origin, home: Home, request: Request, body: dict[str, Any]) -> Any:
    home.withdraw(request.query_params.get("subject", ""), request.query_params.get("recipient", ""))
    return {"withdrawn": True, "note": "What was opened or handed over before stays so."}


def _backup(origin: Origin, home: Home, request: Request, body: dict[str, Any]) -> Any:
    backup = home.parts.vault.backup()
    return {"code": backup.code, "blob": b64encode(backup.blob).decode()}


def _erase(origin: Origin, home: Home, request: Request, body: dict[str, Any]) -> Any:
    asked = _decode(body["content"], EraseRequest)
    own = home.parts.vault.home
    if asked.confirm != str(own):
        raise InputError("the home's id was not typed right", where="confirm", fix="type it as shown")
    home.erase(asked.reason[:500])
    origin.homes.pop(own, None)
    forget(home.parts.store, own)
    origin.sessions.end_all([own])
    return {"erased": True}


def _device(origin: Origin, home: Home, request: Request, body: dict[str, Any]) -> Any:
    return steering_of(home).look().as_json()


def _choose(origin: Origin, home: Home, request: Request, body: dict[str, Any]) -> Any:
    asked, steering = _decode(body["content"], ChoiceRequest), steering_of(home)
    before = steering.choice()
    reserve = before.reserve_percent if asked.reserve_percent is None else asked.reserve_percent
    steering.choose(Choice(before.follow if asked.follow is None else asked.follow, reserve))
    return steering.look().as_json()


def _decode(content: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.MsgspecError as error:
        raise InputError("the request cannot be read", where="body", fix="send JSON as documented") from error


# -- errors ----------------------------------------------------------------------------------------------------------


def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, QuietgridError):
        raise error
    return _problem(error.http_status, error.title, error.what, error.fix, error.where)


def _too_large(request: Request, error: Exception) -> Response:
    return _problem(413, "Too large", "the request is too large", "send less")


def _problem(status: int, title: str, what: str, fix: str, where: str = "") -> Response:
    body: Mapping[str, str] = {"title": title, "what": what, "where": where, "fix": fix}
    return JSONResponse(body, status)
