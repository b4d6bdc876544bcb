"""What the concentrator takes, what it refuses, and that a refusal leaves nothing behind."""

from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from quietgrid.concentrator import Limits
from quietgrid.concentrator.rules import AHEAD, CONFLICT, INACTIVE, MAC, OLD, REGISTERS, UNKEYED, UNKNOWN
from quietgrid.crypto.public.merkle import root
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import FrameError
from quietgrid.model.sealed import FrameHead
from quietgrid.store import Cut, MeterRow
from quietgrid.wire.frame import pack_frame, parse_frames
from quietgrid.wire.messages import Receipt
from tests.concentrator.plant import DAY, Plant, plant

STORED, DUPLICATE, REJECTED = 0, 1, 2


@pytest.fixture
def five(tmp_path: Path) -> Plant:
    return plant(tmp_path)


def stored_cells(p: Plant) -> int:
    """Cells on disk, whatever the concentrator remembers."""
    with p.store.read() as tx:
        cuts = [Cut(day, register, res) for day, res in tx.segments.days() for register in (0, 1, 2)]
        return sum(int((tx.segments.presence(cut, len(p.pids)) >= 0).sum()) for cut in cuts)


def test_what_is_accepted_is_on_disk_and_receipted(five: Plant) -> None:
    frames = five.day_frames()
    accepted = five.concentrator.accept(frames)
    assert accepted.status.tolist() == [STORED] * 5
    assert accepted.receipt is not None
    receipt = open_signed(accepted.receipt, Receipt, five.identity.public)
    assert receipt.root == root([hashlib.sha256(frames[place]).digest() for place in accepted.order])
    assert (receipt.size, receipt.accepted_at) == (5, five.clock.now())
    with five.store.read() as tx:
        for register in (0, 1):
            cells = tx.segments.read(Cut(DAY, register, 900), 5)
            expected = parse_frames(frames).words.reshape(5, 2, 96)[:, register]
            assert np.array_equal(cells.ciphertext, expected)
            assert (cells.version == 0).all()


def test_frames_come_back_exactly_as_they_came(five: Plant) -> None:
    morning = [five.frame(row) for row in range(5)]
    later = [five.frame(row, first=4, seq=2, count=92) for row in (3, 0)]
    five.concentrator.accept(morning)
    five.concentrator.accept(b"".join(later))
    assert five.concentrator.frames(int(five.pids[3]), DAY, 900) == [morning[3], later[0]]
    assert five.concentrator.frames(int(five.pids[0]), DAY, 900) == [morning[0], later[1]]
    assert five.concentrator.frames(int(five.pids[1]), DAY, 900) == [morning[1]]


def test_the_same_bytes_are_acknowledged_again_and_stored_once(five: Plant) -> None:
    frames = five.day_frames()
    five.concentrator.accept(frames)
    before = stored_cells(five)
    for concentrator in (five.concentrator, five.again()):
        repeated = concentrator.accept(frames)
        assert repeated.status.tolist() == [DUPLICATE] * 5
        assert repeated.receipt is not None
        assert stored_cells(five) == before == 5 * 2 * 96


def test_other_bytes_for_stored_cells_are_refused(five: Plant) -> None:
    five.concentrator.accept([five.frame(0)])
    other = five.frame(0, body=np.zeros((2, 4), np.uint64))
    renumbered = five.frame(0, seq=2)
    overlapping = five.frame(0, seq=3, first=3)
    for frame in (other, renumbered, overlapping):
        for concentrator in (five.concentrator, five.again()):
            refused = concentrator.accept([frame])
            assert refused.reasons == [CONFLICT]
            assert refused.receipt is None
    assert stored_cells(five) == 8


def test_duplicates_and_conflicts_within_one_request(five: Plant) -> None:
    first, other = five.frame(1), five.frame(1, body=np.ones((2, 4), np.uint64))
    accepted = five.concentrator.accept([first, other, first, five.frame(2)])
    assert accepted.status.tolist() == [STORED, REJECTED, DUPLICATE, STORED]
    assert accepted.order.tolist() == [0, 2, 3]
    assert five.concentrator.frames(int(five.pids[1]), DAY, 900) == [first]


@pytest.mark.parametrize("place", ["live", "restarted"])
def test_every_flipped_byte_is_refused(five: Plant, place: str) -> None:
    good = five.frame(0)
    concentrator = five.concentrator if place == "live" else five.again()
    for at in range(len(good)):
        bad = good[:at] + bytes([good[at] ^ (1 << at % 8)]) + good[at + 1 :]
        assert concentrator.accept([bad]).status.tolist() == [REJECTED]
    assert stored_cells(five) == 0
    assert concentrator.accept([good]).status.tolist() == [STORED]


def test_every_truncation_is_refused(five: Plant) -> None:
    good = five.frame(0)
    cut = [good[:size] for size in range(len(good))]
    refused = five.concentrator.accept(cut)
    assert refused.status.tolist() == [REJECTED] * len(cut)
    assert refused.receipt is None
    for part in cut[1:]:
        with pytest.raises(FrameError):
            five.concentrator.accept(part)
    assert stored_cells(five) == 0


def test_who_when_and_what_is_refused(five: Plant) -> None:
    now_slot = int(five.clock.now()) // 900
    today, slot = now_slot // 96, now_slot % 96
    stranger = FrameHead(900, 0b11, DAY, 5, 1, 0, 1, 0)
    zeros = np.zeros((2, 1), np.uint64)
    cases = {
        pack_frame(stranger, zeros, five.keys[0]): UNKNOWN,
        pack_frame(FrameHead(900, 0b11, DAY, int(five.pids[0]), 1, 0, 1, 0), zeros, bytes(32)): MAC,
        five.frame(0, registers=0b01): REGISTERS,
        five.frame(0, registers=0b111): REGISTERS,
        five.frame(0, day=today, first=slot + 1, count=1): AHEAD,
        five.frame(0, day=today + 1): AHEAD,
        five.frame(0, day=2**32 - 1): AHEAD,
        five.frame(0, day=DAY - 7, version=1): OLD,
        five.frame(0, day=DAY - 99): OLD,
        five.frame(0, day=DAY - 201): INACTIVE,
    }
    refused = five.concentrator.accept(list(cases))
    assert refused.reasons == list(cases.values())
    assert stored_cells(five) == 0
    welcome = [five.frame(0, day=today, first=slot, count=1), five.frame(1, day=DAY - 98)]
    assert five.concentrator.accept(welcome).status.tolist() == [STORED, STORED]


def test_meters_without_three_acknowledgements_or_key_or_retired_are_refused(five: Plant) -> None:
    with five.store.begin() as tx:
        tx.registry.add_meters([MeterRow(pid, 9, 0b11, DAY - 9, bytes(32), b"") for pid in (1, 2)])
        tx.registry.put_acks([(1, keyholder, b"") for keyholder in range(2)])
        tx.registry.put_acks([(2, keyholder, b"") for keyholder in range(3)])
        tx.registry.put_key(1, five.keys[0])
        tx.registry.retire_meter(int(five.pids[0]), DAY)
    five.concentrator.refresh()
    zeros = np.zeros((2, 1), np.uint64)
    inactive, unkeyed = (pack_frame(FrameHead(900, 0b11, DAY, pid, 1, 0, 1, 0), zeros, five.keys[0]) for pid in (1, 2))
    refused = five.concentrator.accept([inactive, unkeyed, five.frame(0), five.frame(0, day=DAY - 1)])
    assert refused.reasons == [INACTIVE, UNKEYED, INACTIVE, ""]


def test_corrections_count_up_and_keep_the_first_version(five: Plant) -> None:
    first = five.frame(0)
    five.concentrator.accept([first])
    second = five.frame(0, seq=2, version=1, body=np.full((2, 4), 5, np.uint64))
    assert five.concentrator.accept([second, second]).status.tolist() == [STORED, DUPLICATE]
    late_first = five.frame(0, seq=3, version=0, body=np.full((2, 4), 6, np.uint64))
    assert five.concentrator.accept([late_first]).reasons == [CONFLICT]
    assert five.concentrator.presence(DAY, 0, 900)[0, :5].tolist() == [1, 1, 1, 1, -1]
    assert five.concentrator.accept([first]).status.tolist() == [DUPLICATE]
    with five.store.read() as tx:
        latest = tx.segments.read(Cut(DAY, 0, 900), 5)
        wanted = np.full((5, 96), -1, np.int16)
        wanted[0, :4] = [0, 1, 0, 1]
        chosen = tx.segments.read(Cut(DAY, 0, 900), 5, wanted)
    assert latest.ciphertext[0, :4].tolist() == [5] * 4
    old = parse_frames([first]).words[0, :4]
    assert chosen.ciphertext[0, :4].tolist() == [old[0], 5, old[2], 5]


def test_requests_over_the_limits_are_refused_whole(tmp_path: Path) -> None:
    p = plant(tmp_path, 5, Limits(request_frames=3, request_bytes=2_000))
    for request in ([p.frame(row) for row in range(4)], b"".join(p.frame(row) for row in range(4)), bytes(2_001)):
        with pytest.raises(FrameError, match="too large"):
            p.concentrator.accept(request)
    assert stored_cells(p) == 0
    assert p.concentrator.accept([p.frame(row) for row in range(3)]).status.tolist() == [STORED] * 3


def test_presence_is_the_same_after_a_restart_and_with_little_memory(tmp_path: Path) -> None:
    p = plant(tmp_path, 5, Limits(presence_bytes=1_000))
    for day in range(DAY - 3, DAY + 1):
        p.concentrator.accept([p.frame(row, day=day, first=row, seq=day) for row in range(day % 3, 5)])
    for day in range(DAY - 3, DAY + 2):
        live = p.concentrator.presence(day, 1, 900)
        assert np.array_equal(live, p.again().presence(day, 1, 900))
        expected = np.full((5, 96), -1)
        for row in range(day % 3 if day <= DAY else 5, 5):
            expected[row, row : row + 4] = 0
        assert np.array_equal(live, expected)


def test_a_failed_commit_forgets_what_it_marked(five: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("quietgrid.store.segments.Segments.write", full)
        with pytest.raises(OSError, match="disk full"):
            five.concentrator.accept([five.frame(0)])
    assert stored_cells(five) == 0
    assert five.concentrator.accept([five.frame(0)]).status.tolist() == [STORED]


def test_memory_stays_flat_under_garbage(five: Plant) -> None:
    rng = np.random.default_rng(3)
    good = five.frame(0)

    def flood(rounds: int) -> int:
        for _ in range(rounds):
            junk = [rng.bytes(int(size)) for size in rng.integers(0, 400, 50)]
            forged = [good[:4] + rng.bytes(4) + good[8:] for _ in range(50)]
            assert five.concentrator.accept(junk + forged).receipt is None
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        warm = flood(5)
        after = flood(40)
    finally:
        tracemalloc.stop()
    assert after - warm < 200_000
    assert stored_cells(five) == 0


def test_keys_are_opened_at_enrolment(five: Plant) -> None:
    from quietgrid.wire.messages import Enrol

    def enrol(k_mac: bytes) -> Enrol:
        sealed = [b"", b"", b"", k_mac, b""]
        return Enrol(bytes(16), 9, 9, b"", b"", b"", DAY - 1, 0b11, [], sealed, b"", b"", b"")

    with pytest.raises(FrameError, match="32 bytes"):
        five.concentrator.take_keys([enrol(b"short")])
    five.concentrator.take_keys([enrol(b"k" * 32)])
    with five.store.begin() as tx:
        tx.registry.add_meter(MeterRow(9, 9, 0b11, DAY - 1, bytes(32), b""))
        tx.registry.put_acks([(9, keyholder, b"") for keyholder in range(3)])
    five.concentrator.refresh()
    frame = pack_frame(FrameHead(900, 0b11, DAY, 9, 1, 0, 1, 0), np.zeros((2, 1), np.uint64), b"k" * 32)
    assert five.concentrator.accept(frame).status.tolist() == [STORED]
