"""Answers that were withheld because keyholders contradict each other, and whom the auditor named for it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from quietgrid.crypto.public.envelope import decode, unpack_signed
from quietgrid.store import PlatformTx
from quietgrid.wire.disputes import Finding

WITHHELD, FINDING = "withheld", "finding"
"""Kinds of documents, by the question's hash in hex."""


class Contradiction(msgspec.Struct, array_like=True, frozen=True):
    """The components that differ, whom that leaves, and since when."""

    pairs: list[int]
    suspects: list[int]
    at: float


def withhold(tx: PlatformTx, question: bytes, pairs: Sequence[int], suspects: Sequence[int], at: float) -> bool:
    """Remember a withheld answer; False if the same was known."""
    known = tx.documents.find(WITHHELD, question.hex())
    fresh = Contradiction(list(pairs), list(suspects), at)
    if known is not None:
        before = msgspec.msgpack.decode(known, type=Contradiction)
        if (before.pairs, before.suspects) == (fresh.pairs, fresh.suspects):
            return False
    tx.documents.replace(WITHHELD, question.hex(), msgspec.msgpack.encode(fresh))
    return True


def finding(tx: PlatformTx, question: bytes) -> Finding | None:
    """What the auditor found about a question."""
    data = tx.documents.find(FINDING, question.hex())
    return None if data is None else decode(Finding, unpack_signed(data).body)


def named_liars(tx: PlatformTx) -> dict[bytes, int]:
    """Question -> the keyholder whose sums of it do not count any more, since the auditor named it."""
    found = [decode(Finding, unpack_signed(data).body) for data in tx.documents.all(FINDING).values()]
    return {one.question: one.liar for one in found}
