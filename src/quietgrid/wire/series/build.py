"""`Series`, and how samples of any step become whole watt-hours per interval without losing energy."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError, SourceError
from quietgrid.model.interval import RESOLUTIONS, Window, check_resolution
from quietgrid.model.quantity import MAX_READING_WH
from quietgrid.model.readings import Readings
from quietgrid.wire.series.table import SCALE

WH_PER_UNIT: dict[str, Fraction] = {"Wh": Fraction(1), "kWh": Fraction(1000)}
WATTS_PER_UNIT: dict[str, Fraction] = {"W": Fraction(1), "kW": Fraction(1000)}
UNITS = (*WH_PER_UNIT, *WATTS_PER_UNIT)
LARGEST = 1 << 62


@dataclass(frozen=True)
class Series:
    """Readings as they came from someone's files.

    Args:
        names: Name of each row in the source (a meter's serial, a file).
        readings: One row a name; meter ids count from 1. What the source did not have is not `present`.
        tz: Time zone the homes live in.
        notes: What was skipped, cut or taken for something, in words, with counts; never with a reading.
    """

    names: tuple[str, ...]
    readings: Readings
    tz: str
    notes: tuple[str, ...] = ()

    def select(self, rows: NDArray[np.int64]) -> Series:
        """The rows with these numbers; meter ids stay as they were."""
        r = self.readings
        cut = Readings(r.meters[rows], r.window, r.imported_wh[rows], r.exported_wh[rows], r.present[rows])
        return Series(tuple(self.names[int(row)] for row in rows), cut, self.tz, self.notes)

    def complete(self, percent: int) -> Series:
        """The rows of which at least `percent` of all intervals are present."""
        present = self.readings.present
        return self.select(np.flatnonzero(present.sum(axis=1) * 100 >= percent * present.shape[1]))


@dataclass(frozen=True)
class Column:
    """One meter's whole watt-hours.

    Args:
        first: Absolute slot of the first interval.
        imported_wh, exported_wh: int64 [t]. present: bool [t].
    """

    first: int
    imported_wh: NDArray[np.int64]
    exported_wh: NDArray[np.int64]
    present: NDArray[np.bool_]


@dataclass
class Samples:
    """One meter's samples, in any order, as parsed.

    Args:
        where: Name for messages. seconds: int64 [m], UTC start of each sample. lines: int64 [m], its line.
        imported, exported: int64 [m], not negative, in 10^-9 of `unit`.
        given: bool [m], False where the row is there but its value is missing.
        unit: Wh or kWh in the sample's span, or W or kW as its mean.
    """

    where: str
    seconds: NDArray[np.int64]
    lines: NDArray[np.int64]
    imported: NDArray[np.int64]
    exported: NDArray[np.int64]
    given: NDArray[np.bool_]
    unit: str
    notes: Counter[str] = field(default_factory=Counter)


def detect_step(seconds: NDArray[np.int64]) -> int:
    """Seconds between successive samples: the commonest difference of one meter's distinct stamps.

    Raises:
        InputError: fewer than two distinct stamps.
    """
    steps = np.diff(np.unique(seconds))
    if not len(steps):
        raise InputError("one interval is not a series", where="time", fix="give at least two intervals of a meter")
    values, counts = np.unique(steps, return_counts=True)
    return int(values[counts.argmax()])


def choose_resolution(step: int, wanted: int | None) -> int:
    """The resolution to build from samples every `step` seconds.

    Raises:
        InputError: the step does not divide the resolution (hourly values cannot be split).
    """
    resolution = check_resolution(wanted) if wanted else next((r for r in RESOLUTIONS if step > 0 and r % step == 0), 0)
    if not resolution or step <= 0 or resolution % step:
        raise InputError(
            f"samples every {step} s do not make intervals of {resolution or 'fifteen or thirty minutes'}",
            where="time",
            fix="export at 1, 5, 15 or 30 minutes",
        )
    return resolution


def carry(amount: NDArray[np.int64], divisor: int) -> NDArray[np.int64]:
    """Whole quotients along a row whose remainders are carried on, so that sums stay within one unit of the truth.

    >>> carry(np.array([7, 7, 7, 7]), 10).tolist()
    [0, 1, 1, 0]
    """
    whole, rest = np.divmod(amount, divisor)
    so_far = np.cumsum(rest) // divisor
    return np.asarray(whole + np.diff(so_far, prepend=0), np.int64)


def integrate(samples: Samples, step: int, resolution: int) -> Column:
    """One meter's samples as whole Wh per interval.

    An interval is present only if every sample of it is. Remainders below one Wh go on to the next interval.

    Raises:
        SourceError: two different values for one moment, or more energy than a meter can have.
    """
    on_grid = samples.seconds % step == 0
    samples.notes["rows left out: not on an interval boundary"] += int((~on_grid).sum())
    order = np.flatnonzero(on_grid & samples.given)
    order = order[np.argsort(samples.seconds[order], kind="stable")]
    seconds, imported, exported = samples.seconds[order], samples.imported[order], samples.exported[order]
    again = np.flatnonzero(np.diff(seconds) == 0) + 1
    differ = again[(imported[again] != imported[again - 1]) | (exported[again] != exported[again - 1])]
    if len(differ):
        raise SourceError(
            "two rows give different values for one moment",
            where=f"{samples.where}, line {samples.lines[order[differ[0]]]}",
            fix="remove one of them",
        )
    samples.notes["rows left out: the same row twice"] += len(again)
    keep = np.ones(len(seconds), np.bool_)
    keep[again] = False
    seconds, imported, exported = seconds[keep], imported[keep], exported[keep]
    if not len(seconds):
        empty = np.zeros(0, np.int64)
        return Column(0, empty, empty, np.zeros(0, np.bool_))
    slots = seconds // resolution
    first, count = int(slots[0]), int(slots[-1] - slots[0]) + 1
    there = np.bincount(slots - first, minlength=count)
    present = there == resolution // step
    samples.notes["intervals left missing: some of their samples are missing"] += int(((there > 0) & ~present).sum())
    factor = WH_PER_UNIT.get(samples.unit) or WATTS_PER_UNIT[samples.unit] * Fraction(step, 3600)
    columns = []
    most = MAX_READING_WH * SCALE * factor.denominator // factor.numerator
    for values in (imported, exported):
        sums = np.zeros(count, np.int64)
        small = values < min(most, LARGEST // (resolution // step * factor.numerator))
        np.add.at(sums, slots - first, np.where(small, values, 0))
        too_much = np.flatnonzero(~small | (sums[slots - first] >= most))
        if len(too_much):
            raise SourceError(
                f"an interval holds {MAX_READING_WH} Wh or more",
                where=f"{samples.where}, line {samples.lines[order[keep][too_much[0]]]}",
                fix="check the unit",
            )
        sums[~present] = 0
        columns.append(carry(sums * factor.numerator, SCALE * factor.denominator))
    return Column(first, columns[0], columns[1], present)


def assemble(names: list[str], columns: list[Column], resolution: int, tz: str, notes: list[str]) -> Series:
    """Columns of several meters on their common window (from the first to the last interval of any)."""
    filled = [c for c in columns if len(c.present)]
    if not filled:
        raise SourceError("no reading was found", where=", ".join(names[:3]), fix="check the columns and the unit")
    first, end = min(c.first for c in filled), max(c.first + len(c.present) for c in filled)
    shape = (len(names), end - first)
    imported, exported = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    present = np.zeros(shape, np.bool_)
    for row, column in enumerate(columns):
        part = (
            slice(column.first - first, column.first - first + len(column.present)) if len(column.present) else slice(0)
        )
        imported[row, part], exported[row, part] = column.imported_wh, column.exported_wh
        present[row, part] = column.present
    absent = int((~present).sum())
    said = [*notes, *([f"{absent} of {present.size} intervals are missing and stay missing"] if absent else [])]
    ids = np.arange(1, len(names) + 1, dtype=np.uint64)
    window = Window(first, end, resolution)
    return Series(tuple(names), Readings(ids, window, imported, exported, present), tz, tuple(said))


def counted(notes: Counter[str]) -> list[str]:
    """Counts as notes, without those that are zero."""
    return [f"{count} {what}" for what, count in notes.items() if count]
