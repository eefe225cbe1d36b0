"""
The lanes of open streams: quotes and trades straight from the bytes of the wire.

What `Streams` does with the same messages as texts is done here with fewer steps, for prices and
sizes that belong to a quote, and for trades; all else is left to it. A tick is put in its place and
nothing more: the quote is made once for all that one read of the socket has brought.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from datetime import UTC, datetime
from decimal import InvalidOperation
from typing import Final, Protocol, TypeVar

from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.making import quick
from ibkr_connector.model.streams import Trade

from .lanes import Lane, Remembered
from .quote_line import NO_PRICE, PRICE_TICKS, PRICES, SIZE_TICKS, SIZES, QuoteTicks
from .stream_port import StreamListener

__all__ = ["FastLine", "is_placed", "stream_lanes"]

_PRICE_PARTS: Final = 8
_SIZE_PARTS: Final = 6
_TRADE_PARTS: Final = 10
_TEXTS: Final = 4096
_PAST_LIMIT: Final = 1
_UNREPORTED: Final = 2

_trade: Final = quick(Trade)


class FastLine(Protocol):
    """What the lanes need of an open stream."""

    is_touched: bool
    contract: Contract
    listener: StreamListener
    ticks: QuoteTicks


L = TypeVar("L", bound=FastLine)


def _text(part: bytes) -> str:
    return part.decode(errors="backslashreplace")


def _second(part: bytes) -> datetime:
    return datetime.fromtimestamp(int(_text(part)), UTC)


def _marks(part: bytes) -> tuple[bool, bool]:
    marks = int(_text(part) or 0)
    return bool(marks & _PAST_LIMIT), bool(marks & _UNREPORTED)


def stream_lanes(
    lines: Mapping[bytes, L],
    touched: list[L],
    *,
    now: Callable[[], datetime],
    others: Mapping[bytes, Lane],
) -> dict[bytes, Lane]:
    """
    Return the lanes of messages 1, 2 and 99.

    Args:
        lines: Open streams, by their request ids as they are on the wire.
        touched: Takes every line that something has come for, once.
        now: The time of what is being read.
        others: Where messages of no open stream go on to.
    """
    price, size, trade = (others.get(key, _left) for key in (b"1", b"2", b"99"))
    return {
        b"1": _price_lane(lines.get, touched, price),
        b"2": _size_lane(lines.get, touched, size),
        b"99": _trade_lane(lines.get, touched, trade, now=now),
    }


def is_placed(key: bytes, lines: Container[bytes]) -> bool:
    """
    Tell whether a tick is put in the place of the one before it, and nothing else is done with it.

    Args:
        key: Message number, version, request and kind of tick, as they are on the wire.
        lines: The request ids of open streams.
    """
    number, _, request_id, kind = key.split(b"\0")
    return request_id in lines and kind in (PRICE_TICKS if number == b"1" else SIZE_TICKS)


def _left(_parts: list[bytes]) -> bool:
    return False


# Closures: what a lane needs is at hand without a look into an object.


def _price_lane(line_of: Callable[[bytes], L | None], touched: list[L], other: Lane) -> Lane:
    tick_of, prices, sizes = PRICE_TICKS.get, PRICES, SIZES

    def price(parts: list[bytes]) -> bool:
        line = line_of(parts[2]) if len(parts) == _PRICE_PARTS else None
        if line is None:
            return other(parts)
        told = tick_of(parts[3])
        if told is None or parts[7]:
            return False
        try:
            value, amount = prices[parts[4]], sizes[parts[5]]
        except (ValueError, InvalidOperation):
            return False
        name, sized, is_delayed = told
        ticks = line.ticks
        values = ticks.values
        if amount:
            values[name] = value
        else:
            values[name] = None if value in NO_PRICE else value
            amount = None
        if sized is not None:
            values[sized] = amount
        if is_delayed:
            ticks.is_delayed = True
        if not line.is_touched:
            line.is_touched = True
            touched.append(line)
        return True

    return price


def _size_lane(line_of: Callable[[bytes], L | None], touched: list[L], other: Lane) -> Lane:
    tick_of, sizes = SIZE_TICKS.get, SIZES

    def size(parts: list[bytes]) -> bool:
        line = line_of(parts[2]) if len(parts) == _SIZE_PARTS else None
        if line is None:
            return other(parts)
        told = tick_of(parts[3])
        if told is None or parts[5]:
            return False
        try:
            amount = sizes[parts[4]]
        except (ValueError, InvalidOperation):
            return False
        name, is_delayed = told
        ticks = line.ticks
        ticks.values[name] = amount if amount or name == "volume" else None
        if is_delayed:
            ticks.is_delayed = True
        if not line.is_touched:
            line.is_touched = True
            touched.append(line)
        return True

    return size


def _trade_lane(
    line_of: Callable[[bytes], L | None],
    touched: list[L],
    other: Lane,
    *,
    now: Callable[[], datetime],
) -> Lane:
    texts, seconds = Remembered(_text, most=_TEXTS), Remembered(_second, most=_TEXTS)
    prices, sizes, marks_of = PRICES, SIZES, Remembered(_marks, most=_TEXTS)

    def trade(parts: list[bytes]) -> bool:
        line = line_of(parts[1]) if len(parts) == _TRADE_PARTS else None
        if line is None:
            return other(parts)
        _, _, _, moment, price_at, size_at, marks, exchange, conditions, rest = parts
        if rest:
            return False
        try:
            past_limit, unreported = marks_of[marks]
            seen = _trade(
                contract=line.contract,
                timestamp=seconds[moment],
                received=now(),
                price=prices[price_at],
                size=sizes[size_at],
                exchange=texts[exchange],
                conditions=texts[conditions],
                past_limit=past_limit,
                unreported=unreported,
            )
        except (ValueError, OverflowError, OSError):
            return False
        line.listener.item(seen)
        if not line.is_touched:
            line.is_touched = True
            touched.append(line)
        return True

    return trade
