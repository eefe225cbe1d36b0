"""
The tables that are no journal: instruments, bars of futures, accounts over time, alerts.

One schema for SQLite and PostgreSQL; `migrations` leads older databases to it, and a test compares
the two. Amounts are exact in both, times aware UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine

__all__ = [
    "HEAD",
    "METADATA",
    "VERSIONS",
    "alert_deliveries",
    "alerts",
    "cash_flows",
    "changes",
    "contracts",
    "descriptions",
    "equity_snapshots",
    "future_bars",
    "instruments",
    "market_rules",
    "position_snapshots",
]

HEAD: Final = "0003"
"""The newest migration, which leads to the tables below."""

VERSIONS: Final = "ibkr_schema_version"
"""The table that says which migration was the last; ours, since a database may be shared."""

METADATA: Final = MetaData()


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC times, also where the database knows no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Write UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read UTC, whatever the database's session shows."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Exact(TypeDecorator[Decimal]):
    """Decimals with every digit, also where the database has floats alone."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Take the database's own decimals where it has them."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Numeric())
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Write text where there are no decimals."""
        if value is None or dialect.name == "postgresql":
            return value
        return f"{value:f}"

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Read a decimal."""
        return None if value is None else Decimal(value)


contracts: Final = Table(
    "contracts",
    METADATA,
    # a continuous future has the id of its front month
    Column("con_id", BigInteger, primary_key=True, autoincrement=False),
    Column("security_type", String(16), primary_key=True),
    Column("symbol", Text, nullable=False, index=True),
    Column("local_symbol", Text, nullable=False),
    Column("exchange", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("last_trade_date", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("qualified_at", UtcTime, nullable=False),
)
"""What IB said of a contract when it was last asked; `details` is JSON."""

descriptions: Final = Table(
    "descriptions",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("con_id", BigInteger, nullable=False),
    Column("security_type", String(16), nullable=False),
    Column("qualified_at", UtcTime, nullable=False),
)
"""Which contract a description turned out to be; `key` is the description as JSON."""

instruments: Final = Table(
    "instruments",
    METADATA,
    Column("instrument_id", Text, primary_key=True),
    Column("description", Text, nullable=False),
    Column("con_id", BigInteger, nullable=True, index=True),
    Column("note", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)
"""The user's own ids; `con_id` is `NULL` until it is qualified, and of combinations for ever."""

changes: Final = Table(
    "instrument_changes",
    METADATA,
    Column("change_id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcTime, nullable=False),
    Column("subject", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("old", Text, nullable=False),
    Column("new", Text, nullable=False),
    Index("ix_instrument_changes_subject", "subject"),
)
"""What became different: `subject` is an instrument id or `#` and a contract id."""

market_rules: Final = Table(
    "market_rules",
    METADATA,
    Column("rule_id", Integer, primary_key=True, autoincrement=False),
    Column("bands", Text, nullable=False),
    Column("asked_at", UtcTime, nullable=False),
)

future_bars: Final = Table(
    "future_bars",
    METADATA,
    Column("con_id", BigInteger, primary_key=True, autoincrement=False),
    Column("bar_size", String(16), primary_key=True),
    Column("what_to_show", String(24), primary_key=True),
    Column("start", UtcTime, primary_key=True),
    Column("symbol", Text, nullable=False),
    Column("contract_month", Text, nullable=False),
    Column("open", Exact, nullable=False),
    Column("high", Exact, nullable=False),
    Column("low", Exact, nullable=False),
    Column("close", Exact, nullable=False),
    Column("volume", Exact, nullable=True),
    Column("stored_at", UtcTime, nullable=False),
)
"""Bars of dated futures, each contract's own prices: nothing adjusted is stored."""

equity_snapshots: Final = Table(
    "equity_snapshots",
    METADATA,
    Column("account", String(32), primary_key=True),
    Column("at", UtcTime, primary_key=True),
    Column("day", String(10), nullable=False),
    Column("is_day_end", Boolean, nullable=False),
    Column("as_of", UtcTime, nullable=False),
    Column("currency", String(8), nullable=False),
    *(
        Column(name, Exact, nullable=True)
        for name in (
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
    ),
)
"""What an account was worth; `day` is the account's own, as in `2026-11-20`."""

position_snapshots: Final = Table(
    "position_snapshots",
    METADATA,
    Column("account", String(32), primary_key=True),
    Column("con_id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcTime, primary_key=True),
    Column("day", String(10), nullable=False),
    Column("is_day_end", Boolean, nullable=False),
    Column("security_type", String(16), nullable=False),
    Column("symbol", Text, nullable=False),
    Column("local_symbol", Text, nullable=False),
    Column("currency", String(8), nullable=False),
    Column("multiplier", Exact, nullable=True),
    Column("quantity", Exact, nullable=False),
    Column("avg_cost", Exact, nullable=False),
    *(
        Column(name, Exact, nullable=True)
        for name in (
            "price",
            "market_value",
            "unrealized_pnl",
            "realized_pnl",
            "exchange_rate",
        )
    ),
)
"""What an account held, a row where it changed; a quantity of 0 closes a position."""

cash_flows: Final = Table(
    "cash_flows",
    METADATA,
    Column("account", String(32), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("amount", Exact, nullable=False),
    Index("ix_cash_flows_at", "at"),
)
"""What was paid in, negative when out, in the base currency; the same key counts once."""

alerts: Final = Table(
    "alerts",
    METADATA,
    Column("alert_id", String(32), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("threshold", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("raised_at", UtcTime, nullable=False),
    Column("last_at", UtcTime, nullable=True),
    Column("cleared_at", UtcTime, nullable=True),
    Column("count", Integer, nullable=False),
    Column("acknowledged_at", UtcTime, nullable=True),
    Column("acknowledged_by", Text, nullable=False),
    Column("is_silenced", Boolean, nullable=False),
    Column("action", Text, nullable=False),
    Column("acted_at", UtcTime, nullable=True),
    Index("ix_alerts_owner_raised_at", "owner", "raised_at"),
)
"""Every alert there was; `owner` is the connector that raised it, `subject` what it is about."""

alert_deliveries: Final = Table(
    "alert_deliveries",
    METADATA,
    Column("delivery_id", String(32), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("alert_id", String(32), nullable=False),
    Column("step", String(16), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("problem", Text, nullable=False),
    Column("delivered_at", UtcTime, nullable=True),
    Column("digest", String(32), nullable=False),
    Index("ix_alert_deliveries_owner_delivered_at", "owner", "delivered_at"),
)
"""What each route is to be told; without `delivered_at` it is outstanding, also after a restart."""
