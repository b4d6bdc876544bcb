"""`quietgrid grid en50160`: the week of each group against the band a supply must keep."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from quietgrid.cli.grid import app
from quietgrid.cli.output import Json, emit, table

DAY_S, MONDAY_DAYS = 86_400, 4
"""1970-01-05 was a Monday."""


@app.command
def en50160(
    *, weeks: int = 1, resolution: int = 900, csv: Path | None = None, state: Path | None = None, as_json: Json = False
) -> int:
    """Say how voltages were in the last weeks: EN 50160 on estimated bus voltages, a line a group. Weeks begin on
    Monday 00:00 UTC.

    Args:
        weeks: How many, the current one among them.
        resolution: Seconds of an interval; the standard asks for 600.
        csv: Write the weeks there too.
        state: Folder of databases and keys.
    """
    from quietgrid.balance.supply import LABEL, as_csv, supply_weeks
    from quietgrid.cli.chain import platform_tx
    from quietgrid.errors import InputError, NotFoundError
    from quietgrid.model.interval import Window
    from quietgrid.runtime.grid_network import unpack

    if weeks < 1:
        raise InputError("there is no such number of weeks", where="--weeks", fix="give 1 or more")
    with platform_tx(state) as tx:
        row, last = tx.grid.network(), tx.grid.last_state()
        if row is None or last is None:
            raise NotFoundError("no state of a grid is kept", where="grid", fix="`quietgrid grid import`, then wait")
        monday = (int(last.ends - 1) // DAY_S - MONDAY_DAYS) // 7 * 7 + MONDAY_DAYS
        start = (monday - 7 * (weeks - 1)) * DAY_S
        kept = tx.grid.states(Window(start // resolution, int(last.ends) // resolution, resolution))
    found = supply_weeks(kept, unpack(row.body), start, resolution)
    if csv is not None:
        csv.write_text(as_csv(found), encoding="utf-8")
    rows = [
        [f"{datetime.fromtimestamp(week.start, UTC):%Y-%m-%d}", week.group, week.verdict.value, *(
            f"{value:.1%}" for value in (week.worst_within, week.least, week.p5, week.p50, week.p95, week.most)
        ), week.above, week.below, week.gaps]
        for week in found
    ]  # fmt: skip
    head = ["week (UTC)", "group", "EN 50160", "within", "lowest", "5 %", "median", "95 %", "highest", "above", "below",
            "gaps"]  # fmt: skip
    note = f"{LABEL} of {resolution // 60} min (EN 50160 asks for 10 min at the terminal); per cent of rated voltage."
    emit(as_json, {"what": LABEL, "resolution_s": resolution, "weeks": [asdict(week) for week in found]},
         [*table(head, rows), note])  # fmt: skip
    return 0
