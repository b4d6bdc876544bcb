"""Published: monthly statistics for everybody, with the noise they carry; publishing, and the epsilon ledger."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from quietgrid.accounts import Permission, require
from quietgrid.api.desk import published as desk
from quietgrid.errors import GateRefusal
from quietgrid.model.interval import Interval
from quietgrid.model.publication import STATISTIC_NAMES, Statistic
from quietgrid.runtime.publishing import shown
from quietgrid.web import charts
from quietgrid.web.formats import count, kwh, month
from quietgrid.web.kit import Look, Looking, Sent, go
from quietgrid.wire.publication import Figure, Publication

router = APIRouter(include_in_schema=False)
ROWS = 25
COLOURS = {Statistic.EXPORT: "export", Statistic.SPREAD: "home"}
Context = dict[str, object]


@router.get("/mdms/published")
def published(
    look: Looking, month: Annotated[str, Query(max_length=10)] = "", page: Annotated[int, Query(ge=1, le=100_000)] = 1
) -> Response:
    """What is published of a month, and what could be."""
    return _page(look, month, page, None)


@router.post("/mdms/published")
def publish(sent: Sent) -> Response:
    """Publish one statistic of a month."""
    look, wanted = sent.look, sent.one_of("statistic", *Statistic)
    of_month = sent.fields.get("month", "")
    try:
        desk.publish(look.services, look.viewer, wanted, of_month)
    except GateRefusal as refusal:
        name = STATISTIC_NAMES[Statistic(wanted)]
        return _page(look, of_month, 1, {"name": name, "rule": refusal.rule, "what": refusal.what, "fix": refusal.fix})
    return go(f"/mdms/published?{urlencode({'month': of_month})}", look)


def _page(look: Look, wanted: str, page: int, refusal: dict[str, str] | None) -> Response:
    services, viewer = look.services, look.viewer
    require(viewer, Permission.PUBLISHED)
    rules, names = services.publishing.rules, desk.months(services, viewer)
    everything = desk.published(services, viewer)
    value = wanted if wanted in names else next(iter(names), "")
    found = {Statistic(p.statistic): p for p in everything if services.publishing.name_of(p) == value}
    year = int(value[:4]) if value else 0
    spent = desk.budget(services, viewer, year)
    context: Context = {
        "month": {"value": value, "label": _label(look, value), "list": [(name, _label(look, name)) for name in names]},
        "summary": {
            "done": len(found), "of": len(Statistic), "spent": shown(spent.most_milli),
            "budget": shown(rules.budget_milli), "year": year, "floor": rules.floor,
        },
        "items": [_item(look, found[s], everything) for s in Statistic if s in found],
        "open": [
            {"id": s.value, "name": STATISTIC_NAMES[s], "margin": _amount(s, desk.margin(services, viewer, s))}
            for s in Statistic if value and s not in found
        ],
        "epsilon": shown(rules.epsilon_milli), "bound": f"{count(rules.bound_wh // 1000)} kWh",
        "may_publish": viewer.may(Permission.PUBLISH), "refusal": refusal,
        "ledger": _ledger(look, spent, page) if viewer.may(Permission.LEDGER) else None,
        "csv_url": "/api/v1/published.csv",
    }  # fmt: skip
    return look.page("mdms/published.html", context, active="published")


def _label(look: Look, name: str) -> str:
    """``March 2026`` of ``2026-03``."""
    if not name:
        return ""
    window = look.services.publishing.month(name)
    return month(Interval(window.first, window.resolution).start.timestamp(), look.services.card.tz)


def _item(look: Look, found: Publication, everything: list[Publication]) -> Context:
    statistic = Statistic(found.statistic)
    return {
        "id": statistic.value, "name": STATISTIC_NAMES[statistic], "epsilon": shown(found.epsilon_milli),
        "noisy": found.epsilon_milli > 0, "at": found.at, "homes": found.homes,
        "bound": f"{count(found.bound_wh // 1000)} kWh" if found.bound_wh else "",
        "spec": _spec(look, found, everything), "counts": statistic is Statistic.SPREAD,
        "figures": [
            {"name": figure.name, "homes": figure.homes, "value": _amount(statistic, figure.value),
             "margin": _amount(statistic, found.margin) if figure.noisy else "",
             "mean": "" if statistic is Statistic.SPREAD else f"{kwh(round(figure.value / figure.homes))} kWh"}
            for figure in found.figures
        ],
    }  # fmt: skip


def _amount(statistic: Statistic, value: int) -> str:
    return f"{count(value)} homes" if statistic is Statistic.SPREAD else f"{kwh(value, 0)} kWh"


def _spec(look: Look, found: Publication, everything: list[Publication]) -> charts.Spec:
    """The figures beside each other; a statistic of one figure month by month."""
    statistic = Statistic(found.statistic)
    shown_: list[tuple[str, Figure, int]] = [(f.name, f, found.margin) for f in found.figures]
    if len(shown_) == 1:
        same = [p for p in reversed(everything) if p.statistic == found.statistic and len(p.figures) == 1]
        shown_ = [(_label(look, look.services.publishing.name_of(p)), p.figures[0], p.margin) for p in same]
    unit = 1 if statistic is Statistic.SPREAD else 1000
    values = [
        charts.Ranged(label, figure.value / unit, margin / unit if figure.noisy else 0)
        for label, figure, margin in shown_
    ]
    return charts.ranged(
        values, STATISTIC_NAMES[statistic], "homes" if unit == 1 else "kWh", COLOURS.get(statistic, "grid")
    )


def _ledger(look: Look, spent: desk.Budget, page: int) -> Context:
    pages = max(1, -(-spent.homes // ROWS))
    page = min(page, pages)
    rows = desk.ledger(look.services, look.viewer, spent.year, limit=ROWS, offset=(page - 1) * ROWS)
    return {
        "rows": [
            {"home": row.home, "spent": shown(row.epsilon_milli),
             "left": shown(max(0, spent.budget_milli - row.epsilon_milli)), "statistics": row.statistics}
            for row in rows
        ],
        "homes": spent.homes, "page": page, "pages": pages,
    }  # fmt: skip
