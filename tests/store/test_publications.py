"""Published statistics in the store: once, for ever, with who paid what; on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from quietgrid.errors import ConflictError
from quietgrid.model import ManualClock
from quietgrid.store import PlatformStore, open_platform
from quietgrid.store.publications import PublicationParts

BIG = 2**64 - 3


@pytest.fixture
def store(url: Callable[[], str], clock: ManualClock) -> Iterator[PlatformStore]:
    opened = open_platform(url(), clock)
    yield opened
    opened.close()


def parts(*homes: int, epsilon: int = 500, year: int = 2026) -> PublicationParts:
    return PublicationParts(
        np.array(homes, np.uint64), ["all homes"] * len(homes), year, np.full(len(homes), epsilon, np.int64)
    )


def put(store: PlatformStore, statistic: str, first: int, who: PublicationParts, signed: bytes = b"s") -> bool:
    digest = f"{statistic}{first}{signed!r}".encode().ljust(32, b".")
    with store.begin() as tx:
        return tx.publications.put(statistic, first, first + 10, digest, signed, who)


def test_a_statistic_of_a_period_is_kept_once(store: PlatformStore) -> None:
    assert put(store, "use", 0, parts(7, BIG))
    assert not put(store, "use", 0, parts(7, BIG))
    with pytest.raises(ConflictError):
        put(store, "use", 0, parts(7, BIG), b"another draw")
    with pytest.raises(ConflictError):
        put(store, "use", 0, parts(7, BIG, epsilon=1))
    put(store, "use", 10, parts(7), b"later")
    put(store, "spread", 0, parts(7), b"counts")
    with store.read() as tx:
        assert tx.publications.find("use", 0, 10) == b"s"
        assert tx.publications.find("use", 0, 11) is None
        assert tx.publications.all() == [b"later", b"counts", b"s"]
        found = tx.publications.parts(0, 10)
        assert sorted(found) == ["spread", "use"]
        assert sorted(found["use"].homes.tolist()) == [7, BIG]
        assert tx.publications.of_home(BIG) == [(b"s", "all homes", 500)]


def test_what_homes_spent_adds_up_by_year(store: PlatformStore) -> None:
    put(store, "use", 0, parts(7, 8, BIG))
    put(store, "spread", 0, parts(7, epsilon=250), b"counts")
    put(store, "bands", 0, parts(7, 8, epsilon=0), b"plain")
    put(store, "use", 10, parts(8, year=2027), b"next year")
    with store.read() as tx:
        spent = {(row.home, row.year): (row.epsilon_milli, row.statistics) for row in tx.publications.spent()}
        assert spent == {(7, 2026): (750, 3), (8, 2026): (500, 2), (BIG, 2026): (500, 1), (8, 2027): (500, 1)}
        assert {row.home for row in tx.publications.spent(2027)} == {8}
        assert tx.publications.most_spent(2026) == (750, 3)
        assert tx.publications.most_spent(2030) == (0, 0)
        pages = [tx.publications.spent(2026, 2, offset) for offset in (0, 2, 4)]
        assert [len(page) for page in pages] == [2, 1, 0]
        assert {row.home for page in pages for row in page} == {7, 8, BIG}
