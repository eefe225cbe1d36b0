"""What the gateway says about prices: ticks, depth, single ticks, five-second bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ibkr_connector.simulator.wire.contracts import DELTA_NEUTRAL, DeltaNeutral
from ibkr_connector.simulator.wire.fields import (
    FLAG,
    NOT_COMPUTED_1,
    NOT_COMPUTED_2,
    OPTIONAL_NUMBER,
    PRICE,
    UNSET_WHOLE,
)
from ibkr_connector.simulator.wire.layout import Nested, Rows
from ibkr_connector.simulator.wire.plain import Field
from ibkr_connector.simulator.wire.tables import REQUEST_ID, Reply, numbers, texts, versioned, whole

__all__ = [
    "ROWS",
    "DeltaNeutralValidation",
    "DepthExchange",
    "DepthExchanges",
    "MarketDataType",
    "MarketDepth",
    "MarketDepthL2",
    "RealTimeBar",
    "RerouteMarketData",
    "RerouteMarketDepth",
    "SmartComponent",
    "SmartComponents",
    "TickByTickBidAsk",
    "TickByTickLast",
    "TickByTickMidpoint",
    "TickEfp",
    "TickGeneric",
    "TickOptionComputation",
    "TickPrice",
    "TickReqParams",
    "TickSize",
    "TickSnapshotEnd",
    "TickString",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TickPrice:
    """A price tick with its size."""

    request_id: int
    tick_type: int
    price: Decimal
    size: Decimal | None = None
    mask: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSize:
    """A size tick."""

    request_id: int
    tick_type: int
    size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TickGeneric:
    """A tick with one number."""

    request_id: int
    tick_type: int
    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TickString:
    """A tick with a text."""

    request_id: int
    tick_type: int
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TickReqParams:
    """What comes first on a market data request."""

    request_id: int
    min_tick: Decimal
    bbo_exchange: str
    snapshot_permissions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSnapshotEnd:
    """The snapshot is complete."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDataType:
    """Which data a request gets from now on."""

    request_id: int
    data_type: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RealTimeBar:
    """A five-second bar."""

    request_id: int
    time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    wap: Decimal
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TickByTickLast:
    """A trade; `tick_type` is 1 for Last and 2 for AllLast."""

    request_id: int
    tick_type: int
    time: int
    price: Decimal
    size: Decimal
    mask: int
    exchange: str
    conditions: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TickByTickBidAsk:
    """A change of the best bid or ask."""

    request_id: int
    tick_type: int = 3
    time: int
    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    mask: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TickByTickMidpoint:
    """A change of the midpoint."""

    request_id: int
    tick_type: int = 4
    time: int
    midpoint: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TickOptionComputation:
    """Volatility, price and greeks of an option; `None` is not computed."""

    request_id: int
    tick_type: int
    attribute: int = 0
    implied_volatility: Decimal | None = None
    delta: Decimal | None = None
    option_price: Decimal | None = None
    pv_dividend: Decimal | None = None
    gamma: Decimal | None = None
    vega: Decimal | None = None
    theta: Decimal | None = None
    under_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TickEfp:
    """An exchange for physical: the basis of a stock against its future."""

    request_id: int
    tick_type: int
    basis_points: Decimal
    formatted_basis_points: str
    total_dividends: Decimal
    hold_days: int
    future_expiry: str
    dividend_impact: Decimal
    dividends_to_expiry: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDepth:
    """A row of the order book was inserted (0), changed (1) or deleted (2); side 1 is the bid."""

    request_id: int
    position: int
    operation: int
    side: int
    price: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDepthL2:
    """The same, with the market maker or exchange of the row."""

    request_id: int
    position: int
    market_maker: str
    operation: int
    side: int
    price: Decimal
    size: Decimal
    is_smart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthExchange:
    """One exchange and the kind of book it shows."""

    exchange: str
    sec_type: str
    listing_exchange: str = ""
    service_data_type: str = ""
    aggregate_group: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthExchanges:
    """The exchanges that show their order books."""

    rows: tuple[DepthExchange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmartComponent:
    """The letter of an exchange in a quote, and its bit."""

    bit: int
    exchange: str
    letter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SmartComponents:
    """The exchanges that the letters of a quote stand for."""

    request_id: int
    components: tuple[SmartComponent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RerouteMarketData:
    """A contract for difference has no ticks of its own: ask for its underlying."""

    request_id: int
    con_id: int
    exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RerouteMarketDepth:
    """It has no order book of its own either."""

    request_id: int
    con_id: int
    exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaNeutralValidation:
    """The hedge of a combo, as the gateway completed it."""

    request_id: int
    contract: DeltaNeutral


_TICK: Final = whole("tick_type")

ROWS: Final[Mapping[Callable[..., Any], Reply]] = {
    TickPrice: Reply(
        1,
        versioned(
            6,
            REQUEST_ID,
            *_TICK,
            *numbers("price"),
            Field("size", OPTIONAL_NUMBER),
            *whole("mask"),
        ),
    ),
    TickSize: Reply(2, versioned(6, REQUEST_ID, *_TICK, *numbers("size"))),
    MarketDepth: Reply(
        12,
        versioned(
            1, REQUEST_ID, *whole("position", "operation", "side"), *numbers("price", "size")
        ),
    ),
    MarketDepthL2: Reply(
        13,
        versioned(
            1,
            REQUEST_ID,
            *whole("position"),
            *texts("market_maker"),
            *whole("operation", "side"),
            *numbers("price", "size"),
            Field("is_smart", FLAG),
        ),
    ),
    TickOptionComputation: Reply(
        21,
        (
            REQUEST_ID,
            *_TICK,
            *whole("attribute"),
            Field("implied_volatility", NOT_COMPUTED_1),
            Field("delta", NOT_COMPUTED_2),
            Field("option_price", NOT_COMPUTED_1),
            Field("pv_dividend", NOT_COMPUTED_1),
            *(Field(name, NOT_COMPUTED_2) for name in ("gamma", "vega", "theta")),
            Field("under_price", NOT_COMPUTED_1),
        ),
    ),
    TickGeneric: Reply(45, versioned(6, REQUEST_ID, *_TICK, *numbers("value"))),
    TickString: Reply(46, versioned(6, REQUEST_ID, *_TICK, *texts("value"))),
    TickEfp: Reply(
        47,
        versioned(
            6,
            REQUEST_ID,
            *_TICK,
            *numbers("basis_points"),
            *texts("formatted_basis_points"),
            *numbers("total_dividends"),
            *whole("hold_days"),
            *texts("future_expiry"),
            *numbers("dividend_impact", "dividends_to_expiry"),
        ),
    ),
    RealTimeBar: Reply(
        50,
        versioned(
            3,
            REQUEST_ID,
            *whole("time"),
            *(Field(name, PRICE) for name in ("open", "high", "low", "close")),
            *numbers("volume", "wap"),
            *whole("count"),
        ),
    ),
    DeltaNeutralValidation: Reply(
        56, versioned(1, REQUEST_ID, Nested("contract", DeltaNeutral, DELTA_NEUTRAL))
    ),
    TickSnapshotEnd: Reply(57, versioned(1, REQUEST_ID)),
    MarketDataType: Reply(58, versioned(1, REQUEST_ID, *whole("data_type"))),
    DepthExchanges: Reply(
        80,
        (
            Rows(
                "rows",
                DepthExchange,
                (
                    *texts("exchange", "sec_type", "listing_exchange", "service_data_type"),
                    Field("aggregate_group", UNSET_WHOLE),
                ),
            ),
        ),
    ),
    TickReqParams: Reply(
        81,
        (
            REQUEST_ID,
            *numbers("min_tick"),
            *texts("bbo_exchange"),
            *whole("snapshot_permissions"),
        ),
    ),
    SmartComponents: Reply(
        82,
        (
            REQUEST_ID,
            Rows("components", SmartComponent, (*whole("bit"), *texts("exchange", "letter"))),
        ),
    ),
    RerouteMarketData: Reply(91, (REQUEST_ID, *whole("con_id"), *texts("exchange"))),
    RerouteMarketDepth: Reply(92, (REQUEST_ID, *whole("con_id"), *texts("exchange"))),
    TickByTickLast: Reply(
        99,
        (
            REQUEST_ID,
            *_TICK,
            *whole("time"),
            *numbers("price", "size"),
            *whole("mask"),
            *texts("exchange", "conditions"),
        ),
    ),
    TickByTickBidAsk: Reply(
        99,
        (
            REQUEST_ID,
            *_TICK,
            *whole("time"),
            *numbers("bid", "ask", "bid_size", "ask_size"),
            *whole("mask"),
        ),
    ),
    TickByTickMidpoint: Reply(99, (REQUEST_ID, *_TICK, *whole("time"), *numbers("midpoint"))),
}
