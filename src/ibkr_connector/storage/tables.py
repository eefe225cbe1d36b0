"""
The tables that are no journal: instruments, bars of futures, accounts over time, alerts.

One list for SQLite and PostgreSQL. A file is made from it as it stands, `schema` makes
SQLAlchemy's tables of it for a server and for the steps from older databases, and a test compares
all three. A column of one name is of one type in every table: that is how rows are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = [
    "ALERTS",
    "ALERT_DELIVERIES",
    "CASH_FLOWS",
    "CHANGES",
    "CONTRACTS",
    "DESCRIPTIONS",
    "EQUITY_SNAPSHOTS",
    "FUTURE_BARS",
    "HEAD",
    "INSTRUMENTS",
    "MARKET_RULES",
    "POSITION_SNAPSHOTS",
    "TABLES",
    "VERSIONS",
    "Table",
    "columns_of_type",
]

HEAD: Final = "0003"
"""The newest migration, which leads to the tables below."""

VERSIONS: Final = "ibkr_schema_version"
"""The table that says which migration was the last; ours, since a database may be shared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """
    A table: the types of its columns by their names, and which of them are its key.

    Types are `BIGINT`, `INTEGER`, `TEXT`, `VARCHAR(n)`, `BOOLEAN`, `TIME` (aware, UTC) and `EXACT`
    (a decimal with every digit); `NULL` behind one says that it may be missing.
    """

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    indexes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


CONTRACTS: Final = Table(
    name="contracts",
    # a continuous future has the id of its front month
    key=("con_id", "security_type"),
    columns={
        "con_id": "BIGINT",
        "security_type": "VARCHAR(16)",
        "symbol": "TEXT",
        "local_symbol": "TEXT",
        "exchange": "TEXT",
        "currency": "TEXT",
        "last_trade_date": "TEXT",
        "details": "TEXT",
        "qualified_at": "TIME",
    },
    indexes={"ix_contracts_symbol": ("symbol",)},
)
"""What IB said of a contract when it was last asked; `details` is JSON."""

DESCRIPTIONS: Final = Table(
    name="descriptions",
    key=("key",),
    columns={
        "key": "TEXT",
        "con_id": "BIGINT",
        "security_type": "VARCHAR(16)",
        "qualified_at": "TIME",
    },
)
"""Which contract a description turned out to be; `key` is the description as JSON."""

INSTRUMENTS: Final = Table(
    name="instruments",
    key=("instrument_id",),
    columns={
        "instrument_id": "TEXT",
        "description": "TEXT",
        "con_id": "BIGINT NULL",
        "note": "TEXT",
        "created_at": "TIME",
        "updated_at": "TIME",
    },
    indexes={"ix_instruments_con_id": ("con_id",)},
)
"""The user's own ids; `con_id` is `NULL` until it is qualified, and of combinations for ever."""

CHANGES: Final = Table(
    name="instrument_changes",
    # counted by the database
    key=("change_id",),
    columns={
        "change_id": "INTEGER",
        "at": "TIME",
        "subject": "TEXT",
        "field": "TEXT",
        "old": "TEXT",
        "new": "TEXT",
    },
    indexes={"ix_instrument_changes_subject": ("subject",)},
)
"""What became different: `subject` is an instrument id or `#` and a contract id."""

MARKET_RULES: Final = Table(
    name="market_rules",
    key=("rule_id",),
    columns={"rule_id": "INTEGER", "bands": "TEXT", "asked_at": "TIME"},
)

FUTURE_BARS: Final = Table(
    name="future_bars",
    key=("con_id", "bar_size", "what_to_show", "start"),
    columns={
        "con_id": "BIGINT",
        "bar_size": "VARCHAR(16)",
        "what_to_show": "VARCHAR(24)",
        "start": "TIME",
        "symbol": "TEXT",
        "contract_month": "TEXT",
        "open": "EXACT",
        "high": "EXACT",
        "low": "EXACT",
        "close": "EXACT",
        "volume": "EXACT NULL",
        "stored_at": "TIME",
    },
)
"""Bars of dated futures, each contract's own prices: nothing adjusted is stored."""

EQUITY_SNAPSHOTS: Final = Table(
    name="equity_snapshots",
    key=("account", "at"),
    columns={
        "account": "VARCHAR(32)",
        "at": "TIME",
        "day": "VARCHAR(10)",
        "is_day_end": "BOOLEAN",
        "as_of": "TIME",
        "currency": "VARCHAR(8)",
        "total_value": "EXACT NULL",
        "cash": "EXACT NULL",
        "buying_power": "EXACT NULL",
        "initial_margin": "EXACT NULL",
        "maintenance_margin": "EXACT NULL",
        "available_funds": "EXACT NULL",
        "excess_liquidity": "EXACT NULL",
        "gross_position_value": "EXACT NULL",
        "unrealized_pnl": "EXACT NULL",
        "realized_pnl": "EXACT NULL",
        "daily_pnl": "EXACT NULL",
    },
)
"""What an account was worth; `day` is the account's own, as in `2026-11-20`."""

POSITION_SNAPSHOTS: Final = Table(
    name="position_snapshots",
    key=("account", "con_id", "at"),
    columns={
        "account": "VARCHAR(32)",
        "con_id": "BIGINT",
        "at": "TIME",
        "day": "VARCHAR(10)",
        "is_day_end": "BOOLEAN",
        "security_type": "VARCHAR(16)",
        "symbol": "TEXT",
        "local_symbol": "TEXT",
        "currency": "VARCHAR(8)",
        "multiplier": "EXACT NULL",
        "quantity": "EXACT",
        "avg_cost": "EXACT",
        "price": "EXACT NULL",
        "market_value": "EXACT NULL",
        "unrealized_pnl": "EXACT NULL",
        "realized_pnl": "EXACT NULL",
        "exchange_rate": "EXACT NULL",
    },
)
"""What an account held, a row where it changed; a quantity of 0 closes a position."""

CASH_FLOWS: Final = Table(
    name="cash_flows",
    key=("account", "key"),
    columns={"account": "VARCHAR(32)", "key": "VARCHAR(64)", "at": "TIME", "amount": "EXACT"},
    indexes={"ix_cash_flows_at": ("at",)},
)
"""What was paid in, negative when out, in the base currency; the same key counts once."""

ALERTS: Final = Table(
    name="alerts",
    key=("alert_id",),
    columns={
        "alert_id": "VARCHAR(32)",
        "owner": "TEXT",
        "kind": "VARCHAR(32)",
        "severity": "VARCHAR(16)",
        "subject": "TEXT",
        "text": "TEXT",
        "value": "TEXT",
        "threshold": "TEXT",
        "remedy": "TEXT",
        "raised_at": "TIME",
        "last_at": "TIME NULL",
        "cleared_at": "TIME NULL",
        "count": "INTEGER",
        "acknowledged_at": "TIME NULL",
        "acknowledged_by": "TEXT",
        "is_silenced": "BOOLEAN",
        "action": "TEXT",
        "acted_at": "TIME NULL",
    },
    indexes={"ix_alerts_owner_raised_at": ("owner", "raised_at")},
)
"""Every alert there was; `owner` is the connector that raised it, `subject` what it is about."""

ALERT_DELIVERIES: Final = Table(
    name="alert_deliveries",
    key=("delivery_id",),
    columns={
        "delivery_id": "VARCHAR(32)",
        "owner": "TEXT",
        "route": "TEXT",
        "alert_id": "VARCHAR(32)",
        "step": "VARCHAR(16)",
        "severity": "VARCHAR(16)",
        "title": "TEXT",
        "body": "TEXT",
        "created_at": "TIME",
        "attempts": "INTEGER",
        "problem": "TEXT",
        "delivered_at": "TIME NULL",
        "digest": "VARCHAR(32)",
    },
    indexes={"ix_alert_deliveries_owner_delivered_at": ("owner", "delivered_at")},
)
"""What each route is to be told; without `delivered_at` it is outstanding, also after a restart."""

TABLES: Final = (
    CONTRACTS,
    DESCRIPTIONS,
    INSTRUMENTS,
    CHANGES,
    MARKET_RULES,
    FUTURE_BARS,
    EQUITY_SNAPSHOTS,
    POSITION_SNAPSHOTS,
    CASH_FLOWS,
    ALERTS,
    ALERT_DELIVERIES,
)


def columns_of_type(type_: str) -> frozenset[str]:
    """Return the names of the columns that have a type, whether or not they may be missing."""
    return frozenset(
        name
        for table in TABLES
        for name, said in table.columns.items()
        if said.removesuffix(" NULL") == type_
    )
