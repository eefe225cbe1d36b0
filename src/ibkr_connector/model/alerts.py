"""Alerts as users receive them: what is wrong, since when, how it went on, and who was told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from .record import Record

__all__ = [
    "Alert",
    "AlertChange",
    "AlertKind",
    "AlertStep",
    "AlertsMissed",
    "Receipt",
    "Severity",
    "Silence",
]


class Severity(StrEnum):
    """How much an alert matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """The higher, the more it matters."""
        return tuple(Severity).index(self)


class AlertKind(StrEnum):
    """What an alert is about; each has a rule of that name in `alerts.yaml`."""

    CONNECTION_LOST = "connection_lost"
    """The session with the gateway ended, and nobody planned it."""

    CONNECTION_FAILED = "connection_failed"
    """The connection is gone and no further attempt is made."""

    BROKER_LINK_LOST = "broker_link_lost"
    """The gateway has lost its link to IB, or a part of the broker's state is missing."""

    OUTAGE_OVERDUE = "outage_overdue"
    """An outage lasts longer than planned, or than any may."""

    LOGIN_NEEDED = "login_needed"
    """The gateway waits for somebody to log in."""

    COMPETING_SESSION = "competing_session"
    """The same user is logged in elsewhere, and has the market data."""

    ORDER_REJECTED = "order_rejected"
    """The broker has rejected an order."""

    ORDER_UNCERTAIN = "order_uncertain"
    """Nobody knows what became of an order, and that for long."""

    ORDER_ATTENTION = "order_attention"
    """Somebody must look at an order, as at a bracket that has lost its stop."""

    BREAKER_OPEN = "breaker_open"
    """A circuit breaker refuses calls."""

    PACING = "pacing"
    """The gateway complains that it is asked too often."""

    SLOW_HEARTBEAT = "slow_heartbeat"
    """The gateway takes long to answer."""

    SLOW_ORDERS = "slow_orders"
    """The broker takes long to acknowledge orders."""

    SLOW_LOOP = "slow_loop"
    """The connector's own loop is held up."""

    STREAM_STALE = "stream_stale"
    """A stream of market data brings nothing although it should."""

    DRIFT = "drift"
    """The ledger and the broker differ."""

    RULES_BROKEN = "rules_broken"
    """A file of the trading rules is broken."""

    KILL_SWITCH = "kill_switch"
    """The kill switch is engaged."""

    TRADING_HALTED = "trading_halted"
    """A loss limit of the trading rules is reached: only closing orders go."""

    UNREADABLE = "unreadable"
    """A message of the gateway could not be read."""

    MARGIN_CUSHION = "margin_cushion"
    """Excess liquidity has become a small share of the net liquidation value."""

    MARGIN_CALL = "margin_call"
    """Excess liquidity is below zero, or the broker warns that it will liquidate."""

    LIQUIDATION = "liquidation"
    """The broker has closed a position by itself."""

    ACCOUNT_RESTRICTED = "account_restricted"
    """The account's figures are not ready, or the broker lets it only close positions."""

    DAILY_LOSS = "daily_loss"
    """The account has lost more than it may since the day began."""

    DRAWDOWN = "drawdown"
    """The account has fallen further from its highest worth than it may."""

    UNREALIZED_LOSS = "unrealized_loss"
    """The open positions have lost more than they may."""

    DAILY_PROFIT = "daily_profit"
    """The account has gained as much as was aimed at since the day began."""

    STALE_VALUES = "stale_values"
    """The account's figures are old although there is a connection."""

    TEST = "test"
    """Nothing is wrong: somebody tries the routes."""


class AlertStep(StrEnum):
    """What happened to an alert."""

    RAISED = "raised"
    CLEARED = "cleared"
    REMINDED = "reminded"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert(Record):
    """
    One thing that is wrong, from when it was raised until it is cleared.

    `key` says what it is about: an account, a symbol, a circuit. `value` is what was found and
    `threshold` what it was measured against, both as text, empty where there is none. `count` is
    how often it was seen again while it was raised, the first time included, and `last_at` when it
    was last. `action` is what was done about it by itself. Times are UTC.
    """

    alert_id: str
    kind: AlertKind
    severity: Severity
    key: str
    text: str
    raised_at: datetime
    value: str = ""
    threshold: str = ""
    remedy: str = ""
    last_at: datetime | None = None
    cleared_at: datetime | None = None
    count: int = 1
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    is_silenced: bool = False
    action: str = ""
    acted_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether it goes on."""
        return self.cleared_at is None

    @property
    def lasted(self) -> timedelta | None:
        """How long it lasted; `None` while it goes on."""
        return None if self.cleared_at is None else self.cleared_at - self.raised_at


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChange(Record):
    """A step of an alert, and the alert after it."""

    at: datetime
    step: AlertStep
    alert: Alert


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsMissed(Record):
    """Changes were dropped here because the reader was too slow; ask `active()` instead."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence(Record):
    """
    What nobody is told of until a time; the alerts are raised, kept and shown all the same.

    `kind` or `key` that is not given stands for every one.
    """

    silence_id: str
    until: datetime
    kind: AlertKind | None = None
    key: str | None = None
    reason: str = ""

    def covers(self, kind: AlertKind, key: str, at: datetime) -> bool:
        """Whether an alert is meant by it."""
        return at < self.until and self.kind in (None, kind) and self.key in (None, key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(Record):
    """
    What became of telling one route of one step, or of many at once: a digest.

    `delivered_at` is when the service took it, `None` while it is outstanding; then `problem` says
    what the last attempt ended with, and `next_at` when the next is. A message that waits for a
    place among the route's messages per hour has `is_held`, and is told within a digest.
    """

    delivery_id: str
    route: str
    title: str
    created_at: datetime
    attempts: int = 0
    delivered_at: datetime | None = None
    next_at: datetime | None = None
    problem: str = ""
    is_held: bool = False
    digest: str = ""

    @property
    def is_delivered(self) -> bool:
        """Whether the service has taken it."""
        return self.delivered_at is not None
