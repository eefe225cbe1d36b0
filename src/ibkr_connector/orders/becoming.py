"""What the type of an order becomes when a word is added to it: a limit, a stop, an auction."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ibkr_connector.model.orders import OrderType

__all__ = ["AT_CLOSE", "IF_TOUCHED", "WITH_LIMIT", "WITH_STOP"]

_T = OrderType
WITH_LIMIT: Final[Mapping[OrderType, OrderType]] = MappingProxyType(
    {
        _T.MARKET: _T.LIMIT,
        _T.STOP: _T.STOP_LIMIT,
        _T.MARKET_IF_TOUCHED: _T.LIMIT_IF_TOUCHED,
        _T.MARKET_ON_CLOSE: _T.LIMIT_ON_CLOSE,
        **{
            kind: kind
            for kind in (
                _T.LIMIT,
                _T.STOP_LIMIT,
                _T.LIMIT_IF_TOUCHED,
                _T.LIMIT_ON_CLOSE,
                _T.RELATIVE,
                _T.MIDPRICE,
                _T.PEGGED_TO_MARKET,
                _T.PEGGED_TO_MIDPOINT,
            )
        },
    }
)
"""What a type becomes with a limit."""

WITH_STOP: Final[Mapping[OrderType, OrderType]] = MappingProxyType(
    {
        _T.MARKET: _T.STOP,
        _T.LIMIT: _T.STOP_LIMIT,
        _T.STOP: _T.STOP,
        _T.STOP_LIMIT: _T.STOP_LIMIT,
    }
)
IF_TOUCHED: Final[Mapping[OrderType, OrderType]] = MappingProxyType(
    {
        _T.MARKET: _T.MARKET_IF_TOUCHED,
        _T.LIMIT: _T.LIMIT_IF_TOUCHED,
        _T.MARKET_IF_TOUCHED: _T.MARKET_IF_TOUCHED,
        _T.LIMIT_IF_TOUCHED: _T.LIMIT_IF_TOUCHED,
    }
)
AT_CLOSE: Final[Mapping[OrderType, OrderType]] = MappingProxyType(
    {
        _T.MARKET: _T.MARKET_ON_CLOSE,
        _T.LIMIT: _T.LIMIT_ON_CLOSE,
    }
)
