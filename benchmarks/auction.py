"""`auction`: one call auction against those of gsy-framework and ASSUME, with match objects; growth to 10 M orders."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks.auction_peers import Peer, Row, assume, gsy
from benchmarks.measure import alternate, bar, cpu_seconds, peak_memory_mb
from quietgrid.algorithms.clearing import clear, curves, pair
from quietgrid.model.order import BUY, SELL, Orders

NAME = "auction"

TICKS = 50_000
GSY_S, ASSUME_S = 0.232, 3.6
"""Figures from before, where a peer is not installed: 1k + 1k, and 10k + 10k."""
NEED = 100
Rule = Callable[[Orders], tuple[int, int]]
NOTE = (
    "Ours moves as much energy as any price can, shares the marginal tick in proportion and prices in the middle of "
    "what is possible. ASSUME serves the margin in order and prices at the highest accepted ask: energy and that ask "
    "are compared. gsy-framework takes the first price asked for that supply covers, which may move less: its energy "
    "and price are compared with our curves read by its rule."
)


class Match(NamedTuple):
    """What peers make for each trade, as an object."""

    buy: int
    sell: int
    energy_wh: int
    tick: int


def drawn(count: int, seed: int = 1) -> Orders:
    """`count` orders to buy and as many to sell, prices around each other, rarely two alike."""
    rng = np.random.default_rng(seed)
    side = np.repeat(np.array([1, -1], np.int8), count)
    tick = np.clip(np.where(side > 0, rng.normal(28e3, 6e3, 2 * count), rng.normal(22e3, 6e3, 2 * count)), 1, TICKS - 1)
    return Orders(side, tick.astype(np.int32), rng.integers(1, 3_000, 2 * count))


def rows_of(orders: Orders) -> list[Row]:
    """The same as Python objects."""
    return list(zip(orders.side.tolist(), orders.tick.tolist(), orders.energy_wh.tolist(), strict=True))


def matched(rows: list[Row]) -> list[Match]:
    """From a list of orders to a list of matches: what the peers do, columns between."""
    table = np.array(rows, np.int64)
    orders = Orders(table[:, 0].astype(np.int8), table[:, 1].astype(np.int32), table[:, 2])
    found = clear(orders, TICKS)
    made = pair(orders, found.fills_wh)
    tick = found.tick or 0
    return [
        Match(b, s, e, tick)
        for b, s, e in zip(made.buy.tolist(), made.sell.tolist(), made.energy_wh.tolist(), strict=True)
    ]


def first_covered(orders: Orders) -> tuple[int, int]:
    """gsy-framework's rule: energy and price where supply first covers what is wanted."""
    found = curves(orders, TICKS)
    bid = np.unique(orders.tick[orders.side == BUY])
    tick = int(bid[found.net_wh[bid] <= 0][0])
    return int(found.demand_wh[tick]), tick


def highest_ask(orders: Orders) -> tuple[int, int]:
    """ASSUME's: energy, and the highest price asked that was accepted."""
    found = clear(orders, TICKS)
    return found.sold_wh, int(orders.tick[(orders.side == SELL) & (found.fills_wh > 0)].max())


def compared(count: int, peer: Peer, rule: Rule, repeats: int) -> dict[str, Any]:
    """Both on the same orders: CPU seconds, and whether they agree."""
    orders = drawn(count)
    rows = rows_of(orders)
    work = peer(rows)
    theirs = work()
    times = alternate({"ours": lambda: matched(rows), "peer": work}, repeats)
    return {"orders": f"{count:,}+{count:,}", "cpu_s": round(times["peer"], 4), "ours_cpu_s": round(times["ours"], 6),
            "ratio": times["peer"] / times["ours"], "same": theirs == rule(orders),
            "energy_and_price": theirs}  # fmt: skip


def grown(sizes: list[int]) -> dict[str, float]:
    """Million orders a CPU second at each size, columns in and columns out."""
    found = {}
    for size in sizes:
        orders = drawn(size // 2)
        clear(orders, TICKS)
        found[f"{size:,}"] = round(size / min(cpu_seconds(partial(clear, orders, TICKS)) for _ in range(3)) / 1e6, 1)
    return found


def run(quick: bool) -> dict[str, Any]:
    """Both peers, and growth."""
    small, large = (100, 500) if quick else (1_000, 10_000)
    peers: dict[str, dict[str, Any]] = {}
    ratios, notes = {}, []
    for name, made, count, rule, before in (
        ("gsy-framework", gsy(), small, first_covered, GSY_S), ("ASSUME", assume(), large, highest_ask, ASSUME_S)
    ):  # fmt: skip
        if made is not None:
            peers[name] = compared(count, made, rule, 3)
            ratios[name] = peers[name]["ratio"]
        elif not quick:
            rows = rows_of(drawn(count))
            ours = alternate({"ours": partial(matched, rows)}, 5)["ours"]
            peers[name] = {
                "orders": f"{count:,}+{count:,}",
                "cpu_s": before,
                "ours_cpu_s": round(ours, 6),
                "measured": "earlier",
            }
            ratios[name] = before / ours
            notes.append(f"{name} is not installed here: its figure is an earlier one, of another day.")
    sizes = [10_000, 100_000] if quick else [10_000, 100_000, 1_000_000, 10_000_000]
    begin = time.process_time()
    growth = grown(sizes)
    bars = [bar(f"times less CPU than {name}, {peers[name]['orders']}, match objects on both sides", NEED, ratio)
            for name, ratio in ratios.items()]  # fmt: skip
    bars += [bar(f"energy and price by {name}'s rule equal to its own", 1, float(peer["same"]))
             for name, peer in peers.items() if "same" in peer]  # fmt: skip
    last, first = growth[f"{sizes[-1]:,}"], growth[f"{sizes[1]:,}"]
    bars.append(bar("speed at the largest book over that at 100,000 orders (near-linear growth)", 0.33, last / first))
    return {
        "name": NAME,
        "work": f"one interval, {TICKS} ticks, orders drawn around each other",
        "ours": {"million_orders_a_cpu_s": growth, "grown_cpu_s": round(time.process_time() - begin, 1),
                 "peak_mb": peak_memory_mb()},
        "peers": peers,
        "ratios": ratios,
        "bars": bars,
        "note": " ".join([NOTE, *notes]),
    }  # fmt: skip
