"""Feeds: what is known of price, weather, grid and carbon, and the reporters' way in.

Reporters do not sign in: what is asked for is public, and a report is judged by its signature.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from quietgrid.accounts import Permission
from quietgrid.api import shapes_feeds as shapes
from quietgrid.api.auth import Asker, Kit
from quietgrid.api.desk import feeds as desk
from quietgrid.api.routes.meters import need
from quietgrid.api.times import iso_at
from quietgrid.errors import NotFoundError
from quietgrid.model.feed import FeedAnswer, FeedReport, feed_named
from quietgrid.runtime.feed_views import FeedView

router = APIRouter(prefix="/feeds", tags=["feeds"])


@router.get("", response_model=shapes.FeedList, openapi_extra=need(Permission.CHAIN))
def feeds(kit: Kit, viewer: Asker) -> shapes.FeedList:
    """Every feed: its newest answer, how old it is, who agreed and who did not."""
    found = desk.state(kit, viewer)
    return shapes.FeedList(running=found.running, feeds=[_status(one) for one in found.feeds])


@router.get("/asked", response_model=shapes.AskedFeeds)
def asked(kit: Kit) -> shapes.AskedFeeds:
    """The rounds that wait for reports; for reporters, who need not sign in."""
    return shapes.AskedFeeds(
        asked=[
            shapes.AskedFeed(
                feed=one.feed, round_id=one.round_id, interval=one.interval, chain_id=one.chain_id,
                contract=one.contract,
            )
            for one in ([] if kit.feeds is None else kit.feeds.collector.asked())
        ]
    )  # fmt: skip


@router.post("/reports", response_model=shapes.ReportTaken)
def report(kit: Kit, sent: shapes.ReportSent) -> shapes.ReportTaken:
    """Take a signed report of an open round. The same report again changes nothing."""
    found = FeedReport(
        sent.feed, sent.round_id, sent.interval, sent.answer, sent.observed_at, bytes.fromhex(sent.signature[2:])
    )
    if kit.feeds is None:
        raise NotFoundError("this platform collects no feeds", where="setting feeds", fix="switch them on")
    return shapes.ReportTaken(taken="new" if kit.feeds.collector.take(found) else "known")


@router.get("/{feed}/answers", response_model=shapes.FeedPoints, openapi_extra=need(Permission.CHAIN))
def answers(
    kit: Kit,
    viewer: Asker,
    feed: Annotated[str, Path(max_length=40, examples=["price"])],
    limit: Annotated[int, Query(ge=1, le=desk.MOST)] = 100,
    before: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> shapes.FeedPoints:
    """Answers of one feed, newest first."""
    return shapes.FeedPoints(answers=[_point(one) for one in desk.answers(kit, viewer, feed, limit, before)])


def _status(one: FeedView) -> shapes.FeedStatus:
    held, feed = one.answer, one.feed
    reporters = [
        shapes.FeedReporter(
            address=r.address, name=r.name, state=r.state, why=r.why,
            value=None if r.answer is None else feed.shown(r.answer),
        )
        for r in one.reporters
    ]  # fmt: skip
    return shapes.FeedStatus(
        feed=feed.name, label=feed.label, unit=feed.unit, state=one.state, decimals=feed.decimals,
        value=feed.shown(held.answer) if held else None, answer=held.answer if held else None,
        interval=iso_at(held.interval) if held else None, observed_at=iso_at(held.observed_at) if held else None,
        age_s=one.age_s, heartbeat_s=feed.terms.heartbeat_s, number=held.number if held else None,
        round=held.round_id if held else None, on_chain=one.on_chain, chain_round=one.round_id, reporters=reporters,
        note=one.note,
    )  # fmt: skip


def _point(one: FeedAnswer) -> shapes.FeedPoint:
    return shapes.FeedPoint(
        number=one.number, round=one.round_id, value=feed_named(one.feed).shown(one.answer), answer=one.answer,
        interval=iso_at(one.interval), observed_at=iso_at(one.observed_at), agreed=list(one.agreed),
        outliers=list(one.outliers), silent=list(one.silent),
    )  # fmt: skip
