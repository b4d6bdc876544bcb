"""The command line: `quietgrid COMMAND`. Each command is a module, loaded only when it is asked for."""

from quietgrid.cli.entry import main

__all__ = ["main"]
