"""A platform process that does not lead answers at its door: 503, come again, ask the one that leads."""

from __future__ import annotations

from starlette.requests import Request

from quietgrid.api.guard import App, Receive, Scope, Send
from quietgrid.api.problems import problem_of, respond
from quietgrid.errors import UnavailableError

STANDBY = "standby"
AGAIN_S = 1


class Door:
    """Wraps an ASGI app: nobody gets in before it is open.

    Args:
        app: What is behind it. open: set it once this process leads. What starts and ends an app always gets in.
    """

    def __init__(self, app: App, *, open: bool) -> None:
        self._app, self.open = app, open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if self.open or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request({**scope, "app": self._app})
        error = UnavailableError("another platform process leads", where="standby", fix="ask that one, or wait")
        answer = respond(request, problem_of(error, role=STANDBY), {"Retry-After": str(AGAIN_S)})
        await answer(scope, receive, send)
