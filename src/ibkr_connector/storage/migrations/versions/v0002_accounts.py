"""Keep what accounts were worth and held, and what was paid in and out."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TIME = sa.DateTime(timezone=True)
_MONEY = (
    "total_value",
    "cash",
    "buying_power",
    "initial_margin",
    "maintenance_margin",
    "available_funds",
    "excess_liquidity",
    "gross_position_value",
    "unrealized_pnl",
    "realized_pnl",
    "daily_pnl",
)
_HELD = ("price", "market_value", "unrealized_pnl", "realized_pnl", "exchange_rate")


def _exact() -> sa.Numeric[Any] | sa.Text:
    return sa.Numeric() if op.get_bind().dialect.name == "postgresql" else sa.Text()


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "equity_snapshots",
        sa.Column("account", sa.String(32), primary_key=True),
        sa.Column("at", _TIME, primary_key=True),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("is_day_end", sa.Boolean, nullable=False),
        sa.Column("as_of", _TIME, nullable=False),
        sa.Column("currency", sa.String(8), nullable=False),
        *(sa.Column(name, _exact(), nullable=True) for name in _MONEY),
    )
    op.create_table(
        "position_snapshots",
        sa.Column("account", sa.String(32), primary_key=True),
        sa.Column("con_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", _TIME, primary_key=True),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("is_day_end", sa.Boolean, nullable=False),
        sa.Column("security_type", sa.String(16), nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("local_symbol", sa.Text, nullable=False),
        sa.Column("currency", sa.String(8), nullable=False),
        sa.Column("multiplier", _exact(), nullable=True),
        sa.Column("quantity", _exact(), nullable=False),
        sa.Column("avg_cost", _exact(), nullable=False),
        *(sa.Column(name, _exact(), nullable=True) for name in _HELD),
    )
    op.create_table(
        "cash_flows",
        sa.Column("account", sa.String(32), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("amount", _exact(), nullable=False),
    )
    op.create_index("ix_cash_flows_at", "cash_flows", ["at"])
