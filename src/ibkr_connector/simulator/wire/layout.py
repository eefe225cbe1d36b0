"""
Layouts: which fields a message has, in which order, under which server version.

A layout is a tuple of items. The same layout reads a message into a record and writes a record
into a message; what depends on the version or on an earlier field is an item, not an `if`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from .errors import RemoteProtocolError
from .fields import FLAG, INTEGER, TEXT, Kind

__all__ = [
    "NO_FIELDS",
    "Before",
    "CountedText",
    "Field",
    "Get",
    "Item",
    "Layout",
    "Literal",
    "Maybe",
    "Nested",
    "Rows",
    "Since",
    "Source",
    "Texts",
    "When",
    "read_layout",
    "walk",
    "write_layout",
]

Get = Callable[[str], Any]
"""Looks an earlier field up by name, while reading or writing."""


class Source:
    """The fields of one message, taken from left to right."""

    __slots__ = ("_fields", "_next")

    def __init__(self, fields: list[str], start: int = 0) -> None:
        self._fields = fields
        self._next = start

    def take(self, name: str) -> str:
        """Take the next field; `name` is for the error."""
        try:
            text = self._fields[self._next]
        except IndexError:
            raise RemoteProtocolError(f"the message ends before its field {name!r}") from None
        self._next += 1
        return text

    @property
    def left(self) -> int:
        """How many fields were not taken."""
        return len(self._fields) - self._next


class Item(Protocol):
    """A part of a layout."""

    def read(self, source: Source, values: dict[str, Any], version: int) -> None:
        """Take fields and put what they say under names."""
        ...

    def write(self, get: Get, out: list[str], version: int) -> None:
        """Put the fields of a record."""
        ...


Layout = tuple[Item, ...]


def read_layout(  # noqa: PLR0917 - called for every item of every message, as Item.read is
    layout: Layout, source: Source, values: dict[str, Any], version: int
) -> None:
    """Read all items of a layout."""
    for item in layout:
        item.read(source, values, version)


def write_layout(  # noqa: PLR0917 - the same
    layout: Layout, get: Get, out: list[str], version: int
) -> None:
    """Write all items of a layout."""
    for item in layout:
        item.write(get, out, version)


@dataclass(frozen=True, slots=True)
class Field:
    """One value."""

    name: str
    kind: Kind = TEXT

    def read(self, source: Source, values: dict[str, Any], version: int) -> None:
        """Take one field."""
        text = source.take(self.name)
        try:
            values[self.name] = self.kind.read(text)
        except RemoteProtocolError as error:
            raise RemoteProtocolError(f"field {self.name!r}: {error}") from None

    def write(self, get: Get, out: list[str], version: int) -> None:
        """Put one field."""
        out.append(self.kind.write(get(self.name)))


@dataclass(frozen=True, slots=True)
class Literal:
    """A field that carries nothing any more: written as it always was, skipped when read."""

    text: str

    def read(self, source: Source, values: dict[str, Any], version: int) -> None:
        """Skip one field."""
        source.take("obsolete")

    def write(self, get: Get, out: list[str], version: int) -> None:
        """Put the text."""
        out.append(self.text)


@dataclass(frozen=True, slots=True)
class CountedText:
    """
    A last text that clients of some languages put a count before.

    ibapi 10.51 does not, ib_async does (client.py `calculateImpliedVolatility`): told apart by
    what is left.
    """

    name: str

    def read(self, source: Source, values: dict[str, Any], version: int) -> None:
        """Take the last field, and the one before it when there is one."""
        if source.left > 1:
            source.take(f"count of {self.name}")
        values[self.name] = source.take(self.name)

    def write(self, get: Get, out: list[str], version: int) -> None:
        """Put the text alone."""
        out.append(TEXT.write(get(self.name)))


class Texts:
    """Fields that are kept as text in a mapping of their own, by IB's names."""

    __slots__ = ("_names", "_target")

    def __init__(self, target: str, *names: str) -> None:
        self._target = target
        self._names = names

    def read(self, source: Source, values: dict[str, Any], version: int) -> None:
        """Take the fields into the mapping."""
        mapping = values.setdefault(self._target, {})
        for name in self._names:
            mapping[name] = source.take(name)

    def write(self, get: Get, out: list[str], version: int) -> None:
        """Put the texts; one that is missing is empty."""
        mapping: Mapping[str, str] = get(self._target)
        out.extend([mapping.get(name, "") for name in self._names])


class Since:
    """Items that a server version brought."""

    __slots__ = ("_items", "_version")

    def __init__(self, version: int, *items: Item) -> None:
        self._version = int(version)
        self._items = items

    def read(self, source: Source, values: dict[str, Any], version: int) -> None:
        """Read the items, from that version on."""
        if version >= self._version:
            read_layout(self._items, source, values, version)

    def write(self, get: Get, out: list[str], version: int) -> None:
        """Write the items, from that version on."""
        if version >= self._version:
            write_layout(self._items, get, out, version)


class Before:
    """Items that a server version took away."""

    __slots__ = ("_items", "_version")

    def __init__(self, version: int, *items: Item) -> None:
        self._version = int(version)
        self._items = items

    def read(self, source: Source, values: dict[str, Any], version: int) -> None:
        """Read the items, below that version."""
        if version < self._version:
            read_layout(self._items, source, values, version)

    def write(self, get: Get, out: list[str], version: int) -> None:
        """Write the items, below that version."""
        if version < self._version:
            write_layout(self._items, get, out, version)


class When:
    """Items that are there only when an earlier field says so."""

    __slots__ = ("_items", "_test")

    def __init__(self, test: Callable[[Get], bool], *items: Item) -> None:
        self._test = test
        self._items = items

    def read(self, source: Source, values: dict[str, Any], version: int) -> None:
        """Read the items when the test holds."""
        if self._test(values.__getitem__):
            read_layout(self._items, source, values, version)

    def write(self, get: Get, out: list[str], version: int) -> None:
        """Write the items when the test holds."""
        if self._test(get):
            write_layout(self._items, get, out, version)


@dataclass(frozen=True, slots=True)
class Nested:
    """A record within the record, its fields in line."""

    name: str
    record: Callable[..., Any]
    layout: Layout

    def read(self, source: Source, values: dict[str, Any], version: int) -> None:
        """Read the inner record."""
        inner: dict[str, Any] = {}
        read_layout(self.layout, source, inner, version)
        values[self.name] = self.record(**inner)

    def write(self, get: Get, out: list[str], version: int) -> None:
        """Write the inner record."""
        inner = get(self.name)
        write_layout(self.layout, lambda name: getattr(inner, name), out, version)


@dataclass(frozen=True, slots=True)
class Maybe:
    """A flag, and a record when it is set."""

    name: str
    record: Callable[..., Any]
    layout: Layout

    def read(self, source: Source, values: dict[str, Any], version: int) -> None:
        """Read the flag and what it announces."""
        values[self.name] = None
        if FLAG.read(source.take(self.name)):
            inner: dict[str, Any] = {}
            read_layout(self.layout, source, inner, version)
            values[self.name] = self.record(**inner)

    def write(self, get: Get, out: list[str], version: int) -> None:
        """Write the flag and what it announces."""
        record = get(self.name)
        out.append(FLAG.write(record is not None))
        if record is not None:
            write_layout(self.layout, _getter(record), out, version)


@dataclass(frozen=True, slots=True)
class Rows:
    """A count, then that many records."""

    name: str
    record: Callable[..., Any]
    layout: Layout

    def read(self, source: Source, values: dict[str, Any], version: int) -> None:
        """Read the count and the rows."""
        count = INTEGER.read(source.take(f"count of {self.name}"))
        if not 0 <= count <= source.left:
            raise RemoteProtocolError(f"{count} rows of {self.name!r} in {source.left} fields")
        values[self.name] = tuple(self._row(source, version) for _ in range(count))

    def _row(self, source: Source, version: int) -> Any:
        inner: dict[str, Any] = {}
        read_layout(self.layout, source, inner, version)
        return self.record(**inner)

    def write(self, get: Get, out: list[str], version: int) -> None:
        """Write the count and the rows."""
        rows = get(self.name)
        out.append(str(len(rows)))
        for row in rows:
            write_layout(self.layout, _getter(row), out, version)


def _getter(record: Any) -> Get:
    return lambda name: getattr(record, name)


def walk(layout: Layout) -> Iterator[Item]:
    """Go through all items of a layout, those inside of others included."""
    for item in layout:
        yield item
        inner: Layout = getattr(item, "_items", getattr(item, "layout", ()))
        yield from walk(inner)


NO_FIELDS: Final[Layout] = ()
"""A message that is nothing but its id and perhaps its version."""
