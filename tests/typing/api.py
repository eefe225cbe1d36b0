"""
What type checkers see of the public names: checked by mypy, never run.

Each name of `ibkr_connector.__all__` is used here as its users use it; a test looks for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, assert_type

from ibkr_connector import (
    AccountError,
    AccountSummary,
    Action,
    AmbiguousContractError,
    AuthenticationError,
    Bar,
    BarSeries,
    CircuitOpenError,
    ClientIdInUseError,
    ConfigurationError,
    ConnectionLostError,
    ConnectionState,
    ConnectionStatus,
    Contract,
    ContractError,
    ContractNotFoundError,
    DataType,
    Fill,
    GatewayUnavailableError,
    HistoricalDataError,
    IBKRConnectionError,
    IBKRConnector,
    IBKRError,
    MarketData,
    MarketDataError,
    MarketDataPermissionError,
    NoDataError,
    NotConnectedError,
    OrderError,
    OrderNotFoundError,
    OrderRejectedError,
    OrderReport,
    OrderRequest,
    OrderStateError,
    OrderStatus,
    OrderType,
    OrderUncertainError,
    OrderValidationError,
    PacingError,
    Position,
    Quote,
    ReadOnlyError,
    RequestTimeoutError,
    Right,
    RiskLimitError,
    SecurityType,
    SendDisposition,
    Settings,
    TimeInForce,
    TradingHaltedError,
    Violation,
    WrongThreadError,
    crypto,
    forex,
    future,
    index,
    limit_order,
    market_order,
    option,
    stock,
)


async def calls(ib: IBKRConnector) -> None:
    """Every call gives the record that it says, also through `async with`."""
    async with IBKRConnector("paper", readonly=False) as entered:
        assert_type(entered, IBKRConnector)
    assert_type(ib.settings, Settings)
    assert_type(await ib.get_quote("AAPL"), Quote)
    assert_type(await ib.get_market_data(stock("AAPL")), MarketData)
    assert_type(await ib.get_historical_data("ES 202612", duration="1 W"), BarSeries)
    assert_type(await ib.get_account_summary(), AccountSummary)
    assert_type(await ib.get_positions(), tuple[Position, ...])
    assert_type(await ib.place_order({"symbol": "AAPL", "quantity": 1}), OrderReport)
    assert_type(await ib.place_order(market_order("AAPL", "BUY", 1), wait="filled"), OrderReport)
    assert_type(await ib.cancel_order(1), OrderReport)
    assert_type(await ib.settle_order(1, why="expired, says TWS"), OrderReport)
    assert_type(await ib.get_order_status(1), OrderReport)
    assert_type(await ib.wait_for_status(1, {OrderStatus.FILLED}), OrderReport)
    assert_type(ib.get_connection_status(), ConnectionStatus)
    assert_type(ib.get_connection_health(), dict[str, Any])


def records(
    report: OrderReport,
    quote: Quote,
    series: BarSeries,
    position: Position,
    status: ConnectionStatus,
) -> None:
    """Money and quantities are decimals, times are datetimes, and what may be unknown is `None`."""
    assert_type(report.status, OrderStatus)
    assert_type(report.filled_quantity, Decimal)
    assert_type(report.avg_fill_price, Decimal | None)
    assert_type(report.timestamp, datetime)
    assert_type(report.fills, tuple[Fill, ...])
    assert_type(report.disposition, SendDisposition)
    assert_type(quote.bid, Decimal | None)
    assert_type(quote.data_type, DataType)
    for bar in series:
        assert_type(bar, Bar)
        assert_type(bar.close, Decimal)
    assert_type(position.quantity, Decimal)
    assert_type(status.state, ConnectionState)


def requests() -> tuple[OrderRequest, ...]:
    """Orders and contracts are made by hand or by the short forms."""
    contracts: tuple[Contract, ...] = (
        forex("EUR.USD"),
        crypto("BTC"),
        index("SPX", exchange="CBOE"),
        future("ES", "202612", exchange="CME"),
        option("AAPL", "20261218", Right.CALL, strike=Decimal(250)),
    )
    assert_type(contracts[0].security_type, SecurityType)
    made = limit_order(
        "AAPL", Action.SELL, 5, limit_price=Decimal("187.50"), time_in_force=TimeInForce.GTC
    )
    assert_type(made, OrderRequest)
    assert_type(made.order_type, OrderType)
    return (made, market_order(contracts[1], Action.BUY, Decimal("0.1")))


def errors(error: IBKRError) -> Mapping[str, object]:
    """Every error has the facts of the base; some families have more."""
    assert_type(error.code, int | None)
    assert_type(error.replay_safe, bool | None)
    assert_type(error.retry_after_s, float | None)
    if isinstance(error, RiskLimitError):
        assert_type(error.violations, tuple[Violation, ...])
    if isinstance(error, AmbiguousContractError):
        assert_type(error.candidates, tuple[Contract, ...])
    families: tuple[type[IBKRError], ...] = (
        AccountError,
        CircuitOpenError,
        ConfigurationError,
        ContractError,
        IBKRConnectionError,
        MarketDataError,
        OrderError,
        PacingError,
        RequestTimeoutError,
        WrongThreadError,
    )
    ways: tuple[type[IBKRConnectionError], ...] = (
        AuthenticationError,
        ClientIdInUseError,
        ConnectionLostError,
        GatewayUnavailableError,
        NotConnectedError,
    )
    data: tuple[type[MarketDataError], ...] = (
        HistoricalDataError,
        MarketDataPermissionError,
        NoDataError,
    )
    denied: tuple[type[OrderError], ...] = (
        OrderNotFoundError,
        OrderRejectedError,
        OrderStateError,
        OrderUncertainError,
        OrderValidationError,
        ReadOnlyError,
        TradingHaltedError,
    )
    unknown: type[ContractError] = ContractNotFoundError
    return {"families": families, "ways": ways, "data": data, "denied": denied, "x": unknown}
