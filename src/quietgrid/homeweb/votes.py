"""Votes on the household's pages: how they stand, and the home's own vote, sent from its own account.

Privacy: nothing of it goes to the platform. On the chain stands an address that only this household knows for its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quietgrid.errors import ForbiddenError, InputError, NotFoundError, UnavailableError
from quietgrid.homeweb.desk import Desk
from quietgrid.homeweb.node import NodeReader
from quietgrid.household.taking_part import voter
from quietgrid.model.proposal import GRID_UNIT, Proposal, Support, VoteState
from quietgrid.web.votes import shown

if TYPE_CHECKING:
    from quietgrid.runtime.governing import Governing

Context = dict[str, Any]
LONGEST = 200
MOST = 20


def page(desk: Desk, reader: NodeReader) -> Context:
    """The context of the page."""
    view = reader.look()
    if view is None:
        return {"state": reader.state, "voter": None, "proposals": [], "numbers": []}
    from quietgrid.runtime.governing import Governing

    governing, own = Governing(view), voter(desk.home.parts.vault).address
    proposals = [shown(one, desk.tz) | {"mine": _mine(governing, one, own)} for one in governing.proposals(MOST)]
    numbers = [
        {"name": one.named.name, "unit": one.named.unit, "value": one.named.shown(one.value),
         "direction": one.direction.value}
        for one in governing.parameters()
    ]  # fmt: skip
    held = {"address": own} | _held(governing, own)
    return {"state": reader.state, "voter": held, "proposals": proposals, "numbers": numbers}


def take_part(desk: Desk, reader: NodeReader) -> None:
    """Let the home's GRID count, what it has and what it will get.

    Raises:
        NotFoundError: there is no chain here. UnavailableError: the node is away.
    """
    governing = _governing(reader)
    governing.take_part(voter(desk.home.parts.vault))


def cast(desk: Desk, reader: NodeReader, number: str, form: Mapping[str, str]) -> None:
    """Vote.

    Raises:
        InputError: no such answer, or too long a reason. NotFoundError: no such proposal. ForbiddenError: the home had
            no GRID when the vote opened. RevertedError: the vote is over, or the home has voted.
    """
    answer, why = form.get("answer", ""), form.get("why", "").strip()
    if answer not in list(Support) or len(why) > LONGEST:
        raise InputError("choose for, against or abstain", where="vote", fix=f"a reason has at most {LONGEST} letters")
    governing, own = _governing(reader), voter(desk.home.parts.vault)
    found = governing.proposal(number)
    if not governing.power(own.address, found.starts):
        raise ForbiddenError(
            "your address had no GRID when this vote opened", where=f"proposal {number}", fix="take part in the next"
        )
    governing.cast(own, int(found.id, 16), Support(answer), why)


def _mine(governing: Governing, one: Proposal, own: str) -> Context:
    """What the home could and did say."""
    answer = next((vote.support.value for vote in one.votes if vote.voter.lower() == own.lower()), "")
    over = one.state in (VoteState.PENDING, VoteState.UNKNOWN)
    power = None if over else _power(governing, own, one.starts)
    grid = None if power is None else power // GRID_UNIT
    return {"power": grid, "answer": answer, "open": one.state is VoteState.ACTIVE}


def _governing(reader: NodeReader) -> Governing:
    from quietgrid.runtime.governing import Governing

    view = reader.look()
    if view is None:
        raise NotFoundError("there is no vote here", where="votes", fix="look at the page Votes")
    return Governing(view)


def _held(governing: Governing, own: str) -> Context:
    """What the home has; None while the node is away."""
    try:
        grid, counts = governing.held(own)
    except UnavailableError:
        return {"grid": None, "counts": None}
    return {"grid": grid // GRID_UNIT, "counts": counts}


def _power(governing: Governing, own: str, at: int) -> int | None:
    """None while the node is away."""
    try:
        return governing.power(own, at)
    except UnavailableError:
        return None
