"""Makes `netted.json`: batches of trades with their deltas and root, computed without any of the project's code.

Trades are encoded with `eth_abi`, rounded with `decimal`, hashed with `eth_hash`. Forge reads the file too and follows
the contract's own rules. Run ``python vectors/make_netted.py`` after changing it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

from eth_abi.abi import encode
from eth_hash.auto import keccak

TRADE = "(uint32,bytes32,bytes32,address,address,bytes32,uint64,int64,uint64,bytes32)"
Trade = tuple[int, bytes, bytes, str, str, bytes, int, int, int, bytes]
SIZES = ((1, 2), (2, 2), (7, 3), (37, 6))


def draw(*what: object) -> bytes:
    """32 bytes by name."""
    return hashlib.sha256(repr(what).encode()).digest()


def trade(index: int, parties: int) -> Trade:
    """One of a case: every third at a negative price, every fifth costs half a micro-unit more than a whole one."""
    buyer, seller = index % parties, (index // parties + index + 1) % parties
    energy, price = (
        1 + int.from_bytes(draw("energy", index)[:2], "big"),
        int.from_bytes(draw("price", index)[:3], "big"),
    )
    if index % 5 == 0:
        energy, price = 500, 2 * (price // 2) + 1
    names = ["0x" + draw("party", n)[:20].hex() for n in (buyer, seller)]
    return (
        index, draw("buy", index), draw("sell", index), names[0], names[1], draw("product", index % 4), energy,
        -price if index % 3 == 2 else price, 1_800_000_000 + index, draw("salt", index),
    )  # fmt: skip


def case(count: int, parties: int) -> dict[str, object]:
    """A batch as the contract takes it."""
    trades = [trade(index, parties) for index in range(count)]
    sums: Counter[str] = Counter()
    for one in trades:
        cost = int((Decimal(one[6]) * Decimal(one[7]) / 1000).quantize(Decimal(1), ROUND_HALF_EVEN))
        sums[one[3]] -= cost
        sums[one[4]] += cost
    deltas = b"".join(
        bytes.fromhex(name[2:]) + sums[name].to_bytes(16, "big", signed=True) for name in sorted(sums) if sums[name]
    )
    level = [keccak(keccak(encode([TRADE], [one]))) for one in trades]
    while len(level) > 1:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [keccak(b"".join(sorted(pair))) if len(pair) == 2 else pair[0] for pair in pairs]
    shown = {"encoded": encode([f"{TRADE}[]"], [trades]), "deltas": deltas, "root": level[0]}
    return {"trades": count, **{name: "0x" + data.hex() for name, data in shown.items()}}


if __name__ == "__main__":
    found = {"cases": [case(*size) for size in SIZES]}
    Path(__file__).with_name("netted.json").write_text(json.dumps(found, indent=1) + "\n")
