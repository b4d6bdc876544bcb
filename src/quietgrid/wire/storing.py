"""Storage planned under encryption: what a station and the platform send each other, and the request in a plan.

Stations sign with the key they enrolled with. Ciphertexts are bytes that only the station opens; the rest is public.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from quietgrid.algorithms.schedule.encrypted import Terms
from quietgrid.algorithms.schedule.steps import Steps
from quietgrid.crypto.public.envelope import Message
from quietgrid.errors import InputError

MOST_PARTS = 4
MOST_PART_BYTES = 16 << 10
MOST_NAME = 40


class StationKey(Message, frozen=True):
    """A station's server key, with which the platform computes and cannot read. It replaces the former one."""

    NAME: ClassVar[str] = "station-key"
    community: bytes
    station: int
    at: float
    key: bytes


class StationKeyGone(Message, frozen=True):
    """A station takes its server key back; the platform deletes it."""

    NAME: ClassVar[str] = "station-key-gone"
    community: bytes
    station: int
    at: float


class PlanQuestion(Message, frozen=True):
    """A station asks for a plan.

    Args:
        day: first interval's start, Unix seconds; one question a station, day and schedule. resolution: seconds.
        terms: as `terms_of` reads them. parts: encrypted, as the schedule's `question` lists them.
    """

    NAME: ClassVar[str] = "plan-question"
    community: bytes
    station: int
    day: int
    resolution: int
    schedule: str
    terms: bytes
    parts: list[bytes]


class PlanState(msgspec.Struct, frozen=True):
    """What has become of a question.

    Args:
        id: hex, the question's hash. state: ``waiting``, ``done`` or ``failed``. place: in the queue, from 1; 0: it
            does not wait. cpu_s: what computing took. why: of a failure. answer: encrypted plan.
    """

    id: str
    state: str
    place: int = 0
    cpu_s: float = 0.0
    why: str = ""
    answer: bytes = b""


class _Terms(msgspec.Struct, array_like=True, frozen=True):
    intervals: int
    capacity: int
    step_wh: int
    limit_wh: int
    prices: list[int]
    picks: int


class Request(msgspec.Struct, array_like=True, frozen=True):
    """What the computing process is given."""

    schedule: str
    terms: bytes
    parts: list[bytes]


def pack_terms(terms: Terms) -> bytes:
    """Terms as bytes."""
    steps = terms.steps
    row = _Terms(
        terms.intervals, steps.capacity, steps.step_wh, steps.limit_wh, list(terms.prices), terms.picks
    )  # fmt: skip
    return msgspec.msgpack.encode(row)


def terms_of(data: bytes) -> Terms:
    """Terms from bytes.

    Raises:
        InputError: not terms, or values that do not fit.
    """
    try:
        row = msgspec.msgpack.decode(data, type=_Terms)
    except msgspec.MsgspecError as error:
        raise InputError(
            "terms that cannot be read", where="terms", fix="send them as this version writes them"
        ) from error
    return Terms(row.intervals, Steps(row.capacity, row.step_wh, row.limit_wh), tuple(row.prices), row.picks)
