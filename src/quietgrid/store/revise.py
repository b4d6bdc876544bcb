"""For developers: write the next migration of one kind of database from what changed in its tables.

    python -m quietgrid.store.revise platform "meters know their maker"

Migrates an empty database to the newest revision, compares it with the tables in the code, writes the difference to
`migrations/<room>/`. Then read it, and raise `NEWEST` in `migrate.py`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa

from quietgrid.store.migrate import HERE, NEWEST, alembic_config


def revise(room: str, message: str) -> Path:
    """Write the next migration of a room; its path."""
    from alembic import command

    number = len(list((HERE / room).glob("*.py"))) + 1
    config = alembic_config(room)
    name = f"{room}_{number:04d}"
    with tempfile.TemporaryDirectory() as folder:
        engine = sa.create_engine(f"sqlite:///{folder}/empty.db")
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            if number > 1:
                command.upgrade(config, "head")
            command.revision(config, message, autogenerate=True, rev_id=name)
        engine.dispose()
    return next((HERE / room).glob(f"{name}*.py"))


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in NEWEST:
        sys.exit(f"usage: python -m quietgrid.store.revise {'|'.join(NEWEST)} MESSAGE")
    sys.stdout.write(f"{revise(*sys.argv[1:])}\n")
