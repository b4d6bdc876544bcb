"""The access matrix: every route against every role, straight from the table of permissions."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

import pytest

from quietgrid.accounts import ALLOWED, Permission, Role, csrf_token
from quietgrid.api import desk
from tests.api.routes import FOR_ANYONE_SIGNED_IN, OPEN_TO_ALL, STREAMS, Call, calls
from tests.api.town import Town

SHARED_READS = {"window_of", "demo_home", "progress"}
"""Desk functions without a viewer: names of periods, the demo's home, and the page everyone sees during the replay."""


def ask(town: Town, who: str, call: Call) -> int:
    client = town.client(who)
    if "/keyholders/" in call.route:
        town.control.start_keyholder(1)
    answer = client.request(call.method, call.path, params=call.query, json=call.body)
    town.control.start_keyholder(1)
    return answer.status_code


def all_calls(town: Town) -> list[Call]:
    return [call for call in calls(town.app) if call.route not in STREAMS]


def test_every_route_says_what_it_needs(town: Town) -> None:
    silent = {(c.method, c.route) for c in calls(town.app) if not c.needs}
    assert silent == OPEN_TO_ALL | FOR_ANYONE_SIGNED_IN


@pytest.mark.parametrize("role", Role)
def test_every_role_gets_what_the_table_says(town: Town, role: Role) -> None:
    for call in all_calls(town):
        if not call.needs:
            continue
        status = ask(town, role.value, call)
        if any(permission in ALLOWED[role] for permission in call.needs):
            assert status not in (401, 403, 422, 500), f"{role.value}: {call} -> {status}"
        else:
            assert status == 403, f"{role.value}: {call} -> {status}"


def test_nobody_gets_nothing(town: Town) -> None:
    for call in calls(town.app):
        if call.needs or (call.method, call.route) in FOR_ANYONE_SIGNED_IN:
            assert ask(town, "", call) == 401, str(call)


@pytest.mark.parametrize("path", ["history", "consumption", "production"])
@pytest.mark.parametrize("who", ["analyst", "auditor", "operator"])
def test_readings_of_a_home_are_refused_with_why(town: Town, who: str, path: str) -> None:
    answer = town.client(who).get(f"/api/v1/meters/1/{path}")
    assert answer.status_code == 403
    assert answer.json()["detail"] == "individual readings are not available to any role"


def test_a_household_does_not_even_learn_that_others_exist(town: Town) -> None:
    client = town.client("household")
    other = client.get("/api/v1/meters/2/history")
    nobody = client.get("/api/v1/meters/999999/history")
    assert other.status_code == nobody.status_code == 404
    for answer in (other, nobody):
        assert answer.json()["detail"] == "there is no such meter at your home"
    assert client.get("/api/v1/bills/1002/2016-06-01").status_code == 404


@pytest.mark.parametrize("header", [None, "", "0" * 64])
def test_changes_need_the_csrf_token_of_this_session(town: Town, header: str | None) -> None:
    client = town.client("analyst")
    del client.headers["X-CSRF-Token"]
    headers = {} if header is None else {"X-CSRF-Token": header}
    for call in all_calls(town):
        if call.method not in ("GET",) and (call.method, call.route) not in OPEN_TO_ALL:
            answer = client.request(call.method, call.path, json=call.body, headers=headers)
            assert answer.status_code == 403, str(call)
            assert "not from this session" in answer.text
    town.client("analyst").get("/api/v1/session").raise_for_status()


def test_another_sessions_csrf_token_does_not_do(town: Town) -> None:
    client = town.client("analyst")
    client.headers["X-CSRF-Token"] = csrf_token(town.token("auditor"))
    assert client.post("/api/v1/demo/pace", json={"do": "pause"}).status_code == 403
    client.headers["X-CSRF-Token"] = csrf_token(town.token("analyst"))
    assert client.post("/api/v1/demo/pace", json={"do": "play"}).status_code == 200


def test_another_sites_request_is_refused(town: Town) -> None:
    client = town.client("analyst")
    for site in ("cross-site", "same-site"):
        answer = client.post("/api/v1/demo/pace", json={"do": "pause"}, headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 403
        assert "another site" in answer.text
    ours = client.post("/api/v1/demo/pace", json={"do": "play"}, headers={"Sec-Fetch-Site": "same-origin"})
    assert ours.status_code == 200


def test_authorisation_is_a_parameter_of_every_desk_function() -> None:
    found = 0
    for module in pkgutil.iter_modules(desk.__path__):
        for name, function in inspect.getmembers(import_module(f"{desk.__name__}.{module.name}"), inspect.isfunction):
            if function.__module__.startswith(desk.__name__) and not name.startswith("_"):
                parameters = list(inspect.signature(function).parameters)
                assert name in SHARED_READS or parameters[:2] == ["services", "viewer"], name
                found += 1
    assert found > 20


def test_the_forbidden_permission_guards_nothing(town: Town) -> None:
    assert not [call for call in calls(town.app) if Permission.INDIVIDUAL_READINGS in call.needs]
