"""The site: the API with pages and static files on top."""

from __future__ import annotations

import os
import threading

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from quietgrid.api import DemoControl, Settings, create_app
from quietgrid.runtime.platform import Platform
from quietgrid.web import account, aggregates, assets, billing, mdms, proofs, published, replay, signin, start, trail
from quietgrid.web import chain as on_chain
from quietgrid.web import feeds as watched
from quietgrid.web import governance as votes
from quietgrid.web import grid as operated
from quietgrid.web import response as responded
from quietgrid.web.environment import STATIC
from quietgrid.web.kit import html_error
from quietgrid.web.live import Live


class Static(StaticFiles):
    """Files that never change under one address (``?v=`` changes with them), so browsers keep them."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """A file, with how long it may be kept."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        kept = "public, max-age=31536000, immutable" if b"v=" in scope.get("query_string", b"") else "no-cache"
        response.headers["Cache-Control"] = kept
        return response


def mount(app: FastAPI) -> None:
    """Put the pages on an app made by `api.create_app`."""
    own = (replay, start, signin, account, aggregates, mdms, published, billing, trail, proofs)
    for module in (*own, on_chain, watched, votes, assets, operated, responded):
        app.include_router(module.router)
    app.mount("/static", Static(directory=STATIC), name="static")
    app.state.html_errors = html_error
    app.state.stopwatch = replay.Stopwatch()
    app.state.hub.more = Live(app.state.services)
    app.state.hub.often = operated.GridLive(app.state.services)


def create_site(
    platform: Platform,
    settings: Settings | None = None,
    *,
    control: DemoControl | None = None,
    lock: threading.RLock | None = None,
) -> FastAPI:
    """API and pages of one community's platform; see `api.create_app`."""
    app = create_app(platform, settings, control=control, lock=lock)
    mount(app)
    return app
