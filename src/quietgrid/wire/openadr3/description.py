"""The OpenAPI description of what we answer, made of the operations and types: what is described is what is checked.

It has what the standard's own file lacks or contradicts (`answers`); the standard's file stays the reference.
"""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from quietgrid.wire.openadr3.answers import Problem
from quietgrid.wire.openadr3.objects import ObjectType
from quietgrid.wire.openadr3.operations import COLLECTIONS, OPERATIONS, Filter, Operation

_ID = {"type": "string", "pattern": "^[a-zA-Z0-9_-]+$", "minLength": 1, "maxLength": 128}
_NAME = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[^\\x00]*$"}
_QUERY: dict[str, dict[str, Any]] = {
    "id": _ID, "name": _NAME, "names": {"type": "array", "items": _NAME, "maxItems": 50},
    "types": {"type": "array", "items": {"type": "string", "enum": list(get_args(ObjectType))}},
    "flag": {"type": "boolean"}, "skip": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
    "limit": {"type": "integer", "minimum": 0, "maximum": 50},
}  # fmt: skip
_REFUSALS = {
    "400": "The request cannot be used.", "401": "There is no good token.", "403": "The token lacks the scope.",
    "404": "There is no such object for this client.", "409": "Contradicts what is there.",
    "413": "More was sent than is taken at once.", "429": "Too many requests.", "500": "An error nobody foresaw.",
    "503": "Busy; try again.",
}  # fmt: skip


def description(server: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document. server: address of the VTN."""
    types = [operation.gives for operation in OPERATIONS]
    types += [collection.takes for collection in COLLECTIONS.values()]
    _, components = msgspec.json.schema_components([*types, Problem], ref_template="#/components/schemas/{name}")
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "OpenADR 3.1.1 VTN of Quietgrid", "version": "3.1.1"},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": _plain(components),
            "securitySchemes": {"bearerAuth": {"type": "http", "scheme": "bearer"}},
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    given = _schema(operation.gives)
    if operation.does == "list":
        given = {"type": "array", "items": given}
    problem = {"application/json": {"schema": _schema(Problem)}}
    done = "201" if operation.does == "create" else "200"
    about: dict[str, Any] = {
        "operationId": operation.id, "summary": operation.id,
        "parameters": [*map(_in_query, operation.filters), *_in_path(operation.path)],
        "responses": {
            done: {"description": "Done.", "content": {"application/json": {"schema": given}}},
            **{status: {"description": text, "content": problem} for status, text in _REFUSALS.items()},
        },
    }  # fmt: skip
    if operation.scope:
        about["security"] = [{"bearerAuth": []}]
    if operation.takes is not None:
        content: dict[str, Any] = {"application/json": {"schema": _schema(operation.takes)}}
        about["requestBody"] = {"required": True, "content": content}
    if operation.does == "token":
        text = {"type": "string", "minLength": 1, "maxLength": 4096}
        form = {
            "type": "object", "required": ["grant_type", "client_id", "client_secret"],
            "properties": {"grant_type": {"const": "client_credentials"}, "client_id": text, "client_secret": text,
                           "scope": {"type": "string", "maxLength": 4096}},
        }  # fmt: skip
        about["requestBody"] = {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}}
    return about


def _plain(part: Any) -> Any:
    """Patterns as everybody else writes them: Python's end of text is the others' dollar."""
    if isinstance(part, dict):
        return {
            name: value.replace("\\Z", "$") if name == "pattern" and isinstance(value, str) else _plain(value)
            for name, value in part.items()
        }
    return [_plain(one) for one in part] if isinstance(part, list) else part


def _schema(of: Any) -> Any:
    (schema,), _ = msgspec.json.schema_components([of], ref_template="#/components/schemas/{name}")
    return schema


def _in_query(one: Filter) -> dict[str, Any]:
    return {"name": one.name, "in": "query", "required": False, "schema": _QUERY[one.kind]}


def _in_path(path: str) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": _ID} for name in names]
