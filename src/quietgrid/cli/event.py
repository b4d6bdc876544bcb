"""`quietgrid event`: demand response events: list, show, start, approve, cancel, override."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from quietgrid.cli.grid_live import desk_at
from quietgrid.cli.output import Json, command_app, emit, table

if TYPE_CHECKING:
    from quietgrid.api.desk.response import EventLook

app = command_app("event", "Demand response events: list, show, start, approve, cancel, override.")
By = Annotated[str, Parameter(name="--by", help="Name of the account that decides.")]
Why = Annotated[str, Parameter(name="--why", help="The reason; homes read it.")]


@app.command(name="list")
def list_(*, program: str = "", state: Path | None = None, as_json: Json = False) -> int:
    """List events, the newest first: who takes part, what was delivered.

    Args:
        program: Only of this one. state: Folder of databases and keys.
    """
    from quietgrid.api.desk import response as desk
    from quietgrid.api.routes.response import event_of

    with desk_at(state) as (services, viewer):
        found = desk.events(services, viewer, program)
    rows = [_row(one) for one in found]
    head = ["event", "from (UTC)", "state", "asked", "take part", "target", "delivered"]
    data = {"events": [event_of(one).model_dump(mode="json") for one in found]}
    emit(as_json, data, table(head, rows) if rows else ["no event"])
    return 0


@app.command
def show(event: str, /, *, state: Path | None = None, as_json: Json = False) -> int:
    """Show one event with the measurement of every group.

    Args:
        event: Its id. state: Folder of databases and keys.
    """
    from quietgrid.api.desk import response as desk

    with desk_at(state) as (services, viewer):
        return _say(desk.event(services, viewer, event), as_json)


@app.command
def start(
    program: str, /, *, begin: str, minutes: int = 120, target_kwh: float = 0.0, feeder: str = "", why: Why = "",
    by: By = "", state: Path | None = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Start an event by hand. A large one, or one without a target, waits for a second person.

    Args:
        program: Its id. begin: ISO time; local without an offset. minutes: how long. target_kwh: how much less; 0: as
            much as there is. feeder: only this section. state: Folder of databases and keys.
    """
    return _start(program, (begin, minutes), int(target_kwh * 1000), feeder, why, by, state, as_json, emergency=False)


@app.command
def override(
    program: str, /, *, begin: str, why: Why, minutes: int = 60, feeder: str = "", by: By = "",
    state: Path | None = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Ask every home in a program at once, in an emergency. It needs a reason and ends by itself.

    Args:
        program: Its id. begin: ISO time. minutes: at most 120. feeder: only this section. state: Folder of databases.
    """
    return _start(program, (begin, minutes), 0, feeder, why, by, state, as_json, emergency=True)


@app.command
def approve(event: str, /, *, by: By = "", state: Path | None = None, as_json: Json = False) -> int:
    """Approve a large event that somebody else started.

    Args:
        event: Its id. state: Folder of databases and keys.
    """
    from quietgrid.api.desk import response as desk

    with desk_at(state, by) as (services, viewer):
        return _say(desk.event(services, viewer, desk.approve(services, viewer, event).id), as_json)


@app.command
def cancel(event: str, /, *, why: Why, by: By = "", state: Path | None = None, as_json: Json = False) -> int:
    """Cancel an event that is not over.

    Args:
        event: Its id. state: Folder of databases and keys.
    """
    from quietgrid.api.desk import response as desk

    with desk_at(state, by) as (services, viewer):
        return _say(desk.event(services, viewer, desk.cancel(services, viewer, event, why).id), as_json)


def _start(
    program: str, when: tuple[str, int], target_wh: int, feeder: str, why: str, by: str, state: Path | None,
    as_json: bool, *, emergency: bool,
) -> int:  # fmt: skip
    from quietgrid.api.desk import response as desk
    from quietgrid.api.times import iso_at, moment, span
    from quietgrid.model.response import Target

    begin, minutes = when
    with desk_at(state, by) as (services, viewer):
        card = services.card
        end = iso_at(moment(begin, "begin", card.tz) + 60 * minutes)
        window = span(begin, end, card.resolution, 0, card.tz)
        goal = Target("", (feeder,) if feeder else ())
        made = desk.propose(services, viewer, program, window, goal, target_wh, reason=why, emergency=emergency)
        return _say(desk.event(services, viewer, made.id), as_json)


def _row(one: EventLook) -> list[object]:
    event, counts = one.event, one.counters
    begins = datetime.fromtimestamp(event.window.first * event.window.resolution, UTC)
    target = f"{event.target_wh / 1000:.1f} kWh" if event.target_wh else "open"
    delivered = "" if one.delivered_wh is None else f"{one.delivered_wh / 1000:.1f} kWh"
    return [event.id, f"{begins:%Y-%m-%d %H:%M}", event.state.value, counts.asked, counts.joined, target, delivered]


def _say(one: EventLook, as_json: bool) -> int:
    from quietgrid.api.routes.response import event_of

    event, counts = one.event, one.counters
    lines = [
        f"{event.id}: {event.state.value} ({event.cause.value}{': ' + event.reason if event.reason else ''})",
        f"asked {counts.asked}, take part {counts.joined}, opted out {counts.out}, silent {counts.silent}",
        f"expected {event.expected_wh / 1000:.1f} kWh, sure {event.sure_wh / 1000:.1f} kWh",
    ]
    if event.cancelled:
        lines.append(f"cancelled: {event.cancelled}")
    rows = [
        [m.group, f"{m.baseline_wh / 1000:.1f}", f"{m.measured_wh / 1000:.1f}", f"{m.delivered_wh / 1000:.1f}",
         f"{m.low_wh / 1000:.1f} to {m.high_wh / 1000:.1f}", m.days, m.homes]
        for m in one.measured
    ]  # fmt: skip
    if rows:
        lines += ["", *table(["group", "baseline kWh", "used", "less", "nine in ten", "days", "homes"], rows)]
    lines.append(f"avoided CO2: {one.carbon}")
    emit(as_json, event_of(one).model_dump(mode="json"), lines)
    return 0
