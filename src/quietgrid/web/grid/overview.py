"""Overview: frequency, losses, voltages, loading, demand and supply, breakers, alarms; everything is about groups."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from quietgrid.api.desk import grid as desk
from quietgrid.balance.diagram_style import State
from quietgrid.balance.service import BREAKERS
from quietgrid.model.interval import DAY_S, Window
from quietgrid.model.network import Network
from quietgrid.model.operation import BreakerState, GridState, GroupState
from quietgrid.web.charts import Spec
from quietgrid.web.feeds import age
from quietgrid.web.formats import percent
from quietgrid.web.grid import charts
from quietgrid.web.grid.parts import (
    EVENTS,
    alarm_row,
    badge_of,
    drawn,
    feeder_url,
    fresh,
    loading_state,
    may,
    names,
    scale_of,
    voltage_state,
)
from quietgrid.web.kit import Look, Looking

router = APIRouter()
FULLEST, ALARMS, STRIPS = 6, 5, 12
BREAKER_TONES = {BreakerState.CLOSED: "ok", BreakerState.HALF_OPEN: "warn", BreakerState.OPEN: "bad"}
BREAKER_WORDS = {BreakerState.CLOSED: "closed", BreakerState.HALF_OPEN: "trying", BreakerState.OPEN: "open"}
SENSOR_WORDS = {
    "head-w": "power into", "head-var": "reactive power into", "voltage-mv": "voltage of", "frequency-millihz":
    "frequency", "tap": "tap of",
}  # fmt: skip


@router.get("/grid")
def overview(look: Looking) -> Response:
    """How the grid stands, live."""
    services, viewer = look.services, look.viewer
    found = desk.status(services, viewer)
    states = _day(look, found.latest)
    network = services.grid.network() if found.state != "no network" else None
    people = names(look)
    context: dict[str, object] = {
        "state": found.state, "network": {"name": found.network, "version": found.version},
        "unseen": found.unseen, "now": fresh(found), "kpis": _kpis(found), "may": may(look),
        "groups": _groups(look, network, found.latest), "branches": _branches(look, found),
        "alarms": [alarm_row(one, people) for one in found.alarms[:ALARMS]], "lasting": len(found.alarms),
        "breakers": [
            {"name": one.name, "tone": BREAKER_TONES[one.state], "word": BREAKER_WORDS[one.state], "since": one.since,
             "why": one.why, "does": BREAKERS[one.name]}
            for one in found.breakers
        ],
        "market": {"open": found.market.open, "why": found.market.why}, "stop": stopped(found),
        "waiting": found.waiting,
        "away": [{"name": name, "age": age(round(seconds))} for name, seconds in found.away.items() if seconds > 0],
        "sensors": _sensors(found), "strips": _strips(look, network, found.latest),
        "loading": charts.loading(states, services.card.tz), "powers": charts.powers(states, services.card.tz),
    }  # fmt: skip
    return look.page("grid/overview.html", context, active="grid", live=EVENTS)


@router.get("/grid/charts/{name}")
def chart(look: Looking, name: str) -> Response:
    """One chart of the overview again, when there is something new: ``loading``, ``powers`` or ``voltage-N``."""
    latest = desk.status(look.services, look.viewer).latest
    tz = look.services.card.tz
    found: Spec | None = None
    if name == "loading":
        found = charts.loading(_day(look, latest), tz)
    elif name == "powers":
        found = charts.powers(_day(look, latest), tz)
    elif latest is not None:
        strips = {f"voltage-{number}": strip for number, strip in enumerate(_day_strips(look, latest))}
        if name in strips:
            strip = strips[name]
            scale = scale_of(look.services.grid.network(), strip.group)
            found = charts.voltage(strip, scale, latest.resolution, tz)
    if found is None:
        return JSONResponse({"title": "There is no such chart"}, 404)
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


def stopped(found: desk.GridStatus) -> dict[str, object] | None:
    """The emergency stop that is asked for or holds; None without one."""
    stop = found.stop
    if stop is None or stop.state.value not in ("asked", "stopped"):
        return None
    return {"number": stop.number, "state": stop.state.value, "reason": stop.reason}


def day_of(latest: GridState) -> Window:
    """The day that ends with a state."""
    slots = DAY_S // latest.resolution
    return Window(max(0, latest.slot + 1 - slots), latest.slot + 1, latest.resolution)


def _day(look: Look, latest: GridState | None) -> list[GridState]:
    return [] if latest is None else desk.history(look.services, look.viewer, day_of(latest))


def _day_strips(look: Look, latest: GridState) -> list[desk.Strip]:
    return desk.strips(look.services, look.viewer, day_of(latest))[:STRIPS]


def _kpis(found: desk.GridStatus) -> dict[str, object]:
    """Figures of the first row, each with what it is about."""
    latest, hertz = found.latest, found.frequency
    name, value = ("", None)
    if latest is not None and latest.loading:
        name, value = next(iter(latest.loading.items()))
    known = latest is not None and latest.feasible
    source = latest.source_w if latest is not None and known else None
    loss = latest.loss_w if latest is not None and known else None
    return {
        "hz": None if hertz.hz is None else f"{hertz.hz:.3f}", "hz_label": hertz.label,
        "hz_age": "" if hertz.at is None or found.replaying else age(max(0, round(found.now - hertz.at))),
        "loss": None if loss is None else f"{loss / 1000:.2f}",
        "loss_share": "" if not loss or not source else f"{percent(loss / abs(source), 1)} of what crosses",
        "source": None if source is None else f"{abs(source) / 1000:.1f}", "feeding": bool(source and source < 0),
        "loading": None if value is None else f"{100 * value:.0f}", "branch": name,
        "unexplained": None if latest is None or latest.unexplained_w is None else drawn(latest.unexplained_w),
    }  # fmt: skip


def _groups(look: Look, network: Network | None, latest: GridState | None) -> dict[str, object]:
    """A row a group with its homes' total and voltages, and the sums."""
    flows = {one.group: one for one in desk.flows(look.services, look.viewer)}
    rows = []
    for one in latest.groups if latest is not None and network is not None else ():
        flow, scale = flows.get(one.group), scale_of(network, one.group) if network else None
        rows.append({
            "name": one.group, "url": feeder_url(one.group), "homes": one.homes, "net": drawn(one.power_w),
            "demand": None if flow is None or flow.demand_w is None else drawn(flow.demand_w),
            "supply": None if flow is None or flow.supply_w is None else drawn(flow.supply_w),
            "low": scale.text(one.p5) if scale else "", "mid": scale.text(one.p50) if scale else "",
            "high": scale.text(one.p95) if scale else "", "unit": scale.unit if scale else "",
            "loading": percent(one.loading) if one.loading == one.loading else "–",
        } | badge_of(*_states(one)))  # fmt: skip
    known = [flow for flow in flows.values() if flow.demand_w is not None and flow.supply_w is not None]
    whole = bool(rows) and len(known) == len(rows)
    return {
        "rows": rows, "homes": sum(one.homes for one in latest.groups) if latest else 0,
        "net": drawn(sum(one.power_w for one in latest.groups)) if latest else "–",
        "demand": drawn(sum(flow.demand_w or 0 for flow in known)) if whole else None,
        "supply": drawn(sum(flow.supply_w or 0 for flow in known)) if whole else None,
    }  # fmt: skip


def _states(one: GroupState) -> tuple[State, State]:
    return voltage_state(one.lowest, one.highest), loading_state(one.loading)


def _branches(look: Look, found: desk.GridStatus) -> list[dict[str, object]]:
    """The fullest branches, each between what."""
    latest = found.latest
    if latest is None or found.state == "no network":
        return []
    ends = {one.name: (one.start, one.end) for one in desk.network(look.services, look.viewer).branches}
    out: list[dict[str, object]] = []
    for name, value in list(latest.loading.items())[:FULLEST]:
        start, end = ends.get(name, ("", ""))
        state = loading_state(value)
        out.append({"name": name, "start": start, "end": end, "percent": round(100 * value), "state": state.value}
                   | badge_of(state))  # fmt: skip
    return out


def _sensors(found: desk.GridStatus) -> list[dict[str, object]]:
    """Instruments and how long ago each spoke."""
    return [
        {"what": SENSOR_WORDS[one.kind.value], "element": one.element, "source": one.source, "good": one.good,
         "value": f"{one.value:,} {desk.UNITS[one.kind]}", "age": age(max(0, round(found.now - one.at)))}
        for one in found.sensors
    ]  # fmt: skip


def _strips(look: Look, network: Network | None, latest: GridState | None) -> list[dict[str, object]]:
    """A voltage chart a group, with a sentence for who cannot see it."""
    if network is None or latest is None:
        return []
    out: list[dict[str, object]] = []
    for number, strip in enumerate(_day_strips(look, latest)):
        scale = scale_of(network, strip.group)
        spec = charts.voltage(strip, scale, latest.resolution, look.services.card.tz)
        lows, highs = ([v for v in values if v is not None] for values in (strip.p5, strip.p95))
        low, high = scale.limits
        summary = f"Voltages of {strip.group} over a day: " + (
            f"{scale.text(min(lows))} to {scale.text(max(highs))} {scale.unit}; limits {low:g} and {high:g}"
            if lows and highs else "not known"
        )  # fmt: skip
        out.append({"id": f"voltage-{number}", "group": strip.group, "url": feeder_url(strip.group), "spec": spec,
                    "summary": summary, "unit": scale.unit})  # fmt: skip
    return out
