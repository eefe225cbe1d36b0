"""
A broker behind an order gateway, without sockets: it holds orders whether or not anybody is told.

For the orders desk. `mode` says what becomes of the next order: taken, filled, refused, or lost on
one side of the wire or the other. The venue outlives sessions and desks, as the broker does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from ibkr_connector.clock import Clock
from ibkr_connector.errors import ConnectionLostError, NotConnectedError
from ibkr_connector.gateway.port import (
    BrokerOrder,
    CompletedOrder,
    DisconnectReason,
    Execution,
    GatewayEvent,
    OpenOrderSeen,
    OrderFault,
    OrderStatusSeen,
    OrderTicket,
    SessionEnded,
)
from ibkr_connector.model.ids import ClientId, ExecId, OrderId, PermId
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.model.preview import Figures, WhatIf

__all__ = ["Held", "Mode", "OrderVenue"]


class Mode(StrEnum):
    """What becomes of an order that is sent."""

    WORK = "work"
    FILL = "fill"
    REJECT = "reject"
    SILENT = "silent"
    """Taken, and nobody is told."""

    VOID = "void"
    """Swallowed on the way; the session lives on."""

    CUT_BEFORE = "cut before"
    """The session ends; the broker never had it."""

    CUT_AFTER = "cut after"
    """The session ends; the broker has it."""

    CUT_FILLED = "cut filled"
    """The session ends; the broker has it and fills it."""


@dataclass
class Held:
    """An order at the broker."""

    ticket: OrderTicket
    client_id: ClientId
    perm_id: PermId
    status: str = "Submitted"
    executions: list[Execution] = field(default_factory=list)
    reject_reason: str = ""

    @property
    def filled(self) -> Decimal:
        return sum((execution.quantity for execution in self.executions), Decimal(0))

    @property
    def is_open(self) -> bool:
        return self.status not in ("Filled", "Cancelled")


class OrderVenue:
    """Implements `OrderGateway`; events go to `sink`."""

    def __init__(self, *, clock: Clock, client_id: int = 1) -> None:
        self.clock = clock
        self._client_id = ClientId(client_id)
        self.sink: Callable[[GatewayEvent], None] = lambda event: None
        self.connected = True
        self.mode = Mode.WORK
        self.held: dict[str, Held] = {}
        self.sent: list[OrderTicket] = []
        self.cancels: list[OrderId] = []
        self.asked: list[OrderTicket] = []
        self.what_if_answer: WhatIf | None = WhatIf(
            initial_margin=Figures(before=Decimal(0), change=Decimal(50), after=Decimal(50)),
            maintenance_margin=Figures(before=Decimal(0), change=Decimal(40), after=Decimal(40)),
            equity_with_loan=Figures(before=Decimal(999), change=Decimal(-1), after=Decimal(998)),
            commission=Decimal(1),
            commission_currency="USD",
        )
        self.cancel_answer: Callable[[Held], None] | None = self.confirm_cancel
        self.on_send: Callable[[OrderTicket], None] = lambda ticket: None
        self.failing: Exception | None = None
        self._next_id = 1
        self._next_perm = 900_000_001
        self._next_exec = 1

    # --- OrderGateway ---------------------------------------------------------------------------

    @property
    def client_id(self) -> ClientId:
        return self._client_id

    def reserve_order_id(self, *, floor: OrderId) -> OrderId:
        self._check()
        order_id = max(self._next_id, floor)
        self._next_id = order_id + 1
        return OrderId(order_id)

    def check_open(self) -> None:
        self._check()

    async def confirm_alive(self) -> None:
        return

    def prepare_order(self, ticket: OrderTicket) -> None:
        return

    async def send_order(self, ticket: OrderTicket) -> None:
        self._check()
        self.on_send(ticket)
        self.sent.append(ticket)
        mode = self.mode
        if mode in (Mode.CUT_BEFORE, Mode.CUT_AFTER, Mode.CUT_FILLED):
            if mode is not Mode.CUT_BEFORE:
                held = self._take(ticket)
                if mode is Mode.CUT_FILLED:
                    self.execute(held, ticket.quantity, tell=False)
            self.cut()
            raise ConnectionLostError("cut", disposition=SendDisposition.MAYBE_WRITTEN)
        if mode is Mode.VOID:
            return
        held = self._take(ticket)
        if mode is Mode.REJECT:
            held.status, held.reject_reason = "Cancelled", "no margin"
            self.fault(ticket.order_id, 201, "Order rejected - reason: no margin")
        elif mode is not Mode.SILENT:
            self.tell(held)
        if mode is Mode.FILL:
            self.execute(held, ticket.quantity)

    async def send_orders(self, tickets: Sequence[OrderTicket]) -> None:
        for ticket in tickets:
            await self.send_order(ticket)

    async def what_if(self, ticket: OrderTicket) -> WhatIf:
        self._check()
        self.asked.append(ticket)
        if self.what_if_answer is None:
            await asyncio.Event().wait()  # it never answers
        assert self.what_if_answer is not None
        return self.what_if_answer

    async def send_cancel(self, order_id: OrderId) -> None:
        self._check()
        self.cancels.append(order_id)
        for held in self.held.values():
            if held.ticket.order_id == order_id and self.cancel_answer is not None:
                self.cancel_answer(held)

    async def open_orders(self) -> tuple[BrokerOrder, ...]:
        self._check()
        return tuple(self.row(held) for held in self.held.values() if held.is_open)

    async def completed_orders(self) -> tuple[CompletedOrder, ...]:
        self._check()
        return tuple(
            CompletedOrder(
                perm_id=held.perm_id,
                order_ref=held.ticket.order_ref,
                account=held.ticket.account,
                contract=held.ticket.contract,
                action=held.ticket.action,
                quantity=None,
                filled_quantity=None,
                status=held.status,
                reject_reason=held.reject_reason,
            )
            for held in self.held.values()
            if not held.is_open
        )

    async def executions(self) -> tuple[Execution, ...]:
        self._check()
        return tuple(execution for held in self.held.values() for execution in held.executions)

    # --- what tests do to it --------------------------------------------------------------------

    def cut(self) -> None:
        """End the session."""
        self.connected = False
        self.sink(SessionEnded(reason=DisconnectReason.PEER))

    def reconnect(self) -> None:
        """Begin a new session."""
        self.connected = True
        self.mode = Mode.WORK

    def by_ref(self, order_ref: str) -> Held | None:
        """Return the order with that reference."""
        return self.held.get(order_ref)

    def tell(self, held: Held, status: str | None = None) -> None:
        """Say where the order is."""
        held.status = status or held.status
        self.sink(OpenOrderSeen(order=self.row(held)))
        self.sink(self.status(held))

    def execute(self, held: Held, quantity: Decimal, *, tell: bool = True) -> Execution:
        """Fill some of it at 100."""
        execution = Execution(
            exec_id=ExecId(f"0000e0d5.{self._next_exec:08x}.01.01"),
            order_id=held.ticket.order_id,
            client_id=held.client_id,
            perm_id=held.perm_id,
            order_ref=held.ticket.order_ref,
            account=held.ticket.account,
            contract=held.ticket.contract,
            action=held.ticket.action,
            quantity=quantity,
            price=Decimal(100),
            cumulative_quantity=held.filled + quantity,
            average_price=Decimal(100),
            exchange="ISLAND",
            time=self.clock.utcnow(),
        )
        self._next_exec += 1
        held.executions.append(execution)
        if held.filled >= held.ticket.quantity:
            held.status = "Filled"
        if tell and self.connected:
            self.sink(execution)
            self.sink(self.status(held))
        return execution

    def confirm_cancel(self, held: Held) -> None:
        """Cancel it and say so, code first."""
        if held.is_open:
            held.status = "Cancelled"
            self.fault(held.ticket.order_id, 202, "Order Canceled - reason:")
            self.sink(self.status(held))

    def fault(self, order_id: OrderId, code: int, text: str) -> None:
        """Send an error message that names an order."""
        self.sink(OrderFault(order_id=order_id, code=code, text=text))

    def status(self, held: Held, *, why_held: str = "") -> OrderStatusSeen:
        """Return the orderStatus message of now."""
        return OrderStatusSeen(
            order_id=held.ticket.order_id,
            client_id=held.client_id,
            perm_id=held.perm_id,
            status=held.status,
            filled=held.filled,
            remaining=held.ticket.quantity - held.filled,
            average_fill_price=Decimal(100) if held.filled else None,
            why_held=why_held,
        )

    def row(self, held: Held) -> BrokerOrder:
        """Return the openOrder message of now."""
        ticket = held.ticket
        return BrokerOrder(
            order_id=ticket.order_id,
            client_id=held.client_id,
            perm_id=held.perm_id,
            order_ref=ticket.order_ref,
            account=ticket.account,
            contract=ticket.contract,
            action=ticket.action,
            quantity=ticket.quantity,
            order_type=ticket.order_type.value,
            limit_price=ticket.limit_price,
            stop_price=ticket.stop_price,
            time_in_force=ticket.time_in_force.value,
            status=held.status,
            reject_reason=held.reject_reason,
            terms=ticket.terms,
        )

    def now(self) -> datetime:
        """Return the venue's time."""
        return self.clock.utcnow()

    def _take(self, ticket: OrderTicket) -> Held:
        assert ticket.order_ref not in self.held, "the broker was sent one intent twice"
        held = Held(ticket=ticket, client_id=self._client_id, perm_id=PermId(self._next_perm))
        self._next_perm += 1
        self.held[ticket.order_ref] = held
        return held

    def _check(self) -> None:
        if self.failing is not None:
            raise self.failing
        if not self.connected:
            raise NotConnectedError("no session", disposition=SendDisposition.UNSENT)
