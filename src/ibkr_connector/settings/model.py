"""The settings themselves: names, types, ranges and defaults. Nothing is read here."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    model_validator,
)

from ibkr_connector.model.outages import RESET_WINDOWS
from ibkr_connector.model.status import Application, TradingMode

from .agreement import contrary_settings
from .alerts import AlertSettings
from .forms import (
    ClientNumber,
    check_host,
    check_postgres,
    check_windows,
    home_expanded,
    split_ids,
)
from .given import Given
from .guard import standard_port
from .mistakes import refuse
from .rules import PermissionSettings, RiskSettings
from .secrets import resolve_secret

__all__ = ["MarketDataChoice", "Secret", "Settings"]

Ids = Annotated[tuple[ClientNumber, ...], BeforeValidator(split_ids)]
"""Client ids, also as text with commas."""


def _found(value: object, info: ValidationInfo) -> object:
    return resolve_secret(value, key=str(info.field_name)) if isinstance(value, str) else value


Secret = Annotated[SecretStr, BeforeValidator(_found)]
"""A secret; text may also say where it stands, see `resolve_secret`."""

DatabaseUrl = Annotated[Secret, AfterValidator(check_postgres)]
"""A database, with the password in its URL."""

Host = Annotated[str, AfterValidator(check_host)]
"""A host alone, without scheme, port or path."""

Place = Annotated[Path, AfterValidator(home_expanded)]
"""A file or directory; `~` is the home directory."""

Windows = Annotated[str, AfterValidator(check_windows)]
"""Planned outages as text."""


class MarketDataChoice(StrEnum):
    """Which market data to ask for."""

    LIVE = "live"
    FROZEN = "frozen"
    DELAYED = "delayed"
    DELAYED_FROZEN = "delayed_frozen"


class Settings(Given):
    """
    Everything that can be set, by its field name.

    The environment variable of a field is `IBKR_` and its name in capitals; `max_order_size` and
    `max_portfolio_risk` are also `MAX_ORDER_SIZE` and `MAX_PORTFOLIO_RISK`. Durations are seconds.
    """

    profile: str = Field(default="default", description="Name of this set of settings.")
    host: Host = Field(default="127.0.0.1", min_length=1, description="Host of TWS or IB Gateway.")
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
    ibc_log: Place | None = Field(
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
    event_loop: Literal["auto", "asyncio", "uvloop"] = Field(
        default="auto",
        description="Loop of the I/O thread; `auto` takes uvloop where that is installed.",
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

    state_dir: Place = Field(description="Directory of the order journal.")
    history_dir: Place | None = Field(
        default=None,
        description="Directory of downloaded bars; `history` in `state_dir` when not given.",
    )
    journal_url: DatabaseUrl | None = Field(
        default=None,
        description="PostgreSQL database of the order journal, instead of a file in `state_dir`.",
    )
    database_url: DatabaseUrl | None = Field(
        default=None,
        description="PostgreSQL database of instruments, instead of a file in `state_dir`.",
    )
    instruments_max_age_s: float = Field(
        default=86_400,
        ge=0,
        le=30 * 86_400,
        description="How long what IB said of a contract is good in later runs; 0 asks anew.",
    )
    account_history_s: float = Field(
        default=300,
        ge=0,
        description="Least distance of two points of an account's history in the database; 0 "
        "keeps none.",
    )
    account_history_days: int = Field(
        default=90,
        ge=1,
        description="Until of each day's points of an account's history only the last is kept.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Of the command line's log."
    )
    log_format: Literal["console", "json"] = Field(
        default="console", description="Of the command line's log."
    )
    log_file: Path | None = Field(
        default=None, description="File of the command line's log; standard error when not set."
    )
    log_file_max_bytes: int = Field(
        default=10_000_000, ge=0, description="When the log begins a new file; 0 is never."
    )
    log_file_keep: int = Field(default=5, ge=1, description="How many full log files are kept.")
    show_accounts: bool = Field(
        default=False, description="Tell account ids in full in logs and metrics."
    )
    metrics: bool = Field(default=True, description="Count calls and orders for `ib.metrics`.")
    metrics_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address at which metrics are served; there is no password.",
    )
    metrics_port: int | None = Field(
        default=None, ge=1, le=65_535, description="Port of the metrics; not served when not set."
    )
    spans: bool = Field(
        default=False, description="Make OpenTelemetry spans; needs the extra `otel`."
    )

    max_order_size: Decimal | None = Field(
        default=None,
        gt=0,
        description="Largest quantity of one order, in units; tightens the limit of "
        "`risk_config.yaml`, never loosens it.",
    )
    max_portfolio_risk: Decimal | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Largest share of the net liquidation value that one order may take, 0 to 1 "
        "(0.05 is five per cent); tightens `risk_config.yaml`, never loosens it.",
    )
    kill_switch: bool = Field(
        default=False, description="Engage the kill switch: only cancelling and closing go."
    )
    risk: RiskSettings = Field(description="From `risk_config.yaml`.")
    permissions: PermissionSettings = Field(
        default=PermissionSettings(), description="From `trading_permissions.yaml`."
    )

    alerts: AlertSettings = Field(default=AlertSettings(), description="From `alerts.yaml`.")

    _origins: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _overrode: Mapping[str, tuple[tuple[str, object], ...]] = PrivateAttr(default_factory=dict)
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

    def overrode(self, field: str) -> tuple[tuple[str, object], ...]:
        """Return the places whose value lost, and what they say, secrets masked."""
        return self._overrode.get(field, ())

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
        refuse(contrary_settings(self))
        return self
