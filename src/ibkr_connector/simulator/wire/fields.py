"""
The text of one value, in both directions.

"Not said" is `None` here and one of several texts on the wire: empty, the largest double, the
largest int. Which of them a message uses is part of its layout.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from .errors import LocalProtocolError, RemoteProtocolError

__all__ = [
    "DOUBLE",
    "ESCAPED",
    "FLAG",
    "INTEGER",
    "NOT_COMPUTED_1",
    "NOT_COMPUTED_2",
    "NUMBER",
    "OPTIONAL_INTEGER",
    "OPTIONAL_NUMBER",
    "PRICE",
    "TEXT",
    "TRUTH",
    "UNSET_DOUBLE",
    "UNSET_INTEGER",
    "UNSET_NUMBER",
    "UNSET_WHOLE",
    "Kind",
    "number_text",
    "shown",
]

UNSET_DOUBLE: Final = "1.7976931348623157E308"
UNSET_INTEGER: Final = "2147483647"
_LARGEST_EXPONENT: Final = 308
"""Of a double; a text of a few bytes must not become one of a billion digits when it is echoed."""

_MINUS_1: Final = frozenset({"-1", "-1.0"})
_MINUS_2: Final = frozenset({"-2", "-2.0"})
_ESCAPE: Final = re.compile(r"\\u([0-9A-Fa-f]{4})")
_BEYOND_LONG: Final = 2**63
_MOST_SHOWN: Final = 80
_UNSET_LONG: Final = "9223372036854775807"
_UNSETS: Final = frozenset(
    {"", UNSET_DOUBLE, "1.7976931348623157e+308", UNSET_INTEGER, _UNSET_LONG}
)


@dataclass(frozen=True, slots=True)
class Kind:
    """How one sort of value is read and written; `form` writes the same within a template."""

    name: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    form: str = ""


def number_text(value: Decimal) -> str:
    """Write a decimal without exponent and without trailing zeros, as `190.5` and `100`."""
    text = str(value)
    if "E" in text:
        text = f"{value:f}"
    if text[-1] != "0" or "." not in text:
        return text
    return text.rstrip("0").rstrip(".")


def _read_text(text: str) -> str:
    return text


def _write_text(value: str) -> str:
    if "\0" in value:
        raise LocalProtocolError(f"a NUL inside of a field: {value!r}")
    return value


def shown(text: str) -> str:
    """Quote a text that may come back in an answer, and may be as long as a frame."""
    return repr(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}...")


def _plain(text: str) -> str:
    # Python reads 1_000 and digits of other scripts as numbers; no client means them
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return text


def _read_integer(text: str) -> int:
    try:
        number = int(_plain(text))
    except ValueError:
        raise RemoteProtocolError(f"expected a whole number, got {shown(text)}") from None
    if not -_BEYOND_LONG <= number < _BEYOND_LONG:
        raise RemoteProtocolError(f"expected a whole number of 64 bits, got {shown(text)}")
    return number


def _read_number(text: str) -> Decimal:
    try:
        number = Decimal(_plain(text))
    except (InvalidOperation, ValueError):
        raise RemoteProtocolError(f"expected a number, got {shown(text)}") from None
    if not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise RemoteProtocolError(f"expected a number, got {shown(text)}")
    return number


def _write_price(value: Decimal) -> str:
    text = number_text(value)
    whole, _, rest = text.partition(".")
    return text if len(rest) > 1 else f"{whole}.{rest:0<2}"


def _write_double(value: Decimal) -> str:
    text = number_text(value)
    return text if "." in text else f"{text}.0"


def _read_flag(text: str) -> bool:
    # clients in other languages write true and false (ibapi comm.py writes 1 and 0)
    if text in {"1", "true", "True"}:
        return True
    if text in {"0", "", "false", "False"}:
        return False
    raise RemoteProtocolError(f"expected 0 or 1, got {shown(text)}")


def _read_escaped(text: str) -> str:
    if "\\u" not in text:
        return text
    units = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _write_escaped(value: str) -> str:
    text = _write_text(value)
    if text.isascii() and "\\u" not in text:
        return text
    safe = text.replace("\\u", "\\u005cu")
    return "".join(char if char.isascii() else _escape(char) for char in safe)


def _escape(char: str) -> str:
    # two of them for a character beyond the first plane, as Java counts
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _optional(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: None if text in _UNSETS else read(text)


TEXT: Final = Kind("text", _read_text, _write_text, "%s")
ESCAPED: Final = Kind("text in ASCII", _read_escaped, _write_escaped)
"""
Error texts, their JSON and long names carry what is not ASCII as `\\u00fc`.

Since version 153 (ibapi decoder.py, MIN_SERVER_VER_ENCODE_MSG_ASCII7).
"""

TRUTH: Final = Kind(
    "true or false", lambda text: text == "true", lambda value: "true" if value else "false"
)
INTEGER: Final = Kind("integer", _read_integer, str, "%d")
NUMBER: Final = Kind("number", _read_number, number_text)
PRICE: Final = Kind("price", _read_number, _write_price)
DOUBLE: Final = Kind("double", _read_number, _write_double)
FLAG: Final = Kind("flag", _read_flag, lambda value: "1" if value else "0", "%d")
OPTIONAL_INTEGER: Final = Kind(
    "optional integer", _optional(_read_integer), lambda value: "" if value is None else str(value)
)
OPTIONAL_NUMBER: Final = Kind(
    "optional number",
    _optional(_read_number),
    lambda value: "" if value is None else number_text(value),
)
NOT_COMPUTED_1: Final = Kind(
    "number or -1",
    lambda text: None if text in _MINUS_1 else OPTIONAL_NUMBER.read(text),
    lambda value: "-1" if value is None else number_text(value),
)
NOT_COMPUTED_2: Final = Kind(
    "number or -2",
    lambda text: None if text in _MINUS_2 else OPTIONAL_NUMBER.read(text),
    lambda value: "-2" if value is None else number_text(value),
)
UNSET_WHOLE: Final = Kind(
    "integer or the largest one",
    _optional(_read_integer),
    lambda value: UNSET_INTEGER if value is None else str(value),
)
UNSET_NUMBER: Final = Kind(
    "number or the largest double",
    _optional(_read_number),
    lambda value: UNSET_DOUBLE if value is None else number_text(value),
)
