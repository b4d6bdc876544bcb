"""What a bank seals is what was measured; frames are kept until receipted; a day is signed when it cannot change."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.crypto.public import merkle, pedersen
from quietgrid.crypto.public.envelope import unpack_signed
from quietgrid.crypto.public.sealing import seal_info
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.crypto.secret.chain import chain_keys, check_kcv, day_keys_between
from quietgrid.crypto.secret.commitments import day_secret
from quietgrid.crypto.secret.masks import masks
from quietgrid.errors import NotFoundError, RefusedError, SingleUseError, VerificationError
from quietgrid.meter import DayVector, MeterBank, SealedFrame
from quietgrid.meter.receipts import check_path
from quietgrid.meter.sealing import open_values, runs, seal_values
from quietgrid.model.interval import ManualClock
from quietgrid.model.readings import Readings, register_list
from quietgrid.wire.columns import unpack_bits
from quietgrid.wire.frame import parse_frames, parse_head
from quietgrid.wire.messages import DayRecord, Enrol, Receipt
from tests.meter.town import COMMUNITY, D0, Town, moment, new_bank, readings, slots

TOWN = Town()
REGISTERS = [0b11, 0b01, 0b11]
PIDS = [1, 2, 3]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(moment(D0 + 3))


@pytest.fixture
def bank(tmp_path: Path, clock: ManualClock) -> MeterBank:
    return new_bank(TOWN, tmp_path, clock, REGISTERS)


def household_keys(bank: MeterBank, pid: int, day: int) -> np.ndarray:
    """Day keys uint8 [3, 32] as the household derives them from the roots it was sent."""
    signed = bank.enrolments()[pid]
    message = open_signed(signed, Enrol, signed.signer)
    roots = TOWN.household_kem.open(message.sealed[4], seal_info("enrol", COMMUNITY, pid, "household"))
    chain = chain_keys(np.frombuffer(roots, np.uint8).reshape(3, 32), COMMUNITY, pid, D0)
    return day_keys_between(chain, D0, day, day + 1)[0]


def unsealed(bank: MeterBank, frames: list[SealedFrame]) -> dict[tuple[int, int, int, int], int]:
    """(pid, day, slot, register) -> value, by plain mask arithmetic, one cell at a time."""
    out = {}
    for sent in frames:
        head = parse_head(sent.frame)
        keys = household_keys(bank, head.pid, head.day)
        words = parse_frames([sent.frame]).words.reshape(-1, head.count)
        for register, row in zip(register_list(head.registers), words, strict=True):
            mask = masks(keys, register, head.version, head.resolution).sum(axis=0, dtype=np.uint64)
            for n, word in enumerate(row.tolist()):
                out[head.pid, head.day, head.first + n, register] = (word - int(mask[head.first + n])) % 2**64
    return out


def plain(batch: Readings, registers: list[int]) -> dict[tuple[int, int, int, int], int]:
    out = {}
    for row, (pid, bits) in enumerate(zip(batch.meters.tolist(), registers, strict=True)):
        for n, slot in enumerate(range(batch.window.first, batch.window.end)):
            for register in register_list(bits):
                if batch.present[row, n]:
                    out[pid, slot // 96, slot % 96, register] = int(batch.register(register)[row, n])
    return out


def by_pid(frames: list[SealedFrame]) -> list[SealedFrame]:
    return sorted(frames, key=lambda sent: sent.pid)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_what_is_sealed_is_what_was_measured(bank: MeterBank, missing: float) -> None:
    batch = readings(PIDS, slots(D0, 40, 96 + 96 + 10), 5, missing)
    frames = bank.seal(batch)
    assert unsealed(bank, frames) == plain(batch, REGISTERS)
    assert bank.correct(readings(PIDS, slots(D0 + 1, 3, 9), 6))


def test_a_correction_holds_the_new_value(bank: MeterBank) -> None:
    bank.seal(readings(PIDS, slots(D0, 0, 96), 1))
    new = readings(PIDS, slots(D0, 10, 20), 2)
    assert unsealed(bank, bank.correct(new)) == plain(new, REGISTERS)


def test_frames_wait_for_their_receipt_and_the_bytes_never_change(
    bank: MeterBank, tmp_path: Path, clock: ManualClock
) -> None:
    """K11."""
    frames = by_pid(bank.seal(readings(PIDS, slots(D0, 0, 96), 1)))
    assert by_pid(bank.pending()) == frames
    bank.close()
    bank = MeterBank.open(tmp_path, clock)
    assert by_pid(bank.pending()) == frames
    with pytest.raises(VerificationError):
        bank.acknowledge(TOWN.receipt(frames[:2]), frames)
    with pytest.raises(VerificationError):
        bank.acknowledge(TOWN.platform.sign(Receipt(COMMUNITY, bytes(32), 3, 0.0)), frames)
    assert len(bank.pending()) == 3
    bank.acknowledge(TOWN.receipt(frames[1:]), frames[1:])
    assert bank.pending() == frames[:1]


def test_a_receipt_proves_each_frame(bank: MeterBank) -> None:
    frames = by_pid(bank.seal(readings(PIDS, slots(D0, 0, 96), 1)))
    bank.acknowledge(TOWN.receipt(frames, at=7.0), frames)
    (proof,) = bank.proofs(2, D0)
    receipt = check_path(TOWN.card, unpack_signed(proof.receipt), (proof.frame, proof.index, proof.path))
    assert (proof.frame, receipt.accepted_at) == (frames[1].frame, 7.0)
    leaf = merkle.leaf_hash(sha256(proof.frame).digest())
    assert merkle.root_from_path(leaf, proof.index, receipt.size, proof.path) == receipt.root
    with pytest.raises(VerificationError):
        check_path(TOWN.card, unpack_signed(proof.receipt), (frames[0].frame, proof.index, proof.path))
    assert bank.proofs(2, D0 + 1) == []


VECTORS = [
    DayVector("day", 0, np.repeat([0, 1], 48)),
    DayVector("night", 0, np.repeat([1, 0], 48)),
    DayVector("export", 1, np.ones(96, np.int64)),
]


def test_a_day_is_signed_once_it_cannot_change(bank: MeterBank, clock: ManualClock) -> None:
    first = readings(PIDS, slots(D0, 0, 90), 1)
    frames = bank.seal(first)
    late = bank.correct(readings(PIDS, slots(D0, 10, 20), 2))
    lost = bank.correct(readings(PIDS, slots(D0, 30, 40), 3))  # never receipted: not in the record
    bank.acknowledge(TOWN.receipt(frames + late), frames + late)
    assert lost
    wanted = dict.fromkeys(PIDS, VECTORS)
    clock.unix = moment(D0 + 8) - 1
    with pytest.raises(RefusedError, match="can still change"):
        bank.day_records(D0, wanted)
    clock.unix = moment(D0 + 8)
    records = bank.day_records(D0, wanted)
    clock.unix = moment(D0 + 9)
    assert bank.day_records(D0, wanted) == records, "the same bytes when asked again"
    values = unsealed(bank, frames) | unsealed(bank, late)
    for pid, signed in zip(PIDS, records, strict=True):
        record = open_signed(signed, DayRecord, bank.enrolments()[pid].signer)
        mine = [sent.frame for sent in frames + late if sent.pid == pid]
        assert record.root == merkle.root(mine)
        cells = unpack_bits(record.cells, 96)
        assert cells[:90].all()
        assert not cells[90:].any()
        keys = household_keys(bank, pid, D0)
        for pair in range(3):
            check_kcv(keys[pair].tobytes(), pid, record.kcv[pair])
        for vector, (name, commitment) in zip(VECTORS, record.commitments, strict=True):
            total = sum(
                int(vector.weights[slot]) * value
                for (who, _, slot, register), value in values.items()
                if who == pid and register == vector.register
            )
            r = pedersen.scalar(day_secret(keys), D0, name)
            pedersen.opens(commitment, total, r)
            with pytest.raises(VerificationError):
                pedersen.opens(commitment, total + 1, r)


def test_keys_and_frames_of_old_days_are_gone(bank: MeterBank, clock: ManualClock) -> None:
    frames = bank.seal(readings(PIDS, slots(D0, 0, 96), 1))
    bank.acknowledge(TOWN.receipt(frames), frames)
    clock.unix = moment(D0 + 10)
    bank.seal(readings(PIDS, slots(D0 + 9, 0, 96), 2))
    assert bank.day_records(D0, {1: VECTORS}), "ten days are enough"
    clock.unix = moment(D0 + 13)
    bank.seal(readings(PIDS, slots(D0 + 12, 0, 96), 3))
    assert bank.proofs(1, D0) == []
    with pytest.raises(NotFoundError):
        bank.day_records(D0, {2: VECTORS})


def test_a_retired_meter_is_over(bank: MeterBank, tmp_path: Path, clock: ManualClock) -> None:
    bank.retire([2])
    bank.close()
    bank = MeterBank.open(tmp_path, clock)
    with pytest.raises(SingleUseError, match="taken out"):
        bank.seal(readings(PIDS, slots(D0, 0, 1), 1))
    bank.seal(readings([1, 3], slots(D0, 1, 3), 1))
    public = bank.make([4])[0]
    bank.enrol([TOWN.site(4, public, 0b01, home=102)], D0 + 3)
    clock.unix = moment(D0 + 4)
    with pytest.raises(SingleUseError, match="no keys"):
        bank.seal(readings([4], slots(D0 + 2, 90, 96), 2))
    assert len(bank.seal(readings([1, 3, 4], slots(D0 + 3, 0, 1), 2))) == 3


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 12))
def test_runs_cover_each_cell_once(seed: int, n: int, t: int) -> None:
    present = np.random.default_rng(seed).random((n, t)) < 0.6
    covered = np.zeros((n, t), np.int64)
    for run in runs(present):
        covered[run.rows, run.first : run.first + run.count] += 1
    assert (covered == present).all()
    pairs = [(run.first, run.count) for run in runs(present)]
    assert pairs == sorted(set(pairs))


@given(st.integers(0, 2**32), st.sampled_from([900, 1800]), st.integers(0, 40), st.integers(0, 255))
def test_opening_undoes_sealing(seed: int, resolution: int, first: int, version: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(-(2**24) + 1, 2**24, (3, 7))
    keys = rng.integers(0, 256, (3, 3, 32), dtype=np.uint8)
    sealed = seal_values(values, keys, 1, version, resolution, first)
    assert (open_values(sealed, keys, 1, version, resolution, first) == values).all()
    assert (sealed.view(np.int64) != values).any()
