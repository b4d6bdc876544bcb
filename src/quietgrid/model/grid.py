"""What is measured at the grid, what devices are told, what is wrong: `Measurement`, `SetPoint`, `Alarm`.

Integers, the unit by kind. None of it is about one home: what is measured are heads of groups, busbars, the system.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class MeasuredKind(StrEnum):
    """What is measured, and its unit."""

    HEAD_W = "head-w"
    """Active power into a group through one branch, W (negative: the group feeds back)."""
    HEAD_VAR = "head-var"
    """Reactive power likewise, var."""
    VOLTAGE_MV = "voltage-mv"
    """Line-to-line voltage of a node, mV."""
    FREQUENCY_MILLIHZ = "frequency-millihz"
    """Of the system, mHz."""
    TAP = "tap"
    """Position of a transformer's tap changer."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value of one sensor.

    Args:
        kind: What, and in which unit. element: name of the branch, node or transformer; empty for frequency.
        value: In the kind's unit. at: Unix seconds it was measured. source: who says so.
        good: False where the sensor itself doubts it.
    """

    kind: MeasuredKind
    element: str
    value: int
    at: float
    source: str
    good: bool = True


class SetPointKind(StrEnum):
    """What a device can be told, and its unit."""

    TAP = "tap"
    """Position of a transformer's tap changer."""
    STORAGE_W = "storage-w"
    """What the storages of a group draw together, W (negative: give back)."""
    CURTAIL_PERCENT = "curtail-percent"
    """How much of their rated power the plants of a group may feed in at most: 100 is no curtailment."""
    REACTIVE_PERCENT = "reactive-percent"
    """Reactive draw of a group's inverters, per cent of rated power (positive: under-excited)."""
    SHED = "shed"
    """1: a group's feeder is opened, 0: closed."""


@dataclass(frozen=True, slots=True)
class SetPoint:
    """An instruction for a device or a group, for a time; afterwards the safe value holds again.

    Args:
        id: Unique. kind: What, and its unit. element: transformer or group. value: in the kind's unit.
        start, end: Unix seconds. reason: for people.
    """

    id: str
    kind: SetPointKind
    element: str
    value: int
    start: float
    end: float
    reason: str = ""


class Priority(IntEnum):
    """How urgent an alarm is."""

    CRITICAL = 1
    HIGH = 2
    MEDIUM = 3
    LOW = 4


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that is wrong with the grid, from when to when, and who has seen it.

    Args:
        id: Unique. rule: name of the rule that raised it. element: of what. priority: how urgent.
        said: One sentence for people, with number and unit. since: Unix seconds. until: when it ended; None: it lasts.
        seen_by: account that acknowledged it, empty if nobody. seen_at: when.
    """

    id: str
    rule: str
    element: str
    priority: Priority
    said: str
    since: float
    until: float | None = None
    seen_by: str = ""
    seen_at: float | None = None
