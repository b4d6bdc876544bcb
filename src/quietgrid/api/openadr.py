"""The OpenADR 3.1.1 VTN over HTTP, an app of its own at ``/openadr3/3.1.1``: tokens, scopes, 45 operations, problems.

Errors are problems in the form of the OpenAPI file (``application/json``). A few answers are not in the file because
it does not think of them: 405, 413, 421, 429 and 503. `POST /vens` has no 409 there, so a name that is taken is 400.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quietgrid.accounts import RateLimit
from quietgrid.api.openadr_query import body_of, form_of, object_id, search_of
from quietgrid.api.problems import encode, problem_for, problem_of
from quietgrid.api.settings import Settings
from quietgrid.errors import ConflictError, ForbiddenError, InputError, QuietgridError, SignInError, TooManyError
from quietgrid.runtime.vtn import Vtn
from quietgrid.runtime.vtn_clients import LIFETIME_S, Caller, ScopeError
from quietgrid.wire.openadr3 import OPERATIONS, PREFIX, AuthServerInfo, Notifiers, TokenAnswer, Topics, TopicsAnswer
from quietgrid.wire.openadr3.description import description
from quietgrid.wire.openadr3.operations import Operation

LOG = logging.getLogger("quietgrid.openadr")
JSON = "application/json"
Work = Callable[[Request, bytes], Any]
GRANT = "client_credentials"


class GrantError(InputError):
    """A token was asked for in a way that cannot be given. error: RFC 6749's word for it."""

    title = "No token for that"

    def __init__(self, error: str, what: str, *, fix: str) -> None:
        self.error = error
        super().__init__(what, where="auth/token", fix=fix)


class Desk:
    """Does the operations.

    Args:
        vtn: the VTN. settings: public address and rates.
    """

    def __init__(self, vtn: Vtn, settings: Settings) -> None:
        self._vtn, self._settings = vtn, settings
        self._requests = RateLimit(settings.requests_per_minute)
        self._tokens = RateLimit(settings.tokens_per_minute)

    def work(self, operation: Operation) -> Work:
        """What an operation does, as a function of request and body."""
        return {
            "list": self._list, "create": self._create, "read": self._read, "replace": self._replace,
            "delete": self._delete, "server": self._server, "token": self._token, "notifiers": self._notifiers,
            "topics": self._topics,
        }[operation.does](operation)  # fmt: skip

    def caller(self, request: Request, scope: str) -> Caller:
        """Who asks, with a token that has the scope.

        Raises:
            SignInError: no token, or no good one. ForbiddenError: without the scope. TooManyError: too often.
        """
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            raise SignInError("a bearer token is needed", where="Authorization", fix="get one at /auth/token")
        caller = self._vtn.clients.caller(token.strip())
        self._requests.take(caller.client)
        if scope not in caller.scopes:
            raise ForbiddenError(f"this needs the scope {scope}", where="Authorization", fix="ask for such a token")
        return caller

    def _list(self, operation: Operation) -> Work:
        def work(request: Request, _: bytes) -> Any:
            caller = self.caller(request, operation.scope)
            asked = search_of(operation.filters, request.query_params.multi_items())
            assert operation.object is not None
            return self._vtn.search(caller, operation.object, asked.wanted, asked.active, asked.about)

        return work

    def _create(self, operation: Operation) -> Work:
        def work(request: Request, raw: bytes) -> Any:
            caller = self.caller(request, operation.scope)
            sent = body_of(raw, request.headers.get("content-type", ""), operation.takes)
            assert operation.object is not None
            try:
                return self._vtn.create(caller, operation.object, sent)
            except ConflictError as error:
                if operation.id != "createVen":
                    raise
                raise InputError(error.what, where=error.where, fix=error.fix) from error

        return work

    def _read(self, operation: Operation) -> Work:
        def work(request: Request, _: bytes) -> Any:
            caller = self.caller(request, operation.scope)
            assert operation.object is not None
            return self._vtn.read(caller, operation.object, _id(request))

        return work

    def _replace(self, operation: Operation) -> Work:
        def work(request: Request, raw: bytes) -> Any:
            caller, id = self.caller(request, operation.scope), _id(request)
            sent = body_of(raw, request.headers.get("content-type", ""), operation.takes)
            assert operation.object is not None
            return self._vtn.replace(caller, operation.object, id, sent)

        return work

    def _delete(self, operation: Operation) -> Work:
        def work(request: Request, _: bytes) -> Any:
            caller = self.caller(request, operation.scope)
            assert operation.object is not None
            return self._vtn.delete(caller, operation.object, _id(request))

        return work

    def _server(self, _: Operation) -> Work:
        where = AuthServerInfo(tokenURL=f"{self._settings.public_url}{PREFIX}/auth/token")
        return lambda request, raw: where

    def _token(self, _: Operation) -> Work:
        def work(request: Request, raw: bytes) -> TokenAnswer:
            address = request.client.host if request.client else "unknown"
            form = form_of(raw, request.headers.get("content-type", ""))
            grant, id, secret = (form.get(name, "") for name in ("grant_type", "client_id", "client_secret"))
            if not (grant and id and secret) or max(len(id), len(secret), len(form.get("scope", ""))) > 4096:
                raise GrantError("invalid_request", "a field is missing or too long", fix="see RFC 6749, 4.4.2")
            if grant != GRANT:
                raise GrantError("unsupported_grant_type", f"only {GRANT} is granted", fix=f"send {GRANT}")
            self._tokens.take(f"{address} {id[:64]}")
            token, scopes = self._vtn.clients.token(id, secret, form.get("scope", ""))
            return TokenAnswer(
                access_token=token, token_type="Bearer", expires_in=LIFETIME_S, scope=" ".join(sorted(scopes))
            )

        return work

    def _notifiers(self, operation: Operation) -> Work:
        def work(request: Request, _: bytes) -> Notifiers:
            self.caller(request, operation.scope)
            mqtt = self._vtn.mqtt
            return Notifiers(WEBHOOK=True) if mqtt is None else Notifiers(WEBHOOK=True, MQTT=mqtt[1])

        return work

    def _topics(self, operation: Operation) -> Work:
        def work(request: Request, _: bytes) -> TopicsAnswer:
            caller = self.caller(request, operation.scope)
            for value in request.path_params.values():
                object_id(value)
            path = operation.path.removeprefix("/notifiers/mqtt/topics/").format(**request.path_params).split("/")
            topic, creations = self._vtn.topics(caller, path)
            named = Topics(UPDATE=f"{topic}/update", DELETE=f"{topic}/delete", ALL=f"{topic}/+")
            if creations:
                named.CREATE = f"{topic}/create"
            return TopicsAnswer(topics=named)

        return work


def create_vtn_app(vtn: Vtn, settings: Settings) -> Starlette:
    """The app of a VTN; mount it at `wire.openadr3.PREFIX`."""
    desk = Desk(vtn, settings)
    routes: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        routes.setdefault(operation.path, {})[operation.method] = operation
    made = [Route(path, _endpoint(desk, methods), methods=list(methods)) for path, methods in routes.items()]
    text = msgspec.json.encode(description(f"{settings.public_url}{PREFIX}"))

    async def described(_: Request) -> Response:
        return Response(text, media_type=JSON)

    made.append(Route("/openapi.json", described))
    handlers: dict[Any, Any] = {QuietgridError: _ours, HTTPException: _plain, Exception: _unforeseen}
    return Starlette(routes=made, exception_handlers=handlers)


def _endpoint(desk: Desk, operations: dict[str, Operation]) -> Callable[[Request], Awaitable[Response]]:
    work = {method: desk.work(operation) for method, operation in operations.items()}

    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        raw = await request.body()
        answer = await run_in_threadpool(work[method], request, raw)
        status = 201 if operations[method].does == "create" else 200
        return Response(msgspec.json.encode(answer), status, media_type=JSON)

    return endpoint


def _id(request: Request) -> str:
    return object_id(next(iter(request.path_params.values())))


def _ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, QuietgridError)
    headers = {}
    if isinstance(error, TooManyError):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, SignInError):
        headers["WWW-Authenticate"] = "Bearer"
    problem = problem_of(error)
    if problem.status >= 500:
        LOG.warning("%s: %s", problem.id, error)
    content = encode(problem)
    word = _word(error)
    if word:
        content = msgspec.json.encode(msgspec.json.decode(content) | {"error": word, "error_description": error.what})
    return Response(content, problem.status, headers, JSON)


def _word(error: QuietgridError) -> str:
    """RFC 6749's word for an error at the token endpoint."""
    if isinstance(error, GrantError):
        return error.error
    if isinstance(error, ScopeError):
        return "invalid_scope"
    return "invalid_client" if isinstance(error, SignInError) and error.where == "auth/token" else ""


def _plain(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return Response(encode(problem_for(error.status_code)), error.status_code, error.headers, JSON)


def _unforeseen(request: Request, error: Exception) -> Response:
    problem = problem_for(500)
    LOG.error("%s %s %s", problem.id, request.method, request.url.path, exc_info=error)
    return Response(encode(problem), problem.status, media_type=JSON)
