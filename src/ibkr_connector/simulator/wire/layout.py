"""
Layouts: which fields a message has, in which order, under which server version.

A layout is a tuple of items. The same layout reads a message into a record and writes a record
into a message; what depends on the version or on an earlier field is an item, not an `if`.

Nobody walks a layout for each message: `compile_reader` and `compile_writer` turn it into functions
for one server version. What the version decides is decided there, and plain fields that stand
side by side are taken, and written, in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter
from typing import Any, Final, Protocol

from .errors import RemoteProtocolError
from .fields import FLAG, INTEGER
from .plain import (
    Field,
    Literal,
    Reader,
    Source,
    Writer,
    checked,
    ends_before,
    read_fields,
    write_fields,
)

__all__ = [
    "Before",
    "CountedText",
    "Get",
    "Item",
    "Layout",
    "Maybe",
    "Nested",
    "Rows",
    "Since",
    "Texts",
    "When",
    "compile_reader",
    "compile_writer",
    "position_of",
]

_BLANKS: Final = repeat("")

Get = Callable[[str], Any]
"""Looks an earlier field up by name, while reading or writing."""


class Item(Protocol):
    """A part of a layout."""

    def reader(self, version: int) -> Reader:
        """Return what reads it at a server version."""
        ...

    def writer(self, version: int) -> Writer:
        """Return what writes it at a server version."""
        ...


Layout = tuple[Item, ...]


def compile_reader(layout: Layout, version: int) -> Reader:
    """Return what reads all items of a layout."""
    readers = [_joined_reader(items, version) for items in _runs(_chosen(layout, version))]
    if len(readers) == 1:
        return readers[0]

    def read(source: Source, values: dict[str, Any]) -> None:
        for part in readers:
            part(source, values)

    return read


def compile_writer(layout: Layout, version: int) -> Writer:
    """Return what writes all items of a layout."""
    flat = _flat(_chosen(layout, version), version)
    writers = [_joined_writer(items, version) for items in _runs(flat)]
    if len(writers) == 1:
        return writers[0]
    return lambda record: "".join([part(record) for part in writers])


def position_of(layout: Layout, version: int, *names: str) -> int | None:
    """Return how many fields stand before the one of these names; `None` if that varies."""
    for position, item in enumerate(_chosen(layout, version)):
        if isinstance(item, Field) and item.name in names:
            return position
        if not isinstance(item, Field | Literal):
            break
    return None


@dataclass(frozen=True, slots=True)
class CountedText:
    """
    A last text that clients of some languages put a count before.

    ibapi 10.51 does not, ib_async does (client.py `calculateImpliedVolatility`): told apart by
    what is left.
    """

    name: str

    def reader(self, version: int) -> Reader:
        """Take the last field, and the one before it when there is one."""

        def read(source: Source, values: dict[str, Any]) -> None:
            if source.left > 1:
                source.take(f"count of {self.name}")
            values[self.name] = source.take(self.name)

        return read

    def writer(self, version: int) -> Writer:
        """Put the text alone."""
        return write_fields([Field(self.name)])


class Texts:
    """Fields that are kept as text in a mapping of their own, by IB's names."""

    __slots__ = ("names", "target")

    def __init__(self, target: str, *names: str) -> None:
        self.target = target
        self.names = names

    def reader(self, version: int) -> Reader:
        """Take the fields into the mapping."""
        target, names, width = self.target, self.names, len(self.names)

        def read(source: Source, values: dict[str, Any]) -> None:
            start, end = source.at, source.at + width
            if end > len(source.fields):
                raise ends_before(names[len(source.fields) - start])
            mapping = values.setdefault(target, {})
            mapping.update(zip(names, source.fields[start:end], strict=True))
            source.at = end

        return read

    def writer(self, version: int) -> Writer:
        """Put the texts; one that is missing is empty."""
        get, names, width = attrgetter(self.target), self.names, len(self.names)

        def write(record: Any) -> str:
            said: Mapping[str, str] = get(record)
            texts = [*map(said.get, names, _BLANKS), ""]
            return checked("\0".join(texts), width)

        return write


class Since:
    """Items that a server version brought."""

    __slots__ = ("items", "version")

    def __init__(self, version: int, *items: Item) -> None:
        self.version = int(version)
        self.items = items

    def has(self, version: int) -> bool:
        """Say whether a version has them."""
        return version >= self.version

    def reader(self, version: int) -> Reader:
        """Read the items, from that version on."""
        return compile_reader((self,), version)

    def writer(self, version: int) -> Writer:
        """Write the items, from that version on."""
        return compile_writer((self,), version)


class Before:
    """Items that a server version took away."""

    __slots__ = ("items", "version")

    def __init__(self, version: int, *items: Item) -> None:
        self.version = int(version)
        self.items = items

    def has(self, version: int) -> bool:
        """Say whether a version still has them."""
        return version < self.version

    def reader(self, version: int) -> Reader:
        """Read the items, below that version."""
        return compile_reader((self,), version)

    def writer(self, version: int) -> Writer:
        """Write the items, below that version."""
        return compile_writer((self,), version)


class When:
    """Items that are there only when an earlier field says so."""

    __slots__ = ("_items", "_test")

    def __init__(self, test: Callable[[Get], bool], *items: Item) -> None:
        self._test = test
        self._items = items

    def reader(self, version: int) -> Reader:
        """Read the items when the test holds."""
        test, inner = self._test, compile_reader(self._items, version)

        def read(source: Source, values: dict[str, Any]) -> None:
            if test(values.__getitem__):
                inner(source, values)

        return read

    def writer(self, version: int) -> Writer:
        """Write the items when the test holds."""
        test, inner = self._test, compile_writer(self._items, version)
        return lambda record: inner(record) if test(record.__getattribute__) else ""


@dataclass(frozen=True, slots=True)
class Nested:
    """A record within the record, its fields in line."""

    name: str
    record: Callable[..., Any]
    layout: Layout

    def reader(self, version: int) -> Reader:
        """Read the inner record."""
        name, record, inner = self.name, self.record, compile_reader(self.layout, version)

        def read(source: Source, values: dict[str, Any]) -> None:
            found: dict[str, Any] = {}
            inner(source, found)
            values[name] = record(**found)

        return read

    def writer(self, version: int) -> Writer:
        """Write the inner record."""
        get, inner = attrgetter(self.name), compile_writer(self.layout, version)
        return lambda record: inner(get(record))


@dataclass(frozen=True, slots=True)
class Maybe:
    """A flag, and a record when it is set."""

    name: str
    record: Callable[..., Any]
    layout: Layout

    def reader(self, version: int) -> Reader:
        """Read the flag and what it announces."""
        inner = Nested(self.name, self.record, self.layout).reader(version)

        def read(source: Source, values: dict[str, Any]) -> None:
            values[self.name] = None
            if FLAG.read(source.take(self.name)):
                inner(source, values)

        return read

    def writer(self, version: int) -> Writer:
        """Write the flag and what it announces."""
        get, inner = attrgetter(self.name), compile_writer(self.layout, version)

        def write(record: Any) -> str:
            value = get(record)
            return "0\0" if value is None else f"1\0{inner(value)}"

        return write


@dataclass(frozen=True, slots=True)
class Rows:
    """A count, then that many records."""

    name: str
    record: Callable[..., Any]
    layout: Layout

    def reader(self, version: int) -> Reader:
        """Read the count and the rows."""
        name, record, inner = self.name, self.record, compile_reader(self.layout, version)

        def row(source: Source) -> Any:
            found: dict[str, Any] = {}
            inner(source, found)
            return record(**found)

        def read(source: Source, values: dict[str, Any]) -> None:
            count = INTEGER.read(source.take(f"count of {name}"))
            if not 0 <= count <= source.left:
                raise RemoteProtocolError(f"{count} rows of {name!r} in {source.left} fields")
            values[name] = tuple([row(source) for _ in range(count)])

        return read

    def writer(self, version: int) -> Writer:
        """Write the count and the rows."""
        get, inner = attrgetter(self.name), compile_writer(self.layout, version)

        def write(record: Any) -> str:
            rows = get(record)
            return f"{len(rows)}\0{''.join([inner(row) for row in rows])}"

        return write


# --- compiling ----------------------------------------------------------------------------------


def _chosen(layout: Iterable[Item], version: int) -> Iterator[Item]:
    for item in layout:
        if not isinstance(item, Since | Before):
            yield item
        elif item.has(version):
            yield from _chosen(item.items, version)


def _flat(items: Iterable[Item], version: int) -> Iterator[Item]:
    """Let the plain fields of an inner record stand with those around it, by a dotted name."""
    for item in items:
        inner = [*_chosen(item.layout, version)] if isinstance(item, Nested) else []
        if inner and all(isinstance(part, Field | Literal) for part in inner):
            assert isinstance(item, Nested)
            for part in inner:
                if isinstance(part, Field):
                    yield Field(f"{item.name}.{part.name}", part.kind)
                else:
                    yield part
        else:
            yield item


def _runs(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Cut where the way of reading changes; other items than fields and texts stand alone."""
    run: list[Item] = []
    for item in items:
        if run and not _go_together(run[-1], item):
            yield run
            run = []
        run.append(item)
    yield run


def _go_together(one: Item, other: Item) -> bool:
    if isinstance(one, Texts) and isinstance(other, Texts):
        return one.target == other.target
    return isinstance(one, Field | Literal) and isinstance(other, Field | Literal)


def _joined_texts(items: list[Item]) -> Texts:
    texts = [item for item in items if isinstance(item, Texts)]
    return Texts(texts[0].target, *(name for item in texts for name in item.names))


def _joined_reader(items: list[Item], version: int) -> Reader:
    if items and isinstance(items[0], Texts):
        return _joined_texts(items).reader(version)
    if items and not isinstance(items[0], Field | Literal):
        return items[0].reader(version)
    return read_fields([item for item in items if isinstance(item, Field | Literal)])


def _joined_writer(items: list[Item], version: int) -> Writer:
    if items and isinstance(items[0], Texts):
        return _joined_texts(items).writer(version)
    if items and not isinstance(items[0], Field | Literal):
        return items[0].writer(version)
    return write_fields([item for item in items if isinstance(item, Field | Literal)])
