"""MDMS, Aggregates: totals of groups over a day or a month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated
from urllib.parse import urlencode

import numpy as np
from fastapi import APIRouter, Query
from starlette.responses import Response

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.api.desk import quality, totals
from quietgrid.api.services import Services
from quietgrid.api.times import iso
from quietgrid.errors import GateRefusal, NotFoundError
from quietgrid.mdms.quality import Quality
from quietgrid.model.interval import Window, local_days, local_window, month_window
from quietgrid.model.question import Quantity
from quietgrid.web import charts
from quietgrid.web.kit import Looking

router = APIRouter(include_in_schema=False)
QUANTITIES = [("import", "Used"), ("export", "Fed in"), ("net", "Net")]
DAYS_LISTED = 62


@dataclass(frozen=True)
class Span:
    """A day or month that can be chosen: ``2026-03-12`` or ``2026-03``, its label, its window as far as closed."""

    value: str
    label: str
    window: Window


def spans(services: Services, viewer: Viewer, months_only: bool = False) -> list[Span]:
    """What can be chosen: months and days with something closed, newest first; empty before the first close."""
    end = totals.last_slot(services, viewer)
    card = services.card
    if not end:
        return []
    first = services.members(end - 1).window.first
    whole = Window(min(first, end), end, card.resolution)
    days = local_days(whole, card.tz)
    found: list[Span] = []
    if not months_only:
        for day in reversed(days[-DAYS_LISTED:]):
            window = local_window(day, day + timedelta(days=1), card.tz, card.resolution).intersect(whole)
            found.append(Span(day.isoformat(), f"{day:%a} {day.day} {day:%b %Y}", window))
    for year, month in sorted({(day.year, day.month) for day in days}, reverse=True):
        window = month_window(year, month, card.tz, card.resolution).intersect(whole)
        found.append(Span(f"{year}-{month:02d}", f"{date(year, month, 1):%B %Y}", window))
    return [span for span in found if len(span.window)]


def chosen(found: list[Span], value: str) -> Span:
    """The span of a value, or the newest.

    Raises:
        NotFoundError: nothing is closed yet.
    """
    if not found:
        raise NotFoundError("no interval is closed yet", where="period", fix="wait for the first close")
    return next((span for span in found if span.value == value), found[0])


@router.get("/mdms/aggregates")
def aggregates(
    look: Looking,
    node: Annotated[str, Query(max_length=120)] = "",
    quantity: Annotated[str, Query(max_length=10)] = "",
    period: Annotated[str, Query(max_length=12)] = "",
) -> Response:
    """Totals of a group, and all feeders beside each other."""
    services, viewer = look.services, look.viewer
    require(viewer, Permission.TOTALS)
    groups = {group.name: group for group in totals.nodes(services, viewer)}
    if not groups:
        raise NotFoundError("no section has enough homes for a total", where="groups", fix="plan the cells again")
    group = groups.get(node) or next(iter(groups.values()))
    asked = Quantity(quantity) if quantity in list(Quantity) else group.quantities[0]
    found = spans(services, viewer)
    span = chosen(found, period) if found else None
    matrix = quality.matrix(services, viewer, span.window) if span else None
    total, few = None, None
    if span is not None and matrix is not None:
        try:
            total = _total(services, viewer, group, asked, span, matrix)
        except GateRefusal:
            few = _few(services, group)
    context: dict[str, object] = {
        "filters": {
            "node": group.name, "nodes": list(groups), "quantity": asked.value, "quantities": QUANTITIES,
            "period": span.value if span else "", "periods": [(s.value, s.label) for s in found],
        },
        "total": total, "few": few, "stale_s": _stale(services, group, asked),
        "leaves": [
            row for leaf in groups.values() if len(leaf.leaves) == 1 and span and matrix
            for row in [_leaf(services, viewer, leaf, span, matrix)] if row
        ],
        "csv_url": _csv(group.name, asked, span) if span else "/mdms/aggregates",
    }  # fmt: skip
    return look.page("mdms/aggregates.html", context, active="aggregates")


def missing_share(matrix: Quality, leaves: tuple[str, ...]) -> float:
    """Share of due cells of some leaves that were not in time."""
    rows = [matrix.leaves.index(leaf) for leaf in leaves if leaf in matrix.leaves]
    due = int(matrix.expected[rows].sum())
    return (due - int(matrix.arrived[rows].sum())) / due if due else 0.0


def _total(
    services: Services, viewer: Viewer, group: totals.Node, quantity: Quantity, span: Span, matrix: Quality
) -> dict[str, object] | None:
    series = totals.series(services, viewer, group.name, quantity, span.window)
    if not series.answered.any() or series.status is None:
        return None
    peak = int(np.argmax(np.where(series.answered, series.energy_wh, np.iinfo(np.int64).min)))
    return {
        "node": group.name, "energy_wh": series.sum_wh, "peak_wh": int(series.energy_wh[peak]),
        "peak_at": (series.window.first + peak) * series.window.resolution, "homes": series.least_homes,
        "members": series.members, "floor": services.rules.k, "missing_share": missing_share(matrix, group.leaves),
        "estimated_share": 0.0, "status": series.status.value, "spec": charts.lines(series, services.card.tz),
        "resolution_min": series.window.resolution // 60,
    }  # fmt: skip


def _few(services: Services, group: totals.Node) -> dict[str, object]:
    if Quantity.NET in group.quantities:
        instead = "The net of used and fed in is shown for this feeder."
    else:
        instead = "Ask for what is used."
    return {"homes": group.exporters, "floor": services.rules.k, "instead": instead}


def _leaf(
    services: Services, viewer: Viewer, leaf: totals.Node, span: Span, matrix: Quality
) -> dict[str, object] | None:
    found = {q: totals.series(services, viewer, leaf.name, q, span.window) for q in leaf.quantities}
    net = totals.series(services, viewer, leaf.name, Quantity.NET, span.window)
    if net.status is None or not net.answered.any():
        return None
    highest = found.get(Quantity.IMPORT, net)
    return {
        "name": leaf.name, "homes": leaf.homes,
        "import_wh": found[Quantity.IMPORT].sum_wh if Quantity.IMPORT in found else None,
        "export_wh": found[Quantity.EXPORT].sum_wh if Quantity.EXPORT in found else None,
        "net_wh": net.sum_wh,
        "peak_wh": int(highest.energy_wh[highest.answered].max()) if highest.answered.any() else 0,
        "missing_share": missing_share(matrix, leaf.leaves), "status": net.status.value,
    }  # fmt: skip


def _stale(services: Services, group: totals.Node, quantity: Quantity) -> int:
    """Age in seconds of the newest total once two updates were missed, else 0."""
    resolution = services.card.resolution
    leaf = group.leaves[0] if group.name == totals.COMMUNITY else group.name
    with services.store.read() as tx:
        last = max(tx.totals.last_total(leaf, q) for q in {quantity, *group.quantities})
    age = services.now() - last * resolution
    return int(age) if last and age > (services.rules.settle_slots + 3) * resolution else 0


def _csv(node: str, quantity: Quantity, span: Span) -> str:
    resolution = span.window.resolution
    query = {
        "node": node, "quantity": quantity.value, "from": iso(span.window.first, resolution),
        "to": iso(span.window.end, resolution),
    }  # fmt: skip
    return f"/api/v1/totals.csv?{urlencode(query)}"
