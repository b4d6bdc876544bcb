"""Feeds for people. Nothing here is about a household."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.api.services import Services
from quietgrid.model.feed import FeedAnswer, feed_named
from quietgrid.runtime.feed_views import FeedView, feed_views

MOST = 1000


@dataclass(frozen=True, slots=True)
class FeedsState:
    """All feeds; `running` is whether this platform collects any."""

    running: bool
    feeds: Sequence[FeedView]


def state(services: Services, viewer: Viewer) -> FeedsState:
    """Every feed with its newest answer."""
    require(viewer, Permission.CHAIN)
    worker = services.feeds
    with services.store.read() as tx:
        if worker is None:
            return FeedsState(False, feed_views(tx, {}, time.time()))
        states = {feed.name: worker.collector.state(feed) for feed in worker.collector.feeds}
        return FeedsState(True, feed_views(tx, worker.names, time.time(), states))


def answers(services: Services, viewer: Viewer, feed: str, limit: int = 100, before: int = 0) -> list[FeedAnswer]:
    """Answers of one feed, newest first.

    Raises:
        NotFoundError: no such feed.
    """
    require(viewer, Permission.CHAIN)
    found = feed_named(feed)
    with services.store.read() as tx:
        return tx.feeds.answers(found.name, min(limit, MOST), before)
