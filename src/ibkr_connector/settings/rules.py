"""What the files of the rules may say: limits, and what may be traded."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from ibkr_connector.model.contracts import SecurityType
from ibkr_connector.model.orders import OrderType
from ibkr_connector.model.status import TradingMode

from .contradictions import contrary_limits, contrary_permissions
from .given import Given
from .mistakes import refuse

__all__ = ["PermissionSettings", "RiskSettings"]

OverrideSubject = Literal["security_types", "symbols", "accounts"]
"""What other limits can be named for."""


class RiskSettings(Given):
    """
    Limits of `risk_config.yaml`; there is no value that means "no limit" for the order size.

    Sizes are in units of the contract, values in the account's base currency, shares from 0 to 1
    of the net liquidation value.
    """

    max_order_size: Decimal = Field(
        gt=0,
        description="Largest quantity of one order, in units; needed, because the file replaces "
        "the built-in limits whole.",
    )
    max_order_value: Decimal | None = Field(
        default=None,
        gt=0,
        description="Largest value of one order, in the account's base currency.",
    )
    max_portfolio_risk: Decimal | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Largest share of the net liquidation value that one order may take, 0 to 1.",
    )
    max_position_size: Decimal | None = Field(
        default=None,
        gt=0,
        description="Largest position in one contract, in units, open orders of its side filled.",
    )
    max_position_value: Decimal | None = Field(
        default=None, gt=0, description="The same as a value in the base currency."
    )
    max_exposure: Decimal | None = Field(
        default=None,
        gt=0,
        description="Largest gross value of all positions, open orders filled the worse way.",
    )
    max_exposure_share: Decimal | None = Field(
        default=None,
        gt=0,
        le=50,
        description="The same as a share of the net liquidation value; above 1 is leverage.",
    )
    max_concentration: Decimal | None = Field(
        default=None,
        gt=0,
        le=50,
        description="Largest share of the net liquidation value that one symbol may come to.",
    )
    price_collar: Decimal | None = Field(
        default=None,
        gt=0,
        le=1,
        description="How far on the costly side of the market a price may be, as a share of it.",
    )
    max_quote_age_s: Decimal | None = Field(
        default=None,
        gt=0,
        description="Oldest quote to judge an order by; delayed and frozen ones are refused.",
    )
    max_daily_loss: Decimal | None = Field(
        default=None,
        gt=0,
        description="Loss since the start of the day at which only closing orders go.",
    )
    max_daily_loss_share: Decimal | None = Field(
        default=None, gt=0, le=1, description="The same as a share of the worth at its start."
    )
    max_drawdown: Decimal | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Fall from the highest worth, as a share, at which only closing orders go.",
    )
    halt_cooldown_s: Decimal = Field(
        default=Decimal(0),
        ge=0,
        description="How long nothing is opened after a loss limit was last reached.",
    )
    max_open_orders: int | None = Field(
        default=None, ge=1, description="Most orders that may be open at once in an account."
    )
    max_orders_per_second: int | None = Field(
        default=None, ge=1, description="Most orders placed within any second."
    )
    max_orders_per_minute: int | None = Field(
        default=None, ge=1, description="Most orders placed within any minute."
    )
    duplicate_window_s: Decimal | None = Field(
        default=None,
        gt=0,
        le=3600,
        description="How long the same order is refused a second time.",
    )
    check_buying_power: bool = Field(
        default=False,
        description="Refuse what the account cannot carry, by the broker's what-if or an estimate.",
    )
    allow_short: bool = Field(default=True, description="Whether to sell more than is held.")
    require_shortable: bool = Field(
        default=False, description="Sell short only while shares can be borrowed."
    )
    require_open_market: bool = Field(
        default=False, description="Refuse orders while the contract's market is closed."
    )
    refuse_halted: bool = Field(
        default=False, description="Refuse orders in a contract whose trading is halted."
    )
    overrides: Mapping[OverrideSubject, Mapping[str, Mapping[str, Any]]] = Field(
        default_factory=dict,
        description="Other values by `security_types`, `symbols`, `accounts`; the strictest wins.",
    )

    _source: str = PrivateAttr(default="given")
    _halted_reason: str = PrivateAttr(default="")

    @property
    def source(self) -> str:
        """Where the limits come from: a file's name, or `built-in`."""
        return self._source

    @property
    def trading_allowed(self) -> bool:
        """Whether orders may be sent under these limits at all."""
        return not self._halted_reason

    @property
    def halted_reason(self) -> str:
        """Why not; empty when they may."""
        return self._halted_reason

    @classmethod
    def built_in(cls, mode: TradingMode) -> Self:
        """Return what holds without a file: conservative on paper, no trading on live."""
        limits = cls(
            max_order_size=Decimal(25_000),
            max_order_value=Decimal(25_000),
            max_portfolio_risk=Decimal("0.10"),
            max_daily_loss_share=Decimal("0.10"),
        )
        limits._source = "built-in"
        if mode is TradingMode.LIVE:
            limits._halted_reason = "live trading needs config/risk_config.yaml"
        return limits

    def from_file(self, name: str) -> Self:
        """Note which file the limits were read from."""
        self._source = name
        return self

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        refuse(contrary_limits(self))
        return self


class PermissionSettings(Given):
    """What may be traded, from `trading_permissions.yaml`; a list left out allows everything."""

    security_types: frozenset[SecurityType] = Field(
        default=frozenset(), description="Security types that may be traded, by IB's names."
    )
    denied_security_types: frozenset[SecurityType] = Field(
        default=frozenset(), description="Security types that may never be traded."
    )
    symbols: frozenset[str] = Field(
        default=frozenset(), description="Symbols that may be traded, and no others."
    )
    denied_symbols: frozenset[str] = Field(
        default=frozenset(), description="Symbols that may never be traded."
    )
    order_types: frozenset[OrderType] = Field(
        default=frozenset(), description="Order types that may be used, by IB's names."
    )
    denied_order_types: frozenset[OrderType] = Field(
        default=frozenset(), description="Order types that may never be used."
    )
    exchanges: frozenset[str] = Field(
        default=frozenset(), description="Exchanges, routed to or listed on, that may be used."
    )
    denied_exchanges: frozenset[str] = Field(
        default=frozenset(), description="Exchanges that may never be used."
    )
    currencies: frozenset[str] = Field(
        default=frozenset(), description="Currencies of contracts that may be traded."
    )
    denied_currencies: frozenset[str] = Field(
        default=frozenset(), description="Currencies of contracts that may never be traded."
    )
    accounts: frozenset[str] = Field(
        default=frozenset(), description="Accounts that may be traded in."
    )
    denied_accounts: frozenset[str] = Field(
        default=frozenset(), description="Accounts that may never be traded in."
    )

    @field_validator(
        "symbols",
        "denied_symbols",
        "exchanges",
        "denied_exchanges",
        "currencies",
        "denied_currencies",
        "accounts",
        "denied_accounts",
        mode="after",
    )
    @classmethod
    def _in_capitals(cls, names: frozenset[str]) -> frozenset[str]:
        # IB's names are in capitals: what is denied in small letters must not be allowed by it
        return frozenset(name.strip().upper() for name in names)

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        refuse(contrary_permissions(self))
        return self
