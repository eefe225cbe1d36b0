"""
Runs: long lists of the start, read many messages at once.

What an account holds comes as one message after the other, all alike. A run of them is cut into
fields in one go and looked at column by column; of each message only its key and its size are read
now, and the rest when somebody looks (`holdings.py`). For that, everything that could not be read
later is found now: such a run, and one that is out of the ordinary in any way, is left alone, and
is then read message by message, as ever.

Source of the places: ib_async decoder.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby, repeat
from math import inf
from operator import itemgetter
from sys import float_info
from typing import Any, Final, TypeVar

from .field_values import size
from .figures import NO_ID, positive
from .holdings import HoldingKey, PortfolioRow, PositionRow, slot_setter
from .security_types import security_type

__all__ = ["LEAST", "POSITION", "WINDOW", "made", "read_lines", "read_positions", "runs_of"]

LEAST: Final = 8
"""Fewer messages are no run."""

POSITION: Final = b"61\0"
WINDOW: Final = b"7\0"

_HEAD: Final = 2
_MISREAD: Final = (ArithmeticError, ValueError)

_NO_PRICE: Final = frozenset({inf, -inf, float_info.max, -float_info.max})
"""What is read as no figure, besides what is no number (`figures.py`)."""

R = TypeVar("R")

Columns = Mapping[str, Sequence[Any]]
"""Values of a field of records, by its name."""

_head: Final = itemgetter(slice(_HEAD))


def runs_of(payloads: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Part messages where their kind changes, as far as two letters tell."""
    for _, run in groupby(payloads, _head):
        yield list(run)


def read_positions(run: Sequence[bytes]) -> dict[HoldingKey, PositionRow] | None:
    """Read positions; `None` when they must be read one by one."""
    width = _POSITION_WIDTH
    try:
        fields = _fields(run, width, kind="61")
        keys = _keys(fields, width, account=2, contract=3)
        sizes = _sizes(fields[14::width])
        _check_numbers(fields[15::width])
    except _MISREAD:
        return None
    columns: Columns = {"key": keys, "quantity": sizes, "raw": run}
    rows = dict(zip(keys, made(PositionRow, columns), strict=True))
    # one that is told twice is another order of events
    return rows if len(rows) == len(run) else None


def read_lines(run: Sequence[bytes]) -> dict[HoldingKey, PortfolioRow] | None:
    """Read lines of the account window, as `read_positions`."""
    width = _PORTFOLIO_WIDTH
    try:
        fields = _fields(run, width, kind="7")
        keys = _keys(fields, width, account=19, contract=2)
        sizes = _sizes(fields[13::width])
        # a figure that is empty is no number, and is left to the other way
        prices = map(float, fields[14::width])
        priced = [price == price and price not in _NO_PRICE for price in prices]  # noqa: PLR0124
        for place in (15, 16, 17, 18):
            _check_numbers(fields[place::width])
    except _MISREAD:
        return None
    columns: Columns = {"key": keys, "quantity": sizes, "has_price": priced, "raw": run}
    rows = dict(zip(keys, made(PortfolioRow, columns), strict=True))
    return rows if len(rows) == len(run) else None


def made(kind: type[R], columns: Columns) -> list[R]:
    """Make frozen records of which these fields are there, as many as each column is long."""
    count = len(next(iter(columns.values())))
    rows = list(map(object.__new__, repeat(kind, count)))
    for name, values in columns.items():
        _through(map(slot_setter(kind, name), rows, values))
    return rows


def _fields(run: Sequence[bytes], width: int, *, kind: str) -> list[str]:
    """Return the fields of all messages, one behind the other; each message has as many."""
    if set(map(bytes.count, run, repeat(b"\0"))) != {width}:
        raise ValueError("not all of them have their number of fields")
    fields = b"".join(run).decode(errors="backslashreplace").split("\0")
    # what stands behind the last NUL of a message is in front of the next one's number
    if set(fields[0:-1:width]) != {kind} or fields[-1]:
        raise ValueError("not all of them are of this kind")
    return fields


def _keys(fields: list[str], width: int, *, account: int, contract: int) -> list[HoldingKey]:
    """Return whose each is and of what; raises where a contract could not be read later."""
    numbers: list[Any] = list(map(int, fields[contract::width]))
    if not NO_ID.isdisjoint(numbers):
        raise ValueError("a contract has no id")
    for text in set(fields[contract + 2 :: width]):
        security_type(text)
    _check_numbers(set(fields[contract + 4 :: width]) - {""})
    for text in set(fields[contract + 6 :: width]):
        positive(text)
    return list(zip(fields[account::width], numbers, strict=True))


def _check_numbers(texts: Any) -> None:
    _through(map(float, texts))


def _sizes(told: Sequence[str]) -> list[Decimal]:
    """Read sizes; raises where one is zero because it is not said: ib_async takes that for one."""
    sizes = list(map(size, told))
    if not all(sizes) and any(
        float(text) for quantity, text in zip(sizes, told, strict=True) if not quantity
    ):
        raise ValueError("a size is not said")
    return sizes


_through: Final[Callable[[Any], Any]] = deque(maxlen=0).extend
"""Goes through an iterator and keeps nothing of it."""

_POSITION_WIDTH: Final = 16
_PORTFOLIO_WIDTH: Final = 20
