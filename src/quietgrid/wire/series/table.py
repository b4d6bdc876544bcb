"""A delimited text file as arrays of byte positions: fast to take numbers from, and it knows its lines.

Nothing is guessed: a row with another number of fields than the header, or a cell that is neither a number nor
one of the usual signs for "missing", is an error that names file, line and column.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import SourceError

PLACES = 9
"""Decimals kept of a number: 10^-9 kWh is a millionth of a watt-hour."""
SCALE = 10**PLACES
MISSING = {"", "nan", "na", "n/a", "null", "none", "-"}
GZIP_MAGIC = b"\x1f\x8b"
QUOTED_DELIMITER = "\x1f"
WIDEST = 24
DIGITS_LEFT = 9


def read_bytes(path: Path) -> bytes:
    """The content of a file, unpacked if it is gzip, with plain line ends and no byte-order mark.

    Raises:
        SourceError: there is no such file, it cannot be read, or it is broken gzip.
    """
    try:
        data = path.read_bytes()
        if data.startswith(GZIP_MAGIC):
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(
            "the file cannot be read", where=str(path), fix="check the path and that it is whole"
        ) from error
    return data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")


@dataclass(frozen=True)
class Table:
    """A header and rows of fields, as positions in `data`.

    Args:
        name: File name, for messages. header: column names, stripped.
        data: uint8, the whole text. starts, ends: int64 [rows, columns], half-open.
        lines: int64 [rows], line number of each row in the file, from 1.
    """

    name: str
    header: list[str]
    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    lines: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.lines)

    def text(self, row: int, column: int) -> str:
        """One field as text, stripped."""
        return self.data[self.starts[row, column] : self.ends[row, column]].tobytes().decode("utf-8", "replace").strip()

    def where(self, row: int, column: int) -> str:
        """Where a field stands, for messages."""
        return f"{self.name}, line {self.lines[row]}, column {self.header[column]!r}"

    def column(self, *names: str) -> int:
        """Number of the first column called like one of `names` (case and outer spaces do not count), or -1."""
        folded = [name.casefold() for name in self.header]
        return next((folded.index(name.casefold()) for name in names if name.casefold() in folded), -1)

    def fixed(self, column: int, width: int) -> NDArray[np.bytes_]:
        """A column's fields as byte strings of at most `width`. Shape [rows]."""
        at = self.starts[:, column, None] + np.arange(width)
        inside = at < self.ends[:, column, None]
        return (
            np.where(inside, self.data[np.minimum(at, len(self.data) - 1)], 0).astype(np.uint8).view(f"S{width}")[:, 0]
        )

    def codes(self, column: int) -> tuple[list[str], NDArray[np.int64]]:
        """Distinct texts of a column in order of first appearance, and each row's number among them."""
        if not len(self):
            return [], np.zeros(0, np.int64)
        width = max(1, int((self.ends[:, column] - self.starts[:, column]).max()))
        _, first, inverse = np.unique(self.fixed(column, width), return_index=True, return_inverse=True)
        number: dict[str, int] = {}
        of = np.empty(len(first), np.int64)
        for i in np.argsort(first):
            of[i] = number.setdefault(self.text(int(first[i]), column), len(number))
        return list(number), of[inverse]

    def numbers(self, column: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """A column's numbers in units of 10^-9, exactly, and where there is one. int64 [rows], bool [rows].

        Raises:
            SourceError: at the first cell that is neither a number nor missing.
        """
        values, given = decimals(self.data, self.starts[:, column], self.ends[:, column])
        for row in np.flatnonzero(~given):
            text = self.text(int(row), column)
            if text.casefold() in MISSING:
                continue
            try:
                number = Decimal(text)
            except InvalidOperation:
                number = Decimal("NaN")
            if not number.is_finite() or abs(number) >= SCALE:
                raise SourceError(
                    "a cell holds no number", where=self.where(int(row), column), fix="use 0.123 or leave it empty"
                )
            values[row], given[row] = int(number * SCALE), True
        return values, given


def decimals(
    data: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Parse plain decimal numbers, all fields at once: a pass over all first characters, then all second ones, …

    Returns:
        int64 values in units of 10^-9 (further digits are cut off), and bool: whether the field was a plain number
        (digits with at most one point or comma, a sign, outer spaces). The others hold 0.

    >>> raw = b"1.5,-0.007, 12 ,,x"
    >>> at = [0, 4, 11, 16, 17], [3, 10, 15, 16, 18]
    >>> values, plain = decimals(np.frombuffer(raw, np.uint8), np.array(at[0]), np.array(at[1]))
    >>> values.tolist(), plain.tolist()
    ([1500000000, -7000000, 12000000000, 0, 0], [True, True, True, False, False])
    """
    value = np.zeros(len(starts), np.int64)
    after, left = np.full(len(starts), -1, np.int8), np.zeros(len(starts), np.int8)
    negative, signed, good, closed = (np.zeros(len(starts), np.bool_) for _ in range(4))
    good |= ends - starts <= WIDEST
    longest = min(WIDEST, int((ends - starts).max(initial=0)))
    last = max(0, len(data) - 1)
    for step in range(longest):
        at = starts + step
        inside = at < ends
        char = data[np.minimum(at, last)]
        digit = inside & (char >= 48) & (char <= 57)
        keep = digit & (after < PLACES)
        np.multiply(value, 10, out=value, where=keep)
        np.add(value, char - np.uint8(48), out=value, where=keep)
        after += (digit & (after >= 0) & (after < PLACES)).astype(np.int8)
        left += (digit & (after < 0)).astype(np.int8)
        point = inside & ((char == 46) | (char == 44))
        sign = inside & ((char == 45) | (char == 43))
        space = inside & ((char == 32) | (char == 9))
        begun = (left > 0) | (after >= 0) | signed
        good &= ~inside | digit | (point & (after < 0)) | (sign & ~begun) | space
        good &= ~(closed & inside & ~space)
        closed |= space & begun
        negative |= sign & (char == 45)
        signed |= sign
        after[point & (after < 0)] = 0
        good &= left <= DIGITS_LEFT
    good &= (left > 0) | (after > 0)
    value *= 10 ** (PLACES - np.maximum(after, 0)).astype(np.int64)
    return np.where(good, np.where(negative, -value, value), 0), good


def read_table(path: Path, *, header: bool = True) -> Table:
    """A CSV file (gzip or not; comma, semicolon or tab; quoted or not) as a `Table`.

    Args:
        path: The file. header: whether line 1 holds column names; else they are ``1``, ``2``, …

    Raises:
        SourceError: unreadable, empty, or a row whose number of fields differs.
    """
    data = read_bytes(path)
    first = data[: data.find(b"\n") if b"\n" in data else len(data)].decode("utf-8", "replace")
    delimiter = max(",;\t", key=first.count)
    if b'"' in data:
        data, delimiter = _unquoted(data, delimiter), QUOTED_DELIMITER
    if data and not data.endswith(b"\n"):
        data += b"\n"
    raw = np.frombuffer(data, np.uint8)
    stops = np.flatnonzero((raw == ord(delimiter)) | (raw == 10))
    begins = np.concatenate([[0], stops[:-1] + 1]) if len(stops) else stops
    line_end = np.flatnonzero(raw[stops] == 10)
    fields = np.diff(line_end, prepend=-1)
    blank = (fields == 1) & (stops[line_end] == begins[line_end])
    filled = np.flatnonzero(~blank)
    if not len(filled):
        raise SourceError("the file is empty", where=path.name, fix="give a file with rows")
    columns = int(fields[filled[0]])
    odd = filled[fields[filled] != columns]
    if len(odd):
        raise SourceError(
            f"a row has {fields[odd[0]]} fields where line {filled[0] + 1} has {columns}",
            where=f"{path.name}, line {odd[0] + 1}",
            fix="give every row the same number of fields; put text with a comma in quotes",
        )
    at = (line_end[filled] - columns + 1)[:, None] + np.arange(columns)
    table = Table(path.name, [str(n + 1) for n in range(columns)], raw, begins[at], stops[at], filled + 1)
    if not header:
        return table
    names = [table.text(0, column) for column in range(columns)]
    return Table(path.name, names, raw, table.starts[1:], table.ends[1:], table.lines[1:])


def _unquoted(data: bytes, delimiter: str) -> bytes:
    """The same rows without quotes, fields parted by a character that text does not hold."""
    rows = csv.reader(io.StringIO(data.decode("utf-8", "replace"), newline=""), delimiter=delimiter)
    clean = (QUOTED_DELIMITER.join(field.replace("\n", " ") for field in row) for row in rows)
    return "\n".join(clean).encode()
