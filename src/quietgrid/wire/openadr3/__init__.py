"""OpenADR 3.1.1 on the wire: what clients send, what a VTN answers, the 45 operations, their description.

Source: OpenADR 3.1.1, OpenAPI file (normative) and Definition.
"""

from quietgrid.wire.openadr3.answers import (
    KINDS,
    AuthServerInfo,
    Event,
    MqttAuthentication,
    MqttBinding,
    Notification,
    Notifiers,
    Object,
    Problem,
    Program,
    Report,
    Resource,
    Subscription,
    TokenAnswer,
    Topics,
    TopicsAnswer,
    Ven,
    over,
)
from quietgrid.wire.openadr3.objects import (
    BlResourceRequest,
    BlVenRequest,
    EventRequest,
    Interval,
    IntervalPeriod,
    ObjectType,
    Operation,
    ProgramRequest,
    ReportRequest,
    Request,
    ResourceRequest,
    SubscriptionRequest,
    ValuesMap,
    VenRequest,
    VenResourceRequest,
    VenVenRequest,
)
from quietgrid.wire.openadr3.operations import COLLECTIONS, OPERATIONS, PREFIX

__all__ = [
    "COLLECTIONS", "KINDS", "OPERATIONS", "PREFIX", "AuthServerInfo", "BlResourceRequest", "BlVenRequest", "Event",
    "EventRequest", "Interval", "IntervalPeriod", "MqttAuthentication", "MqttBinding", "Notification", "Notifiers",
    "Object", "ObjectType", "Operation", "Problem", "Program", "ProgramRequest", "Report", "ReportRequest", "Request",
    "Resource", "ResourceRequest", "Subscription", "SubscriptionRequest", "TokenAnswer", "Topics", "TopicsAnswer",
    "ValuesMap", "Ven", "VenRequest", "VenResourceRequest", "VenVenRequest", "over",
]  # fmt: skip
