"""What can be asked of the venue, and what it says has happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from .instruments import Instrument
from .records import Allocation, Commission, Execution, Group, Owner, Terms, VenueOrder

__all__ = [
    "AccountChanged",
    "AssignOwner",
    "BustExecution",
    "CancelAll",
    "CancelOrder",
    "Command",
    "CorrectExecution",
    "Event",
    "Executed",
    "ExerciseOption",
    "Halt",
    "HaltChanged",
    "ModifyOrder",
    "OrderChanged",
    "OrderNoted",
    "OrderRefused",
    "OrderStaged",
    "PlaceOrder",
    "PositionChanged",
    "ReleaseQuote",
    "SetQuote",
]

# --- commands -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    """
    Place a new order.

    Args:
        owner: Whose it is.
        account: Where it is booked.
        instrument: What is traded.
        exchange: Where it is routed to.
        terms: What it asks for.
        order_ref: The owner's own name for it.
        transmit: Whether it goes to the market; one that does not waits for a relative that does.
        parent: Permanent id of the order that it is attached to; 0 for none.
        group: The one-cancels-all group that it belongs to.
        allocation: How an advisor divides what is filled.
        note: Carried for the owner.
        rows: The same, for what repeats.
    """

    owner: Owner
    account: str
    instrument: Instrument
    exchange: str
    terms: Terms
    order_ref: str = ""
    transmit: bool = True
    parent: int = 0
    group: Group | None = None
    allocation: Allocation | None = None
    note: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyOrder:
    """Change the terms of a working order, or release one that was not transmitted."""

    perm_id: int
    terms: Terms
    transmit: bool = True
    note: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Cancel a working order."""

    perm_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignOwner:
    """Give an order to another owner: a manual one to the client that binds it."""

    perm_id: int
    owner: Owner


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseQuote:
    """Let an instrument's market follow the tape again."""

    con_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Halt trading in an instrument, or resume it."""

    con_id: int
    halted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectExecution:
    """Say that an execution was at another price or of another size."""

    exec_id: str
    price: Decimal | None = None
    quantity: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BustExecution:
    """Say that an execution never was."""

    exec_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExerciseOption:
    """
    Turn options that are held into what they are options on, or let them lapse.

    Args:
        owner: Whose request it is.
        account: Whose options.
        instrument: The option.
        quantity: How many contracts.
        lapse: Let them lapse instead.
        override: Exercise although it is out of the money.
    """

    owner: Owner
    account: str
    instrument: Instrument
    quantity: Decimal
    lapse: bool = False
    override: bool = False


Command = (
    PlaceOrder
    | ModifyOrder
    | CancelOrder
    | AssignOwner
    | CancelAll
    | SetQuote
    | ReleaseQuote
    | Halt
    | CorrectExecution
    | BustExecution
    | ExerciseOption
)
"""Everything that can be asked of the venue."""


# --- events -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStaged:
    """An order was stored that waits to be transmitted; TWS says nothing of it."""

    order: VenueOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChanged:
    """An order was accepted, changed its status, its fills or its terms."""

    order: VenueOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefused:
    """
    An order, a change or a cancel was not taken: a code and a text as TWS gives them.

    `order` is there when the order had been accepted first (margin), so that it has an identity.
    """

    owner: Owner
    code: int
    text: str
    order: VenueOrder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNoted:
    """Something is said about an order that lives on; `opens` is when it will get to its market."""

    order: VenueOrder
    code: int
    text: str = ""
    opens: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """A trade happened, or one that had happened was corrected."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltChanged:
    """Trading in an instrument was halted, or is resumed."""

    instrument: Instrument
    is_halted: bool


Event = (
    OrderStaged
    | OrderChanged
    | OrderRefused
    | OrderNoted
    | Executed
    | PositionChanged
    | AccountChanged
    | HaltChanged
)
"""Everything that happens at the venue."""
