"""`quietgrid forecast`: what the groups of a program will probably use, and how near the threshold that is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from quietgrid.cli.grid_live import desk_at
from quietgrid.cli.output import Json, command_app, emit, table

app = command_app("forecast", "What groups will probably use, from opened totals; the chance of crossing a threshold.")


@app.default
def forecast(program: str = "", *, state: Path | None = None, as_json: Json = False) -> int:
    """Forecast the groups of a program for the coming hours.

    Args:
        program: Its id; the first one unless told. state: Folder of databases and keys.
    """
    from quietgrid.api.desk import response as desk
    from quietgrid.errors import NotFoundError

    with desk_at(state) as (services, viewer):
        known = [one.program for one in desk.programs(services, viewer)]
        one = next((p for p in known if program in ("", p.id)), None)
        if one is None:
            raise NotFoundError("there is no such program", where=program or "programs", fix="quietgrid program list")
        found = desk.forecasts(services, viewer, one.id)
    level = None if one.threshold is None else one.threshold.level
    rows, data = [], []
    for made in found:
        at = int(made.middle_wh.argmax())
        slot = made.window.first + at
        when = datetime.fromtimestamp(slot * made.window.resolution, UTC)
        figures = [int(made.low_wh[at]), int(made.middle_wh[at]), int(made.high_wh[at])]
        rows.append([made.group, f"{when:%Y-%m-%d %H:%M}", *figures, made.method.value])
        data.append({
            "group": made.group, "issued": made.issued, "method": made.method.value, "first": made.window.first,
            "resolution": made.window.resolution, "low_wh": made.low_wh.tolist(), "middle_wh": made.middle_wh.tolist(),
            "high_wh": made.high_wh.tolist(),
        })  # fmt: skip
    head = ["group", "highest at (UTC)", "low Wh", "middle Wh", "high Wh", "made by"]
    lines = table(head, rows) if rows else ["no forecast yet: it needs a week of opened totals"]
    if level is not None:
        lines = [*lines, f"threshold of {one.id}: {level} of all groups together"]
    emit(as_json, {"program": one.id, "threshold": level, "groups": data}, lines)
    return 0
