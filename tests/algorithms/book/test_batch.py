"""The compiled book makes the trades of the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.book import Book, Kind, Log, match_log
from quietgrid.errors import InputError
from quietgrid.model.order import BUY, SELL, Force, Order, Trade

FORCES = {Kind.UNTIL: Force.UNTIL, Kind.NOW: Force.NOW, Kind.WHOLE: Force.WHOLE}
Row = tuple[int, int, int, int, int, int]
ROWS = st.lists(
    st.tuples(
        st.sampled_from([*FORCES, Kind.UNTIL, Kind.CANCEL]), st.sampled_from([BUY, SELL]), st.integers(0, 3),
        st.integers(0, 6), st.integers(1, 9), st.integers(0, 60),
    ),
    max_size=60,
)  # fmt: skip


def log_of(rows: list[Row]) -> Log:
    """Cancellations name an earlier row; the first row has none."""
    table = np.array(rows, np.int64).reshape(len(rows), 6)
    table[:, 5] %= np.maximum(np.arange(len(rows)), 1)
    if len(rows) and table[0, 0] == Kind.CANCEL:
        table[0, 0] = Kind.UNTIL
    return Log(*table.T)


def by_book(log: Log) -> tuple[list[Trade], list[int]]:
    """One after the other."""
    book, trades = Book(), list[Trade]()
    for row, (kind, side, party, tick, energy, target) in enumerate(
        zip(*(c.tolist() for c in (log.kind, log.side, log.party, log.tick, log.energy_wh, log.target)), strict=True)
    ):
        if kind == Kind.CANCEL:
            if book.left_wh(str(target)):
                book.cancel(str(target))
            continue
        trades += book.place(Order(str(row), f"p{party}", side, tick, energy, FORCES[Kind(kind)])).trades
    return trades, [book.left_wh(str(row)) for row in range(len(log))]


@given(ROWS)
def test_as_one_by_one(rows: list[Row]) -> None:
    log = log_of(rows)
    found = match_log(log)
    trades, left = by_book(log)
    assert [(t.buy, t.sell, t.tick, t.energy_wh) for t in trades] == [
        (str(b), str(s), t, e)
        for b, s, t, e in zip(*(c.tolist() for c in (found.buy, found.sell, found.tick, found.energy_wh)), strict=True)
    ]
    assert left == found.left_wh.tolist()
    assert [(t.buy if t.taker == BUY else t.sell) for t in trades] == [str(row) for row in found.taker.tolist()]


def test_many() -> None:
    rng = np.random.default_rng(5)
    n = 4_000
    kind = rng.choice([Kind.UNTIL, Kind.UNTIL, Kind.NOW, Kind.WHOLE, Kind.CANCEL], n).astype(np.int64)
    side = rng.choice([BUY, SELL], n)
    tick = np.clip(300 - side * rng.normal(5, 20, n), 0, 599).astype(np.int64)
    target = (rng.random(n) * np.arange(n)).astype(np.int64)
    kind[0] = Kind.UNTIL
    log = Log(kind, side, rng.integers(0, 50, n), tick, rng.integers(1, 900, n), target)
    found, (trades, left) = match_log(log), by_book(log)
    assert len(found) == len(trades) > 1_000
    assert found.left_wh.tolist() == left
    assert found.energy_wh.tolist() == [t.energy_wh for t in trades]


def test_refused() -> None:
    def one(kind: int, side: int, tick: int, energy: int, target: int = 0) -> Log:
        return Log(*(np.array([v], np.int64) for v in (kind, side, 0, tick, energy, target)))

    for wrong in ((7, 1, 1, 1), (0, 0, 1, 1), (0, 1, -1, 1), (0, 1, 1, 0), (0, 1, 1 << 20, 1), (3, 0, 0, 0)):
        with pytest.raises(InputError):
            one(*wrong)
    assert len(match_log(Log(*(np.zeros(0, np.int64),) * 6))) == 0
