"""Opening: the ciphertexts' sum minus three components. The only place where a total or a fact comes to light.

A keyholder sends the component of each of its two keys. With three keyholders every component arrives twice and must
be equal (`confirmed`); with two, the shared one is checked (`provisional`). Source: PROTOCOL A, "Components"; C, A4-A5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import UnavailableError, VerificationError
from quietgrid.model.total import Status
from quietgrid.wire.columns import unpack_bits
from quietgrid.wire.messages import Sums

PAIRS_OF = ((0, 1), (0, 2), (1, 2))
"""Pairs (0 = 01, 1 = 02, 2 = 12) of keyholders 0, 1, 2; as in `crypto.secret.chain`, which the MDMS may not reach."""
HOLDERS = ((0, 1), (0, 2), (1, 2))
"""Keyholders of each pair."""


@dataclass(frozen=True)
class Answer:
    """What opened.

    Args:
        values: int64 [n]; 0 where not allowed. allowed: bool [n]. counts: int32 [n].
        status: Confirmed or provisional. digests: SHA-256 of the three components, pairs in order.
    """

    values: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    counts: NDArray[np.int32]
    status: Status
    digests: list[bytes]


class LiarError(VerificationError):
    """Keyholders contradict each other; the answer is withheld.

    Args:
        suspects: Keyholders that may have lied: one if both of its components differ, else the two that share the
            one component that differs.
    """

    title = "Keyholders contradict each other"

    def __init__(self, suspects: tuple[int, ...], pairs: tuple[int, ...]) -> None:
        self.suspects = suspects
        self.pairs = pairs
        names = " or ".join(f"keyholder {i}" for i in suspects)
        super().__init__(
            f"{names} sent a wrong component sum; the answer is withheld",
            where=f"components {', '.join(('01', '02', '12')[p] for p in pairs)}",
            fix="let the auditor compare that component meter by meter",
        )


def open_sums(blind: NDArray[np.uint64], sums: Mapping[int, Sums]) -> Answer:
    """The answer behind a blind sum.

    Args:
        blind: uint64 [n], sum of ciphertexts, 0 where not allowed. sums: per keyholder, at least two.

    Raises:
        UnavailableError: fewer than two keyholders answered.
        LiarError: components differ; names who may have lied.
        VerificationError: keyholders disagree on what may open.
    """
    if len(sums) < 2:
        raise UnavailableError("fewer than two keyholders answered", where="opening", fix="start another keyholder")
    n = len(blind)
    first = next(iter(sums.values()))
    if any((s.allowed, s.counts) != (first.allowed, first.counts) for s in sums.values()):
        raise VerificationError("keyholders disagree on what may open", where="opening", fix="compare their lists")
    components: dict[int, dict[int, bytes]] = {0: {}, 1: {}, 2: {}}
    for index, answer in sums.items():
        if len(answer.components) != 2 or any(len(c) != 8 * n for c in answer.components):
            raise VerificationError("a component has a wrong length", where=f"keyholder {index}", fix="ask it again")
        for at, pair in enumerate(PAIRS_OF[index]):
            components[pair][index] = answer.components[at]
    unequal = tuple(pair for pair, by in components.items() if len(set(by.values())) > 1)
    if unequal:
        raise LiarError(suspects_of(unequal), unequal)
    total = blind.copy()
    chosen = [next(iter(components[pair].values())) for pair in range(3)]
    for component in chosen:
        total = total - np.frombuffer(component, "<u8")
    allowed = unpack_bits(first.allowed, n)
    values = np.where(allowed, total.view(np.int64), 0)
    status = Status.CONFIRMED if len(sums) == 3 else Status.PROVISIONAL
    counts = np.frombuffer(first.counts, "<i4").astype(np.int32)
    return Answer(values, allowed, counts, status, [sha256(c).digest() for c in chosen])


def open_sealed(sums: Sums, reader: Callable[[bytes, bytes], bytes], info: bytes) -> Answer:
    """The answer a decryption process (suite 2) sealed to its reader.

    Args:
        sums: Checked to be signed by that keyholder. reader: opens a blob, (blob, info) -> plaintext. info: what the
            answer was sealed for (`wire.paillier.answer_info`).

    Returns: Always provisional: one process says so, and no other can confirm it.

    Raises:
        VerificationError: it was sealed to somebody else, for another question, or does not fit.
    """
    counts = np.frombuffer(sums.counts, "<i4").astype(np.int32)
    if len(sums.components) != 1:
        raise VerificationError("not one sealed answer", where="decryption process", fix="ask in suite 2")
    plain = reader(sums.components[0], info)
    if len(plain) != 8 * len(counts):
        raise VerificationError("the answer has a wrong length", where="decryption process", fix="ask it again")
    allowed = unpack_bits(sums.allowed, len(counts))
    values = np.where(allowed, np.frombuffer(plain, "<i8").astype(np.int64), 0)
    return Answer(values, allowed, counts, Status.PROVISIONAL, [sha256(sums.components[0]).digest()])


def suspects_of(unequal: Sequence[int]) -> tuple[int, ...]:
    """Who may have lied when the components of these pairs differ (assuming one liar).

    >>> suspects_of([0, 1])  # both components of keyholder 0
    (0,)
    >>> suspects_of([2])
    (1, 2)
    """
    common = set(HOLDERS[unequal[0]])
    for pair in unequal[1:]:
        common &= set(HOLDERS[pair])
    return tuple(sorted(common)) or (0, 1, 2)
