"""The household's HTML pages as routes, and the app of its origin.

Every page is for whoever is signed in to one home; what changes something repeats the session's CSRF token. Pages work
without scripts; with them they are live. Nothing of a request or answer is logged.

    GET  /  /history  /history.csv  /bills  /bills/{n}  /bills/{n}.json  /bills/{n}/invoice.html
         /bills/{n}/invoice.pdf  /bills/{n}/proof.json  /privacy  /privacy.csv  /privacy.json  /privacy/{entry}
         /proofs  /proofs/{slot}/complaint.json  /consents  /consents/{id}/package  /glance  /events  /device
         /events/privacy  /events/glance  /response  /votes  /assets  /community (`community_routes`)
         /sign-in  /static/{path}
    POST /bills/{n}/verify  /proofs  /proofs/complaint  /consents  /consents/{id}  /consents/backup
         /response/limits  /response/events/{event}  /response/programs/{program}
         /consents/erase  /device  /bills/rewards  /votes/part  /votes/{number}  /assets/{number}/claim  /signout
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from quietgrid.errors import InputError, NotFoundError, QuietgridError
from quietgrid.homeweb import (
    bills,
    community_routes,
    consents,
    device,
    events,
    front,
    omissions,
    papers,
    privacy,
    proving,
    rewards,
    shares,
    votes,
)
from quietgrid.homeweb.live import FrameWatch, HomeWatch, PrivacyWatch
from quietgrid.homeweb.settings import PageSettings
from quietgrid.homeweb.shell import FRAME_COOKIE, Context, Pages, View, Visit
from quietgrid.homeweb.signin import LinkSessions
from quietgrid.household.checking import decode_bill
from quietgrid.household.guard import Guard, TooLarge
from quietgrid.household.server import COOKIE, HOSTS, Origin
from quietgrid.household.server import create_app as create_api
from quietgrid.web.environment import STATIC, render

API = ("/api/", "/healthz", "/sign-out")


def pages(origin: Origin, context: PageSettings) -> list[Route]:
    """The routes of all pages."""
    return _routes(Pages(origin, context))


def _routes(p: Pages) -> list[Route]:
    def get(path: str, view: View) -> Route:
        return Route(path, p.signed_in(view), methods=["GET"])

    def post(path: str, view: View) -> Route:
        return Route(path, p.signed_in(view), methods=["POST"])

    return [
        get("/", _home),
        get("/history", _history),
        get("/history.csv", _history_csv),
        get("/bills", _bills),
        get("/bills/{bill}.json", _bill_json),
        get("/bills/{bill}/invoice.{form:str}", _invoice),
        get("/bills/{bill}/proof.json", _proof),
        get("/bills/{bill}", _bill),
        post("/bills/{bill}/verify", _release),
        post("/bills/rewards", _rewards),
        get("/privacy", _privacy),
        get("/privacy.{form:str}", _privacy_file),
        get("/privacy/{entry}", _entry),
        get("/proofs", _proofs),
        post("/proofs", _prove),
        post("/proofs/complaint", _complain),
        get("/proofs/{first:int}/complaint.json", _complaint),
        get("/device", _device),
        post("/device", _choose),
        get("/response", _response),
        post("/response/limits", _allow),
        post("/response/events/{event}", _decide),
        post("/response/programs/{program}", _join),
        get("/consents", _consents),
        post("/consents", _give),
        post("/consents/backup", _backup),
        post("/consents/erase", _erase),
        get("/consents/{id}/package", _package),
        post("/consents/{id}", _end),
        get("/votes", _votes),
        post("/votes/part", _take_part),
        post("/votes/{number:int}", _vote),
        get("/assets", _assets),
        post("/assets/{number:int}/claim", _claim),
        *community_routes.routes(p),
        post("/signout", _sign_out),
        Route("/events", p.live(HomeWatch), methods=["GET"]),
        Route("/events/privacy", p.live(lambda desk, _: PrivacyWatch(desk, reload=True)), methods=["GET"]),
        Route("/events/glance", _glance_events(p), methods=["GET"]),
        Route("/glance", _glance(p), methods=["GET"]),
        Route("/sign-in", _sign_in(p), methods=["GET"]),
        Route("/static/{path:path}", _static(), methods=["GET"]),
    ]


def create_app(origin: Origin, context: PageSettings, hosts: Sequence[str] = HOSTS) -> Guard:
    """The ASGI app of the household's origin: pages for people beside the JSON of `household.server`."""
    p = Pages(origin, context)

    def refused(request: Request, error: Exception) -> Response:
        if not isinstance(error, QuietgridError):
            raise error
        return p.problem(request, error)

    def missing(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        found = NotFoundError("there is no such page", where=request.url.path[:80], fix="start from the first page")
        found.http_status = status
        return p.problem(request, found)

    def too_large(request: Request, error: Exception) -> Response:
        return p.problem(request, InputError("the request is too large", where="body", fix="send less"))

    handlers: dict[Any, Any] = {QuietgridError: refused, HTTPException: missing, TooLarge: too_large}
    faces = Starlette(routes=_routes(p), exception_handlers=handlers)
    machine = create_api(origin, hosts)

    async def split(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        inner = machine if scope["type"] == "http" and scope["path"].startswith(API) else faces
        await inner(scope, receive, send)

    return Guard(split, hosts)


# -- views -----------------------------------------------------------------------------------------------------------


def _home(p: Pages, visit: Visit) -> Response:
    context = p.base(visit, "home", "/events") | front.home(visit.desk)
    answer = p.page("household/home.html", context)
    sessions = p.origin.sessions
    if isinstance(sessions, LinkSessions):
        token = sessions.frame_token(visit.request.cookies[COOKIE], visit.session.home)
        # For the frame on the platform's page, which is another site; shows the curve and can change nothing.
        answer.set_cookie(FRAME_COOKIE, token, httponly=True, samesite="none", secure=True, path="/")
    return answer


def _history(p: Pages, visit: Visit) -> Response:
    view, first, days = _asked(visit)
    return p.page("household/history.html", p.base(visit, "history") | front.history(visit.desk, view, first, days))


def _history_csv(p: Pages, visit: Visit) -> Response:
    view, first, days = _asked(visit)
    content = front.history_csv(visit.desk, first, days)
    return _file(p, content, "text/csv; charset=utf-8", f"quietgrid-{first.isoformat()}-{view}.csv")


def _asked(visit: Visit) -> tuple[str, Any, int]:
    query = visit.request.query_params
    return front.asked(visit.desk, query.get("view", "week"), query.get("first", ""))


def _bills(p: Pages, visit: Visit) -> Response:
    found = {"bills": bills.rows(visit.desk), "rewards": rewards.page(visit.desk, p.settings)}
    return p.page("household/bills.html", p.base(visit, "bills") | found)


def _rewards(p: Pages, visit: Visit) -> Response:
    rewards.decide(visit.desk, visit.form)
    return _see("/bills")


def _bill(p: Pages, visit: Visit) -> Response:
    bill = bills.find(visit.desk, visit.request.path_params["bill"])
    context = bills.page(visit.desk, bill, p.settings.name_of(visit.session.home))
    return p.page("household/bill.html", p.base(visit, "bills") | {"bill": context})


def _bill_json(p: Pages, visit: Visit) -> Response:
    key = visit.request.path_params["bill"]
    content = bills.export(visit.desk, bills.find(visit.desk, key))
    return _file(p, content, "application/json", f"quietgrid-bill-{key}.json")


def _invoice(p: Pages, visit: Visit) -> Response:
    bill = bills.find(visit.desk, visit.request.path_params["bill"])
    form, language = visit.request.path_params["form"], visit.request.query_params.get("language", "en")
    made = papers.invoice(visit.desk, bill)
    if form == "html":
        return HTMLResponse(papers.as_page(made, language), headers=p.headers() | papers.POLICY)
    if form != "pdf":
        raise InputError("there is no such form", where="invoice", fix="use .html or .pdf")
    return _file(p, papers.as_pdf(made, language), "application/pdf", f"{made.number}.pdf")


def _proof(p: Pages, visit: Visit) -> Response:
    bill = bills.find(visit.desk, visit.request.path_params["bill"])
    content = papers.document(visit.desk, bill).encode()
    return _file(p, content, "application/json", f"{papers.head(visit.desk, bill).number}.json")


def _release(p: Pages, visit: Visit) -> Response:
    bill = bills.find(visit.desk, visit.request.path_params["bill"])
    with visit.desk.lock:
        visit.desk.home.release(decode_bill(bill.encode()))
    visit.desk.put_note(bills.RELEASED, repr(visit.desk.now()), bills.bill_key(bill))
    return _see(f"/bills/{bills.bill_key(bill)}")


def _privacy(p: Pages, visit: Visit) -> Response:
    found = privacy.page(visit.desk, visit.request.query_params.get("month", ""), p.settings.floor)
    return p.page("household/privacy.html", p.base(visit, "privacy", "/events/privacy") | found)


def _privacy_file(p: Pages, visit: Visit) -> Response:
    form = visit.request.path_params["form"]
    if form not in ("csv", "json"):
        raise InputError("there is no such form", where="privacy", fix="use .csv or .json")
    kind = "text/csv; charset=utf-8" if form == "csv" else "application/json"
    return _file(p, privacy.export(visit.desk, form), kind, f"quietgrid-privacy.{form}")


def _entry(p: Pages, visit: Visit) -> Response:
    found = privacy.detail(visit.desk, visit.request.path_params["entry"])
    return p.page("household/entry.html", p.base(visit, "privacy") | {"entry": found})


def _proofs(p: Pages, visit: Visit) -> Response:
    shown = proving.page(visit.desk) | omissions.page(visit.desk)
    return p.page("household/proofs.html", p.base(visit, "proofs") | shown)


def _complain(p: Pages, visit: Visit) -> Response:
    first = visit.form.get("first", "")
    if not (first.isascii() and first.isdecimal() and len(first) < 15):
        raise InputError("this is no period", where="complaint", fix="send the form from the page")
    omissions.complain(visit.desk, int(first))
    return _see("/proofs")


def _complaint(p: Pages, visit: Visit) -> Response:
    first = visit.request.path_params["first"]
    content = omissions.complaint(visit.desk, first).encode()
    return _file(p, content, "application/json", f"complaint-{first}.json")


def _prove(p: Pages, visit: Visit) -> Response:
    form = dict(visit.form)
    found = omissions.page(visit.desk) | {"proof": proving.check(visit.desk, form.get("kind", ""), form)}
    return p.page("household/proofs.html", p.base(visit, "proofs") | proving.page(visit.desk) | found)


def _device(p: Pages, visit: Visit) -> Response:
    return p.page("household/device.html", p.base(visit, "home") | device.page(visit.desk))


def _choose(p: Pages, visit: Visit) -> Response:
    device.choose(visit.desk, visit.form)
    return _see("/device")


def _response(p: Pages, visit: Visit) -> Response:
    return p.page("household/events.html", p.base(visit, "response") | events.page(visit.desk))


def _allow(p: Pages, visit: Visit) -> Response:
    events.allow(visit.desk, visit.form)
    return _see("/response")


def _decide(p: Pages, visit: Visit) -> Response:
    events.decide(visit.desk, visit.request.path_params["event"], visit.form)
    return _see("/response")


def _join(p: Pages, visit: Visit) -> Response:
    events.join(visit.desk, visit.request.path_params["program"], visit.form)
    return _see("/response")


def _consents(p: Pages, visit: Visit) -> Response:
    given = visit.request.query_params.get("given", "")
    found = consents.page(visit.desk, p.settings) | {"given": given}
    return p.page("household/consents.html", p.base(visit, "consents") | found)


def _give(p: Pages, visit: Visit) -> Response:
    return _see(f"/consents?given={consents.give(visit.desk, p.settings, visit.form)}")


def _end(p: Pages, visit: Visit) -> Response:
    consents.end(visit.desk, visit.request.path_params["id"])
    return _see("/consents")


def _package(p: Pages, visit: Visit) -> Response:
    key = visit.request.path_params["id"]
    content = consents.package(visit.desk, key)
    return _file(p, content, "application/octet-stream", f"quietgrid-days-{key[:8]}.share")


def _backup(p: Pages, visit: Visit) -> Response:
    return p.page("household/backup.html", p.base(visit, "consents") | {"made": consents.backup(visit.desk)})


def _erase(p: Pages, visit: Visit) -> Response:
    consents.erase(visit.desk, visit.form)
    p.origin.homes.pop(visit.session.home, None)
    p.community.forget(visit.session.home)
    p.origin.sessions.end_all([visit.session.home])
    answer = p.page("household/erased.html", p.base(None))
    return _forget(answer)


def _votes(p: Pages, visit: Visit) -> Response:
    return p.page("household/votes.html", p.base(visit, "votes") | votes.page(visit.desk, p.node))


def _take_part(p: Pages, visit: Visit) -> Response:
    votes.take_part(visit.desk, p.node)
    return _see("/votes")


def _vote(p: Pages, visit: Visit) -> Response:
    votes.cast(visit.desk, p.node, str(visit.request.path_params["number"]), visit.form)
    return _see("/votes")


def _assets(p: Pages, visit: Visit) -> Response:
    return p.page("household/assets.html", p.base(visit, "assets") | shares.page(visit.desk, p.node))


def _claim(p: Pages, visit: Visit) -> Response:
    shares.claim(visit.desk, p.node, visit.request.path_params["number"])
    return _see("/assets")


def _sign_out(p: Pages, visit: Visit) -> Response:
    p.origin.sessions.end(visit.request.cookies.get(COOKIE, ""))
    return _forget(_see("/"))


# -- the frame, sign-in, files ---------------------------------------------------------------------------------------


def _glance(p: Pages) -> Callable[[Request], Awaitable[Response]]:
    def work(request: Request) -> Response:
        home = p.frame_home(request)
        shown: Context = {"home": None, "spec": None, "live": ""}
        if home is not None:
            shown, _ = front.glance(p.desk(home), p.settings.name_of(home))
            shown["live"] = "/events/glance"
        context = {"lang": "en", "live_every": p.settings.live_every, "household_url": p.settings.household_url}
        headers = p.headers(framed_by=" ".join(p.settings.framed_by) or p.settings.platform_url)
        return HTMLResponse(render("household/glance.html", context | shown), headers=headers)

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(work, request)

    return endpoint


def _glance_events(p: Pages) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        home = await run_in_threadpool(p.frame_home, request)
        if home is None:
            return Response(status_code=204)
        watch = FrameWatch(p.desk(home), p.settings.name_of(home))
        return p.stream(request, watch, lambda: p.frame_home(request) == home)

    return endpoint


def _sign_in(p: Pages) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        token = await run_in_threadpool(p.origin.sessions.redeem, request.query_params.get("token", ""))
        answer = _see("/")
        answer.set_cookie(COOKIE, token, httponly=True, samesite="lax", path="/", secure=request.url.scheme == "https")
        return answer

    return endpoint


def _static() -> Callable[[Request], Awaitable[Response]]:
    files: dict[str, Path] = {p.relative_to(STATIC).as_posix(): p for p in STATIC.rglob("*") if p.is_file()}

    async def endpoint(request: Request) -> Response:
        path = files.get(request.path_params["path"])
        if path is None:
            raise HTTPException(404)
        keep = "public, max-age=31536000, immutable" if request.query_params.get("v") else "no-cache"
        return FileResponse(path, headers={"Cache-Control": keep})

    return endpoint


def _file(p: Pages, content: bytes, kind: str, name: str) -> Response:
    headers = p.headers() | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=kind, headers=headers)


def _see(path: str) -> Response:
    return RedirectResponse(path, 303, headers={"Cache-Control": "no-store", "Referrer-Policy": "same-origin"})


def _forget(answer: Response) -> Response:
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    answer.delete_cookie(FRAME_COOKIE, path="/", httponly=True, samesite="none", secure=True)
    return answer
