"""Chain: how the node stands, the days' roots beside the contract's, what is on its way, what contracts said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from quietgrid.accounts import Permission
from quietgrid.api.desk import chain as desk
from quietgrid.model.interval import DAY_S
from quietgrid.model.sending import ChainEvent, Sending
from quietgrid.web.kit import Look, Looking, Sent, go

router = APIRouter(include_in_schema=False)
ROWS = 25
DAYS = 7
TONES = {
    "live": "ok", "away": "warn", "starting": "idle", "off": "idle", "confirmed": "ok", "failed": "bad",
    "same": "ok", "waiting": "warn", "different": "bad", "unknown": "idle",
}  # fmt: skip
STATES = [
    ("", "every transaction"), ("queued", "waiting"), ("sent", "sent"), ("mined", "in a block"),
    ("confirmed", "confirmed"), ("failed", "failed"),
]  # fmt: skip
Number = Annotated[int, Path(ge=1, le=2**53)]


@router.get("/audit/chain")
def chain(
    look: Looking, state: Annotated[str, Query(max_length=10)] = "",
    before: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> Response:  # fmt: skip
    """How the chain stands, and what is on its way."""
    services, viewer = look.services, look.viewer
    found = desk.state(services, viewer)
    wanted = state if state in dict(STATES) else ""
    rows = desk.outbox(services, viewer, only=wanted, limit=ROWS + 1, before=before)
    said = desk.events(services, viewer, limit=ROWS)
    context: dict[str, object] = {
        "chain": found, "tone": TONES[found.state],
        "rows": [_row(one) for one in rows[:ROWS]], "older": rows[ROWS - 1].seq if len(rows) > ROWS else 0,
        "filters": {"state": wanted, "states": STATES, "before": before}, "days": _days(look),
        "events": [_event(one) for one in said], "contracts": sorted(found.addresses.items()),
    }  # fmt: skip
    return look.page("audit/chain.html", context, active="chain")


@router.get("/audit/chain/{number}")
def transaction(look: Looking, number: Number) -> Response:
    """One transaction: its attempts, its block, what it did."""
    found = desk.follow(look.services, look.viewer, number)
    context: dict[str, object] = {
        "one": _row(found.sending), "attempts": found.sending.attempts, "nonce": found.sending.nonce,
        "block_hash": found.sending.block_hash, "events": [_event(e) for e in found.events],
        "may_retry": look.viewer.may(Permission.CHAIN_RETRY),
    }  # fmt: skip
    return look.page("audit/transaction.html", context, active="chain")


@router.post("/audit/chain/{number}/retry")
def retry(sent: Sent, number: Number) -> Response:
    """Send one that failed again."""
    desk.retry(sent.look.services, sent.look.viewer, number)
    return go(f"/audit/chain/{number}", sent.look)


def _row(one: Sending) -> dict[str, object]:
    return {
        "number": one.seq, "key": one.key, "what": one.what, "state": one.state.value, "block": one.block,
        "gas": one.gas, "error": one.error, "at": one.at, "tone": TONES.get(one.state.value, "idle"),
    }  # fmt: skip


def _days(look: Look) -> list[dict[str, object]]:
    """The newest days, each with its roots and whether the contract said the same."""
    by_day: dict[int, list[dict[str, object]]] = {}
    for one in desk.roots(look.services, look.viewer, DAYS * len(desk.KINDS)):
        by_day.setdefault(one.row.day, []).append({
            "kind": desk.KINDS[one.row.kind], "root": one.row.root.hex(), "leaves": one.row.leaves,
            "on_chain": one.on_chain, "tone": TONES[one.on_chain],
        })  # fmt: skip
    newest = sorted(by_day, reverse=True)[:DAYS]
    return [{"day": day, "label": f"{datetime.fromtimestamp(day * DAY_S, UTC):%-d %B %Y}", "roots": by_day[day]}
            for day in newest]  # fmt: skip


def _event(one: ChainEvent) -> dict[str, object]:
    return {
        "block": one.block, "name": f"{one.contract}.{one.name}", "values": _words(one.values),
        "transaction": one.transaction.removeprefix("0x"),
    }  # fmt: skip


def _words(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in values.items())


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:10]}…" if text.startswith("0x") and len(text) > 20 else text[:80]
