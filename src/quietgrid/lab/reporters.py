"""The demo's three reporters: a folder each, with a key of its own and what it watches.

In real life three bodies run one each, and look at sources of their own. In the demo one operator runs all three and
they read the same file, so they agree; the tests have some that lie or keep silent.

A measured series of another year is moved to the demo's time by whole weeks, so that hours and weekdays stay, and
repeated when it ends.
"""

from __future__ import annotations

import csv
import gzip
import os
from datetime import datetime
from pathlib import Path

from quietgrid.chain.reports import ReporterKey
from quietgrid.demo.feeds import COLUMNS, write_series
from quietgrid.errors import ConfigError
from quietgrid.feeds.sources import WEEK_S
from quietgrid.model.interval import Window
from quietgrid.runtime.feeding import ReporterFolders

REPORTERS = 3
AHEAD_DAYS = 400
"""Days of the sample after the demo's history."""
_QUARTER = 900
_SAMPLE = {
    "price": (COLUMNS[1], "EUR/MWh"), "temperature": (COLUMNS[2], "°C"), "load": (COLUMNS[3], "kW"),
    "carbon": (COLUMNS[4], "g/kWh"),
}  # fmt: skip
_ALLIANDER = {"price": ("APX", "EUR/MWh"), "temperature": ("temp", "°C"), "load": ("load", "MW")}


def prepare_reporters(state: Path, first: int, history_days: int, chosen: str) -> None:
    """Make the reporters' folders, or bring their sources up to date. Keys that are there stay.

    Args:
        state: Directory. first: when the demo's history starts, Unix seconds. history_days: how long it is.
        chosen: the setting `feeds`.

    Raises:
        ConfigError: the chosen file cannot be used.
    """
    if chosen == "off":
        return
    folders = ReporterFolders(state / "reporters")
    sample = folders.path / "sample.csv"
    folders.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not sample.exists():
        fresh = sample.with_suffix(".new")
        quarter = first // _QUARTER
        write_series(fresh, Window(quarter, quarter + (history_days + AHEAD_DAYS) * 96, _QUARTER))
        os.replace(fresh, sample)
    tables = {name: _of_sample(sample, name) for name in _SAMPLE}
    if chosen != "sample":
        tables |= _of_alliander(Path(chosen).absolute(), first)
    for index in range(REPORTERS):
        folder = folders.folder(index)
        folder.mkdir(exist_ok=True, mode=0o700)
        _adopt(state / "chain" / "keys" / f"reporter-{index}.key", folder / "key")
        address = ReporterKey.load_or_create(folder / "key").address
        (folder / "address").write_text(address + "\n", encoding="ascii")
        (folder / "sources.toml").write_text("\n".join(tables.values()), encoding="utf-8")


def _adopt(old: Path, new: Path) -> None:
    """A key that an older version kept beside the chain's others."""
    if old.exists() and not new.exists():
        os.replace(old, new)


def _of_sample(path: Path, name: str) -> str:
    column, unit = _SAMPLE[name]
    return _table(name, path, "time", column, unit)


def _of_alliander(path: Path, first: int) -> dict[str, str]:
    """The file's first location, from its first week on."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="") as file:
            row = next(csv.DictReader(file))
            starts = int(datetime.fromisoformat(row["time_utc"]).timestamp())
            location = row["pid"]
    except (OSError, EOFError, StopIteration, KeyError, ValueError, UnicodeDecodeError) as error:
        raise ConfigError(
            "this file is not in Alliander's form", where=str(path), fix="columns pid, time_utc, load, APX, temp"
        ) from error
    shift = -(-(starts - first) // WEEK_S) * WEEK_S
    more = f'where = {{ pid = "{location}" }}\nshift_s = {shift}\nrepeat = true\n'
    return {name: _table(name, path, "time_utc", *spec) + more for name, spec in _ALLIANDER.items()}


def _table(name: str, path: Path, when: str, column: str, unit: str) -> str:
    quoted = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'[{name}]\nkind = "csv"\nfile = "{quoted}"\ntime = "{when}"\ncolumn = "{column}"\nunit = "{unit}"\n'
