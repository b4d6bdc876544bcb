"""What the platform hands to the auditor about an answer it withheld, and the auditor's finding (PROTOCOL C, A5).

The questions to the keyholders themselves (`Dispute`, `PartSum`) are in `wire.messages`.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from quietgrid.crypto.public.envelope import Message, Signed

COMPONENTS = ("01", "02", "12")
"""What pairs of keyholders are called."""
NOBODY = -1
"""As `Finding.liar`: neither keyholder, the meter gave them different keys."""


class Finding(Message, frozen=True):
    """Who lied about an answer. Signed by the auditor.

    `question`: its hash. `pair`: the component. `liar`: keyholder or `NOBODY`. `pid`, `day`, `slot`: the cell, 0 where
    the liar contradicted itself before it was found. `why`: in words.
    """

    NAME: ClassVar[str] = "finding"
    community: bytes
    question: bytes
    pair: int
    liar: int
    pid: int
    day: int
    slot: int
    why: str
    at: float


class Evidence(msgspec.Struct, array_like=True, frozen=True):
    """All the auditor needs for one withheld answer: the signed question, what the keyholders sent, by whom, and the
    lists, closes, votes, books and prices it rests on, as in an audit bundle (`runtime.audit.Bundle`, encoded).
    """

    question: Signed
    sums: dict[int, Signed]
    bundle: bytes


class MeterWord(msgspec.Struct, array_like=True, frozen=True):
    """A meter's signed `DayRecord` (None before it is there), and body of its thin `Enrol`, which says its key."""

    enrolment: bytes
    record: Signed | None
