"""
The tables as SQLAlchemy has them, for PostgreSQL and for the steps from older databases.

Made of `tables`, which says what is in them. Amounts are exact and times aware UTC in both
databases.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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

from . import tables
from .tables import CHANGES, HEAD, VERSIONS

__all__ = ["COLUMN_TYPES", "HEAD", "METADATA", "VERSIONS", "Exact", "UtcTime"]

METADATA: Final = MetaData()

_SIZED: Final = re.compile(r"VARCHAR\((\d+)\)")


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


_TYPES: Final[Mapping[str, TypeEngine[Any]]] = {
    "BIGINT": BigInteger(),
    "BOOLEAN": Boolean(),
    "EXACT": Exact(),
    "INTEGER": Integer(),
    "TEXT": Text(),
    "TIME": UtcTime(),
}


def _type_of(said: str) -> TypeEngine[Any]:
    sized = _SIZED.fullmatch(said)
    return _TYPES[said] if sized is None else String(int(sized[1]))


def _add(table: tables.Table) -> None:
    columns = [
        Column(
            name,
            _type_of(said.removesuffix(" NULL")),
            primary_key=name in table.key,
            nullable=said.endswith(" NULL"),
            autoincrement=table is CHANGES and name in table.key,
        )
        for name, said in table.columns.items()
    ]
    Table(
        table.name,
        METADATA,
        *columns,
        *(Index(name, *indexed) for name, indexed in table.indexes.items()),
    )


for _table in tables.TABLES:
    _add(_table)

COLUMN_TYPES: Final[Mapping[str, TypeEngine[Any]]] = {
    column.name: column.type for table in METADATA.tables.values() for column in table.columns
}
"""The type of each column by its name, which is one in all tables."""
