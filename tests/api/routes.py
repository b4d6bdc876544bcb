"""Every route of the API with a request that is valid in form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI

from quietgrid.accounts import Permission
from quietgrid.api.app import PREFIX

PATH_VALUES = {
    "pid": "1", "home": "1001", "period": "2016-06-01", "number": "1", "name": "9f2b9f2b9f2b", "day": "16953",
    "plan": "99",
    "feed": "price", "id": "9f2b" * 8,
}  # fmt: skip
QUERIES: dict[str, dict[str, Any]] = {
    f"{PREFIX}/totals": {"node": "Orchard Hill"},
    f"{PREFIX}/totals.csv": {"node": "Orchard Hill"},
    f"{PREFIX}/own/sealed": {"pid": "1", "register": 0, "first": 1627480, "end": 1627500},
    f"{PREFIX}/own/book": {"first": 1627480},
    f"{PREFIX}/own/prices": {"feed": "day-ahead", "first": 1627480, "end": 1627500},
    f"{PREFIX}/own/closes": {"first": 1627480, "end": 1627500},
    f"{PREFIX}/own/invoice": {"first": 1627480},
    f"{PREFIX}/own/vouching": {"first": 1627480, "end": 1627500},
    f"{PREFIX}/own/records": {"first": 1627480, "end": 1627500},
}
BODIES: dict[str, dict[str, Any]] = {
    f"{PREFIX}/billing/runs": {"period": "2016-06-01"},
    f"{PREFIX}/published": {"statistic": "use"},
    f"{PREFIX}/insight/community": {"month": "2016-06"},
    f"{PREFIX}/insight/requests": {"figures": "9f2b" * 16, "month": "AAAA", "profile": "AAAA", "features": "AAAA"},
    f"{PREFIX}/questions/spy": {"home": "1001"},
    f"{PREFIX}/demo/pace": {"do": "pause"},
    f"{PREFIX}/grid/balance": {"why": "evening peak"},
    f"{PREFIX}/grid/plans/{{plan}}/approve": {"why": "as agreed"},
    f"{PREFIX}/grid/plans/{{plan}}/cancel": {"why": "not needed"},
    f"{PREFIX}/grid/emergency": {"why": "smoke"},
    f"{PREFIX}/grid/circuit/reset": {"why": "all is normal"},
    f"{PREFIX}/grid/emergency/resume": {"why": "all clear"},
    f"{PREFIX}/response/utilities": {"id": "canal-grid", "name": "Canal Grid", "regions": ["DE"]},
    f"{PREFIX}/response/programs": {"id": "peak", "name": "Peak", "utility": "nobody", "region": "DE"},
    f"{PREFIX}/response/events": {"program": "peak", "start": "2016-07-12T15:00:00Z", "end": "2016-07-12T17:00:00Z"},
    f"{PREFIX}/response/events/{{name}}/cancel": {"reason": "not needed"},
}
STREAMS = {f"{PREFIX}/events"}
"""Answers that never end."""
OPEN_TO_ALL = {
    ("POST", f"{PREFIX}/meters/reading"),  # a frame is judged by its MAC
    ("POST", f"{PREFIX}/meters/day-records"),  # a record by its meter's signature
    ("POST", f"{PREFIX}/meters/standing"),  # how far a meter's frames are here, to whoever asks for pids
    ("GET", f"{PREFIX}/books"),  # signed and public
    ("POST", f"{PREFIX}/grid/telemetry"),  # a batch by its gateway's signature
    ("GET", f"{PREFIX}/feeds/asked"),  # what reporters are asked for: public
    ("POST", f"{PREFIX}/feeds/reports"),  # a report by its signature
    ("POST", f"{PREFIX}/own/recovery"),  # two keyholders' signatures decide
    ("POST", f"{PREFIX}/storage/keys"),  # signed by a station, as the next ones
    ("POST", f"{PREFIX}/storage/keys/gone"),
    ("POST", f"{PREFIX}/storage/plans"),
    ("GET", f"{PREFIX}/storage/plans/{{plan}}"),  # who knows the id asked; the answer is encrypted
    ("POST", f"{PREFIX}/storage/readings"),  # a frame is judged by its MAC
    ("POST", f"{PREFIX}/storage/standing"),
    ("POST", f"{PREFIX}/session"),  # signing in
    ("GET", "/healthz"),
}
FOR_ANYONE_SIGNED_IN = {
    ("GET", f"{PREFIX}/session"), ("DELETE", f"{PREFIX}/session"), ("DELETE", f"{PREFIX}/session/all"),
    ("PUT", f"{PREFIX}/session/password"),
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """One route with a request."""

    method: str
    route: str
    path: str
    needs: tuple[Permission, ...]
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.route}"


def calls(app: FastAPI) -> list[Call]:
    """One call a route and method, from the OpenAPI description."""
    found = []
    for route, methods in app.openapi()["paths"].items():
        for method, about in methods.items():
            needs = tuple(Permission[name] for name in about.get("x-permission", []))
            path = route.format(**PATH_VALUES)
            found.append(Call(method.upper(), route, path, needs, QUERIES.get(route, {}), BODIES.get(route)))
    return found
