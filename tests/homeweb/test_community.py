"""The page Community over a billed month of 30 homes: real figures, a home's numbers recomputed plainly, the proof.

The platform is the real one behind its API; every request of the household's process is looked at.
"""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi.testclient import TestClient

from quietgrid.algorithms.comparison import CLASS_PERCENTS, usual_of
from quietgrid.api import Settings, create_app
from quietgrid.crypto.public.fhe import is_built
from quietgrid.errors import NotFoundError
from quietgrid.household.insight_link import HttpInsight
from quietgrid.household.links import SignedClient
from quietgrid.model.publication import PublishRules
from quietgrid.runtime.insight_jobs import InsightJobs
from tests.homeweb.browsing import Visitor, text_of
from tests.homeweb.street import OTHER, WHO, Street, build

pytestmark = pytest.mark.slow
built = pytest.mark.skipif(not is_built(), reason="quietgrid_fhe is not built (make fhe)")
MONTH, TZ = "2016-06", ZoneInfo("Europe/Berlin")
PATIENCE_S = 550
PLAIN = PublishRules(floor=15)
"""So that 30 homes are enough for figures without noise."""


@dataclass
class Compared:
    """The street, the platform's services, and what the household's process asked for."""

    street: Street
    app: object
    asked: list[httpx.Request] = field(default_factory=list)

    @property
    def services(self):  # type: ignore[no-untyped-def]
        return self.app.state.services  # type: ignore[attr-defined]

    def visitor(self, row: int = OTHER) -> Visitor:
        return Visitor(self.street.origin, self.street.settings, self.street.home(row))

    def used(self, row: int) -> list[int]:
        """Wh of each interval of June, as measured."""
        length = len(self.street.period)
        return self.street.readings.imported_wh[row, :length].tolist()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    folder = tmp_path_factory.mktemp("compared")
    street = build(folder)
    platform = street.community.platform
    app = create_app(platform, Settings(publishing=PLAIN))
    jobs = InsightJobs(platform, app.state.services.insight, folder / "keys")
    app.state.services.insight_jobs = jobs
    found = Compared(street, app)
    client = TestClient(app, base_url="http://localhost:8000")
    client.event_hooks = {"request": [found.asked.append]}
    for home in street.origin.homes.values():
        vault = home.parts.vault
        who = (vault.identity, vault.community, vault.home)
        home.parts.insight = HttpInsight(SignedClient(client, *who))
    jobs.start()
    yield found
    jobs.stop()
    street.community.close()


def test_before_anything_is_published(compared: Compared) -> None:
    if compared.services.insight.months():
        pytest.skip("another test of this module came first")
    page = compared.visitor().page("/community")
    assert "No month is published yet" in page
    assert 'href="/community" data-key="m" aria-current="page"' in page
    assert compared.visitor().get("/community.csv", 404)


def publish(compared: Compared) -> None:
    compared.services.insight.publish_due(MONTH, "analyst")


def test_the_page_shows_what_a_plain_recomputation_finds(compared: Compared) -> None:
    publish(compared)
    mine, homes = compared.used(OTHER), compared.street.readings.imported_wh[:, : len(compared.street.period)]
    visitor = compared.visitor()
    found = visitor.get(f"/community.json?month={MONTH}").json()
    total = sum(mine)
    assert (found["own_wh"], found["missing_intervals"], found["homes"]) == (total, 0, 30)
    hours: list[list[int]] = [[] for _ in range(24)]
    everybody = [0] * 24
    for n, slot in enumerate(range(compared.street.period.first, compared.street.period.end)):
        hour = datetime.fromtimestamp(slot * 900, UTC).astimezone(TZ).hour
        hours[hour].append(mine[n])
        everybody[hour] += int(homes[:, n].sum())
    means = [4 * sum(values) // len(values) for values in hours]
    assert found["profile_wh"] == means
    assert found["community_profile_wh"] == pytest.approx([wh / 30 / 30 for wh in everybody], abs=2)
    average = found["average_wh"]
    # What was billed: every home's readings, with an estimate where home WHO lacks three of 86,400.
    assert average == pytest.approx(int(homes.sum()) / 30, rel=1e-3)
    assert found["side"] == ("above" if total // 100 > average // 100 else "below")
    assert (
        found["class"] == "ABCDEFG"[sum(total // 100 >= average * percent // 100 // 100 for percent in CLASS_PERCENTS)]
    )
    usual = usual_of(found["community_profile_wh"])
    assert found["hours_that_stand_out"] == [h for h in range(24) if 1000 * means[h] // sum(means) > usual[h]]
    evening = sum(sum(hours[h]) for h in range(17, 22))
    assert found["features"]["evening"] == 100 * evening // total
    assert found["features"]["peak"] // 100 == max(sum(mine[n : n + 4]) for n in range(0, len(mine), 4)) // 100

    page = visitor.page("/community")
    shown = text_of(page)
    assert f"{total / 1000:,.1f} kWh" in shown
    assert f"{average / 1000:,.1f} kWh" in shown
    assert f"class is {found['class']}" in shown
    for one in found["advice"]:
        assert one["title"] in shown
        assert one["arithmetic"][-1] in shown
    rows = list(csv.reader(io.StringIO(visitor.get("/community.csv").text)))
    assert rows[1] == ["month", str(total), str(average), "Wh"]
    charts = [
        json.loads(text) for text in re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    ]
    day = next(chart for chart in charts if chart["x_title"] == "Hour from")
    own = [a if b is None else b for a, b in zip(day["series"][0]["data"], day["series"][1]["data"], strict=True)]
    assert own == [round(100 * mean / sum(means), 2) for mean in means]
    (trend,) = [chart for chart in charts if chart["x_title"] == "Month"]
    assert trend["series"][0]["data"] == [round(total / 1000, 1)]


def test_a_gap_is_said_and_filled(compared: Compared) -> None:
    publish(compared)
    page = text_of(compared.visitor(WHO).page("/community"))
    assert "3 intervals of your month are missing" in page
    found = compared.visitor(WHO).get("/community.json").json()
    assert found["missing_intervals"] == 3
    assert found["own_wh"] == sum(compared.used(WHO)) + found["filled_wh"]


def test_nothing_of_the_home_is_asked_for(compared: Compared) -> None:
    """Comparing at home sends the name of a month and a group, and nothing else."""
    publish(compared)
    compared.asked.clear()
    compared.visitor().page("/community")
    compared.visitor().get("/community.json")
    assert {(request.method, request.url.path) for request in compared.asked} == {("GET", "/api/v1/own/insight")}
    assert {tuple(sorted(request.url.params)) for request in compared.asked} <= {("group",), ("group", "month")}
    assert all(request.content == b"" for request in compared.asked)


def test_peer_groups_and_what_cannot_be_asked(compared: Compared) -> None:
    publish(compared)
    page = compared.visitor().page("/community")
    groups = re.findall(r'<option value="([a-z0-9-]+)"[^>]*>([^<]+)</option>', page.split('id="group"')[1])
    assert groups[0] == ("all", "all homes: 30 homes")
    for name, words in groups[1:]:
        found = compared.visitor().get(f"/community.json?group={name}").json()
        assert f": {found['homes']} homes" in words
        assert found["homes"] >= 15
    visitor = compared.visitor()
    assert visitor.get("/community?month=June", 400)
    assert visitor.get("/community?group=../all", 400)
    assert visitor.get("/community.xml", 400)
    assert "No month is published yet" in visitor.page("/community?month=2015-01")
    assert visitor.client.post("/community/sealed", data={"csrf": "stolen"}).status_code == 403
    assert "Sign in" not in visitor.page("/community")
    assert Visitor(compared.street.origin, compared.street.settings, None).get("/community", 401)


@built
def test_encrypted_it_is_the_same_and_the_server_saw_only_this(compared: Compared) -> None:
    publish(compared)
    visitor, home = compared.visitor(), compared.street.home(OTHER)
    assert "Ask encrypted" in visitor.page("/community")
    compared.asked.clear()
    visitor.post("/community/sealed", month=MONTH, group="all")
    until = time.monotonic() + PATIENCE_S
    while "aria-busy" in (part := visitor.page("/community/sealed")):
        assert time.monotonic() < until, text_of(part)
        time.sleep(1)
    said = text_of(part)
    assert "The same as at home" in said, said
    sent = [request for request in compared.asked if request.url.path == "/api/v1/insight/requests"]
    assert len(sent) == 1
    link = compared.street.origin.homes[home].parts.insight
    assert link is not None
    held = link.look(re.findall(r"Question ([0-9a-f]{32})", said)[0])
    assert held.answer is not None
    assert {one.part: one.size for one in held.seen} == {"month": 76, "profile": 428, "features": 140}
    for one in (*held.seen, held.answer):  # the bytes on the page are those the platform holds
        assert one.data()[:12].hex(" ") in said
        assert one.sha256 in part
    at_home = visitor.get("/community.json").json()
    assert f"class {at_home['class']}" in said
    visitor.post("/community/key", month=MONTH, group="all")
    assert compared.street.origin.homes[home].parts.vault.has_comparing_key is False
    with pytest.raises(NotFoundError):
        link.look(held.id)
    assert link.service().key is None
    assert "Ask encrypted" in visitor.page("/community")


def test_without_an_engine_it_says_how_to_add_it(compared: Compared, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(compared)
    monkeypatch.setattr("quietgrid.crypto.public.fhe.MODULE", "quietgrid_fhe_that_is_not_there")
    page = text_of(compared.visitor().page("/community"))
    assert "The engine for encrypted numbers is not built here" in page
    assert "make fhe" in page
    assert "kWh" in page  # the comparison at home is there all the same
