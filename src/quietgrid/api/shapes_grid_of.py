"""From what the grid's desk gives to its JSON."""

from __future__ import annotations

from math import isfinite

from quietgrid.api import shapes_grid as shapes
from quietgrid.api.desk import grid as desk
from quietgrid.api.times import iso, iso_at
from quietgrid.balance.service import BREAKERS
from quietgrid.model.grid import Alarm, Measurement, SetPoint
from quietgrid.model.operation import BalancePlan, Breaker, EmergencyStop, GridState
from quietgrid.model.signal import Signal
from quietgrid.runtime.grid_totals import GroupFlow


def status_of(found: desk.GridStatus) -> shapes.GridStatus:
    """How the grid stands."""
    hertz = found.frequency
    return shapes.GridStatus(
        state=found.state, now=iso_at(found.now), network=found.network, version=found.version,
        latest=None if found.latest is None else state_of(found.latest),
        frequency=shapes.Frequency(hz=hertz.hz, at=_at(hertz.at), label=hertz.label),
        market=shapes.Market(open=found.market.open, why=found.market.why),
        alarms=[alarm_of(one) for one in found.alarms], unseen=found.unseen,
        breakers=[_breaker(one) for one in found.breakers], stop=None if found.stop is None else stop_of(found.stop),
        waiting=found.waiting, away=found.away, sensors=[_sensor(one) for one in found.sensors],
        sources=[
            shapes.Source(name=one.name, kind=one.kind, reachable=one.reachable, note=one.note) for one in found.sources
        ],
        watch=shapes.Watch(
            state=found.watch.state, days_left=found.watch.days_left, groups=list(found.watch.groups),
            learnt_until=_at(found.watch.learnt_until), said=found.watch.said,
        ),
    )  # fmt: skip


def state_of(one: GridState) -> shapes.StateNow:
    """One interval."""
    groups = [
        shapes.GroupNow(
            group=g.group, power_w=g.power_w, homes=g.homes, lowest=_finite(g.lowest), p5=_finite(g.p5),
            p50=_finite(g.p50), p95=_finite(g.p95), highest=_finite(g.highest), loading=_finite(g.loading),
            head_w=g.head_w,
        )
        for g in one.groups
    ]  # fmt: skip
    hertz = None if one.frequency_millihz is None else one.frequency_millihz / 1000
    return shapes.StateNow(
        start=iso(one.slot, one.resolution), resolution=one.resolution, basis=one.basis.value, feasible=one.feasible,
        groups=groups, loading=one.loading, source_w=one.source_w, loss_w=one.loss_w, unexplained_w=one.unexplained_w,
        frequency_hz=hertz,
    )  # fmt: skip


def alarm_of(one: Alarm) -> shapes.Alarm:
    """One alarm."""
    return shapes.Alarm(
        id=one.id, rule=one.rule, element=one.element, priority=one.priority.name.lower(), said=one.said,
        since=iso_at(one.since), until=_at(one.until), seen_by=one.seen_by, seen_at=_at(one.seen_at),
    )  # fmt: skip


def stop_of(one: EmergencyStop) -> shapes.Stop:
    """One emergency stop."""
    return shapes.Stop(
        number=one.number, state=one.state.value, reason=one.reason, asked_by=one.asked_by,
        asked_at=iso_at(one.asked_at), agreed_by=one.agreed_by, agreed_at=_at(one.agreed_at), resume_by=one.resume_by,
        resume_reason=one.resume_reason, ended_by=one.ended_by, ended_at=_at(one.ended_at), recorded=one.recorded,
    )  # fmt: skip


def flow_of(one: GroupFlow, power_w: int | None) -> shapes.Flow:
    """One group's demand or supply."""
    return shapes.Flow(
        group=one.group, start=iso(one.slot, one.resolution), resolution=one.resolution, power_w=power_w,
        net_w=one.power_w, homes=one.homes,
    )  # fmt: skip


def strip_of(one: desk.Strip, resolution: int) -> shapes.Strip:
    """One group over a span."""
    return shapes.Strip(
        group=one.group, starts=[iso(slot, resolution) for slot in one.slots], p5=one.p5, p50=one.p50, p95=one.p95,
        power_w=one.power_w, loading=one.loading,
    )  # fmt: skip


def branch_of(one: desk.Branch) -> shapes.Branch:
    """One line or transformer."""
    return shapes.Branch(
        name=one.name, start=one.start, end=one.end, closed=one.closed, loading=one.loading, rating=one.rating
    )


def plan_of(one: BalancePlan) -> shapes.Plan:
    """One plan."""
    made = one.proposal
    window = made.window
    groups = [
        shapes.GroupPlan(
            group=g.group, before_w=list(g.before_w), after_w=list(g.after_w), storage_w=list(g.storage_w),
            level_wh=list(g.level_wh),
        )
        for g in made.groups
    ]  # fmt: skip
    return shapes.Plan(
        number=one.number, state=one.state.value, start=iso(window.first, window.resolution),
        end=iso(window.end, window.resolution), resolution=window.resolution, why=one.why, made_by=one.made_by,
        made_at=iso_at(one.made_at), decided_by=one.decided_by, decided_at=_at(one.decided_at), reason=one.reason,
        basis=made.basis, reasons=list(made.reasons), cost_before_micro=made.cost_before_micro,
        cost_after_micro=made.cost_after_micro, peak_before_w=made.peak_before_w, peak_after_w=made.peak_after_w,
        groups=groups, set_points=[point_of(p) for p in made.set_points],
    )  # fmt: skip


def point_of(one: SetPoint) -> shapes.SetPoint:
    """One set-point."""
    return shapes.SetPoint(
        id=one.id, kind=one.kind.value, element=one.element, value=one.value, start=iso_at(one.start),
        end=iso_at(one.end), reason=one.reason,
    )  # fmt: skip


def signal_of(one: Signal) -> shapes.Told:
    """One signal to homes."""
    return shapes.Told(
        id=one.id, kind=one.kind.value, group=one.group, start=iso(one.window.first, one.window.resolution),
        resolution=one.window.resolution, values=list(one.values), unit=one.unit, issued=iso_at(one.issued),
    )  # fmt: skip


def _breaker(one: Breaker) -> shapes.Breaker:
    since = iso_at(one.since) if one.since else None
    return shapes.Breaker(name=one.name, state=one.state.value, since=since, why=one.why, does=BREAKERS[one.name])


def _sensor(one: Measurement) -> shapes.Sensor:
    return shapes.Sensor(
        kind=one.kind.value, element=one.element, value=one.value, unit=desk.UNITS[one.kind], at=iso_at(one.at),
        source=one.source, good=one.good,
    )  # fmt: skip


def _at(unix: float | None) -> str | None:
    return None if unix is None else iso_at(unix)


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
