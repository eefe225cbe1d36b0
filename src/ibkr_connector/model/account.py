"""Account figures and positions as users receive them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from .contracts import Contract
from .record import Record

__all__ = ["AccountSummary", "AccountValue", "Position"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountValue(Record):
    """One figure as IB names it: `tag` in `currency`; `value` is the text IB sent."""

    account: str
    tag: str
    value: str
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSummary(Record):
    """
    The figures of one account, in its base currency `currency`.

    A figure is `None` when the gateway did not send it. `as_of` is the UTC time at which the
    values arrived; `values` holds every tag that came.
    """

    account: str
    as_of: datetime
    currency: str
    cash: Decimal | None
    total_value: Decimal | None
    buying_power: Decimal | None
    maintenance_margin: Decimal | None
    initial_margin: Decimal | None
    available_funds: Decimal | None
    excess_liquidity: Decimal | None
    gross_position_value: Decimal | None
    cushion: Decimal | None
    values: tuple[AccountValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Position(Record):
    """
    What one account holds of one contract.

    `quantity` is negative when short. `avg_cost` is IB's cost per contract with multiplier and
    commission in it; `avg_price` is the same per unit of price. `current_price` and
    `unrealized_pnl` are `None` until the account window has told them; `price_as_of` is when it
    last did, which for a quiet position may be long before `as_of`.
    """

    account: str
    contract: Contract
    quantity: Decimal
    avg_cost: Decimal
    avg_price: Decimal
    as_of: datetime
    current_price: Decimal | None = None
    market_value: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    realized_pnl: Decimal | None = None
    price_as_of: datetime | None = None

    @property
    def symbol(self) -> str:
        """The contract's symbol."""
        return self.contract.symbol
