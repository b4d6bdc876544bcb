"""Feeds: what reporters agreed on, how old it is, who reported otherwise or not at all."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from quietgrid.api.desk import feeds as desk
from quietgrid.model.feed import Feed, FeedAnswer
from quietgrid.runtime.feed_views import FeedView, ReporterView
from quietgrid.web.kit import Look, Looking

router = APIRouter(include_in_schema=False)
ROUNDS = 4
"""Rounds of each feed that are listed."""
TONES = {
    "fresh": "ok", "stale": "warn", "waiting": "idle", "recorded": "ok", "on its way": "warn", "refused": "bad",
    "here only": "warn", "no oracle": "idle", "agreed": "ok", "outlier": "bad", "silent": "warn",
}  # fmt: skip
HOUR_S, MINUTE_S = 3_600, 60


@router.get("/audit/feeds")
def feeds(look: Looking) -> Response:
    """Every feed, its reporters, its newest rounds."""
    found = desk.state(look.services, look.viewer)
    stale = [one.feed.label for one in found.feeds if one.state == "stale"]
    context: dict[str, object] = {
        "running": found.running, "feeds": [_feed(one) for one in found.feeds], "stale": stale,
        "rounds": [row for one in found.feeds for row in _rounds(look, one)],
    }  # fmt: skip
    return look.page("audit/feeds.html", context, active="feeds")


def age(seconds: int) -> str:
    """How old something is, in one unit.

    >>> age(59), age(3_540), age(7_300)
    ('59 s', '59 min', '2 h')
    """
    if seconds < MINUTE_S:
        return f"{seconds} s"
    return f"{seconds // MINUTE_S} min" if seconds < HOUR_S else f"{seconds // HOUR_S} h"


def figure(feed: Feed, answer: int) -> str:
    """An answer with its thousands apart.

    >>> from quietgrid.model.feed import feed_named
    >>> figure(feed_named("load"), -5_806_670), figure(feed_named("price"), 82_300)
    ('-5,806,670', '0.082300')
    """
    whole, point, part = feed.shown(answer).partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.lstrip('-')):,}{point}{part}"


def _feed(one: FeedView) -> dict[str, object]:
    held, feed = one.answer, one.feed
    return {
        "name": feed.name, "label": feed.label, "unit": feed.unit, "state": one.state, "tone": TONES[one.state],
        "value": figure(feed, held.answer) if held else "", "interval": held.interval if held else 0,
        "observed": held.observed_at if held else 0, "age": "" if one.age_s is None else age(one.age_s),
        "heartbeat": age(feed.terms.heartbeat_s), "round": held.round_id if held else 0, "on_chain": one.on_chain,
        "chain_tone": TONES[one.on_chain], "chain_round": one.round_id, "note": one.note,
        "reporters": [_reporter(one, reporter) for reporter in one.reporters],
        "agreed": sum(reporter.state == "agreed" for reporter in one.reporters),
    }  # fmt: skip


def _reporter(one: FeedView, reporter: ReporterView) -> dict[str, object]:
    value = "" if reporter.answer is None else figure(one.feed, reporter.answer)
    return {
        "name": reporter.name, "address": reporter.address, "state": reporter.state, "tone": TONES[reporter.state],
        "value": value, "why": reporter.why,
    }  # fmt: skip


def _rounds(look: Look, one: FeedView) -> list[dict[str, object]]:
    names = {reporter.address: reporter.name for reporter in one.reporters}

    def row(held: FeedAnswer) -> dict[str, object]:
        return {
            "label": one.feed.label, "unit": one.feed.unit, "number": held.number,
            "value": figure(one.feed, held.answer), "interval": held.interval, "observed": held.observed_at,
            "agreed": len(held.agreed), "outliers": ", ".join(names.get(who, who[:10]) for who in held.outliers),
            "silent": ", ".join(names.get(who, who[:10]) for who in held.silent),
        }  # fmt: skip

    return [row(held) for held in desk.answers(look.services, look.viewer, one.feed.name, ROUNDS)]
