"""What clients of an OpenADR 3 VTN send: typed from the OpenAPI file, so that a wrong type is refused at the door.

Decoded strictly: a number is no text, so an integer where the file says date-time does not pass. `null` is the same as
nothing where the file says *nullable*, and refused elsewhere. What the file does not name is left out, not kept.

Source: OpenADR 3.1.1, components.schemas; names of attributes as there.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from quietgrid.wire.openadr3.values import Duration, Int32, Name, ObjectID, Stamp, Uri, check_uri, moment

ObjectType = Literal["PROGRAM", "EVENT", "REPORT", "SUBSCRIPTION", "VEN", "RESOURCE"]
Operation = Literal["READ", "CREATE", "UPDATE", "DELETE"]
NoneText = str | None
Units = Annotated[str, Meta(min_length=1, max_length=128)] | None
Targets = list[Name] | None


class Sent(msgspec.Struct, omit_defaults=True):
    """Base of all: absent and `null` are left out when written again."""


class Point(Sent):
    """A point on a plane."""

    x: float
    y: float


Value = float | int | str | bool | Point


class ValuesMap(Sent):
    """Values of one type: PRICE, SIMPLE, USAGE, …"""

    type: Name
    values: list[Value]


class IntervalPeriod(Sent):
    """When: start, duration, and by how much a client moves the start by chance."""

    start: Stamp | UnsetType = UNSET
    duration: Duration | UnsetType = UNSET
    randomizeStart: Duration | UnsetType = UNSET

    def __post_init__(self) -> None:
        if isinstance(self.start, str):
            moment(self.start)


class Interval(Sent):
    """A stretch of time with what holds, or was used, in it."""

    id: Int32
    payloads: list[ValuesMap]
    intervalPeriod: IntervalPeriod | UnsetType = UNSET


class EventPayload(Sent):
    """Unit and currency of what an event says."""

    payloadType: Name
    units: Units = None
    currency: NoneText = None


class ReportPayload(Sent):
    """Unit and quality of what a report says."""

    payloadType: Name
    readingType: Units = None
    units: Units = None
    accuracy: float | None = None
    confidence: Annotated[int, Meta(ge=0, le=100)] | None = None


class EventPayloadDescriptor(EventPayload, kw_only=True):
    """In an event. `objectType` is a field: msgspec would do without a tag where nothing is to choose."""

    objectType: Literal["EVENT_PAYLOAD_DESCRIPTOR"]


class ReportPayloadDescriptor(ReportPayload, kw_only=True):
    """In a report."""

    objectType: Literal["REPORT_PAYLOAD_DESCRIPTOR"]


class ProgramEventPayload(EventPayload, tag_field="objectType", tag="EVENT_PAYLOAD_DESCRIPTOR"):
    """In a program, one of two."""


class ProgramReportPayload(ReportPayload, tag_field="objectType", tag="REPORT_PAYLOAD_DESCRIPTOR"):
    """In a program, the other."""


class ReportDescriptor(Sent):
    """Which report an event asks for."""

    payloadType: Name
    readingType: Units = None
    units: Units = None
    targets: Targets = None
    aggregate: bool = False
    startInterval: Int32 = -1
    numIntervals: Int32 = -1
    historical: bool = True
    frequency: Int32 = -1
    repeat: Int32 = 1
    reportIntervals: Literal["INTERVALS", "SUB_INTERVALS", "OPEN_INTERVALS"] = "INTERVALS"


class ProgramDescription(Sent):
    """Where a program is described."""

    URL: Uri

    def __post_init__(self) -> None:
        check_uri(self.URL)


class ProgramRequest(Sent):
    """A program."""

    programName: Name
    intervalPeriod: IntervalPeriod | UnsetType = UNSET
    programDescriptions: list[ProgramDescription] | None = None
    payloadDescriptors: list[ProgramEventPayload | ProgramReportPayload] | None = None
    attributes: list[ValuesMap] | None = None
    targets: Targets = None


class EventRequest(Sent):
    """An event of a program."""

    programID: ObjectID
    eventName: NoneText = None
    duration: Duration | UnsetType = UNSET
    priority: Annotated[int, Meta(ge=0)] | None = None
    targets: Targets = None
    reportDescriptors: list[ReportDescriptor] | None = None
    payloadDescriptors: list[EventPayloadDescriptor] | None = None
    intervalPeriod: IntervalPeriod | UnsetType = UNSET
    intervals: list[Interval] | UnsetType = UNSET


class ReportResource(Sent):
    """What one resource reports."""

    resourceName: Name
    intervals: list[Interval]
    intervalPeriod: IntervalPeriod | UnsetType = UNSET


class ReportRequest(Sent):
    """A VEN's report on an event."""

    eventID: ObjectID
    clientName: Name
    resources: list[ReportResource]
    reportName: NoneText = None
    payloadDescriptors: list[ReportPayloadDescriptor] | None = None


class ObjectOperation(Sent):
    """What to be told of, and where."""

    objects: list[ObjectType]
    operations: list[Operation]
    callbackUrl: Uri
    bearerToken: NoneText = None

    def __post_init__(self) -> None:
        check_uri(self.callbackUrl)


class SubscriptionRequest(Sent):
    """A wish to be told of changes."""

    clientName: Name
    objectOperations: list[ObjectOperation]
    programID: ObjectID | UnsetType = UNSET
    targets: Targets = None


class BlVenRequest(Sent, tag_field="objectType", tag="BL_VEN_REQUEST"):
    """A VEN as the business logic writes it: whose it is, and which targets it is granted."""

    clientID: Name
    venName: Name
    targets: Targets = None
    attributes: list[ValuesMap] | None = None


class VenVenRequest(Sent, tag_field="objectType", tag="VEN_VEN_REQUEST"):
    """A VEN as it writes itself: it grants itself nothing."""

    venName: Name
    attributes: list[ValuesMap] | None = None


class BlResourceRequest(Sent, tag_field="objectType", tag="BL_RESOURCE_REQUEST"):
    """A resource as the business logic writes it."""

    clientID: Name
    resourceName: Name
    venID: ObjectID
    targets: Targets = None
    attributes: list[ValuesMap] | None = None


class VenResourceRequest(Sent, tag_field="objectType", tag="VEN_RESOURCE_REQUEST"):
    """A resource as its VEN writes it."""

    resourceName: Name
    venID: ObjectID
    attributes: list[ValuesMap] | None = None


VenRequest = BlVenRequest | VenVenRequest
ResourceRequest = BlResourceRequest | VenResourceRequest
Request = ProgramRequest | EventRequest | ReportRequest | SubscriptionRequest | VenRequest | ResourceRequest
