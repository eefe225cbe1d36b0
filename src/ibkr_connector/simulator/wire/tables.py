"""The rows of the tables of messages, and the parts that rows are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from .fields import FLAG, INTEGER, NUMBER, Kind
from .layout import Item, Layout
from .plain import Field, Literal

__all__ = [
    "OPTIONAL_ID",
    "ORDER_ID",
    "PAIR",
    "REQUEST_ID",
    "RFQ_FIELDS",
    "Pair",
    "Reply",
    "Row",
    "flags",
    "numbers",
    "texts",
    "versioned",
    "whole",
]


@dataclass(frozen=True, slots=True)
class Row:
    """What a request is read into, and how; no gateway knows it below `since`."""

    record: Callable[..., Any]
    layout: Layout
    since: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """The id of a reply, and how it is written; no client knows it below `since`."""

    message_id: int
    layout: Layout
    since: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A name and a value."""

    name: str
    value: str


def versioned(version: int, *items: Item) -> Layout:
    """Return a layout whose first field is the message's own version number."""
    return (Literal(str(version)), *items)


def texts(*names: str) -> tuple[Field, ...]:
    """Return a text for each name."""
    return tuple(Field(name) for name in names)


def numbers(*names: str) -> tuple[Field, ...]:
    """Return a decimal for each name."""
    return tuple(Field(name, NUMBER) for name in names)


def whole(*names: str) -> tuple[Field, ...]:
    """Return a whole number for each name."""
    return tuple(Field(name, INTEGER) for name in names)


def flags(*names: str) -> tuple[Field, ...]:
    """Return a flag for each name."""
    return tuple(Field(name, FLAG) for name in names)


REQUEST_ID: Final = Field("request_id", INTEGER)
ORDER_ID: Final = Field("order_id", INTEGER)
OPTIONAL_ID: Final = Kind("id or nothing", lambda text: INTEGER.read(text or "0"), str, "%d")

PAIR: Final[Layout] = texts("name", "value")

RFQ_FIELDS: Final[Layout] = (Literal(""), Literal("2147483647"))
"""Came with version 187 and went with 190, never filled (ibapi client.py)."""
