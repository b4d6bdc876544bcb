"""What a VTN of OpenADR 3 answers: the objects with what it adds to them, notifications, errors, tokens.

`ven` and `resource` contradict themselves in the file (`objectType` would have to be VEN and BL_VEN_REQUEST at once, so
no answer fits): here it is VEN and RESOURCE, as `objectMetadata` says and clients expect (decision 0045).
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import UNSET, UnsetType

from quietgrid.wire.openadr3.objects import (
    EventRequest,
    NoneText,
    ObjectType,
    Operation,
    ProgramRequest,
    ReportRequest,
    Sent,
    SubscriptionRequest,
    Targets,
    ValuesMap,
)
from quietgrid.wire.openadr3.values import Name, ObjectID, Stamp, after, moment


class Program(ProgramRequest, tag_field="objectType", tag="PROGRAM", kw_only=True):
    """A program as the VTN keeps it."""

    id: ObjectID
    createdDateTime: Stamp
    modificationDateTime: Stamp


class Event(EventRequest, tag_field="objectType", tag="EVENT", kw_only=True):
    """An event as the VTN keeps it."""

    id: ObjectID
    createdDateTime: Stamp
    modificationDateTime: Stamp


class Report(ReportRequest, tag_field="objectType", tag="REPORT", kw_only=True):
    """A report as the VTN keeps it."""

    id: ObjectID
    createdDateTime: Stamp
    modificationDateTime: Stamp
    clientID: Name


class Subscription(SubscriptionRequest, tag_field="objectType", tag="SUBSCRIPTION", kw_only=True):
    """A subscription as the VTN keeps it."""

    id: ObjectID
    createdDateTime: Stamp
    modificationDateTime: Stamp
    clientID: Name


class Ven(Sent, tag_field="objectType", tag="VEN", kw_only=True):
    """A VEN as the VTN keeps it."""

    id: ObjectID
    createdDateTime: Stamp
    modificationDateTime: Stamp
    clientID: Name
    venName: Name
    targets: Targets = None
    attributes: list[ValuesMap] | None = None


class Resource(Sent, tag_field="objectType", tag="RESOURCE", kw_only=True):
    """A resource of a VEN as the VTN keeps it."""

    id: ObjectID
    createdDateTime: Stamp
    modificationDateTime: Stamp
    clientID: Name
    resourceName: Name
    venID: ObjectID
    targets: Targets = None
    attributes: list[ValuesMap] | None = None


Object = Program | Event | Report | Subscription | Ven | Resource
KINDS: dict[ObjectType, type[Object]] = {
    "PROGRAM": Program, "EVENT": Event, "REPORT": Report, "SUBSCRIPTION": Subscription, "VEN": Ven,
    "RESOURCE": Resource,
}  # fmt: skip


class Notification(Sent):
    """What a subscriber is told."""

    objectType: ObjectType
    operation: Operation
    object: Object
    targets: Targets = None


class Problem(Sent):
    """An error, as the file has it; `error` and `error_description` are RFC 6749's, at the token endpoint."""

    title: str
    status: int
    type: str = "about:blank"
    detail: str = ""
    instance: str = ""
    error: str = ""
    error_description: str = ""


class AuthServerInfo(Sent):
    """Where tokens are."""

    tokenURL: str


class TokenAnswer(Sent):
    """A token."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str


class MqttAuthentication(Sent):
    """How to sign in at the broker."""

    method: Literal["ANONYMOUS", "OAUTH2_BEARER_TOKEN"]
    username: str | UnsetType = UNSET


class MqttBinding(Sent):
    """Where the broker is."""

    URIS: list[str]
    serialization: Literal["JSON"]
    authentication: MqttAuthentication


class Notifiers(Sent):
    """How changes are told."""

    WEBHOOK: bool
    MQTT: MqttBinding | UnsetType = UNSET


class Topics(Sent):
    """Topics of one kind of object."""

    UPDATE: str
    DELETE: str
    CREATE: str | UnsetType = UNSET
    ALL: str | UnsetType = UNSET


class TopicsAnswer(Sent):
    """Topics of one kind of object."""

    topics: Topics


def over(event: EventRequest, made: datetime) -> datetime | None:
    """When an event has transpired; None: never, or it does not say.

    Args:
        event: the event. made: when it was created: what its "now" means.

    >>> one = EventRequest(programID="p")
    >>> over(one, datetime(2026, 1, 1)) is None
    True
    """
    if isinstance(event.duration, str):
        start = _start(event, made)
        return None if start is None else after(start, event.duration)
    cursor, ends = _start(event, made), []
    period = event.intervalPeriod
    usual = period.duration if not isinstance(period, UnsetType) else UNSET
    if isinstance(event.intervals, UnsetType) or not event.intervals:
        return after(cursor, usual) if cursor is not None and isinstance(usual, str) else None
    for interval in event.intervals:
        own, length = interval.intervalPeriod, usual
        if not isinstance(own, UnsetType):
            if isinstance(own.start, str):
                cursor = moment(own.start) or made
            length = own.duration if isinstance(own.duration, str) else usual
        if cursor is None or not isinstance(length, str):
            return None
        cursor = after(cursor, length)
        if cursor is None:
            return None
        ends.append(cursor)
    return max(ends)


def _start(event: EventRequest, made: datetime) -> datetime | None:
    period = event.intervalPeriod
    if isinstance(period, UnsetType) or not isinstance(period.start, str):
        return None
    return moment(period.start) or made


__all__ = [
    "KINDS", "AuthServerInfo", "Event", "MqttAuthentication", "MqttBinding", "NoneText", "Notification", "Notifiers",
    "Object", "Problem", "Program", "Report", "Resource", "Subscription", "TokenAnswer", "Topics", "TopicsAnswer",
    "Ven", "over",
]  # fmt: skip
