"""Tariffs: what is refused, round trips, versions."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.billing import default_tariffs
from quietgrid.errors import InputError
from quietgrid.model.tariff import ALL_HOURS, Band, Block, Tariff, TariffKind, version_for
from quietgrid.model.tariff_text import (
    format_hours,
    from_dict,
    from_json,
    parse_hours,
    tariffs_from_toml,
    tariffs_to_toml,
    to_dict,
    to_json,
)  # fmt: skip

FLAT, EVENING, THRIFT, SPOT = default_tariffs()
masks = st.lists(st.integers(0, 0xFFFFFF), min_size=7, max_size=7).filter(any)
prices = st.integers(-1_000_000, 1_000_000_000)
names = st.text(min_size=1, max_size=20).filter(str.strip)


@st.composite
def tariffs(draw: st.DrawFn) -> Tariff:
    """Any valid tariff, with awkward names."""
    kind = draw(st.sampled_from(TariffKind))
    hours = tuple(draw(masks))
    rest = tuple(0xFFFFFF & ~mask for mask in hours)
    split = any(rest) and kind is TariffKind.TIME_OF_USE
    first, second = draw(st.lists(names, min_size=2, max_size=2, unique=True))
    bands = (
        (Band(first, draw(prices), hours), Band(second, draw(prices), rest)) if split else (Band(first, draw(prices)),)
    )
    blocks = (Block(draw(st.integers(1, 10**9)), draw(prices)), Block(None, draw(prices)))
    return Tariff(
        draw(names), draw(st.integers(1, 99)), "EUR", kind, "Europe/Berlin", draw(st.dates()),
        () if kind is TariffKind.BLOCK else bands, blocks if kind is TariffKind.BLOCK else (),
        draw(st.sampled_from([(), (Band(first, 5),)])), draw(st.integers(0, 10**9)), draw(st.integers(0, 10_000)),
        feed=draw(names) if kind is TariffKind.REAL_TIME else "", title=draw(st.sampled_from(["", "Ätna \x7f\"'\\"])),
    )  # fmt: skip


@given(tariffs())
def test_json_and_toml_round_trips(tariff: Tariff) -> None:
    assert from_json(to_json(tariff)) == tariff
    assert tariffs_from_toml(tariffs_to_toml([tariff])) == [tariff]
    assert from_dict(to_dict(tariff)) == tariff


@given(masks)
def test_hours_round_trip(hours: list[int]) -> None:
    assert parse_hours(format_hours(hours)) == tuple(hours)


@pytest.mark.parametrize(
    "line", ["Mon 5", "Mon-Fri 17-25", "Fri-Mon 1-2", "Day 1-2", "daily 3-3", "daily 24-3", "", "daily a-b"]
)
def test_hours_that_make_no_sense_are_refused(line: str) -> None:
    with pytest.raises(InputError, match="cannot read the hours"):
        parse_hours([line])


def test_over_midnight_stays_in_the_listed_days() -> None:
    assert parse_hours(["Sat 23-1"]) == (0, 0, 0, 0, 0, 1 << 23 | 1, 0)


GAP = (Band("a", 1, (0xFFFFFE,) * 7),)
TWICE = (Band("a", 1), Band("b", 1, (1,) * 7))


@pytest.mark.parametrize(
    ("base", "change", "what"),
    [
        (FLAT, {"name": " "}, "needs a name"),
        (FLAT, {"version": 0}, "from 1"),
        (FLAT, {"currency": "euro"}, "currency code"),
        (FLAT, {"tz": "Europe/Nowhere"}, "time zone"),
        (FLAT, {"vat_bp": 10_001}, "vat_bp"),
        (FLAT, {"export_vat_bp": -1}, "export_vat_bp"),
        (FLAT, {"standing_micro_per_day": 1.5}, "standing"),
        (FLAT, {"standing_micro_per_day": True}, "standing"),
        (FLAT, {"bands": ()}, "bands is empty"),
        (FLAT, {"bands": (Band("", 1),)}, "without a name"),
        (FLAT, {"bands": (Band("a", 1), Band("a", 2))}, "two bands of one name"),
        (FLAT, {"bands": (Band("a", 2_000_000_000),)}, "whole number in range"),
        (FLAT, {"bands": (Band("a", 1, (1, 2)),)}, "seven 24-bit masks"),
        (FLAT, {"bands": (Band("a", 1, (0,) * 7),)}, "some hour"),
        (FLAT, {"bands": EVENING.bands}, "has one band"),
        (FLAT, {"feed": "x"}, "feed belongs"),
        (FLAT, {"blocks": THRIFT.blocks}, "only a block tariff"),
        (EVENING, {"bands": GAP}, "do not cover Mon exactly once"),
        (EVENING, {"bands": TWICE}, "do not cover Mon exactly once"),
        (EVENING, {"export_bands": GAP}, "export_bands do not cover"),
        (SPOT, {"feed": ""}, "feed belongs"),
        (THRIFT, {"bands": FLAT.bands}, "has no bands"),
        (THRIFT, {"blocks": ()}, "needs blocks"),
        (THRIFT, {"blocks": (Block(5, 1),)}, "no bound"),
        (THRIFT, {"blocks": (Block(None, 1), Block(None, 1))}, "no bound"),
        (THRIFT, {"blocks": (Block(9, 1), Block(5, 1), Block(None, 1))}, "do not rise"),
        (THRIFT, {"blocks": (Block(0, 1), Block(None, 1))}, "do not rise"),
        (THRIFT, {"blocks": (Block(None, -2_000_000_000),)}, "a block"),
    ],
)
def test_broken_tariffs_are_refused(base: Tariff, change: dict[str, Any], what: str) -> None:
    with pytest.raises(InputError, match=what) as caught:
        replace(base, **change)
    assert caught.value.fix


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "x"}', '{"nam": "x"}', '{"kind": "gift"}'])
def test_broken_json_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        from_json(text)


@pytest.mark.parametrize("field", ["name", "bands", "valid_from", "kind", "blocks", "export_bands", "tz", "version"])
@pytest.mark.parametrize("value", [5, None, ["x"], [{}], "x", {"a": 1}])
def test_wrong_types_are_refused(field: str, value: object) -> None:
    data = {**to_dict(EVENING), field: value}
    if (field, value) in (("name", "x"), ("version", 5)):
        assert getattr(from_dict(data), field) == value
        return
    with pytest.raises(InputError):
        from_dict(data)


def test_toml_with_a_version_twice_or_no_list_is_refused() -> None:
    with pytest.raises(InputError, match="given twice"):
        tariffs_from_toml(tariffs_to_toml([FLAT, FLAT]))
    with pytest.raises(InputError, match="not TOML"):
        tariffs_from_toml("[[")
    with pytest.raises(InputError, match="not a list"):
        tariffs_from_toml("tariff = 3")


def test_the_version_that_holds_on_a_day() -> None:
    newer = replace(FLAT, version=2, valid_from=date(2026, 4, 1))
    every = [newer, FLAT, EVENING]
    assert version_for(every, "flat", date(2026, 3, 31)) is FLAT
    assert version_for(every, "flat", date(2026, 4, 1)) is newer
    with pytest.raises(InputError, match="known versions: flat from"):
        version_for(every, "flat", date(2001, 1, 1))
    with pytest.raises(InputError, match="none"):
        version_for(every, "gone", date(2026, 1, 1))


def test_labels_are_for_people() -> None:
    assert FLAT.label == "Steady 1"
    assert replace(FLAT, title="").label == "flat 1"
    assert THRIFT.import_bands[0].hours == ALL_HOURS
