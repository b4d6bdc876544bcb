"""The grid's routes over a real community: states from opened totals, two people, what homes pull."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from quietgrid.accounts import Role, new_token, token_hash
from quietgrid.api import create_app
from quietgrid.model.grid import MeasuredKind, Measurement
from quietgrid.model.sending import ChainEvent
from tests.api.town import BASE, Town, found_town

GRID = "/api/v1/grid"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town of its own: here people stop the grid."""
    with found_town(tmp_path_factory.mktemp("grid")) as made:
        made.services.grid.step()
        yield made


def test_the_state_comes_from_totals_and_says_so(town: Town) -> None:
    found = town.client("operator").get(f"{GRID}/status").json()
    assert found["state"] == "running"
    assert found["network"] == "Sample community"
    assert found["latest"]["basis"] == "estimated from totals"
    assert found["frequency"] == {"hz": None, "at": None, "label": "not measured"}
    assert found["latest"]["frequency_hz"] is None
    assert [b["state"] for b in found["breakers"]] == ["closed"] * 3
    assert found["market"] == {"open": True, "why": ""}
    net = {f["group"]: f for f in town.client("operator").get(f"{GRID}/demand").json()["groups"]}
    for group in found["latest"]["groups"]:
        assert group["homes"] >= 15
        assert 0.9 < group["lowest"] <= group["p5"] <= group["p50"] <= group["p95"] <= group["highest"] < 1.1
        assert net[group["group"]]["net_w"] == group["power_w"]
    power = sum(group["power_w"] for group in found["latest"]["groups"])
    assert found["latest"]["source_w"] == pytest.approx(power + found["latest"]["loss_w"], abs=3)


def test_demand_less_supply_is_the_net_of_the_readings(town: Town) -> None:
    operator = town.client("operator")
    demand, supply = operator.get(f"{GRID}/demand").json(), operator.get(f"{GRID}/supply").json()
    readings = town.sample.readings
    net_wh = (readings.imported_wh - readings.exported_wh)[:, -1]
    for row, flow in enumerate(demand["groups"]):
        assert flow["net_w"] == int(net_wh[row * 30 : row * 30 + 30].sum()) * 4
        if flow["power_w"] is not None:
            assert flow["power_w"] - (supply["groups"][row]["power_w"] or 0) == flow["net_w"]
    assert supply["upstream_w"] == pytest.approx(int(net_wh.sum()) * 4, rel=0.5)


def test_the_history_is_a_day_of_strips(town: Town) -> None:
    found = town.client("auditor").get(f"{GRID}/history").json()
    assert [len(strip["p50"]) for strip in found["strips"]] == [96, 96]
    assert town.client("household").get(f"{GRID}/history").status_code == 403
    rows = list(csv.DictReader(io.StringIO(town.client("auditor").get(f"{GRID}/history.csv").text)))
    assert len(rows) == sum(len(strip["power_w"]) for strip in found["strips"])
    first = found["strips"][0]
    mine = [row for row in rows if row["group"] == first["group"]]
    assert [int(row["power_w"]) for row in mine] == first["power_w"]
    assert [float(row["voltage_p95"]) for row in mine] == pytest.approx(first["p95"], abs=1e-5)
    assert mine[-1]["end_utc"] > mine[-1]["start_utc"]
    assert town.client("household").get(f"{GRID}/history.csv").status_code == 403


def test_a_circuit_that_is_broken_on_the_chain_is_reset_by_those_who_decide(town: Town) -> None:
    url, client = f"{GRID}/circuit", town.client("operator")
    assert client.get(url).json() == {"open": True, "why": "", "stopped": False, "broken": False, "transaction": ""}

    def say(block: int, name: str, **values: str) -> None:
        event = ChainEvent(block, 0, f"0x{block}", f"0xt{block}", "GridManagement", "0x" + "1" * 40, name, values)
        with town.services.store.begin() as tx:
            tx.chain.take_events([event], block, f"0x{block}")

    say(1, "CircuitBroken", regionCode="0x01", reason="4", by="0x02")
    said = client.get(url).json()
    assert (said["open"], said["stopped"], said["broken"]) == (False, False, True)
    assert client.get(f"{GRID}/status").json()["market"] == {"open": False, "why": said["why"]}
    answer = client.post(f"{url}/reset", json={"why": "all is normal"})
    assert answer.status_code == 404  # this town has no chain
    assert "no chain" in answer.text
    assert town.client("auditor").post(f"{url}/reset", json={"why": "all is normal"}).status_code == 403
    say(2, "GridStopped", first="0x01", second="0x02", reason="0x03")
    assert client.get(url).json()["stopped"]
    page = client.get("/grid/stop", headers={"accept": "text/html"}).text
    assert "Stopped on the chain" in page
    assert "Reset the circuit" in page
    assert "Reset the circuit" not in town.client("auditor").get("/grid/stop", headers={"accept": "text/html"}).text
    say(3, "GridResumed", by="0x01", reason="0x03")
    say(4, "CircuitReset", regionCode="0x01", by="0x02")
    assert client.get(url).json()["open"]
    assert "Reset the circuit" not in client.get("/grid/stop", headers={"accept": "text/html"}).text


def test_the_network_says_nothing_of_a_single_home(town: Town) -> None:
    text = town.client("operator").get(f"{GRID}/network").text
    assert "home-" not in text
    assert town.client("operator").get(f"{GRID}/network").json()["groups"] == ["Orchard Hill", "Mill Lane"]


def test_a_plan_takes_two_people_and_can_be_taken_back(town: Town) -> None:
    operator, analyst, household = (town.client(who) for who in ("operator", "analyst", "household"))
    made = operator.post(f"{GRID}/balance", json={"why": "evening peak", "aim": "peak", "hours": 12})
    assert made.status_code == 201, made.text
    plan = made.json()
    assert plan["peak_after_w"] < plan["peak_before_w"]
    assert plan["set_points"]
    at = f"{GRID}/plans/{plan['number']}"
    assert operator.post(f"{at}/approve", json={}).status_code == 409
    assert household.get(f"{GRID}/signals").json()["signals"] == []
    done = analyst.post(f"{at}/approve", json={"why": "agreed"})
    assert done.status_code == 200, done.text
    assert done.json()["state"] == "dispatched"
    assert (done.json()["made_by"], done.json()["decided_by"]) == ("Test operator", "Test analyst")
    with town.services.store.read() as tx:
        assert "Test" not in tx.grid.plan(plan["number"]).made_by, "only the account is stored"
    assert analyst.post(f"{at}/approve", json={}).status_code == 409
    told = household.get(f"{GRID}/signals").json()["signals"]
    assert {one["group"] for one in told} == {"Orchard Hill"}
    ahead = household.get(f"{GRID}/set-points").json()["ahead"]
    assert {one["element"] for one in ahead} == {"Orchard Hill"}
    assert operator.post(f"{at}/cancel", json={"why": ""}).status_code == 422
    assert operator.post(f"{at}/cancel", json={"why": "a storm comes"}).json()["state"] == "cancelled"
    assert household.get(f"{GRID}/signals").json()["signals"] == []
    assert household.get(f"{GRID}/set-points").json()["ahead"] == []
    with town.services.store.read() as tx:
        logged = {(entry.action, entry.actor) for entry in tx.log.latest(20)}
    accounts = {entry[0]: entry[1] for entry in logged if entry[0].startswith("grid.")}
    assert set(accounts) == {"grid.network", "grid.plan", "grid.dispatch", "grid.cancel"}
    assert accounts["grid.dispatch"] != accounts["grid.plan"]


def test_a_stop_takes_two_people_and_so_does_its_end(town: Town) -> None:
    operator, analyst = town.client("operator"), town.client("analyst")
    assert analyst.post(f"{GRID}/emergency/agree").status_code == 409
    assert operator.post(f"{GRID}/emergency", json={"why": "smoke"}).status_code == 201
    assert operator.post(f"{GRID}/emergency/agree").status_code == 409
    assert analyst.post(f"{GRID}/emergency/withdraw").status_code == 409
    assert operator.get(f"{GRID}/status").json()["market"]["open"] is True
    assert analyst.post(f"{GRID}/emergency/agree").json()["state"] == "stopped"
    found = operator.get(f"{GRID}/status").json()
    assert found["market"] == {"open": False, "why": "emergency stop"}
    assert found["stop"]["agreed_by"] != found["stop"]["asked_by"]
    plan = operator.post(f"{GRID}/balance", json={"why": "evening peak"}).json()
    assert analyst.post(f"{GRID}/plans/{plan['number']}/approve", json={}).status_code == 409
    assert operator.post(f"{GRID}/emergency/resume", json={"why": "all clear"}).json()["state"] == "stopped"
    assert operator.post(f"{GRID}/emergency/resume", json={"why": "all clear"}).status_code == 409
    assert analyst.post(f"{GRID}/emergency/resume", json={"why": "looked at it"}).json()["state"] == "ended"


def test_a_measured_frequency_is_shown_with_who_measured_it(town: Town) -> None:
    now = town.community.clock.now()
    one = Measurement(MeasuredKind.FREQUENCY_MILLIHZ, "", 49_750, now, "substation")
    town.services.grid.take([one])
    town.services.grid.take([one])
    found = town.client("operator").get(f"{GRID}/status").json()
    assert found["frequency"]["hz"] == 49.75
    assert found["frequency"]["label"] == "measured by substation"
    assert [s["value"] for s in found["sensors"]] == [49_750]
    assert found["sources"] == []
    assert (found["watch"]["state"], found["watch"]["said"]) == ("not measured", "no head is measured")


def test_an_alarm_is_acknowledged_once(town: Town) -> None:
    services = town.services
    with services.store.read() as tx:
        last = tx.grid.last_state()
    assert last is not None
    over = replace(last, slot=last.slot + 1, loading={"Transformer": 1.2})
    services.grid.grid.look([over], {})
    operator = town.client("operator")
    alarms = operator.get(f"{GRID}/alarms", params={"lasting": True}).json()["alarms"]
    assert {(a["rule"], a["priority"]) for a in alarms} >= {("loading", "medium"), ("overload", "high")}
    name = next(a["id"] for a in alarms if a["rule"] == "overload")
    seen = operator.post(f"{GRID}/alarms/{name}/acknowledge").json()
    assert seen["seen_by"]
    assert town.client("analyst").post(f"{GRID}/alarms/{name}/acknowledge").status_code == 403
    assert operator.get(f"{GRID}/status").json()["unseen"] == len(alarms) - 1
    assert operator.post(f"{GRID}/alarms/000000000000/acknowledge").status_code == 404


def test_limits_say_how_much_more(town: Town) -> None:
    found = town.client("analyst").get(f"{GRID}/limits").json()
    assert [g["group"] for g in found["groups"]] == ["Orchard Hill", "Mill Lane"]
    assert all(0 < g["import_w"] < 400_000 and 0 < g["export_w"] < 400_000 for g in found["groups"])
    assert found["tightest"]


def test_metrics_are_for_this_machine_a_session_or_a_key_and_name_no_home(town: Town) -> None:
    text = town.client("operator").get("/metrics").text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(
        re.fullmatch(r'[a-z_]+(\{[a-z0-9_]+="[^"]*"(,[a-z0-9_]+="[^"]*")*\})? -?[0-9.e+-]+', line) for line in lines
    )
    assert any(line.startswith('quietgrid_grid_voltage_ratio{group="Mill Lane",quantile="p50"} 1.0') for line in lines)
    assert "quietgrid_grid_watched_groups 0" in lines
    labels = set(re.findall(r'([a-z0-9_]+)="', text))
    assert labels == {"keyholder", "state", "priority", "breaker", "group", "quantile", "branch"}
    assert town.client("household").get("/metrics").status_code == 403
    here = TestClient(town.app, base_url=BASE, client=("127.0.0.1", 1))  # type: ignore[arg-type]
    assert here.get("/metrics").status_code == 200
    assert here.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401
    assert town.client().get("/metrics").status_code == 401
    public = create_app(town.community.platform, replace(town.settings, public_url="https://grid.example"))
    there = TestClient(public, base_url="https://grid.example", client=("127.0.0.1", 1))
    assert there.get("/metrics").status_code == 401


def test_a_key_reads_metrics_and_nothing_else(town: Town) -> None:
    token, other = new_token(), new_token()
    account, _ = town.services.accounts.found("Prometheus", Role.AUDITOR)
    with town.services.store.begin() as tx:
        expires = town.services.now() + 60.0
        tx.people.add_api_key(token_hash(token), account.id, "metrics", ["metrics"], expires)
        tx.people.add_api_key(token_hash(other), account.id, "other", ["totals"], expires)
    client = town.client()
    assert client.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert client.get(f"{GRID}/status", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": f"Bearer {other}"}).status_code == 403
    assert client.get("/metrics", headers={"Authorization": f"Bearer {new_token()}"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer x"}).status_code == 401
    with town.services.store.begin() as tx:
        tx.people.disable(account.id)
    assert client.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 401
