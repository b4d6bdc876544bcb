"""Webhooks: HTTPS, the challenge, no way into our own network, in order, again after a failure, kept over a restart."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from quietgrid.errors import InputError, UnavailableError
from quietgrid.runtime.vtn_callbacks import Callbacks, is_public
from quietgrid.runtime.vtn_worker import GIVEN_UP_S, VtnWorker
from quietgrid.store import open_platform
from tests.api.vtn_receiver import Receiver
from tests.api.vtn_town import VtnTown, found_vtn


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    listening = Receiver()
    yield listening
    listening.close()


@pytest.fixture
def town(tmp_path: Path) -> VtnTown:
    return found_vtn(tmp_path / "vtn.db", Callbacks(private=True, timeout_s=20))


def subscribe(town: VtnTown, who: str, url: str, *targets: str, **more: object) -> dict[str, object]:
    about = {"objects": ["EVENT"], "operations": ["CREATE", "UPDATE", "DELETE"], "callbackUrl": url,
             "bearerToken": "mine"}  # fmt: skip
    if targets:
        more["targets"] = list(targets)
    return town.post(who, "/subscriptions", clientName=who, objectOperations=[about], **more)


def tell(town: VtnTown) -> VtnWorker:
    worker = VtnWorker(town.store, town.vtn.callbacks, now=lambda: town.clock[0])
    while worker.step():
        pass
    return worker


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "not one"],
)  # fmt: skip
def test_addresses_that_are_nobodys_business(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822"])
def test_addresses_of_the_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    ["http://example.org/x", "https://127.0.0.1/x", "https://[::1]/x", "https://user:pass@example.org/x",
     "https://example.org:99999/x", "ftp://example.org/x", "https:///x", "https://example.org:0/x"],
)  # fmt: skip
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(InputError):
        Callbacks().check(url)


def test_a_name_that_points_inside_is_refused() -> None:
    for addresses in (["10.0.0.1"], ["93.184.216.34", "127.0.0.1"]):
        with pytest.raises(InputError, match="public Internet"):
            Callbacks(resolve=lambda host, port, found=addresses: found).challenge("https://inside.example/x")


def test_a_name_is_looked_up_once(receiver: Receiver) -> None:
    """DNS rebinding: what was looked at is what is connected to."""
    looked = []

    def resolve(host: str, port: int) -> list[str]:
        looked.append(host)
        return ["127.0.0.1"]

    Callbacks(private=True, resolve=resolve).challenge(f"http://rebound.example:{receiver.port}/told")
    assert looked == ["rebound.example"]
    assert len(receiver.asked) == 1


def test_the_challenge(town: VtnTown, receiver: Receiver) -> None:
    made = subscribe(town, "ven", receiver.url + "?mine=1")
    assert made["objectOperations"][0]["bearerToken"] == "mine"  # type: ignore[index]
    assert receiver.asked[0].startswith("/told?mine=1&echo=")
    assert "bearerToken" not in town.client("bl").get(f"/subscriptions/{made['id']}").text
    receiver.echoes = False
    about = {"objects": ["EVENT"], "operations": ["CREATE"], "callbackUrl": receiver.url}
    answer = town.client("other").post("/subscriptions", json={"clientName": "x", "objectOperations": [about]})
    assert answer.status_code == 400
    assert town.client("other").get("/subscriptions").json() == [], "nothing was created"
    body = {"clientName": "x", "objectOperations": [about | {"callbackUrl": receiver.url + "/new"}]}
    assert town.client("ven").put(f"/subscriptions/{made['id']}", json=body).status_code == 400, "a new address too"


def test_no_redirect_is_followed(town: VtnTown, receiver: Receiver) -> None:
    receiver.location = receiver.url + "/elsewhere"
    about = {"objects": ["EVENT"], "operations": ["CREATE"], "callbackUrl": receiver.url}
    answer = town.client("ven").post("/subscriptions", json={"clientName": "x", "objectOperations": [about]})
    assert answer.status_code == 400
    assert len(receiver.asked) == 1


def test_who_says_nothing_is_cut_off() -> None:
    """A server that takes the connection and dribbles does not hold us."""
    listening = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []
    threading.Thread(target=lambda: held.append(listening.accept()[0]), daemon=True).start()
    callbacks = Callbacks(private=True, timeout_s=1)
    with pytest.raises(UnavailableError):
        callbacks.tell(f"http://127.0.0.1:{listening.getsockname()[1]}/x", b"{}")
    listening.close()


def test_what_is_told_to_whom(town: VtnTown, receiver: Receiver) -> None:
    subscribe(town, "ven", receiver.url + "/ven", "a", "b")
    subscribe(town, "other", receiver.url + "/other")
    subscribe(town, "bl", receiver.url + "/bl")
    town.ven("ven", "a")
    program = town.program()
    event = town.event(program, targets=["a", "secret"])
    plain = town.event(program, eventName="for all")
    tell(town)
    by_path: dict[str, list[tuple[str, str, object]]] = {}
    for path, said, _ in receiver.told:
        seen = (said["operation"], said["object"]["id"], said["object"].get("targets"))
        by_path.setdefault(path, []).append(seen)
    assert by_path["/told/ven"] == [("CREATE", event["id"], ["a"])]
    assert by_path["/told/other"] == [("CREATE", plain["id"], None)]
    assert by_path["/told/bl"] == [("CREATE", event["id"], ["a", "secret"]), ("CREATE", plain["id"], None)]
    assert {auth for _, _, auth in receiver.told} == {"Bearer mine"}
    assert receiver.told[0][1]["objectType"] == "EVENT"


def test_told_in_order_and_again_after_a_failure(town: VtnTown, receiver: Receiver) -> None:
    subscribe(town, "bl", receiver.url)
    program = town.program()
    receiver.status = 503
    made = [town.event(program, eventName=str(n))["id"] for n in range(4)]
    worker = tell(town)
    assert receiver.told == []
    assert "503" in next(iter(worker.notes.values()))
    receiver.status = 200
    assert tell(town).notes == {}
    assert receiver.told == [], "not yet"
    town.clock[0] += 2.1
    tell(town)
    assert [n["object"]["id"] for _, n, _ in receiver.told] == made


def test_it_is_given_up_after_a_day(town: VtnTown, receiver: Receiver) -> None:
    subscribe(town, "bl", receiver.url)
    town.event(town.program())
    receiver.status = 500
    town.clock[0] += GIVEN_UP_S + 1
    tell(town)
    with town.store.read() as tx:
        assert tx.openadr.waiting() == {}


def test_a_subscription_waits_for_so_much(town: VtnTown, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quietgrid.runtime.vtn.MOST_WAITING", 3)
    made = subscribe(town, "bl", receiver.url)
    program = town.program()
    for n in range(6):
        town.event(program, eventName=str(n))
    with town.store.read() as tx:
        assert tx.openadr.waiting() == {made["id"]: 3}
    assert town.client("bl").delete(f"/subscriptions/{made['id']}").status_code == 200
    with town.store.read() as tx:
        assert tx.openadr.waiting() == {}


def test_what_waits_outlives_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    town = found_vtn(tmp_path / "vtn.db", Callbacks(private=True))
    subscribe(town, "bl", receiver.url)
    event = town.event(town.program())
    token = town.token("bl")
    town.store.close()
    again = found_vtn(open_platform(tmp_path / "vtn.db"), Callbacks(private=True))
    again.tokens["bl "] = token
    assert again.client("bl").get(f"/events/{event['id']}").json() == event, "token and event are still good"
    tell(again)
    assert [n["object"]["id"] for _, n, _ in receiver.told] == [event["id"]]
