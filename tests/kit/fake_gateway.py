"""
The ports of `gateway.port` without a socket, for tests of what stands above them.

A small broker: known contracts with one price each, market orders filled at once, limit orders
filled when they reach the price, the rest working until cancelled. It passes `tests/conformance`,
so what a desk learns from it holds for a session on a gateway too. It loses no messages and makes
no faults; for those there are `close()`, `fail_next` and the simulator.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from ibkr_connector.clock import Clock, ManualClock
from ibkr_connector.errors import (
    ConnectionLostError,
    ContractNotFoundError,
    IBKRError,
    NoDataError,
    NotConnectedError,
)
from ibkr_connector.gateway.port import (
    BrokerOrder,
    CommissionReported,
    CompletedOrder,
    DisconnectReason,
    Execution,
    FiguresTold,
    GatewayEvent,
    OpenOrderSeen,
    OrderFault,
    OrderStatusSeen,
    OrderTicket,
    PortfolioRow,
    PositionRow,
    SessionEnded,
)
from ibkr_connector.model.account import AccountValue
from ibkr_connector.model.contracts import Contract, ContractDetails, stock
from ibkr_connector.model.ids import ClientId, ConId, ExecId, OrderId, PermId
from ibkr_connector.model.market import Bar, BarSeries, DataType, Quote
from ibkr_connector.model.orders import Action, SendDisposition
from ibkr_connector.model.preview import Figures, WhatIf

__all__ = ["FakeGateway"]

T = TypeVar("T")

START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
SPREAD = Decimal("0.02")
CLIENT_ID = ClientId(1)


class FakeGateway:
    """
    Implements every port; `sink` takes the events.

    Args:
        client_id: Under which orders go out.
        account: The one account of the login.
        prices: Known stocks and what they cost.
        sink: Takes each event before the call that caused it returns.
        clock: Stamps executions and quotes.
    """

    def __init__(
        self,
        *,
        client_id: ClientId = CLIENT_ID,
        account: str = "DU1",
        prices: dict[str, Decimal] | None = None,
        sink: Callable[[GatewayEvent], None] = lambda _: None,
        clock: Clock | None = None,
    ) -> None:
        self.sink = sink
        self.account = account
        self.prices = prices if prices is not None else {"AAPL": Decimal(100), "MSFT": Decimal(50)}
        self.sent: list[OrderTicket] = []
        self.calls: list[str] = []
        self.fail_next: IBKRError | None = None
        self.is_open = True
        self._client_id = client_id
        self._clock = clock if clock is not None else ManualClock(START)
        self._next_order_id = 1
        self._next_perm_id = 900_000_001
        self._working: dict[OrderId, BrokerOrder] = {}
        self._closed: list[CompletedOrder] = []
        self._executions: list[Execution] = []
        self._held: dict[ConId, Decimal] = {}

    # --- what a test may do to it ---------------------------------------------------------------

    def close(self, reason: DisconnectReason = DisconnectReason.PEER) -> None:
        """End the session; the broker goes on."""
        if self.is_open:
            self.is_open = False
            self.sink(SessionEnded(reason=reason))

    def reopen(self) -> None:
        """Let calls pass again."""
        self.is_open = True

    def move(self, symbol: str, price: Decimal) -> None:
        """Change a price, and fill what it reaches, whether anybody listens or not."""
        self.prices[symbol] = price
        for order in [o for o in self._working.values() if o.contract.symbol == symbol]:
            self._match(order)

    # --- contracts and prices -------------------------------------------------------------------

    async def contract_details(self, contract: Contract) -> tuple[ContractDetails, ...]:
        """Look up everything that fits the description."""
        await self._enter("contract_details")
        known = self._known(contract)
        if known is None:
            raise ContractNotFoundError(f"contract details: no {contract}", code=200)
        return (ContractDetails(contract=known, min_tick=Decimal("0.01")),)

    async def quote(
        self, contract: Contract, *, data_type: DataType, awaits_greeks: bool = False
    ) -> Quote:
        """Take one snapshot."""
        await self._enter("quote")
        price = self.prices.get(contract.symbol)
        if price is None:
            raise NoDataError(f"no price for {contract}")
        return Quote(
            contract=contract,
            timestamp=self._clock.utcnow(),
            data_type=data_type,
            bid=price - SPREAD / 2,
            ask=price + SPREAD / 2,
            last=price,
        )

    async def bars(
        self,
        contract: Contract,
        *,
        duration: str,
        bar_size: str,
        what_to_show: str,
        end: datetime | None = None,
        regular_hours_only: bool = True,
    ) -> BarSeries:
        """Return three bars that end at `end`."""
        await self._enter("bars")
        price = self.prices.get(contract.symbol)
        if price is None:
            raise NoDataError(f"no bars of {bar_size} for {duration}")
        last = end or self._clock.utcnow()
        bars = tuple(
            Bar(
                timestamp=last - timedelta(minutes=minutes),
                open=price,
                high=price + 1,
                low=price - 1,
                close=price,
                volume=Decimal(1000),
            )
            for minutes in (3, 2, 1)
        )
        return BarSeries(contract=contract, bar_size=bar_size, what_to_show=what_to_show, bars=bars)

    # --- accounts -------------------------------------------------------------------------------

    async def account_values(self) -> tuple[AccountValue, ...]:
        """Return the summary figures."""
        await self._enter("account_values")
        figures = {"NetLiquidation": "100000", "TotalCashValue": "100000", "BuyingPower": "400000"}
        values = tuple(
            AccountValue(account=self.account, tag=tag, value=value, currency="USD")
            for tag, value in figures.items()
        )
        self._tell(map(FiguresTold.of, values))
        return values

    async def positions(self) -> tuple[PositionRow, ...]:
        """Return what the account holds."""
        await self._enter("positions")
        rows = tuple(self._position(con_id) for con_id, held in self._held.items() if held)
        self._tell(rows)
        return rows

    async def portfolio(self, account: str) -> tuple[PortfolioRow, ...]:
        """Return the account window."""
        await self._enter("portfolio")
        rows = tuple(
            PortfolioRow(
                account=account,
                contract=row.contract,
                quantity=row.quantity,
                market_price=self.prices[row.contract.symbol],
                market_value=self.prices[row.contract.symbol] * row.quantity,
                average_cost=row.average_cost,
                unrealized_pnl=None,
                realized_pnl=None,
            )
            for row in map(self._position, self._held)
            if row.quantity and account == self.account
        )
        self._tell(rows)
        return rows

    # --- orders ---------------------------------------------------------------------------------

    @property
    def client_id(self) -> ClientId:
        """The client id under which orders go out."""
        return self._client_id

    def reserve_order_id(self, *, floor: OrderId) -> OrderId:
        """Take the next order id."""
        if not self.is_open:
            raise NotConnectedError("there is no session to take an order id from")
        order_id = max(floor, self._next_order_id)
        self._next_order_id = order_id + 1
        return OrderId(order_id)

    def check_open(self) -> None:
        """Refuse to go on when the session has ended."""
        if not self.is_open:
            raise NotConnectedError("there is no session", disposition=SendDisposition.UNSENT)

    async def confirm_alive(self) -> None:
        """Say nothing: it lives."""

    def prepare_order(self, ticket: OrderTicket) -> None:
        """Nothing is to be prepared."""

    async def send_order(self, ticket: OrderTicket) -> None:
        """Take an order, or a change of one."""
        await self._enter("send_order")
        self.sent.append(ticket)
        before = self._working.get(ticket.order_id)
        order = BrokerOrder(
            order_id=ticket.order_id,
            client_id=self._client_id,
            perm_id=before.perm_id if before is not None else PermId(self._next_perm_id),
            order_ref=ticket.order_ref,
            account=ticket.account,
            contract=ticket.contract,
            action=ticket.action,
            quantity=ticket.quantity,
            order_type=ticket.order_type.value,
            limit_price=ticket.limit_price,
            stop_price=ticket.stop_price,
            time_in_force=ticket.time_in_force.value,
            status="Submitted",
        )
        self._next_perm_id += before is None
        self._working[order.order_id] = order
        self._tell([OpenOrderSeen(order=order), self._status(order)])
        self._match(order)

    async def send_orders(self, tickets: Sequence[OrderTicket]) -> None:
        """Take several orders."""
        for ticket in tickets:
            await self.send_order(ticket)

    async def send_cancel(self, order_id: OrderId) -> None:
        """Take a cancellation."""
        await self._enter("send_cancel")
        order = self._working.get(order_id)
        if order is None:
            text = "OrderId that needs to be cancelled is not found"
            self._tell([OrderFault(order_id=order_id, code=10147, text=text)])
            return
        self._finish(order, "Cancelled", filled=Decimal(0))
        self._tell([OrderFault(order_id=order_id, code=202, text="Order Canceled")])

    async def what_if(self, ticket: OrderTicket) -> WhatIf:
        """Ask half of what an order costs as margin, and a fee of one; place nothing."""
        await self._enter("what_if")
        price = self.prices.get(ticket.contract.symbol, Decimal(0))
        margin = Figures(
            before=Decimal(0), change=ticket.quantity * price / 2, after=ticket.quantity * price / 2
        )
        worth = Decimal(100_000)
        return WhatIf(
            initial_margin=margin,
            maintenance_margin=margin,
            equity_with_loan=Figures(before=worth, change=Decimal(0), after=worth),
            commission=Decimal(1),
            commission_currency="USD",
        )

    async def open_orders(self) -> tuple[BrokerOrder, ...]:
        """Return every working order."""
        await self._enter("open_orders")
        rows = tuple(self._working.values())
        self._tell(OpenOrderSeen(order=row) for row in rows)
        return rows

    async def completed_orders(self) -> tuple[CompletedOrder, ...]:
        """Return every closed order."""
        await self._enter("completed_orders")
        return tuple(self._closed)

    async def executions(self) -> tuple[Execution, ...]:
        """Return every execution."""
        await self._enter("executions")
        self._tell(self._commission(row) for row in self._executions)
        return tuple(replace(row, recovered=True) for row in self._executions)

    async def request(self, call: Callable[[Any], Awaitable[T]]) -> T:
        """There is no ib_async here: `call` gets this object."""
        await self._enter("request")
        return await call(self)

    # --- inside ---------------------------------------------------------------------------------

    async def _enter(self, name: str) -> None:
        self.calls.append(name)
        self.check_open()
        await asyncio.sleep(0)
        if not self.is_open:
            raise ConnectionLostError(f"the session ended before {name} was answered")
        error, self.fail_next = self.fail_next, None
        if error is not None:
            raise error

    def _tell(self, events: Iterable[GatewayEvent]) -> None:
        for event in events:
            if self.is_open:
                self.sink(event)

    def _known(self, contract: Contract) -> Contract | None:
        symbols = list(self.prices)
        if contract.symbol not in symbols:
            return None
        con_id = ConId(1001 + symbols.index(contract.symbol))
        return replace(stock(contract.symbol), con_id=con_id, primary_exchange="NASDAQ")

    def _match(self, order: BrokerOrder) -> None:
        price = self.prices.get(order.contract.symbol)
        if price is None or not _reaches(order, price):
            return
        execution = Execution(
            exec_id=ExecId(f"0000.{len(self._executions) + 1:04}.01.01"),
            order_id=order.order_id,
            client_id=order.client_id,
            perm_id=order.perm_id,
            order_ref=order.order_ref,
            account=order.account,
            contract=order.contract,
            action=order.action,
            quantity=order.quantity,
            price=price,
            cumulative_quantity=order.quantity,
            average_price=price,
            exchange="NASDAQ",
            time=self._clock.utcnow(),
        )
        self._executions.append(execution)
        known = self._known(order.contract)
        if known is not None and known.con_id is not None:
            sign = 1 if order.action is Action.BUY else -1
            held = self._held.get(known.con_id, Decimal(0))
            self._held[known.con_id] = held + sign * order.quantity
        self._tell([execution])
        self._finish(order, "Filled", filled=order.quantity, price=price)
        self._tell([self._commission(execution)])

    def _finish(
        self, order: BrokerOrder, status: str, *, filled: Decimal, price: Decimal | None = None
    ) -> None:
        del self._working[order.order_id]
        self._closed.append(
            CompletedOrder(
                perm_id=order.perm_id,
                order_ref=order.order_ref,
                account=order.account,
                contract=order.contract,
                action=order.action,
                quantity=order.quantity,
                filled_quantity=filled,
                status=status,
                completed_status=status,
            )
        )
        ended = replace(order, status=status)
        self._tell([self._status(ended, filled=filled, price=price)])

    def _status(
        self, order: BrokerOrder, *, filled: Decimal = Decimal(0), price: Decimal | None = None
    ) -> OrderStatusSeen:
        return OrderStatusSeen(
            order_id=order.order_id,
            client_id=order.client_id,
            perm_id=order.perm_id,
            status=order.status,
            filled=filled,
            remaining=order.quantity - filled,
            average_fill_price=price,
            last_fill_price=price,
        )

    def _position(self, con_id: ConId) -> PositionRow:
        symbol = list(self.prices)[con_id - 1001]
        return PositionRow(
            account=self.account,
            contract=replace(stock(symbol), con_id=con_id),
            quantity=self._held[con_id],
            average_cost=self.prices[symbol],
        )

    @staticmethod
    def _commission(execution: Execution) -> CommissionReported:
        return CommissionReported(
            exec_id=execution.exec_id,
            commission=Decimal(1),
            currency="USD",
            realized_pnl=None,
        )


def _reaches(order: BrokerOrder, price: Decimal) -> bool:
    if order.limit_price is None:
        return order.stop_price is None
    return order.limit_price >= price if order.action is Action.BUY else order.limit_price <= price
