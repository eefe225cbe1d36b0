"""What clients ask about orders and executions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ibkr_connector.simulator.wire.contracts import CONTRACT_NO_PRIMARY, FULL_CONTRACT, WireContract
from ibkr_connector.simulator.wire.fields import FLAG, UNSET_WHOLE
from ibkr_connector.simulator.wire.layout import Before, Nested, Rows, Since
from ibkr_connector.simulator.wire.orders import PLACE_ORDER, WireOrder
from ibkr_connector.simulator.wire.plain import Field, Literal
from ibkr_connector.simulator.wire.tables import (
    OPTIONAL_ID,
    ORDER_ID,
    REQUEST_ID,
    RFQ_FIELDS,
    Row,
    texts,
    versioned,
    whole,
)
from ibkr_connector.simulator.wire.versions import Version

__all__ = [
    "ROWS",
    "CancelOrder",
    "ExerciseOptions",
    "GlobalCancel",
    "PlaceOrder",
    "ReqAllOpenOrders",
    "ReqAutoOpenOrders",
    "ReqCompletedOrders",
    "ReqExecutions",
    "ReqIds",
    "ReqOpenOrders",
    "ReqSoftDollarTiers",
    "SpecificDate",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    """Place a new order, or change the one that has this id."""

    order_id: int
    contract: WireContract
    texts: Mapping[str, str]
    groups: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)

    @property
    def order(self) -> WireOrder:
        """The order without its id and contract."""
        return WireOrder(texts=self.texts, groups=self.groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Cancel an order of this client."""

    order_id: int
    manual_time: str = ""
    ext_operator: str = ""
    manual_indicator: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqOpenOrders:
    """Show this client's open orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAllOpenOrders:
    """Show everybody's open orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAutoOpenOrders:
    """Bind manual orders to client 0 from now on."""

    auto_bind: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqCompletedOrders:
    """Show today's closed orders."""

    api_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalCancel:
    """Cancel everything, whoever placed it."""

    ext_operator: str = ""
    manual_indicator: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqExecutions:
    """Show today's executions that fit the filter; an empty field fits all."""

    request_id: int
    client_id: int = 0
    account: str = ""
    time: str = ""
    symbol: str = ""
    sec_type: str = ""
    exchange: str = ""
    side: str = ""
    last_days: int | None = None
    dates: tuple[SpecificDate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqIds:
    """Ask for the next valid order id."""

    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecificDate:
    """A day whose executions are asked for, as `yyyymmdd`."""

    date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExerciseOptions:
    """Exercise an option (`action` 1) or let it lapse (2)."""

    request_id: int
    contract: WireContract
    action: int
    quantity: int
    account: str
    override: int = 0
    manual_time: str = ""
    customer_account: str = ""
    professional_customer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqSoftDollarTiers:
    """Ask which soft dollar tiers orders may name."""

    request_id: int


_TAGGING: Final = (*texts("ext_operator"), Field("manual_indicator", UNSET_WHOLE))

ROWS: Final[Mapping[int, Row]] = {
    3: Row(PlaceOrder, (ORDER_ID, FULL_CONTRACT, *PLACE_ORDER)),
    4: Row(
        CancelOrder,
        (
            Before(Version.CME_TAGGING_FIELDS, Literal("1")),
            ORDER_ID,
            Since(Version.MANUAL_ORDER_TIME, *texts("manual_time")),
            Since(
                Version.RFQ_FIELDS,
                Before(Version.UNDO_RFQ_FIELDS, Literal(""), *RFQ_FIELDS),
            ),
            Since(Version.CME_TAGGING_FIELDS, *_TAGGING),
        ),
    ),
    5: Row(ReqOpenOrders, versioned(1)),
    7: Row(
        ReqExecutions,
        versioned(
            3,
            REQUEST_ID,
            Field("client_id", OPTIONAL_ID),
            *texts("account", "time", "symbol", "sec_type", "exchange", "side"),
            Since(
                Version.PARAMETRIZED_DAYS_OF_EXECUTIONS,
                Field("last_days", UNSET_WHOLE),
                Rows("dates", SpecificDate, texts("date")),
            ),
        ),
    ),
    8: Row(ReqIds, versioned(1, *whole("count"))),
    15: Row(ReqAutoOpenOrders, versioned(1, Field("auto_bind", FLAG))),
    16: Row(ReqAllOpenOrders, versioned(1)),
    21: Row(
        ExerciseOptions,
        versioned(
            2,
            REQUEST_ID,
            Nested("contract", WireContract, CONTRACT_NO_PRIMARY),
            *whole("action", "quantity"),
            *texts("account"),
            *whole("override"),
            Since(Version.MANUAL_ORDER_TIME_EXERCISE_OPTIONS, *texts("manual_time")),
            Since(Version.CUSTOMER_ACCOUNT, *texts("customer_account")),
            Since(Version.PROFESSIONAL_CUSTOMER, Field("professional_customer", FLAG)),
        ),
    ),
    58: Row(
        GlobalCancel,
        (
            Before(Version.CME_TAGGING_FIELDS, Literal("1")),
            Since(Version.CME_TAGGING_FIELDS, *_TAGGING),
        ),
    ),
    79: Row(ReqSoftDollarTiers, (REQUEST_ID,)),
    99: Row(ReqCompletedOrders, (Field("api_only", FLAG),)),
}
