"""Opening one's own series at home: ciphertext - M01 - M02 - M12, with masks derived from the home's own roots.

Costs no byte of traffic beyond the ciphertexts and asks nobody. Source: PROTOCOL A, "Keys". Privacy: open readings;
they stay in the household process. Cost: about 10 ns a reading, vectorised over days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.secret.masks import add_masks, day_step
from quietgrid.errors import InputError, VerificationError
from quietgrid.household.vault import MeterRoots, RecoveredMeter
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.model.quantity import MAX_READING_WH
from quietgrid.wire.columns import unpack_bits
from quietgrid.wire.own import SealedSeries

Ints = NDArray[np.int64]


class KeyLine:
    """The day keys of one own meter from its first day on; each day is derived once and kept in memory.

    Args:
        community: 16 bytes. meter: with its roots.
    """

    def __init__(self, community: bytes, meter: MeterRoots) -> None:
        self.meter: MeterRoots | RecoveredMeter = meter
        self._chain = meter.chain(community)
        self._days: list[NDArray[np.uint8]] = []

    def holds(self, day: int) -> bool:
        """Whether the home has the keys of a day."""
        return day >= self.meter.d0

    def span(self, window: Window) -> Window:
        """The part of a window of which the home has the keys."""
        first = self.meter.d0 * slots_per_day(window.resolution)
        return window.intersect(Window(first, max(first, window.end), window.resolution))

    def keys(self, first: int, end: int) -> NDArray[np.uint8]:
        """Day keys of days [first, end): uint8 [3, end - first, 32].

        Raises:
            InputError: a day before the meter enrolled.
        """
        if first < self.meter.d0:
            raise InputError(
                "the meter had not enrolled yet", where=f"day {first}", fix=f"ask from day {self.meter.d0}"
            )
        while self.meter.d0 + len(self._days) < end:
            day_keys, self._chain = day_step(self._chain)
            self._days.append(day_keys)
        held = self._days[first - self.meter.d0 : end - self.meter.d0]
        if not held:
            return np.empty((3, 0, 32), np.uint8)
        return np.ascontiguousarray(np.stack(held, axis=1))


class HeldLine(KeyLine):
    """The day keys of a meter whose roots are lost, as far as keyholders released them."""

    def __init__(self, meter: RecoveredMeter) -> None:
        self.meter = meter
        self._first, self._end = meter.first, meter.end
        self._held = np.frombuffer(meter.keys, np.uint8).reshape(-1, 3, 32)

    def holds(self, day: int) -> bool:
        """See `KeyLine`."""
        return self._first <= day < self._end

    def span(self, window: Window) -> Window:
        """See `KeyLine`."""
        per_day = slots_per_day(window.resolution)
        return window.intersect(Window(self._first * per_day, self._end * per_day, window.resolution))

    def keys(self, first: int, end: int) -> NDArray[np.uint8]:
        """See `KeyLine`.

        Raises:
            InputError: the key of a day is lost.
        """
        if not self._first <= first <= end <= self._end:
            raise InputError(
                "the keys of this day are lost", where=f"day {first}", fix=f"held: {self._first}..{self._end - 1}"
            )
        return np.ascontiguousarray(self._held[first - self._first : end - self._first].transpose(1, 0, 2))


@dataclass(frozen=True)
class OwnSeries:
    """One register of one own meter, opened.

    Args:
        pid, register: Which. window: t intervals.
        energy_wh: int64 [t]; 0 where not `present`.
        present: bool [t], arrived. closed: bool [t], counted by a close. version: uint8 [t].

    Privacy: open readings of this home.
    """

    pid: int
    register: int
    window: Window
    energy_wh: Ints
    present: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    version: NDArray[np.uint8]

    def over(self, window: Window) -> OwnSeries:
        """The same over a longer window, absent outside its own."""
        if self.window == window:
            return self
        sides = self.window.first - window.first, window.end - self.window.end
        return OwnSeries(
            self.pid, self.register, window, np.pad(self.energy_wh, sides), np.pad(self.present, sides),
            np.pad(self.closed, sides), np.pad(self.version, sides),
        )  # fmt: skip


def open_series(series: SealedSeries, line: KeyLine) -> OwnSeries:
    """Open what the platform returned for one of our meters.

    Raises:
        VerificationError: columns that do not fit, or a value that no meter can have sealed (the platform changed a
            ciphertext, or it is another meter's).
    """
    window = Window(series.first, series.end, series.resolution)
    if series.pid != line.meter.pid:
        raise VerificationError("a series of another meter", where=f"meter {series.pid}", fix="ask for our own")
    t = len(window)
    if len(series.version) != t or len(series.ciphertext) != 8 * t:
        raise VerificationError("a series has broken columns", where=f"meter {series.pid}", fix="ask for it again")
    present, closed = unpack_bits(series.present, t), unpack_bits(series.closed, t)
    version = np.frombuffer(series.version, np.uint8)
    energy = _open(
        window, np.frombuffer(series.ciphertext, "<u8"), np.where(present, version, 0), line, series.register
    )
    energy[~present] = 0
    if t and (int(energy.min()) < 0 or int(energy.max()) >= MAX_READING_WH):
        bad = int(((energy < 0) | (energy >= MAX_READING_WH)).sum())
        raise VerificationError(
            f"{bad} intervals do not open to a reading", where=f"meter {series.pid}", fix="show this to the auditor"
        )
    return OwnSeries(series.pid, series.register, window, energy, present, closed, version)


def _open(
    window: Window, ciphertext: NDArray[np.uint64], version: NDArray[np.uint8], line: KeyLine, register: int
) -> Ints:
    """All cells, day by day as rows; each version's masks are taken off only the days that have it."""
    if not len(window):
        return np.zeros(0, np.int64)
    per_day = slots_per_day(window.resolution)
    first, end = window.first // per_day, (window.end - 1) // per_day + 1
    grid = np.zeros((end - first, per_day), np.uint64)
    versions = np.zeros((end - first, per_day), np.int64)
    inside = slice(window.first - first * per_day, window.end - first * per_day)
    grid.reshape(-1)[inside], versions.reshape(-1)[inside] = ciphertext, version
    keys = line.keys(first, end)
    out = np.zeros_like(grid)
    for number in np.unique(versions).tolist():
        cells = versions == number
        days = np.flatnonzero(cells.any(axis=1))
        opened = np.ascontiguousarray(grid[days])
        add_masks(opened, np.ascontiguousarray(keys[:, days]), register, number, window.resolution, sign=-1)
        out[days] = np.where(cells[days], opened, out[days])
    return out.reshape(-1)[inside].view(np.int64).copy()
