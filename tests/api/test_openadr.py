"""What a VTN lets whom see and do: tokens, scopes, object privacy, target hiding, filters, pages, errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from quietgrid.api.settings import Settings
from quietgrid.runtime.vtn import MOST
from quietgrid.runtime.vtn_clients import LIFETIME_S
from tests.api.town import Town
from tests.api.vtn_town import NOW, VtnTown, found_vtn

TOKEN = {"grant_type": "client_credentials"}


@pytest.fixture
def vtn(tmp_path: Path) -> VtnTown:
    return found_vtn(tmp_path / "vtn.db")


def names(answer: list[dict[str, object]], key: str) -> list[object]:
    return [one[key] for one in answer]


def test_a_token_for_credentials(vtn: VtnTown) -> None:
    client = vtn.client()
    assert client.get("/auth/server").json()["tokenURL"] == f"{Settings().public_url}/openadr3/3.1.1/auth/token"
    id, secret = vtn.secrets["ven"]
    answer = client.post(
        "/auth/token", data={**TOKEN, "client_id": id, "client_secret": secret, "scope": "read_targets"}
    )
    given = answer.json()
    assert (answer.status_code, given["token_type"], given["expires_in"]) == (200, "Bearer", LIFETIME_S)
    assert given["scope"] == "read_targets"
    bearer = {"Authorization": f"Bearer {given['access_token']}"}
    assert client.get("/events", headers=bearer).status_code == 200
    assert client.get("/vens", headers=bearer).status_code == 403, "another scope"
    vtn.clock[0] += LIFETIME_S + 1
    assert client.get("/events", headers=bearer).status_code == 401, "over"


@pytest.mark.parametrize(
    ("form", "status", "word"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"), ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_id": "a\0b"}, 401, "invalid_client"), ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_id": ""}, 400, "invalid_request"), ({"scope": "write_programs"}, 400, "invalid_scope"),
        ({"scope": "x" * 5000}, 400, "invalid_request"),
    ],
)  # fmt: skip
def test_no_token(vtn: VtnTown, form: dict[str, str], status: int, word: str) -> None:
    id, secret = vtn.secrets["ven"]
    answer = vtn.client().post("/auth/token", data={**TOKEN, "client_id": id, "client_secret": secret} | form)
    said = answer.json()
    assert (answer.status_code, said["error"], said["status"]) == (status, word, status)
    assert secret not in answer.text


def test_a_client_that_is_shut_out(vtn: VtnTown) -> None:
    client = vtn.client("ven")
    assert client.get("/events").status_code == 200
    vtn.vtn.clients.revoke(vtn.id("ven"), "test")
    assert client.get("/events").status_code == 401
    id, secret = vtn.secrets["ven"]
    answer = vtn.client().post("/auth/token", data={**TOKEN, "client_id": id, "client_secret": secret})
    assert answer.status_code == 401


def test_secrets_are_not_kept(vtn: VtnTown, tmp_path: Path) -> None:
    token = vtn.token("bl")
    vtn.store.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("vtn.db*"))
    assert vtn.id("bl").encode() in kept
    for _, secret in vtn.secrets.values():
        assert secret.encode() not in kept
    assert token.encode() not in kept


def test_tokens_of_a_client_do_not_pile_up(vtn: VtnTown) -> None:
    first = vtn.client("ven")
    for _ in range(30):
        vtn.vtn.clients.token(*vtn.secrets["ven"])
    assert first.get("/events").status_code == 401, "the oldest goes"


def test_a_ven_sees_what_is_for_it(vtn: VtnTown) -> None:
    program = vtn.program()
    vtn.event(program, eventName="all")
    vtn.event(program, eventName="a", targets=["a"])
    vtn.event(program, eventName="ab", targets=["a", "b"])
    vtn.event(program, eventName="c", targets=["c"])
    vtn.ven("ven", "a", "b")
    ven, other = vtn.client("ven"), vtn.client("other")

    def asked(*targets: str) -> list[object]:
        return names(ven.get("/events", params={"targets": targets}).json(), "eventName")

    assert names(ven.get("/events").json(), "eventName") == ["all"]
    assert asked("a") == ["a", "ab"]
    assert asked("a", "b") == ["ab"], "filters add up"
    assert asked("c") == [], "not granted"
    assert asked("a", "c") == ["a", "ab"], "what is not granted does not count"
    assert names(other.get("/events", params={"targets": ["a"]}).json(), "eventName") == []
    assert names(vtn.client("bl").get("/events", params={"targets": ["a"]}).json(), "eventName") == ["a", "ab"]
    assert len(vtn.client("bl").get("/events").json()) == 4


def test_targets_that_were_not_granted_are_hidden(vtn: VtnTown) -> None:
    event = vtn.event(vtn.program(), targets=["a", "secret"])
    vtn.ven("ven", "a")
    ven = vtn.client("ven")
    assert ven.get("/events", params={"targets": ["a"]}).json()[0]["targets"] == ["a"]
    assert ven.get(f"/events/{event['id']}").json()["targets"] == ["a"]
    assert vtn.client("other").get(f"/events/{event['id']}").status_code == 404
    assert vtn.client("bl").get(f"/events/{event['id']}").json()["targets"] == ["a", "secret"]


def test_a_resource_can_be_granted_targets_too(vtn: VtnTown) -> None:
    ven = vtn.ven("ven")
    event = vtn.event(vtn.program(), targets=["a"])
    assert vtn.client("ven").get(f"/events/{event['id']}").status_code == 404
    vtn.post("bl", "/resources", objectType="BL_RESOURCE_REQUEST", clientID=vtn.id("ven"), venID=ven["id"],
             resourceName="battery", targets=["a"])  # fmt: skip
    assert vtn.client("ven").get(f"/events/{event['id']}").status_code == 200


def test_a_ven_grants_itself_nothing(vtn: VtnTown) -> None:
    ven = vtn.client("ven")
    for body in (
        {"objectType": "BL_VEN_REQUEST", "clientID": vtn.id("ven"), "venName": "x", "targets": ["a"]},
        {"objectType": "BL_VEN_REQUEST", "clientID": vtn.id("other"), "venName": "x"},
    ):
        assert ven.post("/vens", json=body).status_code == 403
    sneaky = {"objectType": "VEN_VEN_REQUEST", "venName": "x", "targets": ["a"], "clientID": vtn.id("other")}
    made = ven.post("/vens", json=sneaky).json()
    assert "targets" not in made
    assert made["clientID"] == vtn.id("ven")
    granted = {"objectType": "BL_VEN_REQUEST", "clientID": vtn.id("ven"), "venName": "x", "targets": ["a"]}
    assert vtn.client("bl").put(f"/vens/{made['id']}", json=granted).status_code == 200
    again = ven.put(f"/vens/{made['id']}", json={"objectType": "VEN_VEN_REQUEST", "venName": "y", "targets": ["b"]})
    assert (again.json()["targets"], again.json()["venName"]) == (["a"], "y")
    resource = {
        "objectType": "BL_RESOURCE_REQUEST",
        "clientID": vtn.id("ven"),
        "venID": made["id"],
        "resourceName": "r",
    }
    assert ven.post("/resources", json=resource | {"targets": ["b"]}).status_code == 403


def test_a_ven_sees_no_other_ven(vtn: VtnTown) -> None:
    event = vtn.event(vtn.program())
    ven = vtn.post("ven", "/vens", objectType="VEN_VEN_REQUEST", venName="mine")
    resource = vtn.post("ven", "/resources", objectType="VEN_RESOURCE_REQUEST", venID=ven["id"], resourceName="r")
    report = vtn.post("ven", "/reports", eventID=event["id"], clientName="mine", resources=[])
    subscription = vtn.post("ven", "/subscriptions", clientName="mine", objectOperations=[])
    other, bl = vtn.client("other"), vtn.client("bl")
    paths = {"vens": ven, "resources": resource, "reports": report, "subscriptions": subscription}
    for path, one in paths.items():
        assert one["clientID"] == vtn.id("ven"), path
        assert other.get(f"/{path}").json() == [], path
        assert other.get(f"/{path}/{one['id']}").status_code == 404, path
        assert other.delete(f"/{path}/{one['id']}").status_code == 404, path
        assert bl.get(f"/{path}/{one['id']}").json()["id"] == one["id"], path
        assert vtn.client("ven").get(f"/{path}").json()[0]["id"] == one["id"], path
    taken = {"objectType": "VEN_RESOURCE_REQUEST", "venID": ven["id"], "resourceName": "mine too"}
    assert other.post("/resources", json=taken).status_code == 404, "another's VEN does not exist"
    body = {"eventID": event["id"], "clientName": "mine", "resources": []}
    assert other.put(f"/reports/{report['id']}", json=body).status_code == 404


def test_who_may_write_what(vtn: VtnTown) -> None:
    program = vtn.program()
    event = vtn.event(program)
    ven, bl = vtn.client("ven"), vtn.client("bl")
    assert ven.post("/programs", json={"programName": "x"}).status_code == 403
    assert ven.post("/events", json={"programID": program["id"]}).status_code == 403
    assert ven.delete(f"/events/{event['id']}").status_code == 403
    report = {"eventID": event["id"], "clientName": "x", "resources": []}
    assert bl.post("/reports", json=report).status_code == 403, "reports are the VENs'"
    assert ven.get("/notifiers/mqtt/topics/events").status_code == 403
    assert vtn.client().get("/programs").status_code == 401
    assert vtn.client().get("/programs").headers["www-authenticate"] == "Bearer"


def test_pages_and_filters(vtn: VtnTown) -> None:
    programs = [vtn.program(f"p{n}") for n in range(7)]
    bl = vtn.client("bl")
    assert names(bl.get("/programs", params={"skip": 2, "limit": 3}).json(), "programName") == ["p2", "p3", "p4"]
    assert bl.get("/programs", params={"limit": 0}).json() == []
    vtn.event(programs[0], eventName="one")
    vtn.event(programs[1], eventName="two")
    assert names(bl.get("/events", params={"programID": programs[1]["id"]}).json(), "eventName") == ["two"]
    for wrong in ({"skip": -1}, {"limit": 51}, {"limit": "x"}, {"skip": [1, 2]}, {"targets": ""}, {"skip": 2**31}):
        assert bl.get("/programs", params=wrong).status_code == 400, wrong
    for wrong in ({"programID": "a b"}, {"active": "yes"}, {"active": ["true", "true"]}):
        assert bl.get("/events", params=wrong).status_code == 400, wrong
    assert bl.get("/subscriptions", params={"objects": ["EVENTS"]}).status_code == 400
    assert bl.get("/programs/a%20b").status_code == 400


def test_subscriptions_by_object(vtn: VtnTown) -> None:
    for name in ("none", "more"):
        vtn.post("bl", "/subscriptions", clientName=name, objectOperations=[])
    bl = vtn.client("bl")
    assert names(bl.get("/subscriptions", params={"clientName": "more"}).json(), "clientName") == ["more"]
    assert bl.get("/subscriptions", params={"objects": ["EVENT"]}).json() == []


def test_active_events(vtn: VtnTown) -> None:
    program, hour = vtn.program(), {"duration": "PT1H"}
    vtn.event(program, eventName="past", intervalPeriod={"start": "2026-05-01T00:00:00Z", **hour})
    vtn.event(program, eventName="now", intervalPeriod={"start": "0001-01-01", **hour})
    vtn.event(program, eventName="ever", intervalPeriod={"start": "0001-01-01T00:00:00", "duration": "P9999Y"})
    vtn.event(program, eventName="open")
    bl = vtn.client("bl")
    assert names(bl.get("/events", params={"active": "true"}).json(), "eventName") == ["now", "ever", "open"]
    assert len(bl.get("/events", params={"active": "false"}).json()) == 4
    vtn.clock[0] = NOW + 3_601
    vtn.tokens.clear()
    assert names(vtn.client("bl").get("/events", params={"active": "true"}).json(), "eventName") == ["ever", "open"]


def test_what_is_sent_again_is_the_same(vtn: VtnTown) -> None:
    program = vtn.program()
    first, again = vtn.event(program, eventName="e"), vtn.event(program, eventName="e")
    assert first == again
    vtn.clock[0] += 601
    assert vtn.event(program, eventName="e")["id"] != first["id"], "later it is another"
    assert vtn.client("bl").post("/programs", json={"programName": "p"}).status_code == 409
    vtn.ven("ven")
    taken = {"objectType": "VEN_VEN_REQUEST", "venName": "ven of ven"}
    assert vtn.client("other").post("/vens", json=taken).status_code == 400, "the file has no 409 there"


def test_what_is_referred_to_is_there(vtn: VtnTown) -> None:
    event = vtn.event(vtn.program(), targets=["a"])
    assert vtn.client("bl").post("/events", json={"programID": "none"}).status_code == 409
    report = {"clientName": "x", "resources": []}
    assert vtn.client("ven").post("/reports", json=report | {"eventID": event["id"]}).status_code == 409, "not seen"
    ven = vtn.ven("ven")
    body = {"objectType": "BL_RESOURCE_REQUEST", "clientID": vtn.id("other"), "venID": ven["id"], "resourceName": "r"}
    assert vtn.client("bl").post("/resources", json=body).status_code == 400, "whose?"


def test_what_belongs_together_goes_together(vtn: VtnTown) -> None:
    program = vtn.program()
    event = vtn.event(program)
    report = vtn.post("ven", "/reports", eventID=event["id"], clientName="x", resources=[])
    ven = vtn.ven("ven")
    vtn.post("ven", "/resources", objectType="VEN_RESOURCE_REQUEST", venID=ven["id"], resourceName="r")
    bl = vtn.client("bl")
    assert bl.delete(f"/programs/{program['id']}").json()["id"] == program["id"]
    assert bl.get(f"/events/{event['id']}").status_code == 404
    assert bl.get("/reports", params={"programID": program["id"]}).json()[0]["id"] == report["id"], "reports stay"
    assert bl.delete(f"/vens/{ven['id']}").status_code == 200
    assert bl.get("/resources").json() == []


def test_errors_are_problems_of_the_file(vtn: VtnTown) -> None:
    bl = vtn.client("bl")
    nested = b'{"programName":"x","y":' + b"[" * 60_000
    answers = [
        bl.get("/programs/none"), bl.get("/nothing"), bl.patch("/programs"), bl.post("/programs", json={}),
        bl.post("/programs", content=nested, headers={"content-type": "application/json"}),
        bl.post("/programs", content=b'{"programName":"x"}', headers={"content-type": "text/plain"}),
        bl.post("/programs", json={"programName": "nul\0"}), vtn.client().get("/events"),
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [404, 404, 405, 400, 400, 400, 400, 401]
    for answer in answers:
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["status"] == answer.status_code
        assert answer.json()["title"]


def test_a_refusal_does_not_repeat_what_was_sent(vtn: VtnTown) -> None:
    body = {"objectType": "MY-SECRET", "venName": "x"}
    answer = vtn.client("ven").post("/vens", json=body)
    assert answer.status_code == 400
    assert "MY-SECRET" not in answer.text


def test_a_client_has_at_most_so_many(vtn: VtnTown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MOST, "SUBSCRIPTION", 2)
    for name in ("a", "b"):
        vtn.post("ven", "/subscriptions", clientName=name, objectOperations=[])
    third = vtn.client("ven").post("/subscriptions", json={"clientName": "c", "objectOperations": []})
    assert third.status_code == 403


def test_mounted_in_the_platforms_app(town: Town) -> None:
    """At its place, behind the same wall: hosts, sizes, headers."""
    client, path = town.client(), "/openadr3/3.1.1"
    assert client.get(f"{path}/auth/server").json() == {"tokenURL": f"http://localhost:8000{path}/auth/token"}
    _, secret = town.services.vtn.clients.create("test", "BL", "test")  # type: ignore[union-attr]
    made = town.services.vtn.clients.all()[0]  # type: ignore[union-attr]
    form = {**TOKEN, "client_id": made.id, "client_secret": secret}
    token = client.post(f"{path}/auth/token", data=form).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    answer = client.post(f"{path}/programs", json={"programName": "p"}, headers=bearer)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    large = client.post(f"{path}/programs", json={"programName": "p" * 600_000}, headers=bearer)
    assert (large.status_code, large.headers["content-type"]) == (413, "application/json")
    strange = client.get(f"{path}/auth/server", headers={"Host": "evil.example"})
    assert (strange.status_code, strange.headers["content-type"]) == (421, "application/json")
    assert client.get(f"{path}/programs").status_code == 401, "the community's own sign-in is none here"
