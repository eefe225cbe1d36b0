"""Everything about an instrument, as contract details and hits of a search tell it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.sessions import hours_text
from ibkr_connector.simulator.wire.replies import (
    BondContractDetails,
    ContractDetails,
    DerivativeType,
    Pair,
    Reply,
    SymbolSample,
)

__all__ = ["BONDS", "details_of", "sample_of"]

BONDS: Final = frozenset({"BOND", "BILL", "FIXED"})
"""Types whose details come as message 18 (ibapi decoder.py)."""

_ORDER_TYPES: Final = (
    "ACTIVETIM,AD,ADJUST,ALERT,ALGO,ALLOC,AON,AVGCOST,BASKET,CASHQTY,COND,DAY,DEACT,FOK,GAT,GTC,"
    "GTD,HID,ICE,IOC,LIT,LMT,LOC,MIDPX,MIT,MKT,MOC,MTL,OCA,OPG,PEGMID,PEGMKT,REL,STP,STPLMT,TRAIL,"
    "TRAILLMT,WHATIF"
)
_BOND_ORDER_TYPES: Final = (
    "ACTIVETIM,AD,ADJUST,ALERT,ALLOC,DAY,GAT,GTC,GTD,LMT,MKT,STP,STPLMT,WHATIF"
)


def details_of(instrument: Instrument, now: datetime, *, request_id: int, exchange: str) -> Reply:
    """Write the details of an instrument at an exchange."""
    if instrument.sec_type in BONDS:
        return _bond(instrument, now, request_id=request_id, exchange=exchange)
    sizes = instrument.size_increment
    return ContractDetails(
        request_id=request_id,
        symbol=instrument.symbol,
        sec_type=instrument.sec_type,
        last_trade=instrument.last_trade,
        strike=instrument.strike,
        right=instrument.right,
        exchange=exchange,
        currency=instrument.currency,
        local_symbol=instrument.local_symbol,
        market_name=instrument.market_name,
        trading_class=instrument.trading_class,
        con_id=instrument.con_id,
        min_tick=instrument.min_tick,
        multiplier=str(instrument.multiplier or ""),
        order_types=_ORDER_TYPES if instrument.is_tradable else "",
        valid_exchanges=",".join(instrument.exchanges),
        price_magnifier=instrument.price_magnifier,
        under_con_id=instrument.under_con_id,
        long_name=instrument.long_name,
        primary_exchange=instrument.primary_exchange,
        contract_month=instrument.contract_month,
        industry=instrument.industry,
        category=instrument.category,
        subcategory=instrument.subcategory,
        time_zone_id=instrument.time_zone,
        trading_hours=hours_text(instrument, now),
        liquid_hours=hours_text(instrument, now, liquid=True),
        sec_ids=_security_ids(instrument),
        aggregate_group=1,
        under_symbol=instrument.under_symbol,
        under_sec_type=instrument.under_sec_type,
        market_rule_ids=_rules(instrument),
        real_expiration_date=instrument.last_trade,
        stock_type=instrument.stock_type,
        min_size=instrument.min_size,
        size_increment=sizes,
        suggested_size_increment=sizes,
    )


def _bond(
    instrument: Instrument, now: datetime, *, request_id: int, exchange: str
) -> BondContractDetails:
    terms = instrument.bond
    return BondContractDetails(
        request_id=request_id,
        symbol=instrument.symbol,
        sec_type=instrument.sec_type,
        cusip=terms.cusip if terms is not None else "",
        coupon=terms.coupon if terms is not None else Decimal(0),
        maturity=f"{terms.matures:%Y%m%d}" if terms is not None else instrument.last_trade,
        issue_date=f"{terms.issued:%Y%m%d}" if terms is not None else "",
        ratings=terms.ratings if terms is not None else "",
        bond_type=terms.bond_type if terms is not None else "",
        coupon_type=terms.coupon_type if terms is not None else "",
        convertible=terms is not None and terms.is_convertible,
        callable=terms is not None and terms.is_callable,
        putable=terms is not None and terms.is_puttable,
        description=terms.description if terms is not None else instrument.long_name,
        exchange=exchange,
        currency=instrument.currency,
        market_name=instrument.market_name,
        trading_class=instrument.trading_class,
        con_id=instrument.con_id,
        min_tick=instrument.min_tick,
        order_types=_BOND_ORDER_TYPES,
        valid_exchanges=",".join(instrument.exchanges),
        next_option_date=(
            f"{terms.next_call:%Y%m%d}" if terms is not None and terms.next_call else ""
        ),
        next_option_type="CALL" if terms is not None and terms.next_call else "",
        long_name=instrument.long_name,
        time_zone_id=instrument.time_zone,
        trading_hours=hours_text(instrument, now),
        liquid_hours=hours_text(instrument, now, liquid=True),
        sec_ids=_security_ids(instrument),
        market_rule_ids=_rules(instrument),
        min_size=instrument.min_size,
        size_increment=instrument.size_increment,
        suggested_size_increment=instrument.size_increment,
    )


def _security_ids(instrument: Instrument) -> tuple[Pair, ...]:
    return tuple(Pair(name=name, value=value) for name, value in instrument.sec_ids)


def _rules(instrument: Instrument) -> str:
    """Return the market rule at each of the exchanges, in their order."""
    return ",".join([str(instrument.market_rule)] * len(instrument.exchanges))


def sample_of(instrument: Instrument, derivatives: tuple[str, ...]) -> SymbolSample:
    """Write a hit of a symbol search."""
    return SymbolSample(
        con_id=instrument.con_id,
        symbol=instrument.symbol,
        sec_type=instrument.sec_type,
        primary_exchange=instrument.primary_exchange or instrument.home,
        currency=instrument.currency,
        derivatives=tuple(DerivativeType(sec_type=kind) for kind in derivatives),
        description=instrument.long_name,
    )
