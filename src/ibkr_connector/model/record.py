"""Records read both ways: `quote.bid` and `quote["bid"]`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from .html import fields_table

__all__ = ["Record"]


class Record:
    """
    Base of the frozen dataclasses that users receive.

    Adds reading by key to reading by attribute, so that a record can stand where a mapping was
    expected (`row["symbol"]`, `dict(row)`), and nothing else.
    """

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        if key not in self.keys():
            known = ", ".join(self.keys())
            raise KeyError(f"{type(self).__name__} has no field {key!r}; it has {known}")
        return getattr(self, key)

    def keys(self) -> tuple[str, ...]:
        """Return the field names in declared order."""
        return tuple(field.name for field in fields(self))  # type: ignore[arg-type]  # always a dataclass

    def as_dict(self) -> dict[str, Any]:
        """Return a new dict of the fields; nested records become dicts, tuples become lists."""
        return {key: _plain(getattr(self, key)) for key in self.keys()}

    def _repr_html_(self) -> str:
        """Show the record as a table, where a notebook asks."""
        return fields_table(self)


def _plain(value: object) -> object:
    if isinstance(value, Record):
        return value.as_dict()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
