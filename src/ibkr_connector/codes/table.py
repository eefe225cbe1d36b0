"""
The rows. Sources: `campus` is IBKR's published TWS API text (message codes); `ibapi` its official
client; `ib_async`, `LEAN`, `nautilus`, `rust-ibapi`, `stoqey` are what those projects treat the
code as; `measured` was seen on a paper account.
"""

from __future__ import annotations

from typing import Any, Final

from ibkr_connector.errors import (
    AccountError,
    AuthenticationError,
    ClientIdInUseError,
    ConfigurationError,
    ConnectionLostError,
    ContractError,
    ContractNotFoundError,
    GatewayUnavailableError,
    HistoricalDataError,
    IBKRConnectionError,
    IBKRError,
    MarketDataError,
    MarketDataPermissionError,
    NoDataError,
    NotConnectedError,
    OrderRejectedError,
    PacingError,
    ReadOnlyError,
)

from .order_rows import ORDER_ROWS
from .rows import CodeKind, CodeRow, Ends, OrderEffect, Scope, When

__all__ = ["TABLE"]

_DATA: Final = frozenset({Scope.REQUEST})
_NOBODY: Final = frozenset({Scope.SYSTEM})


def _info(code: int, source: str, **facts: Any) -> CodeRow:
    return CodeRow(code=code, kind=facts.pop("kind", CodeKind.INFO), source=source, **facts)


def _request(code: int, error: type[IBKRError], source: str, **facts: Any) -> CodeRow:
    facts.setdefault("kind", CodeKind.REQUEST)
    facts.setdefault("scopes", _DATA)
    return CodeRow(code=code, error=error, ends=Ends.YES, source=source, **facts)


def _permission(
    code: int,
    source: str,
    *,
    error: type[IBKRError] = MarketDataPermissionError,
    hint: str = "",
) -> CodeRow:
    return _request(code, error, source, kind=CodeKind.PERMISSION, hint=hint)


_DATES: Final = "write yyyymmdd-hh:mm:ss, which is UTC, or name the time zone"
_DELAYED: Final = "subscribe in Client Portal, or set IBKR_MARKET_DATA_TYPE=delayed"

_CONNECTION: Final = (
    _info(1100, "campus", kind=CodeKind.CONNECTION, error=ConnectionLostError),
    _info(1101, "campus", kind=CodeKind.CONNECTION, hint="market data must be asked for again"),
    _info(1102, "campus", kind=CodeKind.CONNECTION),
    _info(1300, "campus", kind=CodeKind.CONNECTION, hint="the gateway's port was changed"),
    _info(
        326,
        "campus; nautilus",
        kind=CodeKind.CONNECTION,
        error=ClientIdInUseError,
        ends=Ends.YES,
        scopes=_NOBODY,
    ),
    *(_info(code, "campus", kind=CodeKind.CONNECTION) for code in (2103, 2105, 2110, 2157)),
    *(_info(code, "campus") for code in (2104, 2106, 2107, 2108, 2158)),
    _info(2119, "rust-ibapi"),
    _info(501, "ibapi errors.py", kind=CodeKind.CLIENT, error=IBKRConnectionError),
    _info(
        502,
        "ibapi errors.py; campus (also: 32 clients are connected)",
        kind=CodeKind.CLIENT,
        error=GatewayUnavailableError,
    ),
    *(
        _info(code, "ibapi errors.py", kind=CodeKind.CLIENT, error=ConfigurationError)
        for code in (503, 506)
    ),
    _info(504, "ibapi errors.py", kind=CodeKind.CLIENT, error=NotConnectedError, ends=Ends.YES),
    *(
        _info(code, "ibapi errors.py", kind=CodeKind.CLIENT, error=ConnectionLostError)
        for code in (505, 507, 508)
    ),
    *(
        _info(code, "ibapi errors.py", kind=CodeKind.CLIENT, error=IBKRError, ends=Ends.YES)
        for code in (*range(510, 585), *range(586, 595))
    ),
    _info(10038, "campus", kind=CodeKind.CLIENT),
    _info(
        10328,
        "campus",
        kind=CodeKind.CONNECTION,
        order=OrderEffect.HINT,
        ends=Ends.DEPENDS,
        hint="the link broke before the order was answered",
    ),
)

_PACING: Final = (
    _info(0, "seen in logs as 'Approaching max rate'", kind=CodeKind.PACING),
    _info(100, "campus", kind=CodeKind.PACING, error=PacingError),
    _request(
        162,
        PacingError,
        "LEAN",
        kind=CodeKind.PACING,
        when=When.PACING,
        hint="history is limited to 60 small-bar requests in ten minutes",
    ),
    _request(420, PacingError, "campus", kind=CodeKind.PACING),
)

_REQUESTS: Final = (
    *(
        _permission(code, "campus", hint="close market data lines you do not need")
        for code in (101, 309, 10190)
    ),
    *(_request(code, MarketDataError, "campus") for code in (102, 385, 386)),
    *(_request(code, IBKRError, "campus") for code in range(138, 144)),
    _request(162, NoDataError, "LEAN", when=When.NO_DATA),
    _request(162, HistoricalDataError, "ib_insync notebooks", when=When.CANCELLED),
    _request(
        162,
        AuthenticationError,
        "LEAN",
        kind=CodeKind.TRANSIENT,
        when=When.OTHER_ADDRESS,
        hint="the same user is logged in from another address",
    ),
    _request(
        162,
        MarketDataPermissionError,
        "LEAN",
        kind=CodeKind.PERMISSION,
        when=When.NO_PERMISSION,
    ),
    _request(162, HistoricalDataError, "campus"),
    _info(165, "campus; ib_async wrapper.py", kind=CodeKind.WARNING),
    _request(166, ContractError, "campus", hint="the contract has expired"),
    _request(200, ContractNotFoundError, "campus"),
    *(_info(code, "campus; LEAN") for code in (300, 310, 365, 366)),
    *(_request(code, IBKRError, "campus") for code in (301, 302, 304, 305, 306, 307, 308, 324)),
    _request(316, MarketDataError, "campus", kind=CodeKind.TRANSIENT),
    _info(317, "campus", kind=CodeKind.WARNING),
    *(_request(code, IBKRError, "campus") for code in (320, 323)),
    _request(321, HistoricalDataError, "campus", hint="the gateway refused the request as written"),
    _request(322, IBKRError, "campus; ib_insync threads 293, 689"),
    # a question without an id is refused without one, and a question nobody asked not at all
    CodeRow(
        code=321,
        kind=CodeKind.PERMISSION,
        error=ReadOnlyError,
        ends=Ends.DEPENDS,
        scopes=_NOBODY,
        source="bankroll thread 65; rust-ibapi thread 698: what a read-only API says to lists",
        hint="untick 'Read-Only API' under API settings",
    ),
    CodeRow(
        code=322,
        kind=CodeKind.REQUEST,
        error=IBKRError,
        ends=Ends.DEPENDS,
        scopes=_NOBODY,
        source="rust-ibapi thread 698",
    ),
    _info(327, "campus", kind=CodeKind.REQUEST),
    *(
        _permission(code, "campus", error=AccountError)
        for code in (203, *range(330, 334), *range(344, 347), 460)
    ),
    _request(303, IBKRError, "campus"),
    *(
        _request(code, HistoricalDataError, "campus", hint=_DATES)
        for code in (336, 337, 343, 10314, 10315, 10330)
    ),
    _request(10339, HistoricalDataError, "campus"),
    _permission(354, "campus", hint=_DELAYED),
    _request(413, OrderRejectedError, "campus"),
    _request(414, MarketDataError, "campus"),
    _request(430, NoDataError, "campus"),
    _info(492, "stoqey errorCode.ts", kind=CodeKind.WARNING),
    _request(585, AccountError, "campus"),
    _info(2100, "campus"),
    _request(2101, AccountError, "campus"),
    # with delayed data asked for, ticks follow; with live data nothing ever comes (rust-ibapi)
    CodeRow(
        code=10089,
        kind=CodeKind.PERMISSION,
        error=MarketDataPermissionError,
        ends=Ends.DEPENDS,
        scopes=_DATA,
        source="rust-ibapi; campus",
        hint=_DELAYED,
    ),
    *(_info(code, "rust-ibapi threads 768, 769", kind=CodeKind.WARNING) for code in (10090, 10091)),
    _request(10092, MarketDataError, "campus", hint="ask for smart depth, or name an exchange"),
    _info(10167, "rust-ibapi; campus"),
    *(_permission(code, "campus", hint=_DELAYED) for code in (10168, 10186)),
    _request(10182, MarketDataError, "ib_insync threads 333, 670", kind=CodeKind.TRANSIENT),
    *(_permission(code, "campus") for code in (10187, 10189, 10276, 10277, 10346)),
    # one request for ticks of a contract in 15 s: asked again later it is answered
    _request(10189, PacingError, "campus", kind=CodeKind.PACING, when=When.TOO_SOON),
    CodeRow(
        code=10197,
        kind=CodeKind.PERMISSION,
        error=MarketDataPermissionError,
        ends=Ends.DEPENDS,
        scopes=_DATA | {Scope.SYSTEM},
        source="campus; LEAN",
        hint="the same user is logged in to another session",
    ),
    _request(10225, MarketDataError, "campus; ib_async", kind=CodeKind.TRANSIENT),
    *(_request(code, AccountError, "campus") for code in (10230, 10231, 10322)),
    *(_request(code, IBKRError, "campus") for code in (*range(10278, 10285), 10309)),
    _request(
        10285, ConfigurationError, "campus", hint="the gateway is too new for this API version"
    ),
    *(_request(code, HistoricalDataError, "campus") for code in (10295, 10299)),
)

TABLE: Final[tuple[CodeRow, ...]] = (
    *_CONNECTION,
    *_PACING,
    *_REQUESTS,
    *ORDER_ROWS,
)
"""Every known meaning of every known code."""
