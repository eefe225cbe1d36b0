"""
What can go wrong, as values: put one into a running simulator and it happens.

They are applied in one place, between a client's socket and its session (`edge.py`); the venue
and the dialogue know nothing of them. A fault says which traffic it waits for and does its work a
given number of times; the same kinds are known to Python, to scenario files and to the control
port (`registry.py`).
"""

from __future__ import annotations

from .box import FaultBox
from .edge import Edge
from .fault import Fault
from .market import (
    DelayedTicks,
    NoPriceFirst,
    NotSubscribed,
    SummarySlots,
    UnsetFirst,
    ZoneForm,
)
from .moments import (
    ClockSkew,
    CompetingSession,
    EndOfStreams,
    ForeignOrder,
    Link,
    Notice,
    Outage,
    PortReset,
    Restart,
)
from .orders import CancelRace, PresetTif, ReadOnlyApi, RejectionManner, Revision, WhatIfTwice
from .registry import KINDS, read_fault
from .replies import Drop, Duplicate, Garble, Hold, MissingEnd, Reorder, Rewrite
from .requests import Answer, Cut, IgnoreRequest, Manner, MessageRate, Reject, Warn
from .sockets import (
    CutAfter,
    Delay,
    Encode,
    HalfOpen,
    HelloZone,
    Merge,
    Refuse,
    Silent,
    SlowReader,
    Split,
    Stage,
    Stall,
    Trickle,
    Truncate,
)

__all__ = [
    "KINDS",
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
    "Edge",
    "Encode",
    "EndOfStreams",
    "Fault",
    "FaultBox",
    "ForeignOrder",
    "Garble",
    "HalfOpen",
    "HelloZone",
    "Hold",
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
    "PortReset",
    "PresetTif",
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
    "read_fault",
]
