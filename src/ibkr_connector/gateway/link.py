"""
The ports for the engine's life: whoever holds the link need not know which session is current.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from ibkr_connector.errors import NotConnectedError
from ibkr_connector.model.account import AccountValue
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.ids import ClientId, OrderId
from ibkr_connector.model.market import BarSeries, DataType, Quote
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.model.preview import WhatIf

from .account_asking import AccountQuestions
from .account_port import PnLLine, PnLListener, PnLRequest
from .data_calls import DataCalls
from .plain_tickets import prepare
from .port import (
    BrokerOrder,
    CompletedOrder,
    Execution,
    OrderTicket,
    PortfolioRow,
    PositionRow,
)
from .session import Session
from .stream_port import StreamLine, StreamListener, StreamRequest

__all__ = ["GatewayLink"]

T = TypeVar("T")


class GatewayLink:
    """
    Hands every call of the ports to the current session.

    Without one, every call raises `NotConnectedError` before anything is sent. Order ids go on
    from the last one given out, whichever session gave it. `is_fresh` tells whether the gateway
    is known to live, asking it if need be.
    """

    def __init__(self, *, is_fresh: Callable[[], Awaitable[bool]] | None = None) -> None:
        self._session: Session | None = None
        self._is_fresh = is_fresh
        self.on_executions: Callable[[tuple[Execution, ...]], None] = lambda _: None
        self._client_id: ClientId | None = None
        self._next_order_id = OrderId(1)

    @property
    def session(self) -> Session | None:
        """The current session, if there is one."""
        return self._session

    def attach(self, session: Session) -> None:
        """Use this session from now on."""
        self._session = session
        self._client_id = session.client_id

    def detach(self) -> None:
        """Use none from now on; calls under way go on with theirs. Idempotent."""
        self._session = None

    def _current(self) -> Session:
        if self._session is None or not self._session.is_open:
            raise NotConnectedError(
                "there is no connection to the gateway", disposition=SendDisposition.UNSENT
            )
        return self._session

    # --- the ports, as in `gateway.port` --------------------------------------------------------

    async def contract_details(self, contract: Contract) -> tuple[ContractDetails, ...]:
        """Look up everything that fits the description."""
        return await self._current().contract_details(contract)

    async def quote(
        self, contract: Contract, *, data_type: DataType, awaits_greeks: bool = False
    ) -> Quote:
        """Take one snapshot of a qualified contract."""
        return await self._current().quote(
            contract, data_type=data_type, awaits_greeks=awaits_greeks
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
        """Fetch one historical request's bars, oldest first."""
        return await self._current().bars(
            contract,
            duration=duration,
            bar_size=bar_size,
            what_to_show=what_to_show,
            end=end,
            regular_hours_only=regular_hours_only,
        )

    @property
    def data(self) -> DataCalls:
        """Questions about data that are neither quotes nor bars."""
        return self._current().data

    def needs_data_type(self, request: StreamRequest) -> bool:
        """Whether opening this line takes a second message, that which chooses the data type."""
        return self._current().streams.needs_data_type(request)

    def open_stream(self, request: StreamRequest, listener: StreamListener) -> StreamLine:
        """Ask for a stream; its data and faults go to the listener."""
        return self._current().streams.open(request, listener)

    def open_pnl(self, request: PnLRequest, listener: PnLListener) -> PnLLine:
        """Ask for profit and loss, again and again as it changes."""
        return self._current().accounts.pnl.open(request, listener)

    @property
    def accounts(self) -> AccountQuestions:
        """Questions about models and an advisor's lists."""
        return self._current().accounts.questions

    async def account_values(self) -> tuple[AccountValue, ...]:
        """Return the summary figures of every account."""
        return await self._current().account_values()

    async def positions(self) -> tuple[PositionRow, ...]:
        """Return what every account holds."""
        return await self._current().positions()

    async def portfolio(self, account: str) -> tuple[PortfolioRow, ...]:
        """Open the account window of one account and return its rows."""
        return await self._current().portfolio(account)

    @property
    def client_id(self) -> ClientId:
        """The client id under which orders go out; that of the last session while there is none."""
        if self._client_id is None:
            raise NotConnectedError("there has been no connection to the gateway yet")
        return self._client_id

    def reserve_order_id(self, *, floor: OrderId) -> OrderId:
        """Take the next order id."""
        floor = max(floor, self._next_order_id)
        order_id = self._current().reserve_order_id(floor=floor)
        self._next_order_id = OrderId(order_id + 1)
        return order_id

    def check_open(self) -> None:
        """Refuse to go on when there is no session."""
        self._current()

    async def confirm_alive(self) -> None:
        """Refuse to go on when the gateway has been silent for long and does not answer."""
        session = self._current()
        if self._is_fresh is None or await self._is_fresh():
            # another session that came meanwhile has not been compared with the broker yet
            if session is self._session:
                return
            raise NotConnectedError(
                "the session ended before anything was sent", disposition=SendDisposition.UNSENT
            )
        raise NotConnectedError(
            "the gateway does not answer; nothing was sent",
            disposition=SendDisposition.UNSENT,
            hint="it hangs, or the way to it is cut; the connection is being checked",
        )

    def prepare_order(self, ticket: OrderTicket) -> None:
        """Put an order into its words, if there is a session that knows how."""
        if self._session is not None:
            prepare(ticket, self._session.info.server_version)

    async def send_order(self, ticket: OrderTicket) -> None:
        """Write one order and return when its bytes have left the process."""
        await self._current().send_orders((ticket,))

    async def send_orders(self, tickets: Sequence[OrderTicket]) -> None:
        """Write several orders in one piece."""
        await self._current().send_orders(tickets)

    async def what_if(self, ticket: OrderTicket) -> WhatIf:
        """Ask what an order would do, without placing it."""
        return await self._current().what_if(ticket)

    async def send_cancel(self, order_id: OrderId) -> None:
        """Write one cancellation."""
        await self._current().send_cancel(order_id)

    async def open_orders(self) -> tuple[BrokerOrder, ...]:
        """Return every open order the gateway shows."""
        return await self._current().open_orders()

    async def completed_orders(self) -> tuple[CompletedOrder, ...]:
        """Return the orders closed today."""
        return await self._current().completed_orders()

    async def executions(self) -> tuple[Execution, ...]:
        """Return today's executions."""
        rows = await self._current().executions()
        self.on_executions(rows)
        return rows

    async def request(self, call: Callable[[Any], Awaitable[T]]) -> T:
        """Run `call(ib)` on the current session's `IB`."""
        return await self._current().request(call)
