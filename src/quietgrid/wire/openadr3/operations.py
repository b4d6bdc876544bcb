"""The 45 operations of OpenADR 3.1.1: paths, scopes, what goes in and out. Routes and description are made of it.

Scopes: the file's. `read_bl` stands at topics there, and is explained nowhere; it is a business client's (as in the
reference implementation). What is a business client's to read is not behind a scope but behind what it is: `kind`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quietgrid.wire.openadr3 import answers, objects
from quietgrid.wire.openadr3.objects import ObjectType

PREFIX = "/openadr3/3.1.1"
BL_SCOPES = frozenset(
    {"read_all", "read_bl", "read_targets", "read_ven_objects", "write_programs", "write_events",
     "write_subscriptions", "write_vens"}
)  # fmt: skip
VEN_SCOPES = frozenset(
    {"read_all", "read_targets", "read_ven_objects", "write_reports", "write_subscriptions", "write_vens"}
)
OPEN = ""
"""No token is asked for."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A query parameter. kind: ``id``, ``name``, ``names``, ``types``, ``flag``, ``skip`` or ``limit``."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Args:
        id: `operationId`. method, path: where. scope: what a token needs. does: ``list``, ``create``, ``read``,
            ``replace``, ``delete``, ``topics``, … object: the kind it is about. takes, gives: types. filters: query.
    """

    id: str
    method: str
    path: str
    scope: str
    does: str
    object: ObjectType | None = None
    takes: Any = None
    gives: Any = None
    filters: tuple[Filter, ...] = ()


PAGE = (Filter("skip", "skip"), Filter("limit", "limit"))
_TARGETS = Filter("targets", "names")


@dataclass(frozen=True, slots=True)
class Collection:
    """One kind of object: its path, scopes, request type, filters, and operation ids in order list to delete."""

    path: str
    reads: str
    writes: str
    takes: Any
    filters: tuple[Filter, ...]
    ids: tuple[str, str, str, str, str]
    key: str


COLLECTIONS: Mapping[ObjectType, Collection] = {
    "PROGRAM": Collection(
        "programs", "read_targets", "write_programs", objects.ProgramRequest, (_TARGETS,),
        ("searchAllPrograms", "createProgram", "searchProgramByProgramId", "updateProgram", "deleteProgram"),
        "programID",
    ),
    "REPORT": Collection(
        "reports", "read_ven_objects", "write_reports", objects.ReportRequest,
        (Filter("programID", "id"), Filter("eventID", "id"), Filter("clientName", "name")),
        ("searchAllReports", "createReport", "searchReportsByReportID", "updateReport", "deleteReport"), "reportID",
    ),
    "EVENT": Collection(
        "events", "read_targets", "write_events", objects.EventRequest,
        (Filter("programID", "id"), _TARGETS, Filter("active", "flag")),
        ("searchAllEvents", "createEvent", "searchEventsByID", "updateEvent", "deleteEvent"), "eventID",
    ),
    "SUBSCRIPTION": Collection(
        "subscriptions", "read_ven_objects", "write_subscriptions", objects.SubscriptionRequest,
        (Filter("programID", "id"), Filter("clientName", "name"), Filter("objects", "types")),
        ("searchSubscriptions", "createSubscription", "searchSubscriptionByID", "updateSubscription",
         "deleteSubscription"), "subscriptionID",
    ),
    "VEN": Collection(
        "vens", "read_ven_objects", "write_vens", objects.VenRequest, (Filter("venName", "name"), _TARGETS),
        ("searchVens", "createVen", "searchVenByID", "updateVen", "deleteVen"), "venID",
    ),
    "RESOURCE": Collection(
        "resources", "read_ven_objects", "write_vens", objects.ResourceRequest,
        (Filter("resourceName", "name"), Filter("venID", "id"), _TARGETS),
        ("searchVenResources", "createResource", "searchVenResourceByID", "updateVenResource", "deleteVenResource"),
        "resourceID",
    ),
}  # fmt: skip
_TOPICS = (
    ("programs", "read_all", "Programs"), ("programs/{programID}", "read_all", "Program"),
    ("events", "read_bl", "Events"), ("programs/{programID}/events", "read_all", "ProgramEvents"),
    ("reports", "read_bl", "Reports"), ("subscriptions", "read_bl", "Subscriptions"), ("vens", "read_bl", "Vens"),
    ("vens/{venID}", "read_ven_objects", "Ven"), ("resources", "read_bl", "Resources"),
    ("vens/{venID}/events", "read_ven_objects", "VenEvents"),
    ("vens/{venID}/programs", "read_ven_objects", "VenPrograms"),
    ("vens/{venID}/resources", "read_ven_objects", "VenResources"),
)  # fmt: skip


def _of(kind: ObjectType, c: Collection) -> list[Operation]:
    one, gives = f"/{c.path}/{{{c.key}}}", answers.KINDS[kind]
    searched, created, read, replaced, deleted = c.ids
    return [
        Operation(searched, "GET", f"/{c.path}", c.reads, "list", kind, None, gives, c.filters + PAGE),
        Operation(created, "POST", f"/{c.path}", c.writes, "create", kind, c.takes, gives),
        Operation(read, "GET", one, c.reads, "read", kind, None, gives),
        Operation(replaced, "PUT", one, c.writes, "replace", kind, c.takes, gives),
        Operation(deleted, "DELETE", one, c.writes, "delete", kind, None, gives),
    ]


OPERATIONS: tuple[Operation, ...] = (
    *(operation for kind, c in COLLECTIONS.items() for operation in _of(kind, c)),
    Operation("getAuthServerInfo", "GET", "/auth/server", OPEN, "server", gives=answers.AuthServerInfo),
    Operation("fetchToken", "POST", "/auth/token", OPEN, "token", gives=answers.TokenAnswer),
    Operation("listAllNotifiers", "GET", "/notifiers", "read_all", "notifiers", gives=answers.Notifiers),
    *(
        Operation(f"listAllMqttNotifierTopics{name}", "GET", f"/notifiers/mqtt/topics/{path}", scope, "topics",
                  gives=answers.TopicsAnswer)
        for path, scope, name in _TOPICS
    ),
)  # fmt: skip
