"""Strike halves: finding a meter that poisons totals without ever opening a home.

After an implausible total the leaf's next intervals are answered as two random halves; the members of the bad half
get a strike, and about 2 log2 n intervals leave one suspect (G13). Every keyholder draws the same halves from a seed
that none of them and not the platform could choose alone: the hash of all votes on the close.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import GateRefusal, InputError

Homes = NDArray[np.uint64]


def strike_halves(seed: bytes, homes: Homes, k: int, *, where: str = "leaf") -> tuple[Homes, Homes]:
    """Two random disjoint halves of the homes that arrived.

    The homes in ascending order are shuffled (Fisher-Yates) with numbers from SHA-256 in counter mode and cut in the
    middle. Numbers are drawn below a bound by rejection, never by remainder alone: all halves are equally likely,
    and every implementation draws the same.

    Args:
        seed: At least 16 bytes that nobody could choose: the hash of the votes on the close, by keyholder number.
        homes: uint64 [n], distinct homes that arrived. k: The floor; n must be at least 2k.

    Returns:
        Both halves, ascending; together all homes; sizes ⌊n/2⌋ and ⌈n/2⌉.

    Raises:
        GateRefusal: rule ``strike-halves``: fewer than 2k homes. InputError: a short seed, a home twice.

    Privacy: home numbers only. Cost: 2 µs a home. Source: PROTOCOL A, "implausible total"; G13.

    >>> one, two = strike_halves(bytes(32), np.arange(30, dtype=np.uint64), 15)
    >>> len(one), len(two), np.intersect1d(one, two).size
    (15, 15, 0)
    """
    order = sorted(int(home) for home in homes)
    if len(set(order)) < len(order):
        raise InputError("a home is listed twice", where=where, fix="give distinct homes")
    if len(seed) < 16:
        raise InputError("the seed is too short to be unforeseeable", where=where, fix="use a hash of the votes")
    if len(order) < 2 * k:
        raise GateRefusal(
            "strike-halves",
            f"{len(order)} homes arrived, two halves need {2 * k}",
            where=where,
            fix="wait for an interval in which more arrive",
        )
    numbers = _numbers(seed)
    for last in range(len(order) - 1, 0, -1):
        other = _below(last + 1, numbers)
        order[last], order[other] = order[other], order[last]
    middle = len(order) // 2
    return np.array(sorted(order[:middle]), np.uint64), np.array(sorted(order[middle:]), np.uint64)


def _numbers(seed: bytes) -> Iterator[int]:
    """Endless 64-bit numbers: four from each SHA-256(tag ‖ seed ‖ counter u64)."""
    counter = 0
    while True:
        block = hashlib.sha256(b"qg1 strike halves" + seed + counter.to_bytes(8, "little")).digest()
        for first in range(0, 32, 8):
            yield int.from_bytes(block[first : first + 8], "little")
        counter += 1


def _below(bound: int, numbers: Iterator[int]) -> int:
    """A number below `bound`, all equally likely: draws in the last, incomplete multiple of it are thrown away."""
    limit = (1 << 64) - (1 << 64) % bound
    return next(number for number in numbers if number < limit) % bound
