"""Who trades with whom, once an auction has said how much everybody trades at which price.

Pairs change nobody's money: the price is one. They exist for the pleasure of buying from a neighbour or a partner, for
certificates of origin, and because a ledger wants two sides. So pairing comes after clearing and apart from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError
from quietgrid.model.order import BUY, Ints, Orders

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Trades as columns.

    Args:
        buy, sell: int64 [m], rows of the orders. energy_wh: int64 [m], positive.
    """

    buy: Ints
    sell: Ints
    energy_wh: Ints

    def __len__(self) -> int:
        return len(self.buy)


def pair(orders: Orders, fills_wh: Ints) -> Pairs:
    """Pair what was bought with what was sold, each side in order of its rank.

    Args:
        orders: n of them. fills_wh: int64 [n], as `clear` made them. Where more was bought than sold (or the reverse:
            energy exchanged with other zones), the last of the longer side go without a partner.

    Returns:
        At most as many pairs as there are filled orders less one.

    Cost: two sorts of the filled orders, then columns.

    >>> book = Orders(np.array([1, 1, -1], np.int8), np.array([5, 3, 3], np.int32), np.array([40, 60, 70]))
    >>> made = pair(book, np.array([40, 30, 70]))
    >>> list(zip(made.buy.tolist(), made.sell.tolist(), made.energy_wh.tolist()))
    [(0, 2, 40), (1, 2, 30)]
    """
    buys, sells = _filled(orders, fills_wh)
    return _merged(buys, sells, fills_wh)


def pair_preferring(orders: Orders, fills_wh: Ints, keys: list[tuple[Ints, Ints]]) -> Pairs:
    """Pair by preference first: in each round only buyers and sellers with the same key, then the rest.

    Args:
        orders, fills_wh: See `pair`. keys: Rounds, the dearest wish first; each two int64 [n]: what a buyer seeks and
            what a seller is (a partner's pair number, a group, 1 for green); negative: does not take part.

    Returns:
        Pairs in the order they were made. Their sums an order are those of `fills_wh`.

    Raises:
        InputError: a round whose columns do not fit.
    """
    buys, sells = _filled(orders, fills_wh)
    left, made = fills_wh.copy(), list[Pairs]()
    for sought, offered in keys:
        if not len(sought) == len(offered) == len(orders):
            raise InputError("a round of preferences does not fit the orders", where="keys", fix="one row an order")
        made += _round(buys, sells, left, sought, offered)
    made.append(_merged(buys[left[buys] > 0], sells[left[sells] > 0], left))
    return Pairs(*(np.concatenate([getattr(part, name) for part in made]) for name in ("buy", "sell", "energy_wh")))


def _filled(orders: Orders, fills_wh: Ints) -> tuple[Rows, Rows]:
    filled = np.flatnonzero(fills_wh)
    filled = filled[np.argsort(orders.rank[filled], kind="stable")]
    buys = orders.side[filled] == BUY
    return filled[buys], filled[~buys]


def _round(buys: Rows, sells: Rows, left: Ints, sought: Ints, offered: Ints) -> list[Pairs]:
    """All keys of a round; what is paired is taken from `left`."""
    wanting = buys[(sought[buys] >= 0) & (left[buys] > 0)]
    giving = sells[(offered[sells] >= 0) & (left[sells] > 0)]
    made = []
    for key in np.intersect1d(sought[wanting], offered[giving]).tolist():
        some = _merged(wanting[sought[wanting] == key], giving[offered[giving] == key], left)
        np.subtract.at(left, some.buy, some.energy_wh)
        np.subtract.at(left, some.sell, some.energy_wh)
        made.append(some)
    return made


def _merged(buys: Rows, sells: Rows, amounts: Ints) -> Pairs:
    """Lay both sides end to end; a pair is what lies between two neighbouring ends of either."""
    ends_buy, ends_sell = np.cumsum(amounts[buys]), np.cumsum(amounts[sells])
    common = min(int(ends_buy[-1]), int(ends_sell[-1])) if len(buys) and len(sells) else 0
    if not common:
        none = np.zeros(0, np.int64)
        return Pairs(none, none, none)
    ends = np.union1d(ends_buy, ends_sell)
    ends = ends[ends <= common]
    starts = np.concatenate([[0], ends[:-1]])
    buyer, seller = np.searchsorted(ends_buy, starts, side="right"), np.searchsorted(ends_sell, starts, side="right")
    return Pairs(buys[buyer].astype(np.int64), sells[seller].astype(np.int64), (ends - starts).astype(np.int64))
