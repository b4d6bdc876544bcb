"""The page of the home's own battery and roof: what is asked of them, what they did, the switch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quietgrid.errors import InputError, NotFoundError
from quietgrid.homeweb.desk import Desk
from quietgrid.household.steering import Choice, Look, steering_of

SHOWN = 24


def page(desk: Desk) -> dict[str, Any]:
    """The page's context; `device` is None where there is nothing to steer."""
    try:
        with desk.lock:
            look = steering_of(desk.home).look()
    except NotFoundError:
        return {"device": None}
    return {"device": _shown(look)}


def choose(desk: Desk, form: Mapping[str, str]) -> None:
    """Keep what the form says.

    Raises:
        InputError: a reserve that cannot be. NotFoundError: there is nothing to steer.
    """
    text = form.get("reserve", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 4):
        raise InputError("a reserve is a part of the battery", where="reserve", fix="give 0 to 100")
    with desk.lock:
        steering_of(desk.home).choose(Choice(form.get("follow") == "yes", int(text)))


def _shown(look: Look) -> dict[str, Any]:
    state = look.state
    span = state.resolution
    return {
        "capacity_wh": state.capacity_wh, "power_w": state.power_w, "pv_w": state.pv_w, "level_wh": state.level_wh,
        "percent": round(100 * state.level_wh / state.capacity_wh) if state.capacity_wh else 0,
        "follow": look.choice.follow, "reserve": look.choice.reserve_percent, "away": look.away,
        "asked": [
            {"start": a.window.first * span, "end": a.window.end * span, "draw_wh": a.draw_wh, "most_w": a.most_out_w}
            for a in look.asked
        ],
        "done": [
            {"start": d.slot * span, "asked_wh": d.asked_wh, "moved_wh": d.moved_wh, "cut_wh": d.cut_wh}
            for d in reversed(state.done[-SHOWN:])
        ],
    }  # fmt: skip
