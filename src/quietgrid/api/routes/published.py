"""Published statistics, and what they cost each home."""

from __future__ import annotations

import csv
import io
from typing import Annotated

from fastapi import APIRouter, Query, Response

from quietgrid.accounts import Permission
from quietgrid.api import published_shapes as shapes
from quietgrid.api.auth import Asker, Kit
from quietgrid.api.desk import published as desk
from quietgrid.api.routes.meters import need
from quietgrid.api.times import iso, iso_at
from quietgrid.model.publication import STATISTIC_NAMES, Statistic
from quietgrid.wire.publication import Publication

router = APIRouter(tags=["published statistics"])
Month = Annotated[str, Query(pattern=shapes.MONTH + "|^$", examples=["2026-03"])]


def _statistic(kit: Kit, found: Publication) -> shapes.PublishedStatistic:
    margin = found.margin
    figures = [
        shapes.PublishedFigure(
            name=f.name, homes=f.homes, value=f.value, noisy=f.noisy, low=f.value - margin * f.noisy,
            high=f.value + margin * f.noisy,
        )
        for f in found.figures
    ]  # fmt: skip
    statistic = Statistic(found.statistic)
    return shapes.PublishedStatistic(
        statistic=statistic, name=STATISTIC_NAMES[statistic], month=kit.publishing.name_of(found),
        start=iso(found.first, found.resolution), end=iso(found.end, found.resolution),
        unit="homes" if statistic is Statistic.SPREAD else "Wh", homes=found.homes,
        epsilon=found.epsilon_milli / 1000, sensitivity=found.sensitivity, bound_wh=found.bound_wh, year=found.year,
        budget=found.budget_milli / 1000, published=iso_at(found.at), figures=figures,
    )  # fmt: skip


@router.get("/published", response_model=shapes.PublishedStatistics, openapi_extra=need(Permission.PUBLISHED))
def published(kit: Kit, viewer: Asker, month: Month = "") -> shapes.PublishedStatistics:
    """What is published, for everybody who is signed in: monthly, of many homes, with noise where they are few."""
    found = [_statistic(kit, p) for p in desk.published(kit, viewer, month)]
    return shapes.PublishedStatistics(floor=kit.publishing.rules.floor, published=found)


@router.post(
    "/published",
    response_model=shapes.PublishedStatistic,
    status_code=201,
    openapi_extra=need(Permission.PUBLISH),
    responses={200: {"model": shapes.PublishedStatistic, "description": "It was published before: the same again."}},
)
def publish(kit: Kit, viewer: Asker, wanted: shapes.PublishRequest, response: Response) -> shapes.PublishedStatistic:
    """Publish a statistic of a billed month, once for ever. What was published before is served as it was."""
    found, new = desk.publish(kit, viewer, wanted.statistic, wanted.month, wanted.epsilon)
    if not new:
        response.status_code = 200
    return _statistic(kit, found)


@router.get(
    "/published.csv",
    openapi_extra=need(Permission.PUBLISHED),
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def published_csv(kit: Kit, viewer: Asker, month: Month = "") -> Response:
    """The same as CSV, a line a figure."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["month", "statistic", "figure", "homes", "value", "unit", "low_95", "high_95", "epsilon"])
    for found in desk.published(kit, viewer, month):
        one = _statistic(kit, found)
        for f in one.figures:
            epsilon = one.epsilon if f.noisy else 0
            writer.writerow([one.month, one.statistic, f.name, f.homes, f.value, one.unit, f.low, f.high, epsilon])
    headers = {"Content-Disposition": f'attachment; filename="published-{month or "all"}.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/published/spent", response_model=shapes.EpsilonLedger, openapi_extra=need(Permission.LEDGER))
def spent(kit: Kit, viewer: Asker, year: Annotated[int | None, Query(ge=1970, le=2200)] = None) -> shapes.EpsilonLedger:
    """The epsilon ledger: what published statistics cost each home, year by year."""
    rows = [
        shapes.HomeSpent(home=str(r.home), year=r.year, epsilon=r.epsilon_milli / 1000, statistics=r.statistics)
        for r in desk.ledger(kit, viewer, year)
    ]
    return shapes.EpsilonLedger(budget=kit.publishing.rules.budget_milli / 1000, spent=rows)
