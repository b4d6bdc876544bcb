"""`Table`: the columns of a foreign file, read with checks that say which row and column is wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from quietgrid.errors import SourceError
from quietgrid.model.network import Flags, Floats, Rows

MAX_BYTES = 64 << 20
"""Largest file that is read: a year of profiles fits beside a large grid."""
MAX_ROWS = 100_000
"""Most rows of one table."""
DEEPEST = 64
"""Deepest nesting of a JSON file; pandapower needs six."""
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
MAX_WHOLE = 2**31 - 1
LARGEST = 1e30
"""Larger than any quantity of a grid."""
MAX_NAME = 200
REQUIRED: Any = object()
"""Stands for: this column must be there, with a value in every row."""
TRUE, FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True)
class Table:
    """Rows of one kind of device.

    Args:
        where: File and table, for messages. rows: One mapping a row, column -> value; what is not there is None.
        keys: What messages call each row.
    """

    where: str
    rows: Sequence[Mapping[str, Any]]
    keys: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        if len(self.rows) > MAX_ROWS:
            raise SourceError(f"{len(self.rows):,} rows are too many", where=self.where,
                              fix=f"give a part of the grid, {MAX_ROWS:,} rows a table at most")  # fmt: skip

    def __len__(self) -> int:
        return len(self.rows)

    def where_row(self, row: int, column: str) -> str:
        """Where a cell is, for messages."""
        key = self.keys[row] if row < len(self.keys) else f"row {row + 1}"
        return f"{self.where}, {key}, column {column}"

    def pick(self, rows: Sequence[bool] | Flags) -> Table:
        """The rows where `rows` is true."""
        chosen = [at for at, yes in enumerate(rows) if yes]
        keys = [self.keys[at] for at in chosen] if self.keys else ()
        return Table(self.where, [self.rows[at] for at in chosen], keys)

    def has(self, column: str) -> bool:
        """Whether any row has a value there."""
        return any(not _missing(row.get(column)) for row in self.rows)

    def numbers(self, column: str, default: float = REQUIRED, *, endless: bool = False) -> Floats:
        """A column of finite numbers; infinity too where it may be `endless`."""
        return np.array([self.number(at, column, default, endless) for at in range(len(self))], np.float64)

    def whole(self, column: str, default: int = REQUIRED) -> Rows:
        """A column of whole numbers (2.0 is one)."""
        return np.array([self._whole(at, column, default) for at in range(len(self))], np.int32)

    def flags(self, column: str, default: bool = REQUIRED) -> Flags:
        """A column of yes and no: true, 1, "true" and their opposites."""
        return np.array([self._flag(at, column, default) for at in range(len(self))], np.bool_)

    def texts(self, column: str, default: str = REQUIRED) -> list[str]:
        """A column of texts; numbers are written out."""
        return [self._text(at, column, default) for at in range(len(self))]

    def rows_of(self, column: str, row: Mapping[Any, int], what: str) -> Rows:
        """A column that names rows of another table. Args: row: by key. what: that table's, for messages."""
        found = []
        for at, one in enumerate(self.rows):
            key = one.get(column)
            if isinstance(key, float) and key.is_integer():
                key = int(key)
            if not isinstance(key, str | int) or key not in row:
                raise SourceError(f"there is no {what} {_shown(key)}", where=self.where_row(at, column),
                                  fix=f"name a {what} of the file")  # fmt: skip
            found.append(row[key])
        return np.array(found, np.int32)

    def number(self, at: int, column: str, default: float = REQUIRED, endless: bool = False) -> float:
        """One cell of a column of numbers."""
        value = self.rows[at].get(column)
        if _missing(value):
            return float(self._required(at, column, default))
        if isinstance(value, str):
            value = _parsed(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise self._wrong(at, column, "no number", "a number")
        if (math.isinf(value) and not endless) or (math.isfinite(value) and abs(value) > LARGEST):
            raise self._wrong(at, column, "a number beyond all bounds", "a finite number")
        return float(value)

    def _whole(self, at: int, column: str, default: int) -> int:
        value = self.number(at, column, default)
        if not value.is_integer() or abs(value) > MAX_WHOLE:
            raise self._wrong(at, column, "no whole number", "a whole number")
        return int(value)

    def _flag(self, at: int, column: str, default: bool) -> bool:
        value = self.rows[at].get(column)
        if _missing(value):
            return bool(self._required(at, column, default))
        text = str(value).strip().lower() if isinstance(value, str | bool | int | float) else ""
        text = text.removesuffix(".0")
        if text in TRUE or text in FALSE:
            return text in TRUE
        raise self._wrong(at, column, "neither yes nor no", "1 or 0")

    def _text(self, at: int, column: str, default: str) -> str:
        value = self.rows[at].get(column)
        if _missing(value):
            return str(self._required(at, column, default))
        if not isinstance(value, str | int | float) or isinstance(value, bool) or len(str(value)) > MAX_NAME:
            raise self._wrong(at, column, "no text", f"a text of {MAX_NAME} characters at most")
        return str(value)

    def _required(self, at: int, column: str, default: Any) -> Any:
        if default is REQUIRED:
            raise self._wrong(at, column, "nothing", "a value")
        return default

    def _wrong(self, at: int, column: str, found: str, wanted: str) -> SourceError:
        return SourceError(f"there is {found}", where=self.where_row(at, column), fix=f"give {wanted}")


def _missing(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _parsed(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _shown(value: object) -> str:
    return str(value)[:40] if isinstance(value, str | int | float) else "of that kind"


def unique(names: Sequence[str], notes: list[str], what: str) -> tuple[str, ...]:
    """Names made different: the second of one name is called "… (2)". What was changed is noted.

    >>> unique(["a", "b", "a", ""], notes := [], "line")
    ('a', 'b', 'a (2)', 'line 4')
    >>> notes
    ['2 lines had no name or that of another and were given one']
    """
    taken, found, changed = set(names), list[str](), 0
    count: dict[str, int] = {}
    used: set[str] = set()
    for at, name in enumerate(names):
        wanted = name
        if not wanted.strip() or wanted in used:
            changed += 1
            base = wanted if wanted.strip() else f"{what} {at + 1}"
            wanted = base
            while wanted in used or (wanted in taken and wanted != name) or not wanted.strip():
                count[base] = count.get(base, 1) + 1
                wanted = f"{base} ({count[base]})"
        used.add(wanted)
        found.append(wanted)
    if changed:
        notes.append(f"{counted(changed, what)} had no name or that of another and were given one")
    return tuple(found)


def counted(count: int, what: str) -> str:
    """How many of something.

    >>> counted(1, "line"), counted(2, "bus"), counted(3, "battery")
    ('1 line', '2 buses', '3 batteries')
    """
    if count == 1:
        return f"1 {what}"
    if what.endswith(("s", "ch")):
        return f"{count:,} {what}es"
    return f"{count:,} {what[:-1]}ies" if what.endswith("y") else f"{count:,} {what}s"


def joined(parts: Sequence[Any]) -> Any:
    """Tables of the model (`Lines`, `Units`) put after each other."""
    kind = type(parts[0])
    columns: dict[str, Any] = {}
    for name, first in vars(parts[0]).items():
        every = [getattr(part, name) for part in parts]
        columns[name] = sum(every, ()) if isinstance(first, tuple) else np.concatenate(every)
    return kind(**columns)


def read_bytes(path: Path) -> bytes:
    """A file, if it is there and not too large.

    Raises:
        SourceError: it cannot be read, or is larger than `MAX_BYTES`.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SourceError(f"the file is larger than {MAX_BYTES >> 20} MiB", where=path.name,
                              fix="leave profiles and results out")  # fmt: skip
        return path.read_bytes()
    except OSError as error:
        raise SourceError("the file cannot be read", where=str(path), fix=str(error.strerror)) from error


def decoded(body: bytes | str, where: str) -> Any:
    """JSON, as dictionaries and lists.

    How deep its parts lie is looked at first: a decoder that follows them down would use up the machine's stack.

    Raises:
        SourceError: it is none, or its parts lie too deep.
    """
    raw = body.encode() if isinstance(body, str) else body
    if _depth(raw) > DEEPEST:
        raise SourceError("the parts of this JSON lie too deep in each other", where=where, fix="save it anew")
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SourceError("this is no JSON", where=where, fix=str(error)[:100]) from error


def _depth(raw: bytes) -> int:
    """The deepest nesting of objects and lists, brackets in strings left out."""
    signs = np.frombuffer(_STRING.sub(b"", raw), np.uint8)
    opened = (signs == ord("[")) | (signs == ord("{"))
    closed = (signs == ord("]")) | (signs == ord("}"))
    return int(np.cumsum(opened.astype(np.int64) - closed).max(initial=0))


def mapping(value: object, where: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        SourceError: it is none.
    """
    if not isinstance(value, dict):
        raise SourceError("there is no JSON object", where=where, fix="give the file as it was saved")
    return value
