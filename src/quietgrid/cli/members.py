"""`quietgrid members`: a member list, looked at before anyone is enrolled."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from quietgrid.cli.output import Json, command_app, emit, table
from quietgrid.errors import InputError

app = command_app("members", "Look at a member list before anyone is enrolled.")
Tariffs = Annotated[list[str] | None, Parameter(name="--tariff", negative="", help="A tariff that exists; repeat it.")]


@app.command
def preview(file: Path, *, tariff: Tariffs = None, as_json: Json = False) -> int:
    """Show every problem of a members.csv, and what the privacy floor means for each feeder.

    Ends with exit code 2 if there is a problem.

    Args:
        file: The CSV file: name, kind, feeder, connection_kw, tariff, meter serial, registers.
    """
    from quietgrid.wire.members import read_members

    found = read_members(file, tariff or ())
    data = {
        "members": len(found.members),
        "problems": [asdict(problem) for problem in found.problems],
        "feeders": [
            asdict(feeder) | {"below_floor": feeder.below_floor, "below_aim": feeder.below_aim}
            for feeder in found.feeders
        ],
    }
    rows = [[f.name, f.homes, f.exporters, f.largest_percent, "; ".join(f.notes) or "ok"] for f in found.feeders]
    text = [f"{len(found.members)} meters without a problem, {len(found.problems)} problems"]
    text += [str(problem) for problem in found.problems]
    if rows:
        text += ["", *table(["feeder", "homes", "exporters", "largest %", "notes"], rows)]
    emit(as_json, data, text)
    if found.problems:
        raise InputError(
            f"{len(found.problems)} problems", where=str(file), fix="correct these lines; nothing was imported"
        )
    return 0
