"""`quietgrid grid` while it runs: status, demand, supply, limits, plans and their approval, alarms, the emergency stop.

Commands act on a state folder whose platform may run meanwhile. Whoever changes something says who they are (`--by`,
the name of an account), and may do what that account may.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from quietgrid.cli import grid_voltage as _voltage  # noqa: F401 - hangs its command on `app`
from quietgrid.cli.grid import app
from quietgrid.cli.opened import opened_platform
from quietgrid.cli.output import Json, emit, table

if TYPE_CHECKING:
    from quietgrid.accounts import Viewer
    from quietgrid.api.services import Services
    from quietgrid.model.grid import Alarm
    from quietgrid.model.operation import BalancePlan, EmergencyStop

__all__ = ["app"]
By = Annotated[str, Parameter(name="--by", help="Name of the account that decides.")]
Why = Annotated[str, Parameter(name="--why", help="The reason, for the audit log.")]
KEY_DAYS = 365


@app.command
def status(*, state: Path | None = None, as_json: Json = False) -> int:
    """Say how the grid stands: voltages, loading, losses, frequency, alarms, breakers, markets.

    Args:
        state: Folder of databases and keys.
    """
    from quietgrid.api.desk import grid as desk
    from quietgrid.api.shapes_grid_of import status_of

    with desk_at(state) as (services, viewer):
        found = desk.status(services, viewer)
        named = None if found.stop is None else desk.named(services, viewer, found.stop)
        alarms = [desk.named(services, viewer, one) for one in found.alarms]
        found = replace(found, stop=named, alarms=alarms)
    lines = [f"{found.network or 'no network is in force'}: {found.state}, {_time(found.now)}"]
    latest = found.latest
    if latest is not None:
        lines += [
            f"{latest.resolution // 60} minutes from {_time(latest.slot * latest.resolution)}; {latest.basis.value}",
            f"from upstream {_kw(latest.source_w)}, losses {_kw(latest.loss_w)}"
            + ("" if latest.unexplained_w is None else f", unexplained {_kw(latest.unexplained_w)}"),
        ]  # fmt: skip
        rows = [
            [g.group, _kw(g.power_w), f"{g.p5:.1%}", f"{g.p50:.1%}", f"{g.p95:.1%}", f"{g.loading:.0%}", g.homes]
            for g in latest.groups
        ]
        lines += ["", *table(["group", "power", "V p5", "V p50", "V p95", "loading", "homes"], rows), ""]
    hertz = found.frequency
    lines.append(f"frequency: {hertz.label}" if hertz.hz is None else f"frequency: {hertz.hz:.3f} Hz, {hertz.label}")
    lines.append("markets are open" if found.market.open else f"markets are halted: {found.market.why}")
    lines += [f"breaker {b.name}: {b.state.value}" + (f", {b.why}" if b.why else "") for b in found.breakers]
    if found.stop is not None:
        lines.append(_stop_line(found.stop))
    lines += [f"away: {part}, {seconds / 60:.0f} minutes" for part, seconds in found.away.items()]
    lines.append(f"attacks: {found.watch.said}")
    lines += _alarm_lines(found.alarms) or ["no alarm lasts"]
    emit(as_json, status_of(found).model_dump(mode="json"), lines)
    return 0


@app.command
def demand(*, state: Path | None = None, as_json: Json = False) -> int:
    """Say what each group takes from the grid, in its newest interval with a total.

    Args:
        state: Folder of databases and keys.
    """
    return _flows(state, as_json, "demand_w", "demand")


@app.command
def supply(*, state: Path | None = None, as_json: Json = False) -> int:
    """Say what each group feeds into the grid, in its newest interval with a total.

    Args:
        state: Folder of databases and keys.
    """
    return _flows(state, as_json, "supply_w", "supply")


@app.command
def limits(*, state: Path | None = None, as_json: Json = False) -> int:
    """Say how much more each group could draw or feed in before a voltage or a branch is at its limit.

    Args:
        state: Folder of databases and keys.
    """
    from quietgrid.api.desk import grid as desk

    with desk_at(state) as (services, viewer):
        found = desk.limits(services, viewer)
    rows = [[g.group, _kw(g.import_w), _kw(g.export_w)] for g in found.groups]
    data = {
        "start": _iso(found.slot * found.resolution), "resolution": found.resolution, "tightest": found.tightest,
        "groups": [{"group": g.group, "import_w": g.import_w, "export_w": g.export_w} for g in found.groups],
    }  # fmt: skip
    head = f"interval from {_time(found.slot * found.resolution)}: each group alone, beyond what it did"
    emit(as_json, data, [head, *table(["group", "more demand", "more supply"], rows), "tightest: " + found.tightest])
    return 0


# -- plans -----------------------------------------------------------------------------------------------------------


@app.command
def balance(
    *, why: Why, by: By, aim: Literal["cost", "peak"] = "cost", hours: int = 24, schedule: str = "aggregate",
    state: Path | None = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Plan the storages of the coming hours. Nothing is sent before a second person approves it.

    Args:
        aim: Least cost, or the lowest peak.
        hours: 1 to 48.
        schedule: Name of the way to plan.
        state: Folder of databases and keys.
    """
    from quietgrid.api.desk import grid as desk

    with desk_at(state, by) as (services, viewer):
        made = desk.propose(services, viewer, why, aim=aim, hours=hours, schedule=schedule)
    _emit_plan(as_json, made, [f"`quietgrid grid approve {made.number} --by NAME` sends it: somebody else's name"])
    return 0


@app.command
def plans(*, limit: int = 10, state: Path | None = None, as_json: Json = False) -> int:
    """List plans, the newest first.

    Args:
        limit: How many.
        state: Folder of databases and keys.
    """
    from quietgrid.api.desk import grid as desk
    from quietgrid.api.shapes_grid_of import plan_of

    with desk_at(state) as (services, viewer):
        found = [desk.named(services, viewer, one) for one in desk.plans(services, viewer, limit)]
    lines = [line for one in found for line in _plan_lines(one)] or ["nothing was planned yet"]
    emit(as_json, {"plans": [plan_of(one).model_dump(mode="json") for one in found]}, lines)
    return 0


@app.command
def approve(number: int, *, by: By, why: Why = "", state: Path | None = None, as_json: Json = False) -> int:
    """Send a plan somebody else made.

    Args:
        number: Of the plan.
        state: Folder of databases and keys.
    """
    from quietgrid.api.desk import grid as desk

    with desk_at(state, by) as (services, viewer):
        _emit_plan(as_json, desk.named(services, viewer, desk.approve(services, viewer, number, why)))
    return 0


@app.command
def cancel(number: int, *, by: By, why: Why, state: Path | None = None, as_json: Json = False) -> int:
    """Take a plan back: what was sent ends now, and safe values hold.

    Args:
        number: Of the plan.
        state: Folder of databases and keys.
    """
    from quietgrid.api.desk import grid as desk

    with desk_at(state, by) as (services, viewer):
        _emit_plan(as_json, desk.named(services, viewer, desk.cancel(services, viewer, number, why)))
    return 0


# -- alarms and the stop ---------------------------------------------------------------------------------------------


@app.command
def alarms(
    *, lasting: bool = False, unseen: bool = False, limit: int = 50, state: Path | None = None, as_json: Json = False
) -> int:
    """List alarms: those that last first, the most urgent first.

    Args:
        lasting: Only those that last.
        unseen: Only those nobody has acknowledged.
        limit: How many.
        state: Folder of databases and keys.
    """
    from quietgrid.api.desk import grid as desk
    from quietgrid.api.shapes_grid_of import alarm_of

    with desk_at(state) as (services, viewer):
        kept = desk.alarms(services, viewer, lasting=lasting, unseen=unseen, limit=limit)
        found = [desk.named(services, viewer, one) for one in kept]
    data = {"alarms": [alarm_of(one).model_dump(mode="json") for one in found]}
    emit(as_json, data, _alarm_lines(found) or ["no alarm"])
    return 0


@app.command
def ack(alarm: str, *, by: By, state: Path | None = None, as_json: Json = False) -> int:
    """Say that an alarm was seen; it lasts until its cause is gone.

    Args:
        alarm: Its id, as `quietgrid grid alarms` shows it.
        state: Folder of databases and keys.
    """
    from quietgrid.api.desk import grid as desk
    from quietgrid.api.shapes_grid_of import alarm_of

    with desk_at(state, by) as (services, viewer):
        found = desk.named(services, viewer, desk.acknowledge(services, viewer, alarm))
    emit(as_json, alarm_of(found).model_dump(mode="json"), _alarm_lines([found]))
    return 0


@app.command
def emergency(
    do: Literal["show", "ask", "agree", "withdraw", "resume"] = "show", *, by: By = "", why: Why = "",
    state: Path | None = None, as_json: Json = False,
) -> int:  # fmt: skip
    """The stop of everything: one person asks, another agrees; two people end it.

    Args:
        do: Show stops, ask for one, agree to it, withdraw the own request, ask for (or agree to) its end.
        state: Folder of databases and keys.
    """
    from quietgrid.api.desk import grid as desk
    from quietgrid.api.shapes_grid_of import stop_of

    with desk_at(state, by if do != "show" else None) as (services, viewer):
        if do == "ask":
            found = [desk.ask_stop(services, viewer, why)]
        elif do == "agree":
            found = [desk.agree_stop(services, viewer)]
        elif do == "withdraw":
            found = [desk.withdraw_stop(services, viewer)]
        elif do == "resume":
            found = [desk.end_stop(services, viewer, why)]
        else:
            found = desk.stops(services, viewer)
        found = [desk.named(services, viewer, one) for one in found]
    data = {"stops": [stop_of(one).model_dump(mode="json") for one in found]}
    emit(as_json, data, [_stop_line(one) for one in found] or ["nothing was ever stopped"])
    return 0


@app.command(name="metrics-key")
def metrics_key(*, by: By, days: int = KEY_DAYS, state: Path | None = None, as_json: Json = False) -> int:
    """Make a key with which Prometheus may read /metrics, and show it once.

    Args:
        days: How long it holds.
        state: Folder of databases and keys.
    """
    from quietgrid.accounts import Permission, new_token, require, token_hash

    token = new_token()
    with desk_at(state, by) as (services, viewer):
        require(viewer, Permission.GRID)
        with services.store.begin() as tx:
            tx.people.add_api_key(
                token_hash(token), viewer.account, "metrics", ["metrics"], services.now() + days * 86_400
            )
            tx.log.append(viewer.account, "key.new", "metrics", {"days": days})
    emit(as_json, {"key": token, "days": days}, [token, "Authorization: Bearer …; it is not shown again"])
    return 0


@contextmanager
def desk_at(state: Path | None, by: str | None = None) -> Iterator[tuple[Services, Viewer]]:
    """The desk of a state folder and who stands at it: an account's owner, or (to look) this machine's operator."""
    from quietgrid.accounts import Role, Viewer, viewer_of
    from quietgrid.api import Services, Settings
    from quietgrid.errors import ForbiddenError, InputError

    if by == "":
        raise InputError("nobody is named", where="--by", fix="name the account that decides")
    with opened_platform(state) as (platform, _):
        services = Services(platform, Settings())
        try:
            viewer = Viewer("this machine", Role.OPERATOR)
            if by is not None:
                with services.store.read() as tx:
                    account = tx.people.account_named(by)
                if account.disabled:
                    raise ForbiddenError("this account is locked", where=by, fix="use your own")
                viewer = viewer_of(account)
            yield services, viewer
        finally:
            services.close()


def _flows(state: Path | None, as_json: bool, which: str, name: str) -> int:
    from quietgrid.api.desk import grid as desk

    with desk_at(state) as (services, viewer):
        found = desk.flows(services, viewer)
    rows, data = [], []
    for one in found:
        power = getattr(one, which)
        start = _iso(one.slot * one.resolution)
        data.append({"group": one.group, "start": start, "power_w": power, "net_w": one.power_w, "homes": one.homes})
        rows.append([one.group, "only the net opens" if power is None else _kw(power), _kw(one.power_w), one.homes])
    head = (
        f"means of the interval from {_time(found[0].slot * found[0].resolution)}" if found else "no total is open yet"
    )
    emit(as_json, {name: data}, [head, *(table(["group", name, "net", "homes"], rows) if rows else [])])
    return 0


def _emit_plan(as_json: bool, one: BalancePlan, more: list[str] | None = None) -> None:
    from quietgrid.api.shapes_grid_of import plan_of

    emit(as_json, plan_of(one).model_dump(mode="json"), [*_plan_lines(one), *(more or [])])


def _plan_lines(one: BalancePlan) -> list[str]:
    made = one.proposal
    window = made.window
    head = (
        f"plan {one.number}: {one.state.value}, {_time(window.first * window.resolution)} to "
        f"{_time(window.end * window.resolution)}; {one.why} ({one.made_by})"
    )
    said = [head, f"  peak {_kw(made.peak_before_w)} to {_kw(made.peak_after_w)}; {made.basis}"]
    return said + ([f"  {one.decided_by}: {one.reason or one.state.value}"] if one.decided_by else [])


def _alarm_lines(found: list[Alarm]) -> list[str]:
    out = []
    for one in found:
        until = "" if one.until is None else f" until {_time(one.until)}"
        seen = f"; seen by {one.seen_by}" if one.seen_by else ""
        out.append(f"{one.id}  {one.priority.name.lower():<8}  {one.said}  (since {_time(one.since)}{until}{seen})")
    return out


def _stop_line(one: EmergencyStop) -> str:
    agreed = f", {one.agreed_by} agreed" if one.agreed_by else ""
    waits = f"; {one.resume_by} asks to go on" if one.resume_by and not one.ended_by else ""
    return f"stop {one.number}: {one.state.value}; {one.asked_by} asked: {one.reason}{agreed}{waits}"


def _kw(watts: float) -> str:
    return f"{watts / 1000:,.1f} kW"


def _iso(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M UTC")
