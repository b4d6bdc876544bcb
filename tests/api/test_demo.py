"""The demo: spying is refused by every keyholder and seen; keyholders stop and start; events tell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from quietgrid.accounts import Role, Viewer
from quietgrid.api import create_app
from quietgrid.api.auth import SESSION
from quietgrid.api.events import Hub
from quietgrid.errors import UnavailableError
from quietgrid.web.live import Live
from tests.api.town import BASE, Town


@pytest.fixture(autouse=True)
def as_it_was(town: Town) -> Iterator[None]:
    yield
    for index in range(3):
        town.control.start_keyholder(index)
    town.control.state.paused = False
    town.control.state.speed = 1


def noted(town: Town, index: int, home: int) -> int:
    """How many attempts on a home one keyholder's ledger knows."""
    with town.community.keyholders[index].parts.store.read() as tx:
        return len(tx.ledger.entries(kind="refused", home=home))


def test_spying_is_refused_by_all_three_and_leaves_traces(town: Town) -> None:
    client = town.client("analyst")
    before = [noted(town, index, 1003) for index in range(3)]
    body = {"home": "1003", "start": "2016-06-01T16:00:00Z", "end": "2016-06-01T17:00:00Z"}
    answer = client.post("/api/v1/questions/spy", json=body)
    assert answer.status_code == 200
    refusals = answer.json()["refusals"]
    assert [r["keyholder"] for r in refusals] == [0, 1, 2]
    assert {r["rule"] for r in refusals} == {"floor"}
    assert [noted(town, index, 1003) for index in range(3)] == [count + 1 for count in before]
    found = town.client("auditor").get("/api/v1/questions?outcome=refused&node=1003").json()
    assert found["count"] == 1
    assert found["questions"][0]["node"] == "home:1003"
    assert len(found["questions"][0]["refusals"]) == 3
    log = town.client("auditor").get("/api/v1/ledger?action=spy").json()["lines"]
    assert log[-1]["subject"] == "home 1003"


def test_spying_with_keyholders_away(town: Town) -> None:
    client = town.client("analyst")
    town.control.stop_keyholder(0)
    said = client.post("/api/v1/questions/spy", json={"home": "1004"}).json()["refusals"]
    assert [r["rule"] for r in said] == ["away", "floor", "floor"]
    for index in (1, 2):
        town.control.stop_keyholder(index)
    assert client.post("/api/v1/questions/spy", json={"home": "1005"}).status_code == 503


def test_there_is_no_such_home(town: Town) -> None:
    client = town.client("analyst")
    assert client.post("/api/v1/questions/spy", json={"home": "99"}).status_code == 404
    for home in ("18446744073709551616", "99999999999999999999"):
        assert client.post("/api/v1/questions/spy", json={"home": home}).status_code == 400
    wrong = {"home": "1001", "start": "2016-06-02", "end": "2016-06-01"}
    assert client.post("/api/v1/questions/spy", json=wrong).status_code == 400


def test_keyholders_stop_and_start(town: Town) -> None:
    client = town.client("operator")
    state = lambda answer: [h["state"] for h in answer.json()["keyholders"]]  # noqa: E731
    stopped = client.post("/api/v1/demo/keyholders/1/stop")
    assert state(stopped)[1] == "stopped"
    assert state(client.post("/api/v1/demo/keyholders/1/start"))[1] != "stopped"
    assert client.post("/api/v1/demo/keyholders/3/stop").status_code == 422


def test_pace(town: Town) -> None:
    client = town.client("auditor")
    assert client.post("/api/v1/demo/pace", json={"do": "pause"}).json()["paused"] is True
    before = town.control.steps
    client.post("/api/v1/demo/pace", json={"do": "step"})
    assert town.control.steps == before + 1
    assert client.post("/api/v1/demo/pace", json={"do": "fast"}).json()["speed"] == 20
    assert client.post("/api/v1/demo/pace", json={"do": "play"}).json()["paused"] is False
    assert client.post("/api/v1/demo/pace", json={"do": "backwards"}).status_code == 422


def test_in_real_life_there_are_no_demo_controls(town: Town) -> None:
    app = create_app(town.community.platform, replace(town.settings, demo=False), control=town.control)
    client = TestClient(app, base_url=BASE)
    client.cookies.set(town.settings.cookie(SESSION), town.token("analyst"))
    client.headers["X-CSRF-Token"] = client.get("/api/v1/session").json()["csrf"]
    controls = {"questions/spy": {"home": "1001"}, "demo/pace": {"do": "pause"}, "demo/keyholders/1/stop": None}
    for path, body in controls.items():
        assert client.post(f"/api/v1/{path}", json=body).status_code == 404
    assert not town.control.stopped


def first_events(hub: Hub, viewer: Viewer, wanted: int) -> list[str]:
    """The first events a viewer is sent."""

    async def collect() -> list[str]:
        found: list[str] = []
        stream = hub.stream(viewer)
        async for part in stream:
            found += [line[7:] for line in part.decode().splitlines() if line.startswith("event: ")]
            if len(found) >= wanted:
                break
        await stream.aclose()  # type: ignore[attr-defined]
        await hub.close()
        return found

    return asyncio.run(asyncio.wait_for(collect(), 20))


def test_events_tell_of_keyholders_and_totals(town: Town) -> None:
    def hub() -> Hub:
        made = Hub(town.services, look_s=0.05)
        made.more = Live(town.services)
        return made

    seen = first_events(hub(), Viewer("a", Role.ANALYST), 5)
    assert seen[0] == "status"
    assert {"state", "values", "bytes", "series"} <= set(seen)
    assert "series" not in first_events(hub(), Viewer("h", Role.HOUSEHOLD, 1001), 4)


def test_only_so_many_may_watch(town: Town) -> None:
    hub = Hub(town.services)
    hub._watchers = {object() for _ in range(town.settings.streams)}  # type: ignore[misc]
    with pytest.raises(UnavailableError):
        first_events(hub, Viewer("a", Role.ANALYST), 1)


def test_events_need_a_session(town: Town) -> None:
    assert town.client().get("/api/v1/events").status_code == 401
