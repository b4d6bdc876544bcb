"""Run by alembic: takes the open connection from `quietgrid.store.migrate`."""

from __future__ import annotations

from typing import Literal

from alembic import context

import quietgrid.store  # noqa: F401  (fills the metadata)
from quietgrid.store import schema

_METADATA = {
    "platform": schema.PLATFORM,
    "keyholder": schema.KEYHOLDER,
    "fleet": schema.FLEET,
    "vault": schema.VAULT,
}


def _render(kind: str, value: object, _context: object) -> str | Literal[False]:
    """Write the shared column types by name, so that a migration reads like the tables."""
    if kind == "type":
        for name, known in (
            ("INT", schema.INT),
            ("NUMBER", schema.NUMBER),
            ("TEXT", schema.TEXT),
            ("BLOB", schema.BLOB),
        ):
            if type(value) is type(known):
                return name
    return False


def run() -> None:
    """Run the migrations on the connection of the caller, inside its transaction."""
    attributes = context.config.attributes
    metadata = _METADATA[attributes["room"]]
    context.configure(connection=attributes["connection"], target_metadata=metadata, render_item=_render)
    context.run_migrations()


run()
