"""
What clients ask: a record and a layout for each message id.

The first field of a message is its id, the second often a version number of the message, frozen
long ago. Source of ids and layouts: ibapi message.py and client.py, ib_async client.py; a record
and its layout stand in the module of their family.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.simulator.wire.contracts import ComboLeg, DeltaNeutral
from ibkr_connector.simulator.wire.errors import LocalProtocolError, RemoteProtocolError
from ibkr_connector.simulator.wire.fields import INTEGER
from ibkr_connector.simulator.wire.layout import Source, read_layout, write_layout
from ibkr_connector.simulator.wire.tables import Row

from . import accounts, history, market, news, orders, reference, session
from .accounts import (
    CancelAccountSummary,
    CancelAccountUpdatesMulti,
    CancelPnl,
    CancelPnlSingle,
    CancelPositions,
    CancelPositionsMulti,
    ReplaceFa,
    ReqAccountSummary,
    ReqAccountUpdates,
    ReqAccountUpdatesMulti,
    ReqFa,
    ReqFamilyCodes,
    ReqManagedAccounts,
    ReqPnl,
    ReqPnlSingle,
    ReqPositions,
    ReqPositionsMulti,
)
from .history import (
    CancelHeadTimestamp,
    CancelHistogramData,
    CancelHistoricalData,
    ReqHeadTimestamp,
    ReqHistogramData,
    ReqHistoricalData,
    ReqHistoricalTicks,
)
from .market import (
    CancelCalcImpliedVolatility,
    CancelCalcOptionPrice,
    CancelMarketData,
    CancelMarketDepth,
    CancelRealTimeBars,
    CancelTickByTick,
    ReqCalcImpliedVolatility,
    ReqCalcOptionPrice,
    ReqDepthExchanges,
    ReqMarketData,
    ReqMarketDataType,
    ReqMarketDepth,
    ReqRealTimeBars,
    ReqSmartComponents,
    ReqTickByTick,
)
from .news import (
    CancelFundamentalData,
    CancelNewsBulletins,
    CancelScannerSubscription,
    CancelWshEventData,
    CancelWshMetaData,
    ReqFundamentalData,
    ReqHistoricalNews,
    ReqNewsArticle,
    ReqNewsBulletins,
    ReqNewsProviders,
    ReqScannerParameters,
    ReqScannerSubscription,
    ReqWshEventData,
    ReqWshMetaData,
)
from .orders import (
    CancelOrder,
    ExerciseOptions,
    GlobalCancel,
    PlaceOrder,
    ReqAllOpenOrders,
    ReqAutoOpenOrders,
    ReqCompletedOrders,
    ReqExecutions,
    ReqIds,
    ReqOpenOrders,
    ReqSoftDollarTiers,
    SpecificDate,
)
from .reference import (
    ReqContractDetails,
    ReqMarketRule,
    ReqMatchingSymbols,
    ReqSecDefOptParams,
)
from .session import (
    BrokenRequest,
    QueryDisplayGroups,
    ReqCurrentTime,
    ReqCurrentTimeMillis,
    ReqUserInfo,
    SetServerLogLevel,
    StartApi,
    SubscribeToGroupEvents,
    UnsubscribeFromGroupEvents,
    UnsupportedRequest,
    UpdateDisplayGroup,
    VerifyAndAuthMessage,
    VerifyAndAuthRequest,
    VerifyMessage,
    VerifyRequest,
)

__all__ = [
    "BrokenRequest",
    "CancelAccountSummary",
    "CancelAccountUpdatesMulti",
    "CancelCalcImpliedVolatility",
    "CancelCalcOptionPrice",
    "CancelFundamentalData",
    "CancelHeadTimestamp",
    "CancelHistogramData",
    "CancelHistoricalData",
    "CancelMarketData",
    "CancelMarketDepth",
    "CancelNewsBulletins",
    "CancelOrder",
    "CancelPnl",
    "CancelPnlSingle",
    "CancelPositions",
    "CancelPositionsMulti",
    "CancelRealTimeBars",
    "CancelScannerSubscription",
    "CancelTickByTick",
    "CancelWshEventData",
    "CancelWshMetaData",
    "ComboLeg",
    "DeltaNeutral",
    "ExerciseOptions",
    "GlobalCancel",
    "PlaceOrder",
    "QueryDisplayGroups",
    "ReplaceFa",
    "ReqAccountSummary",
    "ReqAccountUpdates",
    "ReqAccountUpdatesMulti",
    "ReqAllOpenOrders",
    "ReqAutoOpenOrders",
    "ReqCalcImpliedVolatility",
    "ReqCalcOptionPrice",
    "ReqCompletedOrders",
    "ReqContractDetails",
    "ReqCurrentTime",
    "ReqCurrentTimeMillis",
    "ReqDepthExchanges",
    "ReqExecutions",
    "ReqFa",
    "ReqFamilyCodes",
    "ReqFundamentalData",
    "ReqHeadTimestamp",
    "ReqHistogramData",
    "ReqHistoricalData",
    "ReqHistoricalNews",
    "ReqHistoricalTicks",
    "ReqIds",
    "ReqManagedAccounts",
    "ReqMarketData",
    "ReqMarketDataType",
    "ReqMarketDepth",
    "ReqMarketRule",
    "ReqMatchingSymbols",
    "ReqNewsArticle",
    "ReqNewsBulletins",
    "ReqNewsProviders",
    "ReqOpenOrders",
    "ReqPnl",
    "ReqPnlSingle",
    "ReqPositions",
    "ReqPositionsMulti",
    "ReqRealTimeBars",
    "ReqScannerParameters",
    "ReqScannerSubscription",
    "ReqSecDefOptParams",
    "ReqSmartComponents",
    "ReqSoftDollarTiers",
    "ReqTickByTick",
    "ReqUserInfo",
    "ReqWshEventData",
    "ReqWshMetaData",
    "Request",
    "SetServerLogLevel",
    "SpecificDate",
    "StartApi",
    "SubscribeToGroupEvents",
    "UnsubscribeFromGroupEvents",
    "UnsupportedRequest",
    "UpdateDisplayGroup",
    "VerifyAndAuthMessage",
    "VerifyAndAuthRequest",
    "VerifyMessage",
    "VerifyRequest",
    "decode_request",
    "encode_request",
]

Request = (
    CancelCalcImpliedVolatility
    | CancelCalcOptionPrice
    | CancelMarketData
    | CancelMarketDepth
    | CancelRealTimeBars
    | CancelTickByTick
    | ReqCalcImpliedVolatility
    | ReqCalcOptionPrice
    | ReqDepthExchanges
    | ReqMarketData
    | ReqMarketDataType
    | ReqMarketDepth
    | ReqRealTimeBars
    | ReqSmartComponents
    | ReqTickByTick
    | CancelOrder
    | ExerciseOptions
    | GlobalCancel
    | PlaceOrder
    | ReqAllOpenOrders
    | ReqAutoOpenOrders
    | ReqCompletedOrders
    | ReqExecutions
    | ReqIds
    | ReqOpenOrders
    | ReqSoftDollarTiers
    | CancelAccountSummary
    | CancelAccountUpdatesMulti
    | CancelPnl
    | CancelPnlSingle
    | CancelPositions
    | CancelPositionsMulti
    | ReplaceFa
    | ReqAccountSummary
    | ReqAccountUpdates
    | ReqAccountUpdatesMulti
    | ReqFa
    | ReqFamilyCodes
    | ReqManagedAccounts
    | ReqPnl
    | ReqPnlSingle
    | ReqPositions
    | ReqPositionsMulti
    | ReqContractDetails
    | ReqMarketRule
    | ReqMatchingSymbols
    | ReqSecDefOptParams
    | CancelHeadTimestamp
    | CancelHistogramData
    | CancelHistoricalData
    | ReqHeadTimestamp
    | ReqHistogramData
    | ReqHistoricalData
    | ReqHistoricalTicks
    | CancelFundamentalData
    | CancelNewsBulletins
    | CancelScannerSubscription
    | CancelWshEventData
    | CancelWshMetaData
    | ReqFundamentalData
    | ReqHistoricalNews
    | ReqNewsArticle
    | ReqNewsBulletins
    | ReqNewsProviders
    | ReqScannerParameters
    | ReqScannerSubscription
    | ReqWshEventData
    | ReqWshMetaData
    | BrokenRequest
    | QueryDisplayGroups
    | ReqCurrentTime
    | ReqCurrentTimeMillis
    | ReqUserInfo
    | SetServerLogLevel
    | StartApi
    | SubscribeToGroupEvents
    | UnsubscribeFromGroupEvents
    | UnsupportedRequest
    | UpdateDisplayGroup
    | VerifyAndAuthMessage
    | VerifyAndAuthRequest
    | VerifyMessage
    | VerifyRequest
)
"""Everything that a client may say."""

ROWS: Final[Mapping[int, Row]] = MappingProxyType(
    {
        **market.ROWS,
        **orders.ROWS,
        **accounts.ROWS,
        **reference.ROWS,
        **history.ROWS,
        **news.ROWS,
        **session.ROWS,
    }
)
"""Every request of the text protocol, by its id."""

_IDS: Final[Mapping[Callable[..., Any], int]] = MappingProxyType(
    {row.record: message_id for message_id, row in ROWS.items()}
)


def decode_request(fields: list[str], version: int) -> Request:
    """
    Read one message of a client.

    Raises:
        RemoteProtocolError: It has no id, or a field does not read as what it must be.
    """
    message_id = INTEGER.read(fields[0])
    row = ROWS.get(message_id)
    if row is None:
        return UnsupportedRequest(message_id=message_id, fields=tuple(fields[1:]))
    source = Source(fields, start=1)
    values: dict[str, Any] = {}
    try:
        read_layout(row.layout, source, values, version)
    except RemoteProtocolError as error:
        raise RemoteProtocolError(f"message {message_id}: {error}") from None
    if source.left:
        raise RemoteProtocolError(f"message {message_id} has {source.left} fields too many")
    request: Request = row.record(**values)
    return request


def encode_request(request: Request, version: int) -> list[str]:
    """Write a request as a client would; for tests and for recordings."""
    if isinstance(request, UnsupportedRequest):
        return [str(request.message_id), *request.fields]
    if isinstance(request, BrokenRequest):
        raise LocalProtocolError("a request that could not be read cannot be written")
    message_id = _IDS[type(request)]
    out = [str(message_id)]
    write_layout(ROWS[message_id].layout, lambda name: getattr(request, name), out, version)
    return out
