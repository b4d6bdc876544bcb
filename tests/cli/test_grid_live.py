"""`quietgrid grid` as it is typed, over a real community's state folder."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from quietgrid.accounts import Role
from quietgrid.cli.entry import run
from quietgrid.runtime.clock import ClockFile, Tick
from tests.api.town import Town, found_town

OLU, ANA = "Olu, operator", "Ana, analyst"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with found_town(tmp_path_factory.mktemp("typed"), days=1) as made:
        made.services.grid.step()
        made.services.accounts.found(OLU, Role.OPERATOR)
        made.services.accounts.found(ANA, Role.ANALYST)
        now = made.community.clock.now()
        ClockFile(made.community.folders.state / "clock").write(Tick(now, int(now) // 900))
        yield made


def typed(town: Town, capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert run(["grid", *words, "--state", str(town.community.folders.state)]) == code, capsys.readouterr().err
    said = capsys.readouterr()
    return said.out or said.err


def test_status_demand_supply_and_limits(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    text = typed(town, capsys, "status")
    assert "estimated from totals" in text
    assert "frequency: not measured" in text
    assert "markets are open" in text
    found = json.loads(typed(town, capsys, "status", "--json"))
    assert found["frequency"]["hz"] is None
    demand = json.loads(typed(town, capsys, "demand", "--json"))["demand"]
    assert [one["group"] for one in demand] == ["Orchard Hill", "Mill Lane"]
    assert "homes" in typed(town, capsys, "supply")
    assert "tightest" in typed(town, capsys, "limits")


def test_a_plan_by_two_names(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    made = json.loads(
        typed(town, capsys, "balance", "--by", OLU, "--why", "evening peak", "--aim", "peak", "--hours", "12", "--json")
    )
    number = str(made["number"])
    assert "second person" in typed(town, capsys, "approve", number, "--by", OLU, code=5)
    assert "no such account" in typed(town, capsys, "approve", number, "--by", "Nobody", code=3)
    assert "not for the role" in typed(town, capsys, "balance", "--by", ANA, "--why", "me too", code=4)
    assert "dispatched" in typed(town, capsys, "approve", number, "--by", ANA)
    assert f"plan {number}: dispatched" in typed(town, capsys, "plans")
    assert "cancelled" in typed(town, capsys, "cancel", number, "--by", OLU, "--why", "a storm comes")


def test_the_stop_by_two_names_and_an_alarm_seen(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nothing was ever stopped" in typed(town, capsys, "emergency")
    assert "a reason" in typed(town, capsys, "emergency", "ask", "--by", OLU, code=2)
    typed(town, capsys, "emergency", "ask", "--by", OLU, "--why", "smoke")
    assert "second person" in typed(town, capsys, "emergency", "agree", "--by", OLU, code=5)
    assert "stopped" in typed(town, capsys, "emergency", "agree", "--by", ANA)
    assert "markets are halted: emergency stop" in typed(town, capsys, "status")
    town.community.clock.unix += 3_600.0
    town.services.grid.grid.look([], {"keyholder 2": 4_000.0})
    listed = json.loads(typed(town, capsys, "alarms", "--lasting", "--json"))["alarms"]
    assert [one["element"] for one in listed] == ["keyholder 2"]
    assert "seen by" in typed(town, capsys, "ack", listed[0]["id"], "--by", OLU)


def test_a_key_for_prometheus_reads_metrics(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    key = json.loads(typed(town, capsys, "metrics-key", "--by", OLU, "--json"))["key"]
    answer = town.client().get("/metrics", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200
