"""Time stamps of foreign files: text to UTC seconds, through the days when a local clock is changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import SourceError
from quietgrid.model.interval import zone
from quietgrid.wire.series.table import Table

EPOCH = datetime(1970, 1, 1)
QUARTER_S = 900
ISO_SHAPE = {4: b"-", 7: b"-", 13: b":"}


@dataclass(frozen=True)
class Stamps:
    """A column of stamps.

    Args:
        seconds: int64 [rows], seconds since 1970-01-01 00:00 on the file's own clock (on UTC where `aware`).
        aware: bool [rows], whether the stamp said its offset from UTC itself.
    """

    seconds: NDArray[np.int64]
    aware: NDArray[np.bool_]


def parse_stamps(table: Table, column: int) -> Stamps:
    """Parse a column of stamps.

    Accepted: ISO 8601 (``2013-01-31 23:30``, with ``T``, seconds, fractions, ``Z`` or an offset), ``31.01.2013 23:30``,
    and whole Unix seconds. Not ``01/02/2013``: it says January to some and February to others.

    Raises:
        SourceError: at the first stamp that is none of these.
    """
    fast = _fixed_iso(table, column)
    if fast is not None:
        return Stamps(fast, np.zeros(len(table), np.bool_))
    texts, code = table.codes(column)
    seconds, aware = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.bool_)
    for i, text in enumerate(texts):
        try:
            seconds[i], aware[i] = _parse_one(text)
        except ValueError as error:
            row = int(np.flatnonzero(code == i)[0])
            raise SourceError(
                "a time stamp cannot be read", where=table.where(row, column), fix="write 2013-01-31 23:30 (ISO 8601)"
            ) from error
    return Stamps(seconds[code], aware[code])


def _fixed_iso(table: Table, column: int) -> NDArray[np.int64] | None:
    """All stamps at once if they are all ``YYYY-MM-DD?HH:MM[:SS]``, else None."""
    widths = np.unique(table.ends[:, column] - table.starts[:, column])
    if len(widths) != 1 or int(widths[0]) not in (16, 19):
        return None
    text = table.fixed(column, int(widths[0]))
    chars = text.view(np.uint8).reshape(len(text), -1)
    if not all((chars[:, at] == ord(mark)).all() for at, mark in ISO_SHAPE.items()):
        return None
    try:
        return text.astype(f"U{widths[0]}").astype("datetime64[s]").astype(np.int64)
    except ValueError:
        return None


def _parse_one(text: str) -> tuple[int, bool]:
    """Seconds of one stamp and whether it is aware; ValueError if it is none."""
    if text.isascii() and text.isdigit() and len(text) in (9, 10):
        return int(text), True
    if len(text) > 9 and text[2] == text[5] == ".":
        text = f"{text[6:10]}-{text[3:5]}-{text[:2]}{text[10:]}"
    when = datetime.fromisoformat(text)
    if when.tzinfo is not None:
        return int(when.timestamp()), True
    return int((when - EPOCH).total_seconds()), False


def to_utc(
    stamps: Stamps, tz: str, meters: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_], list[str]]:
    """UTC seconds of stamps made by the clock on the wall in `tz`.

    An hour that the clock skips does not exist: its rows are left out. An hour it shows twice is told apart by the
    order of rows: a meter's first row of a stamp is the earlier one.

    Args:
        stamps: As parsed. tz: zone of the stamps without an offset. meters: int64 [rows], which meter a row is of.

    Returns:
        int64 [rows] UTC seconds; bool [rows], False where the stamp does not exist; notes.
    """
    if tz == "UTC":
        return stamps.seconds, np.ones(len(stamps.seconds), np.bool_), []
    where = zone(tz)
    quarters, code = np.unique(stamps.seconds // QUARTER_S, return_inverse=True)
    earlier, later = np.zeros(len(quarters), np.int64), np.zeros(len(quarters), np.int64)
    real = np.ones(len(quarters), np.bool_)
    for i, quarter in enumerate(quarters.tolist()):
        wall = EPOCH + timedelta(seconds=quarter * QUARTER_S)
        offsets = [wall.replace(tzinfo=where, fold=fold).utcoffset() or timedelta() for fold in (0, 1)]
        earlier[i], later[i] = (int(offset.total_seconds()) for offset in offsets)
        if offsets[0] != offsets[1]:
            back = (wall - offsets[0]).replace(tzinfo=UTC).astimezone(where).replace(tzinfo=None)
            real[i] = back == wall
    offset = earlier[code]
    twice = np.flatnonzero(real[code] & (earlier[code] != later[code]) & ~stamps.aware)
    seen: dict[tuple[int, int], int] = {}
    for row in twice.tolist():
        key = (int(meters[row]), int(stamps.seconds[row]))
        seen[key] = seen.get(key, 0) + 1
        if seen[key] > 1:
            offset[row] = later[code[row]]
    exists = real[code] | stamps.aware
    notes = []
    if not exists.all():
        notes.append(f"{int((~exists).sum())} rows left out: their time was skipped when clocks went forward in {tz}")
    once = sum(count == 1 for count in seen.values())
    if once:
        notes.append(f"{once} rows in an hour that {tz} has twice are there once only; taken as the earlier one")
    return np.where(stamps.aware, stamps.seconds, stamps.seconds - offset), exists, notes
