"""Account figures and positions as users receive them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .contracts import Contract
from .record import Record

__all__ = [
    "AccountSegment",
    "AccountSummary",
    "AccountValue",
    "CurrencyBalance",
    "FigureSource",
    "PnLCheck",
    "Position",
    "PositionPnL",
    "ProfitAndLoss",
]


class FigureSource(StrEnum):
    """Who told a figure; two sources need not agree at the same moment."""

    SUMMARY = "account summary"
    """The one subscription to all accounts; what has changed comes every three minutes."""

    WINDOW = "account window"
    """The window of one account, renewed every three minutes and at a trade."""

    POSITIONS = "positions"
    """The subscription to what all accounts hold, told at a change."""

    PNL = "profit and loss"
    """The subscription to profit and loss, told about once a second."""

    MODEL = "model"
    """The figures or positions of a model, told when asked."""

    OURS = "computed here"
    """Reckoned from positions, prices, executions and commissions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountValue(Record):
    """
    One figure as IB names it: `tag` in `currency`; `value` is the text IB sent.

    It is empty when IB left the figure open.
    """

    account: str
    tag: str
    value: str
    currency: str = ""
    source: FigureSource = FigureSource.SUMMARY


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyBalance(Record):
    """
    The ledger of one currency in an account, in that currency.

    `currency` is `BASE` in the row of all currencies together, which is in the base currency.
    `exchange_rate` is how much one unit is in the base currency.
    """

    account: str
    currency: str
    as_of: datetime
    exchange_rate: Decimal | None = None
    cash: Decimal | None = None
    total_cash: Decimal | None = None
    accrued_cash: Decimal | None = None
    stock_value: Decimal | None = None
    option_value: Decimal | None = None
    future_option_value: Decimal | None = None
    futures_pnl: Decimal | None = None
    bond_value: Decimal | None = None
    bill_value: Decimal | None = None
    fund_value: Decimal | None = None
    warrant_value: Decimal | None = None
    crypto_value: Decimal | None = None
    dividends: Decimal | None = None
    net_liquidation: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    realized_pnl: Decimal | None = None
    source: FigureSource = FigureSource.SUMMARY

    @property
    def is_base(self) -> bool:
        """Whether this is the row of all currencies together."""
        return self.currency == "BASE"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSegment(Record):
    """
    The figures of one part of an account, in the base currency.

    `segment` is IB's letter: `S` securities, `C` commodities, `P` or another for crypto.
    """

    account: str
    segment: str
    name: str
    as_of: datetime
    total_value: Decimal | None = None
    cash: Decimal | None = None
    equity_with_loan: Decimal | None = None
    gross_position_value: Decimal | None = None
    initial_margin: Decimal | None = None
    maintenance_margin: Decimal | None = None
    available_funds: Decimal | None = None
    excess_liquidity: Decimal | None = None
    full_initial_margin: Decimal | None = None
    full_maintenance_margin: Decimal | None = None
    accrued_cash: Decimal | None = None
    leverage: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSummary(Record):
    """
    The figures of one account, in its base currency `currency`.

    A figure is `None` when the gateway did not send it. `as_of` is the UTC time at which the
    newest of the values arrived, and `source` what brought it; `values` holds every tag that came.
    `unrealized_pnl` and `realized_pnl` are those of the ledger, whose day need not be that of
    `ProfitAndLoss`. `day_trades_left` is `None` also where IB sets no limit.
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
    values: tuple[AccountValue, ...] = field(default=(), repr=False)
    source: FigureSource = FigureSource.SUMMARY
    model: str = ""
    account_type: str = ""
    settled_cash: Decimal | None = None
    accrued_cash: Decimal | None = None
    equity_with_loan: Decimal | None = None
    previous_equity_with_loan: Decimal | None = None
    reg_t_equity: Decimal | None = None
    reg_t_margin: Decimal | None = None
    sma: Decimal | None = None
    full_initial_margin: Decimal | None = None
    full_maintenance_margin: Decimal | None = None
    full_available_funds: Decimal | None = None
    full_excess_liquidity: Decimal | None = None
    look_ahead_initial_margin: Decimal | None = None
    look_ahead_maintenance_margin: Decimal | None = None
    look_ahead_available_funds: Decimal | None = None
    look_ahead_excess_liquidity: Decimal | None = None
    look_ahead_change: datetime | None = None
    leverage: Decimal | None = None
    day_trades_left: int | None = None
    highest_severity: int | None = None
    unrealized_pnl: Decimal | None = None
    realized_pnl: Decimal | None = None
    is_ready: bool = True
    """`False` while IB resets its servers: the values are not valid then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position(Record):
    """
    What one account holds of one contract.

    `quantity` is negative when short. `avg_cost` is IB's cost per contract with multiplier and
    commission in it; `avg_price` is the same per unit of price. `current_price` and
    `unrealized_pnl` are `None` until the account window has told them; `price_as_of` is when it
    last did, which for a quiet position may be long before `as_of`. `model` is set where a model
    was asked for.
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
    source: FigureSource = FigureSource.POSITIONS
    model: str = ""

    @property
    def symbol(self) -> str:
        """The contract's symbol."""
        return self.contract.symbol

    @property
    def multiplier(self) -> Decimal:
        """Units of one contract."""
        return self.contract.multiplier or Decimal(1)

    @property
    def cost(self) -> Decimal:
        """What the whole position cost, negative when short; in the contract's currency."""
        return self.quantity * self.avg_cost

    @property
    def reckoned_value(self) -> Decimal | None:
        """The quantity at the newest price, as computed here; `None` without a price."""
        if self.current_price is None:
            return None
        return self.quantity * self.current_price * self.multiplier

    @property
    def reckoned_pnl(self) -> Decimal | None:
        """The unrealised gain at the newest price, as computed here; `None` without a price."""
        value = self.reckoned_value
        return None if value is None else value - self.cost


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfitAndLoss(Record):
    """
    Profit and loss of an account today, in its base currency, or of a model in it.

    A figure is `None` until it is computed. `is_live` is `False` in what was last known before the
    connection was lost. IB's day of profit and loss may begin at another time than that of the
    account window.
    """

    account: str
    as_of: datetime
    daily: Decimal | None
    unrealized: Decimal | None
    realized: Decimal | None
    model: str = ""
    currency: str = ""
    is_live: bool = True
    source: FigureSource = FigureSource.PNL


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionPnL(Record):
    """Profit and loss of one position today, in the contract's currency; as `ProfitAndLoss`."""

    account: str
    contract: Contract
    as_of: datetime
    quantity: Decimal | None
    daily: Decimal | None
    unrealized: Decimal | None
    realized: Decimal | None
    market_value: Decimal | None
    model: str = ""
    is_live: bool = True
    source: FigureSource = FigureSource.PNL


@dataclass(frozen=True, slots=True, kw_only=True)
class PnLCheck(Record):
    """
    The broker's profit and loss beside what is computed here, and how far they are apart.

    `ours` has `None` where something is missing that the figure needs, and `missing` says what.
    A difference is ours less the broker's, `None` where one of them is not known.
    """

    broker: ProfitAndLoss
    ours: ProfitAndLoss
    missing: tuple[str, ...] = ()

    @property
    def daily_difference(self) -> Decimal | None:
        """Of the day's gain."""
        return _difference(self.ours.daily, self.broker.daily)

    @property
    def unrealized_difference(self) -> Decimal | None:
        """Of the unrealised gain."""
        return _difference(self.ours.unrealized, self.broker.unrealized)

    @property
    def realized_difference(self) -> Decimal | None:
        """Of what was realised today."""
        return _difference(self.ours.realized, self.broker.realized)

    @property
    def compared(self) -> tuple[str, ...]:
        """Which figures both know, and `divergence` is therefore about."""
        names = ("daily", "unrealized", "realized")
        return tuple(
            name for name in names if self.ours[name] is not None and self.broker[name] is not None
        )

    @property
    def divergence(self) -> Decimal | None:
        """The largest difference of those `compared`, without its sign; `None` without any."""
        found = (self.daily_difference, self.unrealized_difference, self.realized_difference)
        return max((abs(one) for one in found if one is not None), default=None)


def _difference(ours: Decimal | None, brokers: Decimal | None) -> Decimal | None:
    return None if ours is None or brokers is None else ours - brokers
