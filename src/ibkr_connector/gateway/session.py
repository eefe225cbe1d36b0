"""
One logged-in connection: the calls of the ports, on one socket, until it ends.

Owns the life of the session and how each question is asked. Has no deadlines, no retries and no
pacing: whoever cancels a call finds the tables as they were before, and the gateway told to stop
where it can be told. When the session ends, every open call fails at once.
"""

# mypy: disallow-untyped-calls=False
# ib_async's request methods and callbacks are not typed.

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final, Self, TypeVar

from ib_async.ib import IB
from ib_async.objects import ExecutionFilter

from ibkr_connector.clock import Clock
from ibkr_connector.errors import IBKRError, NoDataError, NotConnectedError
from ibkr_connector.model.account import AccountValue
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.ids import ClientId, OrderId
from ibkr_connector.model.market import BarSeries, DataType, Quote
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.model.preview import WhatIf

from . import translate
from .account_subscriptions import AccountSubscriptions
from .adoption import adopt
from .asking import ask
from .bar_columns import BarRows
from .capture import Capture
from .client import GatewayClient
from .combo_echo import ComboEcho
from .data_calls import DataCalls
from .exercise import exercise_fields
from .faults import lost
from .hatch import use_hatch
from .holdings import quantity_of
from .login import log_in
from .outlet import Outlet
from .plain_tickets import order_message
from .port import (
    BrokerOrder,
    CompletedOrder,
    DisconnectReason,
    Execution,
    GatewayEvent,
    OrderTicket,
    PortfolioRow,
    PositionRow,
    SessionEnded,
    SessionInfo,
)
from .quoting import take_snapshot
from .streams import Streams
from .times import BadTimeError, date_text, zone_of_greeting
from .what_if import ask_what_if
from .wrapper import GatewayWrapper

__all__ = ["Session"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

_EPOCH_SECONDS: Final = 2
"""`formatDate` that gives times without a zone to misread (IB campus: historical bars)."""

_CLOSE_WITHIN_S: Final = 1.0


class Session:
    """
    Implements the ports of `gateway.port` over one socket; made by `Session.open`.

    `sink` is called on the session's loop with each event in the order of the wire.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        client_id: ClientId,
        clock: Clock,
        sink: Callable[[GatewayEvent], None],
        request_timeout_s: float,
        capture: Capture | None = None,
        outlet: Outlet | None = None,
    ) -> None:
        self._clock = clock
        self._combos = ComboEcho(client_id)
        self._sink = sink
        self._info: SessionInfo | None = None
        self._address = (host, port, client_id)
        self._ib = IB()
        # An abandoned question without an id may still be answered; for how long is a guess, and
        # the time that any call may take is the best there is.
        self._wrapper = GatewayWrapper(self._ib, clock=clock, sink=sink, grace_s=request_timeout_s)
        self._wrapper.on_combination = self._combos.shown
        self._client = GatewayClient(
            self._wrapper,
            on_end=self._ended,
            tap=None if capture is None else capture.tap(),
            outlet=outlet,
        )
        self.accounts = AccountSubscriptions(self._client, self._wrapper)
        self.streams = Streams(self._client, self._wrapper, clock=clock)
        self.data = DataCalls(self._client, self._wrapper, streams=self.streams, clock=clock)
        self.streams.on_lost = self.accounts.forget
        self._wrapper.on_data_lost = self.streams.forget
        adopt(self._ib, wrapper=self._wrapper, client=self._client, client_id=client_id)

    @classmethod
    async def open(
        cls,
        *,
        host: str,
        port: int,
        client_id: ClientId,
        clock: Clock,
        sink: Callable[[GatewayEvent], None],
        connect_timeout_s: float,
        request_timeout_s: float,
        capture: Capture | None = None,
        outlet: Outlet | None = None,
    ) -> Self:
        """
        Connect and log in; nothing is asked for, and nothing is left behind by a failure.

        Args:
            host: Name or address of the gateway.
            port: Its API port.
            client_id: Whose orders these will be.
            clock: Time of the events' stamps and of `last_received`.
            sink: Takes every event.
            connect_timeout_s: For everything together, from the name to the login.
            request_timeout_s: How long the answer of an abandoned question may still come.
            capture: Hears every message, when it is on.

        Raises:
            GatewayUnavailableError: Nobody listens, the host is not known, or it is no gateway.
            AuthenticationError: It greets and does not log in.
            ClientIdInUseError: Another program has the client id (IB 326); at once.
            ConfigurationError: It is older than the oldest version we speak.
        """
        session = cls(
            host=host,
            port=port,
            client_id=client_id,
            clock=clock,
            sink=sink,
            request_timeout_s=request_timeout_s,
            capture=capture,
            outlet=outlet,
        )
        await session._connect(connect_timeout_s)
        return session

    async def _connect(self, budget_s: float) -> None:
        host, port, client_id = self._address
        self._info = await log_in(
            self._client,
            host=host,
            port=port,
            client_id=client_id,
            clock=self._clock,
            budget_s=budget_s,
        )
        self._wrapper.requests.keep_clear_of(self._client.next_id)
        try:
            self._wrapper.login_zone = zone_of_greeting(self._client.greeting)
        except BadTimeError as exc:
            _log.warning("times without a zone will be read as UTC: %s", exc)

    # --- life -----------------------------------------------------------------------------------

    @property
    def info(self) -> SessionInfo:
        """Facts of the login."""
        if self._info is None:
            raise NotConnectedError("the session was never open")
        return self._info

    @property
    def client_id(self) -> ClientId:
        """The client id under which orders go out."""
        return self._address[2]

    @property
    def is_open(self) -> bool:
        """Whether the socket is up as far as is known."""
        return bool(self._client.isReady())

    @property
    def last_received(self) -> float:
        """`clock.monotonic()` of the last inbound byte."""
        return self._wrapper.last_received

    @property
    def open_calls(self) -> int:
        """How many questions wait for an answer; zero when idle."""
        listings = sum(listing.is_awaited for listing in self._wrapper.listings)
        return len(self._wrapper.requests) + len(self._wrapper.what_ifs) + listings

    async def probe(self) -> float:
        """Ask for the time and return the round trip in seconds."""
        asked = self._clock.monotonic()
        await self._wrapper.now.ask(self._client.reqCurrentTime)
        return self._clock.monotonic() - asked

    def abort(self, reason: str) -> None:
        """Cut the socket now, because the gateway is silent; `reason` goes into the event."""
        self._client.end(DisconnectReason.SILENT, reason)

    async def aclose(self) -> None:
        """Let written bytes leave, then close; idempotent, and bounded in time."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_WITHIN_S):
                    await self._client.conn.flushed()
        finally:
            # also when whoever closes is cancelled: a socket left open keeps the client id taken
            self._client.end(DisconnectReason.ASKED, "closed by us")
        await self._client.closed()

    def _ended(self, reason: DisconnectReason, detail: str) -> None:
        self._wrapper.end_all()
        self.accounts.pnl.end_all()
        self._wrapper.what_ifs.fail_all(lost("what_if"))
        if self._info is not None:
            self._sink(SessionEnded(reason=reason, detail=detail))

    # --- contracts and prices -------------------------------------------------------------------

    async def contract_details(self, contract: Contract) -> tuple[ContractDetails, ...]:
        """
        Look up everything that fits the description.

        Raises:
            ContractNotFoundError: Nothing fits (TWS 200).
        """
        asked = translate.ib_contract(contract)
        rows: list[ContractDetails] = await ask(
            self._client,
            self._wrapper.requests,
            "contract_details",
            send=lambda number: self._client.reqContractDetails(number, asked),
        )
        return tuple(rows)

    async def quote(
        self, contract: Contract, *, data_type: DataType, awaits_greeks: bool = False
    ) -> Quote:
        """
        Take one snapshot of a qualified contract.

        Returns when bid, ask and last are known and no more ticks come for a moment; what has not
        come by then is `None`. TWS itself ends a snapshot after about 11 s.

        Raises:
            MarketDataPermissionError: No subscription (TWS 354, 10089, 10168, 10186).
            NoDataError: The snapshot ended without a single price.
        """
        self.streams.choose(data_type)
        snapshot = await take_snapshot(
            contract,
            client=self._client,
            requests=self._wrapper.requests,
            data_type=data_type,
            awaits_greeks=awaits_greeks,
        )
        return snapshot.quote(self._clock.utcnow())

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
        """
        Fetch one historical request's bars, oldest first.

        Raises:
            NoDataError: The request is fine and there are no bars (TWS 162 with that text).
            HistoricalDataError: Refused (TWS 162, 321 and others).
            PacingError: Asked too often (TWS 162 with that text, 420).
        """
        asked = translate.ib_contract(contract)
        until = "" if end is None else date_text(end)
        told: list[BarRows] = await ask(
            self._client,
            self._wrapper.requests,
            "bars",
            send=lambda number: self._client.reqHistoricalData(
                number, asked, until, duration, bar_size, what_to_show, regular_hours_only,
                _EPOCH_SECONDS, False, [],  # noqa: FBT003  # IB's order
            ),
            stop=self._client.cancelHistoricalData,
        )  # fmt: skip
        rows = told[-1]
        if not rows.columns:
            raise NoDataError(f"no bars of {bar_size} for {duration}")
        return BarSeries.of_columns(
            rows.columns,
            contract=contract,
            bar_size=bar_size,
            what_to_show=what_to_show,
            make=rows.records,
        )

    # --- accounts -------------------------------------------------------------------------------

    async def account_values(self) -> tuple[AccountValue, ...]:
        """
        Return the summary figures of every account.

        The first call opens the one subscription; later ones return what it has told since, which
        TWS renews every three minutes and cannot be asked to renew sooner.
        """
        return await self.accounts.summary()

    async def positions(self) -> tuple[PositionRow, ...]:
        """Return what every account holds; rows of closed positions are left out."""
        return tuple(filter(quantity_of, await self._wrapper.held.ask(self._client.reqPositions)))

    async def portfolio(self, account: str) -> tuple[PortfolioRow, ...]:
        """
        Open the account window of one account and return its rows, with market prices.

        TWS keeps one account window per connection: another account replaces this one (2100).
        """
        return await self.accounts.portfolio(account)

    # --- orders ---------------------------------------------------------------------------------

    def reserve_order_id(self, *, floor: OrderId) -> OrderId:
        """
        Take the next order id, never below `floor` and never one that was given out before.

        Raises:
            NotConnectedError: There is no session to take it from.
        """
        if not self.is_open:
            raise NotConnectedError("there is no session to take an order id from")
        self._client.updateReqId(floor)
        return OrderId(self._client.getReqId())

    def check_open(self) -> None:
        """Refuse to go on when the session has ended; it asks nothing."""
        if not self.is_open:
            raise NotConnectedError("there is no session", disposition=SendDisposition.UNSENT)

    async def confirm_alive(self) -> None:
        """Refuse to go on when the session has ended; it asks nothing."""
        self.check_open()

    async def send_order(self, ticket: OrderTicket) -> None:
        """
        Write one order and return when its bytes have left the process.

        Raises:
            NotConnectedError: Nothing was handed to the socket (`disposition` is `unsent`).
            ConnectionLostError: The socket ended meanwhile (`disposition` is `maybe_written`).
            OrderValidationError: A field cannot be written; nothing was sent.
        """
        await self.send_orders((ticket,))

    async def send_orders(self, tickets: Sequence[OrderTicket]) -> None:
        """Write several orders in one piece, nothing in between; otherwise as `send_order`."""
        version, messages = self._client.serverVersion(), list[str]()
        try:
            for ticket in tickets:
                plain = order_message(ticket, version)
                messages += self._in_words(ticket) if plain is None else (plain,)
        except IBKRError as error:
            error.disposition = SendDisposition.UNSENT
            raise
        # The ids are used from now on, whoever chose them.
        self._client.updateReqId(max(ticket.order_id for ticket in tickets) + 1)
        await self._client.write_through(messages)

    def _in_words(self, ticket: OrderTicket) -> list[str]:
        """Return the message of an order as ib_async writes it."""
        with self._client.hold() as messages:
            if ticket.terms.exercise is not None:
                self._client.exerciseOptions(*exercise_fields(ticket))
            else:
                order = translate.ib_order(ticket, client_id=self.client_id)
                contract = translate.ib_contract(self._combos.contract_of(ticket))
                self._client.placeOrder(ticket.order_id, contract, order)
        return messages

    async def what_if(self, ticket: OrderTicket) -> WhatIf:
        """Ask what an order would do, without placing it; see `ask_what_if`."""
        client, table = self._client, self._wrapper.what_ifs
        return await ask_what_if(client, table, ticket, client_id=self.client_id, clock=self._clock)

    async def send_cancel(self, order_id: OrderId) -> None:
        """Write one cancellation; the broker's verdict comes as events. Safe to repeat."""
        with self._client.hold() as messages:
            self._client.cancelOrder(order_id)
        await self._client.write_through(messages)

    async def open_orders(self) -> tuple[BrokerOrder, ...]:
        """Return every open order the gateway shows, those of other clients included."""
        return await self._wrapper.open_orders.ask(self._client.reqAllOpenOrders)

    async def completed_orders(self) -> tuple[CompletedOrder, ...]:
        """Return the orders closed today, those of other clients included."""
        return await self._wrapper.completed.ask(
            lambda: self._client.reqCompletedOrders(False)  # noqa: FBT003  # IB's only argument
        )

    async def executions(self) -> tuple[Execution, ...]:
        """Return today's executions, `recovered` set; their commissions come as events."""
        rows: list[Execution] = await ask(
            self._client,
            self._wrapper.requests,
            "executions",
            send=lambda number: self._client.reqExecutions(number, ExecutionFilter()),
        )
        return tuple(rows)

    # --- everything else ------------------------------------------------------------------------

    async def request(self, call: Callable[[Any], Awaitable[T]]) -> T:
        """
        Run `call(ib)` on the session's own ib_async `IB`, errors translated.

        That `ib` knows what was asked through it and nothing else: our own traffic does not fill
        its lists of trades and fills. Limit: a cancelled call sends no cancellation to the gateway.

        Raises:
            IBKRError: In place of every error of ib_async, asyncio and the system.
        """
        if not self.is_open:
            raise NotConnectedError("there is no session")
        return await use_hatch(lambda: self._wrapper.hatch, lambda: call(self._ib))
