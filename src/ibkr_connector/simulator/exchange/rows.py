"""
Rows of recorded prices, read one by one: what is broken is said with its place and what to do.

Three sorts of rows, told apart by their columns: ticks (`time,symbol,price[,size]`), quotes
(`time,symbol,bid,ask,bid_size,ask_size`) and bars (`time,symbol,open,high,low,close[,volume]`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Final

from .prices import TapeError

__all__ = ["BarRow", "QuoteRow", "Row", "Sort", "TickRow", "number", "read_rows", "sort_of", "when"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRow:
    """A price, and what was traded at it if that was recorded."""

    at: datetime
    symbol: str
    price: Decimal
    size: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteRow:
    """The best bid and ask from a moment on."""

    at: datetime
    symbol: str
    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRow:
    """What happened in an interval that begins at a moment."""

    at: datetime
    symbol: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


Row = TickRow | QuoteRow | BarRow
"""One row of a recording."""


class Sort(Enum):
    """What the rows of a file are."""

    TICKS = ("time", "symbol", "price")
    QUOTES = ("time", "symbol", "bid", "ask", "bid_size", "ask_size")
    BARS = ("time", "symbol", "open", "high", "low", "close")


_FORMS: Final = (
    "ticks are time,symbol,price[,size], quotes time,symbol,bid,ask,bid_size,ask_size, bars "
    "time,symbol,open,high,low,close[,volume]"
)


def sort_of(columns: Iterable[str], name: str) -> Sort:
    """
    Tell what the rows of a file are by its columns.

    Raises:
        TapeError: They are none of the three.
    """
    known = set(columns)
    for sort in (Sort.BARS, Sort.QUOTES, Sort.TICKS):
        if known.issuperset(sort.value):
            return sort
    raise TapeError(f"{name}: the columns are {', '.join(columns) or 'missing'}; {_FORMS}")


def read_rows(
    raw: Iterable[tuple[int, Mapping[str, object]]], sort: Sort, *, name: str
) -> Iterator[Row]:
    """
    Yield rows, each checked.

    Args:
        raw: Line numbers, each with the values of a line by column.
        sort: What they are.
        name: Name of the file, for errors.

    Raises:
        TapeError: A row is broken; the text names the file, the line, the value and what to do.
    """
    for line, values in raw:
        place = f"{name}:{line}"
        _whole(values, sort, place)
        at = when(values["time"], place)
        symbol = str(values["symbol"] or "").strip()
        if not symbol:
            raise TapeError(
                f"{place}: symbol is empty; name what was recorded, as in AAPL or EUR.USD"
            )
        match sort:
            case Sort.TICKS:
                size = values.get("size")
                yield TickRow(
                    at=at,
                    symbol=symbol,
                    price=number(values["price"], place, "price"),
                    size=None if size in {None, ""} else _amount(size, place, "size"),
                )
            case Sort.QUOTES:
                yield _quote(values, place, at, symbol)
            case Sort.BARS:
                yield _bar(values, place, at, symbol)


def when(value: object, place: str) -> datetime:
    """
    Read a moment: ISO 8601, in UTC where it has no zone, or seconds since 1970.

    Raises:
        TapeError: It is neither.
    """
    try:
        if isinstance(value, datetime):
            moment = value
        elif isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        else:
            text = str(value).strip()
            if text.replace(".", "", 1).isdigit() and len(text) != 8:
                return datetime.fromtimestamp(float(text), UTC)
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError) as error:
        raise TapeError(
            f"{place}: time {value!r} cannot be read; write it as 2026-11-18T15:00:00Z or as "
            "seconds since 1970"
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def number(value: object, place: str, column: str) -> Decimal:
    """
    Read a finite number.

    Raises:
        TapeError: It is none.
    """
    try:
        found = Decimal(repr(value) if isinstance(value, float) else str(value).strip())
    except InvalidOperation as error:
        raise TapeError(
            f"{place}: {column} {value!r} is not a number; write it as 190.25, or leave the row out"
        ) from error
    if not found.is_finite():
        raise TapeError(f"{place}: {column} {value!r} is not finite; leave the row out")
    return found


def _whole(values: Mapping[str, object], sort: Sort, place: str) -> None:
    missing = [column for column in sort.value if values.get(column) is None]
    if missing:
        raise TapeError(f"{place}: {missing[0]} is missing; a row has {','.join(sort.value)}")
    if None in values:
        raise TapeError(f"{place}: there are more values than columns; quote those with commas")


def _amount(value: object, place: str, column: str) -> Decimal:
    found = number(value, place, column)
    if found < 0:
        raise TapeError(f"{place}: {column} {value!r} is negative; leave the row out")
    return found


def _quote(values: Mapping[str, object], place: str, at: datetime, symbol: str) -> QuoteRow:  # noqa: PLR0917
    bid, ask = number(values["bid"], place, "bid"), number(values["ask"], place, "ask")
    if bid > ask:
        raise TapeError(
            f"{place}: bid {bid} is above ask {ask}; exchange them or leave the row out"
        )
    return QuoteRow(
        at=at,
        symbol=symbol,
        bid=bid,
        ask=ask,
        bid_size=_amount(values["bid_size"], place, "bid_size"),
        ask_size=_amount(values["ask_size"], place, "ask_size"),
    )


def _bar(values: Mapping[str, object], place: str, at: datetime, symbol: str) -> BarRow:  # noqa: PLR0917
    opens, high, low, closes = (
        number(values[column], place, column) for column in ("open", "high", "low", "close")
    )
    if not low <= min(opens, closes) <= max(opens, closes) <= high:
        raise TapeError(
            f"{place}: open {opens} and close {closes} are not within low {low} and high {high}; "
            "the columns may be in another order than the header says"
        )
    volume = values.get("volume")
    return BarRow(
        at=at,
        symbol=symbol,
        open=opens,
        high=high,
        low=low,
        close=closes,
        volume=Decimal(0) if volume in {None, ""} else _amount(volume, place, "volume"),
    )
