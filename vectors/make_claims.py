"""Makes `claims.json`: trees of claims with their leaves, roots and paths, computed without any of the project's code.

Leaves are encoded with `eth_abi` and hashed with `eth_hash`. Forge reads the file too and follows the contract's rules.
Run ``python vectors/make_claims.py`` after changing it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from eth_abi.abi import encode
from eth_hash.auto import keccak

SIZES = (1, 2, 3, 8, 13)
UNIT = 1_000_000


def draw(*what: object) -> bytes:
    """32 bytes by name."""
    return hashlib.sha256(repr(what).encode()).digest()


def case(size: int) -> dict[str, object]:
    """A tree: its leaves in order of their hashes, each with its path."""
    rows = []
    for n in range(size):
        account, amount = "0x" + draw("account", size, n)[:20].hex(), UNIT * (1 + draw("amount", size, n)[0])
        salt = draw("salt", size, n)
        leaf = keccak(keccak(encode(["address", "uint256", "bytes32"], [account, amount, salt])))
        rows.append((leaf, account, amount, salt))
    rows.sort()
    level = [leaf for leaf, *_ in rows]
    places, paths = list(range(size)), [[] for _ in range(size)]  # type: ignore[var-annotated]
    while len(level) > 1:
        for leaf, at in enumerate(places):
            if at ^ 1 < len(level):
                paths[leaf].append("0x" + level[at ^ 1].hex())
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [keccak(b"".join(sorted(pair))) if len(pair) == 2 else pair[0] for pair in pairs]
        places = [at // 2 for at in places]
    leaves = [
        {"account": account, "cumulative": amount, "salt": "0x" + salt.hex(), "leaf": "0x" + leaf.hex(), "path": path}
        for (leaf, account, amount, salt), path in zip(rows, paths, strict=True)
    ]
    return {"size": size, "root": "0x" + level[0].hex(), "leaves": leaves}


if __name__ == "__main__":
    found = {"cases": [case(size) for size in SIZES]}
    Path(__file__).with_name("claims.json").write_text(json.dumps(found, indent=1) + "\n")
