"""The household's own origin over HTTP: who gets in, what they see, what is refused; and its signed requests."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from quietgrid.crypto.public.envelope import pack_signed, unpack_signed
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import NotFoundError, QuietgridError
from quietgrid.household import Home, open_shared
from quietgrid.household.guard import MAX_BODY
from quietgrid.household.links import HttpHolder, HttpPlatform, SignedClient
from quietgrid.household.server import COOKIE, Origin, create_app
from quietgrid.household.service import HomeParts
from quietgrid.household.sessions import LINK_S, SESSION_S, Sessions
from quietgrid.model.interval import ManualClock, Window
from quietgrid.wire.links import refusal_of
from quietgrid.wire.own import BillScalars
from quietgrid.wire.request_auth import Nonces, verify_authorization
from tests.household.test_bills import PERIOD, billed, village  # noqa: F401
from tests.household.test_ledger import note
from tests.household.village import COMMUNITY, TOWN, Village
from tests.meter.town import D0

BASE = "http://home.localhost"


class Site:
    """The app, a clock for sessions, and clients."""

    def __init__(self, village: Village) -> None:  # noqa: F811
        self.village = village
        self.clock = ManualClock(1_000_000.0)
        self.sessions = Sessions(village.store, self.clock)
        self.origin = Origin({11: village.home(11), 12: village.home(12)}, self.sessions, "one operator")
        for holder in village.holders:
            holder.home = 11
        self.app = create_app(self.origin)

    def client(self) -> TestClient:
        return TestClient(self.app, base_url=BASE, follow_redirects=False)

    def signed_in(self, home: int = 11) -> tuple[TestClient, dict[str, str]]:
        client = self.client()
        answer = client.get("/sign-in", params={"token": self.sessions.link(home)})
        assert answer.status_code == 303
        csrf = client.get("/api/own/session").json()["csrf"]
        return client, {"x-csrf-token": csrf, "origin": BASE}


@pytest.fixture
def site(village: Village) -> Site:  # noqa: F811
    billed(village)
    return Site(village)


def test_nobody_sees_anything_without_a_session(site: Site) -> None:
    client = site.client()
    for path in ("session", "series?from=2024-10-04&to=2024-10-05", "bills", "privacy", "consents", "verify/1-0"):
        answer = client.get(f"/api/own/{path}")
        assert answer.status_code == 401
        assert set(answer.json()) == {"title", "what", "where", "fix"}
    assert client.post("/api/own/erase", json={}).status_code == 401
    assert client.get("/healthz").json() == {"status": "ok", "homes": 2}


def test_a_link_works_once_and_a_week(site: Site) -> None:
    token = site.sessions.link(11)
    assert site.client().get("/sign-in", params={"token": token}).status_code == 303
    again = site.client().get("/sign-in", params={"token": token})
    assert again.status_code == 403
    assert COOKIE not in again.cookies
    late = site.sessions.link(11)
    site.clock.unix += LINK_S
    assert site.client().get("/sign-in", params={"token": late}).status_code == 403
    assert site.client().get("/sign-in").status_code == 403


def test_a_session_ends(site: Site) -> None:
    client, csrf = site.signed_in()
    assert client.post("/sign-out", headers=csrf).json() == {"signed_out": True}
    assert client.get("/api/own/session").status_code == 401
    client, _ = site.signed_in()
    site.clock.unix += SESSION_S
    assert client.get("/api/own/session").status_code == 401


def test_the_cookie_is_for_this_origin_and_no_script(site: Site) -> None:
    answer = site.client().get("/sign-in", params={"token": site.sessions.link(11)})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "domain" not in cookie


def test_tokens_are_not_in_the_store(site: Site) -> None:
    token = site.sessions.link(11)
    session = site.sessions.redeem(token)
    files = site.village.files()
    assert token.encode() not in files
    assert session.encode() not in files


def test_a_session_sees_its_own_home_only(site: Site) -> None:
    for home, meters in ((11, {"1", "3"}), (12, {"2"})):
        client, _ = site.signed_in(home)
        shown = client.get("/api/own/series", params={"from": "2024-10-05", "to": "2024-10-06"}).json()
        assert {part["meter"] for part in shown["meters"]} == meters


def test_own_series(site: Site) -> None:
    client, _ = site.signed_in()
    shown = client.get("/api/own/series", params={"from": "2024-10-05", "to": "2024-10-06"}).json()
    own = site.origin.homes[11].series(Window(shown["start"] // 900, shown["start"] // 900 + 96, 900))
    assert len(shown["meters"]) == len(own) == 3
    for part, series in zip(shown["meters"], own, strict=True):
        assert part["energy_wh"] == [
            value if here else None
            for value, here in zip(series.energy_wh.tolist(), series.present.tolist(), strict=True)
        ]
    for wrong in ("from=2024-10-05", "from=x&to=y", "from=2024-10-06&to=2024-10-05", "from=2020-01-01&to=2024-10-05"):
        assert client.get(f"/api/own/series?{wrong}").status_code == 400


def test_bills_and_their_check(site: Site) -> None:
    client, csrf = site.signed_in()
    (bill,) = client.get("/api/own/bills").json()
    check = client.get(f"/api/own/verify/{bill['id']}").json()
    assert check["verdict"] == "holds"
    assert {v["vector"] for v in check["vectors"]} == {"day", "night", "export"}
    answer = client.post(f"/api/own/proofs/{bill['id']}", headers=csrf)
    assert answer.status_code == 200
    assert site.village.platform.proofs == [unpack_signed(b64decode(answer.json()["proof"]))]
    assert client.get("/api/own/verify/1-0").status_code == 404
    for wrong in ("x", "1", "-1-0", "1-x", "9" * 30 + "-0"):
        assert client.get(f"/api/own/verify/{wrong}").status_code == 400


def test_the_privacy_list(site: Site) -> None:
    for holder in site.village.holders:
        holder.note(None, note("totals"))
        holder.note(11, note("bill", b"b" * 32, vectors=["day"], counts=[1]))
    client, _ = site.signed_in()
    shown = client.get("/api/own/privacy").json()
    assert shown["count"] == 2
    assert all(row["keyholders"] == [0, 1, 2] and row["agree"] for row in shown["entries"])
    mine = client.get("/api/own/privacy?mine=1").json()
    assert [row["kind"] for row in mine["entries"]] == ["bill"]


def test_consent_over_http(site: Site) -> None:
    adviser = PrivateKem.generate("x25519")
    client, csrf = site.signed_in()
    body = {
        "recipient": "adviser", "purpose": "advice", "days": ["2024-10-05"], "key": b64encode(adviser.public).decode(),
    }  # fmt: skip
    answer = client.post("/api/own/consents", json=body, headers=csrf)
    assert answer.status_code == 200
    share = unpack_signed(b64decode(answer.json()["package"]))
    public = site.village.vaults[11].identity.public
    opened = open_shared(share, public, adviser, site.village.clock.unix)
    assert {part.window.first // 96 for part in opened} == {D0 + 1}
    (given,) = client.get("/api/own/consents").json()
    assert given["subject"] == f"day:{D0 + 1}"
    gone = client.request("DELETE", "/api/own/consents", params=given, headers=csrf)
    assert gone.json()["withdrawn"]
    assert client.get("/api/own/consents").json() == []
    wrongs: list[dict[str, Any]] = [
        {**body, "days": []}, {**body, "days": ["5.10.2024"]}, {**body, "key": "%"}, {**body, "recipient": ""},
        {**body, "subject": "event:1"}, {**body, "more": 1}, {**body, "valid_days": 0}, {**body, "days": [20001]},
    ]  # fmt: skip
    for wrong in wrongs:
        assert client.post("/api/own/consents", json=wrong, headers=csrf).status_code == 400


def test_other_pages_cannot_act_for_someone_signed_in(site: Site) -> None:
    client, csrf = site.signed_in()
    for headers in (
        {},
        {"origin": BASE},
        {**csrf, "origin": "http://localhost"},
        {**csrf, "origin": "null"},
        {**csrf, "x-csrf-token": "guess"},
        {"x-csrf-token": csrf["x-csrf-token"]},
    ):
        assert client.post("/api/own/backup", headers=headers).status_code == 403
    assert client.post("/api/own/backup", headers=csrf).status_code == 200


def test_every_answer_is_walled_in(site: Site) -> None:
    client, csrf = site.signed_in()
    answers = [
        client.get("/api/own/session"), client.get("/healthz"), client.get("/nowhere"), client.post("/api/own/backup"),
        client.post("/sign-out", content=b"x" * (MAX_BODY + 1), headers=csrf),
        client.get("/healthz", headers={"host": "evil.example"}),
    ]  # fmt: skip
    assert [a.status_code for a in answers] == [200, 200, 404, 403, 413, 421]
    for answer in answers:
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers


def test_a_body_without_a_length_is_limited_too(site: Site) -> None:
    client, csrf = site.signed_in()

    def endless() -> Any:
        for _ in range(3 * MAX_BODY // 1024):
            yield b"x" * 1024

    assert client.post("/api/own/consents", content=endless(), headers=csrf).status_code == 413


def test_erasing_needs_the_id_typed_and_ends_everything(site: Site) -> None:
    client, csrf = site.signed_in()
    other, _ = site.signed_in(12)
    assert client.post("/api/own/erase", json={"confirm": "12", "reason": ""}, headers=csrf).status_code == 400
    assert client.post("/api/own/erase", json={"confirm": "11", "reason": "moving"}, headers=csrf).json() == {
        "erased": True
    }
    assert client.get("/api/own/session").status_code == 401
    assert other.get("/api/own/session").status_code == 200
    assert not (site.village.folder / "households" / "11").exists()


# -- the way out: requests signed by the household -------------------------------------------------------------------


def platform_app(village: Village) -> Starlette:  # noqa: F811
    """The platform's own-data routes, as the real one checks them."""
    nonces = Nonces()

    def key_of(home: int) -> bytes:
        if home not in village.vaults:
            raise NotFoundError("there is no such home", where="", fix="")
        return village.vaults[home].identity.public

    async def answer(request: Request) -> Response:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        body = await request.body()
        query = request.query_params
        try:
            verify_authorization(
                request.headers.get("authorization", ""), (request.method, target, body), key_of, time.time(), nonces
            )
            first = int(query.get("first", 0))
            window = Window(first, max(first, int(query.get("end", 0))), 900)
            match request.url.path.rpartition("/")[2]:
                case "sealed":
                    found: Any = village.platform.sealed(int(query["pid"]), int(query["register"]), window)
                case "bills":
                    found = village.platform.coded
                case "book":
                    found = village.platform.book(int(query["first"]))
                case "records":
                    found = village.platform.day_records
                case "proofs":
                    found = village.platform.proofs.append(unpack_signed(body))
                case "ledger":
                    found = village.holders[0].ledger(int(query["after"]), int(query["limit"]))
                case "register":
                    found = village.holders[0].notices(
                        [unpack_signed(msgspec.msgpack.encode(item)) for item in msgspec.msgpack.decode(body)]
                    )
                case _:
                    raise NotFoundError("no such route", where=request.url.path, fix="")
        except QuietgridError as error:
            return Response(msgspec.msgpack.encode(refusal_of(error)), error.http_status)
        return Response(msgspec.msgpack.encode(found), media_type="application/msgpack")

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


def over_http(village: Village, home: int, signer: int | None = None) -> Home:  # noqa: F811
    """A home linked through HTTP, signing as itself (or as somebody else)."""
    vault = village.vaults[home]
    identity = village.vaults[signer or home].identity
    for holder in village.holders:
        holder.home = home
    client = SignedClient(TestClient(platform_app(village), base_url="http://platform"), identity, COMMUNITY, home)
    parts = HomeParts(TOWN.card, vault, village.store, village.clock, HttpPlatform(client), [HttpHolder(client)])
    return Home(parts)


def test_everything_works_over_signed_http(site: Site) -> None:
    site.village.holders[0].note(11, note("bill"))
    home = over_http(site.village, 11)
    bill = home.bill(PERIOD.first)
    assert home.release(bill).verdict.value == "holds"
    assert site.village.platform.proofs[0].name == BillScalars.NAME
    assert len(home.privacy()) == 1
    signed = home.consent("event:1", "operator", "reward", 9e9)
    assert [pack_signed(s) for s in site.village.holders[0].given] == [pack_signed(signed)]


def test_a_stranger_gets_nothing_over_http(site: Site) -> None:
    with pytest.raises(QuietgridError):
        over_http(site.village, 11, signer=12).bills()
    plain = TestClient(platform_app(site.village), base_url="http://platform")
    assert plain.get("/api/v1/own/bills").status_code == 422


def test_a_peer_that_is_away_is_said_so(site: Site) -> None:
    client = httpx.Client(base_url="http://127.0.0.1:9", timeout=0.2)
    vault = site.village.vaults[11]
    with pytest.raises(QuietgridError, match="does not answer"):
        HttpPlatform(SignedClient(client, vault.identity, COMMUNITY, 11)).bills()


def test_nothing_of_a_home_is_logged(site: Site, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(0)
    client, csrf = site.signed_in()
    shown = client.get("/api/own/series", params={"from": "2024-10-05", "to": "2024-10-06"})
    client.post("/api/own/backup", headers=csrf)
    own = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore", "asyncio"))]
    assert json.dumps(shown.json())
    assert [record.getMessage() for record in own] == []
