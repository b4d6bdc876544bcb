"""The one-line diagram coloured by state, and one group: its voltages, what is measured, its room, its week."""

from __future__ import annotations

from math import isfinite

from fastapi import APIRouter
from markupsafe import Markup
from starlette.responses import Response

from quietgrid.algorithms.voltage.quality import Verdict, Week
from quietgrid.api.desk import grid as desk
from quietgrid.api.desk import grid_pictures as pictures
from quietgrid.balance.diagram import Look as Drawn
from quietgrid.balance.diagram import diagram
from quietgrid.balance.supply import LABEL
from quietgrid.errors import NotFoundError
from quietgrid.model.operation import GroupState
from quietgrid.web.formats import percent, power
from quietgrid.web.grid import charts
from quietgrid.web.grid.parts import (
    EVENTS,
    Scale,
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
NARROW, BROAD = 350, 1120
"""Widths the two diagrams are made for: a phone, a desk."""
BRANCHES = 12
KINDS = {
    "load": "connections", "pv": "solar plants", "wind": "wind turbines", "generator": "generators",
    "storage": "storages", "heat-pump": "heat pumps", "charger": "charging points",
}  # fmt: skip
VERDICTS = {
    Verdict.KEPT: ("kept", "ok"), Verdict.BROKEN: ("not kept", "bad"), Verdict.UNKNOWN: ("not known", "idle"),
}  # fmt: skip


@router.get("/grid/diagram")
def whole(look: Looking) -> Response:
    """The network in force as a one-line diagram."""
    found = desk.status(look.services, look.viewer)
    svgs, groups = {"narrow": "", "broad": ""}, []
    if found.state != "no network":
        drawing = pictures.drawing(look.services, look.viewer)
        svgs = _svgs(drawing)
        groups = [{"name": one, "url": feeder_url(one)} for one in drawing.network.groups]
    context: dict[str, object] = {
        "state": found.state, "network": {"name": found.network, "version": found.version}, "unseen": found.unseen,
        "now": fresh(found), "svgs": svgs, "groups": groups,
    }  # fmt: skip
    return look.page("grid/diagram.html", context, active="grid", live=EVENTS)


def _svgs(drawing: pictures.Drawing) -> dict[str, str]:
    """The diagram for a phone and for a desk; made here, names in it are escaped."""
    return {
        name: Markup(diagram(drawing.network, drawing.states, Drawn(width, prefix=name)))
        for name, width in (("narrow", NARROW), ("broad", BROAD))
    }


@router.get("/grid/feeder/{group:path}")
def feeder(look: Looking, group: str) -> Response:
    """One group in detail."""
    services, viewer = look.services, look.viewer
    one = desk.feeder(services, viewer, group)
    found = desk.status(services, viewer)
    network = services.grid.network()
    scale, people = scale_of(network, group), names(look)
    here = next((g for g in one.latest.groups if g.group == group), None) if one.latest else None
    resolution = one.latest.resolution if one.latest else services.card.resolution
    spec = charts.voltage(one.strip, scale, resolution, services.card.tz) if one.strip else None
    drawing = pictures.drawing(services, viewer)
    loading = _loading(drawing)
    fullest = sorted(one.branches, key=lambda branch: -loading.get(branch.name, 0.0))[:BRANCHES]
    low, high = scale.limits
    context: dict[str, object] = {
        "group": group, "unseen": found.unseen, "now": fresh(found), "unit": scale.unit,
        "limits": {"low": f"{low:g}", "high": f"{high:g}"}, "here": _here(here, scale),
        "balance": _balance(drawing, here, group), "room": _room(look, group), "week": _week(look, group, scale),
        "svgs": _svgs(drawing.part(group)), "spec": spec, "may": may(look),
        "others": [{"name": g, "url": feeder_url(g)} for g in network.groups],
        "branches": [
            {"name": b.name, "start": b.start, "end": b.end, "closed": b.closed, "rating": _rating(b),
             "percent": round(100 * loading[b.name]) if b.name in loading else None,
             "state": loading_state(loading.get(b.name)).value} | badge_of(loading_state(loading.get(b.name)))
            for b in fullest
        ],
        "more": len(one.branches) - len(fullest),
        "kinds": [
            {"what": KINDS[kind], "count": count, "rated": power(one.rated_w[kind])}
            for kind, count in one.kinds.items()
        ],
        "storage": f"{one.storage_wh / 1000:,.1f}" if one.storage_wh else "",
        "alarms": [alarm_row(alarm, people) for alarm in one.alarms],
    }  # fmt: skip
    return look.page("grid/feeder.html", context, active="grid", live=EVENTS)


def _rating(branch: desk.Branch) -> str:
    """Transformers are rated in VA, lines in A."""
    if branch.rating is None:
        return "not known"
    return f"{branch.rating / 1000:g} kVA" if branch.rating >= 10_000 else f"{branch.rating:g} A"


def _here(one: GroupState | None, scale: Scale) -> dict[str, object] | None:
    if one is None:
        return None
    return {
        "low": scale.text(one.lowest), "p5": scale.text(one.p5), "mid": scale.text(one.p50),
        "p95": scale.text(one.p95), "high": scale.text(one.highest), "net": drawn(one.power_w), "homes": one.homes,
        "loading": "" if one.loading != one.loading else f"{100 * one.loading:.0f}",
    } | badge_of(voltage_state(one.lowest, one.highest), loading_state(one.loading))  # fmt: skip


def _loading(drawing: pictures.Drawing) -> dict[str, float]:
    """Branch -> loading, where it is known."""
    if drawing.states is None:
        return {}
    pairs = zip(drawing.network.branch_names, drawing.states.loading.tolist(), strict=True)
    return {name: value for name, value in pairs if isfinite(value)}


def _balance(drawing: pictures.Drawing, one: GroupState | None, group: str) -> dict[str, object] | None:
    """Head against total against losses: what remains is neither used nor lost."""
    if one is None:
        return None
    losses = dict(zip(drawing.network.groups, drawing.losses_w, strict=False))
    lost = losses.get(group)
    rest = None if one.head_w is None or lost is None else one.head_w - one.power_w - lost
    return {
        "head": None if one.head_w is None else drawn(one.head_w), "total": drawn(one.power_w), "homes": one.homes,
        "lost": None if lost is None else power(lost), "rest": None if rest is None else power(rest),
        "share": "" if rest is None or not one.head_w else percent(abs(rest / one.head_w), 1),
    }  # fmt: skip


def _room(look: Look, group: str) -> dict[str, object] | None:
    """How much more the group may draw or feed in; None before the first total."""
    try:
        found = desk.limits(look.services, look.viewer)
    except NotFoundError:
        return None
    mine = next((one for one in found.groups if one.group == group), None)
    return None if mine is None else {
        "more": power(max(0, mine.import_w)), "feed": power(max(0, mine.export_w)), "tightest": found.tightest,
        "broken": mine.import_w < 0 or mine.export_w < 0,
    }  # fmt: skip


def _week(look: Look, group: str, scale: Scale) -> dict[str, object] | None:
    """EN 50160 so far this week."""
    week: Week | None = pictures.weeks(look.services, look.viewer).get(group)
    if week is None:
        return None
    word, tone = VERDICTS[week.verdict]
    known = week.intervals - week.gaps
    return {
        "start": week.start, "word": word, "tone": tone, "known": known, "intervals": week.intervals, "label": LABEL,
        "within": percent(week.worst_within, 1) if known else "–", "above": week.above, "below": week.below,
        "least": scale.text(week.least), "most": scale.text(week.most), "mid": scale.text(week.p50),
    }  # fmt: skip
