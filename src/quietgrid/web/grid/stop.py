"""The emergency stop: two people, a reason, what happened, what the chain has of it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from quietgrid.accounts import Permission
from quietgrid.api.desk import grid as desk
from quietgrid.api.desk import grid_circuit as circuits
from quietgrid.api.desk import grid_pictures as pictures
from quietgrid.model.operation import EmergencyStop, StopState
from quietgrid.web.chain import TONES
from quietgrid.web.grid.parts import EVENTS, may, names
from quietgrid.web.kit import Look, Looking, Sent, go

router = APIRouter()
STATES = {
    StopState.ASKED: ("waits for a second person", "warn"), StopState.STOPPED: ("stopped", "bad"),
    StopState.WITHDRAWN: ("withdrawn", "idle"), StopState.LAPSED: ("lapsed: nobody agreed within the hour", "idle"),
    StopState.ENDED: ("ended", "ok"),
}  # fmt: skip
SURE = "yes"


@router.get("/grid/stop")
def stop(look: Looking) -> Response:
    """What holds, and the forms of what this viewer may do about it."""
    services, viewer = look.services, look.viewer
    found, people = desk.status(services, viewer), names(look)
    stops = desk.stops(services, viewer)
    now = found.stop if found.stop and found.stop.state in (StopState.ASKED, StopState.STOPPED) else None
    context: dict[str, object] = {
        "unseen": found.unseen, "may": may(look), "now": None if now is None else _row(now, people, viewer.account),
        "hour_ends": None if now is None else now.asked_at + services.grid.grid.rules.stop_s,
        "market": {"open": found.market.open, "why": found.market.why},
        "stops": [_row(one, people, viewer.account) for one in stops], "records": _records(look),
        "chain": services.chain is not None, "circuit": circuits.circuit(services, viewer),
    }  # fmt: skip
    return look.page("grid/stop.html", context, active="grid", live=EVENTS)


@router.post("/grid/stop")
def decide(sent: Sent) -> Response:
    """Ask for a stop, agree to it, take it back, end it; reset a circuit that is broken on the chain."""
    look, why = sent.look, sent.fields.get("why", "")
    services, viewer = look.services, look.viewer
    do = sent.one_of("do", "ask", "agree", "withdraw", "resume", "reset")
    if do in ("ask", "agree"):
        sent.one_of("sure", SURE)
    if do == "ask":
        desk.ask_stop(services, viewer, why)
    elif do == "agree":
        desk.agree_stop(services, viewer)
    elif do == "withdraw":
        desk.withdraw_stop(services, viewer)
    elif do == "reset":
        circuits.reset_circuit(services, viewer, why)
    else:
        desk.end_stop(services, viewer, why)
    return go("/grid/stop", look)


def _row(one: EmergencyStop, people: dict[str, str], account: str) -> dict[str, object]:
    word, tone = STATES[one.state]

    def name(who: str) -> str:
        return people.get(who, who)

    return {
        "number": one.number, "state": one.state.value, "word": word, "tone": tone, "reason": one.reason,
        "asked_by": name(one.asked_by), "asked_at": one.asked_at, "agreed_by": name(one.agreed_by),
        "agreed_at": one.agreed_at, "resume_by": name(one.resume_by), "resume_reason": one.resume_reason,
        "ended_by": name(one.ended_by), "ended_at": one.ended_at, "recorded": one.recorded,
        "asked_own": one.asked_by == account, "resume_own": one.resume_by == account,
    }  # fmt: skip


def _records(look: Look) -> list[dict[str, object]]:
    """What the grid has on the chain, for whom may see the chain."""
    if not look.viewer.may(Permission.CHAIN):
        return []
    return [
        {"number": one.seq, "what": one.what, "key": one.key, "at": one.at, "state": one.state.value,
         "tone": TONES.get(one.state.value, "idle"), "block": one.block}
        for one in pictures.recorded(look.services, look.viewer)
    ]  # fmt: skip
