"""Meters and household: a mask is bound to its frame before the frame can be sent; what is erased is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quietgrid.errors import ConflictError, InputError, NotFoundError, SingleUseError, VerificationError
from quietgrid.model import ManualClock
from quietgrid.store import FleetStore, GivenConsent, RootRow, SealedFrames, open_fleet, open_vault

PIDS = np.array([2**64 - 1, 5, 9], np.uint64)


def sealed(first: int, end: int, seq: int = 1, registers: int = 0b11, version: int = 0) -> SealedFrames:
    frames = [b"frame %d %d %d" % (first, seq, row) for row in range(3)]
    return SealedFrames(PIDS, np.full(3, seq, np.uint64), frames, first // 96, registers, version, first, end)


@pytest.fixture
def store(url: Callable[[], str], clock: ManualClock) -> Iterator[FleetStore]:
    opened = open_fleet(url(), clock)
    with opened.begin() as tx:
        tx.meters.add(PIDS, [b"a", b"b", b"c"])
    yield opened
    opened.close()


def test_frame_mark_and_number_are_one_commit(store: FleetStore) -> None:
    with store.begin() as tx:
        tx.meters.commit(sealed(96, 100))
    with store.read() as tx:
        marks = tx.meters.marks(PIDS)
        assert marks.seq.tolist() == [1, 1, 1]
        assert marks.high_water.tolist() == [[100, 100, 0]] * 3
        assert [(row.pid, row.seq, row.frame) for row in tx.meters.outbox()] == [
            (int(pid), 1, b"frame 96 1 %d" % row)
            for row, pid in sorted(enumerate(PIDS), key=lambda item: _order(item[1]))
        ]
        assert tx.meters.marks(PIDS[1:2]).seq.tolist() == [1]


def _order(pid: int) -> int:
    return int(np.uint64(pid).astype(np.int64))


@pytest.mark.parametrize(
    "again",
    [
        sealed(96, 100, seq=2), sealed(99, 104, seq=2), sealed(0, 4, seq=2), sealed(100, 104, seq=1),
        sealed(99, 100, seq=2, registers=0b110), sealed(100, 104, seq=2, version=1), sealed(98, 101, seq=2, version=1),
    ],
)  # fmt: skip
def test_a_number_or_slot_is_used_once(store: FleetStore, again: SealedFrames) -> None:
    with store.begin() as tx:
        tx.meters.commit(sealed(96, 100))
    with pytest.raises(SingleUseError), store.begin() as tx:
        tx.meters.commit(again)
    with store.read() as tx:
        assert tx.meters.marks(PIDS).high_water[:, 0].tolist() == [100] * 3
        assert len(tx.meters.outbox()) == 3


def test_the_next_slot_another_register_and_a_correction_are_fine(store: FleetStore) -> None:
    with store.begin() as tx:
        tx.meters.commit(sealed(96, 100))
        tx.meters.commit(sealed(96, 100, seq=2, registers=0b100))
        tx.meters.commit(sealed(100, 101, seq=3, registers=0b111))
        tx.meters.commit(sealed(97, 99, seq=4, version=1))
        marks = tx.meters.marks(PIDS)
    assert marks.high_water.tolist() == [[101, 101, 101]] * 3
    assert marks.seq.tolist() == [4, 4, 4]


def test_receipts_empty_the_outbox(store: FleetStore, clock: ManualClock) -> None:
    with store.begin() as tx:
        tx.meters.commit(sealed(96, 100))
        clock.unix += 1
        tx.meters.commit(sealed(100, 104, seq=2))
        hashes = [bytes([n]) * 32 for n in range(2)]
        receipt = tx.meters.receipted(b"signed", 7.0, hashes, [(5, 1, 0), (9, 1, 1)])
        assert [(row.pid, row.seq) for row in tx.meters.outbox(2)] == [(2**64 - 1, 1), (2**64 - 1, 2)]
        assert tx.meters.receipt(receipt) == (b"signed", hashes)
        assert [(f.seq, f.receipt, f.place) for f in tx.meters.frames(9, 1)] == [(1, receipt, 1), (2, None, 0)]
        tx.meters.receipted(b"later", 8.0, hashes, [(5, 1, 1)])
        assert tx.meters.frames(5, 1)[0].receipt == receipt
        tx.meters.drop_frame(9, 2)
        tx.meters.drop_frame(9, 1)
        assert [f.seq for f in tx.meters.frames(9, 1)] == [1]
        assert tx.meters.prune(1) == 0
        assert tx.meters.prune(2) == 2
        assert len(tx.meters.outbox()) == 3
        with pytest.raises(NotFoundError):
            tx.meters.receipt(receipt)
        with pytest.raises(InputError):
            tx.meters.prune(-1)


def test_states_and_day_records(store: FleetStore) -> None:
    with store.begin() as tx:
        tx.meters.set_states(PIDS[[2, 0]], [b"C", b"A"])
        assert tx.meters.states(PIDS) == [b"A", b"b", b"C"]
        assert tx.meters.pids().tolist() == PIDS.tolist()
        for unknown in (tx.meters.states, tx.meters.marks):
            with pytest.raises(NotFoundError):
                unknown(np.array([1, 2], np.uint64))
        assert tx.meters.put_days([(5, 20, b"record")]) == 1
        assert tx.meters.put_days([(5, 20, b"record")]) == 0
        with pytest.raises(ConflictError):
            tx.meters.put_days([(5, 20, b"another")])
        assert tx.meters.day_record(5, 20) == b"record"


def test_a_vault_keeps_roots_and_forgets_them(url: Callable[[], str], clock: ManualClock) -> None:
    store = open_vault(url(), clock)
    big = 2**64 - 1
    with store.begin() as tx:
        assert tx.household.add_home(big, b"seed", {"name": "Ada"})
        assert not tx.household.add_home(big, b"seed")
        with pytest.raises(ConflictError):
            tx.household.add_home(big, b"other")
        tx.household.set_settings(big, {"name": "Bo"})
        assert (tx.household.seed(big), tx.household.settings(big)) == (b"seed", {"name": "Bo"})
        roots = RootRow(5, 100, b"r" * 96, b"enrol")
        assert tx.household.put_roots(big, roots)
        with pytest.raises(ConflictError):
            tx.household.put_roots(big, replace(roots, roots=b"s" * 96))
        assert tx.household.roots(big) == [roots]
        consent = GivenConsent("day:5", "operator", "advice", 9.0, b"signed")
        tx.household.put_consent(big, consent)
        tx.household.put_consent(big, replace(consent, expires=10.0))
        assert tx.household.consents(big) == [replace(consent, expires=10.0)]
        tx.household.drop_consent(big, "day:5", "operator")
        assert tx.household.consents(big) == []
        tx.household.put_seen(big, "ledger 0", 4, b"h")
        tx.household.put_seen(big, "ledger 0", 4, b"h")
        for seq, head in ((3, b"g"), (4, b"x")):
            with pytest.raises(VerificationError):
                tx.household.put_seen(big, "ledger 0", seq, head)
        assert tx.household.seen(big, "ledger 0") == (4, b"h")
        tx.household.erase(big)
        assert tx.household.homes() == []
        assert tx.household.roots(big) == []
        with pytest.raises(NotFoundError):
            tx.household.seed(big)
        with pytest.raises(NotFoundError):
            tx.household.set_settings(big, {})
    store.close()


def test_erased_roots_are_not_left_in_the_file(tmp_path: Path, clock: ManualClock) -> None:
    store = open_vault(tmp_path / "vault.db", clock)
    secret = bytes(range(96))
    with store.begin() as tx:
        tx.household.add_home(1, b"seed")
        tx.household.put_roots(1, RootRow(5, 100, secret, b""))
    with store.begin() as tx:
        tx.household.erase(1)
    store.scrub()
    assert not any(secret in path.read_bytes() for path in tmp_path.iterdir())
