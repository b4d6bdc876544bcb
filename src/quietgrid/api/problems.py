"""Errors as RFC 9457 problem documents: what happened, where, how to fix it; an id that is in the log as well.

A household's signed requests (``/api/v1/own``) get the same as a msgpack `Refusal`, since nothing there is JSON.
No problem ever repeats what was sent.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from quietgrid.errors import GateRefusal, QuietgridError, SignInError, TooManyError
from quietgrid.wire.messages import Refusal

LOG = logging.getLogger("quietgrid.api")
MEDIA = "application/problem+json"
TITLES = {
    404: ("Not found", "there is nothing at this address", "check the address"),
    405: ("Method not allowed", "this address does not do that", "see the OpenAPI description"),
    411: ("Length required", "the request does not say how long it is", "send Content-Length"),
    413: ("The request is too large", "more was sent than is taken at once", "send less at once"),
    415: ("Unsupported media type", "this form of body is not taken here", "see the OpenAPI description"),
    421: ("Wrong host", "this server does not answer to that name", "use its public address"),
    422: ("The input cannot be used", "some values do not fit", "see `errors`"),
    500: ("Something went wrong", "an error that was not foreseen", "report it with its id"),
    503: ("Not available right now", "the server is busy", "try again later"),
}
HtmlErrors = Callable[[Request, "Problem"], Response]


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(examples=["urn:quietgrid:problem:gate-refusal"])
    title: str = Field(examples=["The privacy gate refused"])
    status: int = Field(examples=[403])
    detail: str = Field(examples=["this asks for one home; a total needs at least 15 homes"])
    instance: str = Field(examples=["urn:quietgrid:instance:7f3a91c2"])
    where: str = Field(default="", examples=["home:1017"])
    fix: str = Field(default="", examples=["ask for the feeder section's total"])
    rule: str = Field(default="", examples=["floor"], description="The gate's rule, if the gate said no.")
    errors: list[dict[str, str]] = Field(default=[], description="Fields that do not fit (422).")
    reasons: list[str] = Field(default=[], description="Why each frame was refused (readings).")
    role: str = Field(default="", description="`standby` where another process leads (503).")

    @property
    def id(self) -> str:
        """The last part of `instance`."""
        return self.instance.rpartition(":")[2]


def slug(error: type[Exception]) -> str:
    """The name of a kind of error.

    >>> slug(GateRefusal), slug(SignInError)
    ('gate-refusal', 'sign-in-error')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", error.__name__).lower()


def problem_of(error: QuietgridError, **more: Any) -> Problem:
    """The problem an error of ours stands for."""
    return Problem(
        type=f"urn:quietgrid:problem:{slug(type(error))}", title=error.title, status=error.http_status,
        detail=error.what, instance=_instance(), where=error.where, fix=error.fix,
        rule=error.rule if isinstance(error, GateRefusal) else "", **more,
    )  # fmt: skip


def problem_for(status: int, detail: str = "", **more: Any) -> Problem:
    """The problem of a bare HTTP status."""
    title, what, fix = TITLES.get(status, ("Refused", "the request was refused", "see the OpenAPI description"))
    return Problem(
        type="about:blank", title=title, status=status, detail=detail or what, instance=_instance(), fix=fix, **more
    )


def respond(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A problem in the form the asker reads: JSON, msgpack for a household's process, a page for a person."""
    own = dict(headers or {}) | {"Cache-Control": "no-store"}
    path = request.url.path
    if path.startswith("/api/v1/own/"):
        refusal = Refusal(problem.status, problem.rule, problem.detail, problem.where, problem.fix)
        return Response(msgspec.msgpack.encode(refusal), problem.status, own, "application/msgpack")
    html: HtmlErrors | None = getattr(request.app.state, "html_errors", None)
    if html and not path.startswith(("/api/", "/healthz")) and "text/html" in request.headers.get("accept", ""):
        page = html(request, problem)
        page.headers.update(own)
        return page
    return Response(encode(problem), problem.status, own, MEDIA)


def encode(problem: Problem) -> bytes:
    """The JSON document; empty members are left out."""
    return problem.model_dump_json(exclude_defaults=True).encode()


def install(app: FastAPI) -> None:
    """Answer every error with a problem."""

    @app.exception_handler(QuietgridError)
    async def ours(request: Request, error: QuietgridError) -> Response:
        headers = {}
        if isinstance(error, TooManyError):
            headers["Retry-After"] = str(error.retry_after_s)
        if isinstance(error, SignInError):
            headers["WWW-Authenticate"] = 'QG1 realm="quietgrid"'
        problem = problem_of(error)
        if problem.status >= 500:
            LOG.warning("%s %s: %s", problem.id, request.url.path, error)
        return respond(request, problem, headers)

    @app.exception_handler(RequestValidationError)
    async def fields(request: Request, error: RequestValidationError) -> Response:
        found = [
            {"field": ".".join(map(str, item["loc"])), "what": str(item["msg"])[:200]} for item in error.errors()[:20]
        ]
        return respond(request, problem_for(422, errors=found))

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> Response:
        return respond(request, problem_for(error.status_code), error.headers)

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        problem = problem_for(500)
        LOG.error("%s %s %s", problem.id, request.method, request.url.path, exc_info=error)
        return respond(request, problem)


def _instance() -> str:
    return f"urn:quietgrid:instance:{secrets.token_hex(4)}"
