"""A batch of measurements, signed by the gateway that took them, and the set-points that go back.

A gateway numbers its batches; a number is taken once, so a recorded batch is worth nothing. The answer names the number
it answers, so a recorded answer is worth nothing either. Does not give: secrecy (that is TLS between machines).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import ClassVar

import msgspec

from quietgrid.crypto.public.envelope import Message
from quietgrid.errors import InputError
from quietgrid.model.grid import MeasuredKind, Measurement, SetPoint, SetPointKind

MOST_ROWS = 500
MOST_NAME = 80
MOST_VALUE = 1 << 53


class TelemetryRow(msgspec.Struct, array_like=True, frozen=True):
    """One measurement. Args: as `model.grid.Measurement`; kind is its text."""

    kind: str
    element: str
    value: int
    at: float
    good: bool = True


class TelemetryBatch(Message, frozen=True):
    """What a gateway measured. `sequence` grows with every batch; gaps are allowed, steps back are not."""

    NAME: ClassVar[str] = "telemetry"
    community: bytes
    gateway: str
    sequence: int
    rows: list[TelemetryRow]


class SetPointRow(msgspec.Struct, array_like=True, frozen=True):
    """One set-point. Args: as `model.grid.SetPoint`, without the reason."""

    id: str
    kind: str
    element: str
    value: int
    start: float
    end: float


class SetPoints(Message, frozen=True):
    """The platform's answer to batch `sequence` of a gateway: what holds now, and how many rows were too late."""

    NAME: ClassVar[str] = "set-points"
    community: bytes
    gateway: str
    sequence: int
    at: float
    late: int
    rows: list[SetPointRow]


def batch_of(community: bytes, gateway: str, sequence: int, measured: Sequence[Measurement]) -> TelemetryBatch:
    """Measurements as a batch, at most `MOST_ROWS` of them."""
    if len(measured) > MOST_ROWS:
        raise InputError(f"{len(measured)} measurements at once", where="batch", fix=f"send at most {MOST_ROWS}")
    rows = [TelemetryRow(m.kind.value, m.element, m.value, m.at, m.good) for m in measured]
    return TelemetryBatch(community, gateway, sequence, rows)


def measurements_of(batch: TelemetryBatch) -> list[Measurement]:
    """The measurements of a batch, `source` the gateway's name.

    Raises:
        InputError: too many, a kind that does not exist, a name or number that cannot be.
    """
    if len(batch.rows) > MOST_ROWS:
        raise InputError(f"{len(batch.rows)} measurements at once", where="batch", fix=f"send at most {MOST_ROWS}")
    kinds = {kind.value: kind for kind in MeasuredKind}
    found = []
    for number, row in enumerate(batch.rows):
        where = f"row {number} of batch {batch.sequence}"
        if row.kind not in kinds:
            raise InputError("there is no such kind of measurement", where=where, fix=f"use {', '.join(kinds)}")
        if not (isfinite(row.at) and row.at >= 0 and abs(row.value) < MOST_VALUE and len(row.element) <= MOST_NAME):
            raise InputError("a measurement that cannot be", where=where, fix="check unit, time and name")
        found.append(Measurement(kinds[row.kind], row.element, row.value, row.at, batch.gateway, row.good))
    return found


def set_points_row(point: SetPoint) -> SetPointRow:
    """A set-point as it is sent."""
    return SetPointRow(point.id, point.kind.value, point.element, point.value, point.start, point.end)


def set_points_of(answer: SetPoints) -> list[SetPoint]:
    """The set-points of an answer.

    Raises:
        InputError: a kind that does not exist.
    """
    kinds = {kind.value: kind for kind in SetPointKind}
    for row in answer.rows:
        if row.kind not in kinds:
            raise InputError("there is no such kind of set-point", where=row.id, fix="use the same version on both")
    return [SetPoint(r.id, kinds[r.kind], r.element, r.value, r.start, r.end) for r in answer.rows]
