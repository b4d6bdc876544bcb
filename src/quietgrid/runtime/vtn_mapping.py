"""Programs and events of demand response in OpenADR's words, and the other way round. Decisions only, no I/O.

Not everything that OpenADR says is demand response of this community: prices and curves are not. A program is, if its
attribute RETAILER_NAME names a utility here (id or name); its region is COUNTRY, with PRINCIPAL_SUBDIVISION if given.
An event of such a program is, if it asks for less (SIMPLE above 0, or DISPATCH_SETPOINT_RELATIVE below 0, or nothing
but a time) and its targets are all of the form ``feeder:…``, ``segment:…``, ``capability:…``, ``region:…``.

Source: OpenADR 3.1.1 Definition, enumerations of event payloads and program attributes; decision 0045.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec import UnsetType

from quietgrid.errors import InputError
from quietgrid.model.interval import Window
from quietgrid.model.response import Capability, Choice, Event, Program, Target, Utility
from quietgrid.wire.openadr3 import EventRequest, IntervalPeriod, ProgramRequest, ReportRequest, ValuesMap, over
from quietgrid.wire.openadr3.objects import Interval, ProgramEventPayload, ReportDescriptor
from quietgrid.wire.openadr3.values import moment, written

RETAILER, COUNTRY, SUBDIVISION = "RETAILER_NAME", "COUNTRY", "PRINCIPAL_SUBDIVISION"
SIMPLE, RELATIVE, OPT = "SIMPLE", "DISPATCH_SETPOINT_RELATIVE", "OPT"
WATTS = {"W": 1, "KW": 1_000, "MW": 1_000_000}
HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class Asked:
    """What an OpenADR event asks of homes. target_wh: all of it together, 0: it does not say."""

    window: Window
    target: Target
    target_wh: int


def utility_of(sent: ProgramRequest, utilities: Sequence[Utility]) -> tuple[Utility, str] | None:
    """The utility that a program is of, and its region; None: it is no program of demand response.

    Raises:
        InputError: it names a utility, but no region where that has one.
    """
    said = {one.type: str(one.values[0]) for one in sent.attributes or () if one.values}
    named = said.get(RETAILER, "")
    found = next((one for one in utilities if named and named in (one.id, one.name)), None)
    if found is None:
        return None
    country, part = said.get(COUNTRY, ""), said.get(SUBDIVISION, "")
    if not country and len(found.regions) != 1:
        raise InputError("the program does not say where it is", where="attributes", fix=f"add {COUNTRY}")
    return found, f"{country}-{part}" if country and part else country or found.regions[0]


def asked_of_homes(sent: EventRequest, resolution: int) -> Asked | None:
    """What an event asks of homes; None: nothing.

    Args:
        resolution: seconds of the community's intervals.

    Raises:
        InputError: it asks, but has no time, or one that is not whole intervals.
    """
    target = target_of(sent.targets or ())
    intervals = [] if isinstance(sent.intervals, UnsetType) else sent.intervals
    said = [(payload.type, _number(payload)) for interval in intervals for payload in interval.payloads]
    if target is None or (said and not any(_less(kind, value) for kind, value in said)):
        return None
    period = sent.intervalPeriod
    begins = moment(period.start) if not isinstance(period, UnsetType) and isinstance(period.start, str) else None
    ends = over(sent, datetime.fromtimestamp(0, UTC))
    if begins is None or ends is None:
        raise InputError("an event that asks homes says when", where="intervalPeriod", fix="give start and duration")
    first, end = begins.timestamp(), ends.timestamp()
    if first % resolution or end % resolution or not 0 <= first < end:
        fix = f"start and end on multiples of {resolution} s"
        raise InputError("the event is not whole intervals", where="intervalPeriod", fix=fix)
    window = Window(int(first) // resolution, int(end) // resolution, resolution)
    return Asked(window, target, _energy(sent, intervals, end - first))


def target_of(texts: Sequence[str]) -> Target | None:
    """Targets in our form; None if one is not.

    >>> target_of(["feeder:Orchard Hill", "region:DE"])
    Target(region='DE', feeders=('Orchard Hill',), segments=(), capabilities=())
    >>> target_of(["group-1"]) is None
    True
    """
    found: dict[str, list[str]] = {"feeder": [], "segment": [], "capability": [], "region": []}
    for text in texts:
        kind, colon, name = text.partition(":")
        if kind not in found or not colon or not name:
            return None
        found[kind].append(name)
    if len(found["region"]) > 1 or not set(found["capability"]) <= set(Capability):
        return None
    return Target(
        "".join(found["region"]), tuple(found["feeder"]), tuple(found["segment"]),
        tuple(Capability(name) for name in found["capability"]),
    )  # fmt: skip


def targets_of(target: Target) -> list[str] | None:
    """The opposite of `target_of`; None for everybody."""
    found = [f"feeder:{name}" for name in target.feeders] + [f"segment:{name}" for name in target.segments]
    found += [f"capability:{one.value}" for one in target.capabilities]
    found += [f"region:{target.region}"] if target.region else []
    return found or None


def program_request(program: Program) -> ProgramRequest:
    """A program of demand response in OpenADR's words."""
    country, _, part = program.region.partition("-")
    said = [(RETAILER, program.utility), (COUNTRY, country), *([(SUBDIVISION, part)] if part else [])]
    made = ProgramRequest(
        programName=program.name[:128], attributes=[ValuesMap(type=kind, values=[value]) for kind, value in said],
        payloadDescriptors=[ProgramEventPayload(payloadType=SIMPLE)],
    )  # fmt: skip
    if program.starts > 0:
        made.intervalPeriod = IntervalPeriod(start=written(program.starts))
    return made


def event_request(event: Event) -> EventRequest:
    """An event of demand response in OpenADR's words: one interval, SIMPLE 1; what all shall shed together is no VEN's.

    It asks for a report of use when it is over.
    """
    window = event.window
    period = IntervalPeriod(
        start=written(window.first * window.resolution), duration=f"PT{len(window) * window.resolution}S"
    )
    return EventRequest(
        programID=event.program, eventName=event.reason[:128] or None, targets=targets_of(event.target),
        intervalPeriod=period, intervals=[Interval(id=0, payloads=[ValuesMap(type=SIMPLE, values=[1])])],
        reportDescriptors=[ReportDescriptor(payloadType="USAGE")], priority=0 if event.emergency else None,
    )  # fmt: skip


def choice_of(sent: ReportRequest) -> Choice:
    """What a VEN's report on an event says of taking part: it does, unless a payload OPT says OUT."""
    said = [
        str(value).upper()
        for resource in sent.resources
        for interval in resource.intervals
        for payload in interval.payloads
        if payload.type == OPT
        for value in payload.values
    ]
    return Choice.OUT if "OUT" in said else Choice.IN


def _less(kind: str, value: float | None) -> bool:
    return value is not None and ((kind == SIMPLE and value > 0) or (kind == RELATIVE and value < 0))


def _number(payload: ValuesMap) -> float | None:
    first = payload.values[0] if payload.values else None
    return float(first) if isinstance(first, int | float) and not isinstance(first, bool) else None


def _energy(sent: EventRequest, intervals: Sequence[Interval], seconds: float) -> int:
    """Wh of all set-points together; 0 where there is none. Intervals without a length of their own share the time."""
    units = {one.payloadType: (one.units or "KW").upper() for one in sent.payloadDescriptors or ()}
    scale = WATTS.get(units.get(RELATIVE, "KW"))
    values = [_number(p) for one in intervals for p in one.payloads if p.type == RELATIVE]
    watts = [-value * scale for value in values if value is not None and value < 0 and scale]
    if not watts:
        return 0
    return round(sum(watts) / len(intervals) * seconds / HOUR_S)
