"""A keyholder's process with a dishonest body: ``python -m tests.keyholder.lying HOW PAIR keyholder serve …``.

It answers everything like an honest one, but for one meter's masks of one pair: it uses another day key than the meter
gave it, and in a dispute shows that one (``key``) or the right one, which does not give what it added up (``mask``).
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from quietgrid.cli.entry import main
from quietgrid.crypto.secret.chain import PAIRS_OF
from quietgrid.keyholder import disputes
from quietgrid.keyholder.server import process
from quietgrid.keyholder.service import Keyholder

ROW = 11
"""Which meter it lies about: its row in the key files."""


class WrongKeys:
    """Key files with a foreign day key in one row."""

    def __init__(self, keys: Any, held: int) -> None:
        self._keys, self._held = keys, held

    def __getattr__(self, name: str) -> Any:
        return getattr(self._keys, name)

    def day_keys(self, day: int) -> Any:
        held = np.array(self._keys.day_keys(day))
        held[self._held, ROW] ^= 1
        return held


def lie(how: str, pair: int) -> None:
    """Be dishonest from now on."""
    honest = disputes.seal

    class Dishonest(Keyholder):
        def __init__(self, parts: Any) -> None:
            parts.keys = WrongKeys(parts.keys, PAIRS_OF[parts.index].index(pair))
            super().__init__(parts)

    def seal_the_right_one(data: bytes, to: bytes, info: bytes) -> bytes:
        return honest(bytes(byte ^ 1 for byte in data), to, info)

    process.Keyholder = Dishonest  # type: ignore[misc]
    if how == "mask":
        disputes.seal = seal_the_right_one


if __name__ == "__main__":
    lie(sys.argv[1], int(sys.argv[2]))
    main(sys.argv[3:])
