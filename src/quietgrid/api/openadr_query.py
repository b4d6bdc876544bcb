"""Query parameters and bodies of OpenADR requests: exactly what the file allows, or refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import parse_qsl

import msgspec

from quietgrid.errors import InputError
from quietgrid.store.openadr import Wanted
from quietgrid.wire.openadr3 import ObjectType
from quietgrid.wire.openadr3.operations import Filter

PAGE = 50
MOST_TARGETS = 50
MOST_SKIPPED = 2**31 - 1
_ID = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_NUMBER = re.compile(r"[0-9]{1,10}")
COLUMNS = {"programID": "program", "eventID": "parent", "venID": "parent", "clientName": "name", "venName": "name",
           "resourceName": "name", "targets": "all_of", "skip": "skip", "limit": "limit"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Search:
    """What a search asks for: see `Vtn.search`."""

    wanted: Wanted
    active: bool = False
    about: tuple[str, ...] = ()


def search_of(filters: Sequence[Filter], pairs: Sequence[tuple[str, str]]) -> Search:
    """Query parameters as a search. What the file does not name is left alone.

    Raises:
        InputError: a value is not what the file allows, or is there twice where one is meant.
    """
    known = {one.name: one.kind for one in filters}
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in known:
            given.setdefault(name, []).append(value)
    wanted: dict[str, Any] = {"limit": PAGE}
    active = False
    about: tuple[str, ...] = ()
    for name, values in given.items():
        kind = known[name]
        if kind == "names":
            wanted["all_of"] = tuple(dict.fromkeys(_name(name, value) for value in values))
            if len(values) > MOST_TARGETS:
                raise _wrong(name, f"at most {MOST_TARGETS}")
        elif kind == "types":
            if not set(values) <= set(get_args(ObjectType)):
                raise _wrong(name, "PROGRAM, EVENT, REPORT, SUBSCRIPTION, VEN or RESOURCE")
            about = tuple(values)
        elif len(values) > 1:
            raise _wrong(name, "one value")
        elif kind == "flag":
            if values[0] not in ("true", "false"):
                raise _wrong(name, "true or false")
            active = values[0] == "true"
        else:
            wanted[COLUMNS[name]] = _single(name, kind, values[0])
    return Search(Wanted(**wanted), active, about)


def object_id(text: str) -> str:
    """An id of a path.

    Raises:
        InputError: it can be none.
    """
    if not _ID.fullmatch(text):
        raise InputError("an id has 1 to 128 letters, digits, _ or -", where="path", fix="check the id")
    return text


def body_of(raw: bytes, content_type: str, takes: Any) -> Any:
    """A JSON body as the type the operation takes.

    Raises:
        InputError: it is not JSON, not said to be, or not of the type; says where.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise InputError("the body has to be JSON", where="Content-Type", fix="send application/json")
    try:
        return msgspec.json.decode(raw, type=takes)
    except msgspec.ValidationError as error:
        raise InputError(_said(str(error)), where="body", fix="see the OpenAPI file of OpenADR 3.1.1") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("the body cannot be read as JSON", where="body", fix="send one JSON object") from error


def form_of(raw: bytes, content_type: str) -> dict[str, str]:
    """A form, every field once.

    Raises:
        InputError: it is none.
    """
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        wanted = "send application/x-www-form-urlencoded"
        raise InputError("the body has to be a form", where="Content-Type", fix=wanted)
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw), errors="strict")
    except ValueError as error:
        raise InputError("the form cannot be read", where="body", fix="encode it") from error
    if len({name for name, _ in pairs}) != len(pairs):
        raise InputError("a field is there twice", where="body", fix="send each once")
    return dict(pairs)


def _single(name: str, kind: str, value: str) -> str | int:
    if kind == "id":
        return object_id(value)
    if kind == "name":
        return _name(name, value)
    number = int(value) if _NUMBER.fullmatch(value) else -1
    most = PAGE if kind == "limit" else MOST_SKIPPED
    if not 0 <= number <= most:
        raise _wrong(name, f"0 to {most}")
    return number


def _name(name: str, value: str) -> str:
    if not 1 <= len(value) <= 128 or "\0" in value:
        raise _wrong(name, "1 to 128 characters")
    return value


def _wrong(name: str, wanted: str) -> InputError:
    return InputError("a query parameter cannot be used", where=name, fix=f"give {wanted}")


def _said(text: str) -> str:
    """What did not fit, without any value that was sent (`Invalid value 'x'` and `Invalid enum value 'x'` have it)."""
    return re.sub(r"(?s)(Invalid (?:enum )?value) .*?( - at `[^`]*`)$", r"\1\2", text)[:300]
