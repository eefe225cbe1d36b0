"""What a broker says of one order, message by message, for ledgers without a socket."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from ibkr_connector.gateway.port import BrokerOrder, CompletedOrder, Execution, OrderStatusSeen
from ibkr_connector.model.ids import ClientId, ExecId, OrderId, PermId
from ibkr_connector.model.orders import Action
from kit.order_desk import AAPL, NOON

__all__ = ["ME", "PERM", "completed", "execution", "row", "status"]

ME: Final = ClientId(1)
PERM: Final = PermId(900)


def status(word: str, filled: int = 0, **more: Any) -> OrderStatusSeen:
    fields: dict[str, Any] = {
        "order_id": OrderId(1),
        "client_id": ME,
        "perm_id": PERM,
        "status": word,
        "filled": Decimal(filled),
        "remaining": Decimal(100 - filled),
        "average_fill_price": Decimal(101) if filled else None,
    }
    return OrderStatusSeen(**(fields | more))


def execution(exec_id: str = "a.b.01.01", quantity: int = 100, **more: Any) -> Execution:
    fields: dict[str, Any] = {
        "exec_id": ExecId(exec_id),
        "order_id": OrderId(1),
        "client_id": ME,
        "perm_id": PERM,
        "order_ref": "ibc-a",
        "account": "DU1",
        "contract": AAPL,
        "action": Action.BUY,
        "quantity": Decimal(quantity),
        "price": Decimal(100),
        "cumulative_quantity": None,
        "average_price": None,
        "exchange": "ISLAND",
        "time": NOON,
    }
    return Execution(**(fields | more))


def row(word: str = "Submitted", **more: Any) -> BrokerOrder:
    fields: dict[str, Any] = {
        "order_id": OrderId(1),
        "client_id": ME,
        "perm_id": PERM,
        "order_ref": "ibc-a",
        "account": "DU1",
        "contract": AAPL,
        "action": Action.BUY,
        "quantity": Decimal(100),
        "order_type": "LMT",
        "limit_price": Decimal("100.50"),
        "stop_price": None,
        "time_in_force": "DAY",
        "status": word,
    }
    return BrokerOrder(**(fields | more))


def completed(word: str, **more: Any) -> CompletedOrder:
    fields: dict[str, Any] = {
        "perm_id": PERM,
        "order_ref": "ibc-a",
        "account": "DU1",
        "contract": AAPL,
        "action": Action.BUY,
        "quantity": None,
        "filled_quantity": None,
        "status": word,
    }
    return CompletedOrder(**(fields | more))
