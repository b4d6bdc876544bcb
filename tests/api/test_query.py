"""Whatever stands in a query: an answer or a problem, never a crash; spans as they should be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quietgrid.api.times import MOST_DAYS, iso, moment, span
from quietgrid.errors import InputError
from tests.api.town import Town

TEXTS = st.one_of(
    st.text(max_size=45),
    st.datetimes(datetime(1900, 1, 1), datetime(2300, 1, 1)).map(datetime.isoformat),
    st.integers(-(10**12), 10**12).map(str),
    st.sampled_from(
        ["2016-06-01", "2016-06-01T12:00:00Z", "2016-06-01T12:00+02:00", "0001-01-01", "9999-12-31T23:59Z"]
    ),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=TEXTS,
    end=TEXTS,
    node=st.one_of(st.sampled_from(["Orchard Hill", "Orchard Hill", "Community"]), st.text(max_size=20)),
)
def test_totals_answer_or_say_why(town: Town, start: str, end: str, node: str) -> None:
    answer = town.client("analyst").get("/api/v1/totals", params={"node": node, "from": start, "to": end})
    assert answer.status_code in (200, 400, 403, 404, 422)
    body = answer.json()
    if answer.status_code == 200:
        slots = (moment(body["end"], "", "UTC") - moment(body["start"], "", "UTC")) / body["resolution_s"]
        assert len(body["energy_wh"]) == len(body["homes"]) == slots
        assert all(
            (energy is None) == (homes is None) for energy, homes in zip(body["energy_wh"], body["homes"], strict=True)
        )
        assert all(homes is None or homes >= 15 for homes in body["homes"])
    else:
        assert body["status"] == answer.status_code


@given(first=st.integers(0, 8_000_000), length=st.integers(0, MOST_DAYS * 96), last=st.integers(0, 8_000_000))
def test_a_span_covers_its_times(first: int, length: int, last: int) -> None:
    start, end = iso(first + 96, 900), iso(first + 96 + length, 900)
    window = span(start, end, 900, last, "Europe/Berlin")
    assert (window.first, window.end) == (first + 96, first + 96 + length)
    assert len(span(None, None, 900, last, "UTC")) <= 96


@given(unix=st.integers(40_000_000, 4_000_000_000))
def test_times_round_trip(unix: int) -> None:
    text = datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert moment(text, "from", "Asia/Tokyo") == unix


@pytest.mark.parametrize(
    "text", ["7", "", "now", "2016-06-01 12", "2016-02-30", "2016-06-01T25:00Z", "1969-01-01", "२०१६-०६-०१"]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InputError):
        moment(text, "from", "UTC")


def test_too_long_or_backwards() -> None:
    for start, end in (("2016-01-01", "2018-01-01"), ("2016-06-02", "2016-06-01")):
        with pytest.raises(InputError):
            span(start, end, 900, 0, "UTC")


def test_totals_are_the_plain_sums(town: Town) -> None:
    """What the API says is what the meters measured, added up."""
    body = (
        town.client("analyst")
        .get("/api/v1/totals", params={"node": "Orchard Hill", "from": "2016-06-01", "to": "2016-06-03"})
        .json()
    )
    rows = [n for n, home in enumerate(town.sample.homes) if home.feeder == "Orchard Hill"]
    plain = town.sample.readings.imported_wh[rows].sum(axis=0).tolist()
    assert body["energy_wh"] == plain
    assert set(body["homes"]) == {30}
    csv = town.client("analyst").get(
        "/api/v1/totals.csv", params={"node": "Orchard Hill", "from": "2016-06-01", "to": "2016-06-03"}
    )
    assert [int(line.split(",")[4]) for line in csv.text.splitlines()[1:]] == plain


def test_the_community_is_the_sum_of_its_feeders(town: Town) -> None:
    client = town.client("analyst")
    get = lambda node: client.get("/api/v1/totals", params={"node": node, "quantity": "net"}).json()["energy_wh"]  # noqa: E731
    parts = [get(node) for node in ("Mill Lane", "Orchard Hill")]
    assert get("Community") == [a + b for a, b in zip(*parts, strict=True)]
