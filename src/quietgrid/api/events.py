"""Server-sent events: one look at the platform a second, however many watch; every watcher gets its own queue.

Events (each with JSON): ``status`` keyholders, clock, progress; ``values``, ``series``, ``bytes``, ``state`` for the
pages (`web/static/app.js`); ``beat`` every few seconds. Totals and bytes go only to viewers who may see them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool

from quietgrid.accounts import Permission, Viewer
from quietgrid.api.desk import evening
from quietgrid.api.services import Services
from quietgrid.errors import QuietgridError, UnavailableError

LOOK_S, BEAT_S, QUEUE = 0.5, 3.0, 64


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name, JSON-able data, and what a viewer needs to be sent it."""

    name: str
    data: dict[str, object]
    needs: Permission = Permission.STATUS

    def encode(self) -> bytes:
        """As sent."""
        return f"event: {self.name}\ndata: {json.dumps(self.data, separators=(',', ':'))}\n\n".encode()


@dataclass(eq=False)
class _Watcher:
    viewer: Viewer
    queue: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    slow: bool = False


More = Callable[[evening.Status], list[Event]]
"""What else to tell when something new was closed: set by the pages."""
Often = Callable[[], list[Event]]
"""What to tell whenever somebody looks; called every look, so it has to be quick."""


class Hub:
    """Looks and tells.

    Args:
        services: What to look at. look_s: seconds between looks.
    """

    def __init__(self, services: Services, look_s: float = LOOK_S) -> None:
        self._services, self._look_s = services, look_s
        self._watchers: set[_Watcher] = set()
        self._task: asyncio.Task[None] | None = None
        self._last: evening.Status | None = None
        self.more: More = lambda _status: []
        self.often: Often = list

    async def stream(self, viewer: Viewer) -> AsyncIterator[bytes]:
        """The events of one viewer, until they leave.

        Raises:
            UnavailableError: too many watch already.
        """
        if len(self._watchers) >= self._services.settings.streams:
            raise UnavailableError("too many are watching", where="events", fix="try again later")
        watcher = _Watcher(viewer)
        self._watchers.add(watcher)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            yield b"retry: 2000\n\n"
            if self._last is not None:
                yield _status_event(self._last).encode()
            while not watcher.slow:
                try:
                    yield await asyncio.wait_for(watcher.queue.get(), BEAT_S)
                except TimeoutError:
                    yield b"event: beat\ndata: {}\n\n"
        finally:
            self._watchers.discard(watcher)

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._watchers:
            try:
                events = await run_in_threadpool(self._look)
            except QuietgridError:
                events = []
            for event in events:
                self._tell(event)
            await asyncio.sleep(self._look_s)

    def _look(self) -> list[Event]:
        status = evening.progress(self._services)
        before, self._last = self._last, status
        often = self.often()
        if before == status:
            return often
        events = [_status_event(status), *often]
        if before is None or before.closed_end != status.closed_end or before.holders != status.holders:
            events += self.more(status)
        return events

    def _tell(self, event: Event) -> None:
        data = event.encode()
        for watcher in list(self._watchers):
            if not watcher.viewer.may(event.needs):
                continue
            try:
                watcher.queue.put_nowait(data)
            except asyncio.QueueFull:
                watcher.slow = True


def _status_event(status: evening.Status) -> Event:
    data: dict[str, object] = {
        "phase": status.phase, "days_done": status.done, "days_total": status.total, "note": status.note,
        "unix": status.unix, "closed_end": status.closed_end, "speed": status.speed, "paused": status.paused,
        "keyholders": [{"number": h.number, "state": h.state} for h in status.holders],
    }  # fmt: skip
    return Event("status", data)
