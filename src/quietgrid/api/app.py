"""The app: routes under ``/api/v1``, the wall around it, errors as problems."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware import Middleware

from quietgrid.api import shapes
from quietgrid.api.auth import Kit
from quietgrid.api.control import DemoControl
from quietgrid.api.desk import evening
from quietgrid.api.events import Hub
from quietgrid.api.guard import Guard
from quietgrid.api.openadr import create_vtn_app
from quietgrid.api.problems import Problem, install
from quietgrid.api.routes import assets as owned
from quietgrid.api.routes import audit, bills, disputes, meters, own, published, readings, session, status, totals
from quietgrid.api.routes import chain as on_chain
from quietgrid.api.routes import feeds as watched
from quietgrid.api.routes import governance as votes
from quietgrid.api.routes import grid as operated
from quietgrid.api.routes import insight as compared
from quietgrid.api.routes import metrics as counted
from quietgrid.api.routes import response as responded
from quietgrid.api.routes import storage as stored
from quietgrid.api.routes import telemetry as measured
from quietgrid.api.services import Services
from quietgrid.api.settings import Settings
from quietgrid.runtime.onchain import ChainWorker
from quietgrid.runtime.platform import Platform
from quietgrid.wire.openadr3 import PREFIX as OPENADR

PREFIX = "/api/v1"
DESCRIPTION = """A local energy community without anyone seeing one household's readings.

Readings come in sealed and stay sealed: `GET /meters/{pid}/history` hands a home its own ciphertexts and refuses
everyone else. What opens are totals of at least 15 homes and a few sums a home and billing period.

Sign in with a session cookie (changes need `X-CSRF-Token`), or, as a household, with signed requests
(`Authorization: QG1 …`). Errors are RFC 9457 problems."""
QUIET: TelemetryConfig = {
    "tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False,
}  # fmt: skip
"""No environment variable can have request paths (they hold sign-in tokens and homes) exported from here."""
_ERRORS: dict[int | str, dict[str, object]] = {
    status: {"model": Problem, "content": {"application/problem+json": {}}, "description": text}
    for status, text in {
        400: "The input cannot be used.", 401: "Nobody is signed in.", 403: "A role or the gate refuses.",
        404: "There is no such thing, or not for you.", 409: "Contradicts what is recorded.",
        413: "More was sent than is taken at once.", 422: "A value or a proof does not hold.",
        429: "Too many requests.", 503: "A needed process is away.",
    }.items()
}  # fmt: skip
health = APIRouter(tags=["status"])


@health.get("/healthz", response_model=shapes.Health)
def healthz(kit: Kit) -> shapes.Health:
    """Whether this process answers, for supervisors."""
    return shapes.Health(phase=evening.progress(kit).phase)


def create_app(
    platform: Platform,
    settings: Settings | None = None,
    *,
    control: DemoControl | None = None,
    lock: threading.RLock | None = None,
    chain: ChainWorker | None = None,
) -> FastAPI:
    """The API of one community's platform.

    Args:
        platform: Wired and open; its owner closes it. settings: of the server.
        control: the demo's driver, None in real life. lock: shared with whoever else drives the platform.
        chain: what looks at the chain, None without one.

    Returns:
        The app; its `state.services` are what the pages use.
    """
    services = Services(platform, settings or Settings(), control, lock)
    services.chain = services.grid.chain = chain
    hub = Hub(services)

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await hub.close()
        services.close()

    app = FastAPI(
        title="Quietgrid", version="1", description=DESCRIPTION, lifespan=life, telemetry=QUIET,
        docs_url=None, redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        middleware=[
            Middleware(Guard, settings=services.settings, requests=services.requests, readings=services.readings)
        ],
    )  # fmt: skip
    app.state.services, app.state.hub, app.state.html_errors = services, hub, None
    install(app)
    desks = (
        readings, meters, totals, bills, audit, disputes, on_chain, votes, owned, published, status,
        own, session, measured,
    )  # fmt: skip
    for module in (*desks, watched, operated, stored, compared, responded):
        app.include_router(module.router, prefix=PREFIX, responses=_ERRORS)
    app.include_router(health)
    app.include_router(counted.router, responses=_ERRORS)
    if services.vtn is not None:
        app.mount(OPENADR, create_vtn_app(services.vtn, services.settings))
    return app
