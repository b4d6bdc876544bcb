"""Grids from other people's files: SimBench CSV, pandapower JSON, power-grid-model JSON.

simbench   a folder of CSV files      pandapower  what `pandapower.to_json` saves
pgm        power-grid-model, in and out (also the platform's own form: nothing is lost)
table      cells read with checks     imported    what every format has in common
"""

from quietgrid.wire.grid.imported import Imported
from quietgrid.wire.grid.pandapower import read_pandapower
from quietgrid.wire.grid.pgm import read_pgm, write_pgm
from quietgrid.wire.grid.reading import FORMATS, network_of, read_grid
from quietgrid.wire.grid.simbench import read_simbench

__all__ = [
    "FORMATS", "Imported", "network_of", "read_grid", "read_pandapower", "read_pgm", "read_simbench", "write_pgm",
]  # fmt: skip
