"""
Records as JSON.

Under `/v1` a record is written as it is: every field under its own name, times in UTC as ISO text,
and decimals as text, because a JSON number is a double to most programs that read one, and
`0.1 + 0.2` of those is no price. Enumerations are their values. The endpoints of the older bridge
have numbers, because the programs that speak to them expect those.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from fastapi import Response
from pydantic import TypeAdapter

__all__ = ["JSON", "answer", "as_json", "number", "plain", "utc_text"]

JSON = "application/json"


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def as_json(record: object, kind: Any = None) -> bytes:
    """Return a record as JSON; `kind` is what it is written as, its own class if not given."""
    return _adapter_of(record, kind).dump_json(record, fallback=_other, warnings="none")


def plain(record: object, kind: Any = None) -> Any:
    """Return a record as what a JSON document of it would be read as."""
    adapter = _adapter_of(record, kind)
    return adapter.dump_python(record, mode="json", fallback=_other, warnings="none")


def _adapter_of(record: object, kind: Any) -> TypeAdapter[Any]:
    chosen: Any = type(record) if kind is None else kind
    return _adapter(chosen)


def _other(value: object) -> object:
    """Say what pydantic knows no form for: the mappings that nobody can change."""
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def answer(
    record: object,
    kind: Any = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a record as the answer to a request."""
    body = as_json(record, kind)
    return Response(body, status_code=status, media_type=JSON, headers=dict(headers or {}))


def number(value: Decimal | None) -> float | None:
    """Return a decimal as a JSON number, for programs that expect one."""
    return None if value is None else float(value)


def utc_text(moment: datetime) -> str:
    """Return a moment as ISO text in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
