"""Published statistics over the API: by whom, once, refused over the budget, the ledger, the page, nothing per slot."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quietgrid.accounts import csrf_token
from quietgrid.crypto.public.envelope import decode
from quietgrid.model.publication import PublishRules
from quietgrid.wire.publication import OwnParts
from tests.api.town import Town, found_town

pytestmark = pytest.mark.slow
ROUTE = "/api/v1/published"


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A billed month of 120 homes of the sample."""
    with found_town(tmp_path_factory.mktemp("published"), days=31, homes=120) as made:
        made.services.periods.run(made.period)
        yield made


def plain_wh(town: Town, rows: list[int]) -> int:
    first = town.period.first - town.sample.readings.window.first
    return int(town.sample.readings.imported_wh[rows, first : first + len(town.period)].sum())


def test_the_sum_of_the_sample_is_plain(month: Town) -> None:
    analyst = month.client("analyst")
    assert analyst.get(ROUTE).json() == {"floor": 100, "published": []}
    made = analyst.post(ROUTE, json={"statistic": "use"})
    assert made.status_code == 201
    body = made.json()
    value = plain_wh(month, list(range(120)))
    assert body["figures"] == [
        {"name": "all homes", "homes": 120, "value": value, "noisy": False, "low": value, "high": value}
    ]
    assert (body["month"], body["epsilon"], body["unit"]) == ("2016-06", 0, "Wh")
    again = analyst.post(ROUTE, json={"statistic": "use", "epsilon": 3})
    assert (again.status_code, again.json()) == (200, body)


def test_smaller_groups_get_noise(month: Town) -> None:
    """113 of the 120 homes are residential: their exact sum beside that of all would be the sum of seven."""
    body = month.client("analyst").post(ROUTE, json={"statistic": "kinds"}).json()
    assert [(f["name"], f["homes"], f["noisy"]) for f in body["figures"]] == [("residential", 113, True)]
    residential = [row for row, home in enumerate(month.sample.homes) if home.kind.value == "residential"]
    figure = body["figures"][0]
    assert figure["value"] != plain_wh(month, residential)
    assert figure["high"] - figure["value"] == figure["value"] - figure["low"] > 0
    fed_in = month.client("analyst").post(ROUTE, json={"statistic": "export"}).json()
    assert fed_in["figures"][0]["noisy"]
    assert fed_in["homes"] < 100


def test_who_may_what(month: Town) -> None:
    for who in ("auditor", "operator", "household"):
        client = month.client(who)
        assert client.post(ROUTE, json={"statistic": "use"}).status_code == 403
        assert client.get(ROUTE).status_code == 200
        assert client.get(f"{ROUTE}.csv").text.startswith("month,statistic,figure")
        assert client.get(f"{ROUTE}/spent").status_code == (200 if who == "auditor" else 403)
    assert month.client().get(ROUTE).status_code == 401
    analyst = month.client("analyst")
    assert analyst.post(ROUTE, json={"statistic": "peak"}).status_code == 422
    assert analyst.post(ROUTE, json={"statistic": "use", "month": "2015-01"}).status_code == 404
    assert analyst.post(ROUTE, json={"statistic": "bands", "epsilon": 0.0001}).status_code == 400
    assert analyst.get(ROUTE, params={"month": "2015-01"}).json()["published"] == []


def test_a_home_over_its_budget_stops_it(month: Town) -> None:
    press = month.services.publishing
    before, press.rules = press.rules, PublishRules(budget_milli=1_200)
    try:
        analyst = month.client("analyst")
        spent = month.client("auditor").get(f"{ROUTE}/spent").json()["spent"]
        assert {home["epsilon"] for home in spent} == {0.0, 0.5, 1.0}
        refused = analyst.post(ROUTE, json={"statistic": "spread"})
        assert refused.status_code == 403
        assert "would pass their privacy budget of 1.2 for 2016" in refused.json()["detail"]
        form = {"statistic": "spread", "month": "2016-06", "csrf": csrf_token(month.token("analyst"))}
        page = analyst.post("/mdms/published", data=form)
        assert "refused by the rule “budget”" in page.text
        assert month.client("auditor").get(f"{ROUTE}/spent").json()["spent"] == spent
    finally:
        press.rules = before


def test_the_page_shows_what_is_published(month: Town) -> None:
    analyst = month.client("analyst")
    form = {"statistic": "bands", "month": "2016-06", "csrf": csrf_token(month.token("analyst"))}
    assert analyst.post("/mdms/published", data=form).headers["location"] == "/mdms/published?month=2016-06"
    page = analyst.get("/mdms/published").text
    assert "exact sum" in page
    assert "with noise, ε 0.5" in page
    assert "Epsilon ledger" not in page
    assert "Publish</button>" in page
    audited = month.client("auditor").get("/mdms/published?page=2").text
    assert "Epsilon ledger 2016" in audited
    assert "page 2 of 5" in audited
    assert "Publish</button>" not in audited


def test_a_household_learns_of_its_part(month: Town) -> None:
    """Session or signed request: the same signed statement."""
    import msgspec

    from quietgrid.crypto.public.envelope import Signed

    answer = month.client("household").get("/api/v1/own/published")
    assert answer.status_code == 200
    said = decode(OwnParts, msgspec.msgpack.decode(answer.content, type=Signed).body)
    assert said.home == 1001
    assert sorted(part.epsilon_milli for part in said.parts)[0] == 0
    assert month.client("analyst").get("/api/v1/own/published").status_code == 403


def test_nothing_of_an_interval_is_published(month: Town) -> None:
    """Whatever is published is over a whole billing period, at most a handful of numbers."""
    for one in month.client("auditor").get(ROUTE).json()["published"]:
        assert (one["start"], one["end"]) == ("2016-05-31T22:00:00Z", "2016-06-30T22:00:00Z")
        assert len(one["figures"]) <= 7
