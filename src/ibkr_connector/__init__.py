"""
An asyncio SDK for Interactive Brokers that places each order exactly once.

    async with IBKRConnector(readonly=False) as ib:
        quote = await ib.get_quote("AAPL")

Everything public is here; nothing else is. The gateway simulator is `ibkr_connector.simulator`.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .connector import IBKRConnector
    from .errors import (
        AccountError,
        AmbiguousContractError,
        AuthenticationError,
        CircuitOpenError,
        ClientIdInUseError,
        ConfigurationError,
        ConnectionLostError,
        ContractError,
        ContractNotFoundError,
        GatewayUnavailableError,
        HistoricalDataError,
        IBKRConnectionError,
        IBKRError,
        MarketDataError,
        MarketDataPermissionError,
        NoDataError,
        NotConnectedError,
        OrderError,
        OrderNotFoundError,
        OrderRejectedError,
        OrderStateError,
        OrderUncertainError,
        OrderValidationError,
        PacingError,
        ReadOnlyError,
        RequestTimeoutError,
        RiskLimitError,
        TradingHaltedError,
        WrongThreadError,
    )
    from .model.account import AccountSummary, Position
    from .model.contracts import (
        Contract,
        Right,
        SecurityType,
        crypto,
        forex,
        future,
        index,
        option,
        stock,
    )
    from .model.market import Bar, BarSeries, DataType, MarketData, Quote
    from .model.orders import (
        Action,
        Fill,
        OrderReport,
        OrderRequest,
        OrderStatus,
        OrderType,
        SendDisposition,
        TimeInForce,
        Violation,
        limit_order,
        market_order,
    )
    from .model.status import ConnectionState, ConnectionStatus
    from .settings import Settings

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022  # grouped for readers, not sorted
    # the connector and its settings
    "IBKRConnector",
    "Settings",
    # contracts
    "Contract",
    "Right",
    "SecurityType",
    "crypto",
    "forex",
    "future",
    "index",
    "option",
    "stock",
    # orders
    "Action",
    "Fill",
    "OrderReport",
    "OrderRequest",
    "OrderStatus",
    "OrderType",
    "SendDisposition",
    "TimeInForce",
    "Violation",
    "limit_order",
    "market_order",
    # market data, account, connection
    "AccountSummary",
    "Bar",
    "BarSeries",
    "ConnectionState",
    "ConnectionStatus",
    "DataType",
    "MarketData",
    "Position",
    "Quote",
    # errors
    "AccountError",
    "AmbiguousContractError",
    "AuthenticationError",
    "CircuitOpenError",
    "ClientIdInUseError",
    "ConfigurationError",
    "ConnectionLostError",
    "ContractError",
    "ContractNotFoundError",
    "GatewayUnavailableError",
    "HistoricalDataError",
    "IBKRConnectionError",
    "IBKRError",
    "MarketDataError",
    "MarketDataPermissionError",
    "NoDataError",
    "NotConnectedError",
    "OrderError",
    "OrderNotFoundError",
    "OrderRejectedError",
    "OrderStateError",
    "OrderUncertainError",
    "OrderValidationError",
    "PacingError",
    "ReadOnlyError",
    "RequestTimeoutError",
    "RiskLimitError",
    "TradingHaltedError",
    "WrongThreadError",
]

_HOMES: Final = (
    "errors",
    "model.status",
    "model.account",
    "model.contracts",
    "model.market",
    "model.orders",
    "settings",
    "connector",
)
"""
Where the names are, what is loaded soonest first.

A module is loaded when somebody asks for a name: a program that wants the version, the simulator or
one error need not wait for all the rest.
"""

_LARGE: Final = frozenset({"settings", "connector"})
"""What imports so much that Python's collector of cycles had better wait."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        for home in _HOMES:
            module = _imported(f"{__name__}.{home}", is_large=home in _LARGE)
            if hasattr(module, name):
                value = globals()[name] = getattr(module, name)
                return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _imported(name: str, *, is_large: bool) -> ModuleType:
    if not is_large:
        return import_module(name)
    from .gateway.collector import importing  # noqa: PLC0415

    with importing():
        return import_module(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
