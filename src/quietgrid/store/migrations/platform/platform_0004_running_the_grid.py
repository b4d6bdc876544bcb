"""Running the grid: measurements, alarms, plans, stops. Databases only go forward: restore a backup to go back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from quietgrid.store.schema import BLOB, INT, NUMBER, TEXT

revision = "platform_0004"
down_revision = "platform_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "grid_alarm",
        sa.Column("id", TEXT, autoincrement=False, nullable=False),
        sa.Column("rule", TEXT, nullable=False),
        sa.Column("element", TEXT, nullable=False),
        sa.Column("priority", INT, nullable=False),
        sa.Column("said", TEXT, nullable=False),
        sa.Column("since", NUMBER, nullable=False),
        sa.Column("until", NUMBER, nullable=True),
        sa.Column("seen_by", TEXT, nullable=False),
        sa.Column("seen_at", NUMBER, nullable=True),
        sa.Column("calm_since", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index("grid_alarm_by_until", "grid_alarm", ["until", "since"], unique=False)
    op.create_table(
        "grid_breaker",
        sa.Column("name", TEXT, autoincrement=False, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("since", NUMBER, nullable=False),
        sa.Column("why", TEXT, nullable=False),
        sa.Column("calm_since", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("name"),
        sqlite_strict=True,
    )
    op.create_table(
        "grid_measured",
        sa.Column("kind", TEXT, autoincrement=False, nullable=False),
        sa.Column("element", TEXT, autoincrement=False, nullable=False),
        sa.Column("source", TEXT, autoincrement=False, nullable=False),
        sa.Column("at", NUMBER, autoincrement=False, nullable=False),
        sa.Column("value", INT, nullable=False),
        sa.Column("good", INT, nullable=False),
        sa.PrimaryKeyConstraint("kind", "element", "source", "at"),
        sqlite_strict=True,
    )
    op.create_index("grid_measured_by_at", "grid_measured", ["at"], unique=False)
    op.create_table(
        "grid_network",
        sa.Column("version", INT, autoincrement=False, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("body", BLOB, nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("version"),
        sqlite_strict=True,
    )
    op.create_table(
        "grid_newest",
        sa.Column("kind", TEXT, autoincrement=False, nullable=False),
        sa.Column("element", TEXT, autoincrement=False, nullable=False),
        sa.Column("source", TEXT, autoincrement=False, nullable=False),
        sa.Column("value", INT, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.Column("good", INT, nullable=False),
        sa.PrimaryKeyConstraint("kind", "element", "source"),
        sqlite_strict=True,
    )
    op.create_table(
        "grid_plan",
        sa.Column("number", INT, autoincrement=False, nullable=False),
        sa.Column("first", INT, nullable=False),
        sa.Column("end", INT, nullable=False),
        sa.Column("resolution", INT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("why", TEXT, nullable=False),
        sa.Column("made_by", TEXT, nullable=False),
        sa.Column("made_at", NUMBER, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("decided_by", TEXT, nullable=False),
        sa.Column("decided_at", NUMBER, nullable=True),
        sa.Column("reason", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_strict=True,
    )
    op.create_index("grid_plan_by_state", "grid_plan", ["state"], unique=False)
    op.create_table(
        "grid_set_point",
        sa.Column("id", TEXT, autoincrement=False, nullable=False),
        sa.Column("plan", INT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("element", TEXT, nullable=False),
        sa.Column("value", INT, nullable=False),
        sa.Column("start", NUMBER, nullable=False),
        sa.Column("end", NUMBER, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("issued", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index("grid_set_point_by_end", "grid_set_point", ["end"], unique=False)
    op.create_index("grid_set_point_by_plan", "grid_set_point", ["plan"], unique=False)
    op.create_table(
        "grid_state",
        sa.Column("resolution", INT, autoincrement=False, nullable=False),
        sa.Column("slot", INT, autoincrement=False, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("resolution", "slot"),
        sqlite_strict=True,
    )
    op.create_table(
        "grid_stop",
        sa.Column("number", INT, autoincrement=False, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("asked_by", TEXT, nullable=False),
        sa.Column("asked_at", NUMBER, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("agreed_by", TEXT, nullable=False),
        sa.Column("agreed_at", NUMBER, nullable=True),
        sa.Column("resume_by", TEXT, nullable=False),
        sa.Column("resume_at", NUMBER, nullable=True),
        sa.Column("resume_reason", TEXT, nullable=False),
        sa.Column("ended_by", TEXT, nullable=False),
        sa.Column("ended_at", NUMBER, nullable=True),
        sa.Column("recorded", INT, nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_strict=True,
    )
