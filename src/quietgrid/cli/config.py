"""`quietgrid config`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from quietgrid.cli.output import Json, command_app, emit

app = command_app("config", "Show the settings that hold, what they mean and where each comes from.")


@app.default
def config(
    *, show: Annotated[bool, Parameter(negative="")] = True, file: Path | None = None, as_json: Json = False
) -> int:
    """Show the settings as a TOML file that can be kept.

    Args:
        show: Show them; this is all it does.
        file: A settings file; quietgrid.toml, or what QUIETGRID_CONFIG names, unless told.
    """
    from quietgrid.runtime.config import as_toml, load, origins

    settings, sources = load(file), origins(file)
    shown = settings.model_dump(mode="json") if show else {}
    shown["database"] = "***" if settings.database else ""
    data = {name: {"value": value, "from": sources[name]} for name, value in shown.items()}
    emit(as_json, data, as_toml(settings, sources).splitlines())
    return 0
