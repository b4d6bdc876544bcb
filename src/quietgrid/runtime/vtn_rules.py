"""Who sees what of a VTN: object privacy, target hiding, what a subscription is told. Decisions only, no I/O.

A business client sees everything. A VEN sees its own vens, resources, reports and subscriptions; and of programs and
events those without targets, and those whose targets it asks for *and* has been granted (by the targets that a
business client wrote on its ven or resources). It never learns another target. Filters add up: a result fits them all.

Source: OpenADR 3.1.1 Definition, "Response Filtering", "Object Privacy". Where one object is asked for by its id there
is no target in the request: then all that are granted count as asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
from msgspec import UnsetType

from quietgrid.errors import NotFoundError
from quietgrid.runtime.vtn_clients import Caller
from quietgrid.store.openadr import OpenAdrObject, Wanted
from quietgrid.wire.openadr3 import SubscriptionRequest
from quietgrid.wire.openadr3.values import written

TARGETED = frozenset({"PROGRAM", "EVENT"})
"""Kinds whose targets decide who sees them, and are hidden. Everything else belongs to one client."""
OWNED = frozenset({"REPORT", "SUBSCRIPTION", "VEN", "RESOURCE"})


def narrowed(caller: Caller, kind: str, wanted: Wanted, granted: frozenset[str]) -> Wanted | None:
    """What a caller's search may find; None: nothing at all.

    Args:
        wanted: as it was asked. granted: targets of the caller's VENs and resources.
    """
    if caller.business:
        return wanted
    if kind not in TARGETED:
        return replace(wanted, client=caller.client)
    if not wanted.all_of:
        return replace(wanted, untargeted=True, free=True)
    held = tuple(target for target in wanted.all_of if target in granted)
    return replace(wanted, all_of=held, free=True) if held else None


def check_seen(caller: Caller, one: OpenAdrObject, granted: frozenset[str]) -> None:
    """Let a caller have one object, by its id.

    Raises:
        NotFoundError: it is not for this caller; the same as if it did not exist.
    """
    if one.kind in TARGETED:
        seen = not one.held and (not one.targets or bool(granted.intersection(one.targets)))
    else:
        seen = one.client == caller.client
    if not (seen or caller.business):
        raise NotFoundError(f"there is no such {one.kind.lower()}", where=one.id, fix="check the id")


def shown(one: OpenAdrObject, caller: Caller, named: frozenset[str]) -> dict[str, Any]:
    """An object as a caller may read it.

    Args:
        named: targets that the caller asked for and has been granted; no others are in what a VEN reads.
    """
    body = msgspec.json.decode(one.body)
    if one.kind in OWNED:
        body["clientID"] = one.client
    if one.kind in TARGETED and not caller.business and body.get("targets"):
        body["targets"] = [target for target in body["targets"] if target in named]
    if one.kind == "SUBSCRIPTION" and one.client != caller.client:
        for operation in body["objectOperations"]:
            operation.pop("bearerToken", None)
    own = {"createdDateTime": written(one.made), "modificationDateTime": written(one.changed)}
    return {"id": one.id, **body, **own, "objectType": one.kind}


def told(
    subscriber: Caller, wish: SubscriptionRequest, one: OpenAdrObject, operation: str, granted: frozenset[str]
) -> tuple[list[int], frozenset[str]]:
    """Which callbacks of a subscription hear of a change, and which targets they may read.

    Args:
        subscriber: whose subscription it is. wish: it. granted: targets of the subscriber's VENs and resources.

    Returns: places in `objectOperations`, and targets.
    """
    places = [
        place
        for place, about in enumerate(wish.objectOperations)
        if one.kind in about.objects and operation in about.operations
    ]
    about = one.id if one.kind == "PROGRAM" else one.program
    if not isinstance(wish.programID, UnsetType) and wish.programID != about:
        return [], frozenset()
    asked = frozenset(wish.targets or ())
    if subscriber.business:
        return (places if asked.issubset(one.targets) else []), asked
    if one.kind not in TARGETED:
        return (places if one.client == subscriber.client else []), asked
    held = asked & granted
    fits = bool(held) and held.issubset(one.targets) if asked else not one.targets
    return (places, held) if fits and not one.held else ([], frozenset())


def topics(base: str, one: OpenAdrObject, vens: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """MQTT topics (without the operation at their end) that hear of a change, each with the client it is for.

    Args:
        base: what all topics begin with. vens: (id, client) of VENs that have been granted one of the object's targets.

    Returns: (topic, client); the client is empty where the object is shown as it is to business clients or to all.
    """
    path = {"PROGRAM": "programs", "EVENT": "events", "REPORT": "reports", "SUBSCRIPTION": "subscriptions",
            "VEN": "vens", "RESOURCE": "resources"}[one.kind]  # fmt: skip
    found = [(f"{base}/bl/{path}", "")]
    if one.kind == "PROGRAM":
        found.append((f"{base}/bl/programs/{one.id}", ""))
    if one.kind == "EVENT":
        found.append((f"{base}/bl/programs/{one.program}/events", ""))
    if one.held:
        return found
    if one.kind in TARGETED and one.targets:
        found += [(f"{base}/vens/{id}/{path}", client) for id, client in vens]
    elif one.kind == "PROGRAM":
        found += [(f"{base}/all/programs", ""), (f"{base}/all/programs/{one.id}", "")]
    elif one.kind == "EVENT":
        found.append((f"{base}/all/programs/{one.program}/events", ""))
    elif one.kind == "VEN":
        found.append((f"{base}/vens/{one.id}", one.client))
    elif one.kind == "RESOURCE":
        found.append((f"{base}/vens/{one.parent}/resources", one.client))
    return found
