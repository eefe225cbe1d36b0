"""What the gateway says about contracts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ibkr_connector.simulator.wire.contracts import STRIKE
from ibkr_connector.simulator.wire.fields import ESCAPED, OPTIONAL_NUMBER
from ibkr_connector.simulator.wire.layout import Before, Get, Nested, Rows, Since, When
from ibkr_connector.simulator.wire.plain import Field, Literal
from ibkr_connector.simulator.wire.tables import (
    PAIR,
    REQUEST_ID,
    Pair,
    Reply,
    flags,
    numbers,
    texts,
    versioned,
    whole,
)
from ibkr_connector.simulator.wire.versions import Version

__all__ = [
    "ROWS",
    "BondContractDetails",
    "ContractDetails",
    "ContractDetailsEnd",
    "DerivativeType",
    "Expiration",
    "FundData",
    "IneligibilityReason",
    "MarketRule",
    "PriceStep",
    "SecDefOptParams",
    "SecDefOptParamsEnd",
    "Strike",
    "SymbolSample",
    "SymbolSamples",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FundData:
    """What only a fund has; all texts as the fund says them."""

    name: str = ""
    family: str = ""
    kind: str = ""
    front_load: str = ""
    back_load: str = ""
    back_load_interval: str = ""
    management_fee: str = ""
    closed: bool = False
    closed_for_new_investors: bool = False
    closed_for_new_money: bool = False
    notify_amount: str = ""
    minimum_initial_purchase: str = ""
    subsequent_minimum_purchase: str = ""
    blue_sky_states: str = ""
    blue_sky_territories: str = ""
    distribution_policy: str = ""
    asset_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IneligibilityReason:
    """Why a contract may not be traded."""

    code: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDetails:
    """Everything about a contract that is not a bond."""

    request_id: int
    symbol: str
    sec_type: str
    last_trade: str
    strike: Decimal | None
    right: str
    exchange: str
    currency: str
    local_symbol: str
    market_name: str
    trading_class: str
    con_id: int
    min_tick: Decimal
    multiplier: str
    order_types: str
    valid_exchanges: str
    price_magnifier: int
    under_con_id: int
    long_name: str
    primary_exchange: str
    contract_month: str
    industry: str
    category: str
    subcategory: str
    time_zone_id: str
    trading_hours: str
    liquid_hours: str
    ev_rule: str = ""
    ev_multiplier: Decimal | None = None
    sec_ids: tuple[Pair, ...] = ()
    aggregate_group: int = 1
    under_symbol: str = ""
    under_sec_type: str = ""
    market_rule_ids: str = ""
    real_expiration_date: str = ""
    stock_type: str = ""
    min_size: Decimal | None = None
    size_increment: Decimal | None = None
    suggested_size_increment: Decimal | None = None
    last_trade_date: str = ""
    fund: FundData = FundData()
    ineligibility: tuple[IneligibilityReason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDetailsEnd:
    """All contracts that fit were sent."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivativeType:
    """A security type that derives from a symbol."""

    sec_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSample:
    """One hit of a symbol search."""

    con_id: int
    symbol: str
    sec_type: str
    primary_exchange: str
    currency: str
    derivatives: tuple[DerivativeType, ...] = ()
    description: str = ""
    issuer_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSamples:
    """The hits of a symbol search."""

    request_id: int
    samples: tuple[SymbolSample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiration:
    """One expiration date."""

    date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One strike."""

    strike: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SecDefOptParams:
    """Expirations and strikes of one trading class on one exchange."""

    request_id: int
    exchange: str
    under_con_id: int
    trading_class: str
    multiplier: str
    expirations: tuple[Expiration, ...]
    strikes: tuple[Strike, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecDefOptParamsEnd:
    """All of them were sent."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceStep:
    """From `low_edge` on, prices move in steps of `increment`."""

    low_edge: Decimal
    increment: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRule:
    """The price steps of a market rule."""

    rule_id: int
    steps: tuple[PriceStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BondContractDetails:
    """Everything about a bond."""

    request_id: int
    symbol: str
    sec_type: str = "BOND"
    cusip: str = ""
    coupon: Decimal = Decimal(0)
    maturity: str = ""
    issue_date: str = ""
    ratings: str = ""
    bond_type: str = ""
    coupon_type: str = ""
    convertible: bool = False
    callable: bool = False
    putable: bool = False
    description: str = ""
    exchange: str
    currency: str
    market_name: str
    trading_class: str
    con_id: int
    min_tick: Decimal
    order_types: str
    valid_exchanges: str
    next_option_date: str = ""
    next_option_type: str = ""
    next_option_partial: bool = False
    notes: str = ""
    long_name: str = ""
    time_zone_id: str = ""
    trading_hours: str = ""
    liquid_hours: str = ""
    ev_rule: str = ""
    ev_multiplier: Decimal | None = None
    sec_ids: tuple[Pair, ...] = ()
    aggregate_group: int = 1
    market_rule_ids: str = ""
    min_size: Decimal | None = None
    size_increment: Decimal | None = None
    suggested_size_increment: Decimal | None = None


def _is_fund(get: Get) -> bool:
    return bool(get("sec_type") == "FUND")


_FUND: Final = (
    *texts("name", "family", "kind", "front_load", "back_load", "back_load_interval"),
    *texts("management_fee"),
    *flags("closed", "closed_for_new_investors", "closed_for_new_money"),
    *texts("notify_amount", "minimum_initial_purchase", "subsequent_minimum_purchase"),
    *texts("blue_sky_states", "blue_sky_territories", "distribution_policy", "asset_type"),
)

_SIZES: Final = Since(
    Version.SIZE_RULES,
    Field("min_size", OPTIONAL_NUMBER),
    Field("size_increment", OPTIONAL_NUMBER),
    Field("suggested_size_increment", OPTIONAL_NUMBER),
)
_SIZE_MULTIPLIER: Final = Before(Version.SIZE_RULES, Literal("100"))
"""Obsolete."""

ROWS: Final[Mapping[Callable[..., Any], Reply]] = {
    ContractDetails: Reply(
        10,
        (
            Before(Version.SIZE_RULES, Literal("8")),
            REQUEST_ID,
            *texts("symbol", "sec_type", "last_trade"),
            Since(Version.LAST_TRADE_DATE, *texts("last_trade_date")),
            Field("strike", STRIKE),
            *texts("right", "exchange", "currency", "local_symbol", "market_name"),
            *texts("trading_class"),
            *whole("con_id"),
            *numbers("min_tick"),
            _SIZE_MULTIPLIER,
            *texts("multiplier", "order_types", "valid_exchanges"),
            *whole("price_magnifier", "under_con_id"),
            Field("long_name", ESCAPED),
            *texts("primary_exchange", "contract_month", "industry", "category"),
            *texts("subcategory", "time_zone_id", "trading_hours", "liquid_hours", "ev_rule"),
            Field("ev_multiplier", OPTIONAL_NUMBER),
            Rows("sec_ids", Pair, PAIR),
            *whole("aggregate_group"),
            *texts("under_symbol", "under_sec_type", "market_rule_ids"),
            *texts("real_expiration_date", "stock_type"),
            # one version alone had only this of the three (ib_async decoder.py contractDetails)
            Since(
                Version.FRACTIONAL_SIZE_SUPPORT,
                Before(Version.SIZE_RULES, Field("suggested_size_increment", OPTIONAL_NUMBER)),
            ),
            _SIZES,
            Since(Version.FUND_DATA_FIELDS, When(_is_fund, Nested("fund", FundData, _FUND))),
            Since(
                Version.INELIGIBILITY_REASONS,
                Rows("ineligibility", IneligibilityReason, texts("code", "description")),
            ),
        ),
    ),
    BondContractDetails: Reply(
        18,
        (
            Before(Version.SIZE_RULES, Literal("6")),
            REQUEST_ID,
            *texts("symbol", "sec_type", "cusip"),
            *numbers("coupon"),
            *texts("maturity", "issue_date", "ratings", "bond_type", "coupon_type"),
            *flags("convertible", "callable", "putable"),
            *texts("description", "exchange", "currency", "market_name", "trading_class"),
            *whole("con_id"),
            *numbers("min_tick"),
            _SIZE_MULTIPLIER,
            *texts("order_types", "valid_exchanges", "next_option_date", "next_option_type"),
            *flags("next_option_partial"),
            *texts("notes", "long_name"),
            Since(
                Version.BOND_TRADING_HOURS,
                *texts("time_zone_id", "trading_hours", "liquid_hours"),
            ),
            *texts("ev_rule"),
            Field("ev_multiplier", OPTIONAL_NUMBER),
            Rows("sec_ids", Pair, PAIR),
            *whole("aggregate_group"),
            *texts("market_rule_ids"),
            _SIZES,
        ),
    ),
    ContractDetailsEnd: Reply(52, versioned(1, REQUEST_ID)),
    SecDefOptParams: Reply(
        75,
        (
            REQUEST_ID,
            *texts("exchange"),
            *whole("under_con_id"),
            *texts("trading_class", "multiplier"),
            Rows("expirations", Expiration, texts("date")),
            Rows("strikes", Strike, numbers("strike")),
        ),
    ),
    SecDefOptParamsEnd: Reply(76, (REQUEST_ID,)),
    SymbolSamples: Reply(
        79,
        (
            REQUEST_ID,
            Rows(
                "samples",
                SymbolSample,
                (
                    *whole("con_id"),
                    *texts("symbol", "sec_type", "primary_exchange", "currency"),
                    Rows("derivatives", DerivativeType, texts("sec_type")),
                    Since(Version.BOND_ISSUERID, *texts("description", "issuer_id")),
                ),
            ),
        ),
    ),
    MarketRule: Reply(
        93,
        (*whole("rule_id"), Rows("steps", PriceStep, numbers("low_edge", "increment"))),
    ),
}
