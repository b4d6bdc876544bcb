"""Measured frequency from a file: what transmission operators and loggers publish, one value a second or so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quietgrid.errors import SourceError
from quietgrid.model.network import Floats
from quietgrid.wire.series.stamps import parse_stamps, to_utc
from quietgrid.wire.series.table import SCALE, Table, read_table

TIME_NAMES = ("time", "timestamp", "datetime", "date", "dtm", "zeit", "utc", "1")
VALUE_NAMES = ("hz", "frequency", "frequency_hz", "f", "f_hz", "frequenz", "value", "frequency_millihz", "mhz", "2")
LOWEST_HZ, HIGHEST_HZ = 40.0, 70.0
LONGEST = 40_000_000
"""More seconds than this in one file (over a year) are refused: a wrong stamp would fill the memory."""


@dataclass(frozen=True)
class MeasuredFrequency:
    """A stretch of measured frequency, evenly spaced.

    Args:
        start: Unix seconds of the first value. step_s: between values. hz: [t], NaN where nothing was measured.
    """

    start: int
    step_s: int
    hz: Floats


def read_frequency(path: Path | str, tz: str = "UTC") -> MeasuredFrequency:
    """Read frequency from a CSV file (gzip or not; with or without a header; comma, semicolon or tab).

    Values are in Hz; in mHz where they are in the tens of thousands; deviations from 50 Hz in mHz where their median is
    within 40 of zero.
    Gaps stay gaps. The step is the smallest distance between stamps.

    Args:
        path: The file: a column of stamps (see `parse_stamps`), one of values. tz: zone of stamps without an offset.

    Raises:
        SourceError: no such columns, no values, a value that is no frequency, stamps that are there twice.
    """
    table = read_table(Path(path))
    if not any(name.casefold() in TIME_NAMES for name in table.header):
        table = read_table(Path(path), header=False)
    at, column = table.column(*TIME_NAMES), table.column(*VALUE_NAMES)
    if at < 0 or column < 0 or not len(table):
        raise SourceError(
            "no columns of stamps and values", where=table.name,
            fix="name them time and frequency, or give two columns without names",
        )  # fmt: skip
    seconds, exists, _ = to_utc(parse_stamps(table, at), tz, np.zeros(len(table), np.int64))
    hz = _hz(table, column)
    order = np.argsort(seconds[exists], kind="stable")
    seconds, hz = seconds[exists][order], hz[exists][order]
    gaps = np.diff(seconds)
    if (gaps == 0).any():
        raise SourceError("one moment is there twice", where=table.name, fix="give one value a moment, in UTC")
    step = int(gaps.min()) if len(gaps) else 1
    count = int(seconds[-1] - seconds[0]) // step + 1
    if (gaps % step).any() or count > LONGEST:
        raise SourceError("stamps are not evenly spaced, or span over a year", where=table.name, fix="cut the file")
    even = np.full(count, np.nan)
    even[(seconds - seconds[0]) // step] = hz
    return MeasuredFrequency(int(seconds[0]), step, even)


def _hz(table: Table, column: int) -> Floats:
    values, given = table.numbers(column)
    hz = np.where(given, values / SCALE, np.nan)
    middle = float(np.nanmedian(hz)) if given.any() else float("nan")
    if abs(middle) <= LOWEST_HZ:
        hz = 50 + hz / 1_000
    elif middle >= 1_000 * LOWEST_HZ:
        hz = hz / 1_000
    wrong = np.flatnonzero(given & ~((hz > LOWEST_HZ) & (hz < HIGHEST_HZ)))
    if len(wrong) or not given.any():
        raise SourceError(
            "this is not a frequency", where=table.where(int(wrong[0]) if len(wrong) else 0, column),
            fix="give Hz, mHz, or deviations from 50 Hz in mHz",
        )  # fmt: skip
    return np.asarray(hz, np.float64)
