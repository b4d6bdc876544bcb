"""Any CSV file: one row a reading (long) or one column a meter (wide)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError, SourceError
from quietgrid.wire.series.build import (
    UNITS,
    Column,
    Samples,
    Series,
    assemble,
    choose_resolution,
    counted,
    detect_step,
    integrate,
)
from quietgrid.wire.series.stamps import parse_stamps, to_utc
from quietgrid.wire.series.table import Table, read_table

TIME_NAMES = ("time", "timestamp", "datetime", "date", "start", "interval_start", "date & time")
METER_NAMES = ("meter", "meter_id", "meter_serial", "serial", "home", "name", "lclid")


@dataclass(frozen=True, slots=True)
class Columns:
    """What is where in a file, and what it means.

    Args:
        time: Column of the stamps; looked for under usual names unless told.
        meter: Column that says which meter a row is of (long form); looked for unless told; without one every other
            column is a meter (wide form).
        imported, exported: Columns of the long form; ``imported_wh``, ``imported_kwh``, … are found by themselves.
        unit: Wh, kWh (energy of the interval), W or kW (mean power in it). From the column's name unless told.
        tz: Zone of stamps without an offset, and of the homes.
        stamp: Whether stamps are the ``start`` or the ``end`` of an interval.
        resolution: 900 or 1800 s; from the data unless told.
    """

    time: str = ""
    meter: str = ""
    imported: str = ""
    exported: str = ""
    unit: str = ""
    tz: str = "UTC"
    stamp: str = "start"
    resolution: int | None = None

    def __post_init__(self) -> None:
        if self.unit and self.unit not in UNITS:
            raise InputError(f"no unit is called {self.unit!r}", where="unit", fix=f"use {', '.join(UNITS)}")
        if self.stamp not in ("start", "end"):
            raise InputError(f"stamps cannot mark the {self.stamp!r}", where="stamp", fix="use start or end")


def read_csv(path: Path | str, columns: Columns | None = None) -> Series:
    """Read readings from a CSV file (gzip or not; comma, semicolon or tab; decimal point or comma).

    Long form: ``meter, time, imported_wh[, exported_wh]``. Wide form: a time column, then one column a meter, all
    imports; negative values are then exports (net values).

    Args:
        path: The file. columns: what is where; what it does not say is looked for.

    Raises:
        SourceError: with file, line and column. InputError: columns or unit cannot be told.

    Cost: a year of half hours of 100 homes in about half a second.
    """
    return from_table(read_table(Path(path)), columns or Columns())


def from_table(table: Table, columns: Columns, meters: int | None = None) -> Series:
    """`read_csv` of a table that is already open; only the first `meters` meters, if told."""
    time = _find(table, columns.time, TIME_NAMES, "time")
    meter = _find(table, columns.meter, METER_NAMES, "") if columns.meter or not columns.time else -1
    stamps = parse_stamps(table, time)
    notes: Counter[str] = Counter()
    if meter >= 0:
        names, code = table.codes(meter)
        seconds, exists, said = to_utc(stamps, columns.tz, code)
        parts = _long(table, columns, names[:meters], code, (seconds, exists))
    else:
        seconds, exists, said = to_utc(stamps, columns.tz, np.zeros(len(table), np.int64))
        parts = _wide(table, columns, time, (seconds, exists), meters)
    twice = [name for name, count in Counter(part.where for part in parts).items() if count > 1]
    if twice:
        raise SourceError(
            f"two columns are called {twice[0]!r}", where=f"{table.name}, line 1", fix="rename one of them"
        )
    if not parts:
        raise SourceError("no meter was found", where=table.name, fix="give a column a meter, or a meter column")
    step = detect_step(max((part.seconds for part in parts), key=len))
    resolution = choose_resolution(step, columns.resolution)
    built: list[Column] = []
    for part in parts:
        if columns.stamp == "end":
            part.seconds = part.seconds - step
        built.append(integrate(part, step, resolution))
        notes.update(part.notes)
    return assemble([part.where for part in parts], built, resolution, columns.tz, [*said, *counted(notes)])


Times = tuple[NDArray[np.int64], NDArray[np.bool_]]


def _long(table: Table, columns: Columns, names: list[str], code: NDArray[np.int64], times: Times) -> list[Samples]:
    """Samples of each meter of a long table."""
    imported, unit = _energy(table, columns.imported, "imported", columns.unit)
    exported, export_unit = _energy(table, columns.exported, "exported", columns.unit)
    if imported < 0:
        raise InputError("no column of imported energy", where=table.name, fix="call it imported_wh or name the column")
    if exported >= 0 and export_unit != unit:
        raise InputError("import and export have different units", where=table.name, fix="use one unit")
    taken, given = _not_negative(table, imported)
    back, back_given = _not_negative(table, exported) if exported >= 0 else (np.zeros_like(taken), given)
    given &= back_given
    order = np.argsort(code, kind="stable")
    ends = np.searchsorted(code[order], np.arange(len(names) + 1))
    parts = []
    for number, name in enumerate(names):
        rows = order[ends[number] : ends[number + 1]]
        rows = rows[times[1][rows]]
        parts.append(Samples(name, times[0][rows], table.lines[rows], taken[rows], back[rows], given[rows], unit))
    return parts


def _wide(table: Table, columns: Columns, time: int, times: Times, meters: int | None) -> list[Samples]:
    """Samples of each column of a wide table; negative values are exports."""
    if not columns.unit:
        raise InputError("the unit of the columns is not known", where=table.name, fix=f"say one of {', '.join(UNITS)}")
    parts = []
    rows = np.flatnonzero(times[1])
    for column in [c for c in range(len(table.header)) if c != time][:meters]:
        values, given = table.numbers(column)
        net, there, lines = values[rows], given[rows], table.lines[rows]
        name, imported, exported = table.header[column], np.maximum(net, 0), np.maximum(-net, 0)
        parts.append(Samples(name, times[0][rows], lines, imported, exported, there, columns.unit))
    return parts


def _find(table: Table, told: str, usual: tuple[str, ...], need: str) -> int:
    """Number of a column by its told or usual names; -1 if it was not told and is not needed."""
    found = table.column(told) if told else table.column(*usual)
    if found < 0 and (told or need):
        raise SourceError(
            f"no column is called {told or need!r}",
            where=f"{table.name}, line 1",
            fix=f"it has {', '.join(table.header[:8])}",
        )
    return found


def _energy(table: Table, told: str, prefix: str, unit: str) -> tuple[int, str]:
    """Column of a register and its unit; -1 if there is none."""
    if told:
        found = _find(table, told, (), prefix)
        named = next((u for u in UNITS if table.header[found].casefold().endswith(f"_{u.casefold()}")), "")
        if not unit and not named:
            raise InputError(
                f"the unit of {told!r} is not known", where=table.name, fix=f"say one of {', '.join(UNITS)}"
            )
        return found, unit or named
    for name in UNITS:
        found = table.column(f"{prefix}_{name}")
        if found >= 0:
            return found, unit or name
    return -1, unit


def _not_negative(table: Table, column: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    values, given = table.numbers(column)
    negative = np.flatnonzero(values < 0)
    if len(negative):
        raise SourceError(
            "a register went backwards: the value is negative",
            where=table.where(int(negative[0]), column),
            fix="give imports and exports in two columns",
        )
    return values, given
