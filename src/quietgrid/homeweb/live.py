"""Server-sent events of the household's pages: looked up anew every few seconds, sent where something changed.

The events and their data are listed at the top of `web/static/app.js`. A stream ends with its session.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from quietgrid.errors import QuietgridError
from quietgrid.homeweb import front
from quietgrid.homeweb.desk import Desk
from quietgrid.web.formats import energy, kwh, power

Event = tuple[str, dict[str, Any]]
Look = Callable[[], list[Event]]
BEAT: Event = ("beat", {})


class FrameWatch:
    """Curve and power for the frame on the start page. Call it again and again: what is new since the last time."""

    def __init__(self, desk: Desk, name: str, *, bare: bool = False) -> None:
        self._desk, self._name, self._bare = desk, name, bare
        self._end: int | None = None

    def __call__(self) -> list[Event]:
        """New intervals and values."""
        context, end = front.glance(self._desk, self._name)
        home = context["home"]
        values = {"home-today": kwh(home["today_wh"]) if self._bare else energy(home["today_wh"])}
        if home["now_w"] is not None:
            values["home-now"] = power(home["now_w"])
        out: list[Event] = [BEAT, ("values", values)]
        if not self._bare and self._end is not None:
            new = max(0, min(end - self._end, front.FRAME_INTERVALS))
            xs, ys = context["spec"]["x"], context["spec"]["series"][0]["data"]
            start = len(xs) - new
            out += [
                ("series", {"chart": "home-curve", "x": x, "values": [y]})
                for x, y in zip(xs[start:], ys[start:], strict=True)
            ]
        self._end = end
        return out


class PrivacyWatch:
    """Says when there is a new entry about the home: a notice, or the page anew."""

    def __init__(self, desk: Desk, *, reload: bool) -> None:
        self._desk, self._reload = desk, reload
        self._known: int | None = None

    def __call__(self) -> list[Event]:
        """What is new since the last time."""
        rows = [row for row in self._desk.privacy() if row.mine]
        before, self._known = self._known, len(rows)
        if before is None or before >= len(rows):
            return [BEAT]
        if self._reload:
            return [BEAT, ("reload", {})]
        refused = any(row.kind == "refused" for row in rows[: len(rows) - before])
        text = "Somebody asked about your home alone and was refused." if refused else "A number left your home."
        return [BEAT, ("notice", {"text": f"{text} See Privacy."})]


class HomeWatch:
    """Values of the first page, and notices."""

    def __init__(self, desk: Desk, name: str) -> None:
        self._parts: tuple[Look, ...] = (FrameWatch(desk, name, bare=True), PrivacyWatch(desk, reload=False))

    def __call__(self) -> list[Event]:
        """What is new since the last time."""
        return [event for part in self._parts for event in part()]


async def stream(request: Request, look: Look, allowed: Callable[[], bool], every: float) -> AsyncIterator[str]:
    """The text of a stream.

    Args:
        look: Run in a worker thread each time. allowed: still signed in. every: seconds between looks.
    """
    yield "retry: 3000\n\n"
    while not await request.is_disconnected():
        if not await run_in_threadpool(allowed):
            yield _text(("reload", {}))
            return
        try:
            events = await run_in_threadpool(look)
        except QuietgridError:
            events = []  # without a beat the page says how old it is
        for event in events:
            yield _text(event)
        await anyio.sleep(every)


def _text(event: Event) -> str:
    name, data = event
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
