"""What a keyholder has accepted: lists, books, prices, events, closes. The gate decides on nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import NotFoundError
from quietgrid.model.closed import Closed, GateRules, Raised
from quietgrid.model.party import MemberList
from quietgrid.model.question import Book
from quietgrid.wire.messages import EventMessage, LateClose, Opened, QuestionMessage


class CloseIndex(Protocol):
    """The closes that were voted."""

    def get(self, digest: bytes) -> Closed | None:
        """The close with this hash."""

    def within(self, leaf: int, first: int, end: int) -> Iterator[Closed]:
        """The closes of a leaf that touch absolute slots [first, end)."""


class LateIndex(Protocol):
    """The late closes that were voted."""

    def get(self, digest: bytes) -> LateClose | None:
        """The late close with this hash."""


def _no_seed(close: bytes) -> bytes:
    raise NotFoundError("no votes are known", where=close.hex()[:16], fix="vote first")


@dataclass
class Known:
    """What a keyholder has accepted so far.

    Args:
        members: (epoch, revision) -> list. books: (leaf, first slot) -> book.
        prices: feed -> {slot: micro-money per kWh}. events: id -> event.
        closes: hash -> cells. revision_of: hash -> (epoch, revision) of the close.
        late: hash -> late close. blocked: leaves whose totals are stopped.
        consents: subject -> homes whose consent has not expired.
        void: (leaf, absolute slot) with two signed closes. erased: homes whose keys are gone.
        shared: UTC day -> homes that ever gave somebody the keys of that day.
        alarms: hash in hex -> the totals question that opened something implausible, and what it opened.
        raised: floors that votes raised.
        seed: close -> seed from the lots in the votes on it (raises while there are too few).
    """

    closes: CloseIndex
    late: LateIndex
    members: dict[tuple[int, int], MemberList] = field(default_factory=dict)
    books: dict[tuple[int, int], Book] = field(default_factory=dict)
    prices: dict[str, dict[int, int]] = field(default_factory=dict)
    events: dict[tuple[str, int], EventMessage] = field(default_factory=dict)
    blocked: set[int] = field(default_factory=set)
    consents: Callable[[str], set[int]] = lambda subject: set()
    void: set[tuple[int, int]] = field(default_factory=set)
    erased: set[int] = field(default_factory=set)
    shared: dict[int, set[int]] = field(default_factory=dict)
    alarms: dict[str, tuple[QuestionMessage, Opened]] = field(default_factory=dict)
    raised: list[Raised] = field(default_factory=list)
    seed: Callable[[bytes], bytes] = _no_seed

    def newest(self, epoch: int) -> MemberList:
        """The newest revision of an epoch's list."""
        revisions = [key for key in self.members if key[0] == epoch]
        if not revisions:
            raise NotFoundError(f"epoch {epoch} has no member list", where="members", fix="send and endorse it first")
        return self.members[max(revisions)]

    def rules_on(self, rules: GateRules, day: int) -> GateRules:
        """The gate's numbers as they are on a UTC day."""
        return rules.on_day(self.raised, day)

    def shared_on(self, day: int) -> NDArray[np.uint64]:
        """uint64, ascending: homes whose readings of a day somebody else can read."""
        return np.array(sorted(self.shared.get(day, ())), np.uint64)

    def epoch_at(self, slot: int) -> MemberList | None:
        """The newest list of the epoch that holds an absolute slot."""
        newest = {epoch: self.members[epoch, revision] for epoch, revision in sorted(self.members)}
        return next((m for _, m in sorted(newest.items(), reverse=True) if m.window.first <= slot < m.window.end), None)

    def closed(self, digest: bytes) -> Closed:
        """A close that was voted."""
        close = self.closes.get(digest)
        if close is None:
            raise NotFoundError("a close was never voted here", where=digest.hex()[:16], fix="send the close first")
        return close
