"""Closes: what arrived, said once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.model.interval import ManualClock, Window
from quietgrid.model.party import MemberList
from quietgrid.pes import Closer
from quietgrid.store import PlatformStore, open_platform
from quietgrid.wire.columns import unpack_bits
from quietgrid.wire.messages import Close

DAY = 20_000
MEMBERS = MemberList(
    bytes(16), 3, 1, Window(DAY * 96, (DAY + 2) * 96, 900), np.arange(5, dtype=np.uint64),
    np.arange(10, 15, dtype=np.uint64), np.array([0, 1, 0, 1, 1], np.int32), np.ones(5, np.uint8), np.full(5, 5_000),
    ("A", "B"),
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> PlatformStore:
    return open_platform(tmp_path / "platform.db", ManualClock(1_000.0))


def closer(store: PlatformStore, identity: Identity, at: float = 1_000.0) -> Closer:
    return Closer(store, identity, ManualClock(at))


def test_one_close_a_leaf_says_who_arrived(store: PlatformStore) -> None:
    identity = Identity.generate()
    version = np.array([[0, 0], [-1, 2], [0, -1], [0, 0], [-1, -1]], np.int16)
    closes = closer(store, identity).close(MEMBERS, DAY, 10, 12, version)
    first, second = (open_signed(signed, Close, identity.public) for signed in closes)
    assert (first.leaf, first.epoch, first.revision, first.day, first.a, first.b) == (0, 3, 1, DAY, 10, 12)
    assert unpack_bits(first.bitmap, 2, 2).tolist() == [[True, True], [True, False]]
    assert unpack_bits(second.bitmap, 3, 2).tolist() == [[False, True], [True, True], [False, False]]
    assert (first.versions, second.versions) == ([], [(0, 11, 2)])
    assert first.signed_at == 1_000.0


def test_it_is_kept_before_it_is_sent_and_never_said_otherwise(store: PlatformStore) -> None:
    identity = Identity.generate()
    everyone, nobody = np.zeros((5, 2), np.int16), np.full((5, 2), -1, np.int16)
    closes = closer(store, identity).close(MEMBERS, DAY, 10, 12, everyone)
    with store.read() as tx:
        kept = [row.signed for leaf in range(2) for row in tx.answers.closes(leaf, DAY * 96 + 10, DAY * 96 + 12)]
    assert kept == [pack_signed(signed) for signed in closes]
    again = closer(store, identity, 9_999.0).close(MEMBERS, DAY, 10, 12, nobody)  # after a restart, with other news
    assert [pack_signed(signed) for signed in again] == kept


def test_a_wider_piece_keeps_what_was_closed_in_it(store: PlatformStore) -> None:
    """After a crash between two closes the whole piece is closed again: leaf 0 as before, leaf 1 now."""
    identity = Identity.generate()
    version = np.zeros((5, 2), np.int16)
    first = closer(store, identity).close(MEMBERS, DAY, 10, 12, version)
    wider = closer(store, identity).close(MEMBERS, DAY, 10, 14, np.zeros((5, 4), np.int16))
    assert wider == first
    rest = closer(store, identity).close(MEMBERS, DAY, 12, 14, version)
    assert {span(signed) for signed in rest} == {(0, 12, 14), (1, 12, 14)}


def span(signed: Signed) -> tuple[int, int, int]:
    close = decode(Close, signed.body)
    return close.leaf, close.a, close.b
