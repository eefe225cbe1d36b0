"""What the supervisor is given and what it tells."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from ibkr_connector.gateway.port import SessionInfo
from ibkr_connector.model.status import ConnectionState, FarmState

from .outages import Loudness
from .states import SupervisorEvent

__all__ = [
    "BROKER_LINK",
    "SessionLike",
    "StateChange",
    "SupervisorSnapshot",
    "SupervisorTiming",
    "SyncCause",
    "SyncPart",
]

BROKER_LINK: Final = "broker link"
"""What `degraded_by` calls the link between the gateway and IB."""


class SessionLike(Protocol):
    """What the supervisor needs of a session."""

    @property
    def info(self) -> SessionInfo:
        """Facts of the login."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether the socket is up as far as is known."""
        ...

    @property
    def last_received(self) -> float:
        """`clock.monotonic()` of the last inbound byte."""
        ...

    async def probe(self) -> float:
        """Ask for the time and return the round trip in seconds."""
        ...

    def abort(self, reason: str) -> None:
        """Cut the socket now."""
        ...

    async def aclose(self) -> None:
        """Close in order; idempotent."""
        ...


class SyncCause(StrEnum):
    """Why the broker's state is read again."""

    CONNECTED = "connected"
    """A new session: everything that belonged to the old one is gone."""

    DATA_LOST = "data lost"
    """The gateway's link came back without the subscriptions (TWS 1101)."""

    LINK_BACK = "link back"
    """The gateway's link came back with the subscriptions (TWS 1102)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPart:
    """
    One part of the broker's state that is read again when it may have changed unseen.

    Args:
        name: As it shows in `degraded_by` when it is missing.
        run: Reads it; run again from the start each time.
        essential: Without it the session is of no use: it is closed and the next one tried.
        causes: When it is needed; restoring subscriptions leaves `LINK_BACK` out.
        in_background: Whether trading goes on without it, and it is read behind the others.
    """

    name: str
    run: Callable[[], Awaitable[None]]
    essential: bool = False
    causes: frozenset[SyncCause] = frozenset(SyncCause)
    in_background: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorTiming:
    """
    The numbers of supervision, in seconds.

    A silent gateway is found within two `heartbeat_interval_s`: two probes that are not answered
    take one at most, whatever `heartbeat_timeout_s` is.
    `sync_timeout_s` bounds each part, `resync_s` is how often missing ones are asked again. Waits
    between attempts are drawn from 0 to a step that doubles from `base_s` to `cap_s`, and start
    over only after a session that lasted `stable_s`; in a planned outage the step is
    `maintenance_s`. For `client_id_wait_s` a client id in use (326) is asked for at its own pace,
    because TWS frees it as soon as it notices that the old socket is dead. An order goes without a
    question when something was received within `fresh_s`; otherwise the gateway is asked, and has
    `confirm_s` to answer. An outage longer than `escalate_s` is escalated.
    """

    heartbeat_interval_s: float = 60.0
    heartbeat_timeout_s: float = 10.0
    sync_timeout_s: float = 15.0
    resync_s: float = 30.0
    reconnect: bool = True
    max_attempts: int | None = None
    base_s: float = 1.0
    cap_s: float = 60.0
    client_id_wait_s: float = 120.0
    stable_s: float = 60.0
    close_s: float = 2.0
    maintenance_s: float = 30.0
    fresh_s: float = 5.0
    confirm_s: float = 3.0
    escalate_s: float = 900.0

    @property
    def probe_s(self) -> float:
        """How long one heartbeat may take, so that two misses fit into one interval."""
        return min(self.heartbeat_timeout_s, self.heartbeat_interval_s / 2)

    @property
    def trust_s(self) -> float:
        """How long a byte proves that the gateway lives; shorter than between two heartbeats."""
        return min(self.fresh_s, self.heartbeat_interval_s / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """
    One thing that happened to the connection; `degraded_by` is how it stands after it.

    `loudness` says whether anybody should hear of it.
    """

    event: SupervisorEvent
    source: ConnectionState
    target: ConnectionState
    degraded_by: tuple[str, ...] = ()
    error: BaseException | None = None
    loudness: Loudness = Loudness.QUIET


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorSnapshot:
    """How the connection stands; times of day are UTC."""

    state: ConnectionState
    attempt: int = 0
    next_attempt_in_s: float | None = None
    reconnect_count: int = 0
    degraded_by: tuple[str, ...] = ()
    farms: Mapping[str, FarmState] = field(default_factory=dict)
    connected_since: datetime | None = None
    uptime_s: float | None = None
    last_heartbeat: datetime | None = None
    heartbeat_rtt_ms: float | None = None
    last_error: str | None = None
    planned_outage: str | None = None
    planned_until: datetime | None = None
    login_obstacle: str | None = None
    is_escalated: bool = False
    competing_session: bool = False
