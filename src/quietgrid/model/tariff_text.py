"""Tariffs as text: hours in words, plain values, JSON and TOML, all of them round trips."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

from quietgrid.errors import InputError
from quietgrid.model.tariff import ALL_HOURS, WEEKDAYS, Band, Block, Tariff, TariffKind


def to_dict(tariff: Tariff) -> dict[str, Any]:
    """Plain values, hours as text; the form of JSON and TOML. Empty fields are left out."""
    out: dict[str, Any] = {
        "name": tariff.name, "title": tariff.title, "version": tariff.version, "currency": tariff.currency,
        "kind": str(tariff.kind),
        "tz": tariff.tz, "valid_from": tariff.valid_from.isoformat(), "feed": tariff.feed,
        "standing_micro_per_day": tariff.standing_micro_per_day, "vat_bp": tariff.vat_bp,
        "export_vat_bp": tariff.export_vat_bp,
        "bands": [_band_dict(band) for band in tariff.bands],
        "blocks": [_block_dict(block) for block in tariff.blocks],
        "export_bands": [_band_dict(band) for band in tariff.export_bands],
    }  # fmt: skip
    return {key: value for key, value in out.items() if value not in ("", [])}


def from_dict(data: Mapping[str, Any]) -> Tariff:
    """The tariff in plain values, or `InputError` naming the field."""
    where = f"tariff {data.get('name', '?')}"
    known = {field.name for field in fields(Tariff)}
    if extra := sorted(set(data) - known):
        raise InputError(f"no such field: {', '.join(extra)}", where=where, fix=f"known: {', '.join(sorted(known))}")
    try:
        values = dict(data)
        values["kind"] = TariffKind(values["kind"])
        values["valid_from"] = date.fromisoformat(str(values["valid_from"]))
        values["bands"] = tuple(_band_of(band) for band in values.get("bands", ()))
        values["export_bands"] = tuple(_band_of(band) for band in values.get("export_bands", ()))
        values["blocks"] = tuple(
            Block(block.get("upto_wh"), block["price_micro_per_kwh"]) for block in values.get("blocks", ())
        )
        return Tariff(**values)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"a field is missing or broken: {error}", where=where, fix="see billing/defaults.toml for the form"
        ) from error


def to_json(tariff: Tariff) -> str:
    """One JSON object."""
    return json.dumps(to_dict(tariff), ensure_ascii=False, indent=2)


def from_json(text: str) -> Tariff:
    """The tariff in one JSON object, or `InputError`."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error}", where="tariff", fix="check the text") from error
    if not isinstance(data, dict):
        raise InputError("not a JSON object", where="tariff", fix="give one object a tariff")
    return from_dict(data)


def parse_hours(lines: Iterable[str]) -> tuple[int, ...]:
    """Seven masks from lines such as ``Mon-Fri 17-21`` or ``daily 23-6`` (an end before the start goes over midnight,
    into the hours 0.. of the *same* listed days).

    >>> [hex(m) for m in parse_hours(["Mon-Fri 17-20", "Sat,Sun 0-24"])][4:]
    ['0xe0000', '0xffffff', '0xffffff']
    """
    masks = [0] * 7
    for line in lines:
        try:
            days, hours = line.split()
            first, end = (int(part) for part in hours.split("-"))
            if not (0 <= first <= 23 and 0 <= end <= 24) or first == end:
                raise ValueError("hours go from 0 to 24")
            span = range(first, end) if first < end else (*range(first, 24), *range(end))
            mask = sum(1 << hour for hour in span)
            for day in _parse_days(days):
                masks[day] |= mask
        except ValueError as error:
            raise InputError(
                f"cannot read the hours {line!r}", where="tariff band", fix="write them as 'Mon-Fri 17-21'"
            ) from error
    return tuple(masks)


def _parse_days(text: str) -> list[int]:
    if text == "daily":
        return list(range(7))
    days: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        a, b = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        if b < a:
            raise ValueError("days run from Mon to Sun")
        days += range(a, b + 1)
    return days


def format_hours(masks: Sequence[int]) -> list[str]:
    """The lines that `parse_hours` reads back, equal days joined.

    >>> format_hours(parse_hours(["Mon-Fri 17-20", "Sat,Sun 0-24"]))
    ['Mon-Fri 17-20', 'Sat-Sun 0-24']
    """
    lines: list[str] = []
    day = 0
    while day < 7:
        last = day
        while last + 1 < 7 and masks[last + 1] == masks[day]:
            last += 1
        if (day, last) == (0, 6):
            name = "daily"
        else:
            name = WEEKDAYS[day] if day == last else f"{WEEKDAYS[day]}-{WEEKDAYS[last]}"
        lines += [f"{name} {first}-{end}" for first, end in _runs(masks[day])]
        day = last + 1
    return lines


def _runs(mask: int) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for hour in range(24):
        if mask >> hour & 1:
            if runs and runs[-1][1] == hour:
                runs[-1] = (runs[-1][0], hour + 1)
            else:
                runs.append((hour, hour + 1))
    return runs


def _band_dict(band: Band) -> dict[str, Any]:
    out: dict[str, Any] = {"name": band.name, "price_micro_per_kwh": band.price_micro_per_kwh}
    if band.hours != ALL_HOURS:
        out["hours"] = format_hours(band.hours)
    return out


def _block_dict(block: Block) -> dict[str, Any]:
    bound = {} if block.upto_wh is None else {"upto_wh": block.upto_wh}
    return {**bound, "price_micro_per_kwh": block.price_micro_per_kwh}


def _band_of(data: Mapping[str, Any]) -> Band:
    hours = parse_hours(data["hours"]) if "hours" in data else ALL_HOURS
    return Band(data["name"], data["price_micro_per_kwh"], hours)


def _toml_value(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    return str(value)


def tariffs_to_toml(tariffs: Iterable[Tariff]) -> str:
    """Tariffs as TOML, one ``[[tariff]]`` each."""
    lines: list[str] = []
    for tariff in tariffs:
        data = to_dict(tariff)
        tables = {key: data.pop(key) for key in ("bands", "blocks", "export_bands") if key in data}
        lines.append("[[tariff]]")
        lines += [f"{key} = {_toml_value(value)}" for key, value in data.items()]
        for key, rows in tables.items():
            for row in rows:
                lines.append(f"[[tariff.{key}]]")
                lines += [f"{name} = {_toml_value(value)}" for name, value in row.items()]
        lines.append("")
    return "\n".join(lines)


def tariffs_from_toml(text: str) -> list[Tariff]:
    """The tariffs of a TOML text; `InputError` names what is wrong.

    Two entries of one name and version contradict each other and are refused.
    """
    try:
        rows = tomllib.loads(text).get("tariff", [])
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"not TOML: {error}", where="tariffs", fix="check the line") from error
    if not isinstance(rows, list):
        raise InputError("tariffs are not a list", where="tariffs", fix="start each with [[tariff]]")
    tariffs = [from_dict(row) for row in rows]
    labels = [(tariff.name, tariff.version) for tariff in tariffs]
    if len(set(labels)) != len(labels):
        raise InputError("a tariff version is given twice", where="tariffs", fix="count the version up")
    return tariffs
