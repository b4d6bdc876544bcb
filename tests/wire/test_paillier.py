"""Frames of suite 2: they come back as they were, and whatever else comes is a `FrameError`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.crypto.public.frame_mac import check_frame_mac
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import FrameError, VerificationError
from quietgrid.model.sealed import FrameHead
from quietgrid.wire.frame import parse_head as suite1_head
from quietgrid.wire.paillier import Evidence, answer_info, pack_frame, pack_head, parse_frame, parse_head

SIZE = 21 + 512
METER = Identity.from_seed(bytes(32))
K_MAC = b"k" * 32
COMMUNITY = bytes(range(16))
HEAD = FrameHead(900, 0b11, 20_000, 77, 5, 8, 88, 0)


def made(head: FrameHead = HEAD) -> bytes:
    present = np.arange(head.count) % 3 > 0
    spread = -(-head.count // 40)
    sums = [[bytes([number, at]) * (SIZE // 2) + b"\0" for at in range(spread)] for number in range(2)]
    return pack_frame(head, present, sums[: head.registers.bit_count()], COMMUNITY, (METER, K_MAC))


@pytest.mark.parametrize("head", [HEAD, FrameHead(1800, 1, 1, 2, 3, 0, 1, 0), replace(HEAD, count=41)])
def test_a_frame_comes_back(head: FrameHead) -> None:
    data = made(head)
    frame = parse_frame(data, 2048)
    assert frame.head == head
    assert frame.present.tolist() == [slot % 3 > 0 for slot in range(head.count)]
    assert {len(c) for group in frame.ciphertexts.values() for c in group} == {SIZE}
    assert [group[0][0] for group in frame.ciphertexts.values()] == list(range(head.registers.bit_count()))
    frame.check_signature(COMMUNITY, METER.public)
    check_frame_mac(K_MAC, data[:-16], data[-16:])


def test_another_meter_community_or_byte_is_found() -> None:
    data = made()
    frame = parse_frame(data, 2048)
    for community, meter in ((COMMUNITY, Identity.generate().public), (bytes(16), METER.public)):
        with pytest.raises(VerificationError):
            frame.check_signature(community, meter)
    for at in range(0, len(data) - 16, 97):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            other = parse_frame(changed, 2048)
        except FrameError:
            continue
        with pytest.raises(VerificationError):
            other.check_signature(COMMUNITY, METER.public)


def test_the_suites_do_not_mix() -> None:
    with pytest.raises(FrameError):
        suite1_head(made())
    with pytest.raises(FrameError, match="suite"):
        parse_head(b"\1\1" + made()[2:])
    with pytest.raises(FrameError, match="length"):
        parse_frame(made(), 3072)


@pytest.mark.parametrize(
    "wrong",
    [
        {"registers": 0}, {"registers": 8}, {"count": 0}, {"first": 9}, {"first": 95, "count": 2},
        {"resolution": 1800},
    ],
)  # fmt: skip
def test_heads_out_of_bounds(wrong: dict[str, int]) -> None:
    with pytest.raises(FrameError, match="out of bounds"):
        parse_head(pack_head(replace(HEAD, **wrong)))


def test_heads_that_cannot_be_packed() -> None:
    for wrong in ({"resolution": 60}, {"day": -1}, {"pid": 1 << 64}, {"first": 1 << 16}):
        with pytest.raises(FrameError, match="out of bounds"):
            pack_head(replace(HEAD, **wrong))  # type: ignore[arg-type]


def test_padding_is_zero() -> None:
    head = replace(HEAD, count=81, first=0)
    data = bytearray(made(head))
    data[32 + 10] |= 1
    with pytest.raises(FrameError, match="padding"):
        parse_frame(bytes(data), 2048)


@settings(max_examples=200)
@given(st.data())
def test_fuzzed_frames(data: st.DataObject) -> None:
    good = bytearray(made())
    for at in data.draw(st.lists(st.integers(0, 60), max_size=5)):
        good[at] = data.draw(st.integers(0, 255))
    taken = bytes(good[: data.draw(st.integers(0, len(good)))]) if data.draw(st.booleans()) else bytes(good)
    try:
        frame = parse_frame(taken, data.draw(st.sampled_from([2048, 3072])))
    except FrameError:
        return
    assert frame.signed + frame.signature == taken[:-16]


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    with pytest.raises(FrameError):
        parse_frame(data, 2048)


def test_what_goes_with_a_question() -> None:
    evidence = Evidence(b"q" * 32, [b"f"], [[b"s"], []])
    assert evidence.NAME == "paillier evidence"
    assert answer_info(bytes(16), b"a" * 32) != answer_info(bytes(16), b"b" * 32)
