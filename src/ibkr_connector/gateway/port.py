"""
What the desks need from a gateway, and the records in which the gateway speaks.

Commands go down as the calls of the protocols below; each ends exactly once, with a value or one
of our errors. Evidence comes up as the frozen records of `GatewayEvent`, handed to the one sink
that the session was made with. Whoever implements the protocols passes `tests/conformance`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol, Self, TypeVar

from ibkr_connector.model.account import AccountValue, FigureSource
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.ids import ClientId, ExecId, OrderId, PermId
from ibkr_connector.model.market import BarSeries, DataType, Quote
from ibkr_connector.model.orders import Action, OrderTerms, OrderType, TimeInForce
from ibkr_connector.model.preview import WhatIf
from ibkr_connector.model.terms import NO_TERMS

from .holdings import HoldingKey, HoldingsTold, PortfolioRow, PositionRow

__all__ = [
    "AccountGateway",
    "BrokerOrder",
    "CommissionReported",
    "CompletedOrder",
    "ContractGateway",
    "DisconnectReason",
    "Execution",
    "FigureKey",
    "FiguresTold",
    "GatewayEvent",
    "GatewayNotice",
    "HoldingKey",
    "HoldingsTold",
    "MarketGateway",
    "MessageUnreadable",
    "OpenOrderSeen",
    "OrderFault",
    "OrderGateway",
    "OrderStatusSeen",
    "OrderTicket",
    "PortfolioRow",
    "PositionRow",
    "RawGateway",
    "SessionEnded",
    "SessionInfo",
]

T = TypeVar("T")

FigureKey = tuple[str, str, str]
"""An account, the tag of a figure, and its currency."""


# --- records that go down -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTicket:
    """
    An order ready for the wire: validated, contract qualified, id and reference reserved.

    The same ticket with the same `order_id` sent again is a modification (TWS knows no other
    verb). `transmit=False` stages the order without sending it on.
    `reckoned` is about how many units an order for an amount of cash comes to; it is not sent.
    """

    order_id: OrderId
    order_ref: str
    contract: Contract
    action: Action
    quantity: Decimal
    order_type: OrderType
    limit_price: Decimal | None
    stop_price: Decimal | None
    time_in_force: TimeInForce
    outside_regular_hours: bool
    account: str
    transmit: bool = True
    parent_id: OrderId | None = None
    terms: OrderTerms = NO_TERMS
    reckoned: Decimal | None = None


# --- records that come up -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOrder:
    """An order as the broker describes it (`openOrder`, or a row of an open-orders answer)."""

    order_id: OrderId
    client_id: ClientId
    perm_id: PermId | None
    order_ref: str
    account: str
    contract: Contract
    action: Action
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None
    stop_price: Decimal | None
    time_in_force: str
    status: str
    reject_reason: str = ""
    warning: str = ""
    outside_regular_hours: bool = False
    parent_id: OrderId | None = None
    terms: OrderTerms = NO_TERMS


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedOrder:
    """
    A closed order as the broker remembers it.

    The wire carries no order id and no client id here, and quantities may be missing although
    the order was filled: identity is `perm_id`, then `order_ref`.
    """

    perm_id: PermId | None
    order_ref: str
    account: str
    contract: Contract
    action: Action
    quantity: Decimal | None
    filled_quantity: Decimal | None
    status: str
    completed_status: str = ""
    reject_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """
    One execution report; `order_id` is 0 for orders typed into TWS, `recovered` means that it came
    as an answer to a query, and `is_liquidation` that the broker closed a position by itself.
    """

    exec_id: ExecId
    order_id: OrderId
    client_id: ClientId
    perm_id: PermId | None
    order_ref: str
    account: str
    contract: Contract
    action: Action
    quantity: Decimal
    price: Decimal
    cumulative_quantity: Decimal | None
    average_price: Decimal | None
    exchange: str
    time: datetime
    recovered: bool = False
    is_liquidation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatusSeen:
    """An `orderStatus` message; `status` is the broker's word, also when it is new to us."""

    order_id: OrderId
    client_id: ClientId
    perm_id: PermId | None
    status: str
    filled: Decimal
    remaining: Decimal
    average_fill_price: Decimal | None
    last_fill_price: Decimal | None = None
    parent_id: OrderId | None = None
    why_held: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrderSeen:
    """An `openOrder` message that came by itself."""

    order: BrokerOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionReported:
    """What one execution cost; a figure that the broker left open is `None`."""

    exec_id: ExecId
    commission: Decimal | None
    currency: str
    realized_pnl: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFault:
    """An error message that names an order; what it proves is said in `codes.py`."""

    order_id: OrderId
    code: int
    text: str
    advanced_reject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayNotice:
    """A message that belongs to no request: farms, link to IB, warnings."""

    code: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageUnreadable:
    """
    A message whose fields do not fit; `fields` are as they came, with what names the user.

    `listing` names the question without an id of which it is a row, or news after the answer.
    """

    fields: tuple[str, ...]
    reason: str
    listing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FiguresTold:
    """Figures of one account that came one behind the other, from the summary or its window."""

    account: str
    source: FigureSource
    values: Mapping[FigureKey, AccountValue]

    @classmethod
    def of(cls, value: AccountValue) -> Self:
        """Make one of a single figure."""
        key = (value.account, value.tag, value.currency)
        return cls(account=value.account, source=value.source, values={key: value})

    def has(self, tag: str) -> bool:
        """Whether a figure of this tag is among them."""
        return any(told == tag for _, told, _ in self.values)


class DisconnectReason(StrEnum):
    """Why a session ended."""

    ASKED = "asked"
    """We closed it."""

    PEER = "peer"
    """The gateway closed the socket, or the network did."""

    SILENT = "silent"
    """A heartbeat stayed unanswered, so we closed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded:
    """The session is over; every pending call of it has been failed already."""

    reason: DisconnectReason
    detail: str = ""


GatewayEvent = (
    OrderStatusSeen
    | OpenOrderSeen
    | Execution
    | CommissionReported
    | OrderFault
    | GatewayNotice
    | MessageUnreadable
    | PositionRow
    | PortfolioRow
    | HoldingsTold
    | FiguresTold
    | SessionEnded
)
"""Everything that a session says without having been asked, in the order of the wire."""


# --- calls that go down -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """Facts of a logged-in session."""

    host: str
    port: int
    client_id: ClientId
    server_version: int
    accounts: tuple[str, ...]
    connected_since: datetime


class ContractGateway(Protocol):
    """Looks contracts up."""

    async def contract_details(self, contract: Contract) -> tuple[ContractDetails, ...]:
        """
        Look up everything that fits the description.

        Raises:
            ContractNotFoundError: Nothing fits (TWS 200).
        """
        ...


class MarketGateway(Protocol):
    """Asks for prices."""

    async def quote(
        self, contract: Contract, *, data_type: DataType, awaits_greeks: bool = False
    ) -> Quote:
        """Take one snapshot of a qualified contract; raises what `Session.quote` does."""
        ...

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
        ...


class AccountGateway(Protocol):
    """Asks for accounts and positions."""

    async def account_values(self) -> tuple[AccountValue, ...]:
        """Return the summary figures of every account; opens the one summary subscription."""
        ...

    async def positions(self) -> tuple[PositionRow, ...]:
        """Return what every account holds; rows of closed positions are left out."""
        ...

    async def portfolio(self, account: str) -> tuple[PortfolioRow, ...]:
        """
        Open the account window of one account and return its rows, with market prices.

        TWS keeps one account window per connection: another account replaces this one (2100).
        Changes come as `PortfolioRow` events.
        """
        ...


class OrderGateway(Protocol):
    """Carries orders to the broker and asks what the broker knows."""

    @property
    def client_id(self) -> ClientId:
        """The client id under which orders go out."""
        ...

    def reserve_order_id(self, *, floor: OrderId) -> OrderId:
        """
        Take the next order id, never below `floor` and never one that was given out before.

        Raises:
            NotConnectedError: There is no session to take it from.
        """
        ...

    def check_open(self) -> None:
        """Raise `NotConnectedError` (`unsent`) when there is no session; asks nobody."""
        ...

    async def confirm_alive(self) -> None:
        """
        Refuse to go on when nobody is there to take an order; asked right before the last checks.

        Raises:
            NotConnectedError: There is no session, or its gateway is silent (`unsent`).
        """
        ...

    def prepare_order(self, ticket: OrderTicket) -> None:
        """Make ready what can be of an order that is sent soon, silently and sending nothing."""

    async def send_order(self, ticket: OrderTicket) -> None:
        """
        Write one order and return when its bytes have left the process.

        Raises:
            NotConnectedError: Nothing was handed to the socket (`unsent`).
            ConnectionLostError: The socket ended meanwhile (`disposition` is `maybe_written`).
        """
        ...

    async def send_orders(self, tickets: Sequence[OrderTicket]) -> None:
        """Write several orders in one piece, nothing between, and return as `send_order` does."""

    async def send_cancel(self, order_id: OrderId) -> None:
        """Write one cancellation; the broker's verdict comes as events. Safe to repeat."""
        ...

    async def what_if(self, ticket: OrderTicket) -> WhatIf:
        """
        Ask what an order would do; it is never placed, and the id of its ticket is used up.

        Returns when the margins are known, or the refusal; what has not come by then is `None`.

        Raises:
            NotConnectedError, ConnectionLostError: The session is over.
            OrderValidationError: A field cannot be written; nothing was sent.
        """
        ...

    async def open_orders(self) -> tuple[BrokerOrder, ...]:
        """Return every open order the gateway shows, those of other clients included."""
        ...

    async def completed_orders(self) -> tuple[CompletedOrder, ...]:
        """Return the orders closed today, those of other clients included."""
        ...

    async def executions(self) -> tuple[Execution, ...]:
        """
        Return today's executions, `recovered` set; their commissions come as events.
        """
        ...


class RawGateway(Protocol):
    """The escape hatch."""

    async def request(self, call: Callable[[Any], Awaitable[T]]) -> T:
        """Run `call(ib)` on the session's own ib_async `IB`, errors translated."""
        ...
