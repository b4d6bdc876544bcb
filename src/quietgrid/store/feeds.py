"""What reporters agreed on: answers of feeds, each with the signed reports it was made from."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from quietgrid.model.feed import FeedAnswer, FeedReport
from quietgrid.store.schema import INT, NUMBER, PLATFORM, TEXT, Tables, column, key, table

_answer = table(
    "feed_answer", PLATFORM, key("feed", TEXT), key("number", INT), column("round", INT), column("starts", INT),
    column("answer", INT), column("observed_at", INT), column("at", NUMBER), column("sending", TEXT),
    column("detail", TEXT),
)  # fmt: skip


class FeedTables(Tables):
    """Answers of feeds, numbered from 1."""

    def put(self, answer: FeedAnswer) -> FeedAnswer:
        """Keep an answer under the feed's next number."""
        last = self._c.execute(sa.select(sa.func.max(_answer.c.number)).where(_answer.c.feed == answer.feed)).scalar()
        kept = replace(answer, number=int(last or 0) + 1)
        reports = {who: [one.answer, one.observed_at, one.signature.hex()] for who, one in sorted(kept.reports.items())}
        detail = {"reports": reports, "agreed": kept.agreed, "outliers": kept.outliers, "silent": kept.silent}
        row: dict[str, Any] = {
            "feed": kept.feed, "number": kept.number, "round": kept.round_id, "starts": kept.interval,
            "answer": kept.answer, "observed_at": kept.observed_at, "at": kept.at, "sending": kept.sending,
            "detail": json.dumps(detail),
        }  # fmt: skip
        self._c.execute(sa.insert(_answer).values(row))
        return kept

    def answers(self, feed: str, limit: int = 100, before: int = 0) -> list[FeedAnswer]:
        """Answers of a feed, newest first; `before`: with smaller numbers only."""
        query = sa.select(_answer).where(_answer.c.feed == feed).order_by(_answer.c.number.desc()).limit(limit)
        if before:
            query = query.where(_answer.c.number < before)
        return [_read(row) for row in self._c.execute(query)]

    def between(self, feed: str, start: int, end: int) -> list[tuple[int, int]]:
        """(start of the interval, answer) of all intervals from `start` up to `end`, Unix seconds, in order."""
        t = _answer.c
        query = sa.select(t.starts, t.answer).where(t.feed == feed, t.starts >= start, t.starts < end)
        return [(int(row.starts), int(row.answer)) for row in self._c.execute(query.order_by(t.starts, t.number))]

    def latest(self, feed: str) -> FeedAnswer | None:
        """The newest answer of a feed, if there is one."""
        return next(iter(self.answers(feed, 1)), None)


def _read(row: sa.Row[Any]) -> FeedAnswer:
    detail = json.loads(row.detail)
    reports = {
        who: FeedReport(row.feed, row.round, row.starts, answer, observed, bytes.fromhex(signature))
        for who, (answer, observed, signature) in detail["reports"].items()
    }
    return FeedAnswer(
        row.feed, row.number, row.round, row.starts, row.answer, row.observed_at, row.at, row.sending, reports,
        tuple(detail["agreed"]), tuple(detail["outliers"]), tuple(detail["silent"]),
    )  # fmt: skip
