"""Ask the code table; what it does not list is kept and classified by its range."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import Final

from ibkr_connector.errors import IBKRError, OrderRejectedError
from ibkr_connector.model.status import FarmState

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
    "account_effect",
    "code_of",
    "farm_effect",
    "link_effect",
    "lookup",
    "pacing_effect",
    "session_effect",
    "stream_effect",
]

_CODE_OF: Final = attrgetter("code")

_BY_CODE: Final[Mapping[int, tuple[CodeRow, ...]]] = MappingProxyType(
    {code: tuple(rows) for code, rows in groupby(sorted(TABLE, key=_CODE_OF), key=_CODE_OF)}
)

_WARNINGS: Final = range(2100, 2200)
"""Codes that nobody documents but everybody treats as warnings (rust-ibapi, nautilus, ib_async)."""

_UNLISTED: Final = "not documented; classified by its range"


def lookup(code: int, scope: Scope, text: str = "") -> CodeRow:
    """
    Return the row of a message.

    Args:
        code: The number that came.
        scope: What the message answers.
        text: What came with it; only the documented sub-cases of a few codes read it, and it may
            be in another language, so the row without a text is what counts then.

    An unlisted code is never dropped: a warning range is a warning, one that names an order is a
    hint to ask the broker, one that names a request ends it.
    """
    plain: CodeRow | None = None
    lowered = text.lower()
    for row in _BY_CODE.get(code, ()):
        if scope not in row.scopes:
            continue
        if row.when is When.ANY:
            plain = plain or row
        elif row.when in lowered:
            return row
    return plain or _unlisted(code, scope)


def _unlisted(code: int, scope: Scope) -> CodeRow:
    if code in _WARNINGS:
        return CodeRow(
            code=code, kind=CodeKind.WARNING, order=OrderEffect.WARNING, source=_UNLISTED
        )
    if scope in (Scope.ORDER, Scope.MODIFY, Scope.CANCEL):
        return CodeRow(
            code=code,
            kind=CodeKind.ORDER_WARNING,
            error=OrderRejectedError,
            order=OrderEffect.HINT,
            ends=Ends.DEPENDS,
            source=_UNLISTED,
        )
    if scope is Scope.REQUEST:
        return CodeRow(
            code=code, kind=CodeKind.REQUEST, error=IBKRError, ends=Ends.YES, source=_UNLISTED
        )
    return CodeRow(code=code, kind=CodeKind.INFO, source=_UNLISTED)


_LINK: Final[Mapping[int, LinkEffect]] = MappingProxyType(
    # IB campus, system message codes
    {
        1100: LinkEffect.DOWN,
        2110: LinkEffect.DOWN_QUIETLY,
        1101: LinkEffect.DATA_LOST,
        1102: LinkEffect.DATA_KEPT,
    }
)

_FARMS: Final[Mapping[int, FarmState]] = MappingProxyType(
    # IB campus, warning message codes; 2119 from rust-ibapi
    {
        2103: FarmState.BROKEN,
        2105: FarmState.BROKEN,
        2157: FarmState.BROKEN,
        2104: FarmState.OK,
        2106: FarmState.OK,
        2158: FarmState.OK,
        2107: FarmState.INACTIVE,
        2108: FarmState.INACTIVE,
        2119: FarmState.CONNECTING,
    }
)

_SESSION: Final[Mapping[int, SessionEffect]] = MappingProxyType(
    # IB campus, system message codes; 10197 comes in bunches (LEAN, pull request 212)
    {1300: SessionEffect.PORT_MOVED, 10197: SessionEffect.COMPETING}
)


def session_effect(code: int) -> SessionEffect | None:
    """Return what else a message says about the connection; `None` when it says nothing."""
    return _SESSION.get(code)


_STREAMS: Final[Mapping[int, StreamEffect]] = MappingProxyType(
    # IB campus; 10182 from ib_insync threads 333 and 670, 10225 also ib_async wrapper.py
    {
        **dict.fromkeys((316, 10182, 10225), StreamEffect.RENEW),
        317: StreamEffect.RESET,
        # "no items retrieved", or no longer (ib_async wrapper.py); other requests go on after it
        165: StreamEffect.EMPTY,
        10197: StreamEffect.COMPETING,
        **dict.fromkeys((101, 309, 10190), StreamEffect.NO_LINE),
    }
)


def stream_effect(code: int) -> StreamEffect | None:
    """Return what a message does to an open stream; `None` when `lookup` says all there is."""
    return _STREAMS.get(code)


_MARGIN_CODE: Final = 2148  # QuantConnect/Lean, pull request 1033
_NOT_MET: Final = ("urgent", "non-compliant", "insufficient")


def account_effect(code: int, text: str = "") -> AccountEffect | None:
    """
    Return what a message says about an account's margin; `None` when it says nothing.

    *limit*: one code says how near it is in words, those of an English TWS; in another language
    it is taken for the milder of the two.
    """
    if code != _MARGIN_CODE:
        return None
    is_near = any(word in text.lower() for word in _NOT_MET)
    return AccountEffect.LIQUIDATION_NEAR if is_near else AccountEffect.MARGIN_NEAR


def link_effect(code: int) -> LinkEffect | None:
    """Return what a system message says about the link to IB; `None` when it says nothing."""
    return _LINK.get(code)


def farm_effect(code: int) -> FarmState | None:
    """Return the state of the data farm that a notice names; `None` when it names none."""
    return _FARMS.get(code)


_LIMITS: Final[Mapping[int, PacingEffect]] = MappingProxyType(
    # 0: seen in logs; 100, 162 and 420: IB campus; 101: IB campus, shared with the user's TWS
    {
        0: PacingEffect.NEAR,
        100: PacingEffect.MESSAGES,
        162: PacingEffect.HISTORY,
        420: PacingEffect.HISTORY,
        101: PacingEffect.LINES,
    }
)


def pacing_effect(code: int, text: str = "") -> PacingEffect | None:
    """
    Return which limit a message says was reached; `None` when it speaks of none.

    Args:
        code: The number that came.
        text: What came with it: one code says other things too.
    """
    effect = _LIMITS.get(code)
    if effect is PacingEffect.LINES or lookup(code, Scope.REQUEST, text).kind is CodeKind.PACING:
        return effect
    return None


def code_of(error: type[IBKRError]) -> int | None:
    """Return the code that means exactly this error to a request; `None` unless there is one."""
    codes = {row.code for row in TABLE if row.error is error and Scope.REQUEST in row.scopes}
    return codes.pop() if len(codes) == 1 else None
