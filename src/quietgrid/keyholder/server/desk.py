"""The requests of one keyholder, by path; and errors as problems (RFC 9457).

Nothing here logs or repeats what a body said.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from quietgrid import __version__
from quietgrid.errors import ForbiddenError, InputError, NotFoundError, QuietgridError, VerificationError
from quietgrid.keyholder.server.lanes import Lane
from quietgrid.keyholder.service import Keyholder
from quietgrid.model.interval import Clock
from quietgrid.wire import keyholder_http as http
from quietgrid.wire.links import refusal_of
from quietgrid.wire.messages import Consent, Omission, Refusal, Signed
from quietgrid.wire.own import Erase, Withdrawal
from quietgrid.wire.request_auth import AUDITOR, Nonces, verify_authorization

T = TypeVar("T")
LOG = logging.getLogger("quietgrid.keyholder")
HOUSEHOLD_MESSAGES = frozenset({Consent.NAME, Withdrawal.NAME, Erase.NAME, Omission.NAME})


class Desk:
    """The requests of one keyholder, by path."""

    def __init__(self, keyholder: Keyholder, clock: Clock) -> None:
        self.keyholder = keyholder
        self._clock = clock
        self._nonces = Nonces()
        self._nonces_lock = threading.Lock()
        self._platform = Lane(http.PLATFORM_BODY, threads=4, rate=200.0)
        self._peers = Lane(http.PEER_BODY, threads=4, rate=200.0)
        self._households = Lane(http.HOUSEHOLD_BODY, threads=4, rate=50.0)
        self._auditor = Lane(http.HOUSEHOLD_BODY, threads=1, rate=50.0)

    def routes(self, ready: Callable[[], bool]) -> list[Route]:
        """All routes."""
        k = self.keyholder
        platform = [
            _post(http.ENROL, self._platform, list[Signed], lambda m: http.pairs(k.enrol(m))),
            _post(http.MEMBERS, self._platform, Signed, k.members),
            _post(http.REGISTER, self._platform, list[Signed], k.register),
            _post(http.VOTES_ON, self._platform, list[Signed], lambda m: http.pairs(k.votes_on(m))),
            _post(http.QUESTIONS, self._platform, list[Signed], lambda m: http.pairs(k.questions(m))),
            _post(http.OPENED, self._platform, list[Signed], k.opened),
        ]
        peers = [
            _post(http.PEER_VOTES, self._peers, tuple[list[bytes], Signed], lambda m: k.votes(*m)),
            _post(http.PEER_LOG, self._peers, tuple[int, Signed], self._log),
            _post(http.PEER_RECOVERIES, self._peers, tuple[bytes, Signed], lambda m: k.recoveries(*m)),
        ]
        households = [
            Route(http.LEDGER, self._ledger, methods=["GET"]),
            Route(http.HOUSEHOLD_REGISTER, self._household_register, methods=["POST"]),
            Route(http.HOUSEHOLD_RELEASE, self._release, methods=["GET"]),
            Route(http.DISPUTE, self._dispute, methods=["POST"]),
        ]
        return [*platform, *peers, *households, Route(http.HEALTH, self._health(ready), methods=["GET"])]

    def _log(self, asked: tuple[int, Signed]) -> Signed:
        return self.keyholder.parts.identity.sign(self.keyholder.log_after(*asked))

    # -- households ------------------------------------------------------------------------------------------------

    def _home(self, request: Request, body: bytes) -> tuple[int, bytes]:
        """Which home asks, and its household's public key; raises for a request that is not signed by it."""
        home = self._signed_by(request, body, self._key_of)
        return home, self._key_of(home)

    def _signed_by(self, request: Request, body: bytes, key_of: Callable[[int], bytes]) -> int:
        """The home (or `AUDITOR`) whose key signed a request to this community."""
        target = request.scope["raw_path"].decode("latin-1")
        if request.scope["query_string"]:
            target += "?" + request.scope["query_string"].decode("latin-1")
        asked = (request.method, target, body)
        with self._nonces_lock:
            who = verify_authorization(
                request.headers.get("authorization", ""), asked, key_of, self._clock.now(), self._nonces
            )
        if who.community != self.keyholder.parts.card.community:
            raise VerificationError("signed for another community", where="Authorization", fix="sign for this one")
        return who.home

    def _key_of(self, home: int) -> bytes:
        found = self.keyholder.memory.household_pk.get(home)
        if found is None:
            raise NotFoundError("no such home is enrolled here", where="Authorization", fix="enrol a meter first")
        return found

    async def _ledger(self, request: Request) -> Response:
        def work(body: bytes) -> Signed:
            home, _ = self._home(request, body)
            after, limit = _number(request, "after", 0), _number(request, "limit", 100)
            return self.keyholder.ledger_of(home, after, max(1, min(limit, http.LEDGER_LIMIT)))

        return await self._households.handle(request, work)

    async def _release(self, request: Request) -> Response:
        return await self._households.handle(request, lambda body: self.keyholder.release(self._home(request, body)[0]))

    async def _household_register(self, request: Request) -> Response:
        def work(body: bytes) -> list[Refusal | None]:
            _, public = self._home(request, body)
            notices = _decode(body, list[Signed])
            for notice in notices:
                if notice.name not in HOUSEHOLD_MESSAGES or notice.signer != public:
                    raise ForbiddenError(
                        "a household registers its own consents, withdrawals, omissions and erasures",
                        where=notice.name[:40], fix="send only those, signed by this household",
                    )  # fmt: skip
            return self.keyholder.register(notices)

        return await self._households.handle(request, work)

    async def _dispute(self, request: Request) -> Response:
        """For the auditor alone: a part of a component, with another keyholder's two, would open readings."""

        def auditor(home: int) -> bytes:
            if home != AUDITOR:
                raise ForbiddenError("disputes are the auditor's", where="Authorization", fix="sign as the auditor")
            return self.keyholder.parts.card.auditor_pk

        def work(body: bytes) -> Signed:
            self._signed_by(request, body, auditor)
            return self.keyholder.dispute(_decode(body, Signed))

        return await self._auditor.handle(request, work)

    def _health(self, ready: Callable[[], bool]) -> Callable[[Request], Awaitable[Response]]:
        def look() -> dict[str, object]:
            with self.keyholder.parts.store.read() as tx:
                seq, digest = tx.ledger.head()
            return {
                "index": self.keyholder.index,
                "state": "ready" if ready() else "catching-up",
                "ledger": {"seq": seq, "hash": digest.hex()},
                "version": __version__,
            }

        async def endpoint(request: Request) -> Response:
            self._households.admit(request.client.host if request.client else "", time.monotonic())
            return JSONResponse(await anyio.to_thread.run_sync(look), headers={"Cache-Control": "no-store"})

        return endpoint


def _post(path: str, lane: Lane, kind: type[T], action: Callable[[T], object]) -> Route:
    async def endpoint(request: Request) -> Response:
        return await lane.handle(request, lambda body: action(_decode(body, kind)))

    return Route(path, endpoint, methods=["POST"])


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InputError(
            "the body is not what this address takes", where="body", fix="send it as documented"
        ) from error


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise InputError(f"{name} is no whole number", where="query", fix="give a number of an entry")
    return int(text)


async def on_refusal(request: Request, error: QuietgridError) -> Response:
    """An error of the tree as a problem with its status; for a household as a msgpack `Refusal`."""
    if request.url.path in (http.LEDGER, http.HOUSEHOLD_REGISTER, http.HOUSEHOLD_RELEASE, http.DISPUTE):
        return Response(msgspec.msgpack.encode(refusal_of(error)), error.http_status, media_type=http.MSGPACK)
    return JSONResponse(http.problem(error), error.http_status, media_type=http.PROBLEM)


async def on_http(_request: Request, error: HTTPException) -> Response:
    """A request that is wrong before anyone looked at what it says."""
    body = {"type": "about:blank", "title": "The request cannot be handled", "status": error.status_code}
    return JSONResponse(body | {"detail": error.detail}, error.status_code, error.headers, http.PROBLEM)


async def on_crash(_request: Request, error: Exception) -> Response:
    """Anything unforeseen: where it happened goes to the log, what it said does not (it could quote a body)."""
    LOG.error("%s", where_it_broke(error))
    body = http.problem(QuietgridError("an error inside the keyholder", fix="see its log"))
    return JSONResponse(body, 500, media_type=http.PROBLEM)


def where_it_broke(error: BaseException) -> str:
    """Kind and place of an error, without its message."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places}"


HANDLERS: dict[Any, Any] = {QuietgridError: on_refusal, HTTPException: on_http, Exception: on_crash}
