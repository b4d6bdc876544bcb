"""`scale`: a day of 1 k to 1 M homes: sealing, totals by leaf, two keyholders' sums, bills' weighted sums; memory.

Leaves are streamed in ranges: nothing is kept of a range but its answers, as totals never span leaves.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import bar, peak_memory_mb
from quietgrid.crypto.secret import masks
from quietgrid.crypto.secret.chain import PAIRS_OF
from quietgrid.errors import VerificationError

NAME = "scale"

SLOTS, LEAF, AT_ONCE = 96, 30, 120
"""Intervals a day, homes a leaf, leaves in a range."""
SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUICK = (1_000, 10_000)
MISSING_IN_256 = 5
BAR_LINEAR, BAR_MEMORY = 0.67, 4.0

Words = NDArray[np.uint64]


class Day:
    """One day of one range of leaves, and the seconds each part takes.

    Args:
        rng: For chain keys, readings and what is missing.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self.seconds: dict[str, float] = dict.fromkeys(("seal", "combine", "keyholders", "open", "bills"), 0.0)
        hours = np.arange(SLOTS) // 4
        bands = [(hours < 6) | (hours >= 22), (hours >= 6) & (hours < 17), (hours >= 17) & (hours < 22)]
        prices = 100 + 90 * (hours - 12) ** 2 % 4000
        self._weights = np.stack([*(band.astype(np.int64) for band in bands), prices.astype(np.int64)])

    def run(self, homes: int) -> int:
        """A range of homes; how many numbers opened. Raises `VerificationError` if one is wrong."""
        chain = self._rng.bytes(3 * homes * 32)
        chains = np.frombuffer(chain, np.uint8).reshape(3, homes, 32)
        values = self._rng.integers(0, 1 << 11, (homes, SLOTS), dtype=np.uint64)
        here = self._rng.integers(0, 256, (homes, SLOTS), dtype=np.uint8) >= MISSING_IN_256
        starts = np.arange(0, homes, LEAF)
        keys, sealed = self._timed("seal", lambda: _seal(chains, values))
        blind = self._timed("combine", lambda: _totals(sealed, here, starts))
        sums = self._timed("keyholders", lambda: _component_totals(keys, here, starts))
        totals = self._timed("open", lambda: _open(blind, sums))
        facts = self._timed("bills", lambda: self._bills(keys, sealed, here))
        plain = np.where(here, values, 0)
        if not np.array_equal(totals, np.add.reduceat(plain, starts, axis=0)):
            raise VerificationError("totals differ", where="benchmark", fix="this is a bug")
        if not np.array_equal(facts, plain @ self._weights.T.astype(np.uint64)):
            raise VerificationError("facts differ", where="benchmark", fix="this is a bug")
        return int(totals.size + facts.size)

    def _timed(self, part: str, work: Callable[[], Any]) -> Any:
        begin = time.process_time()
        found = work()
        self.seconds[part] += time.process_time() - begin
        return found

    def _bills(self, keys: NDArray[np.uint8], sealed: Words, here: NDArray[np.bool_]) -> Words:
        """Each home's weighted sums: of ciphertexts, of two keyholders' masks, and their difference."""
        blind = np.where(here, sealed, np.uint64(0)) @ self._weights.T.astype(np.uint64)
        sums = [
            {pair: masks.weighted_sums(keys[pair], 0, 0, 900, self._weights, here) for pair in PAIRS_OF[keyholder]}
            for keyholder in (0, 1)
        ]
        return _open(blind, sums)


def _seal(chains: NDArray[np.uint8], values: Words) -> tuple[NDArray[np.uint8], Words]:
    """The day's keys of three pairs, and the readings under their masks."""
    keys = np.stack([masks.day_step(chain)[0] for chain in chains])
    sealed = values.copy()
    masks.add_masks(sealed, keys, 0, 0, 900)
    return keys, sealed


def _totals(sealed: Words, here: NDArray[np.bool_], starts: NDArray[np.int64]) -> Words:
    found: Words = np.add.reduceat(np.where(here, sealed, np.uint64(0)), starts, axis=0)
    return found


def _component_totals(
    keys: NDArray[np.uint8], here: NDArray[np.bool_], starts: NDArray[np.int64]
) -> list[dict[int, Words]]:
    """What two keyholders return: the sums of their two keys' masks, leaf by leaf."""
    ends = [*starts[1:].tolist(), len(here)]
    spans = list(zip(starts.tolist(), ends, strict=True))
    return [
        {
            pair: np.stack([masks.masked_sums(keys[pair, a:b], 0, 0, 900, here[a:b]) for a, b in spans])
            for pair in PAIRS_OF[keyholder]
        }
        for keyholder in (0, 1)
    ]


def _open(blind: Words, sums: list[dict[int, Words]]) -> Words:
    """The answer; the component that both keyholders hold is compared."""
    zero, one = sums
    if not np.array_equal(zero[0], one[0]):
        raise VerificationError("components differ", where="benchmark", fix="this is a bug")
    return blind - zero[0] - zero[1] - one[2]


def _size(homes: int) -> dict[str, Any]:
    """One day of so many homes, in ranges."""
    day = Day(np.random.default_rng(homes))
    opened = 0
    for first in range(0, homes, LEAF * AT_ONCE):
        opened += day.run(min(LEAF * AT_ONCE, homes - first))
    whole = sum(day.seconds.values())
    return {
        "homes": homes,
        "seconds": round(whole, 4),
        **{f"{part}_s": round(seconds, 4) for part, seconds in day.seconds.items()},
        "ns_a_reading": round(whole / homes / SLOTS * 1e9, 1),
        "numbers_opened": opened,
        "peak_memory_mb": peak_memory_mb(),
    }


def run(quick: bool) -> dict[str, Any]:
    """Growing communities, one process, one core; CPU seconds of all parties together."""
    masks.warm()
    Day(np.random.default_rng(0)).run(LEAF * AT_ONCE)
    sizes = [_size(homes) for homes in (QUICK if quick else SIZES)]
    last, before = sizes[-1], sizes[-2]
    ciphertexts_mb = last["homes"] * SLOTS * 8 / 2**20
    grown = max(1.0, last["peak_memory_mb"] - before["peak_memory_mb"])
    return {
        "name": NAME,
        "work": f"a day of {SLOTS} intervals in leaves of {LEAF}: seal under three keys, totals, two keyholders' sums, "
        "opening, and four weighted sums a home for bills",
        "ours": {"kernel": masks.kernel_name(), **{f"{size['homes']:,} homes": _shown(size) for size in sizes}},
        "growth": sizes,
        "peers": {},
        "ratios": {},
        "bars": [
            bar(
                f"cost a reading at {before['homes']:,} homes over that at {last['homes']:,} (1 is linear)",
                BAR_LINEAR,
                before["ns_a_reading"] / last["ns_a_reading"],
            ),
            bar(
                f"the day's ciphertexts over the growth of peak memory from {before['homes']:,} homes",
                BAR_MEMORY,
                ciphertexts_mb / grown,
            ),
        ],
        "note": "All readings, masks and answers of a range are checked against the plain sums (not counted). Two of "
        "three keyholders' work is counted; storage, signatures and HTTP are not (see `ingest` and `simulate`).",
    }


def _shown(size: dict[str, Any]) -> str:
    return f"{size['seconds']} s, {size['ns_a_reading']} ns a reading, peak {size['peak_memory_mb']} MiB"
