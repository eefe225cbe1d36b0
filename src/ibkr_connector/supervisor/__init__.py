"""Keep one session alive, and the user's picture of it true."""

from __future__ import annotations

from .address import Address, IdPolicy
from .keeper import Supervisor
from .launcher import Launcher
from .outages import Loudness, Outages
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
    "Address",
    "IdPolicy",
    "Launcher",
    "Loudness",
    "Outages",
    "SessionLike",
    "StateChange",
    "Supervisor",
    "SupervisorEvent",
    "SupervisorSnapshot",
    "SupervisorTiming",
    "SyncCause",
    "SyncPart",
]
