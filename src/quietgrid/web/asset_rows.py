"""An asset as pages show it. For the platform's pages and the household's."""

from __future__ import annotations

from quietgrid.model.asset import Asset, AssetHistory
from quietgrid.web.formats import energy


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
