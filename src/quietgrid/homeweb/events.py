"""The page of events: programs to join, what the home allows, events, its numbers and what they earned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quietgrid.errors import InputError, NotFoundError, UnavailableError
from quietgrid.homeweb.desk import Desk
from quietgrid.household.events import OwnResponse, checked
from quietgrid.model.interval import Window
from quietgrid.model.response import MICRO_PER_CENT, Capability, Choice, Limits
from quietgrid.wire.response import EventRow, OwnEvents

LATEST = 30
STATES = {"announced": "warn", "active": "ok", "cancelled": "bad"}
ABLE = [(one.value, one.value.replace("-", " ")) for one in Capability]


def page(desk: Desk) -> dict[str, Any]:
    """The page's context; `response` is None where there is no demand response."""
    own = desk.home.response
    if own is None:
        return {"response": None}
    with desk.lock:
        try:
            told: OwnEvents | None = own.fetch()
        except UnavailableError:
            told = None
        limits, seen = own.limits(), own.seen()
    programs = [] if told is None else told.programs
    return {
        "response": {
            "away": told is None, "able": ABLE, "limits": _limits(limits), "rewards": _rewards(desk, told),
            "programs": [
                {"id": p.id, "name": p.name, "utility": p.utility, "rate": p.rate_cents * MICRO_PER_CENT,
                 "early": p.early_percent, "penalty": p.penalty_percent, "cap_micro": p.cap_micro,
                 "notice_h": p.notice_s / 3600, "enrolled": p.enrolled}
                for p in programs
            ],
            "events": [_event(row) for row in seen[:LATEST]],
        }
    }  # fmt: skip


def _limits(limits: Limits) -> dict[str, object]:
    return {
        "events": limits.events_a_month, "hours": ", ".join(str(hour) for hour in limits.blackout_hours),
        "reserve": limits.reserve_percent, "share": limits.share_percent, "automatic": limits.automatic,
    }  # fmt: skip


def _event(row: EventRow) -> dict[str, object]:
    return {
        "id": row.id, "start": row.first * row.resolution, "end": row.end * row.resolution, "state": row.state,
        "tone": STATES.get(row.state, "idle"), "rate": row.rate_cents * MICRO_PER_CENT, "choice": row.choice,
        "by": row.by, "reason": row.reason, "emergency": row.emergency,
        "open": row.state == "announced" or (row.state == "active" and row.choice == Choice.IN),
    }  # fmt: skip


def _rewards(desk: Desk, told: OwnEvents | None) -> list[dict[str, object]]:
    return [
        {"fact": row.fact.partition("@")[0], "events": len(row.events), "amount_micro": row.amount_micro,
         "missing": row.missing, "paid": row.paid, "holds": _holds(desk, told, row.fact)}
        for row in (told.rewards if told is not None else ())
        if told is not None
    ]  # fmt: skip


def _holds(desk: Desk, told: OwnEvents, fact: str) -> bool | None:
    """Whether the opened number is the sum of the own readings; None where it cannot be said."""
    slots = next(row.slots for row in told.rewards if row.fact == fact)
    window = Window(slots[0][0], slots[-1][0] + 1, desk.resolution)
    own = desk.own(window)

    def wh(slot: int) -> int | None:
        at = slot - window.first
        return int(own.imported_wh[at]) if bool(own.present[at]) else None

    return checked(told, fact, wh)


def decide(desk: Desk, event: str, form: Mapping[str, str]) -> None:
    """Say yes or no to an event, by hand.

    Raises:
        NotFoundError: it does not ask this home. ConflictError: it is over.
    """
    own = _own(desk)
    with desk.lock:
        row = next((one for one in own.fetch().events if one.id == event and one.asked), None)
        if row is None:
            raise NotFoundError("there is no such event", where="events", fix="take it from the list")
        own.choose(row, Choice.IN if form.get("choice") == "in" else Choice.OUT)


def allow(desk: Desk, form: Mapping[str, str]) -> None:
    """Keep what the home allows.

    Raises:
        InputError: a number that cannot be.
    """
    hours = [one.strip() for one in form.get("hours", "").split(",") if one.strip()]
    if any(not (one.isascii() and one.isdecimal() and len(one) < 3) for one in hours):
        raise InputError("hours are numbers with commas", where="hours", fix="such as 18, 19")
    limits = Limits(
        _whole(form, "events"), tuple(sorted({int(one) for one in hours})), _whole(form, "reserve"),
        _whole(form, "share"), form.get("automatic") == "yes",
    )  # fmt: skip
    with desk.lock:
        _own(desk).set_limits(limits)


def join(desk: Desk, program: str, form: Mapping[str, str]) -> None:
    """Join or leave a program.

    Raises:
        InputError: what can be shifted is not said.
    """
    own = _own(desk)
    with desk.lock:
        if form.get("leave") == "yes":
            own.leave(program)
            return
        able = form.get("capability", "")
        if able not in dict(ABLE):
            raise InputError("say what can be shifted", where="capability", fix=", ".join(dict(ABLE)))
        own.enrol(program, _whole(form, "power"), (Capability(able),), each=form.get("each") == "yes")


def _whole(form: Mapping[str, str], name: str) -> int:
    text = form.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 7):
        raise InputError("this is no whole number", where=name, fix="0 or more")
    return int(text)


def _own(desk: Desk) -> OwnResponse:
    if desk.home.response is None:
        raise NotFoundError("there is no demand response here", where="events", fix="ask your community")
    return desk.home.response
