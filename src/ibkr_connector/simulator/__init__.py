"""
A TWS and IB Gateway for tests and trials: it speaks the real wire protocol on a real TCP port.

Any client of the TWS API connects to it. It shares nothing with the rest of this package but the
clock, so that what it says about a gateway cannot be a mirror image of what the connector believes.
"""

from __future__ import annotations

from .dialogue import Permissions
from .faults import (
    Answer,
    Cut,
    CutAfter,
    Delay,
    Drop,
    Fault,
    HalfOpen,
    Refuse,
    Silent,
    Stage,
    Stall,
)
from .server import GatewaySimulator, HostedSimulator

__all__ = [
    "Answer",
    "Cut",
    "CutAfter",
    "Delay",
    "Drop",
    "Fault",
    "GatewaySimulator",
    "HalfOpen",
    "HostedSimulator",
    "Permissions",
    "Refuse",
    "Silent",
    "Stage",
    "Stall",
]
