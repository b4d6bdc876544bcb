"""`read_grid`: any of the formats, told apart by what is in the file."""

from __future__ import annotations

from pathlib import Path

from quietgrid.errors import InputError, SourceError
from quietgrid.model.network import Network
from quietgrid.wire.grid import pandapower, pgm, simbench
from quietgrid.wire.grid.imported import Imported
from quietgrid.wire.grid.table import decoded, read_bytes

FORMATS = {
    simbench.FORMAT: simbench.read_simbench, pandapower.FORMAT: pandapower.read_pandapower, pgm.FORMAT: pgm.read_pgm,
}  # fmt: skip
AUTO = "auto"


def read_grid(path: Path, format_: str = AUTO) -> Imported:
    """Read a grid.

    Args:
        path: A file, or a folder of SimBench CSV files. format_: `auto`, or one of `FORMATS`.

    Raises:
        InputError: no such format. SourceError: the file cannot be read; says which table, row and column.
    """
    if format_ != AUTO and format_ not in FORMATS:
        raise InputError(f"no format is called {format_!r}", where="format", fix=f"use {', '.join((AUTO, *FORMATS))}")
    if not path.exists():
        raise SourceError("there is no such file", where=str(path), fix="name a file, or a folder of CSV files")
    return FORMATS[_format(path) if format_ == AUTO else format_](path)


def network_of(body: bytes, where: str = "the network in force") -> Network:
    """The network that `write_pgm` wrote.

    Raises:
        SourceError: it is another's, or damaged.
    """
    return pgm.from_json(body, where).network


def _format(path: Path) -> str:
    if path.is_dir() or path.suffix.lower() in (".csv", ".zip"):
        return simbench.FORMAT
    document = decoded(read_bytes(path), path.name)
    if pandapower.is_pandapower(document):
        return pandapower.FORMAT
    if pgm.is_pgm(document):
        return pgm.FORMAT
    raise SourceError("this is no grid of a known format", where=path.name, fix=f"use {', '.join(FORMATS)}")
