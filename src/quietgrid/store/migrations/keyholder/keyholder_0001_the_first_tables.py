"""The first tables. Databases only go forward: restore a backup to go back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from quietgrid.store.schema import BLOB, INT, NUMBER, TEXT

revision = "keyholder_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "batch_vote",
        sa.Column("leaf", INT, autoincrement=False, nullable=False),
        sa.Column("first", INT, autoincrement=False, nullable=False),
        sa.Column("kind", TEXT, autoincrement=False, nullable=False),
        sa.Column("subject", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("leaf", "first", "kind"),
        sqlite_strict=True,
    )
    op.create_table(
        "blocked_leaf",
        sa.Column("leaf", INT, autoincrement=False, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("since", NUMBER, nullable=False),
        sa.Column("clear", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("leaf"),
        sqlite_strict=True,
    )
    op.create_table(
        "book",
        sa.Column("epoch", INT, autoincrement=False, nullable=False),
        sa.Column("leaf", INT, autoincrement=False, nullable=False),
        sa.Column("first", INT, autoincrement=False, nullable=False),
        sa.Column("end", INT, nullable=False),
        sa.Column("hash", BLOB, nullable=False),
        sa.Column("signed", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("epoch", "leaf", "first"),
        sqlite_strict=True,
    )
    op.create_table(
        "close",
        sa.Column("hash", BLOB, autoincrement=False, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("epoch", INT, nullable=False),
        sa.Column("leaf", INT, nullable=False),
        sa.Column("first", INT, nullable=False),
        sa.Column("end", INT, nullable=False),
        sa.Column("signed", BLOB, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("hash"),
        sqlite_strict=True,
    )
    op.create_index("close_by_leaf", "close", ["leaf", "first"], unique=False)
    op.create_table(
        "consent",
        sa.Column("home", INT, autoincrement=False, nullable=False),
        sa.Column("subject", TEXT, autoincrement=False, nullable=False),
        sa.Column("recipient", TEXT, autoincrement=False, nullable=False),
        sa.Column("expires", NUMBER, nullable=False),
        sa.Column("hash", BLOB, nullable=False),
        sa.Column("signed", BLOB, nullable=False),
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
        "endorsement",
        sa.Column("members", BLOB, autoincrement=False, nullable=False),
        sa.Column("keyholder", INT, autoincrement=False, nullable=False),
        sa.Column("signed", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("members", "keyholder"),
        sqlite_strict=True,
    )
    op.create_table(
        "enrolment",
        sa.Column("pid", INT, autoincrement=False, nullable=False),
        sa.Column("row", INT, nullable=False),
        sa.Column("home", INT, nullable=False),
        sa.Column("hash", BLOB, nullable=False),
        sa.Column("signed", BLOB, nullable=False),
        sa.Column("ack", BLOB, nullable=False),
        sa.Column("forgotten", INT, nullable=False),
        sa.PrimaryKeyConstraint("pid"),
        sa.UniqueConstraint("row"),
        sqlite_strict=True,
    )
    op.create_index("enrolment_by_home", "enrolment", ["home"], unique=False)
    op.create_table(
        "fault",
        sa.Column("leaf", INT, autoincrement=False, nullable=False),
        sa.Column("first", INT, autoincrement=False, nullable=False),
        sa.Column("end", INT, autoincrement=False, nullable=False),
        sa.Column("one", BLOB, nullable=False),
        sa.Column("other", BLOB, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("leaf", "first", "end"),
        sqlite_strict=True,
    )
    op.create_table(
        "late_vote",
        sa.Column("leaf", INT, autoincrement=False, nullable=False),
        sa.Column("vector", TEXT, autoincrement=False, nullable=False),
        sa.Column("pid", INT, autoincrement=False, nullable=False),
        sa.Column("slot", INT, autoincrement=False, nullable=False),
        sa.Column("first", INT, nullable=False),
        sa.Column("subject", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("leaf", "vector", "pid", "slot"),
        sqlite_strict=True,
    )
    op.create_table(
        "ledger",
        sa.Column("seq", INT, autoincrement=False, nullable=False),
        sa.Column("hash", BLOB, nullable=False),
        sa.Column("digest", BLOB, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("home", INT, nullable=True),
        sa.Column("salt", BLOB, nullable=False),
        sa.Column("body", BLOB, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_strict=True,
    )
    op.create_index("ledger_by_home", "ledger", ["home"], unique=False)
    op.create_table(
        "ledger_key",
        sa.Column("home", INT, autoincrement=False, nullable=False),
        sa.Column("key", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("home"),
        sqlite_strict=True,
    )
    op.create_table(
        "members",
        sa.Column("epoch", INT, autoincrement=False, nullable=False),
        sa.Column("revision", INT, autoincrement=False, nullable=False),
        sa.Column("hash", BLOB, nullable=False),
        sa.Column("signed", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("epoch", "revision"),
        sa.UniqueConstraint("hash"),
        sqlite_strict=True,
    )
    op.create_table(
        "omission",
        sa.Column("home", INT, autoincrement=False, nullable=False),
        sa.Column("pid", INT, autoincrement=False, nullable=False),
        sa.Column("slot", INT, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("home", "pid", "slot"),
        sqlite_strict=True,
    )
    op.create_table(
        "peer_entry",
        sa.Column("keyholder", INT, autoincrement=False, nullable=False),
        sa.Column("seq", INT, autoincrement=False, nullable=False),
        sa.Column("entry", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("keyholder", "seq"),
        sqlite_strict=True,
    )
    op.create_table(
        "peer_head",
        sa.Column("keyholder", INT, autoincrement=False, nullable=False),
        sa.Column("seq", INT, nullable=False),
        sa.Column("hash", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("keyholder"),
        sqlite_strict=True,
    )
    op.create_table(
        "peer_vote",
        sa.Column("keyholder", INT, autoincrement=False, nullable=False),
        sa.Column("subject", BLOB, autoincrement=False, nullable=False),
        sa.Column("signed", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("keyholder", "subject"),
        sqlite_strict=True,
    )
    op.create_table(
        "price",
        sa.Column("feed", TEXT, autoincrement=False, nullable=False),
        sa.Column("resolution", INT, autoincrement=False, nullable=False),
        sa.Column("first", INT, autoincrement=False, nullable=False),
        sa.Column("end", INT, nullable=False),
        sa.Column("body", BLOB, nullable=False),
        sa.Column("hash", BLOB, nullable=False),
        sa.Column("signed", BLOB, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("feed", "resolution", "first"),
        sqlite_strict=True,
    )
    op.create_table(
        "release",
        sa.Column("question", BLOB, autoincrement=False, nullable=False),
        sa.Column("sums", BLOB, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("question"),
        sqlite_strict=True,
    )
    op.create_table(
        "slot_vote",
        sa.Column("leaf", INT, autoincrement=False, nullable=False),
        sa.Column("slot", INT, autoincrement=False, nullable=False),
        sa.Column("subject", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("leaf", "slot"),
        sqlite_strict=True,
    )
    op.create_table(
        "vote",
        sa.Column("subject", BLOB, autoincrement=False, nullable=False),
        sa.Column("signed", BLOB, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("subject"),
        sqlite_strict=True,
    )
