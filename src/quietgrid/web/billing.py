"""MDMS, Billing: periods, their runs, drafts and approval."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from quietgrid.accounts import Permission
from quietgrid.api.desk import bills as desk
from quietgrid.api.desk import check
from quietgrid.model.interval import Window, zone
from quietgrid.web.formats import count, when
from quietgrid.web.kit import Look, Looking, Sent, go

router = APIRouter(include_in_schema=False)
ROWS = 25
STATES = {
    "waiting": ("waiting", "not over yet"), "ready": ("waiting", "can be run"), "open": ("open", "to approve"),
    "issued": ("done", "sent"), "refused": ("refused", "refused"),
}  # fmt: skip
BILL_STATES = {"draft": "open", "approved": "approved", "issued": "sent"}


@router.get("/mdms/billing")
def billing(
    look: Looking, run: Annotated[str, Query(max_length=12)] = "", page: Annotated[int, Query(ge=1, le=10_000)] = 1
) -> Response:
    """All periods, and one of them in full."""
    found = desk.runs(look.services, look.viewer)
    shown = next((item for item in found if item.name == run), None)
    if shown is None:
        ready = [item for item in found if item.state not in ("waiting", "issued")]
        shown = ready[-1] if ready else next((item for item in found if item.state == "issued"), None)
    card = look.services.card
    context: dict[str, object] = {
        "runs": [
            {"id": item.name, "period": label(item.window, card.tz), "state": STATES[item.state][0],
             "state_text": STATES[item.state][1], "bills": sum(item.counts.values()), "total_micro": item.total_micro,
             "at": item.at or item.window.end * item.window.resolution}
            for item in found
        ],
        "run": _run(look, shown, page) if shown else None,
        "may_approve": shown is not None and desk.may_approve(look.services, look.viewer, shown.window),
    }  # fmt: skip
    return look.page("mdms/billing.html", context, active="billing")


@router.post("/mdms/billing/{period}")
def act(sent: Sent, period: str) -> Response:
    """Run, or approve."""
    look = sent.look
    if sent.one_of("do", "run", "approve") == "run":
        desk.start_run(look.services, look.viewer, period)
    else:
        desk.approve(look.services, look.viewer, period)
    return go(f"/mdms/billing?run={period}", look)


def label(window: Window, tz: str) -> str:
    """A period for people: the month, or first to last day."""
    where = zone(tz)
    first, end = window.start_time.astimezone(where), window.end_time.astimezone(where)
    months = (end.year - first.year) * 12 + end.month - first.month
    if months == 1 and first.day == end.day == 1:
        return f"{first:%B %Y}"
    last = end - timedelta(days=1)
    return f"{first.day} {first:%b} to {last.day} {last:%b %Y}"


def _run(look: Look, run: desk.RunView, page: int) -> dict[str, object]:
    services, viewer = look.services, look.viewer
    may_read = viewer.may(Permission.BILLS)
    listed = desk.bills(services, viewer, period=run.name) if may_read else []
    pages = max(1, -(-len(listed) // ROWS))
    page = min(page, pages)
    some = listed[(page - 1) * ROWS : page * ROWS]
    ok, text = check.check_sums(services, viewer, run.name) if listed else (True, "no bills yet")
    rule, _, what = (run.refusals[0][1] if run.refusals else "").partition(": ")
    sections = len(services.members(run.window.first).leaf_names)
    return {
        "id": run.name, "period": label(run.window, services.card.tz),
        "leaf": f"{sections} feeder section" + ("" if sections == 1 else "s"), "steps": _steps(look, run),
        "action": _action(look, run),
        "refusal": {"rule": rule, "what": what, "fix": "What was answered stays; corrections go into the next period."}
        if run.state == "refused" else None,
        "bills": [
            {"number": b.number, "home": f"home {b.home}", "name": b.name, "tariff": b.tariff,
             "energy_wh": b.imported_wh,
             "estimated_wh": b.estimated_wh, "amount_micro": b.total_micro, "state": BILL_STATES[b.state]}
            for b in some
        ],
        "totals": {
            "bills": len(listed), "energy_wh": sum(b.imported_wh for b in listed),
            "estimated_wh": sum(b.estimated_wh for b in listed), "amount_micro": sum(b.total_micro for b in listed),
        },
        "check": {"ok": ok, "text": text}, "page": page, "pages": pages,
    }  # fmt: skip


def _steps(look: Look, run: desk.RunView) -> list[dict[str, str]]:
    tz, made = look.services.card.tz, sum(run.counts.values())
    at = {"waiting": 0, "ready": 1, "refused": 2, "open": 3, "issued": 4}[run.state]
    closed = when(run.closed_end * run.window.resolution, tz)
    texts = [
        ("Collect", "all intervals are closed" if at else f"closed up to {closed}"),
        ("Combine", "one batch a feeder section" if at > 1 else "not asked yet"),
        ("Open", "refused" if run.state == "refused" else f"{count(made)} bills" if made else ""),
        ("Approve", "sent to the homes" if at == 4 else "waits for a person" if at == 3 else ""),
    ]
    names = ["done" if n < at else "now" if n == at else "next" for n in range(4)]
    if run.state == "refused":
        names[2] = "stuck"
    return [{"name": name, "text": text, "state": state} for (name, text), state in zip(texts, names, strict=True)]


def _action(look: Look, run: desk.RunView) -> dict[str, str] | None:
    if run.state in ("ready", "refused") and look.viewer.may(Permission.BILLING_RUN):
        return {
            "do": "run",
            "label": "Run billing",
            "text": "Asks one batch a feeder section; what opens become drafts.",
        }
    if run.state == "open":
        drafts = run.counts["draft"] + run.counts["approved"]
        return {
            "do": "approve", "label": f"Approve {count(drafts)} bills",
            "text": "Approving sends the bills to the homes.",
        }  # fmt: skip
    return None
