"""What a keyholder can be asked: by the platform and by a peer. HTTP and in-process alike."""

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
from quietgrid.wire.messages import Refusal, Signed, VoteLog

Outcome = Signed | Refusal
"""One item of a batch: done, with the signed result, or refused, with the reason."""


class PeerLink(Protocol):
    """One keyholder as another sees it, over their own link (never through the platform)."""

    @property
    def index(self) -> int:
        """Its number, 0..2."""

    def votes(self, subjects: Sequence[bytes], head: Signed) -> list[Signed | None]:
        """The peer's signed votes for these subjects, None where it has not voted.

        `head` is the asker's signed `Head`; the peer keeps it. Raises `UnavailableError` when it cannot be reached.
        """

    def log_after(self, seq: int, head: Signed) -> VoteLog:
        """What the peer voted on after its ledger entry `seq`, and the newest head of the asker it knows."""

    def recoveries(self, mark: bytes, head: Signed) -> list[Signed]:
        """The peer's approvals and takeovers (`wire.recovery`); none where they hash to the asker's `mark`."""


class KeyholderLink(Protocol):
    """One keyholder as the platform sees it."""

    @property
    def index(self) -> int:
        """Its number, 0..2."""

    def enrol(self, enrolments: Sequence[Signed]) -> list[Outcome]:
        """Check enrolments and take their keys; signed acks."""

    def members(self, signed: Signed) -> Signed:
        """Check the registrar's list; a signed endorsement."""

    def register(self, signed: Sequence[Signed]) -> list[Refusal | None]:
        """Take books, prices, events, consents, endorsements of peers, omissions, clearances, erasures."""

    def votes_on(self, subjects: Sequence[Signed]) -> list[Outcome]:
        """Vote on closes, late closes and batches; signed votes."""

    def questions(self, questions: Sequence[Signed]) -> list[Outcome]:
        """Component sums, where the gate lets a question open."""

    def opened(self, opened: Sequence[Signed]) -> None:
        """Take notice of what came out."""

    def ledger_head(self) -> tuple[int, bytes]:
        """Number and hash of the newest entry of its privacy ledger."""


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
