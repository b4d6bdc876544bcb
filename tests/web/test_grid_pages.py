"""The grid operator's pages over a real community: states from opened totals, two people, what each role sees."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from quietgrid.accounts import Role, csrf_token
from quietgrid.api.auth import SESSION
from quietgrid.balance.diagram_style import STYLE
from quietgrid.model.grid import Alarm, MeasuredKind, Measurement, Priority
from quietgrid.web import create_site
from quietgrid.web.environment import STATIC
from quietgrid.web.grid import GridLive
from tests.api.town import BASE, Town, found_town
from tests.web.test_pages import HTML, browser

FEEDER = "/grid/feeder/Orchard%20Hill"
PAGES = (
    "/grid", "/grid/diagram", FEEDER, "/grid/alarms", "/grid/alarms?show=all", "/grid/storage", "/grid/frequency",
    "/grid/stop", "/grid/charts/loading", "/grid/charts/powers", "/grid/charts/voltage-0",
)  # fmt: skip
FORMS = {
    "/grid/stop": {"do": "ask", "sure": "yes", "why": "smoke"}, "/grid/frequency": {"paper": "1,50"},
    "/grid/storage": {"aim": "cost", "hours": "12", "why": "peak"}, "/grid/storage/1": {"do": "cancel", "why": "no"},
    "/grid/alarms/0123456789ab/acknowledge": {},
}  # fmt: skip


BARE = ("/grid", "/grid/diagram", "/grid/alarms", "/grid/storage", "/grid/frequency", FEEDER)


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town of its own: here people stop the grid."""
    with found_town(tmp_path_factory.mktemp("grid-pages")) as made:
        yield made


@pytest.fixture(scope="module")
def bare(founded: Town) -> dict[str, tuple[int, str]]:
    """What pages say where no network is in force yet, and no demo brings one."""
    site = create_site(founded.community.platform, replace(founded.settings, demo=False))
    client = TestClient(site, base_url=BASE, follow_redirects=False, headers=HTML)
    client.cookies.set(founded.settings.cookie(SESSION), founded.token("operator"))
    answers = {path: client.get(path) for path in BARE}
    return {path: (answer.status_code, answer.text) for path, answer in answers.items()}


@pytest.fixture(scope="module")
def town(founded: Town, bare: dict[str, tuple[int, str]]) -> Town:
    """The same with the demo's network, and the states of two days."""
    assert bare
    founded.services.grid.step()
    return founded


def page(town: Town, who: str, path: str) -> str:
    answer = browser(town, who).get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(answer.text.split())


def post(town: Town, who: str, path: str, **fields: str) -> tuple[int, str]:
    """Status, and where one is sent or what is said."""
    answer = browser(town, who).post(path, data={"csrf": csrf_token(town.token(who))} | fields)
    return answer.status_code, answer.headers.get("location", "") or answer.text


def raise_alarm(town: Town, name: str, priority: Priority = Priority.HIGH, element: str = "Transformer") -> None:
    rule = f"overload {name[0]}"
    with town.services.store.begin() as tx:
        tx.grid.raise_alarm(Alarm(name, rule, element, priority, f"{element} is too full", 1_464_900_000.0))


@pytest.mark.parametrize("path", PAGES)
def test_who_sees_the_grid(town: Town, path: str) -> None:
    for role in Role:
        answer = browser(town, role.value).get(path)
        assert answer.status_code == (403 if role is Role.HOUSEHOLD else 200), (role, answer.text[:400])
    assert browser(town).get(path).status_code == 303


@pytest.mark.parametrize("path", FORMS)
def test_forms_need_their_own_token(town: Town, path: str) -> None:
    for token in ("", csrf_token(town.token("auditor"))):
        answer = browser(town, "operator").post(path, data=FORMS[path] | {"csrf": token})
        assert answer.status_code == 403
        assert "not from this session" in answer.text


@pytest.mark.parametrize("path", FORMS)
def test_auditors_look_and_press_nothing(town: Town, path: str) -> None:
    if path == "/grid/frequency":
        return  # reads a file, changes nothing
    status, said = post(town, "auditor", path, **FORMS[path])
    assert status in (403, 404)
    assert "Not allowed for this role" in said or status == 404


def test_the_overview_says_what_its_figures_rest_on(town: Town) -> None:
    text = page(town, "operator", "/grid")
    status = town.client("operator").get("/api/v1/grid/status").json()
    assert "estimated from totals" in text
    assert "not measured" in text
    latest = status["latest"]
    assert f'<span class="value">{abs(latest["source_w"]) / 1000:.1f}</span>' in text
    assert f'<span class="value">{latest["loss_w"] / 1000:.2f}</span>' in text
    for group in latest["groups"]:
        assert f"<b>{group['p50'] * 230:.1f}</b>" in text
        assert group["homes"] >= 15
    assert "The utility sees only the total of 60 homes." in text
    assert "net only" in text  # a section whose import does not open alone
    assert "home-" not in text


def test_charts_are_the_history_in_volts_and_kilowatts(town: Town) -> None:
    kept = town.client("operator").get("/api/v1/grid/history").json()["strips"]
    client = browser(town, "operator")
    for number, strip in enumerate(kept):
        spec = client.get(f"/grid/charts/voltage-{number}").json()
        assert spec["series"][1]["data"] == [round(value * 230, 2) for value in strip["p50"]]
        assert [line["value"] for line in spec["threshold"]] == [253.0, 207.0]
        assert spec["unit"] == "V"
    powers = client.get("/grid/charts/powers").json()
    drawn = [round(sum(column) / 1000, 2) for column in zip(*(strip["power_w"] for strip in kept), strict=True)]
    assert powers["series"][0]["data"] == drawn
    assert client.get("/grid/charts/nothing").status_code == 404


def test_the_diagram_shows_no_home_and_no_style(town: Town) -> None:
    for path in ("/grid/diagram", FEEDER):
        text = browser(town, "auditor").get(path).text
        assert text.count("<svg xmlns") == 2
        assert "<style" not in text
        for word in ("home-", "pv-", "battery-", "charger-", 'class="pv"', 'class="storage"'):
            assert word not in text, word
    assert 'data-node="Bus 16"' in text


def test_the_style_sheet_holds_the_diagrams_style() -> None:
    text = (STATIC / "app.css").read_text(encoding="utf-8")
    assert text.split("/* diagram */\n")[1].split("/* end of diagram */")[0] == STYLE


def test_a_feeder_says_its_room_and_its_week(town: Town) -> None:
    text = page(town, "operator", FEEDER)
    found = town.client("operator").get("/api/v1/grid/limits").json()
    mine = next(one for one in found["groups"] if one["group"] == "Orchard Hill")
    assert f"{mine['import_w'] / 1000:,.2f} kW" in text
    assert found["tightest"] in text
    assert "not measured" in text  # nobody measures its heads here
    assert "192 of 672 intervals are known" in text  # two days of a week
    assert browser(town, "operator").get("/grid/feeder/Nowhere").status_code == 404


def test_alarms_are_acknowledged_and_filtered(town: Town) -> None:
    raise_alarm(town, "a" * 12)
    raise_alarm(town, "b" * 12, Priority.LOW, "Line 9")
    text = page(town, "operator", "/grid/alarms")
    assert text.count("data-ack") == 2
    assert text.index("Transformer is too full") < text.index("Line 9 is too full")  # the most urgent first
    assert "data-ack" not in page(town, "analyst", "/grid/alarms")
    assert "Line 9 is too full" not in page(town, "operator", "/grid/alarms?priority=high")
    back = "/grid/alarms?show=&priority=&group="
    path = f"/grid/alarms/{'a' * 12}/acknowledge"
    assert post(town, "operator", path, next=back) == (303, back)
    assert post(town, "operator", path, next="//evil.example") == (303, "/grid/alarms")
    assert post(town, "analyst", path)[0] == 403
    text = page(town, "operator", "/grid/alarms")
    assert "Test operator" in text
    assert text.count("data-ack") == 1
    assert "Transformer is too full" not in page(town, "operator", "/grid/alarms?show=unseen")
    for query in ("show=x", "priority=x", "group=%00", "show=all&group=Line+9"):
        assert browser(town, "operator").get(f"/grid/alarms?{query}").status_code == 200


def test_a_plan_is_made_by_one_and_approved_by_another(town: Town) -> None:
    wanted = {"aim": "peak", "hours": "12", "why": "evening peak"}
    assert post(town, "operator", "/grid/storage", **wanted | {"hours": "7"})[0] == 400
    status, there = post(town, "operator", "/grid/storage", **wanted)
    assert status == 303, there
    number = int(there.rpartition("=")[2])
    text = page(town, "operator", there)
    assert "You made this plan: approving it takes a second person." in text
    assert "Only totals of 60 homes went into this plan." in text
    decide = f"/grid/storage/{number}"
    assert post(town, "operator", decide, do="approve", why="agreed")[0] == 409
    assert "Approve and send" in page(town, "analyst", there)
    assert post(town, "analyst", decide, do="approve", why="")[0] == 400
    assert post(town, "analyst", decide, do="approve", why="agreed") == (303, there)
    plan = town.client("operator").get(f"/api/v1/grid/plans/{number}").json()
    assert (plan["state"], plan["reason"]) == ("dispatched", "agreed")
    text = browser(town, "auditor").get(there).text
    specs = [json.loads(one) for one in re.findall(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)]
    after = [round(sum(column) / 1000, 2) for column in zip(*(g["after_w"] for g in plan["groups"]), strict=True)]
    assert specs[0]["series"][1]["data"] == after
    levels = [spec for spec in specs if spec["unit"] == "%"]
    assert levels
    assert all(0 <= value <= 100 for spec in levels for value in spec["series"][0]["data"])
    assert browser(town, "operator").get(f"{there}&group=Mill+Lane").status_code == 200
    assert post(town, "analyst", decide, do="cancel", why="enough")[0] == 303
    assert "cancelled" in page(town, "operator", there)
    assert browser(town, "operator").get("/grid/storage?plan=999").status_code == 404


def test_two_people_stop_and_two_people_end_it(town: Town) -> None:
    ask = {"do": "ask", "why": "smoke in the substation"}
    assert post(town, "operator", "/grid/stop", **ask)[0] == 400  # nothing was confirmed
    assert post(town, "operator", "/grid/stop", **ask, sure="yes")[0] == 303
    assert "You asked for it: it takes a second person." in page(town, "operator", "/grid/stop")
    assert "A stop is asked for" in page(town, "auditor", "/grid")
    assert post(town, "operator", "/grid/stop", do="agree", sure="yes")[0] == 409
    assert "Agree and stop" in page(town, "analyst", "/grid/stop")
    assert post(town, "analyst", "/grid/stop", do="agree", sure="yes")[0] == 303
    assert "Everything is stopped" in page(town, "operator", "/grid")
    assert "Markets are halted" in page(town, "operator", "/grid/stop")
    assert "Nothing can be dispatched" in page(town, "operator", "/grid/storage")
    assert post(town, "operator", "/grid/stop", do="resume", why="all clear")[0] == 303
    assert "You asked for its end" in page(town, "operator", "/grid/stop")
    assert post(town, "analyst", "/grid/stop", do="resume", why="looked at it")[0] == 303
    text = page(town, "auditor", "/grid/stop")
    for word in ("smoke in the substation", "all clear", "Nothing is stopped"):
        assert word in text
    assert post(town, "operator", "/grid/stop", **ask, sure="yes")[0] == 303
    assert post(town, "operator", "/grid/stop", do="withdraw")[0] == 303
    assert "withdrawn" in page(town, "operator", "/grid/stop")


def test_frequency_is_measured_or_simulated_and_never_made_up(town: Town) -> None:
    text = page(town, "operator", "/grid/frequency")
    assert "Nobody measures it here" in text
    assert "nothing here controls frequency" in text
    now = town.community.clock.now()
    town.services.grid.take([Measurement(MeasuredKind.FREQUENCY_MILLIHZ, "", 49_980, now, "substation")])
    text = page(town, "operator", "/grid/frequency")
    assert "49.980 Hz" in text
    assert "measured by substation" in text
    assert "makes this frequency up" not in text
    town.services.grid.take([Measurement(MeasuredKind.FREQUENCY_MILLIHZ, "", 50_010, now + 1, "demo-substation")])
    for path in ("/grid/frequency", "/grid"):
        assert "simulated by demo-substation" in page(town, "operator", path)


def test_an_island_is_studied_and_worse_losses_fall_deeper(town: Town) -> None:
    lowest = []
    for loss in (3, 30):
        text = page(town, "operator", f"/grid/frequency?loss={loss}")
        lowest.append([float(one) for one in re.findall(r'data-label="Lowest">([\d.]+) Hz', text)])
    (alone, helped), (deeper, _) = lowest
    assert deeper < alone < helped < 50
    for query in ("loss=0", "loss=101", "charge=-1"):
        assert browser(town, "operator").get(f"/grid/frequency?{query}").status_code == 422
    assert "last 0 min" in page(town, "operator", "/grid/frequency?charge=0")


def test_a_file_of_frequency_is_judged(town: Town) -> None:
    rows = "\n".join(f"2026-03-12T18:{at // 60:02d}:{at % 60:02d}Z,{50 + at % 3 / 1000}" for at in range(120))
    text = post(town, "auditor", "/grid/frequency", paper="time,hz\n" + rows)[1]
    assert "50.0010 Hz" in text
    assert "0.03 h" in text
    assert "This cannot be read" in post(town, "operator", "/grid/frequency", paper="nothing,at all")[1]


def test_pages_are_told_when_something_is_new(town: Town) -> None:
    live = GridLive(town.services)
    assert live() == []
    assert live() == []
    raise_alarm(town, "c" * 12)
    (event,) = live()
    assert (event.name, event.data) == ("fresh", {"what": "grid"})
    assert live() == []


def test_without_a_network_every_page_says_how_to_get_one(bare: dict[str, tuple[int, str]]) -> None:
    assert bare[FEEDER][0] == 404
    for path in BARE[:-1]:
        status, text = bare[path]
        assert (status, "No network is in force" in text) == (200, True), path


def test_while_history_is_replayed_nothing_is_called_old(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    later = town.community.clock.now() + 8 * 86_400
    monkeypatch.setattr(town.community.clock, "now", lambda: later)
    assert "This state is old" in page(town, "operator", "/grid")
    progress = town.control.progress()
    monkeypatch.setattr(town.control, "progress", lambda: replace(progress, phase="replaying"))
    for path in ("/grid", "/grid/diagram", FEEDER):
        text = page(town, "operator", path)
        assert "History is being replayed" in text
        assert "This state is old" not in text
    assert "h old" not in page(town, "operator", "/grid")
