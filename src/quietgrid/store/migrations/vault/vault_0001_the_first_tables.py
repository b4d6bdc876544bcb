"""The first tables. Databases only go forward: restore a backup to go back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from quietgrid.store.schema import BLOB, INT, NUMBER, TEXT

revision = "vault_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "consent",
        sa.Column("home", INT, autoincrement=False, nullable=False),
        sa.Column("subject", TEXT, autoincrement=False, nullable=False),
        sa.Column("recipient", TEXT, autoincrement=False, nullable=False),
        sa.Column("purpose", TEXT, nullable=False),
        sa.Column("expires", NUMBER, nullable=False),
        sa.Column("signed", BLOB, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("home", "subject", "recipient"),
        sqlite_strict=True,
    )
    op.create_table(
        "document",
        sa.Column("kind", TEXT, autoincrement=False, nullable=False),
        sa.Column("key", TEXT, autoincrement=False, nullable=False),
        sa.Column("body", BLOB, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("kind", "key"),
        sqlite_strict=True,
    )
    op.create_table(
        "home",
        sa.Column("home", INT, autoincrement=False, nullable=False),
        sa.Column("seed", BLOB, nullable=False),
        sa.Column("settings", TEXT, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("home"),
        sqlite_strict=True,
    )
    op.create_table(
        "root",
        sa.Column("home", INT, autoincrement=False, nullable=False),
        sa.Column("pid", INT, autoincrement=False, nullable=False),
        sa.Column("d0", INT, nullable=False),
        sa.Column("roots", BLOB, nullable=False),
        sa.Column("enrol", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("home", "pid"),
        sqlite_strict=True,
    )
    op.create_table(
        "seen",
        sa.Column("home", INT, autoincrement=False, nullable=False),
        sa.Column("source", TEXT, autoincrement=False, nullable=False),
        sa.Column("seq", INT, nullable=False),
        sa.Column("hash", BLOB, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("home", "source"),
        sqlite_strict=True,
    )
