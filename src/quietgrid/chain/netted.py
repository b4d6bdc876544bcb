"""A batch of trades as `Settlement.post` wants it: one delta a party and the root over the trades, made by columns.

What goes on the chain of a thousand trades among a hundred parties is 3,600 bytes of deltas and 32 bytes of root; the
trades stay with whoever posts them, to be shown when somebody demands it. An ABI encoder that goes trade by trade takes
a hundred times as long as the columns do here; what remains is Keccak.

Privacy: a leaf carries 32 random bytes of salt, so the root says nothing about the trades. The parties are addresses of
traders and organisations; a household is never one (DESIGN 7).
Source: `contracts/src/market/Settlement.sol` (`Trade`), `NetDeltas.sol`, `Amounts.sol`; OpenZeppelin's MerkleProof.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from eth_hash.auto import keccak
from numpy.typing import NDArray

from quietgrid.errors import InputError

Bytes = NDArray[np.uint8]
WORDS, WORD, ADDRESS, DELTA_BYTES = 10, 32, 20, 36
WH_PER_KWH = 1000
_MOST = 1 << 62


@dataclass(frozen=True, slots=True)
class Trades:
    """Trades as columns, in order of their index in the batch.

    Args:
        parties: (p, 20) uint8, addresses, ascending, each once. buyer, seller: (n,) int64, rows of `parties`.
        buy_order, sell_order: (n, 32) uint8, what each order and its signature are committed to by. product: (n, 32)
            uint8. energy_wh: (n,) uint64. price_micro_per_kwh: (n,) int64, may be negative. executed_at: (n,) uint64,
            unix seconds. salt: (n, 32) uint8, random.
    """

    parties: Bytes
    buyer: NDArray[np.int64]
    seller: NDArray[np.int64]
    buy_order: Bytes
    sell_order: Bytes
    product: Bytes
    energy_wh: NDArray[np.uint64]
    price_micro_per_kwh: NDArray[np.int64]
    executed_at: NDArray[np.uint64]
    salt: Bytes = field(repr=False)

    def __len__(self) -> int:
        return len(self.buyer)


@dataclass(frozen=True, slots=True)
class NettedBatch:
    """What `Settlement.post` takes.

    Args:
        root: 32 bytes. trades: how many. deltas: 36 bytes a party. levels: the tree from its leaves up, for proofs.
    """

    root: bytes
    trades: int
    deltas: bytes
    levels: tuple[tuple[bytes, ...], ...] = field(repr=False)


def netted(trades: Trades) -> NettedBatch:
    """The deltas and the root of a batch.

    Raises:
        InputError: no trades, columns of other shapes, parties not ascending, or amounts too large.

    Cost: about 3 Keccak a trade; everything else by columns.
    """
    _check(trades)
    levels = tree([keccak(keccak(words)) for words in encoded(trades)])
    return NettedBatch(levels[-1][0], len(trades), packed(trades.parties, deltas(trades)), levels)


def encoded(trades: Trades) -> list[bytes]:
    """Every trade as `abi.encode(trade)` has it: 320 bytes."""
    table = np.zeros((len(trades), WORDS, WORD), np.uint8)
    _number(table[:, 0], np.arange(len(trades), dtype=np.int64))
    table[:, 1], table[:, 2] = trades.buy_order, trades.sell_order
    table[:, 3, WORD - ADDRESS :] = trades.parties[trades.buyer]
    table[:, 4, WORD - ADDRESS :] = trades.parties[trades.seller]
    table[:, 5] = trades.product
    _number(table[:, 6], trades.energy_wh)
    _number(table[:, 7], trades.price_micro_per_kwh)
    _number(table[:, 8], trades.executed_at)
    table[:, 9] = trades.salt
    whole, size = table.tobytes(), WORDS * WORD
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def costs(trades: Trades) -> NDArray[np.int64]:
    """(n,) micro-units each buyer pays, half to even (`Amounts.signedCost`).

    Raises:
        InputError: one does not fit.
    """
    price = np.abs(trades.price_micro_per_kwh.astype(np.float64))
    if np.any(trades.energy_wh.astype(np.float64) * price >= _MOST):
        raise InputError("an amount is out of bounds", where="trade", fix="split the trade")
    thousandfold = trades.energy_wh.astype(np.int64) * np.abs(trades.price_micro_per_kwh)
    whole, rest = np.divmod(thousandfold, WH_PER_KWH)
    whole += (2 * rest > WH_PER_KWH) | ((2 * rest == WH_PER_KWH) & (whole % 2 == 1))
    return np.where(trades.price_micro_per_kwh < 0, -whole, whole)


def deltas(trades: Trades) -> NDArray[np.int64]:
    """(p,) micro-units each party gets (positive) or pays; they sum to zero.

    Raises:
        InputError: see `costs`; or their sum does not fit.
    """
    amounts = costs(trades)
    if float(np.abs(amounts.astype(np.float64)).sum()) >= _MOST:
        raise InputError("the amounts of a batch are out of bounds", where="batch", fix="settle in smaller batches")
    sums = np.zeros(len(trades.parties), np.int64)
    np.add.at(sums, trades.seller, amounts)
    np.subtract.at(sums, trades.buyer, amounts)
    return sums


def packed(parties: Bytes, sums: NDArray[np.int64]) -> bytes:
    """36 bytes for every party whose sum is not zero: its address, then the sum as int128."""
    some = np.flatnonzero(sums)
    table = np.zeros((len(some), DELTA_BYTES), np.uint8)
    table[:, :ADDRESS] = parties[some]
    _number(table[:, ADDRESS:], sums[some])
    return table.tobytes()


def tree(leaves: Sequence[bytes]) -> tuple[tuple[bytes, ...], ...]:
    """Every level of the tree with sorted pairs, leaves first; an odd last node moves up as it is."""
    levels = [tuple(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = zip(below[::2], below[1::2], strict=False)
        above = [keccak(a + b) if a < b else keccak(b + a) for a, b in pairs]
        levels.append((*above, below[-1]) if len(below) % 2 else tuple(above))
    return tuple(levels)


def proof(batch: NettedBatch, index: int) -> list[bytes]:
    """The path of a trade to the root.

    Raises:
        InputError: there is no such trade.
    """
    if not 0 <= index < batch.trades:
        raise InputError("there is no such trade in the batch", where=str(index), fix=f"one of {batch.trades}")
    path = []
    for level in batch.levels[:-1]:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        index //= 2
    return path


def fresh_salt(trades: int, draw: Callable[[int], bytes]) -> Bytes:
    """(n, 32) uint8 for so many trades.

    Args:
        draw: Gives so many random bytes (`secrets.token_bytes`).
    """
    return np.frombuffer(draw(trades * WORD), np.uint8).reshape(trades, WORD)


def _number(words: Bytes, values: NDArray[np.int64] | NDArray[np.uint64]) -> None:
    """Write numbers big-endian to the right of words, sign-extended."""
    if values.dtype == np.int64:
        words[values < 0] = 0xFF
    words[:, -8:] = values.astype(values.dtype.newbyteorder(">")).view(np.uint8).reshape(-1, 8)


def _check(trades: Trades) -> None:
    n, p = len(trades), len(trades.parties)
    fit = all(c.shape == (n, WORD) for c in (trades.buy_order, trades.sell_order, trades.product, trades.salt))
    fit = fit and all(
        c.shape == (n,) for c in (trades.seller, trades.energy_wh, trades.price_micro_per_kwh, trades.executed_at)
    )
    if not n or not fit or trades.parties.shape != (p, ADDRESS):
        raise InputError("the columns of the trades do not fit", where="batch", fix="one row a trade, at least one")
    names = [row.tobytes() for row in trades.parties]
    if any(a >= b for a, b in pairwise(names)):
        raise InputError("parties are not in ascending order", where="batch", fix="sort them, each once")
    rows = np.concatenate([trades.buyer, trades.seller])
    if rows.min() < 0 or rows.max() >= p:
        raise InputError("a trade is by nobody", where="batch", fix="buyer and seller are rows of the parties")
