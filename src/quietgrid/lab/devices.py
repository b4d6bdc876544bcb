"""Batteries and roofs behind the simulated meters: what they were told, and what became of it.

A device serves its home as the sample says until its household orders something else (`wire.steering`). From then on
its battery is worked out interval by interval until it is again as full as the sample's, and readings are the sample's
plus the difference. What was worked out is written down once and never worked out again: the fleet seals it, the
plant reads it (`Doings`), and a restart finds it.

Privacy: this is the inside of homes; it stays in the lab's processes, and each household sees its own device.
"""

from __future__ import annotations

import struct
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from quietgrid.demo.sample import STORAGE_DAYS, Behind, behind
from quietgrid.demo.storage import Asked, serve
from quietgrid.errors import InputError, NotFoundError
from quietgrid.lab.source import Rows
from quietgrid.model.interval import Window
from quietgrid.model.readings import Readings
from quietgrid.model.schedule import HOUR_S, Ints
from quietgrid.wire.steering import MOST_INTERVALS, NO_LIMIT, PUT_OFF, DeviceDone, DeviceOrders, DeviceState

FILE = "doings"
SHOWN = 96
"""Intervals a device remembers for its household."""
BLOCK = 96 * STORAGE_DAYS
_LENGTH = struct.Struct("<I")
FREE_WH = 1 << 40
FLEXIBLE_PERCENT = 50
"""Of what a home without a battery draws, so much can be put off at most. An assumption of the simulation."""
MADE_UP = 6
"""In each interval after, one part in so many of what is left is made up for."""


class Doing(msgspec.Struct, array_like=True, frozen=True):
    """What was decided for slots [first, end). Columns of int64, one row a home in `rows`.

    `change_wh` (n × t): of what the meter sees. `level_wh` (n): in the battery at the end. `off`: whose battery is not
    as full as the sample's. `done` (n × t × 3): asked, moved, cut; see `DeviceDone`.
    """

    first: int
    end: int
    rows: list[int]
    change_wh: bytes
    level_wh: bytes
    off: list[bool]
    done: bytes
    put_off: bool = False
    """Rows without a battery: `level_wh` is what they still have to make up for."""


class Doings:
    """The written doings, read as they grow.

    Args:
        path: Of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kept: list[Doing] = []
        self.until: int | None = None
        """Slots before this one are decided; None: nothing is written yet."""
        self._at = 0

    def refresh(self) -> None:
        """Read what came; a last one that is not whole (yet) is left."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._at)
            data = file.read()
        found, at = [], 0
        while at + _LENGTH.size <= len(data):
            end = at + _LENGTH.size + _LENGTH.unpack_from(data, at)[0]
            if end > len(data):
                break
            found.append(msgspec.msgpack.decode(data[at + _LENGTH.size : end], type=Doing))
            at = end
        self._at += at
        for one in found:
            self.until = one.end
        self.kept += [one for one in found if one.rows]

    def append(self, one: Doing) -> None:
        """Write one more, in place of a last one that was not whole."""
        data = msgspec.msgpack.encode(one)
        with self.path.open("r+b" if self.path.exists() else "w+b") as file:
            file.truncate(self._at)
            file.seek(self._at)
            file.write(_LENGTH.pack(len(data)) + data)
        self._at += _LENGTH.size + len(data)
        self.until = one.end
        if one.rows:
            self.kept.append(one)

    def applied(self, readings: Readings) -> Readings:
        """Readings of the sample's rows with what was done. Past ones are always the same."""
        window = readings.window
        net = readings.imported_wh - readings.exported_wh
        changed = np.zeros(len(net), np.bool_)
        for one in self.kept:
            low, high = max(one.first, window.first), min(one.end, window.end)
            if low >= high:
                continue
            change = _table(one.change_wh, len(one.rows))[:, low - one.first : high - one.first]
            mine = [(at, row) for at, row in enumerate(one.rows) if row < len(net)]
            for at, row in mine:
                net[row, low - window.first : high - window.first] += change[at]
                changed[row] = True
        if not changed.any():
            return readings
        there, rows = readings.present, changed[:, None]
        imported = np.where(rows, np.where(there, np.maximum(net, 0), 0), readings.imported_wh)
        exported = np.where(rows, np.where(there, np.maximum(-net, 0), 0), readings.exported_wh)
        return replace(readings, imported_wh=imported, exported_wh=exported)


@dataclass
class _Order:
    """What one device was told, slot -> (draw, most out)."""

    slots: dict[int, tuple[int, int]]
    reserve_wh: int


def put_off(rows: Sequence[int], asked: Mapping[int, _Order], debt: Mapping[int, int], readings: Readings) -> Doing:
    """What homes without a battery do: use a share less in the intervals they are asked for, and make up for it after.

    At most `FLEXIBLE_PERCENT` of what a home draws can be put off (washing, dishes, charging). It comes back after,
    in each interval a sixth of what is left.

    Args:
        debt: row -> Wh it still has to make up for. readings: of the sample, all rows.
    """
    window = readings.window
    change = np.zeros((len(rows), len(window)), np.int64)
    left = np.array([debt.get(row, 0) for row in rows], np.int64)
    done = np.zeros((len(rows), len(window), 3), np.int64)
    for t, slot in enumerate(range(window.first, window.end)):
        told = [asked[row].slots.get(slot, (0, NO_LIMIT))[0] if row in asked else 0 for row in rows]
        share = np.minimum(-np.minimum(np.array(told, np.int64), 0), FLEXIBLE_PERCENT)
        drawn = readings.imported_wh[list(rows), t]
        less = drawn * share // 100
        back = np.where(share > 0, 0, -(-left // MADE_UP))
        change[:, t] = back - less
        left = left + less - back
        done[:, t] = np.stack([-share, change[:, t], np.zeros_like(share)], axis=1)
    return Doing(
        window.first,
        window.end,
        list(rows),
        change.tobytes(),
        left.tobytes(),
        [False] * len(rows),
        done.tobytes(),
        True,
    )


class Devices:
    """The devices of the sample's homes. Thread-safe.

    Args:
        homes: How many of the sample. rows: its readings. path: where doings are written. resolution: of an interval.
    """

    def __init__(self, homes: int, rows: Rows, path: Path, resolution: int) -> None:
        self._homes, self._rows, self._resolution = homes, rows, resolution
        self._lock = threading.Lock()
        self._doings = Doings(path)
        self._orders: dict[int, _Order] = {}
        self._level: dict[int, int] = {}
        self._done: dict[int, deque[DeviceDone]] = {}
        self._blocks: dict[int, Behind] = {}
        self._debt: dict[int, int] = {}
        self._doings.refresh()
        for one in self._doings.kept:
            self._remember(one)

    def readings(self, window: Window) -> Readings:
        """What the meters see in a window. What was not decided before is now, and stays so."""
        with self._lock:
            until = self._doings.until
            if until is None or window.end > until:
                first = window.first if until is None else max(until, window.first)
                for start in range(first, window.end, BLOCK):
                    self._decide(Window(start, min(start + BLOCK, window.end), self._resolution))
            return self._doings.applied(self._rows(window))

    def order(self, row: int, orders: DeviceOrders) -> None:
        """Replace what a device was told from the orders' first slot on; what is decided stays.

        Raises:
            NotFoundError: there is no device. InputError: orders that cannot be.
        """
        count = len(orders.draw_wh)
        if orders.resolution != self._resolution or count > MOST_INTERVALS or len(orders.most_out_w) != count:
            raise InputError("orders that cannot be", where="orders", fix="one value an interval in each column")
        with self._lock:
            if orders.reserve_wh == PUT_OFF:
                self._check_plain(row, orders.first)
            else:
                self._sizes(row, orders.first)
            before = self._orders.get(row)
            slots = {slot: one for slot, one in before.slots.items() if slot < orders.first} if before else {}
            for number, one in enumerate(zip(orders.draw_wh, orders.most_out_w, strict=True)):
                if one != (0, NO_LIMIT):
                    slots[orders.first + number] = one
            self._orders[row] = _Order(slots, orders.reserve_wh)

    def state(self, row: int, now: float) -> DeviceState:
        """What a device says of itself.

        Raises:
            NotFoundError: there is neither a battery nor a roof.
        """
        with self._lock:
            until = self._doings.until
            slot = int(now) // self._resolution if until is None else until
            block, at = self._sizes(row, slot)
            level = self._level.get(row)
            if level is None:
                level = int(block.level_wh[at, slot % BLOCK])
            done = list(self._done.get(row, ()))
            capacity, power, roof = (int(column[at]) for column in (block.capacity_wh, block.power_w, block.pv_w))
            return DeviceState(capacity, power, roof, level, slot, self._resolution, self._told(row, slot), done)

    # -- inside the lock ---------------------------------------------------------------------------------------------

    def _told(self, row: int, slot: int) -> DeviceOrders:
        order = self._orders.get(row, _Order({}, 0))
        end = max(order.slots, default=slot - 1) + 1
        rows = [order.slots.get(at, (0, NO_LIMIT)) for at in range(slot, end)]
        draw, most = [one[0] for one in rows], [one[1] for one in rows]
        return DeviceOrders(slot, self._resolution, draw, most, order.reserve_wh)

    def _sizes(self, row: int, slot: int) -> tuple[Behind, int]:
        block = self._behind(slot)
        found = np.flatnonzero(block.rows == row)
        if not len(found):
            raise NotFoundError("there is neither a battery nor a roof", where="device", fix="nothing can be asked")
        return block, int(found[0])

    def _check_plain(self, row: int, slot: int) -> None:
        """A home without a battery that can put something off."""
        block = self._behind(slot)
        found = np.flatnonzero(block.rows == row)
        if not 0 <= row < self._homes or (len(found) and block.capacity_wh[found[0]]):
            raise NotFoundError("nothing here can be put off", where="device", fix="ask the battery")

    def _behind(self, slot: int) -> Behind:
        number = slot // BLOCK
        if number not in self._blocks:
            window = Window(number * BLOCK, (number + 1) * BLOCK, self._resolution)
            self._blocks = {at: one for at, one in self._blocks.items() if at == number - 1}
            self._blocks[number] = behind(self._homes, window)
        return self._blocks[number]

    def _decide(self, window: Window) -> None:
        asked = {
            row: order for row, order in self._orders.items()
            if any(window.first <= slot < window.end for slot in order.slots)
        }  # fmt: skip
        plain = {row for row, order in asked.items() if order.reserve_wh == PUT_OFF} | {
            row for row, debt in self._debt.items() if debt
        }
        rows = sorted({*asked, *self._level} - plain)
        if not rows and not plain:
            self._doings.append(Doing(window.first, window.end, [], b"", b"", [], b""))
            return
        parts = []  # a block of the sample at a time
        start = window.first
        while start < window.end:
            end = min(window.end, (start // BLOCK + 1) * BLOCK)
            part = Window(start, end, self._resolution)
            parts += [self._work(rows, asked, part)] if rows else []
            parts += [put_off(sorted(plain), asked, self._debt, self._rows(part))] if plain else []
            start = end
        for one in parts:
            self._doings.append(one)
            self._remember(one)
        for row, order in list(self._orders.items()):
            order.slots = {slot: one for slot, one in order.slots.items() if slot >= window.end}
            if not order.slots:
                del self._orders[row]

    def _work(self, rows: Sequence[int], asked: Mapping[int, _Order], window: Window) -> Doing:
        """What these homes' devices do in a window within one block."""
        block = self._behind(window.first)
        at = np.searchsorted(block.rows, rows)
        begin = window.first % BLOCK
        capacity, power = block.capacity_wh[at], block.power_w[at] * self._resolution // HOUR_S
        known = [self._level.get(row) for row in rows]
        level = np.where([one is None for one in known], block.level_wh[at, begin], [one or 0 for one in known])
        change = np.zeros((len(rows), len(window)), np.int64)
        done = np.zeros((len(rows), len(window), 3), np.int64)
        reserve = np.array([asked[row].reserve_wh if row in asked else 0 for row in rows], np.int64)
        roof = block.pv_w[at] > 0
        for t, slot in enumerate(range(window.first, window.end)):
            told = [asked[row].slots.get(slot, (0, NO_LIMIT)) if row in asked else (0, NO_LIMIT) for row in rows]
            draw = np.array([one[0] for one in told], np.int64)
            limit = np.array([one[1] for one in told], np.int64)
            most = np.where(limit == NO_LIMIT, np.where(roof, FREE_WH, 0), limit * self._resolution // HOUR_S)
            net = block.net_wh[at, begin + t]
            own, _ = serve(net, level, (capacity, power))
            drawn, level = serve(net, level, (capacity, power), Asked(draw, reserve, most))
            cut = np.minimum(np.maximum(-(net + drawn) - most, 0), block.made_wh[at, begin + t])
            cut = np.where(limit == NO_LIMIT, 0, cut)
            change[:, t] = net + drawn + cut - block.served_wh[at, begin + t]
            done[:, t] = np.stack([draw, drawn - own, cut], axis=1)
        off = level != block.level_wh[at, begin + len(window)]
        return Doing(
            window.first, window.end, list(rows), change.tobytes(), level.astype(np.int64).tobytes(), off.tolist(),
            done.tobytes(),
        )  # fmt: skip

    def _remember(self, one: Doing) -> None:
        levels = np.frombuffer(one.level_wh, np.int64).tolist()
        if one.put_off:
            self._debt.update(zip(one.rows, levels, strict=True))
            return
        done = np.frombuffer(one.done, np.int64).reshape(len(one.rows), -1, 3)
        for row, level, off, mine in zip(one.rows, levels, one.off, done, strict=True):
            if off:
                self._level[row] = level
            else:
                self._level.pop(row, None)
            kept = self._done.setdefault(row, deque(maxlen=SHOWN))
            kept.extend(
                DeviceDone(one.first + t, *values) for t, values in enumerate(mine.tolist()) if any(values)
            )  # fmt: skip


def _table(column: bytes, rows: int) -> Ints:
    return np.frombuffer(column, np.int64).reshape(rows, -1)
