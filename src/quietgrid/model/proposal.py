"""`Proposal`: what is put to the vote, how the vote stands, and what it does if it is accepted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

GRID_UNIT = 10**18
"""One GRID."""


class VoteState(StrEnum):
    """Where a proposal stands; the first eight in the order of OpenZeppelin's `ProposalState`."""

    PENDING = "pending"
    ACTIVE = "active"
    CANCELED = "canceled"
    DEFEATED = "defeated"
    SUCCEEDED = "succeeded"
    QUEUED = "queued"
    EXPIRED = "expired"
    EXECUTED = "executed"
    UNKNOWN = "unknown"
    """The node is away, and no event says it."""


class Support(StrEnum):
    """What a vote says; the order is `GovernorCountingSimple`'s."""

    AGAINST = "against"
    FOR = "for"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True)
class Vote:
    """One vote: voter (name or address), what, with how much GRID (18 decimals), why, in which block."""

    voter: str
    support: Support
    weight: int
    reason: str
    block: int


@dataclass(frozen=True, slots=True)
class ProposedCall:
    """One call that an accepted proposal makes: address, value in wei, bytes."""

    target: str
    value: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposal.

    Args:
        number: Of this chain, from 1. id: 0x text of 32 bytes. proposer: name or address. description: its own words.
        calls: what it does; effects: the same in words. state: see there. votes: oldest first. quorum, power: GRID
            that must be cast (for or abstain) and that could be, at the snapshot; None before the vote starts or while
            the node is away. starts, ends: unix seconds. eta: when it can be executed. created, executed: blocks.
        executed_at: unix seconds, None if it was not, or while the node is away.
    """

    number: int
    id: str
    proposer: str
    description: str
    calls: tuple[ProposedCall, ...]
    effects: tuple[str, ...]
    state: VoteState
    votes: tuple[Vote, ...]
    quorum: int | None
    power: int | None
    starts: int
    ends: int
    eta: int | None
    created: int
    executed: int | None
    executed_at: int | None

    def cast(self, support: Support) -> int:
        """GRID cast for one answer (18 decimals)."""
        return sum(vote.weight for vote in self.votes if vote.support is support)

    @property
    def quorate(self) -> bool | None:
        """Whether the quorum is reached: votes for and abstentions count. None while it is not known."""
        if self.quorum is None:
            return None
        return self.cast(Support.FOR) + self.cast(Support.ABSTAIN) >= self.quorum
