"""The grid: how it stands, demand and supply, plans and their approval, alarms, the emergency stop, set-points."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from quietgrid.accounts import Permission
from quietgrid.api import shapes_grid as shapes
from quietgrid.api.auth import Asker, Kit
from quietgrid.api.desk import grid as desk
from quietgrid.api.desk import grid_circuit as circuits
from quietgrid.api.routes.meters import From, To, need
from quietgrid.api.routes.totals import cell
from quietgrid.api.shapes_grid_of import (
    alarm_of,
    branch_of,
    flow_of,
    plan_of,
    point_of,
    signal_of,
    status_of,
    stop_of,
    strip_of,
)
from quietgrid.api.times import iso, iso_at, span

router = APIRouter(prefix="/grid", tags=["grid"])
Number = Annotated[int, Path(ge=1, le=2**31, examples=[1])]
AlarmName = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$", examples=["9f2b9f2b9f2b"])]
Limit = Annotated[int, Query(ge=1, le=desk.MOST)]
CHANGE = need(Permission.GRID_APPROVE)


@router.get("/status", response_model=shapes.GridStatus, openapi_extra=need(Permission.GRID))
def status(kit: Kit, viewer: Asker) -> shapes.GridStatus:
    """How the grid stands: voltages, loading, losses, frequency, alarms, breakers, market, parts that are away."""
    found = desk.status(kit, viewer)
    stop = None if found.stop is None else desk.named(kit, viewer, found.stop)
    alarms = [desk.named(kit, viewer, one) for one in found.alarms]
    return status_of(replace(found, stop=stop, alarms=alarms))


@router.get("/demand", response_model=shapes.Demand, openapi_extra=need(Permission.GRID))
def demand(kit: Kit, viewer: Asker) -> shapes.Demand:
    """What each group takes from the grid, in its newest interval with a total."""
    found = [flow_of(one, one.demand_w) for one in desk.flows(kit, viewer)]
    known = [one.power_w for one in found if one.power_w is not None]
    return shapes.Demand(total_w=sum(known) if found and len(known) == len(found) else None, groups=found)


@router.get("/supply", response_model=shapes.Supply, openapi_extra=need(Permission.GRID))
def supply(kit: Kit, viewer: Asker) -> shapes.Supply:
    """What each group feeds in, and what comes from upstream."""
    found = [flow_of(one, one.supply_w) for one in desk.flows(kit, viewer)]
    latest = desk.status(kit, viewer).latest
    known = [one.power_w for one in found if one.power_w is not None]
    upstream = latest.source_w if latest is not None and latest.feasible else None
    total = sum(known) if found and len(known) == len(found) else None
    return shapes.Supply(total_w=total, upstream_w=upstream, groups=found)


@router.get("/history", response_model=shapes.History, openapi_extra=need(Permission.GRID))
def history(kit: Kit, viewer: Asker, start: From = None, end: To = None) -> shapes.History:
    """Voltages, power and loading of every group over a span (default: the last day; at most 40 days)."""
    latest = desk.status(kit, viewer).latest
    resolution = kit.card.resolution
    window = span(start, end, resolution, 0 if latest is None else latest.slot + 1, kit.card.tz)
    return shapes.History(
        resolution=resolution, strips=[strip_of(s, resolution) for s in desk.strips(kit, viewer, window)]
    )


@router.get(
    "/history.csv", openapi_extra=need(Permission.GRID), response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)  # fmt: skip
def history_csv(kit: Kit, viewer: Asker, start: From = None, end: To = None) -> Response:
    """The same as CSV, a line a group and interval: voltages and loading of rated, empty where not known."""
    latest = desk.status(kit, viewer).latest
    window = span(start, end, kit.card.resolution, 0 if latest is None else latest.slot + 1, kit.card.tz)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["start_utc", "end_utc", "group", "power_w", "voltage_p5", "voltage_p50", "voltage_p95", "loading"])
    for strip in desk.strips(kit, viewer, window):
        columns = (strip.slots, strip.power_w, strip.p5, strip.p50, strip.p95, strip.loading)
        for slot, power, *shares in zip(*columns, strict=True):
            times = iso(slot, window.resolution), iso(slot + 1, window.resolution)
            cells = ["" if one is None else f"{one:.5f}" for one in shares]
            writer.writerow([*times, cell(strip.group), power, *cells])
    headers = {"Content-Disposition": f'attachment; filename="grid-{window.first}-{window.end}.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/network", response_model=shapes.Network, openapi_extra=need(Permission.GRID))
def network(kit: Kit, viewer: Asker) -> shapes.Network:
    """The network in force, without what is known of single homes."""
    found = desk.network(kit, viewer)
    nodes = [shapes.Node(name=n, rated_v=v, group=g, x=x, y=y) for n, v, g, x, y in found.nodes]
    changers = [
        shapes.Changer(name=n, tap=tap, lowest=low, highest=high, on_load=on)
        for n, tap, low, high, on in found.transformers
    ]
    return shapes.Network(
        name=found.name, version=found.version, groups=found.groups, nodes=nodes,
        branches=[branch_of(one) for one in found.branches], transformers=changers, kinds=found.kinds,
        rated_w=found.rated_w,
    )  # fmt: skip


@router.get("/limits", response_model=shapes.Limits, openapi_extra=need(Permission.GRID))
def limits(kit: Kit, viewer: Asker) -> shapes.Limits:
    """How much more each group may draw or feed in before a voltage or a branch is at its limit."""
    found = desk.limits(kit, viewer)
    groups = [shapes.GroupLimits(group=g.group, import_w=g.import_w, export_w=g.export_w) for g in found.groups]
    start = iso_at(found.slot * found.resolution)
    return shapes.Limits(start=start, resolution=found.resolution, groups=groups, tightest=found.tightest)


# -- alarms ----------------------------------------------------------------------------------------------------------


@router.get("/alarms", response_model=shapes.Alarms, openapi_extra=need(Permission.GRID))
def alarms(
    kit: Kit, viewer: Asker, lasting: bool = False, unseen: bool = False, limit: Limit = 100
) -> shapes.Alarms:  # fmt: skip
    """Alarms: those that last first, the most urgent first, then the newest."""
    found = desk.alarms(kit, viewer, lasting=lasting, unseen=unseen, limit=limit)
    return shapes.Alarms(alarms=[alarm_of(desk.named(kit, viewer, one)) for one in found])


@router.post("/alarms/{name}/acknowledge", response_model=shapes.Alarm, openapi_extra=need(Permission.GRID_OPERATE))
def acknowledge(kit: Kit, viewer: Asker, name: AlarmName) -> shapes.Alarm:
    """Say that an alarm was seen. It lasts until its cause is gone."""
    return alarm_of(desk.named(kit, viewer, desk.acknowledge(kit, viewer, name)))


# -- plans -----------------------------------------------------------------------------------------------------------


@router.post("/balance", response_model=shapes.Plan, status_code=201, openapi_extra=need(Permission.GRID_OPERATE))
def balance(kit: Kit, viewer: Asker, wanted: shapes.BalanceRequest) -> shapes.Plan:
    """Plan the storages of the coming hours. Nothing is sent before a second person approves it."""
    made = desk.propose(kit, viewer, wanted.why, aim=wanted.aim, hours=wanted.hours, schedule=wanted.schedule)
    return plan_of(desk.named(kit, viewer, made))


@router.get("/plans", response_model=shapes.Plans, openapi_extra=need(Permission.GRID))
def plans(kit: Kit, viewer: Asker, limit: Limit = 20) -> shapes.Plans:
    """Plans, the newest first."""
    return shapes.Plans(plans=[plan_of(desk.named(kit, viewer, one)) for one in desk.plans(kit, viewer, limit)])


@router.get("/plans/{plan}", response_model=shapes.Plan, openapi_extra=need(Permission.GRID))
def plan(kit: Kit, viewer: Asker, plan: Number) -> shapes.Plan:
    """One plan, before and after."""
    return plan_of(desk.named(kit, viewer, desk.plan(kit, viewer, plan)))


@router.post("/plans/{plan}/approve", response_model=shapes.Plan, openapi_extra=CHANGE)
def approve(kit: Kit, viewer: Asker, plan: Number, note: shapes.Note) -> shapes.Plan:
    """Dispatch a plan somebody else made."""
    return plan_of(desk.named(kit, viewer, desk.approve(kit, viewer, plan, note.why)))


@router.post("/plans/{plan}/cancel", response_model=shapes.Plan, openapi_extra=CHANGE)
def cancel(kit: Kit, viewer: Asker, plan: Number, reason: shapes.Reason) -> shapes.Plan:
    """Take a plan back: what was sent ends now, and safe values hold."""
    return plan_of(desk.named(kit, viewer, desk.cancel(kit, viewer, plan, reason.why)))


# -- the emergency stop ----------------------------------------------------------------------------------------------


@router.get("/emergency", response_model=shapes.Stops, openapi_extra=need(Permission.GRID))
def emergency(kit: Kit, viewer: Asker) -> shapes.Stops:
    """Emergency stops, the newest first."""
    return shapes.Stops(stops=[stop_of(desk.named(kit, viewer, one)) for one in desk.stops(kit, viewer)])


@router.post("/emergency/agree", response_model=shapes.Stop, openapi_extra=CHANGE)
def agree_stop(kit: Kit, viewer: Asker) -> shapes.Stop:
    """Agree to the stop somebody else asked for: set-points end, markets halt."""
    return stop_of(desk.named(kit, viewer, desk.agree_stop(kit, viewer)))


@router.post("/emergency", response_model=shapes.Stop, status_code=201, openapi_extra=CHANGE)
def ask_stop(kit: Kit, viewer: Asker, reason: shapes.Reason) -> shapes.Stop:
    """Ask for the stop of everything; it waits an hour for a second person."""
    return stop_of(desk.named(kit, viewer, desk.ask_stop(kit, viewer, reason.why)))


@router.post("/emergency/withdraw", response_model=shapes.Stop, openapi_extra=CHANGE)
def withdraw_stop(kit: Kit, viewer: Asker) -> shapes.Stop:
    """Take the own request for a stop back."""
    return stop_of(desk.named(kit, viewer, desk.withdraw_stop(kit, viewer)))


@router.post("/emergency/resume", response_model=shapes.Stop, openapi_extra=CHANGE)
def end_stop(kit: Kit, viewer: Asker, reason: shapes.Reason) -> shapes.Stop:
    """Ask for the end of a stop, or agree to what another asked for."""
    return stop_of(desk.named(kit, viewer, desk.end_stop(kit, viewer, reason.why)))


@router.get("/circuit", response_model=shapes.Circuit, openapi_extra=need(Permission.GRID))
def circuit(kit: Kit, viewer: Asker) -> shapes.Circuit:
    """Whether markets are stopped or a circuit is broken on the chain, and what ends it."""
    return _circuit(circuits.circuit(kit, viewer))


@router.post("/circuit/reset", response_model=shapes.Circuit, openapi_extra=CHANGE)
def reset_circuit(kit: Kit, viewer: Asker, reason: shapes.Reason) -> shapes.Circuit:
    """Reset a circuit that is broken on the chain, by the operator's account. A stop ends by a vote only."""
    return _circuit(circuits.reset_circuit(kit, viewer, reason.why))


def _circuit(one: circuits.Circuit) -> shapes.Circuit:
    return shapes.Circuit(
        open=one.open, why=one.why, stopped=one.stopped, broken=one.broken, transaction=one.transaction
    )


# -- what devices pull -----------------------------------------------------------------------------------------------


@router.get("/set-points", response_model=shapes.SetPoints, openapi_extra=need(Permission.GRID_SIGNALS))
def set_points(kit: Kit, viewer: Asker) -> shapes.SetPoints:
    """What devices do now, ahead, and by themselves; a household gets its own group's."""
    found = desk.set_points(kit, viewer)
    standing = [
        shapes.Standing(
            kind=s.kind, element=s.element, safe=s.value, active=None if s.active is None else point_of(s.active)
        )
        for s in found.standing
    ]
    return shapes.SetPoints(now=iso_at(found.now), standing=standing, ahead=[point_of(p) for p in found.ahead])


@router.get("/signals", response_model=shapes.Signals, openapi_extra=need(Permission.GRID_SIGNALS))
def signals(kit: Kit, viewer: Asker) -> shapes.Signals:
    """Signals of dispatched plans that are not over; a household gets its own group's."""
    return shapes.Signals(signals=[signal_of(one) for one in desk.signals(kit, viewer)])
