"""A standby's door: nobody gets in before it leads, and everybody is told so in the form they read."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from fastapi.testclient import TestClient

from quietgrid.api.standby import Door
from quietgrid.wire.messages import Refusal
from tests.api.town import Town, found_town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with found_town(tmp_path_factory.mktemp("standby"), days=1) as made:
        yield made


def test_it_answers_503_until_it_is_open(town: Town) -> None:
    door = Door(town.app, open=False)
    client = TestClient(door, base_url="http://localhost")
    for path in ("/healthz", "/api/v1/status", "/nowhere"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["role"] == "standby"
    assert client.post("/api/v1/grid/telemetry", content=b"x").status_code == 503
    own = client.get("/api/v1/own/facts")
    assert msgspec.msgpack.decode(own.content, type=Refusal).status == 503
    page = client.get("/", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["Content-Type"][:9]) == (503, "text/html")
    door.open = True
    healthy = client.get("/healthz")
    assert (healthy.status_code, "role" in healthy.json()) == (200, False)
