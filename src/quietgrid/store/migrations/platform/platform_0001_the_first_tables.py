"""The first tables. Databases only go forward: restore a backup to go back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from quietgrid.store.schema import BLOB, INT, NUMBER, TEXT

revision = "platform_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "account",
        sa.Column("id", TEXT, autoincrement=False, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("home", INT, nullable=True),
        sa.Column("password", TEXT, nullable=False),
        sa.Column("disabled", INT, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sqlite_strict=True,
    )
    op.create_table(
        "ack",
        sa.Column("pid", INT, autoincrement=False, nullable=False),
        sa.Column("keyholder", INT, autoincrement=False, nullable=False),
        sa.Column("signed", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("pid", "keyholder"),
        sqlite_strict=True,
    )
    op.create_table(
        "bill",
        sa.Column("home", INT, autoincrement=False, nullable=False),
        sa.Column("first", INT, autoincrement=False, nullable=False),
        sa.Column("end", INT, autoincrement=False, nullable=False),
        sa.Column("version", INT, autoincrement=False, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("total_micro", INT, nullable=False),
        sa.Column("currency", TEXT, nullable=False),
        sa.Column("lines", TEXT, nullable=False),
        sa.Column("detail", TEXT, nullable=False),
        sa.Column("made_at", NUMBER, nullable=False),
        sa.Column("approved_by", TEXT, nullable=False),
        sa.Column("issued_at", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("home", "first", "end", "version"),
        sqlite_strict=True,
    )
    op.create_index("bill_by_period", "bill", ["first", "end", "status"], unique=False)
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
        "concentrator_key",
        sa.Column("pid", INT, autoincrement=False, nullable=False),
        sa.Column("k_mac", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("pid"),
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
        "fact",
        sa.Column("home", INT, autoincrement=False, nullable=False),
        sa.Column("vector", TEXT, autoincrement=False, nullable=False),
        sa.Column("register", INT, autoincrement=False, nullable=False),
        sa.Column("first", INT, autoincrement=False, nullable=False),
        sa.Column("end", INT, autoincrement=False, nullable=False),
        sa.Column("question", BLOB, autoincrement=False, nullable=False),
        sa.Column("resolution", INT, nullable=False),
        sa.Column("value", INT, nullable=False),
        sa.Column("intervals", INT, nullable=False),
        sa.Column("missing", INT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("home", "vector", "register", "first", "end", "question"),
        sqlite_strict=True,
    )
    op.create_index("fact_by_period", "fact", ["first", "end"], unique=False)
    op.create_index("fact_by_question", "fact", ["question"], unique=False)
    op.create_table(
        "job",
        sa.Column("key", TEXT, autoincrement=False, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("due", NUMBER, nullable=False),
        sa.Column("payload", TEXT, nullable=False),
        sa.Column("worker", TEXT, nullable=False),
        sa.Column("lease", NUMBER, nullable=False),
        sa.Column("tries", INT, nullable=False),
        sa.Column("done_at", NUMBER, nullable=True),
        sa.Column("result", TEXT, nullable=False),
        sa.Column("error", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_strict=True,
    )
    op.create_index("job_by_due", "job", ["done_at", "due"], unique=False)
    op.create_table(
        "late_cell",
        sa.Column("leaf", INT, autoincrement=False, nullable=False),
        sa.Column("pid", INT, autoincrement=False, nullable=False),
        sa.Column("slot", INT, autoincrement=False, nullable=False),
        sa.Column("version", INT, autoincrement=False, nullable=False),
        sa.Column("home", INT, nullable=False),
        sa.PrimaryKeyConstraint("leaf", "pid", "slot", "version"),
        sqlite_strict=True,
    )
    op.create_index("late_by_slot", "late_cell", ["leaf", "slot"], unique=False)
    op.create_table(
        "late_entered",
        sa.Column("leaf", INT, autoincrement=False, nullable=False),
        sa.Column("pid", INT, autoincrement=False, nullable=False),
        sa.Column("slot", INT, autoincrement=False, nullable=False),
        sa.Column("vector", TEXT, autoincrement=False, nullable=False),
        sa.Column("version", INT, nullable=False),
        sa.Column("close", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("leaf", "pid", "slot", "vector"),
        sqlite_strict=True,
    )
    op.create_index("late_entered_by_close", "late_entered", ["close"], unique=False)
    op.create_table(
        "log",
        sa.Column("seq", INT, autoincrement=False, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("detail", TEXT, nullable=False),
        sa.Column("hash", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_strict=True,
    )
    op.create_index("log_by_subject", "log", ["subject"], unique=False)
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
        "meter",
        sa.Column("pid", INT, autoincrement=False, nullable=False),
        sa.Column("row", INT, nullable=False),
        sa.Column("home", INT, nullable=False),
        sa.Column("registers", INT, nullable=False),
        sa.Column("d0", INT, nullable=False),
        sa.Column("retired", INT, nullable=True),
        sa.Column("enrol_hash", BLOB, nullable=False),
        sa.Column("enrol", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("pid"),
        sa.UniqueConstraint("row"),
        sqlite_strict=True,
    )
    op.create_index("meter_by_home", "meter", ["home"], unique=False)
    op.create_table(
        "party",
        sa.Column("home", INT, autoincrement=False, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("feeder", TEXT, nullable=False),
        sa.Column("connection_w", INT, nullable=False),
        sa.Column("tariff", TEXT, nullable=False),
        sa.Column("joined", INT, nullable=False),
        sa.Column("left", INT, nullable=True),
        sa.PrimaryKeyConstraint("home"),
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
        "question",
        sa.Column("hash", BLOB, autoincrement=False, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("node", TEXT, nullable=False),
        sa.Column("quantity", TEXT, nullable=False),
        sa.Column("first", INT, nullable=False),
        sa.Column("end", INT, nullable=False),
        sa.Column("signed", BLOB, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("hash"),
        sqlite_strict=True,
    )
    op.create_index("question_by_node", "question", ["kind", "node", "first"], unique=False)
    op.create_table(
        "refusal",
        sa.Column("question", BLOB, autoincrement=False, nullable=False),
        sa.Column("keyholder", INT, autoincrement=False, nullable=False),
        sa.Column("body", BLOB, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("question", "keyholder"),
        sqlite_strict=True,
    )
    op.create_table(
        "segment_batch",
        sa.Column("id", INT, nullable=False),
        sa.Column("accepted_at", NUMBER, nullable=False),
        sa.Column("size", INT, nullable=False),
        sa.Column("root", BLOB, nullable=False),
        sa.Column("receipt", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_table(
        "sums",
        sa.Column("question", BLOB, autoincrement=False, nullable=False),
        sa.Column("keyholder", INT, autoincrement=False, nullable=False),
        sa.Column("signed", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("question", "keyholder"),
        sqlite_strict=True,
    )
    op.create_table(
        "tariff",
        sa.Column("name", TEXT, autoincrement=False, nullable=False),
        sa.Column("version", INT, autoincrement=False, nullable=False),
        sa.Column("valid_from", INT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("name", "version"),
        sqlite_strict=True,
    )
    op.create_table(
        "total",
        sa.Column("node", TEXT, autoincrement=False, nullable=False),
        sa.Column("quantity", TEXT, autoincrement=False, nullable=False),
        sa.Column("resolution", INT, autoincrement=False, nullable=False),
        sa.Column("first", INT, autoincrement=False, nullable=False),
        sa.Column("end", INT, nullable=False),
        sa.Column("members", INT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("question", BLOB, nullable=False),
        sa.Column("energy_wh", BLOB, nullable=False),
        sa.Column("homes", BLOB, nullable=False),
        sa.Column("answered", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("node", "quantity", "resolution", "first"),
        sqlite_strict=True,
    )
    op.create_index("total_by_question", "total", ["question"], unique=False)
    op.create_table(
        "vote",
        sa.Column("subject", BLOB, autoincrement=False, nullable=False),
        sa.Column("keyholder", INT, autoincrement=False, nullable=False),
        sa.Column("signed", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("subject", "keyholder"),
        sqlite_strict=True,
    )
    op.create_table(
        "answer",
        sa.Column("question", BLOB, autoincrement=False, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("body", BLOB, nullable=False),
        sa.Column("digests", BLOB, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["question"],
            ["question.hash"],
        ),
        sa.PrimaryKeyConstraint("question"),
        sqlite_strict=True,
    )
    op.create_index("answer_by_status", "answer", ["status"], unique=False)
    op.create_table(
        "api_key",
        sa.Column("token", BLOB, autoincrement=False, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("scopes", TEXT, nullable=False),
        sa.Column("expires", NUMBER, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["account"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("token"),
        sqlite_strict=True,
    )
    op.create_table(
        "segment",
        sa.Column("batch", INT, autoincrement=False, nullable=False),
        sa.Column("part", INT, autoincrement=False, nullable=False),
        sa.Column("register", INT, autoincrement=False, nullable=False),
        sa.Column("day", INT, nullable=False),
        sa.Column("resolution", INT, nullable=False),
        sa.Column("version", INT, nullable=False),
        sa.Column("registers", INT, nullable=False),
        sa.Column("first_slot", INT, nullable=False),
        sa.Column("n_slots", INT, nullable=False),
        sa.Column("first_row", INT, nullable=False),
        sa.Column("last_row", INT, nullable=False),
        sa.Column("n_rows", INT, nullable=False),
        sa.Column("accepted_at", NUMBER, nullable=False),
        sa.Column("rows", BLOB, nullable=False),
        sa.Column("heads", BLOB, nullable=False),
        sa.Column("body", BLOB, nullable=False),
        sa.ForeignKeyConstraint(
            ["batch"],
            ["segment_batch.id"],
        ),
        sa.PrimaryKeyConstraint("batch", "part", "register"),
        sqlite_strict=True,
    )
    op.create_index("segment_by_day", "segment", ["day", "resolution", "register", "version"], unique=False)
    op.create_table(
        "session",
        sa.Column("token", BLOB, autoincrement=False, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("expires", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["account"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("token"),
        sqlite_strict=True,
    )
    op.create_table(
        "sign_in_link",
        sa.Column("token", BLOB, autoincrement=False, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("expires", NUMBER, nullable=False),
        sa.Column("used_at", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(
            ["account"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("token"),
        sqlite_strict=True,
    )
