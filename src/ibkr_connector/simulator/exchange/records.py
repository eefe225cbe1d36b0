"""Commands that go into the venue, events that come out, and the orders and quotes in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .instruments import Instrument

__all__ = [
    "AccountChanged",
    "CancelAll",
    "CancelOrder",
    "Command",
    "Commission",
    "Event",
    "Executed",
    "Execution",
    "ModifyOrder",
    "OrderChanged",
    "OrderRefused",
    "Owner",
    "PlaceOrder",
    "PositionChanged",
    "Quote",
    "SetQuote",
    "Status",
    "Terms",
    "VenueOrder",
]


class Status(StrEnum):
    """Where an order is, in IB's words."""

    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    INACTIVE = "Inactive"

    @property
    def is_open(self) -> bool:
        """Whether the order can still trade."""
        return self in (Status.PRE_SUBMITTED, Status.SUBMITTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The market of one instrument at one moment; a price is `None` when that side is empty."""

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    bid_size: Decimal
    ask_size: Decimal
    last_size: Decimal
    volume: Decimal
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who placed an order; the venue only carries it."""

    client_id: int
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an order asks for; prices are in the instrument's currency."""

    action: str
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: str = "DAY"

    @property
    def is_buy(self) -> bool:
        """Whether it buys."""
        return self.action == "BUY"


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueOrder:
    """
    An order at the venue; `note` is its owner's, and only carried.

    `is_triggered`: it may trade, since it has no stop or its stop was elected. `is_resting`: it
    has met a market that it could not trade with, and stands at its limit since.
    """

    perm_id: int
    owner: Owner
    account: str
    instrument: Instrument
    exchange: str
    terms: Terms
    order_ref: str
    status: Status
    placed_at: datetime
    priority: int
    is_triggered: bool = False
    is_resting: bool = False
    filled: Decimal = Decimal(0)
    average_price: Decimal = Decimal(0)
    last_price: Decimal = Decimal(0)
    closed_at: datetime | None = None
    note: Mapping[str, str] = field(default_factory=dict)

    @property
    def remaining(self) -> Decimal:
        """What is left to trade; what was left when it was closed."""
        return self.terms.quantity - self.filled


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One trade of one order."""

    exec_id: str
    order: VenueOrder
    time: datetime
    exchange: str
    quantity: Decimal
    price: Decimal
    liquidity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """What an execution cost, and what it realised when it closed something."""

    exec_id: str
    amount: Decimal
    currency: str
    realized_pnl: Decimal | None


# --- commands -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    """Place a new order."""

    owner: Owner
    account: str
    instrument: Instrument
    exchange: str
    terms: Terms
    order_ref: str = ""
    note: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyOrder:
    """Change the terms of a working order."""

    perm_id: int
    terms: Terms
    note: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Cancel a working order."""

    perm_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAll:
    """Cancel every working order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetQuote:
    """Hold an instrument's market at these prices until told otherwise; for tests."""

    con_id: int
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None = None
    bid_size: Decimal = Decimal(1_000_000)
    ask_size: Decimal = Decimal(1_000_000)


Command = PlaceOrder | ModifyOrder | CancelOrder | CancelAll | SetQuote
"""Everything that can be asked of the venue."""


# --- events -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChanged:
    """An order was accepted, changed its status, its fills or its terms."""

    order: VenueOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefused:
    """
    An order was not taken: a code and a text as TWS gives them.

    `order` is there when the order had been accepted first (margin), so that it has an identity.
    """

    owner: Owner
    code: int
    text: str
    order: VenueOrder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """A trade happened."""

    execution: Execution
    commission: Commission


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionChanged:
    """An account's position in an instrument is another."""

    account: str
    instrument: Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChanged:
    """An account's money is another."""

    account: str


Event = OrderChanged | OrderRefused | Executed | PositionChanged | AccountChanged
"""Everything that happens at the venue."""
