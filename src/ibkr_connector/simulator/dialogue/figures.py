"""The figures of an account by IB's keys, as the account window and the summary give them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.venue import Venue
from ibkr_connector.simulator.wire.fields import number_text

__all__ = ["account_values", "position_quantity"]

_CENT: Final = Decimal("0.01")


def account_values(venue: Venue, account: str, now: datetime) -> Iterator[tuple[str, str, str]]:
    """Yield key, value and currency of every figure (ibapi account_summary_tags.py)."""
    worth = venue.figures(account, now)
    ledger = venue.ledgers[account]
    base = ledger.base
    yield "AccountType", "INDIVIDUAL", ""
    yield "accountReady", "true", ""
    money = (
        ("NetLiquidation", worth.net_liquidation),
        ("TotalCashValue", worth.cash),
        ("SettledCash", worth.cash),
        ("AccruedCash", Decimal(0)),
        ("BuyingPower", worth.buying_power),
        ("EquityWithLoanValue", worth.net_liquidation),
        ("PreviousDayEquityWithLoanValue", worth.net_liquidation),
        ("GrossPositionValue", worth.gross_position_value),
        ("InitMarginReq", worth.initial_margin),
        ("MaintMarginReq", worth.maintenance_margin),
        ("AvailableFunds", worth.available_funds),
        ("ExcessLiquidity", worth.excess_liquidity),
        ("FullInitMarginReq", worth.initial_margin),
        ("FullMaintMarginReq", worth.maintenance_margin),
        ("FullAvailableFunds", worth.available_funds),
        ("FullExcessLiquidity", worth.excess_liquidity),
        ("LookAheadInitMarginReq", worth.initial_margin),
        ("LookAheadMaintMarginReq", worth.maintenance_margin),
        ("LookAheadAvailableFunds", worth.available_funds),
        ("LookAheadExcessLiquidity", worth.excess_liquidity),
        ("RealizedPnL", worth.realized),
        ("UnrealizedPnL", worth.unrealized),
    )
    for key, value in money:
        yield key, _cents(value), base
    equity = worth.net_liquidation
    cushion = worth.excess_liquidity / equity if equity > 0 else Decimal(0)
    yield "Cushion", number_text(round(cushion, 6)), ""
    yield "DayTradesRemaining", "-1", ""
    leverage = worth.gross_position_value / equity if equity > 0 else Decimal(0)
    yield "Leverage-S", number_text(round(leverage, 2)), ""
    yield "LookAheadNextChange", "0", ""
    for currency in sorted({base, *ledger.cash}):
        cash = ledger.cash.get(currency, Decimal(0))
        yield "Currency", currency, currency
        yield "CashBalance", _cents(cash), currency
        yield "TotalCashBalance", _cents(cash), currency
        yield "ExchangeRate", number_text(round(venue.rate(currency, now), 7)), currency
    yield "Currency", "BASE", "BASE"
    yield "CashBalance", _cents(worth.cash), "BASE"
    yield "TotalCashBalance", _cents(worth.cash), "BASE"
    yield "ExchangeRate", "1", "BASE"


def position_quantity(venue: Venue, account: str, instrument: Instrument) -> Decimal:
    """Return what an account holds of an instrument; 0 when nothing."""
    holding = venue.ledgers[account].holdings.get(instrument.con_id)
    return holding.quantity if holding is not None else Decimal(0)


def _cents(value: Decimal) -> str:
    return str(value.quantize(_CENT))
