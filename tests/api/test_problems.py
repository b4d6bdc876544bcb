"""Errors are RFC 9457 problems, whatever goes wrong; limits on hosts, sizes and rates."""

from __future__ import annotations

import inspect
from dataclasses import replace

import msgspec
import pytest
from fastapi.testclient import TestClient

from quietgrid import errors
from quietgrid.api import Settings, create_app
from quietgrid.api.problems import problem_of, slug
from quietgrid.errors import ConfigError, GateRefusal, QuietgridError
from quietgrid.wire.messages import Refusal
from tests.api.town import BASE, Town

KINDS = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, QuietgridError)
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_problem(kind: type[QuietgridError]) -> None:
    error = (
        GateRefusal("floor", "what", where="w", fix="f") if kind is GateRefusal else kind("what", where="w", fix="f")
    )
    problem = problem_of(error)
    assert (problem.status, problem.detail, problem.where, problem.fix) == (kind.http_status, "what", "w", "f")
    assert problem.type == f"urn:quietgrid:problem:{slug(kind)}"
    assert problem.rule == ("floor" if kind is GateRefusal else "")
    assert 400 <= problem.status < 600


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404), ("GET", "/nothing", 404), ("DELETE", "/api/v1/totals", 405),
        ("GET", "/api/v1/totals", 422), ("GET", "/api/v1/totals?node=x&quantity=sum", 422),
        ("GET", "/api/v1/totals?node=Nowhere", 404), ("GET", "/api/v1/totals?node=Orchard%20Hill&from=7", 400),
        ("GET", "/api/v1/totals?node=Mill%20Lane&quantity=export", 403), ("GET", "/api/v1/bills/x/2016-06-01", 422),
        ("GET", "/api/v1/bills/1/2016-13-01", 404), ("GET", "/api/v1/ledger?after=-1", 403),
        ("POST", "/api/v1/billing/runs", 422),
    ],
)  # fmt: skip
def test_errors_are_problem_documents(town: Town, method: str, path: str, status: int) -> None:
    who = "auditor" if path.endswith("after=-1") else "analyst"
    answer = town.client(who).request(method, path)
    status = 422 if who == "auditor" else status
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(problem)
    assert problem["status"] == status
    assert answer.headers["cache-control"] == "no-store"


def test_a_problem_does_not_repeat_what_was_sent(town: Town) -> None:
    secret = "hunter2-hunter2"
    client = town.client()
    for body in ({"name": "Mara", "password": [secret]}, {"name": "Mara", "password": secret, "x": 1}, secret):
        assert secret not in client.post("/api/v1/session", json=body).text
    assert secret not in client.get(f"/api/v1/totals?node=x&quantity={secret}").text


def test_a_household_process_reads_a_refusal(town: Town) -> None:
    answer = town.client().get("/api/v1/own/bills")
    assert answer.headers["content-type"] == "application/msgpack"
    refusal = msgspec.msgpack.decode(answer.content, type=Refusal)
    assert refusal.status == answer.status_code == 401


def test_people_get_a_page(town: Town) -> None:
    answer = town.client("analyst").get("/nothing", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "<h1>Not found</h1>" in answer.text
    assert "default-src 'none'; script-src 'self'" in answer.headers["content-security-policy"]


def test_a_surprise_is_a_problem_without_details(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def surprise(*_: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr("quietgrid.api.desk.totals.nodes", surprise)
    answer = town.client("analyst").get("/api/v1/nodes")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret inside" not in answer.text


def small(town: Town, **more: object) -> TestClient:
    settings = replace(town.settings, body_bytes=200, reading_bytes=1000, **more)  # type: ignore[arg-type]
    return TestClient(create_app(town.community.platform, settings), base_url=BASE)


def test_bodies_have_a_limit_told_or_not(town: Town) -> None:
    client = small(town)
    octets = {"Content-Type": "application/octet-stream"}
    assert client.post("/api/v1/session", content=b"x" * 201).status_code == 413
    assert client.post("/api/v1/meters/reading", content=b"x" * 1001, headers=octets).status_code == 413
    assert client.post("/api/v1/meters/reading", content=b"x" * 999, headers=octets).status_code == 400

    def chunks() -> object:
        for _ in range(30):
            yield b"x" * 100

    streamed = client.post("/api/v1/meters/reading", content=chunks(), headers=octets)  # type: ignore[arg-type]
    assert streamed.status_code == 413
    assert streamed.headers["content-type"] == "application/problem+json"


def test_rates_have_a_limit(town: Town) -> None:
    client = small(town, requests_per_minute=5)
    statuses = [client.get("/healthz").status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    answer = client.get("/healthz")
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["type"] == "urn:quietgrid:problem:too-many-error"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.1.nip.example"])
def test_a_name_somebody_else_points_here_gets_nothing(town: Town, host: str) -> None:
    answer = town.client().get("/healthz", headers={"Host": host})
    assert answer.status_code == 421


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "localhost"])
def test_our_own_names_do(town: Town, host: str) -> None:
    assert town.client().get("/healthz", headers={"Host": host}).status_code == 200


def test_every_answer_has_the_headers(town: Town) -> None:
    for path in ("/healthz", "/api/v1/nothing", "/api/v1/openapi.json", "/signin"):
        headers = town.client().get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
    assert "strict-transport-security" not in headers
    safe = replace(town.settings, public_url="https://grid.example")
    client = TestClient(create_app(town.community.platform, safe), base_url="https://grid.example")
    assert "strict-transport-security" in client.get("/healthz").headers


def test_plain_http_is_for_loopback() -> None:
    for url in ("http://grid.example", "ftp://localhost", "http://localhost/path", "localhost"):
        with pytest.raises(ConfigError):
            Settings(public_url=url)
    assert Settings(public_url="https://grid.example").cookie("session").startswith("__Host-")
    assert Settings(public_url="http://[::1]:9").allowed_hosts >= {"[::1]", "localhost"}


def test_no_environment_variable_exports_requests(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    app = create_app(town.community.platform, town.settings)
    assert not app._native_telemetry.enabled()
    assert not app._telemetry["auto_configure"]
