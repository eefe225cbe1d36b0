"""
Values of a plain mapping, read one by one: numbers, words, times, each with a fault that names it.

Owns: what spellings of a value are understood, and what is said of a key that is none.
Refuses to know: which keys there are (`reading.py`).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeVar, get_args

from ibkr_connector.model.algos import Algo
from ibkr_connector.model.brackets import BracketRequest
from ibkr_connector.model.contracts import ComboLeg, Contract
from ibkr_connector.model.orders import (
    ExecutionCondition,
    MarginCondition,
    OrderRequest,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    VolumeCondition,
)

__all__ = [
    "LARGEST",
    "Reader",
    "is_finite",
    "not_one_of",
    "read_contract",
    "read_count",
    "read_flag",
    "read_number",
    "read_numbered",
    "read_prices",
    "read_slot",
    "read_spelt",
    "read_text",
    "read_time",
    "read_values",
    "read_word",
    "too_large",
    "unknown_key",
]

E = TypeVar("E", bound=StrEnum)
N = TypeVar("N", bound=IntEnum)
Reader = Callable[[str, Any], Any]

LARGEST: Final = Decimal(10) ** 15
"""The most that a number of an order may be: beyond it a price can't be held against its step."""

_OTHER_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "side": "action",
        "size": "quantity",
        "qty": "quantity",
        "totalquantity": "quantity",
        "type": "order_type",
        "price": "limit_price",
        "lmtprice": "limit_price",
        "auxprice": "stop_price",
        "triggerprice": "stop_price",
        "trailstopprice": "stop_price",
        "tif": "time_in_force",
        "outsiderth": "outside_regular_hours",
        "ticker": "symbol",
        "orderref": "client_order_id",
        "combolegs": "legs",
        "nonguaranteed": "non_guaranteed",
        "ordercombolegs": "leg_prices",
        "trailingpercent": "trail_percent",
        "trailingamount": "trail_amount",
        "lmtpriceoffset": "limit_offset",
        "goodtilldate": "good_till",
        "goodaftertime": "good_after",
        "minqty": "minimum_quantity",
        "algostrategy": "algo",
        "cashqty": "cash_quantity",
        "monetaryvalue": "cash_quantity",
        "fagroup": "allocation",
        "faprofile": "allocation",
        "famethod": "allocation",
        "fapercentage": "allocation",
        "group": "allocation",
        "profile": "allocation",
        "modelcode": "model",
        "softdollartier": "soft_dollar_tier",
        "conditionscancelorder": "conditions_cancel",
        "conditionsignorerth": "conditions_outside_regular_hours",
    }
)
"""What other APIs call these keys; only to point at ours."""

_IN_PERCENT: Final = frozenset({"percentoffset", "offsetpercent"})
# limit: TWS takes a percent offset for REL besides, or in place of, the amount, and how both
# combine is told nowhere (IB campus names the field alone)


def read_values(
    source: Mapping[str, Any], readers: Mapping[str, Reader], faults: list[str]
) -> dict[str, Any]:
    """Read the values that a mapping has; what cannot be read is added to the faults."""
    values: dict[str, Any] = {}
    for key in source:
        read = readers.get(key)
        if read is None:
            continue
        value = source[key]
        # in a mapping, None says that nothing is said
        if value is None and key in _MAY_BE_UNSAID:
            continue
        try:
            values[key] = read(key, value)
        except ValueError as error:
            faults.append(str(error))
    return values


def read_contract(key: str, value: object) -> Contract | str:
    """Read a contract, or text that is looked up later."""
    if isinstance(value, Contract | str) and value != "":
        return value
    raise ValueError(f"{key} must be text or a Contract; got {value!r}")


def read_number(key: str, value: object) -> Decimal:
    """Read a finite number of any kind, exactly as written."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float | str):
        raise ValueError(f"{key} must be a number; got {value!r}")
    try:
        # by way of its text, a float means the digits that the user wrote
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"{key} must be a number; got {value!r}") from None
    if not number.is_finite():
        raise ValueError(f"{key} must be a finite number; got {value!r}")
    for fault in too_large(key, number):
        raise ValueError(fault)
    return number


def too_large(key: str, value: object) -> Iterator[str]:
    """Tell of each number in a value, a record, or several of them, that is beyond `LARGEST`."""
    if isinstance(value, Decimal):
        if value.is_finite() and abs(value) > LARGEST:
            yield f"{key} must be at most {LARGEST:,}; got {value}"
    elif is_dataclass(value):
        for field in fields(value):
            yield from too_large(f"{key}.{field.name}".lstrip("."), getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for one in value:
            yield from too_large(key, one)


def is_finite(number: object) -> bool:
    """Whether it is a Decimal that is a number."""
    return isinstance(number, Decimal) and number.is_finite()


def read_count(key: str, value: object) -> int:
    """Read how many of something there are, at least one."""
    number = read_number(key, value)
    if number % 1 or number < 1:
        raise ValueError(f"{key} must be a whole number of at least 1; got {value!r}")
    return int(number)


def read_slot(key: str, value: object) -> int:
    """Read a short-sale slot."""
    if isinstance(value, int) and not isinstance(value, bool) and value in (0, 1, 2):
        return value
    raise ValueError(f"{key} must be 0, 1 or 2; got {value!r}")


def read_prices(key: str, value: object) -> tuple[Decimal, ...]:
    """Read a list of numbers."""
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ValueError(f"{key} must be a list of numbers; got {value!r}")
    return tuple(read_number(f"{key}[{at}]", one) for at, one in enumerate(value))


def read_text(key: str, value: object) -> str:
    """Read text as it is."""
    if isinstance(value, str):
        return value
    raise ValueError(f"{key} must be text; got {value!r}")


def read_flag(key: str, value: object) -> bool:
    """Read yes or no; words and numbers are neither."""
    if isinstance(value, bool):
        return value
    raise ValueError(f"{key} must be True or False; got {value!r}")


def read_time(key: str, value: object) -> datetime:
    """Read a moment, or its ISO text."""
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(
            f"{key} must be an aware datetime or its ISO text, as in "
            f"'2026-12-18T16:00:00-05:00'; got {value!r}"
        ) from None


def read_word(enum: type[E]) -> Callable[[str, object], E]:
    """Make a reader of IB's words, which are in capitals."""
    return read_spelt(enum, str.upper)


def read_spelt(enum: type[E], fold: Callable[[str], str]) -> Callable[[str, object], E]:
    """Make a reader of words that are spelt as `fold` spells them."""

    def read(key: str, value: object) -> E:
        try:
            return enum(fold(value.strip()) if isinstance(value, str) else str(value))
        except ValueError:
            raise ValueError(not_one_of(key, value, enum)) from None

    return read


def read_numbered(enum: type[N]) -> Callable[[str, object], N]:
    """Read a member by its name in any case, or by IB's number."""

    def read(key: str, value: object) -> N:
        if isinstance(value, str):
            name = value.strip().upper().replace(" ", "_")
            if name in enum.__members__:
                return enum[name]
        elif isinstance(value, int) and not isinstance(value, bool) and value in list(enum):
            return enum(value)
        raise ValueError(not_one_of(key, value, (name.lower() for name in enum.__members__)))

    return read


def not_one_of(key: str, value: object, words: Iterable[str]) -> str:
    """Say which words there are."""
    return f"{key} must be one of {', '.join(words)}; got {value!r}"


def unknown_key(key: object, known: tuple[str, ...]) -> str:
    """Say that a key is none, and which one was meant."""
    text = str(key)
    plain = text.replace("_", "").replace(" ", "").lower()
    other = _OTHER_NAMES.get(plain)
    if plain in _IN_PERCENT:
        return (
            f"unknown key {text!r}; an offset in percent is not offered, give an offset in the "
            "contract's currency"
        )
    close = (other if other in known else None) or next(
        iter(difflib.get_close_matches(text.lower(), known, n=1, cutoff=0.5)), None
    )
    if close is not None:
        return f"unknown key {text!r}; did you mean {close!r}?"
    return f"unknown key {text!r}; known keys are {', '.join(known)}"


_KINDS: Final[tuple[Any, ...]] = (
    OrderRequest,
    BracketRequest,
    ComboLeg,
    PriceCondition,
    TimeCondition,
    MarginCondition,
    ExecutionCondition,
    VolumeCondition,
    PercentChangeCondition,
    *get_args(Algo),
)
_MAY_BE_UNSAID: Final = frozenset(
    field.name for kind in _KINDS for field in fields(kind) if field.default is None
)
