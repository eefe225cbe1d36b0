"""
What clients ask: a record and a layout for each message id.

The first field of a message is its id, the second often a version number of the message, frozen
long ago. Source of ids and layouts: ibapi message.py and client.py, ib_async client.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from .contracts import CONTRACT, WireContract
from .errors import RemoteProtocolError
from .fields import FLAG, INTEGER, NUMBER, Kind
from .layout import (
    Field,
    Get,
    Layout,
    Literal,
    Maybe,
    Nested,
    Rows,
    Since,
    Source,
    When,
    read_layout,
    write_layout,
)
from .orders import PLACE_ORDER, WireOrder
from .versions import Version

__all__ = [
    "CancelAccountSummary",
    "CancelAccountUpdatesMulti",
    "CancelHeadTimestamp",
    "CancelHistoricalData",
    "CancelMarketData",
    "CancelOrder",
    "CancelPnl",
    "CancelPnlSingle",
    "CancelPositions",
    "CancelPositionsMulti",
    "CancelRealTimeBars",
    "CancelTickByTick",
    "ComboLeg",
    "DeltaNeutral",
    "GlobalCancel",
    "PlaceOrder",
    "ReqAccountSummary",
    "ReqAccountUpdates",
    "ReqAccountUpdatesMulti",
    "ReqAllOpenOrders",
    "ReqAutoOpenOrders",
    "ReqCompletedOrders",
    "ReqContractDetails",
    "ReqCurrentTime",
    "ReqExecutions",
    "ReqFamilyCodes",
    "ReqHeadTimestamp",
    "ReqHistoricalData",
    "ReqIds",
    "ReqManagedAccounts",
    "ReqMarketData",
    "ReqMarketDataType",
    "ReqMarketRule",
    "ReqMatchingSymbols",
    "ReqNewsBulletins",
    "ReqNewsProviders",
    "ReqOpenOrders",
    "ReqPnl",
    "ReqPnlSingle",
    "ReqPositions",
    "ReqPositionsMulti",
    "ReqRealTimeBars",
    "ReqSecDefOptParams",
    "ReqTickByTick",
    "ReqUserInfo",
    "Request",
    "SetServerLogLevel",
    "StartApi",
    "UnsupportedRequest",
    "decode_request",
    "encode_request",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComboLeg:
    """One leg of a combo, as data requests describe it."""

    con_id: int
    ratio: int
    action: str
    exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaNeutral:
    """The contract that hedges a combo, with its delta and price."""

    con_id: int
    delta: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class StartApi:
    """The first request: who is there."""

    client_id: int
    capabilities: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsupportedRequest:
    """A request that this gateway does not know yet; its fields are kept as they came."""

    message_id: int
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMarketData:
    """Stream or snapshot of one contract's ticks."""

    request_id: int
    contract: WireContract
    legs: tuple[ComboLeg, ...] = ()
    delta_neutral: DeltaNeutral | None = None
    generic_ticks: str = ""
    snapshot: bool = False
    regulatory_snapshot: bool = False
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelMarketData:
    """End a stream."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    """Place a new order, or change the one that has this id."""

    order_id: int
    contract: WireContract
    texts: Mapping[str, str]
    groups: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)

    @property
    def order(self) -> WireOrder:
        """The order without its id and contract."""
        return WireOrder(texts=self.texts, groups=self.groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Cancel an order of this client."""

    order_id: int
    manual_time: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqOpenOrders:
    """Show this client's open orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAllOpenOrders:
    """Show everybody's open orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAutoOpenOrders:
    """Bind manual orders to client 0 from now on."""

    auto_bind: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqCompletedOrders:
    """Show today's closed orders."""

    api_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalCancel:
    """Cancel everything, whoever placed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqExecutions:
    """Show today's executions that fit the filter; an empty field fits all."""

    request_id: int
    client_id: int = 0
    account: str = ""
    time: str = ""
    symbol: str = ""
    sec_type: str = ""
    exchange: str = ""
    side: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqIds:
    """Ask for the next valid order id."""

    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAccountUpdates:
    """Open or close the account window."""

    subscribe: bool
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAccountUpdatesMulti:
    """Open the account window of an account or model, several at a time."""

    request_id: int
    account: str
    model: str
    ledger_and_nlv: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAccountUpdatesMulti:
    """Close it."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAccountSummary:
    """Subscribe to figures of a group of accounts."""

    request_id: int
    group: str
    tags: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAccountSummary:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPositions:
    """Subscribe to the positions of all accounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPositions:
    """End that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPositionsMulti:
    """Subscribe to the positions of an account or model."""

    request_id: int
    account: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPositionsMulti:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPnl:
    """Subscribe to the profit and loss of an account."""

    request_id: int
    account: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPnl:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPnlSingle:
    """Subscribe to the profit and loss of one position."""

    request_id: int
    account: str
    model: str
    con_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPnlSingle:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqContractDetails:
    """Look contracts up."""

    request_id: int
    contract: WireContract
    include_expired: bool = False
    sec_id_type: str = ""
    sec_id: str = ""
    issuer_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMatchingSymbols:
    """Search symbols and names."""

    request_id: int
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqSecDefOptParams:
    """Ask for expirations and strikes of an underlying."""

    request_id: int
    symbol: str
    exchange: str
    sec_type: str
    con_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMarketRule:
    """Ask for the price steps of a market rule."""

    rule_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqHistoricalData:
    """Ask for bars."""

    request_id: int
    contract: WireContract
    include_expired: bool = False
    end: str = ""
    bar_size: str
    duration: str
    regular_hours: bool = True
    what_to_show: str
    format_date: int = 1
    legs: tuple[ComboLeg, ...] = ()
    keep_up_to_date: bool = False
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelHistoricalData:
    """End a request for bars."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqHeadTimestamp:
    """Ask for the time of the first bar there is."""

    request_id: int
    contract: WireContract
    include_expired: bool = False
    regular_hours: bool = True
    what_to_show: str
    format_date: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelHeadTimestamp:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqRealTimeBars:
    """Stream five-second bars."""

    request_id: int
    contract: WireContract
    bar_size: int
    what_to_show: str
    regular_hours: bool
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRealTimeBars:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqTickByTick:
    """Stream every trade or quote change."""

    request_id: int
    contract: WireContract
    tick_type: str
    number_of_ticks: int
    ignore_size: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTickByTick:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqCurrentTime:
    """Ask for the gateway's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMarketDataType:
    """Choose live, frozen or delayed data for later requests."""

    data_type: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqManagedAccounts:
    """Ask for the accounts of the login."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetServerLogLevel:
    """Choose how much the gateway writes to its own log."""

    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqFamilyCodes:
    """Ask for the family codes of the accounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqNewsProviders:
    """Ask which news the login may read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqNewsBulletins:
    """Subscribe to bulletins of IB."""

    all_messages: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqUserInfo:
    """Ask for the white-branding id of the user."""

    request_id: int


Request = (
    StartApi
    | ReqMarketData
    | CancelMarketData
    | PlaceOrder
    | CancelOrder
    | ReqOpenOrders
    | ReqAllOpenOrders
    | ReqAutoOpenOrders
    | ReqCompletedOrders
    | GlobalCancel
    | ReqExecutions
    | ReqIds
    | ReqAccountUpdates
    | ReqAccountUpdatesMulti
    | CancelAccountUpdatesMulti
    | ReqAccountSummary
    | CancelAccountSummary
    | ReqPositions
    | CancelPositions
    | ReqPositionsMulti
    | CancelPositionsMulti
    | ReqPnl
    | CancelPnl
    | ReqPnlSingle
    | CancelPnlSingle
    | ReqContractDetails
    | ReqMatchingSymbols
    | ReqSecDefOptParams
    | ReqMarketRule
    | ReqHistoricalData
    | CancelHistoricalData
    | ReqHeadTimestamp
    | CancelHeadTimestamp
    | ReqRealTimeBars
    | CancelRealTimeBars
    | ReqTickByTick
    | CancelTickByTick
    | ReqCurrentTime
    | ReqMarketDataType
    | ReqManagedAccounts
    | SetServerLogLevel
    | ReqFamilyCodes
    | ReqNewsProviders
    | ReqNewsBulletins
    | ReqUserInfo
    | UnsupportedRequest
)
"""Everything that a client may say."""


# --- the table ----------------------------------------------------------------------------------


def _is_combo(get: Get) -> bool:
    return bool(get("contract").sec_type == "BAG")


_OPTIONAL_ID: Final = Kind("id or nothing", lambda text: INTEGER.read(text or "0"), str)
_ID: Final = Field("request_id", INTEGER)
_CONTRACT: Final = Nested("contract", WireContract, CONTRACT)
_LEGS: Final = When(
    _is_combo,
    Rows(
        "legs",
        ComboLeg,
        (Field("con_id", INTEGER), Field("ratio", INTEGER), Field("action"), Field("exchange")),
    ),
)
_DELTA_NEUTRAL: Final = Maybe(
    "delta_neutral",
    DeltaNeutral,
    (Field("con_id", INTEGER), Field("delta", NUMBER), Field("price", NUMBER)),
)


@dataclass(frozen=True, slots=True)
class _Row:
    record: Callable[..., Any]
    layout: Layout


def _v(version: int, *items: Any) -> Layout:
    """Return a layout whose first field is the message's own version number."""
    return (Literal(str(version)), *items)


_REQUESTS: Final[Mapping[int, _Row]] = MappingProxyType(
    {
        1: _Row(
            ReqMarketData,
            _v(
                11,
                _ID,
                _CONTRACT,
                _LEGS,
                _DELTA_NEUTRAL,
                Field("generic_ticks"),
                Field("snapshot", FLAG),
                Field("regulatory_snapshot", FLAG),
                Field("options"),
            ),
        ),
        2: _Row(CancelMarketData, _v(2, _ID)),
        3: _Row(PlaceOrder, (Field("order_id", INTEGER), _CONTRACT, *PLACE_ORDER)),
        4: _Row(
            CancelOrder,
            _v(
                1,
                Field("order_id", INTEGER),
                Since(Version.MANUAL_ORDER_TIME, Field("manual_time")),
            ),
        ),
        5: _Row(ReqOpenOrders, _v(1)),
        6: _Row(ReqAccountUpdates, _v(2, Field("subscribe", FLAG), Field("account"))),
        7: _Row(
            ReqExecutions,
            _v(
                3,
                _ID,
                Field("client_id", _OPTIONAL_ID),
                *(Field(name) for name in ("account", "time", "symbol", "sec_type")),
                *(Field(name) for name in ("exchange", "side")),
            ),
        ),
        8: _Row(ReqIds, _v(1, Field("count", INTEGER))),
        9: _Row(
            ReqContractDetails,
            _v(
                8,
                _ID,
                _CONTRACT,
                Field("include_expired", FLAG),
                Field("sec_id_type"),
                Field("sec_id"),
                Since(Version.BOND_ISSUERID, Field("issuer_id")),
            ),
        ),
        12: _Row(ReqNewsBulletins, _v(1, Field("all_messages", FLAG))),
        14: _Row(SetServerLogLevel, _v(1, Field("level", INTEGER))),
        15: _Row(ReqAutoOpenOrders, _v(1, Field("auto_bind", FLAG))),
        16: _Row(ReqAllOpenOrders, _v(1)),
        17: _Row(ReqManagedAccounts, _v(1)),
        20: _Row(
            ReqHistoricalData,
            (
                _ID,
                _CONTRACT,
                Field("include_expired", FLAG),
                Field("end"),
                Field("bar_size"),
                Field("duration"),
                Field("regular_hours", FLAG),
                Field("what_to_show"),
                Field("format_date", INTEGER),
                _LEGS,
                Field("keep_up_to_date", FLAG),
                Field("options"),
            ),
        ),
        25: _Row(CancelHistoricalData, _v(1, _ID)),
        49: _Row(ReqCurrentTime, _v(1)),
        50: _Row(
            ReqRealTimeBars,
            _v(
                3,
                _ID,
                _CONTRACT,
                Field("bar_size", INTEGER),
                Field("what_to_show"),
                Field("regular_hours", FLAG),
                Field("options"),
            ),
        ),
        51: _Row(CancelRealTimeBars, _v(1, _ID)),
        58: _Row(GlobalCancel, _v(1)),
        59: _Row(ReqMarketDataType, _v(1, Field("data_type", INTEGER))),
        61: _Row(ReqPositions, _v(1)),
        62: _Row(ReqAccountSummary, _v(1, _ID, Field("group"), Field("tags"))),
        63: _Row(CancelAccountSummary, _v(1, _ID)),
        64: _Row(CancelPositions, _v(1)),
        71: _Row(StartApi, _v(2, Field("client_id", INTEGER), Field("capabilities"))),
        74: _Row(ReqPositionsMulti, _v(1, _ID, Field("account"), Field("model"))),
        75: _Row(CancelPositionsMulti, _v(1, _ID)),
        76: _Row(
            ReqAccountUpdatesMulti,
            _v(1, _ID, Field("account"), Field("model"), Field("ledger_and_nlv", FLAG)),
        ),
        77: _Row(CancelAccountUpdatesMulti, _v(1, _ID)),
        78: _Row(
            ReqSecDefOptParams,
            (
                _ID,
                Field("symbol"),
                Field("exchange"),
                Field("sec_type"),
                Field("con_id", INTEGER),
            ),
        ),
        80: _Row(ReqFamilyCodes, ()),
        81: _Row(ReqMatchingSymbols, (_ID, Field("pattern"))),
        85: _Row(ReqNewsProviders, ()),
        87: _Row(
            ReqHeadTimestamp,
            (
                _ID,
                _CONTRACT,
                Field("include_expired", FLAG),
                Field("regular_hours", FLAG),
                Field("what_to_show"),
                Field("format_date", INTEGER),
            ),
        ),
        90: _Row(CancelHeadTimestamp, (_ID,)),
        91: _Row(ReqMarketRule, (Field("rule_id", INTEGER),)),
        92: _Row(ReqPnl, (_ID, Field("account"), Field("model"))),
        93: _Row(CancelPnl, (_ID,)),
        94: _Row(ReqPnlSingle, (_ID, Field("account"), Field("model"), Field("con_id", INTEGER))),
        95: _Row(CancelPnlSingle, (_ID,)),
        97: _Row(
            ReqTickByTick,
            (
                _ID,
                _CONTRACT,
                Field("tick_type"),
                Field("number_of_ticks", INTEGER),
                Field("ignore_size", FLAG),
            ),
        ),
        98: _Row(CancelTickByTick, (_ID,)),
        99: _Row(ReqCompletedOrders, (Field("api_only", FLAG),)),
        104: _Row(ReqUserInfo, (_ID,)),
    }
)

_IDS: Final[Mapping[Callable[..., Any], int]] = MappingProxyType(
    {row.record: message_id for message_id, row in _REQUESTS.items()}
)


def decode_request(fields: list[str], version: int) -> Request:
    """
    Read one message of a client.

    Raises:
        RemoteProtocolError: It has no id, or a field does not read as what it must be.
    """
    message_id = INTEGER.read(fields[0])
    row = _REQUESTS.get(message_id)
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
    message_id = _IDS[type(request)]
    out = [str(message_id)]
    write_layout(_REQUESTS[message_id].layout, lambda name: getattr(request, name), out, version)
    return out
