"""The connection as users see it: states, farms, breakers, health."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from .record import Record

__all__ = [
    "CONNECTED",
    "Application",
    "BreakerState",
    "CircuitStatus",
    "ConnectionState",
    "ConnectionStatus",
    "DriftStatus",
    "FarmState",
    "TradingMode",
    "UnreadableMessage",
]


class TradingMode(StrEnum):
    """Whether money is real."""

    PAPER = "paper"
    LIVE = "live"


class Application(StrEnum):
    """Which program the connector talks to; it decides the standard ports."""

    TWS = "tws"
    GATEWAY = "gateway"


class ConnectionState(StrEnum):
    """Where the supervisor is."""

    IDLE = "idle"
    CONNECTING = "connecting"
    SYNCING = "syncing"
    READY = "ready"
    DEGRADED = "degraded"
    WAITING = "waiting"
    MAINTENANCE = "maintenance"
    """As `WAITING`, in a planned outage."""
    LOGIN_NEEDED = "login_needed"
    """As `WAITING`, until somebody logs the gateway in."""
    STOPPED = "stopped"


CONNECTED: Final = frozenset({ConnectionState.READY, ConnectionState.DEGRADED})
"""Where there is a logged-in session."""


class BreakerState(StrEnum):
    """Where a circuit breaker is."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitStatus(Record):
    """
    What a circuit breaker has counted since the connection was first made.

    `failures` in a row speak against the gateway now; `opened` is how often it has opened,
    `refused` how many calls were not tried because of it, and `retry_after_s` how long it stays so.
    """

    state: BreakerState
    failures: int = 0
    opened: int = 0
    refused: int = 0
    retry_after_s: float | None = None


class FarmState(StrEnum):
    """What IB says about one of its data farms."""

    OK = "ok"
    BROKEN = "broken"
    INACTIVE = "inactive"
    CONNECTING = "connecting"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftStatus(Record):
    """
    What the latest comparison of our orders with the broker's found.

    `checked_at` is when the latest complete one ended, `None` before the first; `differences` is
    one sentence for each. `failed` says why the one after it came to nothing, if it did.
    """

    checked_at: datetime | None = None
    differences: tuple[str, ...] = ()
    failed: str = ""

    @property
    def sentence(self) -> str:
        """The same in words."""
        failed = f"; the latest check failed: {self.failed}" if self.failed else ""
        if self.checked_at is None:
            return f"not compared yet{failed}"
        found = "; ".join(self.differences) or "none"
        return f"{found} at {self.checked_at:%Y-%m-%d %H:%M:%S} UTC{failed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableMessage(Record):
    """
    A message of the gateway that could not be read, for whoever has to find out why.

    `fields` are as they came, the number of the message first, with account ids masked; of a long
    message the beginning, and `field_count` is how many there were. Times are UTC.
    """

    at: datetime
    fields: tuple[str, ...]
    field_count: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionStatus(Record):
    """
    A picture of the connection; taking it never waits.

    `heartbeat_rtt_ms` is the round trip of the last answered heartbeat. `degraded_by` names what
    is missing while the state is `degraded`. `circuits` says of each of the `breakers` what it has
    counted. `rules` says where the trading rules come from and
    what is wrong with their files; `halted_by` is every reason for which new orders are refused
    now, those that let closing orders go included, and `kill_switch` the one among them that people
    engage, empty when it is released. `uncertain_orders` counts those of which nobody knows yet
    what became of them; `attention` names what somebody must look at, as a bracket that has lost
    its stop; `drift` is what the half-hourly comparison with the broker found. Times are
    UTC.

    `port` and `client_id` are those of the connection, which may have moved from the configured
    ones. `planned_outage` is the reset window that explains why it is not ready, and
    `planned_until` its end; `login_obstacle` is what the gateway's login waits for; `is_escalated`
    says that the outage lasts longer than it may. `data_connections` are those of
    `data_client_ids`, by client id. `competing_session` means that market data
    stands still, because the same user is logged in elsewhere. `streams_lost` counts the streams
    that bring nothing until they have been asked for again, which after a reconnect takes a while.
    `unreadable_count` is how many messages of the gateway could not be read, and `unreadable` the
    newest of them; a question that one of them answered has ended in an error.
    """

    state: ConnectionState
    profile: str
    host: str
    port: int
    client_id: int
    mode: TradingMode
    readonly: bool
    accounts: tuple[str, ...] = ()
    server_version: int | None = None
    connected_since: datetime | None = None
    uptime_s: float | None = None
    last_heartbeat: datetime | None = None
    heartbeat_rtt_ms: float | None = None
    reconnect_count: int = 0
    attempt: int = 0
    next_attempt_in_s: float | None = None
    degraded_by: tuple[str, ...] = ()
    farms: Mapping[str, FarmState] = field(default_factory=dict)
    breakers: Mapping[str, BreakerState] = field(default_factory=dict)
    circuits: Mapping[str, CircuitStatus] = field(default_factory=dict)
    open_orders: int = 0
    last_error: str | None = None
    rules: str = ""
    halted_by: tuple[str, ...] = ()
    kill_switch: str = ""
    uncertain_orders: int = 0
    attention: tuple[str, ...] = ()
    drift: DriftStatus = DriftStatus()
    planned_outage: str | None = None
    planned_until: datetime | None = None
    login_obstacle: str | None = None
    is_escalated: bool = False
    competing_session: bool = False
    data_connections: Mapping[str, ConnectionState] = field(default_factory=dict)
    streams_lost: int = 0
    unreadable_count: int = 0
    unreadable: tuple[UnreadableMessage, ...] = ()

    @property
    def is_connected(self) -> bool:
        """Whether a logged-in session exists (ready or degraded)."""
        return self.state in CONNECTED
