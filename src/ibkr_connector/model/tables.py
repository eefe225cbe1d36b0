"""
Records as frames of pandas and polars: a column for each field.

Amounts become doubles, what is missing NaN or null, times stay UTC, everything else text or what
it is. The libraries come with the extra `data`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, get_args, get_type_hints

from .frames import with_library
from .record import Record

__all__ = ["pandas_table", "polars_table"]


def pandas_table(rows: Sequence[Record], kind: type[Record], *, index: str = "") -> Any:
    """Return a `pandas.DataFrame`; an empty one has its columns all the same."""
    pandas, numpy = with_library("pandas"), with_library("numpy")
    types = _types(kind)
    columns: dict[str, Any] = {}
    for name, values in _columns(rows, kind).items():
        if types[name] is Decimal:
            columns[name] = numpy.array(values, dtype="float64")
        elif types[name] is datetime:
            columns[name] = pandas.to_datetime(pandas.Series(values, dtype=object), utc=True)
        elif types[name] is date:
            columns[name] = pandas.to_datetime(pandas.Series(values, dtype=object))
        else:
            columns[name] = values
    frame = pandas.DataFrame(columns)
    return frame.set_index(index) if index else frame


def polars_table(rows: Sequence[Record], kind: type[Record]) -> Any:
    """Return a `polars.DataFrame`; an empty one has its columns all the same."""
    polars = with_library("polars")
    known = {
        Decimal: polars.Float64,
        datetime: polars.Datetime("us", "UTC"),
        date: polars.Date,
        bool: polars.Boolean,
        int: polars.Int64,
        float: polars.Float64,
        str: polars.String,
    }
    types = _types(kind)
    schema = {name: known.get(types[name], polars.String) for name in types}
    return polars.DataFrame(_columns(rows, kind), schema=schema, strict=False)


def _columns(rows: Sequence[Record], kind: type[Record]) -> dict[str, list[Any]]:
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # a dataclass always
    return {name: [_plain(getattr(row, name)) for row in rows] for name in names}


def _types(kind: type[Record]) -> Mapping[str, type]:
    """Return what each field is, `None` left aside."""
    found: dict[str, type] = {}
    for name, hint in get_type_hints(kind).items():
        inner = [one for one in get_args(hint) if one is not type(None)] or [hint]
        base = getattr(inner[0], "__supertype__", inner[0])
        found[name] = base if isinstance(base, type) else object
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if value is None or isinstance(value, str | bool | int | float | datetime | date):
        return value
    return str(value)
