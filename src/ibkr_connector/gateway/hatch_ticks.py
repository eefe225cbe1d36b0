"""
Ticks for the tickers of the escape hatch, from bytes of the wire to the same `Ticker` in one step.

What ib_async's decoder and wrapper do in five calls for each tick, and with a text for each field,
is done here in one and without: for bid, ask and last with their sizes, for trades one by one, and
for the rows of an order book. All others, and whatever is out of the ordinary, take the long way.
The tests hold both against one another.

Source: ib_async wrapper.py, `priceSizeTick`, `tickSize`, `tickByTickAllLast` and
`updateMktDepthL2`.
"""

from __future__ import annotations

from typing import Any, Final

from ib_async.objects import (
    DOMLevel,
    MktDepthData,
    TickAttribLast,
    TickByTickAllLast,
    TickData,
)

from .lanes import Lane, Remembered

__all__ = ["hatch_lanes"]

_PRICE_PARTS: Final = 8
_SIZE_PARTS: Final = 6
_TRADE_PARTS: Final = 10
_ROW_PARTS: Final = 9
_ROW_OF_MAKER_PARTS: Final = 11
_DELETE: Final = 2

_BID, _ASK, _LAST = range(3)
_PRICES: Final = {
    b"1": (1, _BID), b"66": (66, _BID), b"2": (2, _ASK), b"67": (67, _ASK),
    b"4": (4, _LAST), b"68": (68, _LAST),
}  # fmt: skip
_SIZES: Final = {b"0": (0, _BID), b"69": (69, _BID), b"3": (3, _ASK), b"70": (70, _ASK)}
_TRADES: Final = {b"1": 1, b"2": 2}

_TEXTS: Final = 1024

_tuple: Final = tuple.__new__
"""Makes a named tuple without a call into Python; the names are those of its class."""


def _text(part: bytes) -> str:
    return part.decode(errors="backslashreplace")


def _marks(part: bytes) -> tuple[bool, bool]:
    mask = int(part)
    return bool(mask & 1), bool(mask & 2)


def _figure(part: bytes) -> float:
    return float(part or 0)


# Closures: what a lane needs is at hand without a look into an object. A lane changes nothing
# before it has read everything.


def _price_lane(wrapper: Any, numbers: Remembered[int], figures: Remembered[float]) -> Lane:
    no_price, no_size = wrapper.defaultEmptyPrice, wrapper.defaultEmptySize
    kinds_of = _PRICES.get

    def price(parts: list[bytes]) -> bool:
        if len(parts) != _PRICE_PARTS:
            return False
        _, _, number, kind_part, price_part, size_part, _, rest = parts
        kinds = kinds_of(kind_part)
        if kinds is None or rest or not price_part:
            return False
        try:
            ticker = wrapper.reqId2Ticker.get(numbers[number])
            price, size = figures[price_part], figures[size_part]
        except ValueError:
            return False
        if ticker is None:
            return False
        kind, side = kinds
        if side == _BID:
            if size == 0:
                price, size = no_price, no_size
            ticker.prevBid, ticker.prevBidSize = ticker.bid, ticker.bidSize
            ticker.bid, ticker.bidSize = price, size
        elif side == _ASK:
            if size == 0:
                price, size = no_price, no_size
            ticker.prevAsk, ticker.prevAskSize = ticker.ask, ticker.askSize
            ticker.ask, ticker.askSize = price, size
        else:
            # an index that swings around zero has no close, and -1 is a value of it
            if price == -1 and size == 0 and ticker.close > 0:
                price, size = no_price, no_size
            ticker.prevLast, ticker.prevLastSize = ticker.last, ticker.lastSize
            ticker.last, ticker.lastSize = price, size
        ticks = ticker.ticks
        if not ticks:
            wrapper.pendingTickers.add(ticker)
        if price or size:
            ticks.append(_tuple(TickData, (wrapper.lastTime, kind, price, size)))
        return True

    return price


def _size_lane(wrapper: Any, numbers: Remembered[int], figures: Remembered[float]) -> Lane:
    no_price, no_size = wrapper.defaultEmptyPrice, wrapper.defaultEmptySize
    kinds_of = _SIZES.get

    def size(parts: list[bytes]) -> bool:
        if len(parts) != _SIZE_PARTS:
            return False
        _, _, number, kind_part, size_part, rest = parts
        kinds = kinds_of(kind_part)
        if kinds is None or rest:
            return False
        try:
            ticker = wrapper.reqId2Ticker.get(numbers[number])
            size = figures[size_part]
        except ValueError:
            return False
        if ticker is None:
            return False
        kind, side = kinds
        if side == _BID:
            if size == ticker.bidSize:
                return True
            ticker.prevBidSize = ticker.bidSize
            if size == 0:
                price = ticker.bid = no_price
                ticker.bidSize = no_size
            else:
                price, ticker.bidSize = ticker.bid, size
        else:
            if size == ticker.askSize:
                return True
            ticker.prevAskSize = ticker.askSize
            if size == 0:
                price = ticker.ask = no_price
                ticker.askSize = no_size
            else:
                price, ticker.askSize = ticker.ask, size
        ticks = ticker.ticks
        if not ticks:
            wrapper.pendingTickers.add(ticker)
        if price or size:
            ticks.append(_tuple(TickData, (wrapper.lastTime, kind, price, size)))
        return True

    return size


def _trade_lane(wrapper: Any, numbers: Remembered[int], figures: Remembered[float]) -> Lane:
    """Take trades that are told one by one."""
    no_price, no_size = wrapper.defaultEmptyPrice, wrapper.defaultEmptySize
    kind_of = _TRADES.get
    texts, marks_of = Remembered(_text, most=_TEXTS), Remembered(_marks, most=_TEXTS)

    def trade(parts: list[bytes]) -> bool:
        if len(parts) != _TRADE_PARTS:
            return False
        _, number, kind_part, moment, price_part, size_part, marks, exchange, conditions, rest = (
            parts
        )
        kind = kind_of(kind_part)
        if kind is None or rest or not price_part or not size_part:
            return False
        try:
            ticker = wrapper.reqId2Ticker.get(numbers[number])
            # nobody keeps the moment, and yet must it be a number
            numbers[moment]
            price, size, marked = figures[price_part], figures[size_part], marks_of[marks]
        except ValueError:
            return False
        if ticker is None:
            return False
        if price == -1 and size == 0:
            price, size = no_price, no_size
        ticker.prevLast, ticker.prevLastSize = ticker.last, ticker.lastSize
        ticker.last, ticker.lastSize = price, size
        told = ticker.tickByTicks
        if not told:
            wrapper.pendingTickers.add(ticker)
        # each has marks of its own, as they can be changed
        attributes, moment_read = TickAttribLast(*marked), wrapper.lastTime
        exchange_name, said = texts[exchange], texts[conditions]
        seen = (kind, moment_read, price, size, attributes, exchange_name, said)
        told.append(_tuple(TickByTickAllLast, seen))
        return True

    return trade


def _row_lanes(
    wrapper: Any, numbers: Remembered[int], figures: Remembered[float]
) -> tuple[Lane, Lane]:
    """Take rows of an order book: those of one exchange, and those that name a maker."""
    texts = Remembered(_text, most=_TEXTS)

    def change(number: bytes, row: list[bytes], maker_part: bytes) -> bool:
        place_part, operation_part, side_part, price_part, size_part = row
        try:
            ticker = wrapper.reqId2Ticker.get(numbers[number])
            place, operation = numbers[place_part], numbers[operation_part]
            side, price, size = numbers[side_part], figures[price_part], figures[size_part]
        except ValueError:
            return False
        if ticker is None:
            return False
        maker = texts[maker_part]
        book = ticker.domBidsDict if side else ticker.domAsksDict
        if 0 <= operation < _DELETE:
            book[place] = _tuple(DOMLevel, (price, size, maker))
        elif operation == _DELETE:
            size = 0
            gone = book.pop(place, None)
            if gone is not None:
                price = gone.price
        # the lists are made anew, for whoever has kept the last ones
        if side:
            ticker.domBids = list(book.values())
        else:
            ticker.domAsks = list(book.values())
        told = (wrapper.lastTime, place, maker, operation, side, price, size)
        ticker.domTicks.append(_tuple(MktDepthData, told))
        wrapper.pendingTickers.add(ticker)
        return True

    def row(parts: list[bytes]) -> bool:
        if len(parts) != _ROW_PARTS or parts[8]:
            return False
        return change(parts[2], parts[3:8], b"")

    def row_of_maker(parts: list[bytes]) -> bool:
        if len(parts) != _ROW_OF_MAKER_PARTS or parts[10]:
            return False
        _, _, number, place, maker, *rest, is_smart, _ = parts
        # nobody keeps whether it is of all exchanges, and yet must it be a number
        return is_smart.isdigit() and change(number, [place, *rest], maker)

    return row, row_of_maker


def hatch_lanes(wrapper: Any) -> dict[bytes, Lane]:
    """Return the lanes of messages 1, 2, 12, 13 and 99 that lead to the tickers of ib_async."""
    numbers, figures = Remembered(int), Remembered(_figure)
    row, row_of_maker = _row_lanes(wrapper, numbers, figures)
    return {
        b"1": _price_lane(wrapper, numbers, figures),
        b"2": _size_lane(wrapper, numbers, figures),
        b"12": row,
        b"13": row_of_maker,
        b"99": _trade_lane(wrapper, numbers, figures),
    }
