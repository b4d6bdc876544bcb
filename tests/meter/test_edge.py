"""From a meter to its edge, and out of the home as Paillier ciphertexts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.crypto.public.packing import blocks, unpack
from quietgrid.crypto.public.signatures import Identity
from quietgrid.crypto.secret.paillier import PrivateKey
from quietgrid.errors import FrameError, InputError, SingleUseError, VerificationError
from quietgrid.meter import Channel, Edge
from quietgrid.model.sealed import FrameHead
from quietgrid.wire.paillier import parse_frame

VECTORS = Path(__file__).parents[2] / "vectors" / "paillier.json"
HEAD = FrameHead(900, 0b11, 20_000, 77, 1, 0, 96, 0)
COMMUNITY = bytes(16)


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    case: dict[str, Any] = json.loads(VECTORS.read_text())["cases"][0]
    return PrivateKey(*(int(case[name], 16) for name in ("p", "q", "base")))


def columns(seed: int, count: int = 96) -> list[np.ndarray[Any, np.dtype[np.int64]]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 1 << 24, count) for _ in range(2)]


def test_what_leaves_the_home_opens_to_what_was_measured(key: PrivateKey) -> None:
    secret, meter = Channel.new_key(), Identity.generate()
    values, present = columns(1), np.arange(96) % 7 > 0
    edge = Edge(Channel(secret), (meter, b"k" * 32), key.public, COMMUNITY)
    frame = parse_frame(edge.frame(Channel(secret).seal(HEAD, values, present)), 2048)
    frame.check_signature(COMMUNITY, meter.public)
    assert frame.head == HEAD
    assert frame.present.tolist() == present.tolist()
    for register, column in enumerate(values):
        slots: list[int] = []
        for (first, end), packed in zip(blocks(96, 2048), frame.ciphertexts[register], strict=True):
            slots += unpack(key.decrypt(key.public.parse(packed)), end - first, 1)
        assert slots == np.where(present, column, 0).tolist(), "a slot that is not present holds 0"


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(1, 96))
def test_the_channel_gives_back_what_it_took(seed: int, count: int) -> None:
    channel, head = Channel(Channel.new_key()), replace(HEAD, count=count)
    values, present = columns(seed, count), np.random.default_rng(seed).random(count) < 0.5
    sealed = channel.seal(head, values, present)
    assert sealed != channel.seal(head, values, present), "a nonce of its own each time"
    assert channel.open(sealed)[0] == head
    assert channel.open(sealed)[1].tolist() == np.where(present, values, 0).tolist()
    assert channel.open(sealed)[2].tolist() == present.tolist()


def test_the_channel_refuses_what_was_changed_or_is_another_meters() -> None:
    channel, here = Channel(Channel.new_key()), np.ones(96, np.bool_)
    sealed = channel.seal(HEAD, columns(2), here)
    with pytest.raises(VerificationError, match="does not open"):
        Channel(Channel.new_key()).open(sealed)
    for at in (4, 8, 16, 32, 44, 60, len(sealed) - 1):
        with pytest.raises((VerificationError, FrameError)):
            channel.open(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
    for size in (0, 31, 32, 44, 59, len(sealed) - 1):
        with pytest.raises((VerificationError, FrameError)):
            channel.open(sealed[:size])
    with pytest.raises(InputError, match="32 bytes"):
        Channel(b"short")


def test_readings_that_do_not_fit() -> None:
    channel, here = Channel(Channel.new_key()), np.ones(96, np.bool_)
    for values in (columns(1)[:1], [c[:95] for c in columns(1)], []):
        with pytest.raises(InputError, match="do not fit"):
            channel.seal(HEAD, values, here)
    for number in (-1, 1 << 24):
        wrong = columns(1)
        wrong[1][3] = number
        with pytest.raises(InputError, match="out of range"):
            channel.seal(HEAD, wrong, here)


def test_the_same_is_not_taken_twice(key: PrivateKey) -> None:
    secret = Channel.new_key()
    edge = Edge(Channel(secret), (Identity.generate(), b"k" * 32), key.public, COMMUNITY)
    sealed = Channel(secret).seal(HEAD, columns(1), np.ones(96, np.bool_))
    edge.frame(sealed)
    with pytest.raises(SingleUseError, match="before"):
        edge.frame(sealed)
