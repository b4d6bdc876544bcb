"""Registers: what goes in comes out, silence is silence, a map that cannot be is refused with its line."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.errors import InputError, SourceError
from quietgrid.model.grid import MeasuredKind, SetPointKind
from quietgrid.wire.telemetry.registers import COLUMNS, Form, Register, RegisterMap, read_map

HEAD = ",".join(COLUMNS)
MAP = f"""{HEAD}
alive,input,0,u16,,,,,,
measure,input,10,s32,high,head-w,Feeder 1,1,,14
measure,input,12,u16,,voltage-mv,Busbar,100,,
measure,input,13,s16,,frequency-millihz,,1/10,,
watchdog,holding,0,u16,,,,,,
set,holding,10,s16,,tap,Transformer,1,0,
set,holding,11,s32,low,storage-w,Feeder 1,10,0,
"""
FORMS: tuple[Form, ...] = ("u16", "s16", "u32", "s32")


@given(st.sampled_from(FORMS), st.booleans(), st.integers(-(1 << 33), 1 << 33), st.sampled_from([1, 10, 1000]))
def test_what_is_written_is_read(form: Form, low_first: bool, value: int, scale: int) -> None:
    register = Register("set", "holding", 0, form, low_first, SetPointKind.STORAGE_W, "", Fraction(scale))
    try:
        words = register.encode(value * scale)
    except InputError:
        bits = 16 * register.words
        low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if form[0] == "s" else (0, 1 << bits)
        nothing = low if form[0] == "s" else high - 1
        assert not low <= value < high or value == nothing, "a value that fits was refused"
        return
    assert all(0 <= word <= 0xFFFF for word in words)
    assert len(words) == register.words
    assert register.decode(words) == value * scale


def test_word_order_and_scale() -> None:
    assert Register("measure", "input", 0, "s32").decode([0x0001, 0x0002]) == 65_538
    assert Register("measure", "input", 0, "s32", low_first=True).decode([0x0001, 0x0002]) == 131_073
    assert Register("measure", "input", 0, "u16", scale=Fraction(100)).decode([4013]) == 401_300
    assert Register("measure", "input", 0, "s32", scale=Fraction(1, 10)).decode([0x0007, 0xA120]) == 50_000


@pytest.mark.parametrize("form", FORMS)
def test_a_silent_sensor_says_nothing(form: Form) -> None:
    register = Register("measure", "input", 0, form)
    assert register.decode(register.silent()) is None


def test_a_map_is_read_and_written(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text(MAP)
    found = read_map(path)
    head, voltage, frequency = found.of("measure")
    assert (head.kind, head.element, head.quality) == (MeasuredKind.HEAD_W, "Feeder 1", 14)
    assert voltage.scale == 100
    assert frequency.scale == Fraction(1, 10)
    assert found.of("set")[1].low_first
    assert found.blocks("input") == [range(0, 1), range(10, 15)]
    assert found.blocks("holding") == [range(0, 1), range(10, 13)]
    path.write_text(found.as_csv())
    assert read_map(path) == found


def test_a_long_run_is_asked_in_parts() -> None:
    table = RegisterMap(tuple(Register("measure", "input", 2 * n, element=str(n)) for n in range(200)))
    blocks = table.blocks("input")
    assert max(map(len, blocks)) <= 125
    assert sum(map(len, blocks)) == 400


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("measure,input,1,s32,high,head-kw,F,1,,", "head-kw"),
        ("measure,input,ten,s32,high,head-w,F,1,,", "ten"),
        ("measure,coil,1,s32,high,head-w,F,1,,", "coil"),
        ("measure,input,1,f32,high,head-w,F,1,,", "f32"),
        ("measure,input,1,s32,mixed,head-w,F,1,,", "mixed"),
        ("measure,input,1,s32,high,head-w,F,0,,", "scale of 0"),
        ("set,holding,1,s32,high,storage-w,F,1,,", "without a safe value"),
        ("steer,holding,1,s32,high,storage-w,F,1,0,", "steer"),
    ],
)
def test_a_line_that_cannot_be_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "map.csv"
    path.write_text(f"{HEAD}\n{line}\n")
    with pytest.raises(SourceError) as caught:
        read_map(path)
    assert said in caught.value.what
    assert caught.value.where.endswith("map.csv:2")


def test_two_values_in_one_place_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text(f"{HEAD}\nmeasure,input,1,s32,,head-w,F,1,,\nmeasure,input,2,u16,,tap,T,1,,\n")
    with pytest.raises(SourceError, match="two values in input register 2"):
        read_map(path)
    with pytest.raises(InputError, match="only holding"):
        RegisterMap((Register("set", "input", 0, kind=SetPointKind.TAP),))
