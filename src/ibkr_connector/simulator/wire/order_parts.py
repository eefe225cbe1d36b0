"""
The parts of an order's line-ups that repeat, or depend on what was said before.

What repeats is kept in the order's `groups`, row by row; the plain fields are its `texts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .errors import RemoteProtocolError
from .fields import INTEGER, OPTIONAL_NUMBER, shown
from .layout import Get, Item, Texts, When
from .plain import Reader, Source, Writer, written

__all__ = [
    "OFFSETS",
    "CompeteOffsets",
    "Conditions",
    "DeltaNeutralGroup",
    "Group",
    "order_texts",
    "when_said",
    "when_scaled",
    "when_type",
]


def order_texts(*names: str) -> Item:
    """Return fields that an order keeps as texts."""
    return Texts("texts", *names)


def when_said(name: str, *items: Item) -> Item:
    """Return items that follow only where a text is not empty."""
    return When(lambda get: bool(get("texts").get(name, "")), *items)


def when_scaled(*items: Item) -> Item:
    """Return items that follow only for scale orders."""

    def scaled(get: Get) -> bool:
        increment = OPTIONAL_NUMBER.read(get("texts").get("scalePriceIncrement", ""))
        return increment is not None and increment > 0

    return When(scaled, *items)


def when_type(types: frozenset[str], *items: Item) -> Item:
    """Return items that follow only for orders of some types."""
    return When(lambda get: get("texts").get("orderType", "") in types, *items)


@dataclass(frozen=True, slots=True)
class Group:
    """A count, then rows of as many fields as `width`."""

    name: str
    width: int

    def reader(self, version: int) -> Reader:
        """Take the count and the rows."""
        name, width = self.name, self.width

        def read(source: Source, values: dict[str, Any]) -> None:
            values.setdefault("groups", {})[name] = source.take_rows(name, width)

        return read

    def writer(self, version: int) -> Writer:
        """Write the count and the rows."""
        name = self.name

        def write(record: Any) -> str:
            rows = record.groups.get(name)
            if not rows:
                return "0\0"
            return written([str(len(rows)), *(text for row in rows for text in row)])

        return write


_CONDITION_WIDTHS: Final[Mapping[str, int]] = {
    # fields behind the type, by type: price, time, margin, execution, volume, percent change
    # (ib_async order.py, the OrderCondition classes)
    "1": 6,
    "3": 3,
    "4": 3,
    "5": 4,
    "6": 5,
    "7": 5,
}
_CONDITION_FLAGS: Final = order_texts("conditionsIgnoreRth", "conditionsCancelOrder")


class Conditions:
    """A count, then conditions of different widths, then two flags when there are any."""

    def reader(self, version: int) -> Reader:
        """Take the conditions, and the flags."""
        flags = _CONDITION_FLAGS.reader(version)

        def read(source: Source, values: dict[str, Any]) -> None:
            count = INTEGER.read(source.take("count of conditions") or "0")
            rows = tuple([_condition(source) for _ in range(count)])
            values.setdefault("groups", {})["conditions"] = rows
            if rows:
                flags(source, values)

        return read

    def writer(self, version: int) -> Writer:
        """Write the conditions, and the flags."""
        flags = _CONDITION_FLAGS.writer(version)

        def write(record: Any) -> str:
            rows = record.groups.get("conditions")
            if not rows:
                return "0\0"
            texts = [str(len(rows)), *(text for row in rows for text in row)]
            return written(texts) + flags(record)

        return write


def _condition(source: Source) -> tuple[str, ...]:
    kind = source.take("type of condition")
    if kind not in _CONDITION_WIDTHS:
        raise RemoteProtocolError(f"there is no order condition of type {shown(kind)}")
    return (kind, *(source.take("condition") for _ in range(_CONDITION_WIDTHS[kind])))


class DeltaNeutralGroup:
    """A flag, and the contract that hedges when it is set."""

    def reader(self, version: int) -> Reader:
        """Take the flag, and the contract."""

        def read(source: Source, values: dict[str, Any]) -> None:
            rows: tuple[tuple[str, ...], ...] = ()
            if source.take("deltaNeutralContract") in {"1", "true"}:
                rows = (tuple(source.take("deltaNeutralContract") for _ in range(3)),)
            values.setdefault("groups", {})["deltaNeutralContract"] = rows

        return read

    def writer(self, version: int) -> Writer:
        """Write the flag, and the contract."""
        return Group("deltaNeutralContract", 3).writer(version)


OFFSETS: Final = order_texts("midOffsetAtWhole", "midOffsetAtHalf")


class CompeteOffsets:
    """Mid offsets of a PEG BEST order, sent only when it competes "up to mid"."""

    def reader(self, version: int) -> Reader:
        """Take them when they are there."""
        offsets = OFFSETS.reader(version)

        def read(source: Source, values: dict[str, Any]) -> None:
            if _is_up_to_mid(values["texts"]):
                offsets(source, values)

        return read

    def writer(self, version: int) -> Writer:
        """Write them when they belong there."""
        offsets = OFFSETS.writer(version)
        return lambda record: offsets(record) if _is_up_to_mid(record.texts) else ""


def _is_up_to_mid(texts: Mapping[str, str]) -> bool:
    return texts.get("competeAgainstBestOffset", "").startswith("Inf")
