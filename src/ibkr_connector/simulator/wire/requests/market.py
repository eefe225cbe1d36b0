"""What clients ask about prices: ticks, depth, single ticks, five-second bars, option values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ibkr_connector.simulator.wire.contracts import (
    COMBO_LEGS,
    DELTA_NEUTRAL,
    FULL_CONTRACT,
    ComboLeg,
    DeltaNeutral,
    WireContract,
)
from ibkr_connector.simulator.wire.fields import FLAG, INTEGER
from ibkr_connector.simulator.wire.layout import CountedText, Maybe
from ibkr_connector.simulator.wire.plain import Field
from ibkr_connector.simulator.wire.tables import REQUEST_ID, Row, numbers, texts, versioned

__all__ = [
    "ROWS",
    "CancelCalcImpliedVolatility",
    "CancelCalcOptionPrice",
    "CancelMarketData",
    "CancelMarketDepth",
    "CancelRealTimeBars",
    "CancelTickByTick",
    "ReqCalcImpliedVolatility",
    "ReqCalcOptionPrice",
    "ReqDepthExchanges",
    "ReqMarketData",
    "ReqMarketDataType",
    "ReqMarketDepth",
    "ReqRealTimeBars",
    "ReqSmartComponents",
    "ReqTickByTick",
]


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
class ReqMarketDataType:
    """Choose live, frozen or delayed data for later requests."""

    data_type: int


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
class ReqMarketDepth:
    """Stream the order book of one contract."""

    request_id: int
    contract: WireContract
    rows: int
    is_smart: bool = False
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelMarketDepth:
    """End that."""

    request_id: int
    is_smart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqDepthExchanges:
    """Ask which exchanges show their order books."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqSmartComponents:
    """Ask which exchanges the letters of a quote stand for."""

    request_id: int
    bbo_exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqCalcImpliedVolatility:
    """Ask for the volatility that a price of an option implies."""

    request_id: int
    contract: WireContract
    option_price: Decimal
    under_price: Decimal
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelCalcImpliedVolatility:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqCalcOptionPrice:
    """Ask for the price of an option that a volatility implies."""

    request_id: int
    contract: WireContract
    volatility: Decimal
    under_price: Decimal
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelCalcOptionPrice:
    """End that."""

    request_id: int


ROWS: Final[Mapping[int, Row]] = {
    1: Row(
        ReqMarketData,
        versioned(
            11,
            REQUEST_ID,
            FULL_CONTRACT,
            COMBO_LEGS,
            Maybe("delta_neutral", DeltaNeutral, DELTA_NEUTRAL),
            *texts("generic_ticks"),
            Field("snapshot", FLAG),
            Field("regulatory_snapshot", FLAG),
            *texts("options"),
        ),
    ),
    2: Row(CancelMarketData, versioned(2, REQUEST_ID)),
    10: Row(
        ReqMarketDepth,
        versioned(
            5,
            REQUEST_ID,
            FULL_CONTRACT,
            Field("rows", INTEGER),
            Field("is_smart", FLAG),
            *texts("options"),
        ),
    ),
    11: Row(CancelMarketDepth, versioned(1, REQUEST_ID, Field("is_smart", FLAG))),
    50: Row(
        ReqRealTimeBars,
        versioned(
            3,
            REQUEST_ID,
            FULL_CONTRACT,
            Field("bar_size", INTEGER),
            *texts("what_to_show"),
            Field("regular_hours", FLAG),
            *texts("options"),
        ),
    ),
    51: Row(CancelRealTimeBars, versioned(1, REQUEST_ID)),
    54: Row(
        ReqCalcImpliedVolatility,
        versioned(
            3,
            REQUEST_ID,
            FULL_CONTRACT,
            *numbers("option_price", "under_price"),
            CountedText("options"),
        ),
    ),
    55: Row(
        ReqCalcOptionPrice,
        versioned(
            3,
            REQUEST_ID,
            FULL_CONTRACT,
            *numbers("volatility", "under_price"),
            CountedText("options"),
        ),
    ),
    56: Row(CancelCalcImpliedVolatility, versioned(1, REQUEST_ID)),
    57: Row(CancelCalcOptionPrice, versioned(1, REQUEST_ID)),
    59: Row(ReqMarketDataType, versioned(1, Field("data_type", INTEGER))),
    82: Row(ReqDepthExchanges, ()),
    83: Row(ReqSmartComponents, (REQUEST_ID, *texts("bbo_exchange"))),
    97: Row(
        ReqTickByTick,
        (
            REQUEST_ID,
            FULL_CONTRACT,
            *texts("tick_type"),
            Field("number_of_ticks", INTEGER),
            Field("ignore_size", FLAG),
        ),
    ),
    98: Row(CancelTickByTick, (REQUEST_ID,)),
}
