"""Every test of the store runs on SQLite and on PostgreSQL (skipped with the reason where there is none)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.cluster import Cluster, NoPostgres
from quietgrid.model import ManualClock

_numbers = itertools.count()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    try:
        running = Cluster()
    except NoPostgres as error:
        pytest.skip(f"no PostgreSQL: {error}")
    yield running
    running.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes the address of a new, empty database."""
    if request.param == "sqlite":
        return lambda: str(tmp_path / f"{next(_numbers)}.db")
    cluster = request.getfixturevalue("cluster")
    return lambda: cluster.database(f"test{next(_numbers)}")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_728_000_000.0)
