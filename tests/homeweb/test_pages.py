"""The pages of two homes over real vaults and meters: what they show, what they refuse, what they change."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

import pytest

from quietgrid.crypto.public.envelope import unpack_signed
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import UnavailableError
from quietgrid.homeweb import LinkSessions, PageSettings, Recipient
from quietgrid.household import Vault
from quietgrid.household.rewards import KnownPurse, RewardNote, choice, known, remember
from quietgrid.household.server import Origin
from quietgrid.household.sharing import open_shared
from quietgrid.household.vault import Backup
from quietgrid.model.interval import SystemClock
from quietgrid.model.readings import Readings
from quietgrid.wire.messages import LedgerNote
from quietgrid.wire.own import OwnClaims
from tests.homeweb.browsing import BASE, Visitor, text_of
from tests.household.village import COMMUNITY, Village
from tests.meter.town import D0, moment, readings, slots

ADVISER = PrivateKem.generate("x25519")
SETTINGS = PageSettings(
    "http://localhost:8000", BASE, names={11: "Birch Lane 11"}, recipients=(Recipient("Adviser", ADVISER.public),)
)
DAYS = 3
FIRST = "2024-10-04"  # the UTC day D0; local days start two hours before


@dataclass
class Lane:
    """Home 11 (two meters) and home 12, three days measured, 18:00 UTC of the third."""

    village: Village
    batch: Readings
    origin: Origin

    def visitor(self, home: int | None = 11) -> Visitor:
        return Visitor(self.origin, SETTINGS, home)

    def note(self, home: int | None, kind: str, subject: bytes, **more: object) -> None:
        """One entry in all three keyholders' ledgers."""
        body = {
            "kind": kind, "node": "Birch Lane 1", "first": D0 * 96, "end": D0 * 96 + 96, "resolution": 900,
            "quantity": "import", "vectors": [], "values": [], "counts": [], "asked_by": "platform",
            "why": "bills of the period", "rule": "floor", "subject": subject, "closes": [],
            "at": self.village.clock.unix,
        } | more  # fmt: skip
        for holder in self.village.holders:
            holder.note(home, LedgerNote(**body))  # type: ignore[arg-type]


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    village = Village(tmp_path)
    end = slots(D0, 0, (DAYS - 1) * 96 + 72)
    village.clock.unix = moment(D0 + DAYS - 1, 72)
    batch = readings([1, 2, 3], end, 1, missing=0.1)
    village.deliver(village.bank.seal(batch))
    homes = {11: village.home(11)}
    sessions = LinkSessions(village.store, SystemClock(), tmp_path / "households")
    return Lane(village, batch, Origin(homes, sessions))


PAGES = (
    "/", "/history", "/history?view=day", "/history?view=month", "/bills", "/privacy", "/consents", "/community",
    "/glance",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_pages_for_who_is_signed_in_and_nobody_else(lane: Lane, path: str) -> None:
    answer = lane.visitor().get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    ancestors = "http://localhost:8000" if path == "/glance" else "'none'"
    assert f"frame-ancestors {ancestors}" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    outside = lane.visitor(None).client.get(path)
    if path == "/glance":
        assert "Sealed for you too" in outside.text
    else:
        assert outside.status_code == 401
        assert "Sign-in link" in outside.text
    assert "kWh" not in outside.text


def test_history_is_what_the_meters_measured(lane: Lane) -> None:
    visitor = lane.visitor()
    answer = visitor.get(f"/history.csv?view=week&first={FIRST}")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    mine = lane.batch.present[0] & lane.batch.present[2]
    there = {row["start"]: row for row in rows}
    assert len(rows) == len(mine), "two hours before are of the day before D0, when no meter was there"
    for index, (start, row) in enumerate(sorted(there.items())):
        assert start.endswith("+02:00")
        if mine[index]:
            assert int(row["imported_wh"]) == lane.batch.imported_wh[[0, 2], index].sum()
            assert int(row["exported_wh"]) == lane.batch.exported_wh[0, index]
        else:
            assert row["imported_wh"] == "", "a gap is a gap"
    page = visitor.page(f"/history?view=week&first={FIRST}")
    spec = chart(page)
    assert sum(v for v in spec["series"][0]["data"] if v is not None) == pytest.approx(
        lane.batch.imported_wh[[0, 2]][:, mine].sum() / 1000
    )
    assert "no data" in page, "the table for browsers without scripts has the gaps too"
    assert f"Missing {(~mine[:-2]).sum()} intervals" in text_of(page), "the newest two may still be on their way"


def chart(page: str) -> dict[str, list[dict[str, list[float | None]]]]:
    found: dict[str, list[dict[str, list[float | None]]]] = json.loads(
        html.unescape(re.findall(r'<script type="application/json">(.*?)</script>', page, re.S)[0])
    )
    return found


@pytest.mark.parametrize(
    ("query", "status"),
    [("view=year", 400), ("first=today", 400), ("first=1969-01-01", 400), ("first=2999-01-01", 400),
     ("first=2010-01-01", 200), ("view=month&first=2024-10-06", 200)],
)  # fmt: skip
def test_days_that_can_be_asked_for(lane: Lane, query: str, status: int) -> None:
    page = lane.visitor().page(f"/history?{query}", status)
    assert ("Nothing here" in page) == ("2010" in query)


def test_the_first_page_says_now_and_today(lane: Lane) -> None:
    page = text_of(lane.visitor().page("/"))
    mine = lane.batch.present[0] & lane.batch.present[2]
    newest = int(mine.nonzero()[0][-1])
    power = lane.batch.imported_wh[[0, 2], newest].sum() * 4
    assert f"{power / 1000:.2f} kW" in page
    assert "Hello, Birch Lane 11" in page
    assert "No bill yet" in page
    assert "silent" not in page
    lane.village.clock.unix += 7200
    assert "silent" in text_of(lane.visitor().page("/"))


def test_an_attempt_shows_at_once_and_is_new_once(lane: Lane) -> None:
    visitor = lane.visitor()
    assert "No number left your home" in visitor.page("/privacy")
    lane.note(11, "refused", b"s" * 32, node="home:11", first=D0 * 96 + 64, end=D0 * 96 + 68)
    page = visitor.page("/privacy")
    assert "is-new" in page
    shown = text_of(page)
    assert "Your energy, Fri 4 Oct 2024, 18:00 to 19:00" in shown
    assert "too few homes were behind it" in shown
    assert "is-new" not in visitor.page("/privacy")
    detail = text_of(visitor.page(f"/privacy/{(b's' * 32).hex()}"))
    assert "No keyholder answered" in detail
    assert detail.count("has it in its ledger") == 3
    assert "1 question about you was refused" in text_of(visitor.page("/"))
    visitor.page("/privacy/ffff", 404)


def test_sums_over_halves_stand_beside_the_totals(lane: Lane) -> None:
    span = {"node": "Birch Lane", "quantity": "import", "first": D0 * 96, "end": D0 * 96 + 4}
    lane.note(None, "totals", b"t" * 32, counts=[33, 33], **span)
    lane.note(None, "halves", b"h" * 32, counts=[16, 17], **span)
    page = text_of(lane.visitor().page("/privacy"))
    assert "drawn from the grid, in two halves" in page
    assert "16 to 17" in page
    assert "33" in page


def test_one_keyholder_away_hides_nothing(lane: Lane) -> None:
    visitor = lane.visitor()
    lane.note(11, "refused", b"s" * 32, node="home:11")
    assert "3 of 3 keyholders" in visitor.page("/privacy")

    def away(after: int, limit: int) -> None:
        raise UnavailableError("it does not answer", where="keyholder 2", fix="try again later")

    lane.village.holders[2].ledger = away  # type: ignore[assignment, method-assign]
    page = text_of(visitor.page("/privacy"))
    assert "2 of 3 keyholders" in page
    assert "One ledger could not be read just now" in page
    assert "Your energy" in page
    for holder in lane.village.holders:
        holder.ledger = away  # type: ignore[assignment, method-assign]
    assert "0 of 3 keyholders" in text_of(visitor.page("/privacy")), "what they said before is kept"
    assert visitor.page("/history")
    assert "Try again" in Visitor(lane.origin, SETTINGS, 11).page("/privacy", 503)


def test_a_ledger_that_changed_is_broken(lane: Lane) -> None:
    visitor = lane.visitor()
    lane.note(None, "close", b"c" * 32)
    assert "unbroken" in visitor.page("/privacy")
    lane.village.holders[0], lane.village.holders[1] = lane.village.holders[1], lane.village.holders[0]
    lane.village.holders[0].index, lane.village.holders[1].index = 0, 1
    parts = lane.origin.homes[11].parts
    parts.holders = lane.village.holders
    fresh = Origin({11: lane.village.home(11)}, lane.origin.sessions)
    assert "broken" in text_of(Visitor(fresh, SETTINGS, 11).page("/privacy")).replace("unbroken", "")


def test_forms_of_other_pages_change_nothing(lane: Lane) -> None:
    visitor = lane.visitor()
    for headers, token in (({"Origin": "http://localhost:8000"}, visitor.csrf), ({"Origin": BASE}, "x"), ({}, "")):
        for path in (
            "/consents",
            "/consents/backup",
            "/consents/erase",
            "/consents/abc",
            "/bills/1-0/verify",
            "/signout",
        ):
            answer = visitor.client.post(path, data={"csrf": token, "confirm": "11"}, headers=headers)
            assert answer.status_code == 403, path
            assert "did not come from this page" in answer.text
    assert visitor.page("/")
    assert visitor.client.post("/consents/backup", content=b"x" * 70_000).status_code == 413


def test_days_are_handed_over_sealed_and_taken_back(lane: Lane) -> None:
    visitor = lane.visitor()
    form = {"recipient": "0", "purpose": "advice", "first": "2024-10-04", "last": "2024-10-05", "understood": "yes"}
    answer = visitor.post("/consents", **form)
    page = visitor.page(answer.headers["location"])
    assert "The days are ready" in page
    assert "4 to 5 October 2024" in page
    path = re.findall(r'href="(/consents/[0-9a-f]+/package)"', page)[0]
    package = unpack_signed(visitor.get(path).content)
    series = open_shared(package, lane.village.vaults[11].identity.public, ADVISER, lane.village.clock.unix)
    assert {part.pid for part in series} == {1, 3}
    for part in series:
        at = part.window.first - lane.batch.window.first
        row = [1, 2, 3].index(part.pid)
        column = (lane.batch.imported_wh, lane.batch.exported_wh)[part.register]
        assert (part.energy_wh == column[row, at : at + len(part.window)]).all()
    visitor.post(path.removesuffix("/package"))
    assert "You have given none" in visitor.page("/consents")
    visitor.get(path, 404)
    names = [signed.name for signed in lane.village.holders[1].given]
    assert names == ["consent", "consent", "withdrawal", "withdrawal"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"understood": ""},
        {"first": "2024-10-06", "last": "2024-10-06"},
        {"first": "2024-10-03"},
        {"last": "2024-10-01"},
        {"purpose": "fun"},
        {"recipient": "7"},
        {"recipient": "", "name": "x", "key": "%%"},
        {"recipient": "", "name": "x"},
    ],
)
def test_consents_that_do_not_fit(lane: Lane, wrong: dict[str, str]) -> None:
    form = {"recipient": "0", "purpose": "advice", "first": "2024-10-04", "last": "2024-10-04", "understood": "yes"}
    visitor = lane.visitor()
    visitor.post("/consents", 400, **(form | wrong))
    assert "You have given none" in visitor.page("/consents")
    assert not lane.village.holders[0].given


def test_the_recovery_code_brings_the_vault_back(lane: Lane, tmp_path: Path) -> None:
    visitor = lane.visitor()
    page = visitor.post("/consents/backup", 200).text
    code = re.findall(r"<code[^>]*>([^<]+)</code>", page)[0]
    blob = re.findall(r"<textarea[^>]*>([^<]+)</textarea>", page)[0]
    again = Vault.restore(tmp_path / "new", COMMUNITY, 11, Backup(code, b64decode(blob)))
    assert [meter.roots for meter in again.meters()] == [m.roots for m in lane.village.vaults[11].meters()]
    assert "Only the printed code opens it" in visitor.page("/consents")
    assert code not in visitor.page("/consents")


def test_erasing_needs_the_number_and_leaves_nothing(lane: Lane) -> None:
    visitor = lane.visitor()
    visitor.post("/consents/erase", 400, confirm="12")
    assert visitor.page("/")
    roots = [meter.roots for meter in lane.village.vaults[11].meters()]
    page = visitor.post("/consents/erase", 200, confirm="11").text
    assert "Your keys are erased" in page
    assert visitor.client.get("/").status_code == 401
    assert 11 not in lane.origin.homes
    files = lane.village.files()
    assert not any(part in files for part in roots)
    assert lane.village.holders[0].given[-1].name == "erase"


class NoClaims:
    """A `ClaimsLink` nobody may use: the page asks nobody."""

    def claims(self) -> OwnClaims:
        raise AssertionError("the page asked the platform")

    def name_account(self, signed: object) -> None:
        raise AssertionError("the page asked the platform")


def test_rewards_are_what_the_home_knows(lane: Lane) -> None:
    visitor, parts = lane.visitor(), lane.origin.homes[11].parts
    assert "Rewards" not in visitor.page("/bills")  # a community without a chain
    parts.claims = NoClaims()
    assert "Not looked yet" in text_of(visitor.page("/bills"))
    sent, address = "0x" + "ab" * 32, "0x" + "cd" * 20
    remember(parts.store, 11, RewardNote(1, [], [], 5.0))
    purse = KnownPurse(address, 50_000_000, 50_000_000, 20_000_000)
    remember(parts.store, 11, RewardNote(50_730_000, [purse], [sent], 1_700_000_000.0, "the node is away"))
    page = visitor.page("/bills")
    text = text_of(page)
    for said in ("50.73", "50.00", "20.00", "the node is away", "Nothing is claimed unless you do"):
        assert said in text, said
    assert sent in page
    assert address in page
    assert f'href="{sent}' not in page
    visitor.post("/bills/rewards", by_itself="on")
    assert choice(parts.store, 11) == "on"
    assert "drawn by lot" in text_of(visitor.page("/bills"))
    visitor.post("/bills/rewards", by_itself="off")
    assert choice(parts.store, 11) == "off"
    visitor.post("/bills/rewards", 400, by_itself="often")
    visitor.post("/consents/erase", 200, confirm="11")
    assert (known(parts.store, 11), choice(parts.store, 11)) == (None, "")


def test_signing_out_ends_the_session_everywhere(lane: Lane) -> None:
    visitor = lane.visitor()
    visitor.page("/")
    kept = dict(visitor.client.cookies)
    frame = {"Cookie": f"quietgrid_frame={kept['quietgrid_frame']}"}
    stranger = lane.visitor(None)
    assert "Birch Lane 11" in stranger.client.get("/glance", headers=frame).text
    assert stranger.client.get("/", headers=frame).status_code == 401
    visitor.post("/signout")
    stolen = {"Cookie": "; ".join(f"{name}={value}" for name, value in kept.items())}
    assert stranger.client.get("/", headers=stolen).status_code == 401
    assert "Sealed for you too" in stranger.client.get("/glance", headers=frame).text


def test_what_is_not_there(lane: Lane) -> None:
    visitor = lane.visitor()
    assert "There is no such page" in visitor.page("/nothing", 404)
    assert "There is no such bill" in visitor.page("/bills/1-0", 404)
    visitor.page("/bills/..%2f..%2fhome", 404)
    visitor.page("/static/../environment.py", 404)
    visitor.page("/static/nothing.js", 404)
    visitor.get("/static/app.css")
    assert visitor.client.post("/history").status_code == 405
    assert visitor.client.get("/events", headers={"Cookie": "quietgrid_home=x"}).status_code in (200, 204)
    assert lane.visitor(None).client.get("/events").status_code == 204
    used = lane.origin.sessions.link(11)
    assert visitor.client.get("/sign-in", params={"token": used}).status_code == 303
    again = lane.visitor(None).client.get("/sign-in", params={"token": used})
    assert again.status_code == 403
    assert "used or is too old" in again.text
    answer = visitor.client.get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert visitor.get("/api/own/session").json()["home"] == "11"
    assert visitor.get("/healthz").json()["status"] == "ok"


def test_the_platform_away_is_said(lane: Lane) -> None:
    def away(*_: object) -> None:
        raise UnavailableError("the platform does not answer", where="platform", fix="try again later")

    visitor = lane.visitor()
    lane.village.platform.sealed = away  # type: ignore[assignment, method-assign]
    page = visitor.page("/history", 503)
    assert "The platform does not answer." in page
    assert 'href="/history"' in page
