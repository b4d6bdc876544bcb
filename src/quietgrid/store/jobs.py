"""Work to do later, leased: a worker that dies gives its job back when the lease runs out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from quietgrid.errors import ConflictError
from quietgrid.store.schema import INT, NUMBER, PLATFORM, TEXT, Tables, column, insert_new, key, table

_job = table(
    "job",
    PLATFORM,
    key("key", TEXT),
    column("kind", TEXT),
    column("due", NUMBER),
    column("payload", TEXT),
    column("worker", TEXT),
    column("lease", NUMBER),
    column("tries", INT),
    column("done_at", NUMBER, null=True),
    column("result", TEXT),
    column("error", TEXT),
    sa.Index("job_by_due", "done_at", "due"),
)


@dataclass(frozen=True, slots=True)
class Job:
    """One job: `key` is its idempotency key; `tries` counts leases; `done_at` None while open."""

    key: str
    kind: str
    due: float
    payload: dict[str, Any]
    worker: str
    lease: float
    tries: int
    done_at: float | None
    result: dict[str, Any]
    error: str


class Jobs(Tables):
    """The one job table."""

    def put(self, key: str, kind: str, due: float, payload: Mapping[str, Any] | None = None) -> bool:
        """Add a job unless its key is known; True if it was added."""
        body = json.dumps(dict(payload or {}), sort_keys=True)
        row = {"key": key, "kind": kind, "due": due, "payload": body, "worker": "", "lease": 0.0, "tries": 0}
        return insert_new(self._c, _job, [row | {"done_at": None, "result": "{}", "error": ""}]) == 1

    def lease(self, worker: str, seconds: float, kind: str = "", limit: int = 1) -> list[Job]:
        """Take due jobs nobody holds, oldest first, for `seconds`."""
        now = self._clock.now()
        query = sa.select(_job.c.key).where(_job.c.done_at.is_(None), _job.c.due <= now, _job.c.lease <= now)
        if kind:
            query = query.where(_job.c.kind == kind)
        query = query.order_by(_job.c.due, _job.c.key).limit(limit).with_for_update(skip_locked=True)
        keys = list(self._c.execute(query).scalars())
        values = {"worker": worker, "lease": now + seconds, "tries": _job.c.tries + 1}
        self._c.execute(sa.update(_job).where(_job.c.key.in_(keys)).values(values))
        return [self.get(found) for found in keys]

    def renew(self, key: str, worker: str, seconds: float) -> None:
        """Hold a job longer; `ConflictError` if it is no longer yours."""
        self._change(key, worker, {"lease": self._clock.now() + seconds})

    def done(self, key: str, worker: str, result: Mapping[str, Any] | None = None) -> None:
        """Close a job; `ConflictError` if it is no longer yours."""
        self._change(key, worker, {"done_at": self._clock.now(), "result": json.dumps(dict(result or {})), "error": ""})

    def retry(self, key: str, worker: str, due: float, error: str) -> None:
        """Give a job back for later; `ConflictError` if it is no longer yours."""
        self._change(key, worker, {"due": due, "lease": 0.0, "worker": "", "error": error})

    def get(self, key: str) -> Job:
        """One job."""
        row = self._one(sa.select(_job).where(_job.c.key == key), "job", key)
        return _as_job(row)

    def counts(self) -> dict[str, int]:
        """How many are ``waiting``, ``running``, ``failing`` (given back with an error) and ``done``."""
        now = self._clock.now()
        state = sa.case(
            (_job.c.done_at.is_not(None), "done"), (_job.c.lease > now, "running"), (_job.c.error != "", "failing"),
            else_="waiting",
        ).label("state")  # fmt: skip
        rows = self._c.execute(sa.select(state, sa.func.count()).group_by(sa.text("state")))
        return {"waiting": 0, "running": 0, "failing": 0, "done": 0} | {str(name): int(n) for name, n in rows}

    def failed(self, limit: int = 100) -> list[Job]:
        """Open jobs that were given back with an error."""
        query = sa.select(_job).where(_job.c.done_at.is_(None), _job.c.error != "").order_by(_job.c.due).limit(limit)
        return [_as_job(row) for row in self._c.execute(query)]

    def _change(self, key: str, worker: str, values: Mapping[str, Any]) -> None:
        mine = (_job.c.key == key, _job.c.worker == worker, _job.c.done_at.is_(None))
        if self._c.execute(sa.update(_job).where(*mine).values(values)).rowcount != 1:
            raise ConflictError("this job is not leased to you", where=f"job {key}", fix="lease it again")


def _as_job(row: sa.Row[Any]) -> Job:
    fields = (row.key, row.kind, row.due, json.loads(row.payload), row.worker, row.lease, row.tries, row.done_at)
    return Job(*fields, json.loads(row.result), row.error)
