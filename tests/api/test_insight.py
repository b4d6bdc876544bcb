"""Encrypted comparisons over the API: by whom, with what key, what is kept and erased; errors say what to do."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from hashlib import sha256
from random import Random
from shutil import rmtree

import httpx
import pytest

from quietgrid.crypto.public.envelope import pack_signed
from quietgrid.crypto.public.fhe import FORMAT, KEY_MAGIC, SERVER_KEY_BYTES, VALUE_MAGIC, is_built
from quietgrid.insight import figures_of
from quietgrid.runtime.insight import FIGURES
from quietgrid.runtime.insight_jobs import InsightJobs, Limits
from quietgrid.wire.request_auth import authorization
from tests.api.town import Town
from tests.insight.test_figures import use

ROUTE = "/api/v1/insight"
HOME, OTHER = 1001, 1002
built = pytest.mark.skipif(not is_built(), reason="the engine is not built: make fhe")


@pytest.fixture
def jobs(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InsightJobs]:
    """The town with encrypted comparisons whose queue is not emptied: questions wait."""
    folder = tmp_path_factory.mktemp("keys")
    made = InsightJobs(town.services.platform, town.services.insight, folder, Limits(waiting=2))
    town.services.insight_jobs = made
    town.services.insight_rate._left.clear()
    yield made
    for home in (HOME, OTHER, 1003):
        made.forget(home)
    town.services.insight_jobs = None
    rmtree(folder)


def server_key(name: int) -> bytes:
    """Bytes with the head of a server key: nothing more is looked at until something is computed."""
    head = KEY_MAGIC + bytes([FORMAT, 0, 0, 0]) + name.to_bytes(16, "big") + bytes(4)
    return head + bytes(SERVER_KEY_BYTES - len(head))


def vector(name: int, kind: int, digits: int, count: int) -> bytes:
    head = VALUE_MAGIC + bytes([FORMAT, 1, kind, 0]) + name.to_bytes(16, "big") + count.to_bytes(4, "little")
    return head + Random(name).randbytes(16 + 8 * digits * count)


def sealed(name: int) -> dict[str, bytes]:
    return {"month": vector(name, 4, 4, 1), "profile": vector(name, 3, 2, 24), "features": vector(name, 3, 2, 6)}


def coded(figures: str, parts: dict[str, bytes]) -> dict[str, str]:
    return {"figures": figures} | {part: b64encode(content).decode() for part, content in parts.items()}


def known_figures(town: Town) -> str:
    """Figures as they were given out before."""
    signed = town.services.platform.parts.identity.sign(figures_of(("2016-06", use()), {}, ([], 0), []))
    with town.services.store.begin() as tx:
        tx.documents.put(FIGURES, signed.hash().hex(), pack_signed(signed))
    return signed.hash().hex()


def send(town: Town, home: int, method: str, path: str, body: bytes = b"", kind: str = "") -> httpx.Response:
    """A request signed by a household."""
    community = town.community
    key = community.household_keys[home]
    header = authorization(key, community.card.community, home, (method, path, body), time.time())
    headers = {"Authorization": header} | ({"Content-Type": kind} if kind else {})
    return town.client().request(method, path, content=body, headers=headers)


def put_key(town: Town, home: int, key: bytes) -> httpx.Response:
    return send(town, home, "POST", f"{ROUTE}/keys", key, "application/octet-stream")


def ask(town: Town, home: int, question: dict[str, str]) -> httpx.Response:
    return send(town, home, "POST", f"{ROUTE}/requests", json.dumps(question).encode(), "application/json")


def test_without_it_a_home_is_told_to_compare_at_home(town: Town) -> None:
    answer = town.client("household").get(ROUTE)
    assert (answer.status_code, answer.json()["fix"]) == (503, "compare at home instead")


def test_without_the_engine_it_says_how_to_add_it(
    town: Town, jobs: InsightJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quietgrid.crypto.public.fhe.MODULE", "quietgrid_fhe_that_is_not_there")
    status = town.client("household").get(ROUTE).json()
    assert status["engine"]["built"] is False
    assert "make fhe" in status["engine"]["fix"]
    for answer in (put_key(town, HOME, server_key(1)), ask(town, HOME, coded("00" * 32, sealed(1)))):
        assert (answer.status_code, answer.headers["content-type"]) == (501, "application/problem+json")
        assert "make fhe" in answer.json()["fix"]


@built
def test_a_key_is_kept_replaced_and_erased(town: Town, jobs: InsightJobs) -> None:
    first, second = server_key(1), server_key(2)
    made = put_key(town, HOME, first)
    assert made.status_code == 201
    assert (made.json()["bytes"], made.json()["sha256"]) == (len(first), sha256(first).hexdigest())
    assert put_key(town, HOME, first).status_code == 201
    assert put_key(town, OTHER, first).status_code == 409  # nobody can put a key in the place of another's
    assert put_key(town, HOME, second).json()["key_id"] == (2).to_bytes(16, "big").hex()
    assert [path.name for path in jobs._folder.iterdir()] == [(2).to_bytes(16, "big").hex()]
    household = town.client("household")
    assert household.get(ROUTE).json()["key"] == household.get(f"{ROUTE}/keys").json()
    assert household.delete(f"{ROUTE}/keys").status_code == 204
    assert household.get(f"{ROUTE}/keys").status_code == 404
    assert list(jobs._folder.iterdir()) == []


@built
def test_what_is_no_key_is_refused(town: Town, jobs: InsightJobs) -> None:
    whole = server_key(1)
    for bad in (b"", b"QGFS", whole[:-1], b"X" * len(whole), whole[:4] + b"\x09" + whole[5:]):
        assert put_key(town, HOME, bad).status_code == 400
    assert put_key(town, HOME, whole + bytes(4 << 20)).status_code == 413
    assert list(jobs._folder.iterdir()) == []


@built
def test_a_question_waits_and_shows_what_the_platform_saw(town: Town, jobs: InsightJobs) -> None:
    figures, parts = known_figures(town), sealed(1)
    assert ask(town, HOME, coded(figures, parts)).status_code == 409  # no key
    put_key(town, HOME, server_key(1))
    assert ask(town, HOME, coded("00" * 32, parts)).status_code == 409  # figures nobody gave out
    taken = ask(town, HOME, coded(figures, parts))
    assert (taken.status_code, taken.json()["place"]) == (202, 1)
    path = f"{ROUTE}/requests/{taken.json()['id']}"
    found = send(town, HOME, "GET", path).json()
    assert {one["part"]: b64decode(one["content"]) for one in found["seen"]} == parts
    assert all(one["sha256"] == sha256(parts[one["part"]]).hexdigest() for one in found["seen"])
    assert (found["figures"], found["month"], found["answer"], found["problem"]) == (figures, "2016-06", None, None)
    assert ask(town, HOME, coded(figures, parts)).status_code == 409  # one at a time
    (listed,) = send(town, HOME, "GET", f"{ROUTE}/requests").json()["requests"]
    assert {one["content"] for one in listed["seen"]} == {""}
    assert send(town, OTHER, "GET", path).status_code == 404
    assert send(town, OTHER, "DELETE", path).status_code == 404
    assert send(town, HOME, "DELETE", path).status_code == 204
    assert send(town, HOME, "GET", path).status_code == 404


@built
@pytest.mark.parametrize(
    ("part", "content"),
    [("month", b""), ("month", vector(1, 3, 2, 1)), ("profile", vector(1, 3, 2, 23)), ("features", vector(2, 3, 2, 6)),
     ("features", vector(1, 3, 2, 6)[:-1]), ("month", b"\0" * 76)],
)  # fmt: skip
def test_ciphertexts_that_cannot_be_are_refused(town: Town, jobs: InsightJobs, part: str, content: bytes) -> None:
    put_key(town, HOME, server_key(1))
    answer = ask(town, HOME, coded(known_figures(town), sealed(1) | {part: content}))
    assert answer.status_code == 400
    assert send(town, HOME, "GET", f"{ROUTE}/requests").json() == {"requests": []}
    bad = coded(known_figures(town), sealed(1)) | {part: "not base64!"}
    assert ask(town, HOME, bad).status_code == 400


@built
def test_who_may_what(town: Town, jobs: InsightJobs) -> None:
    for who in ("analyst", "operator", "auditor"):
        client = town.client(who)
        assert client.get(ROUTE).status_code == 403
        assert client.get(f"{ROUTE}/requests").status_code == 403
        assert client.get(f"{ROUTE}/community").status_code == 404  # may look; nothing is published yet
        assert client.post(f"{ROUTE}/community", json={}).status_code == (404 if who == "analyst" else 403)
    assert town.client().get(ROUTE).status_code == 401
    assert town.client().post(f"{ROUTE}/keys", content=b"x").status_code == 401


@built
def test_the_queue_and_the_rate_are_bounded(town: Town, jobs: InsightJobs) -> None:
    figures = known_figures(town)
    for number, home in enumerate((HOME, OTHER, 1004), start=1):
        assert put_key(town, home, server_key(number)).status_code == 201
        answer = ask(town, home, coded(figures, sealed(number)))
        assert answer.status_code == (429 if home == 1004 else 202)
    jobs.forget(1004)
    answers = [ask(town, HOME, coded(figures, sealed(1))).status_code for _ in range(8)]
    assert answers[0] == 409
    assert answers[-1] == 429


@built
def test_an_erased_home_leaves_nothing_and_the_log_no_content(town: Town, jobs: InsightJobs) -> None:
    parts = sealed(1)
    put_key(town, HOME, server_key(1))
    ask(town, HOME, coded(known_figures(town), parts))
    town.services.forget_comparisons(HOME)
    assert list(jobs._folder.iterdir()) == []
    with town.services.store.read() as tx:
        assert (tx.insight.of_home(HOME), tx.insight.key_of(HOME)) == ([], None)
        lines = [line for line in tx.log.latest(20) if line.action.startswith("insight.")][:3]
    assert [line.action for line in lines] == ["insight.forget", "insight.ask", "insight.key"]
    assert [line.detail for line in lines] == [
        {},
        {"bytes": sum(map(len, parts.values()))},
        {"bytes": SERVER_KEY_BYTES},
    ]


@built
def test_after_a_restart_questions_wait_again_and_stray_files_go(town: Town, jobs: InsightJobs) -> None:
    put_key(town, HOME, server_key(1))
    id = ask(town, HOME, coded(known_figures(town), sealed(1))).json()["id"]
    (jobs._folder / "left-over.new").write_bytes(b"x")
    again = InsightJobs(town.services.platform, town.services.insight, jobs._folder)
    again._jobs.start = lambda: None  # type: ignore[method-assign]
    again.start()
    assert again.place(again.find(HOME, id))[1] == 1
    assert [path.name for path in jobs._folder.iterdir()] == [(1).to_bytes(16, "big").hex()]
