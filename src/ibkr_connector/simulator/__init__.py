"""
A TWS and IB Gateway for tests and trials: it speaks the real wire protocol on a real TCP port.

Any client of the TWS API connects to it. It shares nothing with the rest of this package but the
clock, so that what it says about a gateway cannot be a mirror image of what the connector believes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .dialogue import Permissions
    from .faults import (
        Answer,
        CancelRace,
        ClockSkew,
        CompetingSession,
        Cut,
        CutAfter,
        Delay,
        DelayedTicks,
        Drop,
        Duplicate,
        Encode,
        EndOfStreams,
        Fault,
        ForeignOrder,
        Garble,
        HalfOpen,
        HelloZone,
        Hold,
        IgnoreRequest,
        Link,
        Manner,
        Merge,
        MessageRate,
        MissingEnd,
        NoPriceFirst,
        Notice,
        NotSubscribed,
        Outage,
        PortReset,
        PresetTif,
        ReadOnlyApi,
        Refuse,
        Reject,
        RejectionManner,
        Reorder,
        Restart,
        Revision,
        Rewrite,
        Silent,
        SlowReader,
        Split,
        Stage,
        Stall,
        SummarySlots,
        Trickle,
        Truncate,
        UnsetFirst,
        Warn,
        WhatIfTwice,
        ZoneForm,
    )
    from .quirks import Quirk
    from .server import GatewaySimulator, HostedSimulator

__all__ = [
    "Answer",
    "CancelRace",
    "ClockSkew",
    "CompetingSession",
    "Cut",
    "CutAfter",
    "Delay",
    "DelayedTicks",
    "Drop",
    "Duplicate",
    "Encode",
    "EndOfStreams",
    "Fault",
    "ForeignOrder",
    "Garble",
    "GatewaySimulator",
    "HalfOpen",
    "HelloZone",
    "Hold",
    "HostedSimulator",
    "IgnoreRequest",
    "Link",
    "Manner",
    "Merge",
    "MessageRate",
    "MissingEnd",
    "NoPriceFirst",
    "NotSubscribed",
    "Notice",
    "Outage",
    "Permissions",
    "PortReset",
    "PresetTif",
    "Quirk",
    "ReadOnlyApi",
    "Refuse",
    "Reject",
    "RejectionManner",
    "Reorder",
    "Restart",
    "Revision",
    "Rewrite",
    "Silent",
    "SlowReader",
    "Split",
    "Stage",
    "Stall",
    "SummarySlots",
    "Trickle",
    "Truncate",
    "UnsetFirst",
    "Warn",
    "WhatIfTwice",
    "ZoneForm",
]

_HOMES: Final = ("faults", "dialogue", "quirks", "server")
"""Where the names are. They are loaded when asked for, since the fixtures for pytest are in every
test run of whoever installed the package, and most of those need no gateway."""


def __getattr__(name: str) -> Any:
    known = name in __all__
    modules = (import_module(f"{__name__}.{home}") for home in _HOMES if known)
    found = next((vars(module)[name] for module in modules if name in vars(module)), None)
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(globals().keys() | set(__all__))
