"""Bars in the form that a caller accepts: JSON, CSV, or the columns of Arrow and Parquet."""

from __future__ import annotations

import asyncio
import csv
import importlib
import io
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from fastapi import Request

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.market import BarSeries

from .guard import Refused
from .plain import JSON, utc_text
from .problems import Kind

__all__ = ["ARROW", "CSV", "PARQUET", "TABLES", "accepted", "table_of"]

CSV: Final = "text/csv"
ARROW: Final = "application/vnd.apache.arrow.stream"
PARQUET: Final = "application/vnd.apache.parquet"

_COLUMNS: Final = ("open", "high", "low", "close", "volume", "average", "trade_count")


def accepted(request: Request) -> str:
    """
    Return the media type that a caller likes best of those that there are.

    Raises:
        Refused: It accepts none of them.
    """
    wishes = []
    for part in request.headers.get("accept", "*/*").split(","):
        name, _, more = part.strip().lower().partition(";")
        wishes.append((_weight(more), name.strip()))
    # the sort keeps what was said first first
    for weight, name in sorted(wishes, key=lambda wish: -wish[0]):
        if weight > 0 and name in {"*/*", "application/*", ""}:
            return JSON
        if weight > 0 and name == "text/*":
            return CSV
        if weight > 0 and name in {JSON, *TABLES}:
            return name
    raise Refused(
        Kind(406, "not-acceptable", "There is no such form of it"),
        f"it is to be had as {JSON}, {', '.join(TABLES)}",
        hint="name one of them in Accept, or leave Accept out",
    )


async def table_of(series: BarSeries, media_type: str) -> bytes:
    """
    Write bars as a table, on a thread of its own.

    Raises:
        ConfigurationError: The extra that writes Arrow and Parquet is not installed.
    """
    return await asyncio.to_thread(TABLES[media_type], series)


def _weight(more: str) -> float:
    for part in more.split(";"):
        name, _, value = part.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _csv(series: BarSeries) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(("timestamp", *_COLUMNS))
    for bar in series:
        figures = (getattr(bar, name) for name in _COLUMNS)
        rows.writerow((utc_text(bar.timestamp), *("" if f is None else f for f in figures)))
    return text.getvalue().encode()


def _arrow(series: BarSeries) -> bytes:
    table, ipc = series.to_arrow(), _library("pyarrow.ipc")
    kept = io.BytesIO()
    with ipc.new_stream(kept, table.schema) as stream:
        stream.write_table(table)
    return kept.getvalue()


def _parquet(series: BarSeries) -> bytes:
    table, parquet = series.to_arrow(), _library("pyarrow.parquet")
    kept = io.BytesIO()
    parquet.write_table(table, kept)
    return kept.getvalue()


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            "Arrow and Parquet need the extra 'data'", hint="pip install 'ibkr-connector[data]'"
        ) from missing


TABLES: Final[Mapping[str, Callable[[BarSeries], bytes]]] = MappingProxyType(
    {CSV: _csv, ARROW: _arrow, PARQUET: _parquet}
)
"""What writes each form."""
