"""How what is dispatched reaches a battery: the platform tells groups, a household its own device. Nothing comes back.

The platform's `OwnSignals` say the same to every home of a group, so that asking for them tells nothing. What a
household makes of it (`DeviceOrders`) goes to the device behind its own meter, and no further.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from quietgrid.crypto.public.envelope import Message
from quietgrid.errors import InputError
from quietgrid.model.interval import Window
from quietgrid.model.signal import Signal, SignalKind

METER_DEVICE = "/v1/device"
"""Where the device behind a meter says what it is (GET) and takes orders (POST)."""
MOST_INTERVALS = 2 * 96 * 15
NO_LIMIT = -1
PUT_OFF = -1
"""A reserve that says: there is no battery, `draw_wh` is the share of the home's use to put off, in percent below 0."""


class SignalRow(msgspec.Struct, array_like=True, frozen=True):
    """One signal. Args: as `model.signal.Signal`; the group is that of the message."""

    id: str
    kind: str
    first: int
    end: int
    resolution: int
    values: list[int]
    unit: str
    issued: float


class OwnSignals(Message, frozen=True):
    """What a group's homes are told for the coming intervals, all of it: what is not in it is over. By the platform."""

    NAME: ClassVar[str] = "own-signals"
    community: bytes
    group: str
    at: float
    rows: list[SignalRow]


class DeviceOrders(msgspec.Struct, frozen=True):
    """What a home tells its device for slots [first, first + n); behind their end it serves its home as ever.

    Args:
        first: absolute slot. resolution: seconds. draw_wh: n, to draw more than the home needs, or (negative) to give
            more. most_out_w: n, the most the home may feed in; `NO_LIMIT`: no limit. reserve_wh: nothing is given on
            request below it; `PUT_OFF`: see there.
    """

    first: int
    resolution: int
    draw_wh: list[int]
    most_out_w: list[int]
    reserve_wh: int


class DeviceDone(msgspec.Struct, array_like=True, frozen=True):
    """One interval in which something was asked. moved_wh: drawn (negative: given) because of it. cut_wh: not made."""

    slot: int
    asked_wh: int
    moved_wh: int
    cut_wh: int


class DeviceState(msgspec.Struct, frozen=True):
    """What a device says of itself, to its own household only.

    Args:
        capacity_wh, power_w: of its battery, 0 without. pv_w: of its roof. level_wh: in it when slot `at` began.
        told: what it was told from slot `at` on. done: the last intervals in which something was asked.
    """

    capacity_wh: int
    power_w: int
    pv_w: int
    level_wh: int
    at: int
    resolution: int
    told: DeviceOrders
    done: list[DeviceDone]


def row_of(signal: Signal) -> SignalRow:
    """A signal as it is sent."""
    window = signal.window
    values = list(signal.values)
    return SignalRow(
        signal.id, signal.kind.value, window.first, window.end, window.resolution, values, signal.unit, signal.issued
    )


def signals_of(told: OwnSignals) -> list[Signal]:
    """The signals of a message.

    Raises:
        InputError: a kind that does not exist, or values that do not fit their window.
    """
    kinds = {kind.value: kind for kind in SignalKind}
    found = []
    for row in told.rows:
        count = row.end - row.first
        if row.kind not in kinds or not 0 < count <= MOST_INTERVALS or len(row.values) != count:
            raise InputError("a signal that cannot be", where=row.id[:80], fix="use the same version on both sides")
        window = Window(row.first, row.end, row.resolution)
        found.append(
            Signal(row.id, kinds[row.kind], told.group, window, tuple(row.values), row.unit, row.issued)
        )  # fmt: skip
    return found
