"""Keyholders in the same process, linked by calls instead of HTTP; with a switch to cut a link."""

from __future__ import annotations

from collections.abc import Sequence

from quietgrid.crypto.public.envelope import Signed
from quietgrid.errors import UnavailableError
from quietgrid.keyholder import Keyholder
from quietgrid.wire.links import Outcome
from quietgrid.wire.messages import Refusal, VoteLog


class LocalLink:
    """One keyholder of this process, as the platform or a peer reaches it.

    `up` False: it cannot be reached (its process is stopped, or this link is cut).
    """

    def __init__(self, index: int) -> None:
        self._index = index
        self.keyholder: Keyholder | None = None
        self.up = True

    @property
    def index(self) -> int:
        """Its number."""
        return self._index

    def _reach(self) -> Keyholder:
        if self.keyholder is None or not self.up:
            raise UnavailableError("the keyholder cannot be reached", where=f"keyholder {self._index}", fix="start it")
        return self.keyholder

    def enrol(self, enrolments: Sequence[Signed]) -> list[Outcome]:
        """See `Keyholder.enrol`."""
        return self._reach().enrol(enrolments)

    def members(self, signed: Signed) -> Signed:
        """See `Keyholder.members`."""
        return self._reach().members(signed)

    def register(self, signed: Sequence[Signed]) -> list[Refusal | None]:
        """See `Keyholder.register`."""
        return self._reach().register(signed)

    def votes_on(self, subjects: Sequence[Signed]) -> list[Outcome]:
        """See `Keyholder.votes_on`."""
        return self._reach().votes_on(subjects)

    def questions(self, questions: Sequence[Signed]) -> list[Outcome]:
        """See `Keyholder.questions`."""
        return self._reach().questions(questions)

    def opened(self, opened: Sequence[Signed]) -> None:
        """See `Keyholder.opened`."""
        self._reach().opened(opened)

    def ledger_head(self) -> tuple[int, bytes]:
        """See `KeyholderLink.ledger_head`."""
        with self._reach().parts.store.read() as tx:
            return tx.ledger.head()

    def votes(self, subjects: Sequence[bytes], head: Signed) -> list[Signed | None]:
        """See `Keyholder.votes`."""
        return self._reach().votes(subjects, head)

    def log_after(self, seq: int, head: Signed) -> VoteLog:
        """See `Keyholder.log_after`."""
        return self._reach().log_after(seq, head)

    def recoveries(self, mark: bytes, head: Signed) -> list[Signed]:
        """See `Keyholder.recoveries`."""
        return self._reach().recoveries(mark, head)
