"""
The fields of a message, and those that stand side by side: taken, and written, in one go.

A field is a name and a kind. A run of them is compiled to one function that takes them into a
mapping, and one that gets them from a record and fills them into a template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from .errors import LocalProtocolError, RemoteProtocolError
from .fields import INTEGER, TEXT, Kind, shown

__all__ = [
    "Field",
    "Literal",
    "Reader",
    "Source",
    "Writer",
    "checked",
    "ends_before",
    "read_fields",
    "write_fields",
    "written",
]


class Source:
    """The fields of one message, taken from left to right."""

    __slots__ = ("at", "fields")

    def __init__(self, fields: list[str], at: int = 0) -> None:
        self.fields = fields
        self.at = at

    def take(self, name: str) -> str:
        """Take the next field; `name` is for the error."""
        try:
            text = self.fields[self.at]
        except IndexError:
            raise ends_before(name) from None
        self.at += 1
        return text

    def take_rows(self, name: str, width: int) -> tuple[tuple[str, ...], ...]:
        """Take a count, then so many rows of `width` fields."""
        count = INTEGER.read(self.take(f"count of {name}") or "0")
        if not 0 <= count * width <= self.left:
            raise RemoteProtocolError(f"{count} rows of {name!r} in {self.left} fields")
        start, end = self.at, self.at + count * width
        self.at = end
        return tuple(tuple(self.fields[at : at + width]) for at in range(start, end, width))

    @property
    def left(self) -> int:
        """How many fields were not taken."""
        return len(self.fields) - self.at


Reader = Callable[[Source, dict[str, Any]], None]
"""Takes fields and puts what they say under names."""

Writer = Callable[[Any], str]
"""Writes the fields of a record, each ended by a NUL."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value."""

    name: str
    kind: Kind = TEXT

    def reader(self, version: int) -> Reader:
        """Take one field."""
        return read_fields([self])

    def writer(self, version: int) -> Writer:
        """Put one field."""
        return write_fields([self])


@dataclass(frozen=True, slots=True)
class Literal:
    """A field that carries nothing any more: written as it always was, skipped when read."""

    text: str

    def reader(self, version: int) -> Reader:
        """Skip one field."""
        return read_fields([self])

    def writer(self, version: int) -> Writer:
        """Put the text."""
        return write_fields([self])


def read_fields(items: Iterable[Field | Literal]) -> Reader:
    """Return what takes fields that stand side by side."""
    steps = [
        (item.name, None if item.kind is TEXT else item.kind.read)
        if isinstance(item, Field)
        else ("", None)
        for item in items
    ]

    def read(source: Source, values: dict[str, Any]) -> None:
        fields, at = source.fields, source.at
        name = text = ""
        try:
            for name, convert in steps:
                text = fields[at]
                at += 1
                if name:
                    values[name] = text if convert is None else convert(text)
        except IndexError:
            raise ends_before(name or "obsolete") from None
        except RemoteProtocolError:
            # the words of TWS (ib_async issue 158: 'Con Id')
            label = name.replace("_", " ").title()
            raise RemoteProtocolError(
                f"Unable to parse field: {label!r} for input string: {shown(text)}"
            ) from None
        source.at = at

    return read


def write_fields(items: Iterable[Field | Literal]) -> Writer:
    """Return what writes fields that stand side by side."""
    template, width = "", 0
    names: list[str] = []
    conversions: list[tuple[int, Callable[[Any], str]]] = []
    for item in items:
        width += 1
        if isinstance(item, Field):
            if not item.kind.form:
                conversions.append((len(names), item.kind.write))
            names.append(item.name)
            template += (item.kind.form or "%s") + "\0"
        else:
            template += item.text.replace("%", "%%") + "\0"
    if not names:
        constant = template % ()
        return lambda record: constant
    # a getter of one name returns no tuple
    get = attrgetter(*names) if len(names) > 1 else _alone(names[0])
    if not conversions:
        return lambda record: checked(template % get(record), width)

    def write(record: Any) -> str:
        values = [*get(record)]
        for at, convert in conversions:
            values[at] = convert(values[at])
        text = template % (*values,)
        return text if text.count("\0") == width else checked(text, width)

    return write


def _alone(name: str) -> Callable[[Any], tuple[Any]]:
    get = attrgetter(name)
    return lambda record: (get(record),)


def written(fields: Iterable[str]) -> str:
    """
    End each field with a NUL.

    Raises:
        LocalProtocolError: A field has a NUL inside.
    """
    texts = [*fields, ""]
    return checked("\0".join(texts), len(texts) - 1)


def checked(text: str, width: int) -> str:
    """
    Return a text that is so many fields.

    Raises:
        LocalProtocolError: It is more: one of them has a NUL inside.
    """
    if text.count("\0") != width:
        raise LocalProtocolError(f"a NUL inside of a field: {text!r}")
    return text


def ends_before(name: str) -> RemoteProtocolError:
    """Return what to raise when a field is missing."""
    return RemoteProtocolError(f"the message ends before its field {name!r}")
