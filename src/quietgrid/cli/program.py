"""`quietgrid program`: demand response programs, utilities, the regions' rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from quietgrid.cli.grid_live import desk_at
from quietgrid.cli.output import Json, command_app, emit, table

app = command_app("program", "Demand response programs, the utilities that offer them, the regions' rules.")
By = Annotated[str, Parameter(name="--by", help="Name of the account that decides.")]


@app.command(name="list")
def list_(*, state: Path | None = None, as_json: Json = False) -> int:
    """List programs with their terms and how many homes are in them.

    Args:
        state: Folder of databases and keys.
    """
    from quietgrid.api.desk import response as desk
    from quietgrid.api.routes.response import program_of

    with desk_at(state) as (services, viewer):
        found = desk.programs(services, viewer)
    rows = [
        [p.program.id, p.program.name, p.utility.name, p.program.pack, p.program.terms.rate_cents, p.homes, p.events]
        for p in found
    ]
    data = [program_of(one).model_dump(mode="json") for one in found]
    head = ["program", "name", "utility", "rules", "cents a kWh", "homes", "events"]
    emit(as_json, {"programs": data}, table(head, rows) if rows else ["no program"])
    return 0


@app.command
def put(
    program: str, /, *, name: str, utility: str, region: str, rate_cents: int = 40, early_percent: int = 0,
    penalty_percent: int = 0, threshold_wh: int = 0, by: By = "", state: Path | None = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Put a program in, or change it. Its region's rules apply.

    Args:
        program: Its id. name: shown. utility: id of a verified one. region: such as DE. rate_cents: a kWh less.
        early_percent: on top in the first interval. penalty_percent: of the rate, for using more. threshold_wh: starts
            an event by itself where the forecast of an interval crosses it; 0: never. state: Folder of databases.
    """
    from quietgrid.api.desk import response as desk
    from quietgrid.model.response import Program, Terms, Threshold, Trigger

    terms = Terms(rate_cents=rate_cents, early_percent=early_percent, penalty_percent=penalty_percent)
    threshold = Threshold(Trigger.FORECAST, threshold_wh) if threshold_wh else None
    with desk_at(state, by) as (services, viewer):
        one = Program(program, name, utility, region, "", terms, threshold, starts=services.now())
        kept = desk.save_program(services, viewer, one)
    emit(as_json, {"id": kept.id, "revision": kept.revision, "pack": kept.pack}, [f"{kept.id}: change {kept.revision}"])
    return 0


@app.command
def close(program: str, /, *, by: By = "", state: Path | None = None, as_json: Json = False) -> int:
    """End a program now; events that have not begun are cancelled.

    Args:
        program: Its id. state: Folder of databases and keys.
    """
    from quietgrid.api.desk import response as desk

    with desk_at(state, by) as (services, viewer):
        kept = desk.close_program(services, viewer, program)
    emit(as_json, {"id": kept.id, "ends": kept.ends}, [f"{kept.id} has ended"])
    return 0


@app.command
def utility(
    id: str, /, *, name: str = "", regions: str = "", verify: bool = False, by: By = "", state: Path | None = None,
    as_json: Json = False,
) -> int:  # fmt: skip
    """Put a utility in, or vouch for one with --verify.

    Args:
        id: Of it. name: shown. regions: with commas. verify: vouch for it. state: Folder of databases and keys.
    """
    from quietgrid.api.desk import response as desk
    from quietgrid.model.response import Utility

    with desk_at(state, by) as (services, viewer):
        if verify:
            kept = desk.verify_utility(services, viewer, id)
        else:
            where = tuple(one.strip() for one in regions.split(",") if one.strip())
            kept = desk.save_utility(services, viewer, Utility(id, name or id, where))
    said = f"{kept.name} ({', '.join(kept.regions)}): {'verified' if kept.verified_by else 'not verified'}"
    emit(as_json, {"id": kept.id, "verified": bool(kept.verified_by)}, [said])
    return 0


@app.command
def rules(*, as_json: Json = False) -> int:
    """Show the regions' rules, each value with where it comes from."""
    from quietgrid.response import packs

    lines: list[str] = []
    for one in packs().values():
        rows = [[name, getattr(one, name), said] for name, said in one.sources]
        lines += [one.name, *table(["value", "is", "from"], rows), ""]
    data = {one.name: {name: getattr(one, name) for name, _ in one.sources} for one in packs().values()}
    emit(as_json, data, lines)
    return 0
