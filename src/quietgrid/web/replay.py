"""The first minute: history is replayed, and everyone sees how far it is."""

from __future__ import annotations

import time

from fastapi import APIRouter
from starlette.responses import Response

from quietgrid.api.desk import evening
from quietgrid.errors import UnavailableError
from quietgrid.web.formats import count, day
from quietgrid.web.kit import Look, Looking

router = APIRouter(include_in_schema=False)
PHASES = ("starting", "enrolling", "replaying", "live")


@router.get("/replay")
def replay_page(look: Looking) -> Response:
    """How far the replay is; for everyone, since no number of the community is on it."""
    status = evening.progress(look.services)
    if status.phase == "failed":
        raise UnavailableError("the demo could not get ready", where=status.note[:200], fix="see its logs")
    return look.page("replay.html", {"replay": replay_context(look, status)})


@router.get("/replay/progress")
def progress(look: Looking) -> Response:
    """The part that changes; sends the page on once everything is ready."""
    status = evening.progress(look.services)
    response = look.part("partials/replay.html", {"replay": replay_context(look, status)})
    if status.ready:
        response.headers["HX-Redirect"] = "/"
    return response


class Stopwatch:
    """When the replay was first seen, to say how long it may still take."""

    def __init__(self) -> None:
        self._seen: tuple[float, int] | None = None

    def left(self, done: int, total: int) -> int | None:
        """Seconds, None while unknown."""
        now = time.monotonic()
        if self._seen is None:
            self._seen = (now, done)
        since, first = self._seen
        if done <= first or now - since < 1:
            return None
        return max(1, round((now - since) / (done - first) * (total - done)))


def replay_context(look: Look, status: evening.Status) -> dict[str, object]:
    """What `partials/replay.html` shows."""
    services = look.services
    watch: Stopwatch = look.request.app.state.stopwatch
    with services.store.read() as tx:
        readings, _ = tx.overview.stored()
        opened = tx.overview.asked_count(outcome="answered")
        refused = tx.overview.asked_count(outcome="refused")
        meters = len(tx.registry.meters())
        bills = sum(tx.billing.counts(tx.billing.periods()[0][0]).values()) if tx.billing.periods() else 0
    at = PHASES.index(status.phase) if status.phase in PHASES else 0
    steps = [("Start", "three keyholders, one platform"), ("Enrol", f"{count(meters)} meters, signed")]
    steps += [("Replay", f"day {status.done} of {status.total}"), ("Bills", f"{count(bills)} made")]
    moment = status.closed_end * services.card.resolution if status.closed_end else status.unix
    return {
        "day": status.done, "days": max(1, status.total), "left_s": watch.left(status.done, status.total),
        "steps": [
            {"name": name, "text": text, "state": "done" if n < at else "now" if n == at else "next"}
            for n, (name, text) in enumerate(steps)
        ],
        "facts": [
            ("Readings sealed", count(readings)), ("Questions answered", count(opened)),
            ("Questions refused", count(refused)), ("Simulated day", day(moment, services.card.tz)),
        ],
        "done": status.ready,
    }  # fmt: skip
