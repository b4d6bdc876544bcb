"""`quietgrid import`: other people's files of readings, looked at and kept as one .npz."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from quietgrid.cli.output import Json, command_app, emit, progress
from quietgrid.errors import InputError

if TYPE_CHECKING:
    from quietgrid.wire.series import Series

app = command_app("import", "Read other people's files of readings. Nothing is enrolled and nothing is sent.")
Out = Annotated[Path | None, Parameter(name="--out", help="Keep the readings in this .npz (the setting `source`).")]
Complete = Annotated[int, Parameter(help="Only homes with at least so many percent of their intervals.")]


@app.command
def lcl(
    file: Path,
    *,
    clock: Literal["utc", "local"] = "utc",
    homes: int | None = None,
    complete: Complete = 0,
    out: Out = None,
    as_json: Json = False,
) -> int:
    """Low Carbon London: one column a home, or the trial's own rows.

    Args:
        file: The CSV file, gzip or not.
        clock: What the stamps follow: utc (the trial's files do) or British local time.
        homes: Only the first so many homes.
    """
    from quietgrid.wire.series import read_lcl

    return _take(lambda: read_lcl(file, clock=clock, homes=homes), file, complete, out, as_json)


@app.command
def umass(
    folder: Path,
    *,
    resolution: int | None = None,
    tz: str = "America/New_York",
    complete: Complete = 0,
    out: Out = None,
    as_json: Json = False,
) -> int:
    """UMass Smart*: a folder with one CSV file a home.

    Args:
        folder: Searched with its subfolders.
        resolution: 900 or 1800 seconds; from the data unless told.
        tz: Time zone of the stamps.
    """
    from quietgrid.wire.series import read_umass

    return _take(lambda: read_umass(folder, resolution=resolution, tz=tz), folder, complete, out, as_json)


@app.command
def csv(
    file: Path,
    *,
    time: str = "",
    meter: str = "",
    imported: str = "",
    exported: str = "",
    unit: str = "",
    tz: str = "UTC",
    stamp: Literal["start", "end"] = "start",
    resolution: int | None = None,
    complete: Complete = 0,
    out: Out = None,
    as_json: Json = False,
) -> int:
    """Any CSV: one row a reading, or one column a meter.

    Args:
        file: The file, gzip or not; comma, semicolon or tab.
        time: Column of the stamps; looked for unless told.
        meter: Column that says which meter; without one every other column is a meter.
        imported: Column of energy taken from the grid; looked for unless told.
        exported: Column of energy given to it.
        unit: Wh, kWh, W or kW; from the column's name unless told.
        tz: Time zone of stamps without an offset, and of the homes.
        stamp: Whether stamps are the start or the end of an interval.
        resolution: 900 or 1800 seconds; from the data unless told.
    """
    from quietgrid.wire.series import Columns, read_csv

    columns = Columns(time, meter, imported, exported, unit, tz, stamp, resolution)
    return _take(lambda: read_csv(file, columns), file, complete, out, as_json)


def _take(read: Callable[[], Series], source: Path, complete: int, out: Path | None, as_json: bool) -> int:
    """Read, summarise, keep."""
    if out is not None and out.suffix != ".npz":
        raise InputError("the readings are kept as .npz", where=str(out), fix="end the name in .npz")
    if not 0 <= complete <= 100:
        raise InputError("a share is 0 to 100 percent", where="--complete", fix="give a whole number of percent")
    with progress(f"reading {source.name}"):
        series = read()
        if complete:
            series = series.complete(complete)
    data = summary(series)
    if out is not None:
        from quietgrid.runtime.series_file import save_series

        with progress(f"writing {out.name}"):
            save_series(series, out)
        data["out"] = str(out)
    emit(as_json, data, _text(data))
    if out is None and sys.stderr.isatty():
        print("nothing was kept; --out FILE.npz keeps it", file=sys.stderr)
    return 0


def summary(series: Series) -> dict[str, Any]:
    """What was read, in counts and dates; no reading and no sum of one home."""
    from quietgrid.model.interval import zone

    readings, where = series.readings, zone(series.tz)
    cells = readings.present.size
    return {
        "homes": len(series.names),
        "exporters": int((readings.exported_wh > 0).any(axis=1).sum()),
        "from": readings.window.start_time.astimezone(where).isoformat(),
        "to": readings.window.end_time.astimezone(where).isoformat(),
        "resolution": readings.window.resolution,
        "intervals": len(readings.window),
        "missing_percent": round(100 * (1 - int(readings.present.sum()) / cells), 3) if cells else 0.0,
        "imported_kwh": int(readings.imported_wh.sum()) // 1000,
        "exported_kwh": int(readings.exported_wh.sum()) // 1000,
        "tz": series.tz,
        "notes": list(series.notes),
    }


def _text(data: dict[str, Any]) -> list[str]:
    lines = [
        f"{data['homes']} homes, {data['exporters']} of them feed in, {data['resolution'] // 60} minutes",
        f"{data['from']} to {data['to']} ({data['tz']}), {data['intervals']} intervals, "
        f"{data['missing_percent']} % missing",
        f"{data['imported_kwh']} kWh drawn, {data['exported_kwh']} kWh given, all homes together",
        *(f"note: {note}" for note in data["notes"]),
    ]
    return [*lines, *([f"kept in {data['out']}"] if "out" in data else [])]
