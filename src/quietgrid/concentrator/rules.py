"""What a concentrator decides about frames without any key or store: limits, times, registers. Pure, vectorised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.model.interval import DAY_S, RESOLUTIONS
from quietgrid.store import Meters

STORED, DUPLICATE, REJECTED = 0, 1, 2
MAX_VERSION = 254

UNKNOWN = "unknown meter"
INACTIVE = "the meter is not active on this day"
REGISTERS = "registers differ from the certificate"
AHEAD = "ahead of the clock"
OLD = "too late"
VERSION = "no such version"
MAC = "wrong MAC"
UNKEYED = "no key of this meter"
CONFLICT = "another frame holds these slots"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request and one concentrator may use.

    Args:
        request_bytes, request_frames: of one request.
        late_days: How long corrections (version > 0) are taken. keep_days: how long first versions are; keys of
            earlier days are gone.
        presence_bytes: Memory for the map of what is stored (a byte a cell); the rest is read again when needed.
    """

    request_bytes: int = 32 << 20
    request_frames: int = 20_000
    late_days: int = 7
    keep_days: int = 100
    presence_bytes: int = 256 << 20


def refusals(head: NDArray[np.void], rows: NDArray[np.int64], meters: Meters, now: float, limits: Limits) -> list[str]:
    """Why each well-formed frame cannot be taken, empty where it can (as far as its head says).

    Args:
        head: `wire.frame.HEAD` [n]. rows: int64 [n], row of each frame's meter, -1 if unknown.
        meters: All meters by row. now: Unix seconds.
    """
    n = len(head)
    if not len(meters):
        return [UNKNOWN] * n
    seconds = np.array(RESOLUTIONS, np.int64)[head["resolution"]]
    day = head["day"].astype(np.int64)
    end = day * DAY_S + (head["first"].astype(np.int64) + head["count"]) * seconds
    late = np.where(head["version"] > 0, limits.late_days, limits.keep_days) * DAY_S
    at = np.maximum(rows, 0)
    checks = [
        (rows < 0, UNKNOWN),
        (~meters.active[at] | (day < meters.d0[at]) | (day >= meters.retired[at]), INACTIVE),
        (head["registers"] != meters.registers[at], REGISTERS),
        (head["version"] > MAX_VERSION, VERSION),
        (end > now + seconds, AHEAD),
        (end < now - late, OLD),
    ]
    return np.select([bad for bad, _ in checks], [reason for _, reason in checks], "").tolist()  # type: ignore[no-any-return]


def shapes(head: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frames by shape.

    Returns: int64 [g, 6], distinct (day, resolution code, registers, version, first, count), lower versions first;
        int64 [n], the shape of each frame.
    """
    names = ("version", "day", "resolution", "registers", "first", "count")
    columns = np.empty((len(head), len(names)), np.int64)
    for number, name in enumerate(names):
        columns[:, number] = head[name]
    if (columns == columns[0]).all():  # what a whole feeder or day looks like; np.unique takes a hundred times longer
        distinct, which = columns[:1], np.zeros(len(head), np.int64)
    else:
        distinct, which = np.unique(columns, axis=0, return_inverse=True)
    return distinct[:, [1, 2, 3, 0, 4, 5]], which.reshape(-1)
