"""The OpenAPI description: complete, and true for requests made from it."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error

from tests.api.routes import STREAMS, calls
from tests.api.town import Town

CHANGES = r"/(session|demo|billing|events)"
"""Not called by the smoke test: they end sessions, stop keyholders, bill, or never end."""


@schemathesis.serializer("application/msgpack")
def as_it_is(_context: object, value: object) -> bytes:
    """Bytes that claim to be msgpack."""
    data = getattr(value, "data", value)
    return data if isinstance(data, bytes) else str(data).encode(errors="replace")


def test_everything_is_described(town: Town) -> None:
    spec = town.app.openapi()
    assert spec["openapi"].startswith("3.")
    names = set()
    for route, methods in spec["paths"].items():
        for method, about in methods.items():
            where = f"{method} {route}"
            assert about.get("summary"), where
            assert about.get("description"), where
            assert about["operationId"] not in names, where
            names.add(about["operationId"])
            if route != "/healthz":
                for status in ("400", "401", "403", "404", "413", "422", "429", "503"):
                    assert "application/problem+json" in about["responses"][status]["content"], f"{where} {status}"
    for name, shape in spec["components"]["schemas"].items():
        if name not in ("HTTPValidationError", "ValidationError"):
            assert shape.get("description"), name
    assert len(calls(town.app)) >= 35


def test_streams_need_a_permission_too(town: Town) -> None:
    found = [call for call in calls(town.app) if call.route in STREAMS]
    assert found
    assert all(call.needs for call in found)


def test_requests_made_from_it_get_an_answer(town: Town) -> None:
    """Requests that fit the description: never a crash, and every error is a problem."""
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", town.app, headers={"Host": "localhost"})
    client = town.client("analyst")
    headers = {"Host": "localhost", "X-CSRF-Token": client.headers["X-CSRF-Token"]}
    cookies = dict(client.cookies.items())
    asked: set[str] = set()

    def ask(case: schemathesis.Case) -> None:
        answer = case.call(headers=headers, cookies=cookies)
        asked.add(case.operation.path)
        if answer.status_code != 503:
            case.validate_response(answer, checks=[not_a_server_error])
        if answer.status_code >= 400:
            kind = answer.headers["content-type"][0]
            assert kind.startswith(("application/problem+json", "application/msgpack")), kind

    for found in schema.exclude(path_regex=CHANGES).get_all_operations():
        once = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        once(given(case=found.ok().as_strategy())(ask))()
    assert len(asked) >= 20
