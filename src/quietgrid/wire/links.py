"""What a keyholder can be asked: by the platform, by a peer, by a household. HTTP and in-process alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from quietgrid.errors import (
    ConflictError,
    GateRefusal,
    InputError,
    NotFoundError,
    QuietgridError,
    RefusedError,
    UnavailableError,
    VerificationError,
)
from quietgrid.wire.messages import Refusal, Signed

Outcome = Signed | Refusal
"""One item of a batch: done, with the signed result, or refused, with the reason."""


class PeerLink(Protocol):
    """One keyholder as another sees it, over their own link (never through the platform)."""

    index: int

    def votes(self, subjects: Sequence[bytes]) -> list[Signed | None]:
        """The peer's signed votes for these subjects, None where it has not voted. Raises `UnavailableError`."""

    def log_after(self, seq: int, asker: int, head: bytes) -> tuple[list[bytes], int, bytes]:
        """The peer's log after entry `seq`: (entries, last seq of *our* ledger it has seen, that entry's hash)."""


class KeyholderLink(Protocol):
    """One keyholder as the platform sees it."""

    index: int

    def enrol(self, enrolments: Sequence[Signed]) -> list[Outcome]:
        """Check enrolments and take their keys; signed acks."""

    def members(self, signed: Signed) -> Signed:
        """Check the registrar's list; a signed endorsement."""

    def register(self, signed: Sequence[Signed]) -> list[Refusal | None]:
        """Take books, prices, events, endorsements of peers."""

    def closes(self, closes: Sequence[Signed]) -> list[Outcome]:
        """Vote on closes and late closes; signed votes."""

    def questions(self, questions: Sequence[Signed]) -> list[Outcome]:
        """Component sums, where the gate lets a question open."""

    def opened(self, opened: Sequence[Signed]) -> None:
        """Take notice of what came out."""


def refusal_of(error: QuietgridError) -> Refusal:
    """An error as an item of a batch."""
    rule = error.rule if isinstance(error, GateRefusal) else ""
    return Refusal(error.http_status, rule, error.what, error.where, error.fix)


def error_of(refusal: Refusal) -> QuietgridError:
    """The error a refusal stands for."""
    if refusal.rule:
        return GateRefusal(refusal.rule, refusal.what, where=refusal.where, fix=refusal.fix)
    kinds: dict[int, type[QuietgridError]] = {
        400: InputError,
        403: RefusedError,
        404: NotFoundError,
        409: ConflictError,
        422: VerificationError,
        503: UnavailableError,
    }
    return kinds.get(refusal.status, QuietgridError)(refusal.what, where=refusal.where, fix=refusal.fix)
