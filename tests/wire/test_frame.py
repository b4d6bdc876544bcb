"""Frames: what is packed is what is parsed, byte by byte as PROTOCOL A says; everything else is a `FrameError`."""

from __future__ import annotations

import hashlib
import hmac
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.errors import FrameError
from quietgrid.model.interval import slots_per_day
from quietgrid.model.readings import register_list
from quietgrid.model.sealed import FrameHead
from quietgrid.wire import frame as wire

KEY = bytes(range(32))


@st.composite
def frames(draw: st.DrawFn) -> tuple[FrameHead, np.ndarray]:
    resolution = draw(st.sampled_from([900, 1800]))
    first = draw(st.integers(0, slots_per_day(resolution) - 1))
    count = draw(st.integers(1, slots_per_day(resolution) - first))
    registers = draw(st.integers(1, 7))
    u64 = st.integers(0, 2**64 - 1)
    day, version = draw(st.integers(0, 2**32 - 1)), draw(st.integers(0, 255))
    head = FrameHead(resolution, registers, day, draw(u64), draw(u64), first, count, version)
    seed = draw(st.integers(0, 2**32))
    shape = (len(register_list(registers)), count)
    return head, np.random.default_rng(seed).integers(0, 2**64, shape, np.uint64, endpoint=False)


def one(count: int = 4, registers: int = 0b11) -> tuple[FrameHead, np.ndarray, bytes]:
    head = FrameHead(900, registers, 20_000, 77, 5, 10, count, 0)
    body = np.arange(len(register_list(registers)) * count, dtype=np.uint64).reshape(-1, count)
    return head, body, wire.pack_frame(head, body, KEY)


@given(frames())
@settings(max_examples=100, deadline=None)
def test_what_is_packed_is_what_is_parsed(given_frame: tuple[FrameHead, np.ndarray]) -> None:
    head, body = given_frame
    data = wire.pack_frame(head, body, KEY)
    assert len(data) == wire.frame_size(head.registers, head.count)
    assert wire.parse_head(data) == head
    parsed = wire.parse_frames([data])
    assert np.array_equal(parsed.words.reshape(body.shape), body)
    assert wire.join_frame(head, body, data[-16:]) == data
    assert wire.split_frames(data * 3) == [data] * 3


def test_the_layout_is_that_of_the_protocol() -> None:
    _, body, data = one()
    expected = struct.pack("<BBBBIQQHHB3x", 1, 1, 0, 0b11, 20_000, 77, 5, 10, 4, 0) + body.astype("<u8").tobytes()
    assert data == expected + hmac.new(KEY, expected, hashlib.sha256).digest()[:16]


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_garbage_raises_frame_errors_and_nothing_else(data: bytes) -> None:
    for parse in (wire.parse_head, wire.parse_frames, wire.split_frames, lambda d: wire.parse_frames([d])):
        try:
            parse(data)
        except FrameError:
            continue
        assert parse in (wire.parse_frames, wire.split_frames)
        assert data == b""


def test_every_truncation_and_every_extension_is_refused() -> None:
    _, _, data = one()
    for size in range(len(data)):
        with pytest.raises(FrameError):
            wire.parse_head(data[:size])
    for more in (b"\0", bytes(8), bytes(16), data):
        with pytest.raises(FrameError):
            wire.parse_head(data + more)


@pytest.mark.parametrize(
    ("at", "value", "why"),
    [
        (0, 2, "format"), (1, 2, "suite"), (2, 2, "resolution"), (3, 0, "registers"), (3, 8, "registers"),
        (3, 0b11 | 0x80, "registers"), (24, 93, "slots outside"), (26, 0, "slots outside"), (29, 1, "padding"),
        (31, 9, "padding"), (26, 5, "length"), (3, 0b1, "length"),
    ],
)  # fmt: skip
def test_each_field_out_of_bounds_is_named(at: int, value: int, why: str) -> None:
    _, _, data = one()
    bad = bytearray(data)
    bad[at] = value
    with pytest.raises(FrameError, match=why):
        wire.parse_head(bytes(bad))


def test_half_hours_have_48_slots() -> None:
    head = FrameHead(1800, 1, 20_000, 1, 1, 40, 8, 0)
    wire.parse_head(wire.pack_frame(head, np.zeros((1, 8), np.uint64), KEY))
    too_many = FrameHead(1800, 1, 20_000, 1, 1, 41, 8, 0)
    with pytest.raises(FrameError, match="slots outside"):
        wire.pack_frame(too_many, np.zeros((1, 8), np.uint64), KEY)


@pytest.mark.parametrize(
    "change",
    [{"pid": 2**64}, {"seq": -1}, {"day": 2**32}, {"version": 256}, {"version": -1}, {"registers": 8}, {"first": -1},
     {"registers": 0x101}, {"resolution": 600}, {"count": 5}],
)  # fmt: skip
def test_heads_out_of_bounds_are_not_packed(change: dict[str, int]) -> None:
    head, body, _ = one()
    fields = {name: getattr(head, name) for name in FrameHead.__slots__} | change
    with pytest.raises(FrameError):
        wire.pack_frame(FrameHead(**fields), body, KEY)


def test_many_meters_at_once_equal_one_by_one() -> None:
    rng = np.random.default_rng(1)
    pids, seqs = rng.integers(0, 2**64, 7, np.uint64), np.arange(7, dtype=np.uint64)
    body = rng.integers(0, 2**64, (7, 2, 96), np.uint64)
    keys = [bytes([n]) * 32 for n in range(7)]
    packed = wire.pack_frames(FrameHead(900, 0b11, 20_000, 0, 0, 0, 96, 0), pids, seqs, body, keys)
    for n, data in enumerate(packed):
        head = FrameHead(900, 0b11, 20_000, int(pids[n]), n, 0, 96, 0)
        assert wire.parse_head(data) == head
        assert data == wire.pack_frame(head, body[n], keys[n])
    parsed = wire.parse_frames(b"".join(packed))
    assert np.array_equal(parsed.words.reshape(body.shape), body)
    assert np.array_equal(parsed.head["pid"], pids)


def test_frames_of_different_length_do_not_stack() -> None:
    with pytest.raises(FrameError, match="differ in length"):
        wire.parse_frames([one(3)[2], one(4)[2]])
    assert wire.split_frames(one(3)[2] + one(4)[2]) == [one(3)[2], one(4)[2]]
