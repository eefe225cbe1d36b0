"""
What every TWS message code means: one table, and the questions that may be asked of it.

No code number appears anywhere else in this package outside the simulator. A code whose meaning
depends on what it answers has a row per scope; one whose meaning hides in the text has a row per
`when`. Every row says who told us.
"""

from __future__ import annotations

from .lookup import (
    account_effect,
    code_of,
    farm_effect,
    link_effect,
    lookup,
    pacing_effect,
    session_effect,
    stream_effect,
)
from .rows import (
    AccountEffect,
    CodeKind,
    CodeRow,
    Ends,
    LinkEffect,
    OrderEffect,
    PacingEffect,
    Scope,
    SessionEffect,
    StreamEffect,
    When,
)
from .table import TABLE

__all__ = [
    "TABLE",
    "AccountEffect",
    "CodeKind",
    "CodeRow",
    "Ends",
    "LinkEffect",
    "OrderEffect",
    "PacingEffect",
    "Scope",
    "SessionEffect",
    "StreamEffect",
    "When",
    "account_effect",
    "code_of",
    "farm_effect",
    "link_effect",
    "lookup",
    "pacing_effect",
    "session_effect",
    "stream_effect",
]
