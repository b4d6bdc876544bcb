"""UMass Smart*: power of homes in Massachusetts, one CSV file a home (and often a year).

Two shapes are known: homes with a header, ``Date & Time,use [kW],gen [kW],…`` (1 or 30 minutes), and apartments
without one, ``stamp,kW`` (1 or 15 minutes). Stamps are local. `use` is what the home used and `gen` what its PV made,
so what crossed the meter is their difference, taken sample by sample: in a quarter of an hour both registers can move.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np

from quietgrid.errors import SourceError
from quietgrid.wire.series.build import (
    Column,
    Samples,
    Series,
    assemble,
    choose_resolution,
    counted,
    detect_step,
    integrate,
)
from quietgrid.wire.series.stamps import parse_stamps, to_utc
from quietgrid.wire.series.table import Table, read_table

TZ = "America/New_York"
NOISE = "negative samples taken as zero (noise of the sensor)"


def read_umass(folder: Path | str, *, resolution: int | None = None, tz: str = TZ) -> Series:
    """Read all CSV files (gzip or not) under a folder; those of one home (``Apt1_2015``, ``Apt1_2016``) are joined.

    Args:
        folder: Searched with its subfolders. resolution: 900 or 1800 s; from the data unless told (1, 5 and 15
            minutes make 900). tz: of the stamps.

    Returns:
        Whole Wh per interval with the remainders carried on, imports and exports apart.

    Raises:
        SourceError: no file, or a file that cannot be read, with its line.
        InputError: samples that do not fit the resolution.
    """
    root = Path(folder)
    files = sorted(p for p in root.rglob("*") if p.name.casefold().endswith((".csv", ".csv.gz")) and p.is_file())
    if not files:
        raise SourceError("no CSV file was found", where=str(root), fix="give the folder with the homes' files")
    parts: dict[str, list[Samples]] = {}
    notes: Counter[str] = Counter()
    said: list[str] = []
    for path in files:
        samples, more = _samples(path, tz, notes)
        said += [f"{path.name}: {note}" for note in more]
        parts.setdefault(home_name(path), []).append(samples)
    homes = {name: _joined(name, found) for name, found in parts.items()}
    steps = {name: detect_step(samples.seconds) for name, samples in homes.items()}
    target = choose_resolution(max(steps.values()), resolution)
    built: list[Column] = []
    for name, samples in homes.items():
        choose_resolution(steps[name], target)
        built.append(integrate(samples, steps[name], target))
        notes.update(samples.notes)
    return assemble(list(homes), built, target, tz, [*said, *counted(notes)])


def home_name(path: Path) -> str:
    """The home a file is of: its name without ending and year.

    >>> home_name(Path("2016/Apt12_2016.csv.gz")), home_name(Path("HomeA-meter1_2014.csv"))
    ('Apt12', 'HomeA-meter1')
    """
    stem = path.name.removesuffix(".gz").rsplit(".", 1)[0]
    return re.sub(r"[-_ ](19|20)\d\d$", "", stem)


def _open(path: Path) -> tuple[Table, int, int, int]:
    """A file and its columns of time, use and generation (-1 without)."""
    table = read_table(path)
    time, use, made = (
        table.column("Date & Time", "date", "time"),
        table.column("use [kW]", "use"),
        table.column("gen [kW]", "gen"),
    )
    if time >= 0 and use >= 0:
        return table, time, use, made
    bare = read_table(path, header=False)
    if len(bare.header) == 2 and bare.text(0, 0)[:4].isdigit():
        return bare, 0, 1, -1
    raise SourceError(
        "the columns are not those of UMass Smart*",
        where=f"{path.name}, line 1",
        fix="a header with 'Date & Time' and 'use [kW]', or rows of a stamp and a power; else import it as csv",
    )


def _samples(path: Path, tz: str, notes: Counter[str]) -> tuple[Samples, list[str]]:
    """One file's samples."""
    table, time, use, made = _open(path)
    seconds, exists, said = to_utc(parse_stamps(table, time), tz, np.zeros(len(table), np.int64))
    used, given = table.numbers(use)
    if made >= 0:
        generated, there = table.numbers(made)
        given &= there
    else:
        generated = np.zeros_like(used)
    notes[NOISE] += int((used < 0).sum() + (generated < 0).sum())
    rows = np.flatnonzero(exists)
    net = np.maximum(used[rows], 0) - np.maximum(generated[rows], 0)
    lines, imported, exported = table.lines[rows], np.maximum(net, 0), np.maximum(-net, 0)
    samples = Samples(path.name, seconds[rows], lines, imported, exported, given[rows], "kW")
    return samples, said


def _joined(name: str, parts: list[Samples]) -> Samples:
    """Several files of one home as one."""
    if len(parts) == 1:
        return parts[0]
    seconds, lines, imported, exported = (
        np.concatenate([getattr(part, column) for part in parts])
        for column in ("seconds", "lines", "imported", "exported")
    )
    given = np.concatenate([part.given for part in parts])
    return Samples(name, seconds, lines, imported, exported, given, "kW")
