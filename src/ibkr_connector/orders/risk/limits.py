"""What the user allows, as the rules read it: frozen, and complete for one order."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from ibkr_connector.model.contracts import Contract

__all__ = ["LimitSource", "RiskLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """
    What the user allows; the limits that have no value are not asked for.

    Sizes are in units of the contract, values in the account's base currency, shares from 0 to 1
    of the net liquidation value. An empty set of allowed things allows any; denied things are
    denied in any case. `trading_allowed` is false when no rules or broken ones were found, and
    says why.
    """

    max_order_size: Decimal
    max_order_value: Decimal | None = None
    max_portfolio_risk: Decimal | None = None
    max_position_size: Decimal | None = None
    max_position_value: Decimal | None = None
    max_exposure: Decimal | None = None
    max_exposure_share: Decimal | None = None
    max_concentration: Decimal | None = None
    price_collar: Decimal | None = None
    max_quote_age_s: Decimal | None = None
    max_daily_loss: Decimal | None = None
    max_daily_loss_share: Decimal | None = None
    max_drawdown: Decimal | None = None
    halt_cooldown_s: Decimal = Decimal(0)
    max_open_orders: int | None = None
    max_orders_per_second: int | None = None
    max_orders_per_minute: int | None = None
    duplicate_window_s: Decimal | None = None
    check_buying_power: bool = False
    allow_short: bool = True
    require_shortable: bool = False
    require_open_market: bool = False
    refuse_halted: bool = False

    security_types: frozenset[str] = frozenset()
    denied_security_types: frozenset[str] = frozenset()
    symbols: frozenset[str] = frozenset()
    denied_symbols: frozenset[str] = frozenset()
    order_types: frozenset[str] = frozenset()
    denied_order_types: frozenset[str] = frozenset()
    exchanges: frozenset[str] = frozenset()
    denied_exchanges: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    denied_currencies: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    denied_accounts: frozenset[str] = frozenset()

    trading_allowed: bool = True
    halted_reason: str = ""

    def limits_for(self, contract: Contract, account: str) -> RiskLimits:
        """Return these limits: they make no difference between contracts or accounts."""
        return self


class LimitSource(Protocol):
    """Tells the limits that hold now; they may change between two orders."""

    @property
    def trading_allowed(self) -> bool:
        """Whether orders may be sent at all."""
        ...

    @property
    def halted_reason(self) -> str:
        """Why not; empty when they may."""
        ...

    def limits_for(self, contract: Contract, account: str) -> RiskLimits:
        """Return the limits for one contract in one account."""
        ...
