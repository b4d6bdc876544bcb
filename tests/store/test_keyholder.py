"""A keyholder's tables: what is bound stays bound; the ledger verifies, also after erasure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from quietgrid.crypto.public.chain_hash import body_digest, check_chain
from quietgrid.errors import ConflictError, NotFoundError, VerificationError
from quietgrid.model import ManualClock
from quietgrid.store import CloseRow, ConsentRow, FaultRow, KeyholderStore, KeyholderTx, LedgerDraft, open_keyholder

BIG = 2**64 - 3


def h(letter: str) -> bytes:
    return letter.encode() * 32


@pytest.fixture
def store(url: Callable[[], str], clock: ManualClock) -> Iterator[KeyholderStore]:
    opened = open_keyholder(url(), clock)
    yield opened
    opened.close()


@pytest.fixture
def tx(store: KeyholderStore) -> Iterator[KeyholderTx]:
    with store.begin() as opened:
        yield opened


def test_enrolments_keep_their_rows_and_can_be_forgotten(tx: KeyholderTx) -> None:
    assert tx.members.put_enrolments([(BIG, 1, h("a"), b"s", b"ack"), (7, 1, h("b"), b"t", b"ack")]) == [0, 1]
    assert tx.members.put_enrolments([(8, 2, h("c"), b"u", b"ack"), (BIG, 1, h("a"), b"s", b"ack2")]) == [2, 0]
    with pytest.raises(ConflictError):
        tx.members.put_enrolment(BIG, 1, h("z"), b"s", b"ack")
    assert tx.members.rows(np.array([8, 9, BIG], np.uint64)).tolist() == [2, -1, 0]
    assert tx.members.forget(7) == 1
    forgotten = tx.members.enrolment(7)
    assert (forgotten.signed, forgotten.ack, forgotten.forgotten) == (b"", b"", True)
    assert tx.members.rows(np.array([7], np.uint64)).tolist() == [-1]
    assert tx.members.put_enrolment(10, 3, h("d"), b"v", b"ack") == 3
    assert [e.pid for e in tx.members.enrolments()] == [BIG, 7, 8, 10]
    with pytest.raises(NotFoundError):
        tx.members.forget(99)


def test_consents_blocks_and_omissions(tx: KeyholderTx, clock: ManualClock) -> None:
    consent = ConsentRow(BIG, "event-1", "operator", clock.unix + 10, h("a"), b"signed")
    assert tx.members.put_consent(consent)
    tx.members.put_consent(replace(consent, home=3, expires=clock.unix))
    assert tx.members.consents("event-1") == tx.members.consents("event-1", BIG) == [consent]
    tx.members.revoke_consent(BIG, "event-1", "operator")
    assert tx.members.consents("event-1") == []

    tx.members.block_leaf(2, "omissions")
    tx.members.block_leaf(2, "again")
    assert tx.members.blocked() == {2: "omissions"}
    tx.members.clear_leaf(2, b"cleared")
    assert tx.members.blocked() == {}
    tx.members.block_leaf(2, "once more")
    assert tx.members.blocked() == {2: "once more"}

    pids, slots = np.array([BIG, BIG], np.uint64), np.array([100, 101])
    assert tx.members.put_omission(1, pids, slots) == 2
    assert tx.members.put_omission(1, pids, slots + 1) == 1
    assert tx.members.omissions(1, 101, 200) == 2


def test_members_books_and_prices_are_kept_here_too(tx: KeyholderTx) -> None:
    tx.members.put_members(1, 0, h("a"), b"list")
    assert tx.members.members(1) == b"list"
    tx.members.put_book(1, 0, 5, 9, h("b"), b"book")
    assert tx.members.book(0, 5) == b"book"


def test_a_slot_is_voted_once_and_for_ever(store: KeyholderStore) -> None:
    with store.begin() as tx:
        tx.votes.put_close(CloseRow(h("a"), "close", 1, 0, 100, 196, b"close"))
        tx.votes.put_close(CloseRow(h("b"), "close", 1, 0, 150, 160, b"rival"))
        tx.votes.vote_close(0, 100, 196, h("a"), b"vote a")
        tx.votes.vote_close(0, 100, 196, h("a"), b"vote a")
    for first, end in ((150, 160), (195, 300), (0, 101)):
        with pytest.raises(ConflictError), store.begin() as tx:
            tx.votes.vote_close(0, first, end, h("b"), b"vote b")
    with store.begin() as tx:
        assert tx.votes.voted(h("b")) is None
        assert tx.votes.voted_slots(0, 195, 198) == [h("a"), None, None]
        tx.votes.vote_close(1, 150, 160, h("c"), b"vote c")
        with pytest.raises(ConflictError, match="already voted"):
            tx.votes.vote(h("a"), b"other vote")
        assert tx.votes.voted(h("a")) == b"vote a"
        assert [c.hash for c in tx.votes.closes(0, 155, 156)] == [h("a"), h("b")]
        fault = FaultRow(0, 150, 160, b"close", b"rival")
        assert tx.votes.put_fault(fault)
        assert not tx.votes.put_fault(fault)
        assert tx.votes.faults(0) == tx.votes.faults() == [fault]


def test_late_cells_batches_and_releases_are_bound_once(tx: KeyholderTx) -> None:
    pids, slots = np.array([BIG, 4], np.uint64), np.array([100, 101])
    tx.votes.vote_late(0, 96, "day", pids, slots, h("a"))
    tx.votes.vote_late(0, 96, "day", pids, slots, h("a"))
    with pytest.raises(ConflictError):
        tx.votes.vote_late(0, 96, "day", pids[1:], slots[1:], h("b"))
    tx.votes.vote_late(0, 96, "night", pids[1:], slots[1:], h("b"))
    found, where = tx.votes.late_cells(0, 96, "day")
    assert (found.tolist(), where.tolist()) == ([BIG, 4], [100, 101])

    assert tx.votes.batch(0, 96, "bills") is None
    tx.votes.vote_batch(0, 96, "bills", h("c"))
    tx.votes.vote_batch(0, 96, "bills", h("c"))
    with pytest.raises(ConflictError):
        tx.votes.vote_batch(0, 96, "bills", h("d"))
    assert tx.votes.batch(0, 96, "bills") == h("c")

    assert tx.votes.put_release(h("q"), b"sums")
    assert not tx.votes.put_release(h("q"), b"sums")
    with pytest.raises(ConflictError):
        tx.votes.put_release(h("q"), b"other sums")
    assert (tx.votes.release(h("q")), tx.votes.release(h("r"))) == (b"sums", None)

    assert tx.votes.put_peer_votes([(1, h("a"), b"v1"), (2, h("a"), b"v2")]) == 2
    with pytest.raises(ConflictError):
        tx.votes.put_peer_vote(1, h("a"), b"v9")
    assert tx.votes.peer_votes(h("a")) == {1: b"v1", 2: b"v2"}


def fill(tx: KeyholderTx) -> None:
    drafts = [LedgerDraft("total", None, bytes([n]) * 16, b"public %d" % n) for n in range(3)]
    drafts += [LedgerDraft("fact", BIG, bytes([n]) * 16, b"sealed %d" % n) for n in (7, 8)]
    tx.ledger.append_many(drafts)
    tx.ledger.append("fact", 5, bytes(16), b"other")


def test_the_ledger_is_the_chain_of_the_protocol_and_survives_erasure(tx: KeyholderTx) -> None:
    assert tx.ledger.verify() == (0, bytes(32))
    fill(tx)
    head = tx.ledger.head()
    assert tx.ledger.verify() == head
    entries = tx.ledger.entries()
    digests = [body_digest(e.salt, e.body) for e in entries]
    assert check_chain(digests, [e.hash for e in entries]) == head[1] == tx.ledger.hash_at(6)
    assert [e.prev for e in entries] == [bytes(32), *(e.hash for e in entries[:-1])]
    assert [e.seq for e in tx.ledger.entries(home=BIG)] == [4, 5]
    assert [e.seq for e in tx.ledger.entries(after=1, limit=1, kind="total")] == [2]

    tx.ledger.put_keys([(BIG, b"key"), (5, b"key5")])
    assert tx.ledger.keys() == {BIG: b"key", 5: b"key5"}
    assert tx.ledger.erase_home(BIG) == 2
    assert tx.ledger.verify() == head
    assert {(e.salt, e.body) for e in tx.ledger.entries(home=BIG)} == {(b"", b"")}
    with pytest.raises(NotFoundError):
        tx.ledger.key(BIG)
    assert tx.ledger.key(5) == b"key5"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger SET body = 'x' WHERE seq = 2",
        "UPDATE ledger SET salt = body WHERE seq = 4",
        "UPDATE ledger SET digest = hash WHERE seq = 6",
        "UPDATE ledger SET hash = digest WHERE seq = 1",
        "DELETE FROM ledger WHERE seq = 3",
        "UPDATE ledger SET seq = 9 WHERE seq = 6",
    ],
)
def test_any_change_of_the_ledger_shows(tx: KeyholderTx, change: str) -> None:
    fill(tx)
    if tx.ledger._c.dialect.name == "sqlite":
        change = change.replace("'x'", "X'78'")
    tx.ledger._c.execute(sa.text(change))
    with pytest.raises(VerificationError, match="ledger"):
        tx.ledger.verify()


def test_a_peer_cannot_go_back_or_fork(tx: KeyholderTx) -> None:
    assert tx.ledger.peer_head(1) == (0, bytes(32))
    tx.ledger.put_peer_head(1, 5, h("a"))
    tx.ledger.put_peer_head(1, 5, h("a"))
    tx.ledger.put_peer_head(1, 9, h("b"))
    for seq, hash in ((8, h("a")), (9, h("c")), (0, bytes(32))):
        with pytest.raises(VerificationError, match="went back or forked"):
            tx.ledger.put_peer_head(1, seq, hash)
    assert tx.ledger.peer_head(1) == (9, h("b"))
    assert tx.ledger.put_peer_entries(1, 1, [b"one", b"two"]) == 2
    assert tx.ledger.put_peer_entries(1, 2, [b"two", b"three"]) == 1
    with pytest.raises(ConflictError):
        tx.ledger.put_peer_entries(1, 3, [b"drei"])
    assert tx.ledger.peer_entries(1, after=1) == [b"two", b"three"]
