"""A month of a real community: its bill checked at home, what left the home, the totals it was one of; streams."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from time import sleep

import httpx
import msgspec
import numpy as np
import pytest
import uvicorn

from quietgrid.billing import Bill, BillProof
from quietgrid.crypto.public.envelope import Signed, decode
from quietgrid.homeweb import create_app
from quietgrid.homeweb.desk import Desk
from quietgrid.homeweb.live import FrameWatch, PrivacyWatch
from quietgrid.household.omissions import check_complaint, parse_complaint
from quietgrid.model.interval import Window
from quietgrid.runtime.bill_document import holds, parse_document
from quietgrid.runtime.own import OwnDesk
from quietgrid.wire.columns import pack_bits, unpack_bits
from quietgrid.wire.messages import Close, Enrol
from tests.homeweb.browsing import Visitor, text_of
from tests.homeweb.street import OTHER, WHO, Street, spy

pytestmark = pytest.mark.slow


def visit(street: Street, row: int = WHO) -> Visitor:
    return Visitor(street.origin, street.settings, street.home(row))


def the_bill(street: Street, row: int = WHO) -> Bill:
    desk = OwnDesk(street.community.platform, street.community.periods)
    return Bill.decode(desk.bills(street.home(row))[-1])


@pytest.mark.parametrize("row", [WHO, OTHER])
def test_a_bill_is_checked_when_it_is_looked_at(street: Street, row: int) -> None:
    visitor, bill = visit(street, row), the_bill(street, row)
    path = f"/bills/{bill.window.first}-0"
    page = text_of(visitor.page(path))
    assert "this bill is right" in page
    assert "holds: 31 signed meter days" in page
    assert "verified" in text_of(visitor.page("/bills"))
    assert ("estimated" in page) == bool(bill.estimated_wh)
    found = json.loads(visitor.get(f"{path}.json").text)
    assert found["arithmetic"] == "holds"
    assert {one["verdict"] for one in found["sums"]} == {"holds"}
    measured = street.readings.cut(bill.window)
    mine = measured.present[row]
    assert sum(f.measured for f in bill.facts if f.register == 0 and not f.vector.endswith("price")) == int(
        measured.imported_wh[row, mine].sum()
    )


def test_a_proof_is_released_when_asked_for(street: Street) -> None:
    visitor, bill = visit(street), the_bill(street)
    path = f"/bills/{bill.window.first}-0"
    desk = OwnDesk(street.community.platform, street.community.periods)
    assert desk.proof(bill.home, bill.window.first) is None
    assert "Verify and release the proof" in visitor.page(path)
    assert visitor.post(f"{path}/verify").headers["location"] == path
    assert desk.proof(bill.home, bill.window.first) is not None
    assert "The operator has the proof" in visitor.page(path)


def test_the_invoice_is_printed_at_home_and_its_proof_holds(street: Street) -> None:
    visitor, bill = visit(street), the_bill(street)
    path = f"/bills/{bill.window.first}-0"
    invoice = visitor.get(f"{path}/invoice.html")
    assert "sandbox" in invoice.headers["content-security-policy"]
    assert "2016-06-01-0011" in invoice.text
    assert street.names[bill.home] in invoice.text
    assert "Rechnung" in visitor.page(f"{path}/invoice.html?language=de")
    pdf = visitor.get(f"{path}/invoice.pdf")
    assert pdf.content[:5] == b"%PDF-"
    assert "2016-06-01-0011.pdf" in pdf.headers["content-disposition"]
    visitor.get(f"{path}/invoice.txt", 400)
    proof = visitor.get(f"{path}/proof.json")
    assert "2016-06-01-0011.json" in proof.headers["content-disposition"]
    steps, checked = holds(parse_document(proof.content), street.community.card)
    assert [step.ok for step in steps] == [True] * 6
    assert checked is not None
    assert checked.household == street.community.household_keys[bill.home].public
    released = checked_digest(proof.content)
    assert released in re.sub(r"\s", "", text_of(invoice.text)), "the invoice prints the digest of this very proof"
    blobs = [blob for e in street.community.bank.enrolments().values() for blob in decode(Enrol, e.body).sealed]
    shown = parse_document(proof.content).vouching.body()
    assert blobs
    assert not any(blob in shown for blob in blobs)


def checked_digest(document: bytes) -> str:
    scalars = parse_document(document).scalars
    assert scalars is not None
    return BillProof.decode(scalars.body).digest().hex()


def test_proofs_are_checked_at_home_step_by_step(street: Street) -> None:
    visitor, bill = visit(street), the_bill(street)
    page = visitor.page("/proofs")
    key = f"{bill.window.first}-0"
    assert f'<option value="{key}">June 2016' in page

    def said(**form: str) -> str:
        return text_of(visitor.post("/proofs", 200, **form).text)

    text = said(kind="bill", bill=key)
    assert text.count("holds: ") == 6
    assert "adopted by household" in text
    proof = visitor.get(f"/bills/{key}/proof.json").text
    assert said(kind="document", document=proof).count("holds: ") == 6
    parts = json.loads(proof)
    neighbour = json.loads(visit(street, OTHER).get(f"/bills/{key}/proof.json").text)
    swapped = said(kind="document", document=json.dumps(parts | {"records": neighbour["records"]}))
    assert "fails: nobody vouches for its key" in swapped
    rows = list(csv.DictReader(io.StringIO(visitor.get("/privacy.csv").text)))
    fact = next(row["hash"] for row in rows if row["value"])
    text = said(kind="entry", hash=fact)
    assert text.count("holds: ") == 6
    assert "your home's own readings give the same sums" in text.replace("&#39;", "'")
    assert said(kind="entry", entry=street.spied.hex()).count("holds: ") == 4
    total = re.findall(r'<option value="([0-9a-f]{64})">Total of Orchard Hill', page)[0]
    assert said(kind="entry", entry=total).count("holds: ") == 5
    for form in ({"kind": "entry", "entry": "00"}, {"kind": "bill", "bill": "0-0"}):
        visitor.post("/proofs", 404, **form)
    visitor.post("/proofs", 400, kind="document", document="{}")
    visitor.post("/proofs", 400, kind="other")
    visitor.post("/proofs", 413, kind="document", document="x" * (1 << 20))
    assert visitor.client.post("/proofs", data={"kind": "bill", "bill": key}).status_code == 403


def test_what_was_left_out_is_said_by_period(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was left out here; then the platform shows closes that leave out two intervals."""
    visitor, home = visit(street), street.origin.homes[street.home(WHO)]
    page = text_of(visitor.page("/proofs"))
    assert "June 2016 2,877 0 nothing left out none" in page
    visitor.get(f"/proofs/{street.period.first}/complaint.json", 404)
    closes = home.parts.platform.closes

    def thinned(window: Window) -> list[Signed]:
        out = []
        for signed in closes(window):
            close = decode(Close, signed.body)
            first = close.day * 96 + close.a
            rows = len(close.bitmap) * 8 // (close.b - close.a)
            present = unpack_bits(close.bitmap, rows, close.b - close.a).copy()
            for slot in (street.period.end + 100, street.period.end + 101):
                if first <= slot < first + close.b - close.a:
                    present[:, slot - first] = False
            out.append(street.community.platform.parts.identity.sign(
                msgspec.structs.replace(close, bitmap=pack_bits(present))
            ))  # fmt: skip
        return out

    monkeypatch.setattr(home.parts.platform, "closes", thinned)
    page = visitor.page("/proofs")
    assert "under the limit" in page
    assert "received Sat 2 Jul 2016" in text_of(page)
    first = re.findall(r'name="first" value="([0-9]+)"', page)
    assert first == [str(street.period.end)]
    complaint = parse_complaint(visitor.get(f"/proofs/{first[0]}/complaint.json").content)
    (report,) = check_complaint(complaint, street.community.card)
    assert len(report.left) == 2
    assert visitor.post("/proofs/complaint", first=first[0]).headers["location"] == "/proofs"
    assert "shown to the keyholders" in visitor.page("/proofs")
    visitor.post("/proofs/complaint", 400, first="x")
    visitor.post("/proofs/complaint", 404, first="1")
    street.origin.homes[street.home(WHO)].parts.meters.up = False  # type: ignore[union-attr]
    try:
        fresh = Visitor(street.origin, street.settings, street.home(WHO))
        assert "This cannot be said just now" in fresh.page("/proofs")
    finally:
        home.parts.meters.up = True  # type: ignore[union-attr]


def test_a_wrong_bill_is_said_and_nothing_released(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    home = street.origin.homes[street.home(OTHER)]
    bill = the_bill(street, OTHER)
    fact = bill.facts[0]
    more = type(fact)(fact.vector, fact.register, fact.measured + 1, fact.intervals, fact.late, fact.late_intervals,
                      fact.missing, fact.estimate)  # fmt: skip
    parts = [getattr(bill, name) for name in bill.__dataclass_fields__]
    parts[list(bill.__dataclass_fields__).index("facts")] = (more, *bill.facts[1:])
    monkeypatch.setattr(home.parts.platform, "bills", lambda: [Bill(*parts).encode()])
    visitor = visit(street, OTHER)
    path = f"/bills/{bill.window.first}-0"
    page = text_of(visitor.page(path))
    assert "does not match" in page
    assert "Nothing is released" in page
    visitor.post(f"{path}/verify", 422)
    desk = OwnDesk(street.community.platform, street.community.periods)
    assert desk.proof(bill.home, bill.window.first) is None
    assert "does not match" in text_of(visitor.page("/bills"))


def test_every_number_that_left_is_listed(street: Street) -> None:
    visitor, bill = visit(street), the_bill(street)
    page = text_of(visitor.page("/privacy"))
    rows = list(csv.DictReader(io.StringIO(visitor.get("/privacy.csv").text)))
    opened = sorted(f.measured + f.late for f in bill.facts)
    assert sorted(int(row["value"]) for row in rows if row["value"]) == opened
    refused = [row for row in rows if row["outcome"] == "refused"]
    assert [row["hash"] for row in refused] == [street.spied.hex()]
    assert rows[0] == refused[0], "newest first"
    assert {row["keyholders"] for row in rows} == {"0 1 2"}
    assert f"Numbers about you {len(opened)}" in page
    assert "Your energy, Sun 10 Jul 2016, 18:00 to 19:00" in page
    assert f"{len(opened)} numbers left your home this month" in text_of(visitor.page("/"))
    assert json.loads(visitor.get("/privacy.json").text)["entries"][0]["hash"] == street.spied.hex()
    fact = next(row["hash"] for row in rows if row["value"])
    detail = text_of(visitor.page(f"/privacy/{fact}"))
    assert "your own sums are the same" in detail
    assert "They say the same" in detail
    other = list(csv.DictReader(io.StringIO(visit(street, OTHER).get("/privacy.csv").text)))
    assert street.spied.hex() not in {row["hash"] for row in other}, "another home does not see the attempt"


def test_totals_it_was_one_of(street: Street) -> None:
    page = text_of(visit(street).page("/privacy"))
    slots = len(street.readings.window)
    assert f"drawn from the grid {slots:,} 29 to 30 " in page, "one home was silent at times"
    assert f"given to the grid {slots:,} 19 to 20 " in page, "homes that can feed in"
    assert "You are one of 19 to 30 homes" in page


def test_days_before_and_after(street: Street) -> None:
    visitor = visit(street)
    rows = list(csv.DictReader(io.StringIO(visitor.get("/history.csv?view=month&first=2016-06-15").text)))
    june = street.readings.cut(street.period)
    assert len(rows) == len(street.period)
    got = np.array([int(row["imported_wh"] or -1) for row in rows])
    assert (got == np.where(june.present[WHO], june.imported_wh[WHO], -1)).all()
    page = visitor.page("/history?view=day&first=2016-07-04")
    assert 'href="?view=day&amp;first=2016-07-03"' in page
    assert 'href="?view=day&amp;first=2016-07-05"' in page
    assert "After" not in text_of(visitor.page("/history?view=day&first=2016-07-10")).split("Show as table")[0]


def test_the_frame_gets_what_is_new_and_only_that(street: Street) -> None:
    desk = Desk(street.origin.homes[street.home()])
    watch = FrameWatch(desk, "Home")
    names = [name for name, _ in watch()]
    assert names == ["beat", "values"]
    now = street.community.clock.unix
    reread = street.readings.window.end - 3
    try:
        street.community.clock.unix = reread * 900.0
        early = FrameWatch(desk, "Home")
        early()
        street.community.clock.unix = now
        events = early()
    finally:
        street.community.clock.unix = now
    points = [data for name, data in events if name == "series"]
    assert [point["x"] for point in points] == [slot * 900 for slot in range(reread, reread + 3)]
    wanted = street.readings.imported_wh[WHO, -3:] / 1000
    assert [point["values"][0] for point in points] == wanted.tolist()


def test_a_new_attempt_reloads_the_open_page(street: Street) -> None:
    desk = Desk(street.origin.homes[street.home(OTHER)])
    page, notice = PrivacyWatch(desk, reload=True), PrivacyWatch(desk, reload=False)
    assert page() == notice() == [("beat", {})]
    spy(street.community, street.home(OTHER))
    assert page()[1:] == [("reload", {})]
    assert notice()[1][0] == "notice"
    assert page() == notice() == [("beat", {})]


@contextmanager
def running(street: Street) -> Iterator[str]:
    """The app behind a real server."""
    server = uvicorn.Server(
        uvicorn.Config(create_app(street.origin, street.settings), port=0, log_level="error", lifespan="off",
                       timeout_graceful_shutdown=1)
    )  # fmt: skip
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


def test_a_stream_ends_with_its_session(street: Street) -> None:
    with running(street) as url:
        token = street.origin.sessions.redeem(street.origin.sessions.link(street.home()))
        jar = {"quietgrid_home": token}
        lines: list[str] = []
        with httpx.stream("GET", f"{url}/events", cookies=jar, timeout=10) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                if line.startswith("event: values") and "event: values" not in lines:
                    street.origin.sessions.end(token)
                lines.append(line)
        assert "event: beat" in lines
        assert lines[-3:] == ["event: reload", "data: {}", ""]
