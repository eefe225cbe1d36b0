"""What the gateway says about accounts, positions and profit, and to advisors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ibkr_connector.simulator.wire.contracts import (
    CONTRACT_HELD,
    CONTRACT_NO_EXCHANGE,
    WireContract,
)
from ibkr_connector.simulator.wire.fields import UNSET_NUMBER
from ibkr_connector.simulator.wire.layout import Nested, Rows
from ibkr_connector.simulator.wire.plain import Field
from ibkr_connector.simulator.wire.tables import (
    PAIR,
    REQUEST_ID,
    Pair,
    Reply,
    numbers,
    texts,
    versioned,
    whole,
)

__all__ = [
    "ROWS",
    "AccountDownloadEnd",
    "AccountSummary",
    "AccountSummaryEnd",
    "AccountTime",
    "AccountUpdateMulti",
    "AccountUpdateMultiEnd",
    "AccountValue",
    "FamilyCodes",
    "ManagedAccounts",
    "Pnl",
    "PnlSingle",
    "PortfolioValue",
    "Position",
    "PositionEnd",
    "PositionMulti",
    "PositionMultiEnd",
    "ReceiveFa",
    "ReplaceFaEnd",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedAccounts:
    """The accounts of the login, separated by commas."""

    accounts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountValue:
    """One figure of the account window."""

    key: str
    value: str
    currency: str
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioValue:
    """One position in the account window."""

    contract: WireContract
    position: Decimal
    market_price: Decimal
    market_value: Decimal
    average_cost: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTime:
    """When the account window was last updated, as HH:MM."""

    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDownloadEnd:
    """The account window is complete."""

    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSummary:
    """One figure of the account summary."""

    request_id: int
    account: str
    tag: str
    value: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSummaryEnd:
    """All figures were sent."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdateMulti:
    """One figure of an account or model."""

    request_id: int
    account: str
    model: str
    key: str
    value: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdateMultiEnd:
    """All figures were sent."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What an account holds of a contract."""

    account: str
    contract: WireContract
    position: Decimal
    average_cost: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionEnd:
    """All positions were sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMulti:
    """What an account or model holds of a contract."""

    request_id: int
    account: str
    contract: WireContract
    position: Decimal
    average_cost: Decimal
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMultiEnd:
    """All positions were sent."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pnl:
    """Profit and loss of an account; `None` is not computed yet."""

    request_id: int
    daily: Decimal | None
    unrealized: Decimal | None
    realized: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PnlSingle:
    """Profit and loss of one position."""

    request_id: int
    position: Decimal
    daily: Decimal | None
    unrealized: Decimal | None
    realized: Decimal | None
    value: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyCodes:
    """Account and family code."""

    codes: tuple[Pair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveFa:
    """An advisor's groups (1) or account aliases (3), as XML."""

    data_type: int
    xml: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceFaEnd:
    """They were replaced, or not."""

    request_id: int
    text: str


_HELD: Final = Nested("contract", WireContract, CONTRACT_HELD)


def _profits(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, UNSET_NUMBER) for name in names)


ROWS: Final[Mapping[Callable[..., Any], Reply]] = {
    AccountValue: Reply(6, versioned(2, *texts("key", "value", "currency", "account"))),
    PortfolioValue: Reply(
        7,
        versioned(
            8,
            Nested("contract", WireContract, CONTRACT_NO_EXCHANGE),
            *numbers("position", "market_price", "market_value", "average_cost"),
            *numbers("unrealized_pnl", "realized_pnl"),
            *texts("account"),
        ),
    ),
    AccountTime: Reply(8, versioned(1, *texts("time"))),
    ManagedAccounts: Reply(15, versioned(1, *texts("accounts"))),
    ReceiveFa: Reply(16, versioned(1, *whole("data_type"), *texts("xml"))),
    AccountDownloadEnd: Reply(54, versioned(1, *texts("account"))),
    Position: Reply(
        61, versioned(3, *texts("account"), _HELD, *numbers("position", "average_cost"))
    ),
    PositionEnd: Reply(62, versioned(1)),
    AccountSummary: Reply(
        63, versioned(1, REQUEST_ID, *texts("account", "tag", "value", "currency"))
    ),
    AccountSummaryEnd: Reply(64, versioned(1, REQUEST_ID)),
    PositionMulti: Reply(
        71,
        versioned(
            1,
            REQUEST_ID,
            *texts("account"),
            _HELD,
            *numbers("position", "average_cost"),
            *texts("model"),
        ),
    ),
    PositionMultiEnd: Reply(72, versioned(1, REQUEST_ID)),
    AccountUpdateMulti: Reply(
        73, versioned(1, REQUEST_ID, *texts("account", "model", "key", "value", "currency"))
    ),
    AccountUpdateMultiEnd: Reply(74, versioned(1, REQUEST_ID)),
    FamilyCodes: Reply(78, (Rows("codes", Pair, PAIR),)),
    Pnl: Reply(94, (REQUEST_ID, *_profits("daily", "unrealized", "realized"))),
    PnlSingle: Reply(
        95,
        (
            REQUEST_ID,
            *numbers("position"),
            *_profits("daily", "unrealized", "realized", "value"),
        ),
    ),
    ReplaceFaEnd: Reply(103, (REQUEST_ID, *texts("text"))),
}
