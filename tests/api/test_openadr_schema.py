"""Schemathesis at the VTN: examples, coverage and fuzzing by our own description, and by the standard's file."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from schemathesis.config import (
    ChecksConfig,
    CoveragePhaseConfig,
    ExamplesPhaseConfig,
    GenerationConfig,
    HealthCheck,
    PhasesConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
    SimpleCheckConfig,
    StatefulPhaseConfig,
)
from schemathesis.engine import events, from_schema
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from quietgrid.runtime.vtn_callbacks import Callbacks
from quietgrid.wire.openadr3 import COLLECTIONS, OPERATIONS
from quietgrid.wire.openadr3.operations import Collection
from tests.api.vtn_receiver import Receiver
from tests.api.vtn_town import VtnTown, found_vtn

OFF = SimpleCheckConfig(enabled=False)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    listening = Receiver()
    yield listening
    listening.close()


@pytest.fixture
def town(tmp_path: Path) -> VtnTown:
    return found_vtn(tmp_path / "vtn.db", Callbacks(private=True, resolve=lambda host, port: ["127.0.0.1"]))


def run(town: VtnTown, document: dict[str, Any], who: str, thorough: bool) -> tuple[Counter[str], list[str]]:
    """What Schemathesis asked (operation and status), and what it found wrong."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        described = scope["type"] == "http" and scope["path"] == "/described.json"
        await (JSONResponse(document) if described else town.app)(scope, receive, send)

    phases = PhasesConfig(
        examples=ExamplesPhaseConfig(enabled=thorough), coverage=CoveragePhaseConfig(enabled=thorough),
        stateful=StatefulPhaseConfig(enabled=False),
    )  # fmt: skip
    # Not asked: that whatever fits is taken. 1.0 is no integer here, names are taken once, who asks decides.
    checks = ChecksConfig(
        use_after_free=OFF, ensure_resource_availability=OFF, unsupported_method=OFF,
        positive_data_acceptance=PositiveDataAcceptanceConfig(enabled=False),
    )  # fmt: skip
    project = ProjectConfig(
        phases=phases, checks=checks, headers={"Authorization": f"Bearer {town.token(who)}", "Host": "localhost"},
        generation=GenerationConfig(deterministic=True, max_examples=8 if thorough else 3, database="none"),
    )  # fmt: skip
    config = SchemathesisConfig(
        seed=1, suppress_health_check=[HealthCheck.all], projects=ProjectsConfig(default=project)
    )
    schema = schemathesis.openapi.from_asgi("/described.json", app, config=config)
    asked: Counter[str] = Counter()
    wrong: list[str] = []
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            wrong.append(str(getattr(event, "info", event)))
        if not isinstance(event, events.ScenarioFinished):
            continue
        for interaction in event.recorder.interactions.values():
            status = interaction.response.status_code if interaction.response else 0
            asked[f"{event.label} {status}"] += 1
        for done in event.recorder.checks.values():
            failed = [check for check in done if check.failure_info is not None]
            wrong += [f"{event.label}: {one.name}: {one.failure_info.failure.message[:600]}" for one in failed]
    return asked, wrong


def prepared(town: VtnTown, document: dict[str, Any], who: str, callback: str) -> dict[str, Any]:
    """The document with ids and addresses that exist, and what this client may send about a VEN."""
    document["servers"] = [{"url": "http://localhost"}]
    schemas = document["components"]["schemas"]
    program, ven = town.program("there"), town.ven("ven", "group-1")
    known = {
        "programID": program["id"], "eventID": town.event(program)["id"], "venID": ven["id"],
        "callbackUrl": callback,
    }  # fmt: skip

    def fix(part: Any) -> None:
        if isinstance(part, dict):
            for key, value in part.get("properties", {}).items():
                if key in known:
                    part["properties"][key] = {"type": "string", "enum": [known[key]], "example": known[key]}
                else:
                    fix(value)
            for key, value in part.items():
                if key != "properties":
                    fix(value)
        elif isinstance(part, list):
            for one in part:
                fix(one)

    for name in ("EventRequest", "ReportRequest", "SubscriptionRequest", "ObjectOperation", "BlVenRequest",
                 "BlResourceRequest", "VenResourceRequest", "eventRequest", "reportRequest",
                 "subscriptionRequest"):  # fmt: skip
        if name in schemas:
            fix(schemas[name])
    prefix = "Bl" if who == "bl" else "Ven"
    for path, methods in document["paths"].items():
        for about in methods.values():
            kind = {"/vens": "Ven", "/resources": "Resource"}.get("/" + path.split("/")[1])
            if isinstance(about, dict) and "requestBody" in about and kind:
                mine = {"$ref": f"#/components/schemas/{prefix}{kind}Request"}
                about["requestBody"]["content"]["application/json"]["schema"] = mine
    return document


def check(town: VtnTown, document: dict[str, Any], who: str, thorough: bool) -> Counter[str]:
    """No operation left out, none with an answer that is not described."""
    asked, wrong = run(town, document, who, thorough)
    assert not wrong, "\n".join(dict.fromkeys(wrong))
    for operation in OPERATIONS:
        tried = [label for label in asked if label.startswith(f"{operation.method} {operation.path} ")]
        assert tried, operation.id
        assert not [label for label in tried if label.endswith((" 0", " 500", " 501"))], tried
    return asked


@pytest.mark.parametrize("who", ["bl", "ven"])
def test_requests_made_from_our_own_description(town: VtnTown, receiver: Receiver, who: str) -> None:
    document = prepared(town, town.client().get("/openapi.json").json(), who, receiver.url)
    asked = check(town, document, who, thorough=False)
    # a client of kind VEN has its one VEN already
    mine = {"bl": ("programs", "events", "subscriptions", "vens"), "ven": ("reports", "subscriptions")}[who]
    for path in mine:
        assert asked[f"POST /{path} 201"], path


@pytest.mark.slow
@pytest.mark.parametrize("who", ["bl", "ven"])
def test_our_own_description_thoroughly(town: VtnTown, receiver: Receiver, who: str) -> None:
    document = prepared(town, town.client().get("/openapi.json").json(), who, receiver.url)
    assert sum(check(town, document, who, thorough=True).values()) > 500


def the_file(real_data: Path) -> dict[str, Any]:
    """The standard's own file, beside the measured data."""
    path = real_data.parent / "openadr3" / "openadr3-3.1.1.yaml"
    if not path.is_file():
        pytest.skip("the OpenAPI file of OpenADR 3.1.1 is not here")
    read = yaml.safe_load(path.read_text(encoding="utf-8"))
    found: dict[str, Any] = json.loads(json.dumps(read, default=lambda at: at.isoformat()))  # examples of times
    return found


def mended(document: dict[str, Any]) -> dict[str, Any]:
    """The file where it contradicts itself or forgets an answer; nothing else is changed."""
    schemas = document["components"]["schemas"]
    for name, request in (("ven", "BlVenRequest"), ("resource", "BlResourceRequest")):
        body = copy.deepcopy(schemas[request])
        del body["properties"]["objectType"]  # `objectMetadata` and the request each want another one
        body["required"].remove("objectType")
        schemas[name]["allOf"][1] = body
    refs = {"400": "badRequest", "401": "unauthorized", "403": "forbidden", "404": "notFound"}
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            if method in ("get", "post", "put", "delete") and not path.startswith("/auth"):
                needed = ("401", "403") + (("404",) if "{" in path or "mqtt" in path else ())
                for status in needed:  # `updateProgram` forgets 401; topics and notifiers forget 403 or all of them
                    about["responses"].setdefault(status, {"$ref": f"#/components/responses/{refs[status]}"})
    return document


@pytest.mark.slow
@pytest.mark.parametrize("who", ["bl", "ven"])
def test_the_standards_own_file(town: VtnTown, receiver: Receiver, real_data: Path, who: str) -> None:
    """All 45 operations, by examples, coverage and fuzzing. Its twin without the file is the one above."""
    check(town, prepared(town, mended(the_file(real_data)), who, receiver.url), who, thorough=True)


def test_the_operations_are_the_files(real_data: Path) -> None:
    document = the_file(real_data)
    theirs = {}
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            if method in ("get", "post", "put", "delete"):
                scopes = about.get("security", [{}])[0].get("oAuth2ClientCredentials", [""])
                names = {one["name"] for one in about.get("parameters", [])}
                theirs[about["operationId"]] = (method.upper(), path, scopes[0], names)
    ours = {one.id: (one.method, one.path, one.scope, {f.name for f in one.filters}) for one in OPERATIONS}
    assert len(ours) == 45
    assert ours == theirs


def test_the_types_are_the_files(real_data: Path, town: VtnTown) -> None:
    """Each request type has the attributes that the file names, and needs those it needs."""
    theirs = the_file(real_data)["components"]["schemas"]
    ours = town.client().get("/openapi.json").json()["components"]["schemas"]
    names = {"ProgramRequest": "programRequest", "EventRequest": "eventRequest", "ReportRequest": "reportRequest",
             "SubscriptionRequest": "subscriptionRequest", "Interval": "interval", "ValuesMap": "valuesMap",
             "IntervalPeriod": "intervalPeriod", "Point": "point", "ReportDescriptor": "reportDescriptor",
             "EventPayloadDescriptor": "eventPayloadDescriptor", "Problem": "problem",
             "ReportPayloadDescriptor": "reportPayloadDescriptor", "BlVenRequest": "BlVenRequest",
             "VenVenRequest": "VenVenRequest", "BlResourceRequest": "BlResourceRequest",
             "VenResourceRequest": "VenResourceRequest", "TokenAnswer": "clientCredentialResponse",
             "AuthServerInfo": "authServerInfo", "Topics": "notifierOperationsTopics"}  # fmt: skip
    for name, other in names.items():
        given, wanted = ours[name], theirs[other]
        more = {"Problem": {"error", "error_description"}}.get(name, set())
        fewer = {"TokenAnswer": {"refresh_token"}}.get(name, set())
        assert set(given["properties"]) - more == set(wanted["properties"]) - fewer, name
        if name not in ("Problem", "TokenAnswer"):
            assert set(given.get("required", [])) == set(wanted.get("required", [])), name


def test_an_object_says_what_it_is(town: VtnTown) -> None:
    program = town.program("there")
    answer = town.client("bl").post(
        "/events", json={"programID": program["id"], "payloadDescriptors": [{"payloadType": "PRICE"}]}
    )
    assert answer.status_code == 400
    assert "objectType" in answer.json()["detail"]


@pytest.mark.parametrize("collection", COLLECTIONS.values(), ids=COLLECTIONS)
def test_a_number_is_no_text(town: VtnTown, collection: Collection) -> None:
    """FACTS: integer timestamps pass where the schema says text, unless somebody looks."""
    program = town.program("there")
    event = town.event(program)
    ven = town.ven("ven")
    period = {"start": 1_780_000_000, "duration": "PT1H"}
    bodies: dict[str, dict[str, Any]] = {
        "programs": {"programName": "x", "intervalPeriod": period},
        "events": {"programID": program["id"], "intervalPeriod": period},
        "reports": {"eventID": event["id"], "clientName": "x",
                    "resources": [{"resourceName": "r", "intervals": [], "intervalPeriod": period}]},
        "subscriptions": {"clientName": 7, "objectOperations": []},
        "vens": {"objectType": "BL_VEN_REQUEST", "clientID": "x", "venName": 7},
        "resources": {"objectType": "BL_RESOURCE_REQUEST", "clientID": town.id("ven"), "venID": ven["id"],
                      "resourceName": 7},
    }  # fmt: skip
    who = "ven" if collection.path == "reports" else "bl"
    answer = town.client(who).post(f"/{collection.path}", json=bodies[collection.path])
    assert answer.status_code == 400, answer.text
    assert "Expected `str`, got `int`" in answer.json()["detail"]
    assert answer.headers["content-type"] == "application/json"
