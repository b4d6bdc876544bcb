"""The peers of `auction`, each given the same orders in its own form. One that is not installed is None."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

Row = tuple[int, int, int]
"""(side, tick, energy)."""
Peer = Callable[[list[Row]], Callable[[], tuple[int, int]]]
"""Takes orders; gives the work, which returns (energy traded, price by the peer's rule)."""


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def gsy() -> Peer | None:
    """gsy-framework, pay as clear (GPL). It has no release on PyPI: put a checkout on PYTHONPATH."""
    found = _module("gsy_framework.matching_algorithms")
    if found is None:
        return None

    def prepared(rows: list[Row]) -> Callable[[], tuple[int, int]]:
        orders = [{"id": str(n), "energy": float(e), "energy_rate": float(t)} for n, (_, t, e) in enumerate(rows)]
        bids = [o for o, row in zip(orders, rows, strict=True) if row[0] > 0]
        asks = [o for o, row in zip(orders, rows, strict=True) if row[0] < 0]

        def work() -> tuple[int, int]:
            slot = {"bids": bids, "offers": asks, "current_time": "now"}
            matches = found.PayAsClearMatchingAlgorithm().get_matches_recommendations({"area": {"slot": slot}})
            energy = sum(match["selected_energy"] for match in matches)
            return round(energy), round(matches[0]["trade_rate"])

        return work

    return prepared


def assume() -> Peer | None:
    """ASSUME, pay as clear (AGPL: in an environment of its own, `requirements-bench.txt`)."""
    roles = _module("assume.markets.clearing_algorithms.simple")
    objects = _module("assume.common.market_objects")
    if roles is None or objects is None:
        return None
    rrule = importlib.import_module("dateutil.rrule")
    start = datetime(2026, 1, 1)  # the peer's own dates have no zone
    hour = timedelta(hours=1)
    product = (start, start + hour, None)

    def prepared(rows: list[Row]) -> Callable[[], tuple[int, int]]:
        hours = rrule.rrule(rrule.HOURLY, dtstart=start, until=start + 24 * hour)
        config = objects.MarketConfig(
            market_id="m", opening_hours=hours, opening_duration=hour,
            market_mechanism="pay_as_clear", market_products=[objects.MarketProduct(hour, 1, hour)],
            additional_fields=[], maximum_bid_volume=1e12,
        )  # fmt: skip
        role = roles.PayAsClearRole(config)

        def work() -> tuple[int, int]:
            book = [{"start_time": start, "end_time": start + hour, "only_hours": None, "price": t, "volume": -s * e,
                     "agent_addr": "a", "bid_id": str(n)} for n, (s, t, e) in enumerate(rows)]  # fmt: skip
            accepted, _, _, _ = role.clear(book, [product])
            sold = [order for order in accepted if order["volume"] > 0]
            return sum(order["accepted_volume"] for order in sold), max(order["price"] for order in sold)

        return work

    return prepared
