"""`quietgrid version`."""

from __future__ import annotations

import platform

from quietgrid import __version__
from quietgrid.cli.output import Json, command_app, emit

app = command_app("version", "Say which version this is.")


@app.default
def version(*, as_json: Json = False) -> int:
    """Say which version this is, and of which Python."""
    emit(as_json, {"version": __version__, "python": platform.python_version()}, [__version__])
    return 0
