"""A keyholder's door: sizes, forms, rates, errors as problems, and no word of a body in the log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from quietgrid.crypto.public.sealing import X25519
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import ConfigError, ConflictError, UnavailableError
from quietgrid.keyholder import Keyholder
from quietgrid.keyholder.server import Seat, create_app, listen, serve
from quietgrid.keyholder.server.lanes import Lane
from quietgrid.keyholder.server.process import Quiet
from quietgrid.model.interval import ManualClock
from quietgrid.runtime.founding import Folders, found
from quietgrid.wire import keyholder_http as http
from quietgrid.wire.messages import Head, Signed

BATCHES = (http.ENROL, http.REGISTER, http.VOTES_ON, http.QUESTIONS, http.OPENED)
POSTS = (*BATCHES, http.MEMBERS, http.PEER_VOTES, http.PEER_LOG)
SECRET = b"hush-8c1f"
ADMIT = Lane.admit


@pytest.fixture(scope="module")
def seat(tmp_path_factory: pytest.TempPathFactory) -> Seat:
    folders = Folders(tmp_path_factory.mktemp("state"))
    card = found(folders, "Door", "Europe/Berlin", 900, "EUR", X25519)
    return Seat(folders.keyholder(0), card, 0, clock=ManualClock(1_700_000_000.0))


@pytest.fixture(scope="module")
def keyholder(seat: Seat) -> Iterator[Keyholder]:
    opened = seat.open()
    yield opened
    opened.parts.store.close()
    opened.parts.keys.close()


@pytest.fixture(scope="module")
def door(keyholder: Keyholder) -> Iterator[TestClient]:
    with TestClient(create_app(keyholder), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests ask faster than one address may; the rate has its own test."""
    monkeypatch.setattr(Lane, "admit", lambda self, address, now: None)


def post(door: TestClient, path: str, body: bytes, kind: str = http.MSGPACK) -> tuple[int, dict[str, object]]:
    answer = door.post(path, content=body, headers={"content-type": kind})
    if answer.headers["content-type"] == http.PROBLEM:
        said = answer.json()
        assert said["status"] == answer.status_code
        assert said["title"]
        assert said["detail"]
        assert SECRET.decode() not in answer.text
        return answer.status_code, said
    return answer.status_code, {}


def test_health(door: TestClient) -> None:
    for _ in range(100):
        said = door.get(http.HEALTH).json()
        if said["state"] == "ready":  # a keyholder without peers has nobody to catch up with
            break
        time.sleep(0.02)
    assert said == {"index": 0, "state": "ready", "ledger": {"seq": 0, "hash": "00" * 32}, "version": said["version"]}


@pytest.mark.parametrize("path", POSTS)
def test_a_body_over_the_limit(door: TestClient, path: str) -> None:
    limit = http.PEER_BODY if "peer" in path else http.PLATFORM_BODY
    assert post(door, path, bytes(limit + 1))[0] == 413

    def chunks() -> Iterator[bytes]:
        for _ in range(limit // (1 << 19) + 1):
            yield bytes(1 << 19)

    answer = door.post(path, content=chunks(), headers={"content-type": http.MSGPACK})
    assert answer.status_code == 413
    assert (
        door.post(path, content=b"", headers={"content-type": http.MSGPACK, "content-length": "9" * 30}).status_code
        == 413
    )


@pytest.mark.parametrize("path", POSTS)
def test_another_form_is_refused(door: TestClient, path: str) -> None:
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", ""):
        assert post(door, path, b"\x90", kind)[0] == 415
    assert door.get(path).status_code == 405
    assert door.options(path).status_code == 405


def test_an_unknown_address_is_a_problem_too(door: TestClient) -> None:
    answer = door.get("/v1/keys")
    assert (answer.status_code, answer.headers["content-type"]) == (404, http.PROBLEM)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(POSTS), body=st.binary(max_size=300))
def test_garbage_is_an_input_error(door: TestClient, path: str, body: bytes) -> None:
    status, _ = post(door, path, body)
    assert status in (400, 422) or (status == 200 and body[:1] == b"\x90")


@pytest.mark.parametrize("path", POSTS)
def test_deep_nesting_is_an_input_error(door: TestClient, path: str) -> None:
    status, _ = post(door, path, b"\x91" * 100_000)
    assert status == 400
    signed = msgspec.msgpack.encode(["x", b"", b"", b"", 0])[:-1] + b"\x91" * 50_000
    assert post(door, path, signed if path == http.MEMBERS else b"\x91" + signed)[0] == 400


@pytest.mark.parametrize("path", BATCHES)
def test_a_wrong_signer_is_told_item_by_item(door: TestClient, path: str) -> None:
    wrong = Identity.generate().sign(Head(1, 0, bytes(32)))
    broken = msgspec.structs.replace(wrong, body=SECRET)
    body = msgspec.msgpack.encode([wrong, broken])
    answer = door.post(path, content=body, headers={"content-type": http.MSGPACK})
    assert SECRET not in answer.content
    if path == http.OPENED:
        assert answer.status_code == 422
        return
    items = msgspec.msgpack.decode(answer.content)
    assert answer.status_code == 200
    refusals = items if path == http.REGISTER else [refusal for signed, refusal in items]
    assert [refusal[1] for refusal in refusals] in ([422, 422], [403, 403])


def test_members_of_a_stranger(door: TestClient) -> None:
    status, said = post(door, http.MEMBERS, msgspec.msgpack.encode(Identity.generate().sign(Head(1, 0, bytes(32)))))
    assert status == 422
    assert said["type"] == "urn:quietgrid:problem:verification-error"
    assert said["fix"]


def test_a_query_that_is_none(door: TestClient) -> None:
    assert door.get(http.LEDGER).status_code == 422
    assert door.get(f"{http.LEDGER}?after=-1").status_code == 422


def test_what_breaks_inside_is_not_quoted(
    door: TestClient, keyholder: Keyholder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(signed: Signed) -> Signed:
        raise RuntimeError(SECRET.decode())

    monkeypatch.setattr(keyholder, "votes_on", broken)
    caplog.set_level(logging.DEBUG)
    status, said = post(door, http.VOTES_ON, msgspec.msgpack.encode([Signed(SECRET.decode(), SECRET, b"", b"")]))
    assert status == 500
    assert said["detail"] == "an error inside the keyholder"
    ours = [record for record in caplog.records if record.name == "quietgrid.keyholder"]
    assert "RuntimeError at test_door.py" in ours[0].getMessage()
    assert not any(SECRET.decode() in record.getMessage() for record in ours)


def test_the_server_s_own_log_quotes_nothing_either() -> None:
    try:
        raise RuntimeError(SECRET.decode())
    except RuntimeError:
        said = "Exception in ASGI application"
        record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, said, (), sys.exc_info())
    assert Quiet().filter(record)
    assert SECRET.decode() not in logging.Formatter().format(record)
    assert "RuntimeError at test_door.py" in record.getMessage()


def test_one_address_has_a_rate() -> None:
    lane = Lane(body=1, threads=1, rate=5.0, addresses=2)

    def passes(address: str, now: float) -> bool:
        try:
            ADMIT(lane, address, now)
        except HTTPException as error:
            return error.status_code != 429
        return True

    assert [passes("a", 0.0) for _ in range(12)].count(True) == 10
    assert passes("b", 0.0)
    assert not passes("a", 0.1)
    assert passes("a", 0.4)
    assert [passes("a", 100.0) for _ in range(12)].count(True) == 10
    for other in "cdef":
        assert passes(other, 100.0)
    assert len(lane._seen) == 2


# -- the process -------------------------------------------------------------------------------------------------------


def test_a_seat_needs_its_own_keys(seat: Seat, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no keys yet"):
        Seat(tmp_path, seat.card, 0).open()
    assert not list(tmp_path.iterdir())
    with pytest.raises(ConfigError, match="names other keys"):
        Seat(seat.folder, seat.card, 1).open()
    with pytest.raises(ConfigError, match="no keyholder 3"):
        Seat(seat.folder, seat.card, 3).open()


def test_a_folder_is_used_once(keyholder: Keyholder, seat: Seat) -> None:
    with pytest.raises(ConflictError, match="in use"):
        seat.open()


def test_a_taken_port_is_told() -> None:
    with listen("127.0.0.1", 0) as held:
        held.listen()
        with pytest.raises(UnavailableError, match="port"):
            serve(Seat(Path(), None, 0), port=held.getsockname()[1])  # type: ignore[arg-type]
