"""`quietgrid export --audit`: everything an auditor needs, in one file."""

from __future__ import annotations

from pathlib import Path

from quietgrid.cli.output import Json, command_app, emit, progress
from quietgrid.errors import InputError

app = command_app("export", "Write what an auditor needs to replay every answer offline.")


@app.default
def export(*, audit: bool = False, out: Path | None = None, state: Path | None = None, as_json: Json = False) -> int:
    """Write the audit bundle of the community in a state folder; check it with `quietgrid verify bundle FILE`.

    Args:
        audit: The audit bundle (the only export so far).
        out: File to write; audit-bundle.zip unless told.
        state: Folder of databases and keys.
    """
    from quietgrid.model.interval import SystemClock
    from quietgrid.runtime.audit import export_bundle
    from quietgrid.runtime.config import load
    from quietgrid.runtime.founding import Folders, read_card
    from quietgrid.runtime.platform import platform_at

    if not audit:
        raise InputError("say what to export", where="quietgrid export", fix="add --audit")
    settings = load()
    folders = Folders(state or settings.state)
    path = out or Path("audit-bundle.zip")
    platform = platform_at(folders, read_card(folders.card), [], SystemClock(), settings.rules(), settings.database)
    try:
        with progress("exporting", None) as advance:
            size = export_bundle(platform, path, lambda done, total: advance(1))
    finally:
        platform.close()
    text = [f"{path}: {size:,} bytes", "check it offline: quietgrid verify bundle " + str(path)]
    emit(as_json, {"file": str(path), "bytes": size}, text)
    return 0
