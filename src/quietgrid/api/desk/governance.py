"""Votes for people: proposals, how they stand, and the numbers that can be voted on.

Privacy: only what is public on the chain. The privacy floor and the publishing budget are shown beside what runs here.
"""

from __future__ import annotations

from dataclasses import dataclass

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.api.services import Services
from quietgrid.errors import NotFoundError
from quietgrid.model.parameter import PRIVACY_FLOOR, PUBLISH_BUDGET, Voted
from quietgrid.model.proposal import Proposal, VoteState

MOST = 50


@dataclass(frozen=True, slots=True)
class Number:
    """One number that can be voted on, and what runs here (in the contract's units; None: nothing here follows it)."""

    voted: Voted
    running: int | None


@dataclass(frozen=True, slots=True)
class Governance:
    """The community's votes.

    Args:
        state: ``off``, ``starting``, ``live`` or ``away``. proposals: newest first. numbers: in the contract's order.
    """

    state: str
    proposals: list[Proposal]
    numbers: list[Number]


def governance(services: Services, viewer: Viewer, limit: int = MOST) -> Governance:
    """Proposals and numbers."""
    require(viewer, Permission.CHAIN)
    worker = services.chain
    onchain = worker.chain if worker is not None else None
    if onchain is None:
        return Governance("off" if worker is None else "starting", [], [])
    from quietgrid.runtime.chain_view import view_of
    from quietgrid.runtime.governing import Governing

    governing = Governing(view_of(services.store, onchain.node, onchain.addresses, onchain.people))
    found = governing.proposals(min(limit, MOST))
    running = {PRIVACY_FLOOR: services.rules.k, PUBLISH_BUDGET: services.publishing.rules.budget_milli}
    numbers = [Number(one, running.get(one.number)) for one in governing.parameters()]
    away = not onchain.standing().reachable or any(one.state is VoteState.UNKNOWN for one in found)
    return Governance("away" if away else "live", found, numbers)


def proposal(services: Services, viewer: Viewer, number: int) -> Proposal:
    """One proposal.

    Raises:
        NotFoundError: there is none with this number.
    """
    found = [one for one in governance(services, viewer).proposals if one.number == number]
    if not found:
        raise NotFoundError("there is no such proposal", where=f"proposal {number}", fix="check the number")
    return found[0]
