"""`members.csv`: who is in the community, read with a preview of *every* error, not just the first.

One row a meter: ``name, kind, feeder, connection_kw, tariff, meter serial, registers``. A home with two meters has two
rows with the same name. Comma or semicolon, decimal point or comma, with or without quotes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from quietgrid.errors import InputError
from quietgrid.model.party import PartyKind
from quietgrid.model.readings import EXPORT, IMPORT
from quietgrid.wire.series.table import read_bytes

COLUMNS = ("name", "kind", "feeder", "connection_kw", "tariff", "meter serial", "registers")
REGISTERS = {"import": 1 << IMPORT, "export": 1 << EXPORT}
FLOOR, AIM = 15, 30
"""Homes a leaf needs for any total, and those it should have (PROTOCOL A: k and 2k)."""
LARGEST_SHARE_PERCENT = 15
LONGEST = 120
MOST_KW = 10_000
WRONG = {
    "kind": ("is none", f"use {', '.join(PartyKind)}"),
    "connection_kw": ("is no power", f"kilowatts above 0 and up to {MOST_KW}, at most three decimals"),
    "registers": ("are not known", "use import or import+export"),
}


@dataclass(frozen=True, slots=True)
class Member:
    """One row: a meter of a home.

    Args:
        line: In the file. name: of the home, as on the contract. connection_w: certified capacity of the home.
        serial: Of the meter. registers: bitmap of those it is certified for, 1 import, 3 import and export.
    """

    line: int
    name: str
    kind: PartyKind
    feeder: str
    connection_w: int
    tariff: str
    serial: str
    registers: int


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in one place, and what would be right."""

    line: int
    column: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.column}: {self.what} – {self.fix}"


@dataclass(frozen=True, slots=True)
class Feeder:
    """What the privacy floor means for one feeder section as it stands in the file.

    Args:
        homes: Distinct homes. exporters: those with an export register.
        largest_percent: Share of the home with the largest connection, rounded up.
        notes: In words; empty if the section is as it should be.
    """

    name: str
    homes: int
    exporters: int
    largest_percent: int
    notes: tuple[str, ...]

    @property
    def below_floor(self) -> bool:
        """No total of this section can ever be shown."""
        return self.homes < FLOOR

    @property
    def below_aim(self) -> bool:
        """Totals can be shown, but a faulty meter cannot be looked for in halves."""
        return self.homes < AIM


@dataclass(frozen=True)
class Preview:
    """What importing a member file would do.

    Args:
        members: The rows without any problem. problems: all problems, in file order.
        feeders: All sections of those members, in order of appearance.
    """

    members: tuple[Member, ...]
    problems: tuple[Problem, ...]
    feeders: tuple[Feeder, ...]

    def accepted(self) -> tuple[Member, ...]:
        """The members, if there is no problem at all.

        Raises:
            InputError: naming every problem.
        """
        if self.problems:
            raise InputError(
                f"{len(self.problems)} problems: " + "; ".join(str(problem) for problem in self.problems),
                where="members",
                fix="correct these lines; nothing was imported",
            )
        return self.members


def read_members(source: Path | bytes, tariffs: Collection[str] = ()) -> Preview:
    """Read a member file.

    Args:
        source: A path, or the bytes of an upload. tariffs: names that exist; any name will do without.

    Raises:
        SourceError: there is no such file.
    """
    data = read_bytes(source) if isinstance(source, Path) else source.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Preview((), (Problem(line, "(file)", "the text is not UTF-8", "save it as CSV UTF-8"),), ())
    first = text.split("\n", 1)[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    header = [_folded(name) for name in next(rows, [])]
    problems = _header_problems(header)
    if problems:
        return Preview((), tuple(problems), ())
    at = {name: header.index(_folded(name)) for name in COLUMNS}
    parsed: list[tuple[int, dict[str, object]]] = []
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                what = f"{len(row)} fields instead of {len(header)}"
                problems.append(Problem(rows.line_num, "(row)", what, "check commas and quotes"))
                continue
            values, found = _row(
                rows.line_num, {name: " ".join(row[column].split()) for name, column in at.items()}, tariffs
            )
            parsed.append((rows.line_num, values))
            problems += found
    except csv.Error:
        problems.append(Problem(rows.line_num, "(row)", "this is not CSV", "check quotes"))
    if not parsed and not problems:
        problems.append(Problem(1, "(file)", "there is no member", "give one row a meter"))
    problems += _across(parsed)
    problems.sort(key=lambda problem: problem.line)
    broken = {problem.line for problem in problems}
    good = tuple(_member(line, values) for line, values in parsed if line not in broken)
    return Preview(good, tuple(problems), tuple(feeder_report(good)))


def write_members(members: Iterable[Member]) -> str:
    """Members as the text of a `members.csv`, lines as given.

    >>> one = Member(2, "Mill Lane 2", PartyKind.RESIDENTIAL, "Mill Lane", 14_500, "flat", "QG-32", 3)
    >>> print(write_members([one]), end="")
    name,kind,feeder,connection_kw,tariff,meter serial,registers
    Mill Lane 2,residential,Mill Lane,14.5,flat,QG-32,import+export
    """
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(COLUMNS)
    for m in members:
        registers = "+".join(name for name, bit in REGISTERS.items() if m.registers & bit)
        kilowatts = f"{Decimal(m.connection_w) / 1000:f}"
        rows.writerow([m.name, m.kind.value, m.feeder, kilowatts, m.tariff, m.serial, registers])
    return out.getvalue()


def feeder_report(members: Iterable[Member]) -> list[Feeder]:
    """The sections of some members, checked against the floor, the aim and the largest share."""
    sections: dict[str, dict[str, tuple[int, int]]] = {}
    for member in members:
        homes = sections.setdefault(member.feeder, {})
        registers = homes.get(member.name, (0, 0))[0] | member.registers
        homes[member.name] = (registers, member.connection_w)
    return [_feeder(name, homes) for name, homes in sections.items()]


def _feeder(name: str, homes: dict[str, tuple[int, int]]) -> Feeder:
    exporters = sum(bool(registers & REGISTERS["export"]) for registers, _ in homes.values())
    watts = [w for _, w in homes.values()]
    share = -(-100 * max(watts) // sum(watts))
    notes = []
    if len(homes) < FLOOR:
        notes.append(f"{len(homes)} homes, the floor is {FLOOR}: no total can be shown; join it with its neighbour")
    elif len(homes) < AIM:
        notes.append(f"{len(homes)} homes, aim at {AIM}: one faulty meter cannot be looked for in two halves")
    if 0 < exporters < FLOOR:
        notes.append(f"{exporters} homes can export, the floor is {FLOOR}: only import minus export can be shown")
    if 100 * max(watts) > LARGEST_SHARE_PERCENT * sum(watts) and len(homes) >= FLOOR:
        notes.append(f"one home has {share} % of the certified power, {LARGEST_SHARE_PERCENT} % are allowed: move it")
    return Feeder(name, len(homes), exporters, share, tuple(notes))


def _folded(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())


def _header_problems(header: list[str]) -> list[Problem]:
    wanted = [_folded(name) for name in COLUMNS]
    problems = [
        Problem(1, name, "this column is missing", f"the columns are {', '.join(COLUMNS)}")
        for name in COLUMNS
        if _folded(name) not in header
    ]
    for column in dict.fromkeys(header):
        if header.count(column) > 1:
            problems.append(Problem(1, column or "(empty)", "this column is there twice", "remove one"))
        elif column not in wanted:
            problems.append(Problem(1, column or "(empty)", "nothing knows this column", "remove it"))
    return problems


def _row(line: int, cells: dict[str, str], tariffs: Collection[str]) -> tuple[dict[str, object], list[Problem]]:
    """The values of one row, without those that are wrong, and all that is wrong with it."""
    values: dict[str, object] = {
        "connection_kw": _watts(cells["connection_kw"]),
        "registers": _registers(cells["registers"]),
        "kind": next((kind for kind in PartyKind if kind.value == cells["kind"].casefold()), None),
    }
    problems: list[Problem] = []
    for column in ("name", "feeder", "tariff", "meter serial"):
        text = cells[column]
        values[column] = text or None
        if not text:
            problems.append(Problem(line, column, "is empty", "fill it in"))
        elif len(text) > LONGEST or not text.isprintable():
            what = "is too long or holds characters that cannot be printed"
            problems.append(Problem(line, column, what, f"at most {LONGEST} characters"))
    if tariffs and cells["tariff"] and cells["tariff"] not in tariffs:
        what = f"no tariff is called {cells['tariff'][:40]!r}"
        problems.append(Problem(line, "tariff", what, f"use {', '.join(sorted(tariffs))}"))
    for column, (what, fix) in WRONG.items():
        if values[column] is None:
            problems.append(Problem(line, column, what, fix))
    return {column: value for column, value in values.items() if value is not None}, problems


def _member(line: int, values: dict[str, object]) -> Member:
    """The member of a row without problems."""
    ordered = [values[column] for column in COLUMNS]
    return Member(line, *ordered)  # type: ignore[arg-type]


def _watts(text: str) -> int | None:
    try:
        watts = Decimal(text.replace(",", ".")) * 1000
    except InvalidOperation:
        return None
    if not watts.is_finite() or not 0 < watts <= MOST_KW * 1000 or watts != watts.to_integral_value():
        return None
    return int(watts)


def _registers(text: str) -> int | None:
    words = text.casefold().replace("+", " ").replace("/", " ").replace("|", " ").replace("&", " ").split()
    if not words or any(word not in REGISTERS for word in words) or len(set(words)) != len(words):
        return None
    bitmap = sum(REGISTERS[word] for word in words)
    return bitmap if bitmap & REGISTERS["import"] else None


def _across(rows: list[tuple[int, dict[str, object]]]) -> list[Problem]:
    """What is wrong between rows: a serial used twice, two rows of one home that contradict each other."""
    problems = []
    serials: dict[object, int] = {}
    homes: dict[object, dict[str, tuple[int, object]]] = {}
    for line, values in rows:
        if "meter serial" in values:
            seen = serials.setdefault(values["meter serial"], line)
            if seen != line:
                problems.append(Problem(line, "meter serial", f"is also on line {seen}", "give each meter its own"))
        home = homes.setdefault(values["name"], {}) if "name" in values else {}
        for column in ("kind", "feeder", "connection_kw", "tariff"):
            if column in values:
                at, said = home.setdefault(column, (line, values[column]))
                if said != values[column]:
                    what = f"is not what line {at} says of the same home"
                    problems.append(Problem(line, column, what, "give it the same, or another name"))
    return problems
