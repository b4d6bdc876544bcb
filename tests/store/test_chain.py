"""The outbox's rows, events and postings, on both engines."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quietgrid.errors import ConflictError, NotFoundError
from quietgrid.model import ManualClock
from quietgrid.model.posting import Posting
from quietgrid.model.sending import Attempt, ChainEvent, SendState
from quietgrid.store import open_platform
from quietgrid.store.stores import PlatformStore

ME = "0x" + "ab" * 20
_batches = itertools.count()


@pytest.fixture
def store(url: Callable[[], str], clock: ManualClock) -> Iterator[PlatformStore]:
    opened = open_platform(url(), clock)
    yield opened
    opened.close()


def test_a_sending_keeps_its_attempts_and_its_order(store: PlatformStore) -> None:
    with store.begin() as tx:
        assert tx.chain.queue("a", ME, "0x1", b"\1", "One.do")
        assert tx.chain.queue("b", ME, "0x1", b"\2", "One.do")
        assert not tx.chain.queue("a", ME, "0x1", b"\1", "One.do")
        with pytest.raises(ConflictError):
            tx.chain.queue("a", ME, "0x1", b"\3", "One.do")
    with store.begin() as tx:
        first, second = tx.chain.open_sendings(ME)
        assert (first.key, second.key) == ("a", "b")
        sent = replace(first, state=SendState.SENT, nonce=0, attempts=(Attempt("0xh1", b"raw", 9, 5, 1.0),))
        tx.chain.save(sent)
        tx.chain.save(replace(sent, attempts=(*sent.attempts, Attempt("0xh2", b"raw2", 9, 6, 2.0))))
    with store.read() as tx:
        assert [a.raw for a in tx.chain.sending("a").attempts] == [b"raw", b"raw2"]
        assert tx.chain.sending_counts()["sent"] == 1
        assert [one.key for one in tx.chain.sendings(limit=1)] == ["b"]
        with pytest.raises(NotFoundError):
            tx.chain.sending("c")


def test_settled_ones_come_back_by_nonce(store: PlatformStore) -> None:
    with store.begin() as tx:
        for number in range(4):
            tx.chain.queue(str(number), ME, "0x1", b"", "One.do")
        for one in tx.chain.open_sendings(ME):
            tx.chain.save(replace(one, state=SendState.CONFIRMED, nonce=one.seq - 1, settled=True))
        assert tx.chain.open_sendings(ME) == []
        assert [one.nonce for one in tx.chain.lost_from(ME, 2)] == [2, 3]


def test_events_go_with_their_checkpoint(store: PlatformStore) -> None:
    def event(block: int) -> ChainEvent:
        return ChainEvent(block, 0, f"0x{block}", f"0xt{block}", "DailyRoots", ME, "RootAnchored", {"day": block})

    with store.begin() as tx:
        tx.chain.take_events([event(1), event(2)], 2, "0x2")
        tx.chain.take_events([event(3)], 4, "0x4")
        assert tx.chain.checkpoint() == (4, "0x4")
        assert [e.block for e in tx.chain.events()] == [3, 2, 1]
        assert [e.block for e in tx.chain.events(before=(3, 0))] == [2, 1]
        assert tx.chain.rewind(4) == 2
        assert [e.block for e in tx.chain.events()] == [2, 1]
        assert tx.chain.rewind(1) == 0
        assert tx.chain.events() == []


def test_posting_twice_changes_nothing(store: PlatformStore) -> None:
    batch = [Posting("b1:0", "home:1", "supplier", 500, 10, "bill"), Posting("b1:1", "home:1", "tax", 95, 0, "bill")]
    with store.begin() as tx:
        assert tx.postings.post(batch, 0) == 2
        assert tx.postings.post(batch, 0) == 0
        assert tx.postings.balances() == {"home:1": 595, "supplier": -500, "tax": -95}
        with pytest.raises(ConflictError):
            tx.postings.post([replace(batch[0], amount_micro=501)], 0)
        tx.postings.settle(["b1:0"], "batch 1")
        tx.postings.settle(["b1:0"], "batch 1")
        with pytest.raises(ConflictError):
            tx.postings.settle(["b1:0"], "batch 2")
        assert [p.id for p in tx.postings.unsettled()] == ["b1:1"]
        assert tx.postings.of_batch("batch 1") == batch[:1]
        assert tx.postings.unsettled(until=0) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(batch=st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd"), st.integers(0, 2**40)), max_size=20))
def test_the_ledger_sums_to_zero(store: PlatformStore, batch: list[tuple[str, str, int]]) -> None:
    name = next(_batches)
    with store.begin() as tx:
        tx.postings.post([Posting(f"{name}:{i}", d, c, a, 0, "x") for i, (d, c, a) in enumerate(batch)], 0)
        assert sum(tx.postings.balances().values()) == 0
