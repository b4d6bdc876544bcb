"""The routes of the page Community.

GET  /community?month=&group=  /community.csv  /community.json  /community/sealed
POST /community/sealed  /community/key
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from quietgrid.errors import InputError
from quietgrid.homeweb import community
from quietgrid.homeweb.community_sealed import drop_key, sealed_context
from quietgrid.homeweb.shell import Pages, View, Visit
from quietgrid.model.insight import ALL
from quietgrid.web.environment import render

MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
GROUP = re.compile(r"[a-z0-9-]{1,60}")


def routes(p: Pages) -> list[Route]:
    """The routes, for whoever is signed in."""

    def route(path: str, view: View, method: str = "GET") -> Route:
        return Route(path, p.signed_in(view), methods=[method])

    return [
        route("/community", _page),
        route("/community.{form:str}", _file),
        route("/community/sealed", _sealed),
        route("/community/sealed", _ask, "POST"),
        route("/community/key", _drop, "POST"),
    ]


def _page(p: Pages, visit: Visit) -> Response:
    found = community.page(visit.desk, p.community, *_asked(visit.request.query_params))
    return p.page("household/community.html", p.base(visit, "community") | found)


def _file(p: Pages, visit: Visit) -> Response:
    form = visit.request.path_params["form"]
    if form not in ("csv", "json"):
        raise InputError("there is no such form", where="community", fix="use .csv or .json")
    found = p.community.compare(visit.desk, *_asked(visit.request.query_params))
    kind = "text/csv; charset=utf-8" if form == "csv" else "application/json"
    named = f'attachment; filename="quietgrid-community-{found.figures.month}.{form}"'
    return Response(
        community.export(found, form), media_type=kind, headers=p.headers() | {"Content-Disposition": named}
    )


def _sealed(p: Pages, visit: Visit) -> Response:
    """The part of the page that says how far the encrypted question is."""
    month, group = _asked(visit.form or visit.request.query_params)
    context = {"sealed": sealed_context(visit.desk, p.community.runs), "chosen": {"month": month, "group": group}}
    html = render("partials/sealed.html", p.base(visit, "community") | context)
    return HTMLResponse(html, headers=p.headers())


def _ask(p: Pages, visit: Visit) -> Response:
    month, group = _asked(visit.form)
    p.community.runs.start(visit.desk, month, group)
    if visit.request.headers.get("hx-request"):
        return _sealed(p, visit)
    return _back(month, group)


def _drop(p: Pages, visit: Visit) -> Response:
    drop_key(visit.desk, p.community.runs)
    return _back(*_asked(visit.form))


def _back(month: str, group: str) -> Response:
    query = f"?{urlencode({'month': month, 'group': group})}" if month else ""
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
    return RedirectResponse(f"/community{query}#sealed", 303, headers=headers)


def _asked(given: Mapping[str, str]) -> tuple[str, str]:
    """Month and group of a query or form; "" for the newest, and for all homes."""
    month, group = given.get("month", ""), given.get("group", "")
    if month and not MONTH.fullmatch(month):
        raise InputError("this is not a month", where="month", fix="write it as 2026-03")
    if group and not GROUP.fullmatch(group):
        raise InputError("there is no such group", where="group", fix="take it from the list")
    return month, group or ALL
