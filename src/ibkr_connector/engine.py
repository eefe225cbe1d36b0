"""
The assembly: every part is made here, wired to its siblings here, and closed here in order.

One loop owns all of it, so nothing below takes a lock. Commands enter through the desks; events
enter through `_on_event`, the one sink that sessions are given, and are handed on by kind.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeVar, assert_never

from .account.desk import AccountDesk, choose_account
from .clock import Clock, SystemClock
from .errors import NotConnectedError
from .gateway.link import GatewayLink
from .gateway.port import (
    AccountValueChanged,
    CommissionReported,
    Execution,
    GatewayEvent,
    GatewayNotice,
    OpenOrderSeen,
    OrderFault,
    OrderStatusSeen,
    PortfolioRow,
    PositionRow,
    SessionEnded,
    SessionInfo,
)
from .gateway.session import Session
from .instruments.resolver import Resolver
from .market.desk import MarketDesk
from .model.account import AccountSummary, Position
from .model.contracts import Contract
from .model.ids import ClientId, OrderId
from .model.market import BarSeries, DataType, MarketData, Quote
from .model.orders import OrderReport, OrderRequest
from .model.status import ConnectionState, ConnectionStatus
from .orders.desk import OrdersDesk
from .orders.journal import Journal
from .resilience.operation import ENDPOINTS, Operation
from .resilience.pipeline import Pipeline
from .settings import Settings, check_accounts
from .supervisor import Supervisor, SyncPart

__all__ = ["Engine"]

T = TypeVar("T")
