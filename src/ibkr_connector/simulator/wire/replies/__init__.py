"""
What the gateway says: a record and a layout for each message id.

Irregularities are in the rows: which replies carry no request id, which lost their version field,
which have their bars' fields in another order. Source of ids and layouts: ibapi message.py and
decoder.py, ib_async decoder.py; a record and its layout stand in the module of their family.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.simulator.wire.contracts import DeltaNeutral
from ibkr_connector.simulator.wire.errors import LocalProtocolError, RemoteProtocolError
from ibkr_connector.simulator.wire.fields import INTEGER
from ibkr_connector.simulator.wire.layout import compile_reader, compile_writer
from ibkr_connector.simulator.wire.plain import Literal, Reader, Source, Writer
from ibkr_connector.simulator.wire.tables import Pair
from ibkr_connector.simulator.wire.tables import Reply as Row

from . import accounts, history, market, news, orders, reference, session
from .accounts import (
    AccountDownloadEnd,
    AccountSummary,
    AccountSummaryEnd,
    AccountTime,
    AccountUpdateMulti,
    AccountUpdateMultiEnd,
    AccountValue,
    FamilyCodes,
    ManagedAccounts,
    Pnl,
    PnlSingle,
    PortfolioValue,
    Position,
    PositionEnd,
    PositionMulti,
    PositionMultiEnd,
    ReceiveFa,
    ReplaceFaEnd,
)
from .history import (
    Bar,
    HeadTimestamp,
    HistogramData,
    HistogramRow,
    HistoricalData,
    HistoricalDataEnd,
    HistoricalDataUpdate,
    HistoricalSchedule,
    HistoricalTick,
    HistoricalTickBidAsk,
    HistoricalTickLast,
    HistoricalTicks,
    HistoricalTicksBidAsk,
    HistoricalTicksLast,
    ScheduleSession,
)
from .market import (
    DeltaNeutralValidation,
    DepthExchange,
    DepthExchanges,
    MarketDataType,
    MarketDepth,
    MarketDepthL2,
    RealTimeBar,
    RerouteMarketData,
    RerouteMarketDepth,
    SmartComponent,
    SmartComponents,
    TickByTickBidAsk,
    TickByTickLast,
    TickByTickMidpoint,
    TickEfp,
    TickGeneric,
    TickOptionComputation,
    TickPrice,
    TickReqParams,
    TickSize,
    TickSnapshotEnd,
    TickString,
)
from .news import (
    FundamentalData,
    HistoricalNews,
    HistoricalNewsEnd,
    NewsArticle,
    NewsBulletin,
    NewsProviders,
    ScannerData,
    ScannerParameters,
    ScannerRow,
    TickNews,
    WshEventData,
    WshMetaData,
)
from .orders import (
    CommissionReport,
    CompletedOrder,
    CompletedOrdersEnd,
    ExecDetails,
    ExecDetailsEnd,
    NextValidId,
    OpenOrder,
    OpenOrderEnd,
    OrderBound,
    OrderStatus,
    SoftDollarTier,
    SoftDollarTiers,
)
from .reference import (
    BondContractDetails,
    ContractDetails,
    ContractDetailsEnd,
    DerivativeType,
    Expiration,
    FundData,
    IneligibilityReason,
    MarketRule,
    PriceStep,
    SecDefOptParams,
    SecDefOptParamsEnd,
    Strike,
    SymbolSample,
    SymbolSamples,
)
from .session import (
    CurrentTime,
    CurrentTimeMillis,
    DisplayGroupList,
    DisplayGroupUpdated,
    ErrorMessage,
    UserInfo,
    VerifyAndAuthCompleted,
    VerifyAndAuthMessageApi,
    VerifyCompleted,
    VerifyMessageApi,
)

__all__ = [
    "AccountDownloadEnd",
    "AccountSummary",
    "AccountSummaryEnd",
    "AccountTime",
    "AccountUpdateMulti",
    "AccountUpdateMultiEnd",
    "AccountValue",
    "Bar",
    "BondContractDetails",
    "CommissionReport",
    "CompletedOrder",
    "CompletedOrdersEnd",
    "ContractDetails",
    "ContractDetailsEnd",
    "CurrentTime",
    "CurrentTimeMillis",
    "DeltaNeutral",
    "DeltaNeutralValidation",
    "DepthExchange",
    "DepthExchanges",
    "DerivativeType",
    "DisplayGroupList",
    "DisplayGroupUpdated",
    "ErrorMessage",
    "ExecDetails",
    "ExecDetailsEnd",
    "Expiration",
    "FamilyCodes",
    "FundData",
    "FundamentalData",
    "HeadTimestamp",
    "HistogramData",
    "HistogramRow",
    "HistoricalData",
    "HistoricalDataEnd",
    "HistoricalDataUpdate",
    "HistoricalNews",
    "HistoricalNewsEnd",
    "HistoricalSchedule",
    "HistoricalTick",
    "HistoricalTickBidAsk",
    "HistoricalTickLast",
    "HistoricalTicks",
    "HistoricalTicksBidAsk",
    "HistoricalTicksLast",
    "IneligibilityReason",
    "ManagedAccounts",
    "MarketDataType",
    "MarketDepth",
    "MarketDepthL2",
    "MarketRule",
    "NewsArticle",
    "NewsBulletin",
    "NewsProviders",
    "NextValidId",
    "OpenOrder",
    "OpenOrderEnd",
    "OrderBound",
    "OrderStatus",
    "Pair",
    "Pnl",
    "PnlSingle",
    "PortfolioValue",
    "Position",
    "PositionEnd",
    "PositionMulti",
    "PositionMultiEnd",
    "PriceStep",
    "RealTimeBar",
    "ReceiveFa",
    "ReplaceFaEnd",
    "Reply",
    "RerouteMarketData",
    "RerouteMarketDepth",
    "ScannerData",
    "ScannerParameters",
    "ScannerRow",
    "ScheduleSession",
    "SecDefOptParams",
    "SecDefOptParamsEnd",
    "SmartComponent",
    "SmartComponents",
    "SoftDollarTier",
    "SoftDollarTiers",
    "Strike",
    "SymbolSample",
    "SymbolSamples",
    "TickByTickBidAsk",
    "TickByTickLast",
    "TickByTickMidpoint",
    "TickEfp",
    "TickGeneric",
    "TickNews",
    "TickOptionComputation",
    "TickPrice",
    "TickReqParams",
    "TickSize",
    "TickSnapshotEnd",
    "TickString",
    "UserInfo",
    "VerifyAndAuthCompleted",
    "VerifyAndAuthMessageApi",
    "VerifyCompleted",
    "VerifyMessageApi",
    "WshEventData",
    "WshMetaData",
    "decode_reply",
    "encode_reply",
    "reply_writer",
]

Reply = (
    DeltaNeutralValidation
    | DepthExchanges
    | MarketDataType
    | MarketDepth
    | MarketDepthL2
    | RealTimeBar
    | RerouteMarketData
    | RerouteMarketDepth
    | SmartComponents
    | TickByTickBidAsk
    | TickByTickLast
    | TickByTickMidpoint
    | TickEfp
    | TickGeneric
    | TickOptionComputation
    | TickPrice
    | TickReqParams
    | TickSize
    | TickSnapshotEnd
    | TickString
    | CommissionReport
    | CompletedOrder
    | CompletedOrdersEnd
    | ExecDetails
    | ExecDetailsEnd
    | NextValidId
    | OpenOrder
    | OpenOrderEnd
    | OrderBound
    | OrderStatus
    | SoftDollarTiers
    | AccountDownloadEnd
    | AccountSummary
    | AccountSummaryEnd
    | AccountTime
    | AccountUpdateMulti
    | AccountUpdateMultiEnd
    | AccountValue
    | FamilyCodes
    | ManagedAccounts
    | Pnl
    | PnlSingle
    | PortfolioValue
    | Position
    | PositionEnd
    | PositionMulti
    | PositionMultiEnd
    | ReceiveFa
    | ReplaceFaEnd
    | BondContractDetails
    | ContractDetails
    | ContractDetailsEnd
    | MarketRule
    | SecDefOptParams
    | SecDefOptParamsEnd
    | SymbolSamples
    | HeadTimestamp
    | HistogramData
    | HistoricalData
    | HistoricalDataEnd
    | HistoricalDataUpdate
    | HistoricalSchedule
    | HistoricalTicks
    | HistoricalTicksBidAsk
    | HistoricalTicksLast
    | FundamentalData
    | HistoricalNews
    | HistoricalNewsEnd
    | NewsArticle
    | NewsBulletin
    | NewsProviders
    | ScannerData
    | ScannerParameters
    | TickNews
    | WshEventData
    | WshMetaData
    | CurrentTime
    | CurrentTimeMillis
    | DisplayGroupList
    | DisplayGroupUpdated
    | ErrorMessage
    | UserInfo
    | VerifyAndAuthCompleted
    | VerifyAndAuthMessageApi
    | VerifyCompleted
    | VerifyMessageApi
)
"""Everything that the gateway may say."""

ROWS: Final[Mapping[Callable[..., Any], Row]] = MappingProxyType(
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
"""Every reply of the text protocol, by its record."""

_TICK_BY_TICK: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {"1": TickByTickLast, "2": TickByTickLast, "3": TickByTickBidAsk, "4": TickByTickMidpoint}
)

_BY_ID: Final[Mapping[int, Callable[..., Any]]] = MappingProxyType(
    {row.message_id: record for record, row in ROWS.items()}
)


@cache
def reply_writer(record: type, version: int) -> Writer:
    """
    Return what writes replies of one sort for clients of one server version.

    Raises:
        LocalProtocolError: That version has no such reply.
    """
    row = ROWS[record]
    if version < row.since:
        raise LocalProtocolError(f"no client of version {version} knows reply {row.message_id}")
    return compile_writer((Literal(str(row.message_id)), *row.layout), version)


def encode_reply(reply: Reply, version: int) -> list[str]:
    """
    Write a reply as the fields that a client of that server version reads.

    Raises:
        LocalProtocolError: That version has no such reply, or a value cannot be written.
    """
    record: type = type(reply)
    return reply_writer(record, version)(reply)[:-1].split("\0")


def decode_reply(fields: list[str], version: int) -> Reply:
    """
    Read a reply as a client would; for tests and for recordings.

    Raises:
        RemoteProtocolError: It is none, or not one of that version.
    """
    message_id = INTEGER.read(fields[0])
    record = _TICK_BY_TICK.get("".join(fields[2:3])) if message_id == 99 else _BY_ID.get(message_id)
    if record is None:
        raise RemoteProtocolError(f"there is no reply {message_id} here")
    source = Source(fields, at=1)
    values: dict[str, Any] = {}
    _reader(record, version)(source, values)
    if source.left:
        raise RemoteProtocolError(f"reply {message_id} has {source.left} fields too many")
    reply: Reply = record(**values)
    return reply


@cache
def _reader(record: type, version: int) -> Reader:
    return compile_reader(ROWS[record].layout, version)
