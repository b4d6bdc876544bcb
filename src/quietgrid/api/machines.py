"""Routes for machines, bodies in msgpack: households (requests signed by their key) and meters (signed contents).

Nothing here needs an account. A household gets its own ciphertexts and numbers; a meter's records speak for themselves.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from quietgrid.crypto.public.envelope import Signed, decode, unpack_signed
from quietgrid.errors import InputError, QuietgridError
from quietgrid.runtime.own import OwnDesk
from quietgrid.runtime.platform import Platform
from quietgrid.wire.links import refusal_of
from quietgrid.wire.messages import BookMessage
from quietgrid.wire.request_auth import Nonces, verify_authorization

MSGPACK = "application/msgpack"
MAX_BODY = 16 * 1024 * 1024
Handler = Callable[[int, dict[str, str], bytes], object]


def packed(value: object) -> Response:
    """A msgpack answer."""
    return Response(msgspec.msgpack.encode(value), media_type=MSGPACK)


def refused(error: QuietgridError) -> Response:
    """An error as a msgpack `Refusal`."""
    return Response(msgspec.msgpack.encode(refusal_of(error)), media_type=MSGPACK, status_code=error.http_status)


async def body_of(request: Request) -> bytes:
    """The request body, up to the limit."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY:
            raise InputError("the request is too large", where=request.url.path, fix=f"send at most {MAX_BODY} bytes")
    return bytes(data)


def household_routes(desk: OwnDesk) -> APIRouter:
    """``/own/*``: signed by the household (`wire.request_auth`); answers are about the asking home only."""
    router = APIRouter(prefix="/api/v1/own", tags=["household"])
    nonces = Nonces()

    def route(method: str, path: str, handler: Handler, summary: str) -> None:
        async def answer(request: Request) -> Response:
            try:
                body = await body_of(request)
                target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                asked = verify_authorization(
                    request.headers.get("authorization", ""), (method, target, body), desk.household_key, time.time(),
                    nonces,
                )  # fmt: skip
                return packed(await run_in_threadpool(handler, asked.home, dict(request.query_params), body))
            except QuietgridError as error:
                return refused(error)

        router.add_api_route(path, answer, methods=[method], summary=summary, response_class=Response)

    def span(query: dict[str, str]) -> tuple[int, int]:
        return number(query, "first"), number(query, "end")

    route(
        "GET", "/sealed",
        lambda home, q, _: desk.sealed(home, number(q, "pid"), number(q, "register"), desk.window(*span(q))),
        "A home's own ciphertexts of one meter and register",
    )  # fmt: skip
    route("GET", "/bills", lambda home, q, _: desk.bills(home), "A home's own issued bills")
    route("GET", "/book", lambda home, q, _: desk.book(home, number(q, "first")), "The book of a home's leaf")
    route(
        "GET", "/prices", lambda home, q, _: desk.prices(q.get("feed", ""), desk.window(*span(q))),
        "Published prices of a feed",
    )  # fmt: skip
    route("GET", "/closes", lambda home, q, _: desk.closes(home, desk.window(*span(q))), "Closes of a home's leaf")
    route("GET", "/records", lambda home, q, _: desk.records(home, desk.window(*span(q))), "Day records of own meters")
    route(
        "POST", "/proofs", lambda home, q, body: desk.prove(home, unpack_signed(body)),
        "Release the scalars of an own bill, so that others can check it",
    )  # fmt: skip
    return router


def meter_routes(platform: Platform, locked: Callable[[Callable[[], object]], Awaitable[object]]) -> APIRouter:
    """``/meters/day-records`` and ``/books``: contents signed by meters and by the platform.

    Args:
        locked: Runs a change under the platform's one writer lock, off the event loop.
    """
    router = APIRouter(prefix="/api/v1", tags=["meters"])

    async def take_records(request: Request) -> Response:
        try:
            signed = msgspec.msgpack.decode(await body_of(request), type=list[Signed])
        except msgspec.MsgspecError:
            return refused(InputError("not a list of signed records", where="day-records", fix="send msgpack"))
        except QuietgridError as error:
            return refused(error)
        try:
            return packed(await locked(lambda: platform.records.put(signed)))
        except QuietgridError as error:
            return refused(error)

    def books() -> Response:
        found = []
        with platform.parts.store.read() as tx:
            messages = [unpack_signed(data) for data in tx.registry.books()]
        for signed in messages:
            book = decode(BookMessage, signed.body)
            members = platform.members(book.first)
            found.append((signed, [int(pid) for pid in members.pids[members.rows(book.leaf)]]))
        return packed(found)

    router.add_api_route("/meters/day-records", take_records, methods=["POST"], summary="Signed day records of meters",
                         response_class=Response)  # fmt: skip
    router.add_api_route("/books", books, methods=["GET"], summary="Registered books and the meters they are for",
                         response_class=Response)  # fmt: skip
    return router


def number(query: dict[str, str], name: str) -> int:
    """A whole number in a query, or `InputError`."""
    text = query.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= 20):
        raise InputError(f"{name!r} is not a whole number", where="query", fix=f"give {name}=…")
    return int(text)
