"""The wall around the household's origin, as plain ASGI: hosts, headers, body size. No framework in here.

Privacy: pages show open readings, so nothing is cached, framed, fetched from elsewhere or told to elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 64 * 1024
PAPERS, MAX_PAPER = "/proofs", 1 << 20
"""Where a document is pasted, and how large it may be."""
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class TooLarge(Exception):
    """The body grew over the limit while it came in."""


class Guard:
    """Wraps an ASGI app.

    Args:
        app: What is guarded. hosts: Host names (without port) this origin answers to; anything else is refused, so
            that a name somebody points at this machine gets nothing.
    """

    def __init__(self, app: App, hosts: Sequence[str]) -> None:
        self._app, self._hosts = app, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").rpartition(":")
        name = host[0] if host[0] and host[2].isdigit() else headers.get(b"host", b"").decode("latin-1")
        if name not in self._hosts:
            await _refuse(send, 421, "this is not the address of a household here")
            return
        length = headers.get(b"content-length", b"0")
        most = MAX_PAPER if scope["path"] == PAPERS else MAX_BODY
        if not length.isdigit() or int(length) > most:
            await _refuse(send, 413, "the request is too large")
            return
        started = False
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise TooLarge
            return message

        async def dressed(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                own = {name.lower() for name, _ in message["headers"]}
                extra = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in own]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        try:
            await self._app(scope, limited, dressed)
        except TooLarge:
            if not started:
                await _refuse(send, 413, "the request is too large")


async def _refuse(send: Send, status: int, what: str) -> None:
    body = json.dumps({"title": "Refused", "what": what}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(k.encode(), v.encode()) for k, v in HEADERS.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
