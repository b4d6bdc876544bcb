"""Votes: proposals, how they stand, what they change."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from quietgrid.accounts import Permission
from quietgrid.api import shapes_governance as shapes
from quietgrid.api.auth import Asker, Kit
from quietgrid.api.desk import governance as desk
from quietgrid.api.routes.meters import need
from quietgrid.api.times import iso_at
from quietgrid.model.proposal import Proposal, Support

router = APIRouter(prefix="/governance", tags=["chain"])


@router.get("", response_model=shapes.Governance, openapi_extra=need(Permission.CHAIN))
def governance(kit: Kit, viewer: Asker, limit: Annotated[int, Query(ge=1, le=desk.MOST)] = 20) -> shapes.Governance:
    """The newest proposals, and the numbers a vote can change."""
    found = desk.governance(kit, viewer, limit)
    return shapes.Governance(
        state=found.state, proposals=[_proposal(one) for one in found.proposals],
        parameters=[_parameter(one) for one in found.numbers],
    )  # fmt: skip


@router.get("/{number}", response_model=shapes.Proposal, openapi_extra=need(Permission.CHAIN))
def proposal(kit: Kit, viewer: Asker, number: Annotated[int, Path(ge=1, le=2**31, examples=[1])]) -> shapes.Proposal:
    """One proposal with its votes."""
    return _proposal(desk.proposal(kit, viewer, number))


def _proposal(one: Proposal) -> shapes.Proposal:
    def grid(amount: int | None) -> str | None:
        return None if amount is None else str(amount)

    votes = [
        shapes.Vote(voter=v.voter, support=v.support.value, weight=str(v.weight), reason=v.reason, block=v.block)
        for v in one.votes
    ]
    return shapes.Proposal(
        number=one.number, id=one.id, state=one.state.value, proposer=one.proposer, description=one.description,
        effects=list(one.effects), votes_for=str(one.cast(Support.FOR)), votes_against=str(one.cast(Support.AGAINST)),
        abstained=str(one.cast(Support.ABSTAIN)), quorum=grid(one.quorum), power=grid(one.power), quorate=one.quorate,
        starts=iso_at(one.starts), ends=iso_at(one.ends),
        executable_from=None if one.eta is None else iso_at(one.eta),
        executed_at=None if one.executed_at is None else iso_at(one.executed_at), votes=votes,
    )  # fmt: skip


def _parameter(one: desk.Number) -> shapes.Parameter:
    held, named = one.voted, one.voted.named
    running = None if one.running is None else one.running / named.scale
    return shapes.Parameter(
        key=named.key, name=named.name, unit=named.unit, value=held.value / named.scale,
        lowest=held.lowest / named.scale, highest=held.highest / named.scale, step=held.step / named.scale,
        direction=held.direction.value, running=running,
    )  # fmt: skip
