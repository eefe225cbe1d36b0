"""Begin: instruments, what is known of them, and bars of futures."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TIME = sa.DateTime(timezone=True)


def _exact() -> sa.Numeric[Any] | sa.Text:
    return sa.Numeric() if op.get_bind().dialect.name == "postgresql" else sa.Text()


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "contracts",
        sa.Column("con_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("security_type", sa.String(16), primary_key=True),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("local_symbol", sa.Text, nullable=False),
        sa.Column("exchange", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("last_trade_date", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("qualified_at", _TIME, nullable=False),
    )
    op.create_index("ix_contracts_symbol", "contracts", ["symbol"])
    op.create_table(
        "descriptions",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("con_id", sa.BigInteger, nullable=False),
        sa.Column("security_type", sa.String(16), nullable=False),
        sa.Column("qualified_at", _TIME, nullable=False),
    )
    op.create_table(
        "instruments",
        sa.Column("instrument_id", sa.Text, primary_key=True),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("con_id", sa.BigInteger, nullable=True),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
    )
    op.create_index("ix_instruments_con_id", "instruments", ["con_id"])
    op.create_table(
        "instrument_changes",
        sa.Column("change_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("old", sa.Text, nullable=False),
        sa.Column("new", sa.Text, nullable=False),
    )
    op.create_index("ix_instrument_changes_subject", "instrument_changes", ["subject"])
    op.create_table(
        "market_rules",
        sa.Column("rule_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("bands", sa.Text, nullable=False),
        sa.Column("asked_at", _TIME, nullable=False),
    )
    op.create_table(
        "future_bars",
        sa.Column("con_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("bar_size", sa.String(16), primary_key=True),
        sa.Column("what_to_show", sa.String(24), primary_key=True),
        sa.Column("start", _TIME, primary_key=True),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("contract_month", sa.Text, nullable=False),
        *(sa.Column(name, _exact(), nullable=False) for name in ("open", "high", "low", "close")),
        sa.Column("volume", _exact(), nullable=True),
        sa.Column("stored_at", _TIME, nullable=False),
    )
