"""
Records out of what somebody wrote: every name and value checked, every error with its remedy.

One reader for scenario files, the control port and anything else that comes as names and values.
It knows types and dataclasses only; which ranges hold is said by the records themselves.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, Final, TypeVar

__all__ = ["InputError", "build", "check_names", "convert", "moment"]

T = TypeVar("T")


class InputError(ValueError):
    """Something that was written cannot be what was meant; says where, what, and what would do."""


def build(record: type[T], given: object, where: str) -> T:
    """
    Make a dataclass of names and values.

    Raises:
        InputError: A name is unknown or missing, a value is of the wrong type or out of range.
    """
    assert is_dataclass(record)
    if not isinstance(given, Mapping):
        raise InputError(f"{where} must hold names and values, got {given!r}")
    known = {one.name: one for one in fields(record) if one.init}
    check_names(given, known, where)
    missing = [
        one.name
        for one in known.values()
        if one.default is MISSING and one.default_factory is MISSING and one.name not in given
    ]
    if missing:
        raise InputError(f"{where} needs {missing[0]!r}; it has no default")
    hints = typing.get_type_hints(record)
    values = {
        name: convert(hints[name], value, f"{where}: {name}") for name, value in given.items()
    }
    try:
        return record(**values)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def check_names(given: Mapping[Any, object], known: typing.Iterable[str], where: str) -> None:
    """
    Check that only known names are used.

    Raises:
        InputError: One is not known.
    """
    names = sorted(known)
    for name in given:
        if name not in names:
            raise InputError(f"{name!r} is not a key of {where}; known are {', '.join(names)}")


def convert(kind: Any, value: object, where: str) -> Any:
    """
    Read a value as a type: bool, int, float, str, Decimal, datetime, enums, optionals, containers.

    Raises:
        InputError: It is not one.
    """
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _union(typing.get_args(kind), value, where)
    if origin in (tuple, list, Sequence):
        return _items(typing.get_args(kind)[0], value, where)
    if origin in (dict, Mapping):
        return _mapping(typing.get_args(kind), value, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _member(kind, value, where)
    if isinstance(kind, type) and is_dataclass(kind):
        return value if isinstance(value, kind) else build(kind, value, where)
    reader = _PLAIN.get(kind)
    if reader is None:
        return value
    return reader(value, where)


def moment(value: object, where: str) -> datetime:
    """Read an aware moment; a text is ISO 8601."""
    try:
        read = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise InputError(
            f"{where} must be a moment, as in 2026-11-18T15:00:00Z; got {value!r}"
        ) from None
    if read.tzinfo is None:
        raise InputError(f"{where} needs a time zone, as in 2026-11-18T15:00:00Z; got {value}")
    return read


def _union(kinds: Sequence[Any], value: object, where: str) -> Any:
    if value is None:
        if type(None) in kinds:
            return None
        raise InputError(f"{where} must be given")
    wanted = [kind for kind in kinds if kind is not type(None)]
    for kind in wanted[:-1]:
        try:
            return convert(kind, value, where)
        except InputError:
            continue
    return convert(wanted[-1], value, where)


def _items(kind: Any, value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise InputError(f"{where} must be a list, got {value!r}")
    return tuple(convert(kind, one, f"{where}[{index}]") for index, one in enumerate(value))


def _mapping(kinds: Sequence[Any], value: object, where: str) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{where} must hold names and values, got {value!r}")
    return {
        convert(kinds[0], name, f"{where}: a name"): convert(kinds[1], one, f"{where}: {name}")
        for name, one in value.items()
    }


def _member(kind: type[Enum], value: object, where: str) -> Enum:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(str(one.value) for one in kind)
        raise InputError(f"{where} must be one of {known}; got {value!r}") from None


def _bool(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"{where} must be true or false, got {value!r}")
    return value


def _int(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{where} must be a whole number, got {value!r}")
    return value


def _float(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise InputError(f"{where} must be a number, got {value!r}")
    return float(_finite(Decimal(str(value)), value, where))


def _decimal(value: object, where: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise InputError(f"{where} must be a number, got {value!r}")
    try:
        return _finite(Decimal(str(value)), value, where)
    except InvalidOperation:
        raise InputError(f"{where} must be a number, got {value!r}") from None


def _finite(number: Decimal, value: object, where: str) -> Decimal:
    if not number.is_finite():
        raise InputError(f"{where} must be a finite number, got {value!r}")
    return number


def _text(value: object, where: str) -> str:
    # a date or a number that somebody forgot to quote is not silently made a text
    if not isinstance(value, str):
        raise InputError(f"{where} must be a text, got {value!r}; put it in quotes")
    return value


_PLAIN: Final[Mapping[Any, Callable[[object, str], Any]]] = {
    bool: _bool,
    int: _int,
    float: _float,
    str: _text,
    Decimal: _decimal,
    datetime: moment,
}
