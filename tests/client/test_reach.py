"""One address: away is remembered, errors are told apart, nonsense is as good as no answer."""

from __future__ import annotations

import json
import time

import msgspec
import pytest

from quietgrid.client import reach
from quietgrid.client.reach import Reach
from quietgrid.errors import (
    ConflictError,
    GateRefusal,
    InputError,
    NotFoundError,
    QuietgridError,
    UnavailableError,
    VerificationError,
)
from quietgrid.wire.keyholder_http import MSGPACK, PROBLEM
from quietgrid.wire.messages import Refusal
from tests.client.scripted import Answer, scripted
from tests.keyholder.real import free_ports


def ok(path: str, body: bytes) -> Answer:
    return 200, MSGPACK, msgspec.msgpack.encode(body)


def test_away_is_remembered_for_two_seconds() -> None:
    now = [100.0]
    with scripted(ok) as server:
        up = Reach(server.url, "it", clock=lambda: now[0])
        assert up.post("/x", b"1", bytes) == b"1"
    with pytest.raises(UnavailableError, match="it cannot be reached"):
        up.post("/x", b"2", bytes)
    for later in (0.0, 1.0, 1.99):
        now[0] = 100.0 + later
        with pytest.raises(UnavailableError, match="away a moment ago"):
            up.post("/x", b"3", bytes)
    now[0] = 102.01
    with pytest.raises(UnavailableError, match="cannot be reached"):
        up.post("/x", b"4", bytes)


def test_it_is_asked_again_once_it_is_back() -> None:
    now = [0.0]
    port = free_ports(1)[0]
    link = Reach(f"http://127.0.0.1:{port}", "it", clock=lambda: now[0])
    with pytest.raises(UnavailableError, match="cannot be reached"):
        link.post("/x", b"", bytes)
    with scripted(ok, port) as server:
        with pytest.raises(UnavailableError, match="a moment ago"):
            link.post("/x", b"", bytes)
        assert not server.asked
        now[0] = 2.5
        assert link.post("/x", b"yes", bytes) == b"yes"
        assert link.post("/x", b"and again", bytes) == b"and again"


def test_who_hangs_is_left_alone_as_long_as_he_kept_us() -> None:
    def hang(path: str, body: bytes) -> Answer:
        time.sleep(1.0)
        return ok(path, body)

    now = [0.0]

    def clock() -> float:
        now[0] += 5.0  # every look at the clock is five seconds later
        return now[0]

    with scripted(hang) as server:
        link = Reach(server.url, "it", read_s=0.1, clock=clock)
        with pytest.raises(UnavailableError, match="broke off"):
            link.post("/x", b"", bytes)
        assert link._away_until == pytest.approx(now[0] + 5.0)


def problem(status: int, **said: object) -> Answer:
    return status, PROBLEM, json.dumps({"status": status, "title": "t"} | said).encode()


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (problem(403, detail="no", rule="floor"), GateRefusal, "no"),
        (problem(409, detail="other"), ConflictError, "other"),
        (problem(422, detail="bad", where="here", fix="do"), VerificationError, "bad – here – do"),
        (problem(413, detail="large"), InputError, "large"),
        (problem(415, detail="form"), InputError, "form"),
        (problem(429, detail="slow down"), UnavailableError, "slow down"),
        (problem(503, detail="busy"), UnavailableError, "busy"),
        (problem(500, detail="inside"), UnavailableError, "inside"),
        (problem(404), NotFoundError, "it answered 404"),
        ((403, MSGPACK, msgspec.msgpack.encode(Refusal(403, "herd", "almost all", "", ""))), GateRefusal, "almost all"),
        ((403, MSGPACK, b"\xc1"), UnavailableError, "answered 403"),
        ((422, PROBLEM, b"{"), UnavailableError, "answered 422"),
        ((404, "text/html", b"<h1>"), UnavailableError, "answered 404"),
        ((302, "text/html", b""), UnavailableError, "answered 302"),
        ((200, "text/html", b"<h1>"), UnavailableError, "something else"),
        ((200, MSGPACK, b""), UnavailableError, "something else"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_answers_that_are_errors(answer: Answer, kind: type[QuietgridError], text: str) -> None:
    with scripted(lambda path, body: answer) as server:
        link = Reach(server.url, "it")
        with pytest.raises(kind, match=text) as caught:
            link.post("/x", b"", bytes)
        assert type(caught.value) is kind
        with pytest.raises(kind):  # it answered, so it is not away
            link.post("/x", b"", bytes)
        assert len(server.asked) == 2


def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "MAX_ANSWER", 1000)
    with (
        scripted(lambda path, body: (200, MSGPACK, bytes(2000))) as server,
        pytest.raises(UnavailableError, match="large"),
    ):
        Reach(server.url, "it").post("/x", b"", bytes)


def test_no_proxy_of_the_environment_comes_between(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with scripted(ok) as server:
        assert Reach(server.url, "it").post("/x", b"straight", bytes) == b"straight"
