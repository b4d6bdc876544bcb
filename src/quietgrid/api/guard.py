"""The wall around the server, as plain ASGI: hosts, other sites' requests, sizes, rates, headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException

from quietgrid.accounts import RateLimit
from quietgrid.api.problems import MEDIA, encode, problem_for, problem_of
from quietgrid.api.settings import PAPER_BYTES, Settings
from quietgrid.errors import ForbiddenError, TooManyError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

READING = "/api/v1/meters/reading"
RECORDS = "/api/v1/meters/day-records"
STATION_KEYS, STATION_READINGS = "/api/v1/storage/keys", "/api/v1/storage/readings"
PAPERS = "/audit/proofs"
SERVER_KEY = "/api/v1/insight/keys"
SERVER_KEY_LIMIT = 32 << 20
"""A household's key for encrypted comparisons has 30 MB; it is read only from someone who may send one."""
OPENADR = "/openadr3/"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
"""What every answer carries unless it says otherwise itself (pages do)."""


class Guard:
    """Wraps an ASGI app.

    Args:
        app: What is guarded. settings: hosts and sizes. requests, readings: rates by address.
    """

    def __init__(self, app: App, *, settings: Settings, requests: RateLimit, readings: RateLimit) -> None:
        self._app, self._settings = app, settings
        self._requests, self._readings = requests, readings
        self._headers = dict(HEADERS)
        if settings.secure:
            self._headers["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        sealed = scope["path"] in (READING, RECORDS, STATION_KEYS, STATION_READINGS)
        plain = PAPER_BYTES if scope["path"] == PAPERS else self._settings.body_bytes
        openadr = scope["path"].startswith(OPENADR)
        if openadr:
            plain = self._settings.openadr_bytes
        elif scope["path"] == SERVER_KEY and scope["method"] == "POST":
            plain = SERVER_KEY_LIMIT
        limit = self._settings.reading_bytes if sealed else plain
        dressed = self._dressed(_as_json(send) if openadr else send)
        if _host(headers) not in self._settings.allowed_hosts:
            await _refuse(dressed, 421, encode(problem_for(421)))
            return
        try:
            self._rate(scope, sealed)
            _same_site(scope, headers)
        except TooManyError as error:
            retry = (b"retry-after", str(error.retry_after_s).encode())
            await _refuse(dressed, 429, encode(problem_of(error)), retry)
            return
        except ForbiddenError as error:
            await _refuse(dressed, 403, encode(problem_of(error)))
            return
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > limit:
            await _refuse(dressed, 413, encode(problem_for(413)))
            return
        await self._app(scope, _limited(receive, limit), dressed)

    def _rate(self, scope: Scope, sealed: bool) -> None:
        address = scope["client"][0] if scope.get("client") else "unknown"
        if not scope["path"].startswith("/static/"):
            (self._readings if sealed else self._requests).take(address)

    def _dressed(self, send: Send) -> Send:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message.get("headers", [])}
                extra = [(k.encode(), v.encode()) for k, v in self._headers.items() if k.encode() not in own]
                message = {**message, "headers": [*message.get("headers", []), *extra]}
            await send(message)

        return dressed


def _limited(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(413)
        return message

    return limited


def _as_json(send: Send) -> Send:
    """Refusals in the form of OpenADR, where a problem is plain JSON."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            named = [(k, b"application/json" if v == MEDIA.encode() else v) for k, v in message["headers"]]
            message = {**message, "headers": named}
        await send(message)

    return sending


def _host(headers: dict[bytes, bytes]) -> str:
    host = headers.get(b"host", b"").decode("latin-1")
    if host.startswith("["):
        return host[: host.find("]") + 1]
    return host.partition(":")[0]


def _same_site(scope: Scope, headers: dict[bytes, bytes]) -> None:
    """Browsers say where a request comes from; one that changes something must come from here."""
    origin = headers.get(b"sec-fetch-site", b"none")
    if scope["method"] not in SAFE and origin not in (b"none", b"same-origin"):
        raise ForbiddenError("another site sent this request", where=scope["path"], fix="send it from our own page")


async def _refuse(send: Send, status: int, body: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", MEDIA.encode()), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
