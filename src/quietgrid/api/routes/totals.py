"""Totals of groups, and data quality."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from quietgrid.accounts import Permission
from quietgrid.api import shapes
from quietgrid.api.auth import Asker, Kit
from quietgrid.api.desk import quality as quality_desk
from quietgrid.api.desk import totals as desk
from quietgrid.api.routes.meters import From, To, need
from quietgrid.api.times import iso, iso_at, span
from quietgrid.model.interval import DAY_S
from quietgrid.model.question import Quantity

router = APIRouter(tags=["totals"])
NodeName = Annotated[str, Query(max_length=120, examples=["Orchard Hill"])]


@router.get("/nodes", response_model=shapes.Nodes, openapi_extra=need(Permission.TOTALS))
def nodes(kit: Kit, viewer: Asker) -> shapes.Nodes:
    """The groups that totals can be asked of, and which quantities open."""
    found = [
        shapes.Node(
            name=n.name,
            leaves=list(n.leaves),
            quantities=[q.value for q in n.quantities],
            homes=n.homes,
            exporters=n.exporters,
        )
        for n in desk.nodes(kit, viewer)
    ]
    return shapes.Nodes(floor=kit.rules.k, nodes=found)


def _series(
    kit: Kit, viewer: Asker, node: str, quantity: Quantity, times: tuple[str | None, str | None]
) -> desk.Series:
    last = desk.last_slot(kit, viewer)
    return desk.series(kit, viewer, node, quantity, span(*times, kit.card.resolution, last, kit.card.tz))


@router.get("/totals", response_model=shapes.Totals, openapi_extra=need(Permission.TOTALS))
def totals(
    kit: Kit, viewer: Asker, node: NodeName, quantity: Quantity = Quantity.IMPORT, start: From = None, end: To = None
) -> shapes.Totals:
    """Opened totals of a group, by interval; the newest day unless told."""
    found = _series(kit, viewer, node, quantity, (start, end))
    resolution = found.window.resolution
    return shapes.Totals(
        node=node, quantity=quantity.value, start=iso(found.window.first, resolution),
        end=iso(found.window.end, resolution), resolution_s=resolution, members=found.members,
        status=found.status.value if found.status else None,
        energy_wh=[v if ok else None for v, ok in zip(found.energy_wh.tolist(), found.answered.tolist(), strict=True)],
        homes=[v if ok else None for v, ok in zip(found.homes.tolist(), found.answered.tolist(), strict=True)],
    )  # fmt: skip


@router.get(
    "/totals.csv",
    openapi_extra=need(Permission.TOTALS),
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def totals_csv(
    kit: Kit, viewer: Asker, node: NodeName, quantity: Quantity = Quantity.IMPORT, start: From = None, end: To = None
) -> Response:
    """The same as CSV: start, end, energy_wh (empty is a gap), homes."""
    found = _series(kit, viewer, node, quantity, (start, end))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["start_utc", "end_utc", "node", "quantity", "energy_wh", "homes"])
    columns = zip(found.energy_wh.tolist(), found.homes.tolist(), found.answered.tolist(), strict=True)
    for slot, (energy, homes, answered) in enumerate(columns, start=found.window.first):
        times = iso(slot, found.window.resolution), iso(slot + 1, found.window.resolution)
        writer.writerow([*times, cell(node), quantity.value, *((energy, homes) if answered else ("", ""))])
    name = f"totals-{found.window.first}-{found.window.end}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def cell(text: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


@router.get("/quality/searches", response_model=shapes.MeterSearches, openapi_extra=need(Permission.QUALITY))
def searches(kit: Kit, viewer: Asker) -> shapes.MeterSearches:
    """Leaves with totals that cannot be true, and the meters that were struck most; never a reading."""
    return shapes.MeterSearches(
        searches=[
            shapes.MeterSearch(
                leaf=s.leaf, quantity=s.quantity, since=iso_at(s.since), closes=s.closes, limit=s.limit,
                telling=s.telling, over=s.over, found=s.found,
                suspects=[
                    shapes.Suspect(meters=[str(pid) for pid in one.meters], strikes=one.strikes) for one in s.suspects
                ],
            )
            for s in quality_desk.searches(kit, viewer)
        ]
    )  # fmt: skip


@router.get("/quality", response_model=shapes.QualityMatrix, openapi_extra=need(Permission.QUALITY))
def quality(kit: Kit, viewer: Asker, start: From = None, end: To = None) -> shapes.QualityMatrix:
    """What was due, in time, late and missing, per leaf and UTC day; never per home."""
    window = span(start, end, kit.card.resolution, desk.last_slot(kit, viewer), kit.card.tz)
    found = quality_desk.matrix(kit, viewer, window)
    days = [
        shapes.QualityDay(
            leaf=leaf,
            day=datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat(),
            expected=int(found.expected[i, j]),
            in_time=int(found.arrived[i, j]),
            late=int(found.late[i, j]),
            missing=int(found.missing[i, j]),
        )
        for i, leaf in enumerate(found.leaves)
        for j, day in enumerate(found.days)
        if found.closed[i, j]
    ]
    return shapes.QualityMatrix(days=days)
