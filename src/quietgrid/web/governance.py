"""Governance: what is put to the vote, how it stands, what it does; the numbers a vote can change."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from quietgrid.api.desk import governance as desk
from quietgrid.web.kit import Looking
from quietgrid.web.votes import shown

router = APIRouter(include_in_schema=False)


@router.get("/governance")
def governance(look: Looking) -> Response:
    """Proposals and numbers."""
    found = desk.governance(look.services, look.viewer)
    tz = look.services.card.tz
    context: dict[str, object] = {
        "state": found.state, "proposals": [shown(one, tz) for one in found.proposals],
        "numbers": [_number(one) for one in found.numbers],
    }  # fmt: skip
    return look.page("audit/governance.html", context, active="governance")


def _number(one: desk.Number) -> dict[str, object]:
    held, named = one.voted, one.voted.named
    return {
        "name": named.name, "key": named.key, "unit": named.unit, "value": named.shown(held.value),
        "lowest": named.shown(held.lowest), "highest": named.shown(held.highest), "step": named.shown(held.step),
        "direction": held.direction.value, "running": None if one.running is None else named.shown(one.running),
    }  # fmt: skip
