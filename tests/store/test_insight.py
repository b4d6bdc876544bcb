"""Keys and questions of encrypted comparisons: one key a home, others' are not there, nothing stays behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from quietgrid.model.interval import ManualClock
from quietgrid.store import PlatformStore, open_platform
from quietgrid.store.insight import DONE, FAILED, WAITING, RequestRow

HOME, OTHER = 1001, 2**64 - 1


def row(id: str, home: int = HOME, at: float = 5.0) -> RequestRow:
    return RequestRow(id, home, "k" * 32, b"f", b"m", b"p", b"x", WAITING, b"", 0, "", at, None)


@pytest.fixture
def store(tmp_path: Path) -> PlatformStore:
    return open_platform(tmp_path / "p.db", ManualClock(100.0))


def test_one_key_a_home_and_one_home_a_key(store: PlatformStore) -> None:
    with store.begin() as tx:
        tx.insight.put_key(HOME, "a" * 32, 30, b"1")
        tx.insight.put_key(HOME, "b" * 32, 31, b"2")
        tx.insight.put_key(OTHER, "c" * 32, 32, b"3")
        assert [(one.home, one.key_id) for one in tx.insight.all_keys()] == [(HOME, "b" * 32), (OTHER, "c" * 32)]
        assert tx.insight.key_of(1) is None
    with pytest.raises(IntegrityError), store.begin() as tx:
        tx.insight.put_key(OTHER, "b" * 32, 31, b"2")


def test_a_question_is_answered_once_and_seen_by_its_home_only(store: PlatformStore) -> None:
    with store.begin() as tx:
        tx.insight.ask(row("q1"))
        tx.insight.ask(row("q2", OTHER, 4.0))
        assert [one.id for one in tx.insight.waiting()] == ["q2", "q1"]
        assert tx.insight.find(HOME, "q2") is None
        tx.insight.finish("q1", b"answer", 7)
        tx.insight.finish("q1", b"another", 8, "too late")
        tx.insight.finish("q2", b"", 9, "broke off")
        found = tx.insight.find(HOME, "q1")
        assert found is not None
        assert (found.state, found.answer, found.cpu_ms, found.done_at) == (DONE, b"answer", 7, 100.0)
        assert [one.state for one in tx.insight.of_home(OTHER)] == [FAILED]
        assert not tx.insight.drop(HOME, "q2")
        assert tx.insight.drop(OTHER, "q2")


def test_forgetting_leaves_nothing(store: PlatformStore) -> None:
    with store.begin() as tx:
        tx.insight.put_key(HOME, "a" * 32, 30, b"1")
        tx.insight.ask(row("q1"))
        tx.insight.ask(row("q2", OTHER, 50.0))
        assert tx.insight.forget(HOME) == "a" * 32
        assert tx.insight.forget(HOME) == ""
        assert (tx.insight.of_home(HOME), tx.insight.key_of(HOME)) == ([], None)
        assert (tx.insight.prune(50.0), tx.insight.prune(51.0)) == (0, 1)
