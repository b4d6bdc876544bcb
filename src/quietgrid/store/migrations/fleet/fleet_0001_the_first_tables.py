"""The first tables. Databases only go forward: restore a backup to go back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from quietgrid.store.schema import BLOB, INT, NUMBER, TEXT

revision = "fleet_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "day_record",
        sa.Column("pid", INT, autoincrement=False, nullable=False),
        sa.Column("day", INT, autoincrement=False, nullable=False),
        sa.Column("signed", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("pid", "day"),
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
        "frame",
        sa.Column("pid", INT, autoincrement=False, nullable=False),
        sa.Column("seq", INT, autoincrement=False, nullable=False),
        sa.Column("day", INT, nullable=False),
        sa.Column("version", INT, nullable=False),
        sa.Column("sealed_at", NUMBER, nullable=False),
        sa.Column("receipt", INT, nullable=True),
        sa.Column("place", INT, nullable=False),
        sa.Column("frame", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("pid", "seq"),
        sqlite_strict=True,
    )
    op.create_index("frame_by_day", "frame", ["day", "pid"], unique=False)
    op.create_index("frame_outbox", "frame", ["receipt"], unique=False)
    op.create_table(
        "meter",
        sa.Column("pid", INT, autoincrement=False, nullable=False),
        sa.Column("place", INT, nullable=False),
        sa.Column("seq", INT, nullable=False),
        sa.Column("mark0", INT, nullable=False),
        sa.Column("mark1", INT, nullable=False),
        sa.Column("mark2", INT, nullable=False),
        sa.Column("state", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("pid"),
        sa.UniqueConstraint("place"),
        sqlite_strict=True,
    )
    op.create_table(
        "receipt",
        sa.Column("id", INT, nullable=False),
        sa.Column("accepted_at", NUMBER, nullable=False),
        sa.Column("hashes", BLOB, nullable=False),
        sa.Column("signed", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
