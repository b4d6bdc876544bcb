"""Assets: what the community owns together, its histories, who may do what, shares and revenue."""

from __future__ import annotations

import time

from fastapi import APIRouter
from starlette.responses import Response

from quietgrid.api.desk import assets as desk
from quietgrid.model.asset import Asset, AssetHistory
from quietgrid.web.formats import energy
from quietgrid.web.kit import Looking

router = APIRouter(include_in_schema=False)


@router.get("/assets")
def assets(look: Looking) -> Response:
    """Every asset."""
    found = desk.assets(look.services, look.viewer)
    context: dict[str, object] = {"state": found.state, "assets": [shown(one, time.time()) for one in found.assets]}
    return look.page("audit/assets.html", context, active="assets")


def shown(one: Asset, now: float) -> dict[str, object]:
    """One asset as the page has it.

    Args:
        now: Unix seconds of the chain, which is the machine's time also in the demo.
    """
    entries = [
        {
            "history": e.history.value, "start": e.start, "end": e.end, "root": e.root, "by": e.by,
            "quantity": energy(e.quantity) if e.history is AssetHistory.PRODUCTION else _works(e.quantity),
        }
        for e in reversed(one.entries)
    ]  # fmt: skip
    permits = [
        {"account": p.account, "permission": p.permission.value, "until": p.until, "ended": p.until <= now}
        for p in one.permits
    ]
    holdings = [
        {
            "holder": h.holder, "shares": h.shares, "part": h.shares / one.shares if one.shares else 0.0,
            "paid": h.paid_micro, "due": h.due_micro,
        }
        for h in one.holdings
    ]  # fmt: skip
    return {
        "number": one.number, "kind": one.kind.value, "rule": one.rule.value, "capacity_w": one.capacity_w,
        "storage_wh": one.storage_wh, "location": one.location, "owner": one.owner, "retired": one.retired,
        "shares": one.shares, "received": one.received_micro, "paid": one.paid_micro, "entries": entries,
        "permits": permits, "holdings": holdings,
        "payments": [{"payer": p.payer, "amount": p.amount_micro, "block": p.block} for p in reversed(one.payments)],
    }  # fmt: skip


def _works(number: int) -> str:
    return f"{number} work" + ("" if number == 1 else "s")
