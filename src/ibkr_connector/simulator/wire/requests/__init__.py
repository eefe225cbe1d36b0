"""
What clients ask: a record and a layout for each message id.

The first field of a message is its id, the second often a version number of the message, frozen
long ago. Source of ids and layouts: ibapi message.py and client.py, ib_async client.py; a record
and its layout stand in the module of their family.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.simulator.wire.contracts import ComboLeg, DeltaNeutral
from ibkr_connector.simulator.wire.errors import LocalProtocolError, RemoteProtocolError
from ibkr_connector.simulator.wire.fields import INTEGER
from ibkr_connector.simulator.wire.layout import compile_reader, compile_writer, position_of
from ibkr_connector.simulator.wire.plain import Literal, Reader, Source, Writer
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
        RemoteProtocolError: It has no id, or a field does not read as what it must be; with the
            ids of the message and of the request, as far as they can be read.
    """
    try:
        message_id: int = INTEGER.read(fields[0])
    except RemoteProtocolError as error:
        raise RemoteProtocolError(f"Id of the message: {error}", message_id=-1) from None
    row = ROWS.get(message_id)
    if row is None:
        return UnsupportedRequest(message_id=message_id, fields=tuple(fields[1:]))
    if version < row.since:
        # ibapi asks for none of these below their versions; what TWS says is assumed
        raise RemoteProtocolError(f"Unknown message id: {message_id}", message_id=message_id)
    source = Source(fields, at=1)
    values: dict[str, Any] = {}
    try:
        _reader(message_id, version)(source, values)
        if source.left:
            raise RemoteProtocolError(f"{source.left} fields too many")
    except RemoteProtocolError as error:
        raise RemoteProtocolError(
            str(error),
            message_id=message_id,
            request_id=_request_id(message_id, fields, version),
        ) from None
    request: Request = row.record(**values)
    return request


def encode_request(request: Request, version: int) -> list[str]:
    """
    Write a request as a client would; for tests and for recordings.

    Raises:
        LocalProtocolError: A value cannot be written.
    """
    if isinstance(request, UnsupportedRequest):
        return [str(request.message_id), *request.fields]
    if isinstance(request, BrokenRequest):
        raise LocalProtocolError("a request that could not be read cannot be written")
    record: type = type(request)
    return _writer(record, version)(request)[:-1].split("\0")


@cache
def _reader(message_id: int, version: int) -> Reader:
    return compile_reader(ROWS[message_id].layout, version)


@cache
def _writer(record: type, version: int) -> Writer:
    message_id = _IDS[record]
    return compile_writer((Literal(str(message_id)), *ROWS[message_id].layout), version)


@cache
def _id_position(message_id: int, version: int) -> int | None:
    return position_of(ROWS[message_id].layout, version, "request_id", "order_id")


def _request_id(message_id: int, fields: list[str], version: int) -> int:
    """Find the id of a request whose other fields may be broken; -1 when there is none."""
    position = _id_position(message_id, version)
    if position is None or position + 1 >= len(fields):
        return -1
    try:
        request_id: int = INTEGER.read(fields[position + 1])
    except RemoteProtocolError:
        return -1
    return request_id
