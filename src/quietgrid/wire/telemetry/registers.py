"""Which Modbus register says what: a plain table, read from CSV.

Addresses are those of the protocol, counted from 0 (documents that write 30001 or 40001 mean 0). Numbers of 32 bits are
two registers, the high word first unless `order` says ``low``. A register × `scale` is the value in the kind's unit.
A number that SunSpec calls "not implemented" (0x8000, 0xFFFF and their 32-bit likes) is a sensor that says nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, cast

from quietgrid.errors import InputError, SourceError
from quietgrid.model.grid import MeasuredKind, SetPointKind

What = Literal["measure", "set", "alive", "watchdog"]
Form = Literal["u16", "s16", "u32", "s32"]
COLUMNS = ("what", "table", "address", "form", "order", "kind", "element", "scale", "safe", "quality")
MOST_WORDS = 125
"""Registers a request may read (Modbus application protocol 1.1b3, 6.4)."""
_SAYS_NOTHING = {"u16": 0xFFFF, "s16": 0x8000, "u32": 0xFFFF_FFFF, "s32": 0x8000_0000}


@dataclass(frozen=True)
class Register:
    """One value in a device.

    Args:
        what: ``measure`` and ``set`` have kind and element. ``alive``: a counter that moves while the device measures.
            ``watchdog``: a counter that we move; when it stops, the device goes to its safe values by itself.
        table: ``input`` or ``holding``. address: of the first word. form: signed or not, 16 or 32 bits.
        low_first: the low word comes first. kind, element: what of what. scale: value of one, in the kind's unit.
        safe: what a set-point falls back to, in the kind's unit. quality: address of a register (same table) that is 0
            while the value is good; None: none.
    """

    what: What
    table: str
    address: int
    form: Form = "s32"
    low_first: bool = False
    kind: MeasuredKind | SetPointKind | None = None
    element: str = ""
    scale: Fraction = Fraction(1)
    safe: int = 0
    quality: int | None = None

    @property
    def words(self) -> int:
        """How many registers it takes."""
        return 2 if self.form.endswith("32") else 1

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.kind.value if self.kind else self.what} {self.element}".strip()

    def decode(self, words: Sequence[int]) -> int | None:
        """The value of raw words, in the kind's unit; None where the sensor says nothing.

        >>> Register("measure", "input", 0, "s32").decode([0xFFFF, 0xFFFE])
        -2
        """
        raw = self._number(words)
        if raw == _SAYS_NOTHING[self.form]:
            return None
        if self.form[0] == "s" and raw >= 1 << (16 * self.words - 1):
            raw -= 1 << 16 * self.words
        return round(raw * self.scale)

    def encode(self, value: int) -> list[int]:
        """The raw words of a value in the kind's unit.

        Raises:
            InputError: it does not fit.

        >>> Register("set", "holding", 0, "s16").encode(-2)
        [65534]
        """
        raw, bits = round(value / self.scale), 16 * self.words
        low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if self.form[0] == "s" else (0, 1 << bits)
        if not low <= raw < high or raw % (1 << bits) == _SAYS_NOTHING[self.form]:
            raise InputError("a value does not fit its register", where=self.name, fix="use 32 bits or another scale")
        raw %= 1 << bits
        words = [raw >> 16, raw & 0xFFFF] if self.words == 2 else [raw]
        return words[::-1] if self.low_first else words

    def silent(self) -> list[int]:
        """The raw words of a sensor that says nothing."""
        nothing = _SAYS_NOTHING[self.form]
        words = [nothing >> 16, nothing & 0xFFFF] if self.words == 2 else [nothing]
        return words[::-1] if self.low_first else words

    def _number(self, words: Sequence[int]) -> int:
        if len(words) != self.words:
            raise InputError(f"{len(words)} words", where=self.name, fix=f"give {self.words}")
        ordered = words[::-1] if self.low_first else words
        return ordered[0] << 16 | ordered[1] if self.words == 2 else ordered[0]


@dataclass(frozen=True)
class RegisterMap:
    """All registers of one device.

    Raises:
        InputError: two registers in one place, or one that is in the wrong table.
    """

    registers: tuple[Register, ...]

    def __post_init__(self) -> None:
        taken: dict[tuple[str, int], Register] = {}
        for register in self.registers:
            if register.what in ("set", "watchdog") and register.table != "holding":
                raise InputError("only holding registers can be written", where=register.name, fix="use `holding`")
            places = {register.address + n for n in range(register.words)}
            for place in places | ({register.quality} if register.quality is not None else set()):
                if not 0 <= place <= 0xFFFF:
                    raise InputError(f"there is no register {place}", where=register.name, fix="count from 0")
            for place in places:
                if (register.table, place) in taken:
                    other = taken[register.table, place].name
                    raise InputError(f"two values in {register.table} register {place}",
                                     where=f"{register.name} and {other}", fix="give each its own")  # fmt: skip
                taken[register.table, place] = register

    def of(self, what: What) -> tuple[Register, ...]:
        """The registers that are for this."""
        return tuple(register for register in self.registers if register.what == what)

    def blocks(self, table: str) -> list[range]:
        """Addresses to read of a table: runs without a gap (a device refuses what it does not have)."""
        wanted = set()
        for register in self.registers:
            if register.table == table:
                wanted |= {register.address + n for n in range(register.words)}
                wanted |= {register.quality} if register.quality is not None else set()
        found: list[range] = []
        for address in sorted(wanted):
            if found and found[-1].stop == address and len(found[-1]) < MOST_WORDS - 1:
                found[-1] = range(found[-1].start, address + 1)
            else:
                found.append(range(address, address + 1))
        return found

    def as_csv(self) -> str:
        """The table as `read_map` reads it."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for r in self.registers:
            order = "" if r.words == 1 else "low" if r.low_first else "high"
            kind, quality = r.kind.value if r.kind else "", "" if r.quality is None else r.quality
            safe = r.safe if r.what == "set" else ""
            writer.writerow([r.what, r.table, r.address, r.form, order, kind, r.element, r.scale, safe, quality])
        return out.getvalue()


def read_map(path: Path) -> RegisterMap:
    """The map in a CSV file.

    Raises:
        SourceError: it cannot be read, or a line cannot be used; with the line's number.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError("the register map cannot be read", where=str(path), fix="check the path") from error
    reader = csv.DictReader(io.StringIO(text), strict=True)
    if reader.fieldnames is None or set(reader.fieldnames) - set(COLUMNS) or "address" not in reader.fieldnames:
        raise SourceError("not a register map", where=f"{path}:1", fix=f"name the columns {','.join(COLUMNS)}")
    found = []
    for row in reader:
        try:
            found.append(_register({name: (text or "").strip() for name, text in row.items() if name}))
        except (ValueError, ZeroDivisionError, InputError) as error:
            said = error.what if isinstance(error, InputError) else str(error)
            where = f"{path}:{reader.line_num}"
            raise SourceError(f"a register cannot be used: {said}", where=where, fix="see the how-to") from error
    try:
        return RegisterMap(tuple(found))
    except InputError as error:
        raise SourceError(error.what, where=f"{path}: {error.where}", fix=error.fix) from error


def _register(row: Mapping[str, str]) -> Register:
    what, form, table = row["what"], row.get("form") or "s32", row.get("table") or "input"
    order = row.get("order") or "high"
    for given, allowed in (
        (what, ("measure", "set", "alive", "watchdog")), (form, tuple(_SAYS_NOTHING)), (table, ("input", "holding")),
        (order, ("high", "low")),
    ):  # fmt: skip
        if given not in allowed:
            raise InputError(f"{given!r} is none of {', '.join(allowed)}")
    kind: MeasuredKind | SetPointKind | None = None
    if what == "measure":
        kind = MeasuredKind(row.get("kind", ""))
    elif what == "set":
        kind = SetPointKind(row.get("kind", ""))
    scale = Fraction(row.get("scale") or "1")
    if scale == 0:
        raise InputError("a scale of 0")
    if what == "set" and not row.get("safe"):
        raise InputError("a set-point without a safe value")
    quality = row.get("quality") or ""
    return Register(
        cast(What, what), table, int(row["address"]), cast(Form, form), order == "low", kind, row.get("element", ""),
        scale, int(row.get("safe") or 0), int(quality) if quality else None,
    )  # fmt: skip
