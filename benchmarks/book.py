"""`book`: the continuous book against pyorderbook and lightmatchingengine, the same orders, trades equal."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.measure import alternate, bar, cpu_seconds
from quietgrid.algorithms.book import Book, Log, match_log
from quietgrid.model.order import BUY, SELL, Order, Trade

NAME = "book"

NEED = 20
EARLIER = {"pyorderbook": 33_000, "lightmatchingengine": 25_000}
"""Orders a second, where a peer is not installed."""

Row = tuple[int, int, int]
Executions = list[tuple[int, int]]
"""(tick, energy) of every trade, in order."""


def drawn(count: int, seed: int = 3) -> list[Row]:
    """(side, tick, energy) of orders around a price, on a fine grid: about half trade as they come, the others wait."""
    rng = np.random.default_rng(seed)
    side = rng.choice([BUY, SELL], count)
    tick = np.clip(2_500 - side * rng.normal(200, 400, count), 1, 4_999).astype(int)
    return list(zip(side.tolist(), tick.tolist(), rng.integers(1, 2_000, count).tolist(), strict=True))


def ours(rows: list[Row]) -> Executions:
    """Objects made, placed and matched."""
    book = Book()
    found: Executions = []
    for n, (side, tick, energy) in enumerate(rows):
        for trade in book.place(Order(str(n), str(n), side, tick, energy)).trades:
            found.append((trade.tick, trade.energy_wh))
    return found


def pyorderbook(rows: list[Row]) -> Executions:
    """pyorderbook (its price is the better one for who comes later, as ours)."""
    book_module, order_module = (importlib.import_module(f"pyorderbook.{name}") for name in ("book", "order"))
    book = book_module.Book()
    found: Executions = []
    for side, tick, energy in rows:
        order = (order_module.bid if side == BUY else order_module.ask)("E", tick, energy)
        found += [(int(trade.fill_price), trade.fill_quantity) for trade in book.match(order).trades]
    return found


def lightmatchingengine(rows: list[Row]) -> Executions:
    """lightmatchingengine; every other of its trades is the passive side's."""
    module = importlib.import_module("lightmatchingengine.lightmatchingengine")
    engine = module.LightMatchingEngine()
    found: Executions = []
    for n, (side, tick, energy) in enumerate(rows, start=1):
        _, trades = engine.add_order("E", tick, energy, 1 if side == BUY else 2)
        found += [(int(trade.trade_price), int(trade.trade_qty)) for trade in trades if trade.order_id != n]
    return found


def log_of(rows: list[Row]) -> Log:
    """The same orders as columns."""
    table = np.array(rows, np.int64)
    n = len(table)
    return Log(np.zeros(n, np.int64), table[:, 0], np.arange(n), table[:, 1], table[:, 2], np.zeros(n, np.int64))


def whole(rows: list[Row]) -> list[Trade]:
    """The whole log at once, from Python objects to trade objects."""
    found = match_log(log_of(rows))
    columns = (found.buy, found.sell, found.tick, found.energy_wh)
    return [
        Trade(n, str(b), str(s), t, e, BUY)
        for n, (b, s, t, e) in enumerate(zip(*(column.tolist() for column in columns), strict=True), start=1)
    ]


PEERS: dict[str, Callable[[list[Row]], Executions]] = {
    "pyorderbook": pyorderbook, "lightmatchingengine": lightmatchingengine,
}  # fmt: skip


def run(quick: bool) -> dict[str, Any]:
    """The same orders through each."""
    rows = drawn(2_000 if quick else 50_000)
    mine = ours(rows)
    peers: dict[str, dict[str, Any]] = {}
    bars, ratios, notes = [], {}, []
    works: dict[str, Callable[[], object]] = {"ours": lambda: ours(rows), "whole": lambda: whole(rows)}
    same = [(trade.tick, trade.energy_wh) for trade in whole(rows)] == mine
    equal = {}
    for name, work in PEERS.items():
        try:
            theirs = work(rows)
        except ImportError:
            notes.append(f"{name} is not installed here: its figure is an earlier one, of another day.")
            continue
        equal[name] = theirs == mine
        works[name] = lambda w=work: w(rows)  # type: ignore[misc]
    times = alternate(works, 2 if quick else 5)
    speed, log_speed = len(rows) / times["ours"], len(rows) / times["whole"]
    large = log_of(drawn(20_000 if quick else 2_000_000))
    columns = len(large) / min(cpu_seconds(lambda: match_log(large)) for _ in range(3))
    for name in PEERS:
        rate = len(rows) / times[name] if name in times else EARLIER[name]
        peers[name] = {"orders_a_cpu_s": round(rate), "measured": "now" if name in times else "earlier"}
        ratios[name], ratios[f"{name}, whole log"] = speed / rate, log_speed / rate
        bars.append(
            bar(f"times the orders a CPU second of {name}, a whole log, objects on both sides", NEED, log_speed / rate)
        )
        bars.append(bar(f"times the orders a CPU second of {name}, one by one", 1, speed / rate))
        if name in equal:
            bars.append(bar(f"all trades equal to {name}'s", 1, float(equal[name])))
    bars.append(bar("a whole log makes the trades of one by one", 1, float(same)))
    return {
        "name": NAME,
        "work": f"{len(rows):,} orders of one period, {len(mine):,} trades; objects made on all sides",
        "ours": {"orders_a_cpu_s": round(speed), "whole_log": round(log_speed), "columns_only": round(columns)},
        "peers": peers,
        "ratios": ratios,
        "bars": bars,
        "note": " ".join(["Ours also refuses a used id and a party's trade with itself, and keeps expiries.", *notes]),
    }
