"""A VTN of its own for tests: the real store, the real app, two business clients' and two VENs' credentials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from quietgrid.api.openadr import create_vtn_app
from quietgrid.api.settings import Settings
from quietgrid.runtime.vtn import Vtn
from quietgrid.runtime.vtn_callbacks import Callbacks
from quietgrid.store import PlatformStore, open_platform

NOW = 1_780_000_000.0
Json = dict[str, Any]


@dataclass
class VtnTown:
    """The VTN and its clients: ``bl``, ``ven``, ``other``."""

    store: PlatformStore
    vtn: Vtn
    settings: Settings
    app: Any
    clock: list[float]
    secrets: dict[str, tuple[str, str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def client(self, who: str = "", scope: str = "") -> TestClient:
        """A client with somebody's token."""
        client = TestClient(self.app, base_url="http://localhost:8000", raise_server_exceptions=False)
        if who:
            client.headers["Authorization"] = f"Bearer {self.token(who, scope)}"
        return client

    def token(self, who: str, scope: str = "") -> str:
        key = f"{who} {scope}"
        if key not in self.tokens:
            self.tokens[key], _ = self.vtn.clients.token(*self.secrets[who], scope)
        return self.tokens[key]

    def id(self, who: str) -> str:
        return self.secrets[who][0]

    def post(self, who: str, path: str, **body: Any) -> Json:
        answer = self.client(who).post(path, json=body)
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        return made

    def program(self, name: str = "p", **more: Any) -> Json:
        return self.post("bl", "/programs", programName=name, **more)

    def event(self, program: Json, **more: Any) -> Json:
        return self.post("bl", "/events", programID=program["id"], **more)

    def ven(self, who: str, *targets: str) -> Json:
        """A VEN of somebody that the business logic has granted targets."""
        return self.post(
            "bl", "/vens", objectType="BL_VEN_REQUEST", clientID=self.id(who), venName=f"ven of {who}",
            targets=list(targets),
        )  # fmt: skip


def found_vtn(
    store: PlatformStore | Path, callbacks: Callbacks | None = None, now: Callable[[], float] | None = None
) -> VtnTown:
    """A VTN over a (new) database, with credentials for three clients."""
    opened = open_platform(store) if isinstance(store, Path) else store
    clock = [NOW]
    vtn = Vtn(opened, lambda: clock[0], callbacks or Callbacks(), now or (lambda: clock[0]))
    settings = Settings(requests_per_minute=1_000_000, tokens_per_minute=1_000_000)
    town = VtnTown(opened, vtn, settings, create_vtn_app(vtn, settings), clock)
    for who, kind in (("bl", "BL"), ("ven", "VEN"), ("other", "VEN")):
        client, secret = vtn.clients.create(f"test {who}", kind, "test")
        town.secrets[who] = (client.id, secret)
    return town
