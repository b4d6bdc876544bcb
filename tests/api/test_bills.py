"""A month of 60 homes: run, approve by someone else, read, print, prove; each by whom it is for."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator

import pytest

from quietgrid.billing import Bill
from quietgrid.crypto.public.envelope import decode, unpack_signed
from quietgrid.wire.messages import BookMessage
from quietgrid.wire.vouching import Vouching, check_vouching
from tests.api.town import Town, found_town

pytestmark = pytest.mark.slow
PERIOD = "2016-06-01"
RUNS = "/api/v1/billing/runs"


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A billing period and a day."""
    with found_town(tmp_path_factory.mktemp("month"), days=31) as made:
        yield made


def test_the_life_of_a_billing_run(month: Town) -> None:
    analyst, operator = month.client("analyst"), month.client("operator")
    home, neighbour = month.client("household"), month.client("neighbour")
    assert analyst.get(RUNS).json()["runs"] == [{"period": PERIOD, "state": "ready", "bills": 0, "total_micro": 0}]
    assert operator.post(RUNS, json={"period": PERIOD}).status_code == 403
    ran = analyst.post(RUNS, json={"period": PERIOD})
    assert ran.status_code == 201
    assert ran.json() == {"period": PERIOD, "bills": 60, "estimated": 0, "late_cells": 0, "refused": []}
    again = analyst.post(RUNS, json={"period": PERIOD})
    assert again.json()["bills"] == 60  # the same answers, the same drafts
    mine = f"/api/v1/bills/1001/{PERIOD}"
    assert home.get("/api/v1/bills").json() == {"bills": []}
    assert home.get(mine).status_code == 404
    four_eyes = analyst.post(f"{RUNS}/{PERIOD}/approve")
    assert four_eyes.status_code == 403
    assert "may not approve" in four_eyes.json()["detail"]
    assert operator.post(f"{RUNS}/{PERIOD}/approve").json() == {"period": PERIOD, "bills": 60}
    assert home.get(mine).json()["state"] == "issued"
    assert [bill["home"] for bill in home.get("/api/v1/bills").json()["bills"]] == ["1001"]
    assert neighbour.get(mine).status_code == 404
    assert month.client("auditor").get(mine).status_code == 403
    assert len(analyst.get("/api/v1/bills", params={"period": PERIOD}).json()["bills"]) == 60


def test_the_bill_is_the_plain_sum(month: Town) -> None:
    body = month.client("household").get(f"/api/v1/bills/1001/{PERIOD}").json()
    first = month.period.first - month.sample.readings.window.first
    plain = month.sample.readings.imported_wh[0, first : first + len(month.period)]
    assert body["imported_wh"] == int(plain.sum())
    assert (
        sum(line["amount_micro"] for line in body["lines"]) + sum(v["amount_micro"] for v in body["vat"])
        == (body["total_micro"])
    )
    assert month.client("household").get(f"/api/v1/bills/1001/{PERIOD}.json").json() == body


def test_as_page_and_pdf(month: Town) -> None:
    home = month.client("household")
    page = home.get(f"/api/v1/bills/1001/{PERIOD}.html", params={"language": "de"})
    assert page.headers["content-type"].startswith("text/html")
    assert "sandbox" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert "2016-06-01-0001" in page.text
    pdf = home.get(f"/api/v1/bills/1001/{PERIOD}.pdf")
    assert pdf.content[:5] == b"%PDF-"
    for ending in ("html", "pdf"):
        assert month.client("neighbour").get(f"/api/v1/bills/1001/{PERIOD}.{ending}").status_code == 404
        assert month.client("auditor").get(f"/api/v1/bills/1001/{PERIOD}.{ending}").status_code == 403


def test_what_a_proof_needs(month: Town) -> None:
    proof = month.client("auditor").get(f"/api/v1/bills/1001/{PERIOD}/proof").json()
    bill = Bill.decode(b64decode(proof["bill"]))
    book = decode(BookMessage, unpack_signed(b64decode(proof["book"])).body)
    assert bill.home == 1001
    assert (book.first, book.end) == (month.period.first, month.period.end)
    assert proof["scalars"] is None
    assert len(proof["closes"]) >= 30
    vouching = decode(Vouching, b64decode(proof["vouching"]))
    (meter,) = check_vouching(vouching, month.community.card, 1001, month.period).values()
    assert meter.household == month.community.household_keys[1001].public
    assert month.client("neighbour").get(f"/api/v1/bills/1001/{PERIOD}/proof").status_code == 404


def test_the_page_checks_bills_against_totals(month: Town) -> None:
    text = month.client("analyst").get(f"/mdms/billing?run={PERIOD}").text
    assert "bills and totals agree on 2 of 2 feeders" in text
    assert "sent to the homes" in text
    assert len(re.findall(r"2016-06-01-\d{4}", text)) == 25
    other = month.client("operator").get(f"/mdms/billing?run={PERIOD}").text
    assert "2016-06-01-0001" not in other  # an operator approves runs and reads no bill


def test_a_wrong_bill_would_show(month: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    from quietgrid.api.desk import check

    true = check._billed

    def wrong(*arguments: object) -> object:
        sums = true(*arguments)  # type: ignore[arg-type]
        sums[0][0] += 1
        return sums

    monkeypatch.setattr(check, "_billed", wrong)
    assert "bills and totals differ" in month.client("analyst").get(f"/mdms/billing?run={PERIOD}").text
