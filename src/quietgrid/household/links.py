"""What a household asks of the others: of the platform its ciphertexts and bills, of each keyholder its ledger.

Protocols, and their HTTP form. Every request is signed with the household's key (`wire.request_auth`); there is no
account and no password between machines. Bodies are msgpack.

    platform    GET  /api/v1/own/sealed?pid=&register=&first=&end=   SealedSeries
                GET  /api/v1/own/bills                               list of encoded bills
                GET  /api/v1/own/invoice?first=                      InvoiceHead of our newest bill of that period
                GET  /api/v1/own/book?first=                         Signed[BookMessage] of our leaf and that period
                GET  /api/v1/own/prices?feed=&first=&end=            list of Signed[Prices]
                GET  /api/v1/own/closes?first=&end=                  list of Signed[Close] of our leaf
                GET  /api/v1/own/records?first=&end=                 list of Signed[DayRecord] of our meters, by day
                GET  /api/v1/own/vouching?first=&end=                Vouching: whose meters these are, and who says so
                GET  /api/v1/own/published                           Signed[OwnParts]: statistics we are part of
                POST /api/v1/own/proofs                              Signed[BillScalars]
                GET  /api/v1/own/claims                              OwnClaims: what our bills owe us, with paths
                POST /api/v1/own/claims/account                      Signed[ClaimAccount]
                POST /api/v1/own/recovery                            [home, encoded Signed[Takeover]] of two keyholders
    keyholder   GET  /v1/ledger?after=&limit=                        Signed[LedgerPage]
                POST /v1/household/register                          list of Signed -> list of Refusal or None
                GET  /v1/household/release                           Signed[Release], once our new key was taken over
    meter       GET  /v1/proofs?pid=&day=                            list of [Signed[Receipt], index, path, frame]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

import httpx
import msgspec

from quietgrid.crypto.public.envelope import Signed, decode
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import MissingExtraError, QuietgridError, TooManyError, UnavailableError, VerificationError
from quietgrid.model.interval import Clock, SystemClock, Window
from quietgrid.wire.keyholder_http import HOUSEHOLD_REGISTER, LEDGER
from quietgrid.wire.links import error_of
from quietgrid.wire.messages import Refusal
from quietgrid.wire.own import METER_PROOFS, InvoiceHead, SealedSeries
from quietgrid.wire.request_auth import authorization
from quietgrid.wire.vouching import Vouching

T = TypeVar("T")
FrameProof = tuple[bytes, int, list[bytes], bytes]
"""Encoded `Signed[Receipt]`, index in its batch, path, frame: as in `Omission`."""
TIMEOUT_S = 20.0
LONG_TIMEOUT_S = 180.0
"""Of a large body: the other side may take long to read it."""
MAX_ANSWER = 64 * 1024 * 1024
PIECE = 256 * 1024


class PlatformLink(Protocol):
    """The platform as one household sees it."""

    def sealed(self, pid: int, register: int, window: Window) -> SealedSeries:
        """Our own ciphertexts; cells that a close counted in that version, the others in their newest."""

    def bills(self) -> list[bytes]:
        """Our bills, encoded, every version, newest period last."""

    def invoice(self, first: int) -> InvoiceHead:
        """What is printed around our newest bill of the period that starts at slot `first`."""

    def book(self, first: int) -> Signed:
        """The book of our leaf for the period that starts at slot `first`."""

    def prices(self, feed: str, window: Window) -> list[Signed]:
        """Published prices of a feed."""

    def closes(self, window: Window) -> list[Signed]:
        """The closes of our leaf."""

    def records(self, window: Window) -> list[Signed]:
        """Our meters' day records of the days the window touches."""

    def vouching(self, window: Window) -> Vouching:
        """What vouches for our meters' keys in a period."""

    def published(self) -> Signed:
        """What published statistics we are part of: a signed `OwnParts`."""

    def prove(self, scalars: Signed) -> None:
        """Hand over a bill's scalars."""

    def erase(self, signed: Signed) -> None:
        """Have our meters dropped: from now on nothing of ours is taken or closed."""


class MeterLink(Protocol):
    """The home's own meters, as the household sees them."""

    def proofs(self, pid: int, day: int) -> list[FrameProof]:
        """Frames of one UTC day with the receipts the meter got for them."""


class HolderLink(Protocol):
    """One keyholder as one household sees it."""

    def ledger(self, after: int, limit: int) -> Signed:
        """The entries after one, as a signed page."""

    def notices(self, signed: Sequence[Signed]) -> list[Refusal | None]:
        """Give consents, withdrawals, omissions, an erasure."""


class SignedClient:
    """HTTP to one base address with signed requests.

    Args:
        client: Has the base address. identity, community, home: who asks.
        clock: The machine's, not the community's: requests age in real time.
    """

    def __init__(
        self, client: httpx.Client, identity: Identity, community: bytes, home: int, clock: Clock | None = None
    ) -> None:
        self._client, self._identity, self._community, self._home = client, identity, community, home
        self._clock = clock or SystemClock()

    def get(self, path: str, kind: type[T], **query: str | int) -> T:
        """GET and decode, or the error that was answered."""
        request = self._client.build_request("GET", path, params=query)
        return self._send(request, kind)

    def post(self, path: str, message: object, kind: type[T]) -> T:
        """POST a msgpack body and decode the answer."""
        content = msgspec.msgpack.encode(message)
        request = self._client.build_request(
            "POST", path, content=content, headers={"Content-Type": "application/msgpack"}
        )
        return self._send(request, kind)

    def get_json(self, path: str, kind: type[T]) -> T:
        """GET and decode JSON, or the error that was answered."""
        return self._json(self._answer(self._client.build_request("GET", path)), kind)

    def post_json(self, path: str, message: object, kind: type[T]) -> T:
        """POST a JSON body and decode the JSON answer."""
        content, typed = msgspec.json.encode(message), {"Content-Type": "application/json"}
        return self._json(self._answer(self._client.build_request("POST", path, content=content, headers=typed)), kind)

    def put_file(self, path: str, content: bytes, kind: type[T], say: Callable[[int], None]) -> T:
        """POST many bytes and decode the JSON answer.

        Args:
            say: told again and again how many bytes went out.
        """

        def pieces() -> Iterator[bytes]:
            for at in range(0, len(content), PIECE):
                yield content[at : at + PIECE]
                say(min(at + PIECE, len(content)))

        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(len(content))}
        request = self._client.build_request("POST", path, content=pieces(), headers=headers, timeout=LONG_TIMEOUT_S)
        return self._json(self._answer(request, content), kind)

    def delete(self, path: str) -> None:
        """DELETE; the error that was answered is raised."""
        self._answer(self._client.build_request("DELETE", path))

    def _send(self, request: httpx.Request, kind: type[T]) -> T:
        answer = self._answer(request)
        try:
            return msgspec.msgpack.decode(answer.content[:MAX_ANSWER], type=kind)
        except msgspec.MsgspecError as error:
            raise VerificationError("an answer cannot be read", where=request.url.path, fix="ask again") from error

    def _json(self, answer: httpx.Response, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(answer.content[:MAX_ANSWER], type=kind)
        except msgspec.MsgspecError as error:
            raise VerificationError("an answer cannot be read", where=answer.url.path, fix="ask again") from error

    def _answer(self, request: httpx.Request, content: bytes | None = None) -> httpx.Response:
        """Sign and send. `content`: of a body that is sent in pieces."""
        target = request.url.raw_path.decode()
        signed = (request.method, target, request.content if content is None else content)
        request.headers["Authorization"] = authorization(
            self._identity, self._community, self._home, signed, self._clock.now()
        )
        try:
            answer = self._client.send(request)
        except httpx.HTTPError as error:
            raise UnavailableError(
                "it does not answer", where=str(request.url.copy_with(query=None)), fix="try again later"
            ) from error
        if answer.status_code >= 400:
            raise _error(answer)
        return answer


class _Problem(msgspec.Struct):
    """An RFC 9457 document, as far as it is read here."""

    status: int
    detail: str = ""
    where: str = ""
    fix: str = ""
    rule: str = ""


def _error(answer: httpx.Response) -> QuietgridError:
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        try:
            said = msgspec.json.decode(answer.content, type=_Problem)
        except msgspec.MsgspecError:
            said = _Problem(answer.status_code, "the request was refused", answer.request.url.path)
        if said.status == MissingExtraError.http_status:
            return MissingExtraError(said.detail, where=said.where, fix=said.fix)
        if said.status == TooManyError.http_status:
            return UnavailableError(said.detail, where=said.where, fix=said.fix)
        return error_of(Refusal(said.status, said.rule, said.detail, said.where, said.fix))
    try:
        return error_of(msgspec.msgpack.decode(answer.content, type=Refusal))
    except msgspec.MsgspecError:
        refusal = Refusal(answer.status_code, "", "the request was refused", answer.request.url.path, "")
        return error_of(refusal)


class HttpPlatform:
    """`PlatformLink` over HTTP."""

    def __init__(self, client: SignedClient) -> None:
        self._client = client

    def sealed(self, pid: int, register: int, window: Window) -> SealedSeries:
        """See `PlatformLink`."""
        body = self._client.get(
            "/api/v1/own/sealed", msgspec.Raw, pid=pid, register=register, first=window.first, end=window.end
        )
        return decode(SealedSeries, bytes(body))

    def bills(self) -> list[bytes]:
        """See `PlatformLink`."""
        return self._client.get("/api/v1/own/bills", list[bytes])

    def invoice(self, first: int) -> InvoiceHead:
        """See `PlatformLink`."""
        return decode(InvoiceHead, bytes(self._client.get("/api/v1/own/invoice", msgspec.Raw, first=first)))

    def book(self, first: int) -> Signed:
        """See `PlatformLink`."""
        return self._client.get("/api/v1/own/book", Signed, first=first)

    def prices(self, feed: str, window: Window) -> list[Signed]:
        """See `PlatformLink`."""
        return self._client.get("/api/v1/own/prices", list[Signed], feed=feed, first=window.first, end=window.end)

    def closes(self, window: Window) -> list[Signed]:
        """See `PlatformLink`."""
        return self._client.get("/api/v1/own/closes", list[Signed], first=window.first, end=window.end)

    def records(self, window: Window) -> list[Signed]:
        """See `PlatformLink`."""
        return self._client.get("/api/v1/own/records", list[Signed], first=window.first, end=window.end)

    def vouching(self, window: Window) -> Vouching:
        """See `PlatformLink`."""
        body = self._client.get("/api/v1/own/vouching", msgspec.Raw, first=window.first, end=window.end)
        return decode(Vouching, bytes(body))

    def published(self) -> Signed:
        """See `PlatformLink`."""
        return self._client.get("/api/v1/own/published", Signed)

    def prove(self, scalars: Signed) -> None:
        """See `PlatformLink`."""
        self._client.post("/api/v1/own/proofs", scalars, msgspec.Raw)

    def erase(self, signed: Signed) -> None:
        """See `PlatformLink`."""
        self._client.post("/api/v1/own/erase", signed, msgspec.Raw)


class HttpMeter:
    """`MeterLink` over HTTP."""

    def __init__(self, client: SignedClient) -> None:
        self._client = client

    def proofs(self, pid: int, day: int) -> list[FrameProof]:
        """See `MeterLink`."""
        return self._client.get(METER_PROOFS, list[FrameProof], pid=pid, day=day)


class HttpHolder:
    """`HolderLink` over HTTP."""

    def __init__(self, client: SignedClient) -> None:
        self._client = client

    def ledger(self, after: int, limit: int) -> Signed:
        """See `HolderLink`."""
        return self._client.get(LEDGER, Signed, after=after, limit=limit)

    def notices(self, signed: Sequence[Signed]) -> list[Refusal | None]:
        """See `HolderLink`."""
        return self._client.post(HOUSEHOLD_REGISTER, list(signed), list[Refusal | None])
