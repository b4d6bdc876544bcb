"""No route and no page of the platform returns an opened series of one home: by shape and by looking."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.routes import STREAMS, calls
from tests.api.town import Town

HOME_WORDS = {"home", "pid", "meter", "party", "household"}
RUN, TELLING_WH = 6, 500
PAGES = ["/", "/mdms/aggregates", "/mdms/aggregates?period=2016-06", "/mdms/quality", "/mdms/billing", "/mdms/roles",
         "/mdms/published", "/audit", "/audit?kind=log", "/replay", "/replay/progress", "/docs/trust"]  # fmt: skip


def number_lists(schema: dict[str, Any], components: dict[str, Any], seen: frozenset[str]) -> Iterator[str]:
    """Paths of lists of numbers in a schema."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in seen:
            yield from number_lists(components[name], components, seen | {name})
        return
    for part in schema.get("anyOf", []) + schema.get("allOf", []):
        yield from number_lists(part, components, seen)
    for name, part in schema.get("properties", {}).items():
        for path in number_lists(part, components, seen):
            yield f"{name}{path}"
    if schema.get("type") == "array":
        items = schema.get("items", {})
        kinds = {items.get("type"), *(part.get("type") for part in items.get("anyOf", []))}
        if kinds & {"integer", "number"}:
            yield "[]"
        yield from number_lists(items, components, seen)


def names_in(schema: dict[str, Any], components: dict[str, Any], seen: frozenset[str]) -> set[str]:
    """All property names in a schema."""
    found: set[str] = set()
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return found if name in seen else names_in(components[name], components, seen | {name})
    for part in [*schema.get("anyOf", []), *schema.get("allOf", []), schema.get("items", {})]:
        found |= names_in(part, components, seen) if part else set()
    for name, part in schema.get("properties", {}).items():
        found |= {name} | names_in(part, components, seen)
    return found


def test_no_answer_has_a_home_and_a_list_of_numbers(town: Town) -> None:
    spec = town.app.openapi()
    components = spec["components"]["schemas"]
    checked = 0
    for route, methods in spec["paths"].items():
        for method, about in methods.items():
            for answer in about["responses"].values():
                for media in answer.get("content", {}).values():
                    schema = media.get("schema", {})
                    lists = list(number_lists(schema, components, frozenset()))
                    names = names_in(schema, components, frozenset())
                    assert not (lists and names & HOME_WORDS), f"{method} {route}: {lists}"
                    checked += bool(lists)
    assert checked >= 3  # totals and receipts have lists: the walk finds them


def numbers(value: Any) -> Iterator[list[float]]:
    """All lists of numbers in a JSON value."""
    if isinstance(value, dict):
        for part in value.values():
            yield from numbers(part)
    elif isinstance(value, list):
        if value and all(isinstance(x, int | float) or x is None for x in value):
            yield value
        for part in value:
            yield from numbers(part)


def runs(values: list[float], scale: int) -> Iterator[tuple[int, ...]]:
    """Windows of a list, in Wh, that say something."""
    whole = [None if v is None else round(v * scale) for v in values]
    for at in range(len(whole) - RUN + 1):
        window = whole[at : at + RUN]
        known = [value for value in window if value is not None]
        if len(known) == RUN and len(set(known)) >= RUN - 1 and sum(known) > TELLING_WH:
            yield tuple(known)


@pytest.fixture(scope="module")
def planted(town: Town) -> set[tuple[int, ...]]:
    """Every telling window of every home's real readings."""
    found: set[tuple[int, ...]] = set()
    for column in (town.sample.readings.imported_wh, town.sample.readings.exported_wh):
        for row in column.tolist():
            found.update(runs(row, 1))
    assert len(found) > 3_000
    return found


def leaks(text: str, planted: set[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Windows of readings in a JSON or HTML document, as Wh or kWh."""
    parts = re.findall(r'<script type="application/json">(.*?)</script>', text, re.DOTALL) or [text]
    found = []
    for part in parts:
        try:
            value = json.loads(part)
        except ValueError:
            continue
        for values in numbers(value):
            found += [run for scale in (1, 1000) for run in runs(values, scale) if run in planted]
    return found


@pytest.mark.parametrize("who", ["analyst", "auditor", "operator", "household", ""])
def test_no_answer_holds_readings(town: Town, planted: set[tuple[int, ...]], who: str) -> None:
    client = town.client(who)
    documents = 0
    for call in calls(town.app):
        if call.method == "GET" and call.route not in STREAMS:
            answer = client.get(call.path, params=call.query)
            assert not leaks(answer.text, planted), str(call)
            documents += answer.status_code == 200
    for path in PAGES:
        answer = client.get(path, headers={"Accept": "text/html"})
        assert not leaks(answer.text, planted), path
        documents += answer.status_code == 200
    assert documents > 3


def test_a_leak_would_be_found(town: Town, planted: set[tuple[int, ...]]) -> None:
    row = town.sample.readings.imported_wh[3].tolist()
    assert leaks(json.dumps({"a": [{"values": row[60:90]}]}), planted)
    chart = json.dumps({"data": [None, *(v / 1000 for v in row[60:90])]})
    assert leaks(f'<p>x</p><script type="application/json">{chart}</script>', planted)
