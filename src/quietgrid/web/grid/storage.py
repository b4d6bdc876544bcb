"""Storage: plan the groups' storages, see the sum before and after, approve as a second person, what homes are told."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from quietgrid.api.desk import grid as desk
from quietgrid.api.desk import grid_pictures as pictures
from quietgrid.balance.scheduling import LEVEL_UNIT
from quietgrid.errors import InputError
from quietgrid.model.grid import SetPointKind
from quietgrid.model.operation import BalancePlan, GridState, PlanState, Standing
from quietgrid.web.formats import power
from quietgrid.web.grid import charts
from quietgrid.web.grid.parts import EVENTS, entry, may, names
from quietgrid.web.grid.storing import stations
from quietgrid.web.kit import Look, Looking, Sent, go

router = APIRouter()
Number = Annotated[int, Path(ge=1, le=2**31)]
PLANS = 20
STATES = {
    PlanState.PROPOSED: ("waits for a second person", "warn"), PlanState.DISPATCHED: ("dispatched", "ok"),
    PlanState.CANCELLED: ("cancelled", "idle"), PlanState.LAPSED: ("lapsed: nobody approved it", "idle"),
}  # fmt: skip
AIMS = [("cost", "lowest cost at known prices"), ("peak", "lowest peak")]
HOURS = [(hours, f"{hours} hours") for hours in (6, 12, 24, 36, 48)]
POINTS = {
    SetPointKind.TAP: "tap changer", SetPointKind.STORAGE_W: "storages", SetPointKind.CURTAIL_PERCENT: "feed-in limit",
    SetPointKind.REACTIVE_PERCENT: "reactive power", SetPointKind.SHED: "feeder",
}  # fmt: skip
HUNDREDTHS = {"EUR": "ct/kWh", "GBP": "p/kWh", "USD": "c/kWh", "CHF": "Rp/kWh"}


@router.get("/grid/storage")
def storage(
    look: Looking, plan: Annotated[int, Query(ge=0, le=2**31)] = 0, group: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Plans; one of them in full."""
    services, viewer = look.services, look.viewer
    found = desk.status(services, viewer)
    listed = desk.plans(services, viewer, PLANS)
    chosen = desk.plan(services, viewer, plan) if plan else next(iter(listed), None)
    people = names(look)
    told = desk.set_points(services, viewer)
    context: dict[str, object] = {
        "network": found.state != "no network", "unseen": found.unseen, "may": may(look), "stopped": _stopped(found),
        "form": {"aims": AIMS, "hours": HOURS}, "plans": [_row(one, people) for one in listed],
        "plan": None if chosen is None else _plan(look, chosen, group, people, found.latest),
        "standing": [_standing(one) for one in told.standing], "ahead": len(told.ahead),
        "encrypted": stations(look),
    }  # fmt: skip
    return look.page("grid/storage.html", context, active=entry(look, "storage"), live=EVENTS)


@router.post("/grid/storage")
def propose(sent: Sent) -> Response:
    """Plan; nothing is sent before a second person approves it."""
    look, aim = sent.look, sent.one_of("aim", *dict(AIMS))
    hours = int(sent.one_of("hours", *(str(value) for value, _ in HOURS)))
    made = desk.propose(look.services, look.viewer, sent.fields.get("why", ""), aim=aim, hours=hours)
    return go(f"/grid/storage?plan={made.number}", look)


@router.post("/grid/storage/{number}")
def decide(sent: Sent, number: Number) -> Response:
    """Approve somebody else's plan, or take one back."""
    look, why = sent.look, sent.fields.get("why", "")
    if sent.one_of("do", "approve", "cancel") == "approve":
        if len(why.strip()) < 3:
            raise InputError("a decision needs a reason", where="why", fix="say why in a few words")
        desk.approve(look.services, look.viewer, number, why)
    else:
        desk.cancel(look.services, look.viewer, number, why)
    return go(f"/grid/storage?plan={number}", look)


def _stopped(found: desk.GridStatus) -> bool:
    return found.stop is not None and found.stop.state.value == "stopped"


def _row(one: BalancePlan, people: dict[str, str]) -> dict[str, object]:
    word, tone = STATES[one.state]
    window = one.proposal.window
    return {
        "number": one.number, "word": word, "tone": tone, "why": one.why, "made_at": one.made_at,
        "made_by": people.get(one.made_by, one.made_by), "decided_by": people.get(one.decided_by, one.decided_by),
        "decided_at": one.decided_at, "reason": one.reason, "start": window.first * window.resolution,
        "end": window.end * window.resolution,
        "hours": (window.end - window.first) * window.resolution / 3600,
    }  # fmt: skip


def _plan(
    look: Look, one: BalancePlan, group: str, people: dict[str, str], latest: GridState | None
) -> dict[str, object]:  # fmt: skip
    made, card = one.proposal, look.services.card
    with_storage = [part.group for part in made.groups if part.storage_w]
    group = group if group in [part.group for part in made.groups] else ""
    limit = pictures.frame(look.services, look.viewer, made.window)
    signals = [one for one in made.signals if one.unit == LEVEL_UNIT]
    unit = HUNDREDTHS.get(card.currency, f"{card.currency}/100 kWh")
    homes = sum(part.homes for part in latest.groups) if latest else 0
    return _row(one, people) | {
        "cost_before": made.cost_before_micro, "cost_after": made.cost_after_micro,
        "saved": made.cost_before_micro - made.cost_after_micro,
        "peak_before": power(made.peak_before_w), "peak_after": power(made.peak_after_w), "basis": made.basis,
        "reasons": list(made.reasons), "groups": [part.group for part in made.groups], "group": group,
        "spec": charts.plan(one, group, limit.most_w, card.tz), "most": power(limit.most_w) if limit.most_w else "",
        "price": charts.price(one, limit.price_micro_per_kwh, unit, card.tz) if limit.feed else None,
        "feed": limit.feed, "homes": homes, "own": one.made_by == look.viewer.account,
        "open": one.state is PlanState.PROPOSED, "live": one.state in (PlanState.PROPOSED, PlanState.DISPATCHED),
        "told": [
            {"id": f"told-{number}", "group": signal.group,
             "spec": charts.told(signal.values, signal.window.first, signal.window.resolution, card.tz)}
            for number, signal in enumerate(signals)
        ],
        "with_storage": with_storage,
        "points": [
            {"group": point.element, "start": point.start, "end": point.end, "value": _watts(point.value)}
            for point in made.set_points
        ],
    }  # fmt: skip


def _watts(value: int) -> str:
    """What storages do, in words."""
    return f"charge {power(value)}" if value > 0 else f"give {power(-value)}" if value < 0 else "rest"


def _standing(one: Standing) -> dict[str, object]:
    kind = SetPointKind(one.kind)
    active = one.active
    return {
        "what": POINTS[kind], "element": one.element, "safe": _said(kind, one.value),
        "now": None if active is None else _said(kind, active.value), "until": None if active is None else active.end,
        "reason": "" if active is None else active.reason,
    }  # fmt: skip


def _said(kind: SetPointKind, value: int) -> str:
    """A set-point's value in words."""
    if kind is SetPointKind.STORAGE_W:
        return _watts(value) if value else "serve their own homes"
    if kind is SetPointKind.CURTAIL_PERCENT:
        return "no limit" if value >= 100 else f"at most {value} % of rated power"
    if kind is SetPointKind.SHED:
        return "open" if value else "closed"
    if kind is SetPointKind.TAP:
        return f"position {value}"
    return "own characteristic" if not value else f"{value:+} % of rated power"
