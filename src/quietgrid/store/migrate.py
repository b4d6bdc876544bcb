"""Migrations: alembic scripts shipped with the package, one folder a kind of database, run when a store opens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from quietgrid.errors import ConflictError

if TYPE_CHECKING:
    from alembic.config import Config

HERE = Path(__file__).parent / "migrations"
NEWEST = {"platform": "platform_0009", "keyholder": "keyholder_0001", "fleet": "fleet_0001", "vault": "vault_0001"}
"""The newest revision of each room, so that opening an up-to-date database need not import alembic."""
_LOCK = 0x9E7_61D  # PostgreSQL advisory lock: two processes that open a new database at once


def migrate(engine: sa.Engine, room: str) -> None:
    """Bring a database to the newest schema of its room, in one transaction.

    Raises:
        ConflictError: it holds tables of another room or of a newer version.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        current = version(connection)
        if current == NEWEST[room]:
            return
        if current is not None and not (current.startswith(f"{room}_") and current < NEWEST[room]):
            raise ConflictError(
                f"this database is at {current}, expected {room}",
                where=engine.url.render_as_string(hide_password=True),
                fix="give each store its own file, or use the version of Quietgrid that wrote it",
            )
        from alembic import command

        config = alembic_config(room)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def version(connection: sa.Connection) -> str | None:
    """The revision a database is at, None if it is empty."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def alembic_config(room: str) -> Config:
    """What alembic needs to know to run or write migrations of one room."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("version_locations", str(HERE / room))
    config.set_main_option("path_separator", "os")
    config.attributes["room"] = room
    return config
