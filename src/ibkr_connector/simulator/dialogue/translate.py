"""The venue's records as the wire's, and the wire's contracts as queries."""

from __future__ import annotations

from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from ibkr_connector.simulator.exchange.combos import COMBO_CON_ID
from ibkr_connector.simulator.exchange.commands import OrderNoted
from ibkr_connector.simulator.exchange.instruments import Instrument, Query
from ibkr_connector.simulator.exchange.order_types import Trigger
from ibkr_connector.simulator.exchange.pricing import type_of
from ibkr_connector.simulator.exchange.records import (
    Commission,
    Execution,
    Hold,
    Status,
    VenueOrder,
)
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.fields import UNSET_DOUBLE, number_text
from ibkr_connector.simulator.wire.orders import ECHO, WireOrder
from ibkr_connector.simulator.wire.replies import (
    CommissionReport,
    CompletedOrder,
    ExecDetails,
    OpenOrder,
    OrderStatus,
)

from .times import write_time

__all__ = [
    "MARGIN_FIELDS",
    "commission_report",
    "completed_order",
    "contract_of",
    "exec_details",
    "open_order",
    "order_status",
    "query_of",
    "warning_text",
]

MARGIN_FIELDS: Final = tuple(
    f"{name}{when}"
    for when in ("Before", "Change", "After")
    for name in ("initMargin", "maintMargin", "equityWithLoan")
)
_NO_RIGHT: Final = "?"
"""What TWS puts for the right of an order's contract that has none (recorded frames)."""


def query_of(contract: WireContract) -> Query:
    """Read a client's description as a query."""
    return Query(
        con_id=contract.con_id,
        symbol=contract.symbol,
        sec_type=contract.sec_type,
        currency=contract.currency,
        exchange=contract.exchange,
        primary_exchange=contract.primary_exchange,
        expiry=contract.expiry,
        strike=contract.strike,
        right="" if contract.right == _NO_RIGHT else contract.right,
        multiplier=contract.multiplier,
        local_symbol=contract.local_symbol,
        trading_class=contract.trading_class,
    )


def contract_of(
    instrument: Instrument, *, exchange: str, no_right: str = "", primary: bool = False
) -> WireContract:
    """Write an instrument as a contract at one exchange."""
    return WireContract(
        con_id=COMBO_CON_ID if instrument.sec_type == "BAG" else instrument.con_id,
        symbol=instrument.symbol,
        sec_type=instrument.sec_type,
        expiry=instrument.last_trade,
        strike=instrument.strike,
        right=instrument.right or no_right,
        multiplier=str(instrument.multiplier or ""),
        exchange=exchange,
        primary_exchange=instrument.primary_exchange if primary else "",
        currency=instrument.currency,
        local_symbol=instrument.local_symbol,
        trading_class=instrument.trading_class,
    )


def order_status(order: VenueOrder) -> OrderStatus:
    """Write where an order is; what is left of a closed one is what was never filled."""
    return OrderStatus(
        order_id=order.owner.order_id,
        status=order.status,
        filled=order.filled,
        remaining=order.remaining,
        average_price=round(order.average_price, 8),
        perm_id=order.perm_id,
        parent_id=int(order.note.get("parentId") or 0),
        last_price=order.last_price,
        client_id=order.owner.client_id,
        why_held=order.why_held or _why_held(order),
    )


def _why_held(order: VenueOrder) -> str:
    """Say why an order waits, in the words of TWS (logged in public issue threads)."""
    if not order.status.is_open:
        return ""
    reasons = ["child"] if order.hold is Hold.PARENT else []
    if order.terms.conditions and order.hold is not None:
        reasons.append("condition")
    elif type_of(order.terms).trigger is not None and not order.is_triggered:
        reasons.append("trigger")
    return ",".join(reasons)


def warning_text(event: OrderNoted) -> str:
    """Write a warning about an order."""
    if event.opens is None:
        return event.text
    order = event.order
    opens = event.opens.astimezone(ZoneInfo(order.instrument.time_zone))
    return (
        f"Order Message:\n{order.terms.action} {number_text(order.terms.quantity)} "
        f"{order.instrument.local_symbol} {order.instrument.market_name}\nWarning: Your order "
        f"will not be placed at the exchange until {opens:%Y-%m-%d %H:%M:%S} "
        f"{order.instrument.time_zone}."
    )


def open_order(order: VenueOrder, margins: dict[str, str] | None = None) -> OpenOrder:
    """Write an order with everything that its client set, and TWS's defaults for the rest."""
    texts = _texts(order)
    texts["clientId"] = str(order.owner.client_id)
    texts["sharesAllocation"] = f"{order.perm_id}.0/{order.account}/{texts['totalQuantity']}"
    texts["status"] = order.status
    texts.update(_NO_MARGINS if margins is None else {**_NO_MARGINS, **margins})
    return OpenOrder(
        order_id=order.owner.order_id,
        contract=contract_of(order.instrument, exchange=order.exchange, no_right=_NO_RIGHT),
        texts=texts,
        groups=order.rows,
    )


def completed_order(order: VenueOrder, version: int) -> CompletedOrder:
    """
    Write a closed order as lossily as TWS does.

    The quantity of a filled one is 0 (measured on a paper account); a rejected one is "Cancelled".
    """
    closed = order.closed_at or order.placed_at
    filled = order.status is Status.FILLED
    texts = {
        **_texts(order),
        "totalQuantity": "0" if filled else number_text(order.terms.quantity),
        "filledQuantity": number_text(order.filled),
        "status": Status.FILLED if filled else Status.CANCELLED,
        "completedTime": write_time(closed, version),
        "completedStatus": (
            f"Filled Size: {number_text(order.filled)}" if filled else "Cancelled by Trader"
        ),
        "parentPermId": "0",
    }
    if order.status is Status.INACTIVE:
        texts["completedStatus"] = "Rejected by System"
    return CompletedOrder(
        contract=contract_of(order.instrument, exchange=order.exchange, no_right=_NO_RIGHT),
        texts=texts,
        groups=order.rows,
    )


def exec_details(execution: Execution, *, request_id: int, version: int) -> ExecDetails:
    """Write an execution; `request_id` is -1 for one that comes by itself."""
    order = execution.order
    return ExecDetails(
        request_id=request_id,
        order_id=order.owner.order_id,
        contract=contract_of(execution.instrument, exchange=execution.exchange),
        exec_id=execution.exec_id,
        time=write_time(execution.time, version),
        account=execution.account,
        exchange=execution.exchange,
        side="BOT" if execution.is_buy else "SLD",
        shares=execution.quantity,
        price=execution.price,
        perm_id=order.perm_id,
        client_id=order.owner.client_id,
        liquidation=0,
        cumulative=order.filled,
        average_price=round(order.average_price, 8),
        order_ref=order.order_ref,
        last_liquidity=execution.liquidity,
    )


def commission_report(commission: Commission) -> CommissionReport:
    """Write what an execution cost."""
    return CommissionReport(
        exec_id=commission.exec_id,
        commission=commission.amount,
        currency=commission.currency,
        realized_pnl=commission.realized_pnl,
    )


def _texts(order: VenueOrder) -> dict[str, str]:
    return {
        **ECHO,
        **order.note,
        "action": order.terms.action,
        "totalQuantity": number_text(order.terms.quantity),
        "orderType": order.terms.order_type,
        "lmtPrice": _price(_shown_limit(order)),
        "auxPrice": _price(order.terms.stop_price),
        **_trailing(order),
        **({"ocaGroup": order.group.name} if order.group is not None else {}),
        "tif": order.terms.time_in_force,
        "account": order.account,
        "orderRef": order.order_ref,
        "permId": str(order.perm_id),
    }


def _shown_limit(order: VenueOrder) -> Decimal | None:
    if order.terms.order_type == "TRAIL LIMIT" and order.working_price is not None:
        return order.working_price
    return order.terms.limit_price


def _trailing(order: VenueOrder) -> dict[str, str]:
    """Return where the stop of a trailing order stands now, or is to begin."""
    price = order.trigger_price or order.terms.trail_stop_price
    if type_of(order.terms).trigger is not Trigger.TRAIL or price is None:
        return {}
    # TWS says it twice, and clients take the second (ibapi orderdecoder.py)
    stop = number_text(price)
    return {"trailStopPrice": stop, "adjustedTrailStopPrice": stop}


def _price(price: Decimal | None) -> str:
    return "0.0" if price is None else number_text(price)


def said_by(order: WireOrder) -> dict[str, str]:
    """Return what a client set, without what is empty or concerns only the sending."""
    said = order.texts.items()
    return {name: text for name, text in said if text and name not in _SENDING}


_SENDING: Final = frozenset({"transmit", "whatIf", "clientId", "permId"})

_NO_MARGINS: Final = dict.fromkeys(MARGIN_FIELDS, UNSET_DOUBLE)
