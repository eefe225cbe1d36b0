"""Keep one session alive, and the user's picture of it true."""

from __future__ import annotations

from .keeper import Supervisor
from .records import (
    BROKER_LINK,
    SessionLike,
    StateChange,
    SupervisorSnapshot,
    SupervisorTiming,
    SyncCause,
    SyncPart,
)
from .states import SupervisorEvent

__all__ = [
    "BROKER_LINK",
    "SessionLike",
    "StateChange",
    "Supervisor",
    "SupervisorEvent",
    "SupervisorSnapshot",
    "SupervisorTiming",
    "SyncCause",
    "SyncPart",
]
