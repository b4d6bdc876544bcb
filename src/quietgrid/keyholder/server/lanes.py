"""Order at the door: a lane is one kind of caller, with its own threads, sizes and rates.

Lanes are apart so that a busy platform never keeps the peers waiting: two keyholders that wait for each other would
stand still.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
import anyio.to_thread
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from quietgrid.wire import keyholder_http as http

BODY_S = 15.0
"""A request's body must be here in so many seconds."""
WAIT_S = 30.0
"""A request waits so long for its turn."""


@dataclass
class Lane:
    """One kind of caller: its own threads, sizes and rates.

    Args:
        body: Largest request body in bytes. threads: requests at a time, reading included, which bounds memory.
        rate: Requests a second from one address, on average; twice a second's worth at once.
    """

    body: int
    threads: int
    rate: float
    addresses: int = 1024
    _seen: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self._turns = anyio.Semaphore(self.threads)
        self._workers = anyio.CapacityLimiter(self.threads)

    def admit(self, address: str, now: float) -> None:
        """Count a request, or 429."""
        tokens, at = self._seen.pop(address, (2 * self.rate, now))
        tokens = min(2 * self.rate, tokens + (now - at) * self.rate)
        self._seen[address] = (max(tokens - 1, 0.0), now)
        if len(self._seen) > self.addresses:
            self._seen.popitem(last=False)
        if tokens < 1:
            raise HTTPException(429, "too many requests", {"Retry-After": "1"})

    async def read(self, request: Request) -> bytes:
        """The request's body, or 413, 408, 400."""
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.body:
            raise HTTPException(413, f"a body may have {self.body} bytes")
        data = bytearray()
        try:
            with anyio.fail_after(BODY_S):
                async for chunk in request.stream():
                    data += chunk
                    if len(data) > self.body:
                        raise HTTPException(413, f"a body may have {self.body} bytes")
        except TimeoutError as error:
            raise HTTPException(408, "the body did not come in time") from error
        except ClientDisconnect as error:
            raise HTTPException(400, "the caller went away") from error
        return bytes(data)

    async def handle(self, request: Request, work: Callable[[bytes], object]) -> Response:
        """Read the body and do the work in a thread of this lane; the answer as msgpack."""
        self.admit(request.client.host if request.client else "", time.monotonic())
        if request.method == "POST" and request.headers.get("content-type") != http.MSGPACK:
            raise HTTPException(415, f"send {http.MSGPACK}")
        try:
            with anyio.fail_after(WAIT_S):
                await self._turns.acquire()
        except TimeoutError as error:
            raise HTTPException(503, "too much to do", {"Retry-After": "5"}) from error
        try:
            body = await self.read(request)
            answer = await anyio.to_thread.run_sync(lambda: msgspec.msgpack.encode(work(body)), limiter=self._workers)
        finally:
            self._turns.release()
        return Response(answer, media_type=http.MSGPACK)
