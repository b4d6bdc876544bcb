"""`quietgrid grid`, all of it: each module hangs its commands on the one app."""

from quietgrid.cli import grid_circuit, grid_frequency, grid_live, grid_voltage
from quietgrid.cli.grid import app

__all__ = ["app", "grid_circuit", "grid_frequency", "grid_live", "grid_voltage"]
