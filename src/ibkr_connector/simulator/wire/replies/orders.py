"""What the gateway says about orders and executions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from ibkr_connector.simulator.wire.contracts import CONTRACT_HELD, CONTRACT_NO_PRIMARY, WireContract
from ibkr_connector.simulator.wire.fields import (
    DOUBLE,
    FLAG,
    OPTIONAL_INTEGER,
    OPTIONAL_NUMBER,
    UNSET_NUMBER,
)
from ibkr_connector.simulator.wire.layout import Nested, Rows, Since
from ibkr_connector.simulator.wire.orders import COMPLETED_ORDER, OPEN_ORDER
from ibkr_connector.simulator.wire.plain import Field
from ibkr_connector.simulator.wire.tables import (
    ORDER_ID,
    REQUEST_ID,
    Reply,
    numbers,
    texts,
    versioned,
    whole,
)
from ibkr_connector.simulator.wire.versions import Version

__all__ = [
    "ROWS",
    "CommissionReport",
    "CompletedOrder",
    "CompletedOrdersEnd",
    "ExecDetails",
    "ExecDetailsEnd",
    "NextValidId",
    "OpenOrder",
    "OpenOrderEnd",
    "OrderBound",
    "OrderStatus",
    "SoftDollarTier",
    "SoftDollarTiers",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatus:
    """Where an order is."""

    order_id: int
    status: str
    filled: Decimal
    remaining: Decimal
    average_price: Decimal
    perm_id: int
    parent_id: int
    last_price: Decimal
    client_id: int
    why_held: str = ""
    market_cap_price: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """An order with everything that is known of it; status and margins are among the texts."""

    order_id: int
    contract: WireContract
    texts: Mapping[str, str]
    groups: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrderEnd:
    """All open orders were sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedOrder:
    """A closed order; the wire has no order id and no client id for it."""

    contract: WireContract
    texts: Mapping[str, str]
    groups: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedOrdersEnd:
    """All completed orders were sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBound:
    """A manual order got an API id."""

    perm_id: int
    client_id: int
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecDetails:
    """One execution; `request_id` is -1 when it came by itself."""

    request_id: int
    order_id: int
    contract: WireContract
    exec_id: str
    time: str
    account: str
    exchange: str
    side: str
    shares: Decimal
    price: Decimal
    perm_id: int
    client_id: int
    liquidation: int
    cumulative: Decimal
    average_price: Decimal
    order_ref: str = ""
    ev_rule: str = ""
    ev_multiplier: Decimal | None = None
    model: str = ""
    last_liquidity: int = 0
    pending_price_revision: bool = False
    submitter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecDetailsEnd:
    """All executions asked for were sent."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionReport:
    """What an execution cost."""

    exec_id: str
    commission: Decimal
    currency: str
    realized_pnl: Decimal | None = None
    bond_yield: Decimal | None = None
    yield_redemption_date: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NextValidId:
    """The smallest order id that may be used."""

    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftDollarTier:
    """A tier by its name, value and what windows show."""

    name: str
    value: str
    display_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftDollarTiers:
    """The tiers that orders may name."""

    request_id: int
    tiers: tuple[SoftDollarTier, ...]


_CONTRACT: Final = Nested("contract", WireContract, CONTRACT_NO_PRIMARY)

ROWS: Final[Mapping[Callable[..., Any], Reply]] = {
    OrderStatus: Reply(
        3,
        (
            ORDER_ID,
            *texts("status"),
            *numbers("filled", "remaining", "average_price"),
            *whole("perm_id", "parent_id"),
            *numbers("last_price"),
            *whole("client_id"),
            *texts("why_held"),
            *numbers("market_cap_price"),
        ),
    ),
    OpenOrder: Reply(5, (ORDER_ID, _CONTRACT, *OPEN_ORDER)),
    NextValidId: Reply(9, versioned(1, ORDER_ID)),
    ExecDetails: Reply(
        11,
        (
            REQUEST_ID,
            ORDER_ID,
            Nested("contract", WireContract, CONTRACT_HELD),
            *texts("exec_id", "time", "account", "exchange", "side"),
            *numbers("shares", "price"),
            *whole("perm_id", "client_id", "liquidation"),
            *numbers("cumulative", "average_price"),
            *texts("order_ref", "ev_rule"),
            Field("ev_multiplier", OPTIONAL_NUMBER),
            *texts("model"),
            *whole("last_liquidity"),
            Since(Version.PENDING_PRICE_REVISION, Field("pending_price_revision", FLAG)),
            Since(Version.SUBMITTER, *texts("submitter")),
        ),
    ),
    OpenOrderEnd: Reply(53, versioned(1)),
    ExecDetailsEnd: Reply(55, versioned(1, REQUEST_ID)),
    CommissionReport: Reply(
        59,
        versioned(
            1,
            *texts("exec_id"),
            # 1.0, where other messages write 1 (recorded at version 164)
            Field("commission", DOUBLE),
            *texts("currency"),
            Field("realized_pnl", UNSET_NUMBER),
            Field("bond_yield", UNSET_NUMBER),
            Field("yield_redemption_date", OPTIONAL_INTEGER),
        ),
    ),
    SoftDollarTiers: Reply(
        77,
        (REQUEST_ID, Rows("tiers", SoftDollarTier, texts("name", "value", "display_name"))),
    ),
    OrderBound: Reply(100, whole("perm_id", "client_id", "order_id")),
    CompletedOrder: Reply(101, (_CONTRACT, *COMPLETED_ORDER)),
    CompletedOrdersEnd: Reply(102, ()),
}
