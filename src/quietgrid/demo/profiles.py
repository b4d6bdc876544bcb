"""The year of profiles behind the sample, and the two clocks it is read by."""

from __future__ import annotations

import json
import lzma
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import SourceError
from quietgrid.model.interval import Window, zone

RESOLUTION = 900
PER_DAY = 96
WINTER_TIME_SLOTS = 4
"""Central European winter time is one hour, four slots, ahead of UTC."""
TOP = 4095
"""Largest value of a profile."""


def data_bytes(name: str) -> bytes:
    """A file of the sample's data folder."""
    return (resources.files("quietgrid.demo") / "data" / name).read_bytes()


@dataclass(frozen=True)
class Profiles:
    """Shapes without a unit, one row a profile, over 52 whole weeks.

    Args:
        row: Row of a profile by its SimBench name.
        values: int32 [profiles, days, 96], 0..4095.
        first: Day number (days since 1970-01-01) of column 0.
    """

    row: dict[str, int]
    values: NDArray[np.int32]
    first: int

    @property
    def days(self) -> int:
        """Days in the stored year: a multiple of 7, so that it can follow itself."""
        return int(self.values.shape[1])

    def year_sum(self, row: int) -> int:
        """Sum of one profile over the stored year."""
        return int(np.sum(self.values[row], dtype=np.int64))


@cache
def profiles() -> Profiles:
    """The profiles, read once.

    Raises:
        SourceError: the file is not the one the package was built with.
    """
    head, _, body = lzma.decompress(data_bytes("profiles.xz")).partition(b"\n")
    meta = json.loads(head)
    names, shape = meta["names"], (meta["days"], meta["per_day"])
    if len(body) != 2 * len(names) * shape[0] * shape[1]:
        raise SourceError("the profiles are incomplete", where="demo/data/profiles.xz", fix="install Quietgrid again")
    planes = np.frombuffer(body, np.uint8).reshape(len(names), 2, -1)
    steps = np.ascontiguousarray(planes.transpose(0, 2, 1)).view("<i2")[..., 0]
    values = np.cumsum(steps, axis=1, dtype=np.int32).reshape(len(names), *shape)
    return Profiles({name: i for i, name in enumerate(names)}, values, date_number(date.fromisoformat(meta["first"])))


def date_number(day: date) -> int:
    """Days from 1970-01-01 to `day`."""
    return day.toordinal() - date(1970, 1, 1).toordinal()


def wall_slots(window: Window, tz: str) -> NDArray[np.int64]:
    """What the clock on the wall shows in each interval, as slots since 1970-01-01 00:00 on that clock.

    It skips four slots in March and shows four twice in October. int64 [len(window)].

    >>> spring = Window(1616889600 // 900, 1616893200 // 900 + 2, 900)  # 2021-03-28 00:00-01:30 UTC
    >>> (wall_slots(spring, "Europe/Berlin") - wall_slots(spring, "UTC")).tolist()
    [4, 4, 4, 4, 8, 8]
    """
    where = zone(tz)
    first_hour, end_hour = window.first // 4, -(-window.end // 4)
    offsets = np.empty(end_hour - first_hour, np.int64)
    for i, hour in enumerate(range(first_hour, end_hour)):
        offset = datetime.fromtimestamp(hour * 3600, UTC).astimezone(where).utcoffset()
        offsets[i] = 0 if offset is None else int(offset.total_seconds()) // RESOLUTION
    slots = np.arange(window.first, window.end, dtype=np.int64)
    return slots + offsets[slots // 4 - first_hour]


def winter_slots(window: Window) -> NDArray[np.int64]:
    """The same on a clock that stays on winter time: the sun's clock. int64 [len(window)]."""
    return np.arange(window.first, window.end, dtype=np.int64) + WINTER_TIME_SLOTS
