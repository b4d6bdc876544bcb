"""Programs, events and choices on both sides of the bridge, under the same ids."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quietgrid.errors import ConflictError
from quietgrid.model.interval import ManualClock, Window
from quietgrid.model.response import Cause, Event, EventState, Program, Target, Utility
from quietgrid.runtime.response import Response
from quietgrid.runtime.vtn_bridge import Bridge
from quietgrid.wire.messages import CommunityCard
from quietgrid.wire.openadr3.values import written
from tests.api.vtn_town import VtnTown, found_vtn

NOW = datetime(2026, 6, 3, 8, tzinfo=UTC).timestamp()
START = int(NOW) + 30 * 3_600
SLOT = 900
CARD = CommunityCard(
    bytes(16), "Test", "Europe/Berlin", SLOT, "EUR", [], [], bytes(32), bytes(32), bytes(32), bytes(32), bytes(32), []
)
DE = [{"type": "RETAILER_NAME", "values": ["grid-one"]}, {"type": "COUNTRY", "values": ["DE"]}]


@dataclass
class Sides:
    """The two sides."""

    town: VtnTown
    response: Response
    bridge: Bridge

    def program(self, id: str = "evening") -> Program:
        return self.response.save_program(Program(id, "Evening peak", "grid-one", "DE"), "Olu")

    def event(self, id: str = "e1", wh: int = 20_000, first: int = START // SLOT) -> Event:
        asked = Event(
            id, "evening", Window(first, first + 8, SLOT), Target(feeders=("Mill",)), wh, 20, Cause.HAND, "peak"
        )
        return self.response.propose(asked, "Olu")


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    town = found_vtn(tmp_path / "vtn.db")
    town.clock[0] = NOW
    response = Response(town.store, ManualClock(NOW), CARD, lambda home: bytes(32))
    bridge = Bridge(town.vtn, response, SLOT)
    response.save_utility(Utility("grid-one", "Grid One", ("DE",)), "Olu")
    response.verify_utility("grid-one", "Aud")
    return Sides(town, response, bridge)


def asked(program: str, watts: float = -5.0, hours: int = 2, **more: object) -> dict[str, object]:
    return {
        "programID": program, "eventName": "evening peak",
        "intervalPeriod": {"start": written(START), "duration": f"PT{hours}H"},
        "intervals": [{"id": 0, "payloads": [{"type": "DISPATCH_SETPOINT_RELATIVE", "values": [watts]}]}], **more,
    }  # fmt: skip


def test_an_event_of_ours_is_an_openadr_event(sides: Sides) -> None:
    program, event = sides.program(), sides.event()
    bl = sides.town.client("bl")
    shown = bl.get(f"/programs/{program.id}").json()
    assert (shown["id"], shown["programName"]) == ("evening", "Evening peak")
    found = bl.get(f"/events/{event.id}").json()
    assert (found["id"], found["programID"], found["targets"]) == ("e1", "evening", ["feeder:Mill"])
    assert found["intervalPeriod"] == {"start": written(START), "duration": "PT7200S"}
    assert sides.town.client("ven").get("/events").json() == []
    sides.town.ven("ven", "feeder:Mill")
    seen = sides.town.client("ven").get("/events", params={"targets": ["feeder:Mill"]}).json()
    assert [one["id"] for one in seen] == ["e1"]
    sides.response.cancel("e1", "Olu", "rain")
    assert bl.get(f"/events/{event.id}").status_code == 404


def test_an_openadr_event_is_an_event_of_ours(sides: Sides) -> None:
    town = sides.town
    program = town.post("bl", "/programs", programName="Shed", attributes=DE)
    made = town.post("bl", "/events", **asked(program["id"], targets=["feeder:Mill"]))
    with town.store.read() as tx:
        held, event = tx.response.program(program["id"]), tx.response.event(made["id"])
    assert (held.name, held.utility, held.region) == ("Shed", "grid-one", "DE")
    assert (event.program, event.cause, event.state) == (program["id"], Cause.OPENADR, EventState.ANNOUNCED)
    assert (event.window, event.target.feeders) == (Window(START // SLOT, START // SLOT + 8, SLOT), ("Mill",))
    assert (event.target_wh, event.asked_by) == (10_000, town.id("bl"))
    assert town.client("bl").get(f"/events/{made['id']}").json()["intervals"] == asked("x")["intervals"]
    assert town.client("bl").delete(f"/events/{made['id']}").status_code == 200
    with town.store.read() as tx:
        assert tx.response.event(made["id"]).state is EventState.CANCELLED
    assert town.client("bl").delete(f"/programs/{program['id']}").status_code == 200
    with town.store.read() as tx:
        assert tx.response.program(program["id"]).ends > 0


def test_what_a_second_person_has_to_approve_waits(sides: Sides) -> None:
    town = sides.town
    program = sides.program()
    made = town.post("bl", "/events", **asked(program.id, watts=-5_000))
    with town.store.read() as tx:
        assert tx.response.event(made["id"]).state is EventState.PROPOSED
    assert town.client("ven").get(f"/events/{made['id']}").status_code == 404
    assert town.client("ven").get("/events").json() == []
    assert [one["id"] for one in town.client("bl").get("/events").json()] == [made["id"]]
    sides.response.approve(made["id"], "Ana")
    assert [one["id"] for one in town.client("ven").get("/events").json()] == [made["id"]]


def test_the_rules_hold_over_openadr_too(sides: Sides) -> None:
    town, bl = sides.town, sides.town.client("bl")
    program = sides.program()
    assert bl.post("/events", json=asked(program.id, hours=9)).status_code == 400
    assert "at most" in bl.post("/events", json=asked(program.id, hours=9)).json()["detail"]
    odd = asked(program.id, intervalPeriod={"start": written(START + 60), "duration": "PT2H"})
    assert "whole intervals" in bl.post("/events", json=odd).json()["detail"]
    made = town.post("bl", "/events", **asked(program.id))
    moved = asked(program.id, intervalPeriod={"start": written(START + 3_600), "duration": "PT2H"})
    assert bl.put(f"/events/{made['id']}", json=moved).status_code == 409
    assert bl.put(f"/events/{made['id']}", json=asked(program.id) | {"priority": 1}).status_code == 200
    assert bl.post("/events", json=asked(program.id, hours=1)).status_code == 409, "it overlaps"
    with town.store.read() as tx:
        assert [e.id for e in tx.response.events(program.id)] == [made["id"]]
        assert tx.openadr.count("EVENT") == 1


def test_prices_and_foreign_targets_are_not_for_homes(sides: Sides) -> None:
    town, program = sides.town, sides.program()
    price = [{"id": 0, "payloads": [{"type": "PRICE", "values": [0.3]}]}]
    town.post("bl", "/events", programID=program.id, intervals=price)
    town.post("bl", "/events", **asked(program.id, targets=["group-1"]))
    plain = town.program("prices only")
    town.post("bl", "/events", **asked(plain["id"]))
    with town.store.read() as tx:
        assert tx.response.events(program.id) == []
        assert tx.openadr.count("EVENT") == 3


def test_a_program_stays_with_its_utility(sides: Sides) -> None:
    town = sides.town
    program = town.post("bl", "/programs", programName="Shed", attributes=DE)
    bl = town.client("bl")
    assert bl.put(f"/programs/{program['id']}", json={"programName": "Shed"}).status_code == 409
    renamed = bl.put(f"/programs/{program['id']}", json={"programName": "Shed 2", "attributes": DE})
    assert renamed.json()["programName"] == "Shed 2"
    with town.store.read() as tx:
        assert tx.response.program(program["id"]).name == "Shed 2"


def test_what_was_missed_is_made_up_for(sides: Sides) -> None:
    sides.response.listeners.clear()
    sides.program()
    sides.event()
    with sides.town.store.read() as tx:
        assert tx.openadr.count("EVENT") == 0
    assert sides.bridge.sync() == 2
    assert sides.bridge.sync() == 0
    assert sides.town.client("bl").get("/events/e1").status_code == 200


def test_a_report_of_a_vens_home_is_its_word(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice goes to demand response as the home's own; what that refuses leaves the report as it is."""
    said = []

    def take(one: object) -> None:
        said.append(one)
        raise ConflictError("the event has begun", where="e1")

    monkeypatch.setattr(sides.response, "take_choice", take)
    town = sides.town
    client, secret = town.vtn.clients.create("home 1001", "VEN", "test", home=1001)
    town.secrets["home"] = (client.id, secret)
    sides.program()
    sides.response.propose(
        Event("e2", "evening", Window(START // SLOT, START // SLOT + 8, SLOT), Target(), 9, 20, Cause.HAND), "Olu"
    )
    out = [{"resourceName": "r", "intervals": [{"id": 0, "payloads": [{"type": "OPT", "values": ["OUT"]}]}]}]
    town.post("home", "/reports", eventID="e2", clientName="h", resources=out)
    town.post("home", "/reports", eventID="e2", clientName="h", resources=[])
    town.post("ven", "/reports", eventID="e2", clientName="no home's", resources=[])
    assert [(one.event, one.home, one.choice.value, one.by) for one in said] == [
        ("e2", 1001, "out", "ven"), ("e2", 1001, "in", "ven"),
    ]  # fmt: skip
