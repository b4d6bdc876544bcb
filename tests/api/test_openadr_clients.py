"""Other people's OpenADR clients (`openadr3`, `python-oa3-client`) against our VTN over real HTTP, end to end."""

from __future__ import annotations

import gc
import threading
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from openadr3.api import BL_SCOPES, VEN_SCOPES
from openadr3.auth import fetch_token
from openadr3.entities import coerce_notification
from openadr3_client import BlClient, VenClient
from starlette.applications import Starlette
from starlette.routing import Mount

from quietgrid.api.openadr import create_vtn_app
from quietgrid.api.settings import Settings
from quietgrid.runtime.supervisor import free_port
from quietgrid.runtime.vtn_callbacks import Callbacks
from quietgrid.runtime.vtn_worker import VtnWorker
from quietgrid.wire.openadr3 import PREFIX
from tests.api.vtn_receiver import Receiver
from tests.api.vtn_town import VtnTown, found_vtn

WAIT_S = 120


@dataclass
class Server:
    """A VTN that listens, with what tells its subscribers."""

    town: VtnTown
    url: str


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    port = free_port(18_400)
    town = found_vtn(tmp_path / "vtn.db", Callbacks(private=True), time.time)
    settings = Settings(
        public_url=f"http://localhost:{port}", requests_per_minute=1_000_000, tokens_per_minute=1_000_000
    )
    app = Starlette(routes=[Mount(PREFIX, create_vtn_app(town.vtn, settings))])
    running = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    until(lambda: running.started)
    worker = VtnWorker(town.store, town.vtn.callbacks)
    town.vtn.wake = worker.wake
    worker.start()
    yield Server(town, f"http://127.0.0.1:{port}{PREFIX}")
    worker.stop()
    running.should_exit = True
    thread.join(WAIT_S)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    listening = Receiver()
    yield listening
    listening.close()


def until(holds: object) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, "this did not come about"
        time.sleep(0.02)


def test_a_program_an_event_a_report_and_a_subscription(server: Server, receiver: Receiver) -> None:
    town = server.town
    bl_id, ven_id = town.secrets["bl"], town.secrets["ven"]
    with (
        BlClient(url=server.url, client_id=bl_id[0], client_secret=bl_id[1]) as bl,
        VenClient(url=server.url, client_id=ven_id[0], client_secret=ven_id[1]) as ven,
    ):
        made = bl.create_program({"programName": "ResTOU", "targets": ["group-1"]})
        assert made.status_code == 201
        program = made.json()["id"]
        granted = {"objectType": "BL_VEN_REQUEST", "clientID": ven_id[0], "venName": "VEN-1", "targets": ["group-1"]}
        assert bl.create_ven(granted).status_code == 201
        ven.register("VEN-1")
        assert ven.ven_name == "VEN-1"
        assert ven.vens()[0].targets == ["group-1"]
        assert not ven.vtn_supports_mqtt()
        wish = {
            "clientName": "VEN-1", "targets": ["group-1"],
            "objectOperations": [{"objects": ["EVENT"], "operations": ["CREATE", "DELETE"],
                                  "callbackUrl": receiver.url, "bearerToken": "known"}],
        }  # fmt: skip
        assert ven.create_subscription(wish).status_code == 201
        event = {
            "programID": program, "eventName": "peak", "targets": ["group-1", "group-2"],
            "intervalPeriod": {"start": "2026-06-01T16:00:00Z", "duration": "PT1H"},
            "intervals": [{"id": 0, "payloads": [{"type": "PRICE", "values": [0.42]}]}],
        }  # fmt: skip
        created = bl.create_event(event).json()
        until(lambda: receiver.told)
        path, said, bearer = receiver.told[0]
        assert (path, bearer) == ("/told", "Bearer known")
        told = coerce_notification(said)
        assert (told.operation, told.object.id, told.object.targets) == ("CREATE", created["id"], ["group-1"])  # type: ignore[attr-defined]
        seen = ven.events(targets=["group-1"])
        assert [(one.id, one.intervals[0].payloads[0].type) for one in seen] == [(created["id"], "PRICE")]
        report = {
            "eventID": created["id"], "clientName": "VEN-1",
            "resources": [{"resourceName": "battery", "intervals": [
                {"id": 0, "payloads": [{"type": "USAGE", "values": [1.5]}]}]}],
        }  # fmt: skip
        assert ven.create_report(report).status_code == 201
        assert [one.client_id for one in bl.reports(eventID=created["id"])] == [ven_id[0]]
        assert bl.delete_event(created["id"]).status_code == 200
        until(lambda: len(receiver.told) == 2)
        assert receiver.told[1][1]["operation"] == "DELETE"


def test_their_scopes_are_given(server: Server) -> None:
    for who, scopes in (("bl", BL_SCOPES), ("ven", VEN_SCOPES)):
        assert fetch_token(server.url, *server.town.secrets[who], scopes=sorted(scopes))


@pytest.mark.slow
def test_2000_requests_in_a_row(server: Server) -> None:
    """Nothing piles up: every request is answered, and the last thousand leaves as little memory behind as is noise."""
    town = server.town
    with BlClient(url=server.url, client_id=town.id("bl"), client_secret=town.secrets["bl"][1]) as bl:
        program = bl.create_program({"programName": "p"}).json()["id"]

        def some(count: int, first: int) -> None:
            for n in range(first, first + count):
                made = bl.create_event({"programID": program, "eventName": str(n)})
                assert made.status_code == 201
                assert bl.get_events(limit=5).status_code == 200
                assert bl.get_event_by_id(made.json()["id"]).status_code == 200
                assert bl.delete_event(made.json()["id"]).status_code == 200

        some(150, 0)
        gc.collect()
        tracemalloc.start()
        some(100, 150)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        some(250, 250)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert bl.events() == []
    assert grown < 1 << 20, f"{grown} bytes were left behind by 1,000 requests"
    with town.store.read() as tx:
        assert tx.openadr.waiting() == {}
