"""Records as tables of HTML, which is how notebooks show what a cell ends with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from html import escape
from typing import Any, Final

__all__ = ["fields_table", "rows_table"]

_INSIDE: Final = 10
"""So many rows of what a record holds are shown, the last ones."""


def fields_table(record: Any) -> str:
    """Return a table with a row for each field that says something."""
    names = record.keys()
    rows = [
        f"<tr><th style='text-align:left'>{escape(name.replace('_', ' '))}</th>"
        f"<td style='text-align:left'>{_cell(record[name])}</td></tr>"
        for name in names
        if _says(record[name])
    ]
    return f"<table><caption>{escape(type(record).__name__)}</caption>{''.join(rows)}</table>"


def rows_table(rows: Iterable[Any], *, columns: Sequence[str] | None = None) -> str:
    """
    Return a table with a row for each record.

    Args:
        rows: Records of one kind.
        columns: Which fields or properties; the fields that any record fills, when not given.
    """
    listed = list(rows)
    if not listed:
        return "<i>none</i>"
    known = listed[0].keys()
    names = columns or [name for name in known if any(_says(getattr(row, name)) for row in listed)]
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(f'<td>{_cell(getattr(row, name), deep=False)}</td>' for name in names)}</tr>"
        for row in listed
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _says(value: object) -> bool:
    return value is not None and not (isinstance(value, tuple | str) and not value)


def _cell(value: object, *, deep: bool = True) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        case Decimal():
            return f"{value:,f}"
        case Enum():
            return escape(str(value.value) if isinstance(value.value, str) else value.name.lower())
        case Mapping():
            return escape(", ".join(f"{key}: {item}" for key, item in value.items()))
        case tuple() | list() if value and hasattr(value[0], "keys"):
            if not deep:
                return f"{len(value)} of {escape(type(value[0]).__name__)}"
            cut = f"<i>the last {_INSIDE} of {len(value)}</i>" if len(value) > _INSIDE else ""
            return cut + rows_table(value[-_INSIDE:])
        case tuple() | list() | frozenset():
            return escape(", ".join(str(item) for item in value))
        case _ if hasattr(value, "keys") and type(value).__str__ is object.__str__:
            return fields_table(value) if deep else escape(type(value).__name__)
        case _:
            return escape(str(value))
