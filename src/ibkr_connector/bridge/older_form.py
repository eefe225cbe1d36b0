"""
What the endpoints of the older bridge say and take.

Prices and sizes are JSON numbers here, because the programs that speak to these endpoints read
numbers. A program that must not lose a digit uses `/v1`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from ibkr_connector.model.account import AccountSummary, Position
from ibkr_connector.model.market import BarSeries, Quote
from ibkr_connector.model.orders import OrderReport, OrderStatus

from .plain import number

__all__ = [
    "Candle",
    "CandleWish",
    "Candles",
    "Health",
    "OlderAccount",
    "OlderOrder",
    "OlderPosition",
    "OlderQuote",
]


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True)


class Health(_Form):
    """Whether there is a connection, and in which state it is."""

    status: str = Field(description="State of the connection, as in `ready` or `waiting`.")
    connected: bool
    version: str


class OlderQuote(_Form):
    """A quote; `price` is the last one, or the middle of bid and ask, or the close."""

    symbol: str
    price: float | None
    bid: float | None
    ask: float | None
    last: float | None
    bid_size: float | None
    ask_size: float | None
    volume: float | None
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    delayed: bool
    timestamp: datetime

    @classmethod
    def of(cls, quote: Quote, symbol: str) -> Self:
        """Say a quote so, under the name by which it was asked for."""
        price = next((p for p in (quote.last, quote.midpoint, quote.close) if p is not None), None)
        return cls(
            symbol=symbol,
            price=number(price),
            bid=number(quote.bid),
            ask=number(quote.ask),
            last=number(quote.last),
            bid_size=number(quote.bid_size),
            ask_size=number(quote.ask_size),
            volume=number(quote.volume),
            open=number(quote.open),
            high=number(quote.high),
            low=number(quote.low),
            close=number(quote.close),
            delayed=quote.is_delayed,
            timestamp=quote.timestamp,
        )


class CandleWish(BaseModel):
    """Which candles are wanted, in IB's spelling."""

    model_config = ConfigDict(extra="forbid")

    duration: str = Field(default="1 D", min_length=1, max_length=32, examples=["1 D", "2 W"])
    bar_size: str = Field(default="5 mins", min_length=1, max_length=32, examples=["5 mins"])


class Candle(_Form):
    """One bar; `timestamp` is its start."""

    timestamp: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None


class Candles(_Form):
    """Bars, oldest first."""

    symbol: str
    duration: str
    bar_size: str
    count: int
    candles: tuple[Candle, ...]

    @classmethod
    def of(cls, series: BarSeries, *, symbol: str, wish: CandleWish) -> Self:
        """Say a series so."""
        rows = tuple(
            Candle(
                timestamp=bar.timestamp,
                open=float(bar.open),
                high=float(bar.high),
                low=float(bar.low),
                close=float(bar.close),
                volume=number(bar.volume),
            )
            for bar in series
        )
        return cls(
            symbol=symbol,
            duration=wish.duration,
            bar_size=wish.bar_size,
            count=len(rows),
            candles=rows,
        )


class OlderOrder(_Form):
    """An order as it stands."""

    order_id: int
    status: OrderStatus
    timestamp: datetime
    symbol: str
    action: str
    quantity: float
    order_type: str
    limit_price: float | None
    stop_price: float | None
    filled_quantity: float
    remaining_quantity: float
    avg_fill_price: float | None
    commission: float | None
    client_order_id: str | None
    reason: str

    @classmethod
    def of(cls, report: OrderReport) -> Self:
        """Say a report so."""
        return cls(
            order_id=report.order_id,
            status=report.status,
            timestamp=report.timestamp,
            symbol=report.symbol,
            action=report.action,
            quantity=float(report.quantity),
            order_type=report.order_type,
            limit_price=number(report.limit_price),
            stop_price=number(report.stop_price),
            filled_quantity=float(report.filled_quantity),
            remaining_quantity=float(report.remaining_quantity),
            avg_fill_price=number(report.avg_fill_price),
            commission=number(report.commission),
            client_order_id=report.client_order_id,
            reason=report.reason,
        )


class OlderPosition(_Form):
    """What one account holds of one contract."""

    account: str
    symbol: str
    contract: str
    quantity: float
    avg_cost: float
    current_price: float | None
    market_value: float | None
    unrealized_pnl: float | None

    @classmethod
    def of(cls, position: Position) -> Self:
        """Say a position so."""
        return cls(
            account=position.account,
            symbol=position.symbol,
            contract=str(position.contract),
            quantity=float(position.quantity),
            avg_cost=float(position.avg_cost),
            current_price=number(position.current_price),
            market_value=number(position.market_value),
            unrealized_pnl=number(position.unrealized_pnl),
        )


class OlderAccount(_Form):
    """The figures of one account, in its base currency."""

    account: str
    currency: str
    cash: float | None
    total_value: float | None
    buying_power: float | None
    maintenance_margin: float | None
    initial_margin: float | None
    available_funds: float | None
    excess_liquidity: float | None
    as_of: datetime

    @classmethod
    def of(cls, summary: AccountSummary) -> Self:
        """Say the figures so."""
        return cls(
            account=summary.account,
            currency=summary.currency,
            cash=number(summary.cash),
            total_value=number(summary.total_value),
            buying_power=number(summary.buying_power),
            maintenance_margin=number(summary.maintenance_margin),
            initial_margin=number(summary.initial_margin),
            available_funds=number(summary.available_funds),
            excess_liquidity=number(summary.excess_liquidity),
            as_of=summary.as_of,
        )
