"""One leader at a time; a leader that lost its lock cannot write, even if it does not know."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.cluster import Cluster
from quietgrid.errors import ConfigError, UnavailableError
from quietgrid.store import open_platform
from quietgrid.store.leader import LOCK, Leadership, leader_of

PATIENCE_S = 30.0


@pytest.fixture
def url(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    return cluster.database(f"leader{abs(hash(request.node.name)) % 10**8}")


def cut(url: str) -> None:
    """Have the server end the connection that holds the lock, as if the leader's machine had gone."""
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        where = f"locktype = 'advisory' AND objid = {LOCK} AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"  # noqa: E501
        assert (
            connection.execute(sa.text(f"SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE {where}")).scalar()
            == 1
        )
    engine.dispose()


def test_the_second_leads_once_the_first_has_let_go(url: str) -> None:
    first, second = Leadership(url), Leadership(url)
    assert leader_of(url) is None
    led = first.wait()
    assert led is not None
    assert led.epoch == 1
    looks = iter([False] * 5 + [True])
    assert second.wait(lambda: next(looks)) is None, "it waits"
    first.close()
    follower = second.wait()
    assert follower is not None
    assert (follower.epoch, leader_of(url)) == (2, follower)
    second.close()


def test_a_leader_that_lost_its_lock_cannot_write(url: str) -> None:
    first, second = Leadership(url), Leadership(url)
    first.wait()
    store = open_platform(url)
    store.guard(first.fence)
    with store.begin() as tx:
        tx.documents.put("note", "1", b"by the first")
    told = threading.Event()
    first.watch(told.set)
    cut(url)
    assert second.wait() is not None
    with pytest.raises(UnavailableError, match="another platform process leads"), store.begin() as tx:
        tx.documents.put("note", "2", b"by the first")
    assert told.wait(PATIENCE_S), "it is told that it does not lead any more"
    with store.read() as tx:
        assert tx.documents.all("note") == {"1": b"by the first"}
    store.close()
    first.close()
    second.close()


def test_the_next_leader_waits_for_what_is_being_written(url: str) -> None:
    first, second = Leadership(url), Leadership(url)
    first.wait()
    store = open_platform(url)
    store.guard(first.fence)
    waiting = threading.Thread(target=second.wait)
    with store.begin() as tx:
        cut(url)
        waiting.start()
        time.sleep(0.5)
        assert leader_of(url) == first.leader, "it has not come yet"
        tx.documents.put("note", "1", b"before the second")
    waiting.join(PATIENCE_S)
    assert second.leader == leader_of(url)
    with store.read() as tx:
        assert tx.documents.all("note") == {"1": b"before the second"}
    store.close()
    first.close()
    second.close()


def test_sqlite_has_no_standby(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs PostgreSQL"):
        Leadership(str(tmp_path / "platform.db"))
