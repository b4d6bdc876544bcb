"""The chain: what is on its way, events, roots; postings. Databases only go forward: restore a backup to go back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from quietgrid.store.schema import BLOB, INT, NUMBER, TEXT

revision = "platform_0003"
down_revision = "platform_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "anchor",
        sa.Column("day", INT, autoincrement=False, nullable=False),
        sa.Column("kind", INT, autoincrement=False, nullable=False),
        sa.Column("root", BLOB, nullable=False),
        sa.Column("leaves", INT, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("day", "kind"),
        sqlite_strict=True,
    )
    op.create_table(
        "anchored_leaf",
        sa.Column("batch", TEXT, autoincrement=False, nullable=False),
        sa.Column("place", INT, autoincrement=False, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("salt", BLOB, nullable=True),
        sa.Column("digest", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("batch", "place"),
        sqlite_strict=True,
    )
    op.create_index("anchored_leaf_by_subject", "anchored_leaf", ["subject"], unique=False)
    op.create_table(
        "chain_checkpoint",
        sa.Column("block", INT, autoincrement=False, nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("block"),
        sqlite_strict=True,
    )
    op.create_table(
        "chain_event",
        sa.Column("block", INT, autoincrement=False, nullable=False),
        sa.Column("log", INT, autoincrement=False, nullable=False),
        sa.Column("block_hash", TEXT, nullable=False),
        sa.Column("transaction_hash", TEXT, nullable=False),
        sa.Column("contract", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("detail", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("block", "log"),
        sqlite_strict=True,
    )
    op.create_index("chain_event_by_name", "chain_event", ["contract", "name"], unique=False)
    op.create_table(
        "posting",
        sa.Column("id", TEXT, autoincrement=False, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.Column("debit", TEXT, nullable=False),
        sa.Column("credit", TEXT, nullable=False),
        sa.Column("amount_micro", INT, nullable=False),
        sa.Column("energy_wh", INT, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("period", INT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index("posting_by_credit", "posting", ["credit"], unique=False)
    op.create_index("posting_by_debit", "posting", ["debit"], unique=False)
    op.create_table(
        "posting_settled",
        sa.Column("id", TEXT, autoincrement=False, nullable=False),
        sa.Column("batch", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index("settled_by_batch", "posting_settled", ["batch"], unique=False)
    op.create_table(
        "sending",
        sa.Column("seq", INT, autoincrement=False, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("to", TEXT, nullable=False),
        sa.Column("data", BLOB, nullable=False),
        sa.Column("what", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("nonce", INT, nullable=True),
        sa.Column("block", INT, nullable=True),
        sa.Column("block_hash", TEXT, nullable=False),
        sa.Column("gas", INT, nullable=False),
        sa.Column("error", TEXT, nullable=False),
        sa.Column("tries", INT, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.Column("settled", INT, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("key"),
        sqlite_strict=True,
    )
    op.create_index("sending_by_nonce", "sending", ["account", "nonce"], unique=False)
    op.create_index("sending_open", "sending", ["account", "settled", "state"], unique=False)
    op.create_table(
        "sending_attempt",
        sa.Column("hash", TEXT, autoincrement=False, nullable=False),
        sa.Column("seq", INT, nullable=False),
        sa.Column("raw", BLOB, nullable=False),
        sa.Column("gas", INT, nullable=False),
        sa.Column("max_fee", INT, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["seq"],
            ["sending.seq"],
        ),
        sa.PrimaryKeyConstraint("hash"),
        sqlite_strict=True,
    )
    op.create_index("attempt_by_seq", "sending_attempt", ["seq"], unique=False)
