"""What a kilowatt-hour costs the home, from its own bill: what advice is worth to it.

Privacy: reads the home's newest bill and published prices; nothing leaves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from quietgrid.algorithms.advice import Prices
from quietgrid.algorithms.weights import local_hours
from quietgrid.model.interval import Window
from quietgrid.model.quantity import WH_PER_KWH, divide_half_even, share_bp
from quietgrid.model.readings import IMPORT

BLOCK = re.compile(r"^(over )?[\d.]+(-[\d.]+)? kWh$")
"""How the blocks of a block tariff are called on a bill (`billing.lines.block_name`)."""
FeedPrices = Callable[[str, Window], "np.ndarray[tuple[int], np.dtype[np.int64]]"]
HOURS = 24


class BillLine(msgspec.Struct, frozen=True):
    """The part of a bill's line that prices are read from."""

    kind: str
    name: str
    register: int
    quantity: int
    price_micro: int
    amount_micro: int
    vat_bp: int
    estimated: bool = False


class PricedBill(msgspec.Struct, frozen=True):
    """The part of an encoded bill that prices are read from."""

    window: Window
    tz: str
    currency: str
    lines: list[BillLine]
    version: int = 0


def prices_of_bills(bills: Sequence[bytes], month: Window, feed: FeedPrices) -> Prices | None:
    """What a kilowatt-hour costs, with VAT, by the bill of a month, else by the newest; None without a bill.

    Of a block tariff: the price of the block that was reached, since what is saved is saved there. Of a real-time
    tariff: the feed's mean in its cheapest and its dearest hour of the day, and what is added to it.

    Args:
        bills: encoded. feed: name and window -> micro-money per kWh, int64 [t].

    Raises:
        UnavailableError, VerificationError: published prices cannot be had, or do not hold.
    """
    read = [msgspec.msgpack.decode(bill, type=PricedBill) for bill in bills]
    usable = [bill for bill in read if _energy(bill)]
    if not usable:
        return None
    bill = max(usable, key=lambda one: (one.window == month, one.window.first, one.version))
    lines = _energy(bill)
    vat = lines[0].vat_bp
    spent = sum(line.amount_micro for line in bill.lines if line.kind in ("surcharge", "excess"))
    kwh_wh = max(1, sum(line.quantity for line in lines))
    mean = divide_half_even((spent + sum(line.amount_micro for line in lines)) * WH_PER_KWH, kwh_wh)
    if all(BLOCK.match(line.name) for line in lines):
        reached = [line.price_micro for line in lines if line.quantity]
        low = high = mean = reached[-1] if reached else lines[0].price_micro
    elif lines[0].kind == "real-time":
        low, high = _spread(bill, feed(lines[0].name, bill.window))
    else:
        charged = [line.price_micro for line in lines]
        low, high = min(charged), max(charged)
    return Prices(bill.currency, *(price + share_bp(price, vat) for price in (mean, low, high)))


def _energy(bill: PricedBill) -> list[BillLine]:
    kinds = ("energy", "real-time", "band-mean")
    return [line for line in bill.lines if line.kind in kinds and line.register == IMPORT and not line.estimated]


def _spread(bill: PricedBill, prices: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[int, int]:
    hours = local_hours(bill.window, bill.tz) % HOURS
    means = [divide_half_even(int(prices[hours == h].sum()), max(1, int((hours == h).sum()))) for h in range(HOURS)]
    added = [line.price_micro for line in bill.lines if line.kind == "surcharge" and not line.estimated]
    return min(means) + min(added, default=0), max(means) + max(added, default=0)
