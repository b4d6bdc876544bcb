"""Strike halves: finding a meter that poisons totals without ever opening a home.

After an implausible total the node's next closes are answered in two random halves as well; the members of the bad
half get a strike, and about 2 log2 n closes leave one suspect (G13). The halves are drawn by *lots* in the keyholders'
votes on the close: each of the three pairs of keyholders shares keys that the third does not hold, and makes one lot
with them from the close. Any two votes hold all three lots, whoever is away; the platform cannot know them before it
is bound to the close, nor can a single keyholder. Source: PROTOCOL A, "implausible total"; G13; decision 0020.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError, UnavailableError, VerificationError

Homes = NDArray[np.uint64]
Bits = NDArray[np.bool_]

PAIRS_OF = ((0, 1), (0, 2), (1, 2))
"""Pairs (0 = 01, 1 = 02, 2 = 12) whose lots are in the votes of keyholders 0, 1, 2."""
LOT_BYTES = 32
CLOSES = 4
"""An episode is this many times ⌈log2 n⌉ closes long: twice what one suspect usually needs."""
EPISODES = 3
EPISODES_DAYS = 28
"""At most so many episodes of a node and quantity begin in so many days."""


def halved_closes(homes: int) -> int:
    """How many closes after an implausible total may be answered in halves.

    >>> halved_closes(30), halved_closes(33)
    (20, 24)
    """
    return CLOSES * max(1, (homes - 1).bit_length())


def seed_of(lots: Mapping[int, Sequence[bytes]], *, where: str = "close") -> bytes:
    """The seed of a close: from the lots in two or three votes on it.

    Args:
        lots: Keyholder -> the lots of its two pairs, in order (nothing where its vote has none).

    Raises:
        UnavailableError: fewer than two votes with lots. VerificationError: two keyholders say different things about
        the pair they share.
    """
    found: dict[int, set[bytes]] = {}
    for keyholder, own in lots.items():
        if len(own) == len(PAIRS_OF[keyholder]) and all(len(lot) == LOT_BYTES for lot in own):
            for pair, lot in zip(PAIRS_OF[keyholder], own, strict=True):
                found.setdefault(pair, set()).add(lot)
    if len(found) < 3:
        raise UnavailableError("fewer than two votes hold lots", where=where, fix="ask again when a peer has voted")
    if any(len(said) > 1 for said in found.values()):
        raise VerificationError(
            "two keyholders drew different lots with one key", where=where, fix="let the auditor compare their votes"
        )
    return hashlib.sha256(b"qg1 strike seed" + b"".join(min(found[pair]) for pair in range(3))).digest()


def joined(seeds: Sequence[bytes]) -> bytes:
    """The seed of several closes of the same slots, in leaf order."""
    return seeds[0] if len(seeds) == 1 else hashlib.sha256(b"qg1 strike seeds" + b"".join(seeds)).digest()


def place_after(alarmed: int, spans: Sequence[tuple[int, int]], first: int) -> int | None:
    """How many closes lie between the end of an implausible total and a close; None if they leave a gap.

    Args:
        alarmed: Absolute slot at which the total ended. spans: (first, end) of the leaf's closes, in any order.
        first: Absolute slot at which the close begins.

    >>> place_after(96, [(100, 104), (96, 100), (104, 108)], 104)
    2
    """
    at = alarmed
    between = sorted(span for span in spans if alarmed <= span[0] < first)
    for start, end in between:
        if start != at:
            return None
        at = end
    return len(between) if at == first else None


def strike_halves(seed: bytes, homes: Homes, arrived: Bits, *, where: str = "leaf") -> Bits:
    """Two random disjoint halves of the homes that arrived, an interval at a time.

    The homes in ascending order are shuffled once (Fisher-Yates) with numbers from SHA-256 in counter mode; each
    interval's homes, in that order, are cut in the middle. Numbers are drawn below a bound by rejection, never by
    remainder alone: all orders are equally likely, and every implementation draws the same.

    Args:
        seed: At least 16 bytes that nobody could choose (`seed_of`).
        homes: uint64 [h], distinct, ascending. arrived: bool [h, t].

    Returns:
        bool [h, t]: the first half; the second is ``arrived & ~first``. Of m homes ⌊m/2⌋ and ⌈m/2⌉ are in them.

    Raises:
        InputError: a short seed, homes out of order or twice.

    Privacy: home numbers only. Cost: 2 µs a home.

    >>> everyone = np.ones((30, 1), np.bool_)
    >>> first = strike_halves(bytes(32), np.arange(30, dtype=np.uint64), everyone)
    >>> int(first.sum()), int((everyone & ~first).sum())
    (15, 15)
    """
    if len(homes) != len(arrived) or bool((homes[1:] <= homes[:-1]).any()):
        raise InputError("homes are not listed once each, in order", where=where, fix="give distinct homes, ascending")
    if len(seed) < 16:
        raise InputError("the seed is too short to be unforeseeable", where=where, fix="use the lots in the votes")
    order = list(range(len(homes)))
    numbers = _numbers(seed)
    for last in range(len(order) - 1, 0, -1):
        other = _below(last + 1, numbers)
        order[last], order[other] = order[other], order[last]
    shuffled = arrived[order]
    first = np.zeros_like(arrived)
    first[order] = shuffled & (np.cumsum(shuffled, axis=0) <= shuffled.sum(axis=0) // 2)
    return first


@dataclass(frozen=True)
class Round:
    """What the halves of one close showed.

    Args:
        homes: uint64 [h]. first, second: bool [h, t], who was in which half of an interval that opened.
        bad: bool [2, t], halves whose sum is outside what their homes' connections can carry.
    """

    homes: Homes
    first: Bits
    second: Bits
    bad: Bits

    def struck(self) -> set[int] | None:
        """Homes that were in the bad half of every interval with one bad half; None if there was no such interval.

        Where both halves are bad there is more than one bad meter, and the interval says nothing about whom.
        """
        first_only, second_only = self.bad[0] & ~self.bad[1], self.bad[1] & ~self.bad[0]
        if not (first_only | second_only).any():
            return None
        always = self.first[:, first_only].all(axis=1) & self.second[:, second_only].all(axis=1)
        return set(self.homes[always].tolist())


@dataclass(frozen=True)
class Suspicion:
    """Where the strikes of some rounds point.

    Args:
        rounds: Closes answered in halves. telling: those with one bad half.
        strikes: (home, strikes), most first; homes with fewer than half of the most are left out.
        named: The one suspect, or None.
    """

    rounds: int
    telling: int
    strikes: tuple[tuple[int, int], ...]
    named: int | None


def suspicion(rounds: Sequence[Round]) -> Suspicion:
    """Count strikes. A home is named when it was struck in every telling close, it alone, 2 ⌈log2 n⌉ times or more.

    An innocent home is in the bad half of so many closes with a probability of about 1/n².
    """
    strikes: dict[int, int] = {}
    telling, largest = 0, 2
    for one in rounds:
        struck = one.struck()
        if struck is None:
            continue
        telling += 1
        largest = max(largest, len(one.homes))
        for home in struck:
            strikes[home] = strikes.get(home, 0) + 1
    order = sorted(strikes.items(), key=lambda item: (-item[1], item[0]))
    most = order[0][1] if order else 0
    alone = len(order) == 1 or (len(order) > 1 and order[1][1] < most)
    enough = most == telling and most >= halved_closes(largest) // 2
    named = order[0][0] if alone and enough else None
    return Suspicion(len(rounds), telling, tuple(item for item in order if 2 * item[1] >= most), named)


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
