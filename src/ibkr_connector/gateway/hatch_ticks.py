"""
Ticks for the tickers of the escape hatch, from the fields to the same `Ticker` in one step.

What ib_async's decoder and wrapper do in five calls for each tick is done here in one, for the
ticks that come most: bid, ask and last with their sizes, and trades one by one. All others, and
whatever is out of the ordinary, take the long way. The tests hold both against one another.

Source: ib_async wrapper.py, `priceSizeTick`, `tickSize` and `tickByTickAllLast`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ib_async.objects import TickAttribLast, TickByTickAllLast, TickData

__all__ = ["HatchTicks"]

Handler = Callable[[list[str]], None]

_PRICE_FIELDS: Final = 7
_SIZE_FIELDS: Final = 5
_TRADE_FIELDS: Final = 9

_BIDS: Final = frozenset({1, 66})
_ASKS: Final = frozenset({2, 67})
_LASTS: Final = frozenset({4, 68})
_BID_SIZES: Final = frozenset({0, 69})
_ASK_SIZES: Final = frozenset({3, 70})
_TRADES: Final = frozenset({"1", "2"})

_tuple: Final = tuple.__new__
"""Makes a named tuple without a call into Python; the names are those of its class."""


class HatchTicks:
    """Stands before the handlers of messages 1, 2 and 99."""

    def __init__(self, wrapper: Any, handlers: dict[int, Handler]) -> None:
        self._wrapper = wrapper
        self._no_price = wrapper.defaultEmptyPrice
        self._no_size = wrapper.defaultEmptySize
        self._other_price, handlers[1] = handlers[1], self.price
        self._other_size, handlers[2] = handlers[2], self.size
        self._other_trade, handlers[99] = handlers[99], self.trade

    def price(self, fields: list[str]) -> None:
        """Take a price with its size."""
        wrapper = self._wrapper
        tickers = wrapper.reqId2Ticker
        if not tickers or len(fields) != _PRICE_FIELDS or not fields[4]:
            self._other_price(fields)
            return
        ticker = tickers.get(int(fields[2]))
        if ticker is None:
            self._other_price(fields)
            return
        kind, price, size = int(fields[3]), float(fields[4]), float(fields[5] or 0)
        if kind in _BIDS:
            if size == 0:
                price, size = self._no_price, self._no_size
            ticker.prevBid, ticker.prevBidSize = ticker.bid, ticker.bidSize
            ticker.bid, ticker.bidSize = price, size
        elif kind in _ASKS:
            if size == 0:
                price, size = self._no_price, self._no_size
            ticker.prevAsk, ticker.prevAskSize = ticker.ask, ticker.askSize
            ticker.ask, ticker.askSize = price, size
        elif kind in _LASTS:
            # an index that swings around zero has no close, and -1 is a value of it
            if price == -1 and size == 0 and ticker.close > 0:
                price, size = self._no_price, self._no_size
            ticker.prevLast, ticker.prevLastSize = ticker.last, ticker.lastSize
            ticker.last, ticker.lastSize = price, size
        else:
            self._other_price(fields)
            return
        if price or size:
            ticker.ticks.append(_tuple(TickData, (wrapper.lastTime, kind, price, size)))
        wrapper.pendingTickers.add(ticker)

    def size(self, fields: list[str]) -> None:
        """Take a size alone."""
        wrapper = self._wrapper
        tickers = wrapper.reqId2Ticker
        ticker = None
        if tickers and len(fields) >= _SIZE_FIELDS:
            ticker = tickers.get(int(fields[2] or 0))
        if ticker is None:
            self._other_size(fields)
            return
        kind, size = int(fields[3] or 0), float(fields[4] or 0)
        if kind in _BID_SIZES:
            if size == ticker.bidSize:
                return
            ticker.prevBidSize = ticker.bidSize
            if size == 0:
                price = ticker.bid = self._no_price
                ticker.bidSize = self._no_size
            else:
                price, ticker.bidSize = ticker.bid, size
        elif kind in _ASK_SIZES:
            if size == ticker.askSize:
                return
            ticker.prevAskSize = ticker.askSize
            if size == 0:
                price = ticker.ask = self._no_price
                ticker.askSize = self._no_size
            else:
                price, ticker.askSize = ticker.ask, size
        else:
            self._other_size(fields)
            return
        if price or size:
            ticker.ticks.append(_tuple(TickData, (wrapper.lastTime, kind, price, size)))
        wrapper.pendingTickers.add(ticker)

    def trade(self, fields: list[str]) -> None:
        """Take one trade of those that are told one by one."""
        wrapper = self._wrapper
        tickers = wrapper.reqId2Ticker
        ticker = None
        if tickers and len(fields) == _TRADE_FIELDS and fields[2] in _TRADES:
            ticker = tickers.get(int(fields[1]))
        if ticker is None:
            self._other_trade(fields)
            return
        _, _, kind, moment, price_text, size_text, marks, exchange, conditions = fields
        # nobody keeps the moment, and yet must it be a number
        _, mask, price, size = int(moment), int(marks), float(price_text), float(size_text)
        attributes = TickAttribLast(bool(mask & 1), bool(mask & 2))
        if price == -1 and size == 0:
            price, size = self._no_price, self._no_size
        ticker.prevLast, ticker.prevLastSize = ticker.last, ticker.lastSize
        ticker.last, ticker.lastSize = price, size
        said = (int(kind), wrapper.lastTime, price, size, attributes, exchange, conditions)
        ticker.tickByTicks.append(_tuple(TickByTickAllLast, said))
        wrapper.pendingTickers.add(ticker)
