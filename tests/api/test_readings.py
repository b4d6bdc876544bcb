"""Frames in: acknowledged after commit, once and again; what is wrong is refused by name."""

from __future__ import annotations

from base64 import b64decode

import msgspec
import numpy as np
import pytest

from quietgrid.crypto.public.envelope import unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.model.interval import Window
from quietgrid.model.readings import Readings
from quietgrid.wire.messages import Receipt, Signed
from tests.api.town import Town

OCTETS = {"Content-Type": "application/octet-stream"}
JSON = OCTETS | {"Accept": "application/json"}


@pytest.fixture(scope="module")
def frames(town: Town) -> list[bytes]:
    """Sealed frames of one more quarter-hour, not sent yet."""
    community = town.community
    slot = town.sample.readings.window.end + 1
    window = Window(slot, slot + 1, 900)
    meters = town.sample.readings.meters
    value = np.full((len(meters), 1), 123, np.int64)
    community.clock.unix = max(community.clock.unix, float(window.end * 900))
    community.bank.seal(Readings(meters, window, value, np.zeros_like(value), np.ones(value.shape, np.bool_)))
    return [pending.frame for pending in community.bank.pending()]


def test_frames_are_kept_and_acknowledged(town: Town, frames: list[bytes]) -> None:
    client = town.client()
    answer = client.post("/api/v1/meters/reading", content=b"".join(frames[:10]), headers=JSON)
    assert answer.status_code == 202
    body = answer.json()
    assert body["status"] == [0] * 10
    assert body["order"] == list(range(10))
    signed = unpack_signed(b64decode(body["receipt"]))
    receipt = open_signed(signed, Receipt, town.community.card.concentrator_pk)
    assert receipt.size == 10

    again = client.post("/api/v1/meters/reading", content=b"".join(frames[:10]), headers=JSON)
    assert again.status_code == 200
    assert again.json()["status"] == [1] * 10

    mixed = client.post("/api/v1/meters/reading", content=frames[10] + frames[11][:-1] + b"\0", headers=JSON)
    assert mixed.status_code == 207
    assert mixed.json()["status"] == [0, 2]
    assert mixed.json()["reasons"] == ["", "wrong MAC"]


def test_machines_get_msgpack(town: Town, frames: list[bytes]) -> None:
    answer = town.client().post("/api/v1/meters/reading", content=frames[12], headers=OCTETS)
    body = msgspec.msgpack.decode(answer.content)
    assert body["status"] == b"\0"
    assert msgspec.convert(body["receipt"], Signed).name == Receipt.NAME


@pytest.mark.parametrize("cut", [0, 1, 31, 32, 40, 55])
def test_a_truncated_frame_is_refused_and_nothing_kept(town: Town, frames: list[bytes], cut: int) -> None:
    answer = town.client().post("/api/v1/meters/reading", content=frames[13][:cut], headers=JSON)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_flipped_byte_is_refused(town: Town, frames: list[bytes]) -> None:
    frame = frames[14]
    client = town.client()
    for at in range(len(frame)):
        broken = frame[:at] + bytes([frame[at] ^ 0x40]) + frame[at + 1 :]
        answer = client.post("/api/v1/meters/reading", content=broken, headers=JSON)
        assert answer.status_code in (207, 400), at
        if answer.status_code == 207:
            assert answer.json()["status"] == [2]
            assert answer.json()["receipt"] is None


def test_only_octets_are_frames(town: Town, frames: list[bytes]) -> None:
    client = town.client()
    for kind in ("application/json", "text/plain", "multipart/form-data"):
        answer = client.post("/api/v1/meters/reading", content=frames[15], headers={"Content-Type": kind})
        assert answer.status_code == 415, kind


def test_day_records_must_be_signed_by_their_meter(town: Town) -> None:
    client = town.client()
    packed = {"Content-Type": "application/msgpack"}
    assert client.post("/api/v1/meters/day-records", content=b"\xc1", headers=packed).status_code == 400
    fake = msgspec.msgpack.encode([Signed("day", b"\x90", bytes(32), bytes(64))])
    assert client.post("/api/v1/meters/day-records", content=fake, headers=packed).status_code == 422
    none = client.post("/api/v1/meters/day-records", content=b"\x90", headers=packed)
    assert (none.status_code, msgspec.msgpack.decode(none.content)) == (200, 0)


def test_books_are_public(town: Town) -> None:
    found = msgspec.msgpack.decode(town.client().get("/api/v1/books").content, type=list[tuple[Signed, list[int]]])
    assert len(found) == 2
    assert sorted(pid for _, pids in found for pid in pids) == list(range(1, 61))
