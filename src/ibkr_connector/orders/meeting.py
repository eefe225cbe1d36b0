"""
Orders and executions that the broker tells of, described as the ledger keeps them.

Pure: what is not said stays unknown.
"""

from __future__ import annotations

from typing import Final

from ibkr_connector.gateway.port import BrokerOrder, CompletedOrder, Execution
from ibkr_connector.model.ids import ClientId, OrderId
from ibkr_connector.model.making import quick
from ibkr_connector.model.orders import Fill

from .entry import ZERO

__all__ = ["fill_of", "foreign_key", "order_of_completed", "order_of_execution"]


_fill: Final = quick(Fill)


def foreign_key(order: BrokerOrder) -> str:
    """Return the key of an order of others whose permanent id is not known."""
    return f"client:{order.client_id}/{order.order_id}"


def fill_of(execution: Execution) -> Fill:
    """Describe an execution as users see it."""
    return _fill(
        exec_id=execution.exec_id,
        order_id=execution.order_id,
        perm_id=execution.perm_id,
        client_id=execution.client_id,
        contract=execution.contract,
        action=execution.action,
        quantity=execution.quantity,
        price=execution.price,
        time=execution.time,
        exchange=execution.exchange,
        account=execution.account,
        order_ref=execution.order_ref,
        cumulative_quantity=execution.cumulative_quantity,
        average_price=execution.average_price,
        recovered=execution.recovered,
    )


def order_of_execution(execution: Execution) -> BrokerOrder:
    """Describe an order of which only an execution is known; its size is at least that."""
    return BrokerOrder(
        order_id=execution.order_id,
        client_id=execution.client_id,
        perm_id=execution.perm_id,
        order_ref=execution.order_ref,
        account=execution.account,
        contract=execution.contract,
        action=execution.action,
        quantity=execution.cumulative_quantity or execution.quantity,
        order_type="",
        limit_price=None,
        stop_price=None,
        time_in_force="",
        status="Submitted",
    )


def order_of_completed(order: CompletedOrder) -> BrokerOrder:
    """Describe an order that was closed before it was seen; the wire names no client."""
    return BrokerOrder(
        order_id=OrderId(0),
        client_id=ClientId(0),
        perm_id=order.perm_id,
        order_ref=order.order_ref,
        account=order.account,
        contract=order.contract,
        action=order.action,
        quantity=order.quantity or order.filled_quantity or ZERO,
        order_type="",
        limit_price=None,
        stop_price=None,
        time_in_force="",
        status=order.status,
    )
