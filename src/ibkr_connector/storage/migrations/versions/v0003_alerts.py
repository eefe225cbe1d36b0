"""Alerts, and what is still to be told of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("subject", "text", "value", "threshold", "remedy")
        ),
        sa.Column("raised_at", _TIME, nullable=False),
        sa.Column("last_at", _TIME, nullable=True),
        sa.Column("cleared_at", _TIME, nullable=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("acknowledged_at", _TIME, nullable=True),
        sa.Column("acknowledged_by", sa.Text, nullable=False),
        sa.Column("is_silenced", sa.Boolean, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("acted_at", _TIME, nullable=True),
    )
    op.create_index("ix_alerts_owner_raised_at", "alerts", ["owner", "raised_at"])
    op.create_table(
        "alert_deliveries",
        sa.Column("delivery_id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("alert_id", sa.String(32), nullable=False),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("delivered_at", _TIME, nullable=True),
        sa.Column("digest", sa.String(32), nullable=False),
    )
    op.create_index(
        "ix_alert_deliveries_owner_delivered_at", "alert_deliveries", ["owner", "delivered_at"]
    )
