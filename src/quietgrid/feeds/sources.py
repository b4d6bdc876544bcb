"""Where a reporter looks: a CSV file that somebody keeps up to date, or a service that answers like Open-Meteo.

A reporter's `sources.toml` has one table a feed:

    [price]
    kind = "csv"
    file = "day-ahead.csv"            # .csv or .csv.gz; read again when it changes
    time = "time_utc"                 # a column of ISO times; UTC where they do not say
    column = "APX"
    unit = "EUR/MWh"
    where = { pid = "287" }           # only rows with these values

    [temperature]
    kind = "http"
    url = "https://api.open-meteo.com/v1/forecast?latitude=52.5&longitude=13.4&minutely_15=temperature_2m"
    block = "minutely_15"
    column = "temperature_2m"
    unit = "°C"

What holds at the start of an interval is the newest value not older than `hold_s`. `shift_s` and `repeat` are for
replays: a series of another year, moved by whole weeks and repeated from its start when it ends.

Privacy: nothing of a household is read; what is asked of a service is what the address says, no more.
"""

from __future__ import annotations

import csv
import gzip
import io
import time
import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path
from typing import Protocol, TextIO

import msgspec

from quietgrid.errors import ConfigError, NotFoundError, SourceError, UnavailableError
from quietgrid.feeds.web import check_address, exchange
from quietgrid.model.feed import FEEDS, Feed

WEEK_S = 7 * 86_400
MOST_FILE_BYTES = 512 << 20
UNITS: Mapping[str, Mapping[str, Decimal]] = {
    "price": {"EUR/MWh": Decimal(1_000), "EUR/kWh": Decimal(1_000_000)},
    "temperature": {"°C": Decimal(1_000)},
    "load": {"W": Decimal(1), "kW": Decimal(1_000), "MW": Decimal(1_000_000)},
    "carbon": {"g/kWh": Decimal(1), "kg/MWh": Decimal(1)},
}
"""Feed -> unit of a source -> what a value in it is multiplied with."""


class Source(Protocol):
    """One feed's values."""

    def value(self, at: int) -> Decimal:
        """What holds at a moment (Unix seconds), in the source's unit.

        Raises:
            NotFoundError: nothing holds then. SourceError, UnavailableError: it cannot be read.
        """


class CsvTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, tag_field="kind", tag="csv"):
    """A file, as `sources.toml` has it."""

    file: str
    column: str
    unit: str
    time: str = "time"
    where: dict[str, str] = {}
    hold_s: int = 3_600
    shift_s: int = 0
    repeat: bool = False


class HttpTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, tag_field="kind", tag="http"):
    """A service, as `sources.toml` has it."""

    url: str
    column: str
    unit: str
    block: str = "hourly"
    hold_s: int = 3_600
    keep_s: int = 300


@dataclass(frozen=True, slots=True)
class Series:
    """Times (Unix seconds, ascending) and values."""

    times: list[int]
    values: list[Decimal]

    def at(self, moment: int, hold_s: int, where: str) -> Decimal:
        """The newest value at a moment that is not older than `hold_s`."""
        place = bisect_right(self.times, moment) - 1
        if place < 0 or moment - self.times[place] > hold_s:
            raise NotFoundError("the source has no value for this interval", where=where, fix="bring it up to date")
        return self.values[place]


@dataclass
class CsvSource:
    """Values of one column of a file, which is read again when it changes.

    Args:
        table: see there. folder: that a relative file name is in.
    """

    table: CsvTable
    folder: Path = Path()
    _stamp: tuple[int, int] = (0, 0)
    _series: Series = field(default_factory=lambda: Series([], []))

    def value(self, at: int) -> Decimal:
        """See `Source`."""
        path = self.folder / self.table.file
        try:
            found = path.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            if stamp != self._stamp:
                self._series = _read(path, self.table)
                self._stamp = stamp
        except (OSError, EOFError, UnicodeDecodeError) as error:
            raise SourceError("the source's file cannot be read", where=str(path), fix="check the path") from error
        moment, times = at + self.table.shift_s, self._series.times
        span = (times[-1] - times[0]) // WEEK_S * WEEK_S if times else 0
        if self.table.repeat and span:
            moment = times[0] + (moment - times[0]) % span
        return self._series.at(moment, self.table.hold_s, path.name)


@dataclass
class HttpSource:
    """Values of a service that answers ``{block: {"time": [...], column: [...]}, block + "_units": {column: unit}}``.

    Args:
        table: see there.
    """

    table: HttpTable
    _asked: float = float("-inf")
    _series: Series = field(default_factory=lambda: Series([], []))

    def __post_init__(self) -> None:
        check_address(self.table.url)

    def value(self, at: int) -> Decimal:
        """See `Source`."""
        if time.monotonic() - self._asked > self.table.keep_s:
            self._series = self._parsed(exchange(self.table.url))
            self._asked = time.monotonic()
        return self._series.at(at, self.table.hold_s, self.table.column)

    def _parsed(self, said: object) -> Series:
        table = self.table
        try:
            assert isinstance(said, dict)
            block, units = said[table.block], said.get(f"{table.block}_units", {})
            if units.get(table.column, table.unit) != table.unit:
                raise SourceError(
                    f"the service counts in {units[table.column]}, not {table.unit}", where=table.column,
                    fix="correct the unit",
                )  # fmt: skip
            offset = int(said.get("utc_offset_seconds", 0))
            pairs = [(t, v) for t, v in zip(block["time"], block[table.column], strict=True) if v is not None]
            return _series((_unix(str(t), offset), Decimal(str(v))) for t, v in pairs)
        except (AssertionError, KeyError, TypeError, AttributeError, ValueError, InvalidOperation) as error:
            raise UnavailableError(
                "the service answers in another form", where=table.column, fix="check block and column"
            ) from error


def read_sources(path: Path) -> dict[str, tuple[Source, str]]:
    """A reporter's sources: feed -> source and its unit.

    Raises:
        ConfigError: the file cannot be used; says why.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        tables = msgspec.convert(found, dict[str, CsvTable | HttpTable])
    except OSError as error:
        raise ConfigError("there is no file of sources", where=str(path), fix="write one; see `docs`") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"the sources cannot be used: {error}", where=str(path), fix="correct the file") from error
    for name, table in tables.items():
        if name not in FEEDS:
            raise ConfigError(f"there is no feed {name[:40]!r}", where=str(path), fix="one of: " + ", ".join(FEEDS))
        if table.unit not in UNITS[name]:
            fix = "one of: " + ", ".join(UNITS[name])
            raise ConfigError(f"{name} cannot be read in {table.unit[:20]!r}", where=str(path), fix=fix)
    return {
        name: (CsvSource(t, path.parent) if isinstance(t, CsvTable) else HttpSource(t), t.unit)
        for name, t in tables.items()
    }


def as_answer(feed: Feed, value: Decimal, unit: str) -> int:
    """A source's value as the feed counts.

    >>> from quietgrid.model.feed import feed_named
    >>> as_answer(feed_named("price"), Decimal("82.3"), "EUR/MWh")
    82300
    """
    return int((value * UNITS[feed.name][unit]).quantize(Decimal(1), ROUND_HALF_EVEN))


def _read(path: Path, table: CsvTable) -> Series:
    if path.stat().st_size > MOST_FILE_BYTES:
        raise SourceError("the source's file is too large", where=str(path), fix="cut it into years")
    with _opened(path) as file:
        rows = csv.reader(file)
        head = next(rows, [])
        wanted = [table.time, table.column, *table.where]
        lost = [name for name in wanted if name not in head]
        if lost:
            raise SourceError(
                f"there is no column {lost[0]!r}", where=str(path), fix="one of: " + ", ".join(head)[:200]
            )
        at, value = head.index(table.time), head.index(table.column)
        only = [(head.index(name), text) for name, text in table.where.items()]
        try:
            return _series(
                (_unix(row[at], 0), Decimal(row[value]))
                for row in rows
                if row and row[value] and all(row[place] == text for place, text in only)
            )
        except (ValueError, InvalidOperation, IndexError) as error:
            where = f"{path}:{rows.line_num}"
            raise SourceError("a line cannot be read", where=where, fix="ISO times and plain numbers") from error


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.GzipFile(path), encoding="utf-8", newline="")
    return open(path, encoding="utf-8", newline="")


def _series(pairs: Iterable[tuple[int, Decimal]]) -> Series:
    """In order of time; of two values for one moment the later one holds; what is no number is left out."""
    found = {moment: value for moment, value in pairs if value.is_finite()}
    times = sorted(found)
    return Series(times, [found[moment] for moment in times])


def _unix(text: str, offset_s: int) -> int:
    found = datetime.fromisoformat(text)
    return int(found.timestamp()) if found.tzinfo else int(found.replace(tzinfo=UTC).timestamp()) - offset_s
