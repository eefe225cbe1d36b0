"""
What is written down about orders: the ledger changes by these records and by nothing else.

Each note is a fact, with its UTC time and its cause. The journal keeps them in the order in which
they happened; replaying them gives the same ledger, because live events take the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from ibkr_connector.gateway.port import BrokerOrder, OrderTicket
from ibkr_connector.model.ids import ClientId, ExecId, OrderId, PermId
from ibkr_connector.model.orders import Fill, OrderTerms, SendDisposition
from ibkr_connector.model.preview import Decision, RuleVerdict

from .states import Event, State

__all__ = [
    "CHECKPOINT",
    "Changed",
    "Charged",
    "Checkpoint",
    "Decided",
    "Denied",
    "Drifted",
    "Filled",
    "Intended",
    "Learned",
    "Met",
    "Moved",
    "Note",
    "Opened",
    "Refused",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intended:
    """
    An order is about to be sent; enough to recognise it at the broker and to rebuild it.

    `rules` is what let it go: every rule that was set, with what it compared.
    """

    at: datetime
    key: str
    client_id: ClientId
    ticket: OrderTicket
    client_order_id: str | None = None
    correlation_id: str = ""
    cause: str = "place"
    rules: tuple[RuleVerdict, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Who looked at an order before it was placed, and on which facts; written with its intent."""

    at: datetime
    key: str
    decision: Decision
    correlation_id: str = ""
    cause: str = "preview"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """
    A change of an order is about to be sent; what it is now, the broker tells (`Learned`).

    With `unsent` nothing of it was sent, for that reason, and `ticket` is the change before it.
    """

    at: datetime
    key: str
    ticket: OrderTicket | None
    correlation_id: str = ""
    cause: str = "modify"
    rules: tuple[RuleVerdict, ...] = ()
    unsent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """An order that somebody else placed was seen at the broker."""

    at: datetime
    key: str
    order: BrokerOrder
    correlation_id: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A step of the table; `disposition` is set where the step says how far the bytes got."""

    at: datetime
    key: str
    event: Event
    source: State
    target: State
    reason: str = ""
    code: int | None = None
    disposition: SendDisposition | None = None
    correlation_id: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """The broker told a fact of the order; `None` means that it said nothing new."""

    at: datetime
    key: str
    perm_id: PermId | None = None
    quantity: Decimal | None = None
    stated_filled: Decimal | None = None
    stated_average: Decimal | None = None
    reason: str | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: str | None = None
    outside_regular_hours: bool | None = None
    terms: OrderTerms | None = None
    correlation_id: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """An execution; one with a higher revision replaces, and with quantity 0 takes back."""

    at: datetime
    key: str
    fill: Fill
    correlation_id: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """What an execution cost; `key` is empty while the execution itself is not known yet."""

    at: datetime
    key: str
    exec_id: ExecId
    commission: Decimal | None
    currency: str
    realized_pnl: Decimal | None
    correlation_id: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Something was said that cannot be; it was counted and changed nothing."""

    at: datetime
    key: str
    state: State
    said: str
    correlation_id: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """We said no to an order before it had a number: kept for the audit only."""

    at: datetime
    key: str
    error: str
    reason: str
    order: str
    client_order_id: str | None = None
    correlation_id: str = ""
    cause: str = "place"
    rules: tuple[RuleVerdict, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A process took the journal; what it had not settled before is uncertain from here on."""

    at: datetime
    key: str = ""
    correlation_id: str = ""
    cause: str = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drifted:
    """The ledger and the broker were found to differ; for the audit, it changes nothing."""

    at: datetime
    key: str
    kind: str
    subject: str
    ours: str
    brokers: str
    correlation_id: str = ""
    cause: str = "drift check"


CHECKPOINT: Final = "checkpoint"
"""The key of checkpoints, by which a start finds the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """
    Orders have left memory: a start needs what comes from here on, and all of what is `live`.

    `highest` is the largest order id of each client id, since ids never go back.
    """

    at: datetime
    live: tuple[str, ...]
    highest: Mapping[ClientId, OrderId]
    key: str = CHECKPOINT
    correlation_id: str = ""
    cause: str = "retention"


Note = (
    Intended
    | Checkpoint
    | Decided
    | Changed
    | Met
    | Moved
    | Learned
    | Filled
    | Charged
    | Refused
    | Denied
    | Drifted
    | Opened
)
"""Everything that is written down."""
