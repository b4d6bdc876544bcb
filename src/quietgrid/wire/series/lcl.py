"""Low Carbon London: half-hourly kWh of London homes, the trial's own files or one column a home.

**The stamps are UTC.** Neither form says so, and some descriptions call them local. In the 2013 file every day has 48
half hours, also 31 March and 27 October, and the homes' weekday mornings and evenings come an hour *earlier* after
31 March and an hour *later* after 27 October: people keep to the clock on the wall, so the stamps do not. A test
measures it. `clock="local"` reads files whose stamps do follow British Summer Time.
"""

from __future__ import annotations

from pathlib import Path

from quietgrid.errors import InputError
from quietgrid.wire.series.build import Series
from quietgrid.wire.series.generic import Columns, from_table
from quietgrid.wire.series.table import read_table

TZ = "Europe/London"
RESOLUTION = 1800


def read_lcl(path: Path | str, *, clock: str = "utc", homes: int | None = None) -> Series:
    """Read a Low Carbon London file (gzip or not).

    Args:
        path: Either one column a home (first column the start of the half hour, then kWh), or the trial's own rows
            ``LCLid, stdorToU, DateTime, KWH/hh (per half hour)``.
        clock: ``utc`` (what the trial's files are) or ``local``.
        homes: Only the first so many homes.

    Returns:
        Whole Wh per half hour in `tz` Europe/London; nothing exported; missing stays missing.

    Raises:
        SourceError: with file, line and column. InputError: an unknown clock.
    """
    if clock not in ("utc", "local"):
        raise InputError(f"no clock is called {clock!r}", where="clock", fix="use utc or local")
    table = read_table(Path(path))
    stamps_tz = "UTC" if clock == "utc" else TZ
    if table.column("LCLid") >= 0:
        energy = next((name for name in table.header if name.casefold().startswith("kwh")), "KWH/hh (per half hour)")
        columns = Columns(
            time="DateTime", meter="LCLid", imported=energy, unit="kWh", tz=stamps_tz, resolution=RESOLUTION
        )
    else:
        columns = Columns(time=table.header[0], unit="kWh", tz=stamps_tz, resolution=RESOLUTION)
    series = from_table(table, columns, meters=homes)
    return Series(series.names, series.readings, TZ, series.notes)
