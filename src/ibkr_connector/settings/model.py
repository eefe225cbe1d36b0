"""The settings themselves: names, types, ranges and defaults. Nothing is read here."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ibkr_connector.model.contracts import SecurityType
from ibkr_connector.model.orders import OrderType
from ibkr_connector.model.outages import RESET_WINDOWS
from ibkr_connector.model.status import Application, TradingMode

from .contradictions import check_limits, check_override, check_permissions
from .forms import ClientNumber, check_client_ids, check_windows, split_ids
from .guard import check_port, standard_port
from .mistakes import described

__all__ = ["MarketDataChoice", "PermissionSettings", "RiskSettings", "Settings"]

Ids = Annotated[tuple[ClientNumber, ...], BeforeValidator(split_ids)]
"""Client ids, also as text with commas."""

Windows = Annotated[str, AfterValidator(check_windows)]
"""Planned outages as text."""

OverrideSubject = Literal["security_types", "symbols", "accounts"]
"""What other limits can be named for."""

_STRICT = SettingsConfigDict(
    frozen=True,
    extra="forbid",
    validate_default=True,
    hide_input_in_errors=True,
    allow_inf_nan=False,
    arbitrary_types_allowed=False,
)


class _Given(BaseSettings):
    """A model that takes what it is given; looking for values is `load.py`'s business."""

    model_config = _STRICT

    if not TYPE_CHECKING:  # type checkers know the fields as keywords, and check them

        def __init__(self, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise described(error, type(self), values, place=type(self).__name__) from error

    @classmethod
    def settings_customise_sources(  # noqa: PLR0917  # as pydantic-settings has it
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


class MarketDataChoice(StrEnum):
    """Which market data to ask for."""

    LIVE = "live"
    FROZEN = "frozen"
    DELAYED = "delayed"
    DELAYED_FROZEN = "delayed_frozen"


class RiskSettings(_Given):
    """
    Limits of `risk_config.yaml`; there is no value that means "no limit" for the order size.

    Sizes are in units of the contract, values in the account's base currency, shares from 0 to 1
    of the net liquidation value.
    """

    max_order_size: Decimal = Field(gt=0, description="Largest quantity of one order, in units.")
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
        check_limits(self)
        for subject, rows in self.overrides.items():
            for name, row in rows.items():
                check_override(f"overrides.{subject}.{name}", row, limits=self)
        return self


class PermissionSettings(_Given):
    """What may be traded, from `trading_permissions.yaml`; an empty set allows everything."""

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
        mode="after",
    )
    @classmethod
    def _in_capitals(cls, names: frozenset[str]) -> frozenset[str]:
        # IB's names are in capitals: a denied symbol in small letters must not allow it
        return frozenset(name.strip().upper() for name in names)

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        check_permissions(self)
        return self


class Settings(_Given):
    """
    Everything that can be set, by its field name.

    The environment variable of a field is `IBKR_` and its name in capitals; `max_order_size` and
    `max_portfolio_risk` are also `MAX_ORDER_SIZE` and `MAX_PORTFOLIO_RISK`. Durations are seconds.
    """

    profile: str = Field(default="default", description="Name of this set of settings.")
    host: str = Field(default="127.0.0.1", min_length=1, description="Host of TWS or IB Gateway.")
    port: int | None = Field(
        default=None,
        ge=1,
        le=65_535,
        description="Port of the API; the standard one of application and mode when not set.",
    )
    application: Application = Field(
        default=Application.GATEWAY,
        description="`gateway` or `tws`; decides the standard port.",
    )
    client_id: int = Field(
        default=1,
        ge=0,
        le=2**31 - 1,
        description="Id of this API connection; orders belong to it. 0 also sees manual orders.",
    )
    account_id: str | None = Field(
        default=None, description="Account to use when the login has several."
    )
    paper_trading: bool = Field(default=True, description="Paper money (true) or real (false).")
    readonly: bool = Field(default=True, description="Refuse every order before it is sent.")

    connect_timeout_s: float = Field(
        default=10, gt=0, description="TCP, handshake and API start together."
    )
    sync_timeout_s: float = Field(
        default=15, gt=0, description="Each part of the synchronisation after connecting."
    )
    request_timeout_s: float = Field(
        default=30, gt=0, description="A call, its waits and repeats included."
    )
    order_ack_timeout_s: float = Field(
        default=10, gt=0, description="Wait for the broker's first word about an order."
    )
    order_fill_timeout_s: float = Field(
        default=60, gt=0, description="Wait for the end of an order placed with `wait=filled`."
    )
    require_preview: bool = Field(
        default=False, description="Place only orders that were previewed, by their token."
    )
    preview_ttl_s: float = Field(
        default=60, gt=0, le=3600, description="How long the token of a preview is good."
    )

    keep_closed_orders_s: float = Field(
        default=129_600,
        ge=3600,
        description="Until a closed order leaves memory; the journal keeps it for ever.",
    )

    heartbeat_interval_s: float = Field(default=60, gt=0, description="Between two heartbeats.")
    heartbeat_timeout_s: float = Field(
        default=10, gt=0, description="A heartbeat unanswered this long counts as missed."
    )
    reconnect: bool = Field(default=True, description="Come back after a lost connection.")
    reconnect_max_attempts: int | None = Field(
        default=None, ge=1, description="Attempts before giving up; unlimited when not set."
    )
    reconnect_base_s: float = Field(default=1, gt=0, description="First wait of the backoff.")
    reconnect_cap_s: float = Field(default=60, gt=0, description="Longest wait of the backoff.")
    client_id_wait_s: float = Field(
        default=120, ge=0, description="On reconnect, how long a busy client id is waited for."
    )
    client_id_policy: Literal["fail", "wait", "pool"] = Field(
        default="fail",
        description="What `connect` does when the client id is in use: fail at once, `wait` as a "
        "reconnect does, or take the next of `client_id_pool`.",
    )
    client_id_pool: Ids = Field(
        default=(), description="Client ids that may stand in for `client_id`, as in `11, 12`."
    )
    data_client_ids: Ids = Field(
        default=(),
        description="Client ids of connections of their own for data, as in `21, 22`: the first "
        "carries the streams, all of them history and quotes.",
    )
    reset_windows: Windows = Field(
        default=RESET_WINDOWS,
        description="Planned outages, as `Sun-Fri 00:15-01:45 America/New_York; ...`, or `none`.",
    )
    hold_orders_s: float = Field(
        default=0,
        ge=0,
        description="How long an order waits for the end of a planned outage; 0 refuses it.",
    )
    outage_escalate_s: float = Field(
        default=900, gt=0, description="An outage that lasts longer than planned by this escalates."
    )
    ibc_log: Path | None = Field(
        default=None, description="Log of IBC, or their folder: says what a login waits for."
    )
    ibc_command_port: int | None = Field(
        default=None,
        ge=1,
        le=65_535,
        description="Port of IBC's command server on `host`: says whether the launcher runs.",
    )

    market_data_lines: int = Field(
        default=100, ge=20, le=10_000, description="Market data lines of the login."
    )
    messages_per_second: int | None = Field(
        default=None, ge=10, le=1000, description="To the gateway; 0.45 a line when not set."
    )
    retry_max_attempts: int = Field(
        default=4, ge=1, description="Attempts of a call that may be repeated."
    )
    retry_base_s: float = Field(default=0.2, gt=0, description="First wait between attempts.")
    retry_cap_s: float = Field(default=5, gt=0, description="Longest wait between attempts.")
    breaker_fail_max: int = Field(
        default=5, ge=1, description="Failures in a row that open a circuit."
    )
    breaker_reset_s: float = Field(
        default=30, gt=0, description="Time until an open circuit lets one probe through."
    )

    market_data_type: MarketDataChoice = Field(
        default=MarketDataChoice.LIVE, description="Which market data to ask for first."
    )
    delayed_fallback: bool = Field(
        default=True, description="Take delayed data where the subscription is missing."
    )
    stream_stale_after_s: float = Field(
        default=60, ge=10, description="Silence in an open market that renews a stream."
    )

    state_dir: Path = Field(description="Directory of the order journal.")
    journal_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL database of the order journal, instead of a file in `state_dir`.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Of the command line's log."
    )
    log_format: Literal["console", "json"] = Field(
        default="console", description="Of the command line's log."
    )

    max_order_size: Decimal | None = Field(
        default=None,
        gt=0,
        description="Tightens the limit of `risk_config.yaml`; never loosens it.",
    )
    max_portfolio_risk: Decimal | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Tightens the limit of `risk_config.yaml`; never loosens it.",
    )
    kill_switch: bool = Field(
        default=False, description="Engage the kill switch: only cancelling and closing go."
    )
    risk: RiskSettings = Field(description="From `risk_config.yaml`.")
    permissions: PermissionSettings = Field(
        default=PermissionSettings(), description="From `trading_permissions.yaml`."
    )

    _origins: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _rules_dir: Path | None = PrivateAttr(default=None)

    @property
    def mode(self) -> TradingMode:
        """Whether money is real."""
        return TradingMode.PAPER if self.paper_trading else TradingMode.LIVE

    @property
    def effective_port(self) -> int:
        """The port as set, or the standard one."""
        return self.port or standard_port(self.application, self.mode)

    @property
    def rules_dir(self) -> Path | None:
        """Where the files of the rules are looked for again; `None` when they were given."""
        return self._rules_dir

    def origin(self, field: str) -> str:
        """Return where a value came from, as in `environment IBKR_PORT`."""
        return self._origins.get(field, "default")

    @classmethod
    def load(
        cls, profile: str | None = None, *, config_dir: Path | str | None = None, **overrides: Any
    ) -> Settings:
        """
        Read the settings from where they may stand; see `load_settings`.

        Raises:
            ConfigurationError: A key is misspelt, a value is wrong, or settings contradict.
        """
        from .load import load_settings  # noqa: PLC0415  # it builds this class

        return load_settings(profile, config_dir=config_dir, overrides=overrides)

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        if self.port is not None:
            check_port(self.port, self.mode)
        check_client_ids((self.client_id,), self.client_id_pool, self.data_client_ids)
        return self
