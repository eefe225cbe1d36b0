"""
The rows. Sources: `campus` is IBKR's published TWS API text (message codes); `ibapi` its official
client; `ib_async`, `LEAN`, `nautilus`, `rust-ibapi`, `stoqey` are what those projects treat the
code as; `measured` was seen on a paper account.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    OrderNotFoundError,
    OrderRejectedError,
    OrderStateError,
    PacingError,
    ReadOnlyError,
)

from .rows import CodeKind, CodeRow, Ends, OrderEffect, Scope, When

__all__ = ["TABLE"]

_DATA: Final = frozenset({Scope.REQUEST})
_NEW: Final = frozenset({Scope.ORDER})
_CHANGES: Final = frozenset({Scope.MODIFY, Scope.CANCEL})
_MODIFY: Final = frozenset({Scope.MODIFY})
_ORDERS: Final = frozenset({Scope.ORDER, Scope.MODIFY, Scope.CANCEL})


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


def _reject(code: int, source: str, *, proves: OrderEffect, hint: str = "") -> CodeRow:
    return CodeRow(
        code=code,
        kind=CodeKind.REJECT,
        error=OrderRejectedError,
        ends=Ends.YES,
        order=proves,
        scopes=_NEW,
        source=source,
        hint=hint,
    )


def _rejects(codes: Iterable[int], source: str, *, proves: OrderEffect) -> tuple[CodeRow, ...]:
    return tuple(_reject(code, source, proves=proves) for code in codes)


def _refused(code: int, source: str, hint: str = "") -> CodeRow:
    """A change or a cancellation was refused; the order is what it was."""
    return CodeRow(
        code=code,
        kind=CodeKind.VERDICT,
        error=OrderStateError,
        order=OrderEffect.VERDICT,
        scopes=_ORDERS,
        source=source,
        hint=hint,
    )


def _order_warning(code: int, source: str, hint: str = "", **facts: Any) -> CodeRow:
    facts.setdefault("order", OrderEffect.WARNING)
    return CodeRow(code=code, kind=CodeKind.ORDER_WARNING, source=source, hint=hint, **facts)


_DEAD: Final = OrderEffect.DEAD
_HINT: Final = OrderEffect.HINT

_PRECAUTION: Final = (
    "an order preset of TWS stopped it: see Presets, or tick "
    "'Bypass Order Precautions for API Orders'"
)
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
        scopes=frozenset({Scope.SYSTEM}),
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
        for code in range(510, 585)
    ),
    _info(10038, "campus", kind=CodeKind.CLIENT),
    _info(
        10328,
        "campus",
        kind=CodeKind.CONNECTION,
        order=_HINT,
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
    _info(327, "campus", kind=CodeKind.REQUEST),
    *(_permission(code, "campus", error=AccountError) for code in range(330, 334)),
    *(_request(code, HistoricalDataError, "campus") for code in (336, 337, 343, 10314, 10339)),
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
    _info(10167, "rust-ibapi; campus"),
    *(_permission(code, "campus", hint=_DELAYED) for code in (10168, 10186)),
    _request(10182, MarketDataError, "ib_insync threads 333, 670", kind=CodeKind.TRANSIENT),
    *(_permission(code, "campus") for code in (10187, 10189, 10276, 10277, 10346)),
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

_REJECTS: Final = (
    _reject(103, "campus", proves=_DEAD, hint="the order id was used before"),
    *_rejects((106, 107), "campus", proves=_DEAD),
    *(_reject(code, "campus", proves=_DEAD, hint=_PRECAUTION) for code in (109, 163, 382, 383)),
    _reject(164, "campus", proves=_HINT, hint=_PRECAUTION),
    _reject(110, "campus", proves=_DEAD, hint="round the price to the contract's tick"),
    _reject(111, "campus", proves=_DEAD),
    *_rejects((*range(113, 127), 129, 132, *range(151, 161), 167, 168), "LEAN", proves=_HINT),
    _reject(133, "campus", proves=_HINT),
    # a bracket's child whose parent died
    _reject(135, "campus; measured", proves=_DEAD),
    *_rejects((144, 145, 146, 147, 148), "campus", proves=_HINT),
    _reject(200, "campus; LEAN", proves=_DEAD, hint="no such contract, or several"),
    _reject(201, "campus", proves=_DEAD),
    _reject(203, "campus", proves=_DEAD, hint="the account may not trade this"),
    *_rejects((303, *range(311, 316)), "campus", proves=_HINT),
    CodeRow(
        code=321,
        kind=CodeKind.PERMISSION,
        error=ReadOnlyError,
        ends=Ends.YES,
        order=_HINT,
        scopes=_NEW,
        source="campus; ib_insync thread 65",
        hint="untick 'Read-Only API' under API settings",
    ),
    *_rejects(
        (
            *(325, 328, *range(334, 336), *range(338, 343), *range(344, 351), 352, 353),
            *(355, 356, *range(358, 365), *range(367, 381), 387, *range(389, 399)),
            *(*range(400, 404), *range(405, 413), *range(417, 420), *range(421, 430)),
            *(433, *range(437, 450), 463),
        ),
        "LEAN",
        proves=_HINT,
    ),
    *_rejects((388, 435, 436, 460), "campus; stoqey", proves=_DEAD),
    _reject(434, "campus", proves=_HINT),
    *_rejects((*range(10000, 10006), *range(10007, 10021), 10052, 10058), "LEAN", proves=_HINT),
    _reject(10006, "campus", proves=_HINT, hint="the child came before its parent was known"),
    *_rejects(range(10241, 10253), "campus", proves=_DEAD),
    *_rejects((10268, 10269, 10270), "campus", proves=_HINT),
    _reject(10286, "campus", proves=_HINT),
    *_rejects((10289, 10290, 10293), "campus; nautilus", proves=_DEAD),
    _reject(10294, "campus", proves=_HINT),
    *_rejects((10315, 10330), "campus", proves=_HINT),
    _reject(10318, "campus", proves=_DEAD),
    *_rejects((10324, 10325, 10326, 10327), "campus", proves=_HINT),
    *_rejects((10340, 10342, 10343, 10344, 10345), "campus", proves=_HINT),
)

_VERDICTS: Final = (
    _refused(104, "campus; LEAN", "the order is filled"),
    _refused(105, "campus; LEAN", "the change does not match the order as it was"),
    CodeRow(
        code=110,
        kind=CodeKind.VERDICT,
        error=OrderStateError,
        order=OrderEffect.VERDICT,
        scopes=_CHANGES,
        source="ib_async wrapper.py: the order lives on",
        hint="round the price to the contract's tick",
    ),
    _refused(134, "campus"),
    CodeRow(
        code=135,
        kind=CodeKind.VERDICT,
        error=OrderNotFoundError,
        order=_HINT,
        scopes=_CHANGES,
        source="campus",
    ),
    *(_refused(code, "campus") for code in (136, 137, 161, 329, 2102)),
    # on a change, the order as it was may survive (measured): ask
    CodeRow(
        code=201,
        kind=CodeKind.VERDICT,
        error=OrderRejectedError,
        order=_HINT,
        scopes=_CHANGES,
        source="campus; measured",
    ),
    CodeRow(
        code=202,
        kind=CodeKind.VERDICT,
        error=OrderRejectedError,
        order=_HINT,
        scopes=_ORDERS,
        source="campus; measured: confirms a cancel, and announces a refusal too",
    ),
    CodeRow(
        code=321,
        kind=CodeKind.VERDICT,
        error=OrderStateError,
        order=OrderEffect.VERDICT,
        scopes=_CHANGES,
        source="ib_async wrapper.py: the order is still live",
    ),
    CodeRow(
        code=10147,
        kind=CodeKind.VERDICT,
        error=OrderNotFoundError,
        order=_HINT,
        scopes=_ORDERS,
        source="ib_insync thread 690",
    ),
    CodeRow(
        code=10148,
        kind=CodeKind.VERDICT,
        error=OrderStateError,
        order=_HINT,
        scopes=_ORDERS,
        source="measured: the state in the text is localized and may mean filled",
    ),
    CodeRow(
        code=10149,
        kind=CodeKind.VERDICT,
        error=OrderStateError,
        order=_HINT,
        scopes=_ORDERS,
        source="LEAN",
    ),
    _refused(10341, "campus"),
)

_ORDER_WARNINGS: Final = (
    _order_warning(131, "campus"),
    _order_warning(399, "stoqey errorCode.ts; measured; rust-ibapi thread 759"),
    _order_warning(404, "campus; ib_insync thread 363", "held while shares are located"),
    _order_warning(481, "campus"),
    _order_warning(2109, "campus; measured"),
    _order_warning(2137, "campus"),
    *(_order_warning(code, "LEAN; rust-ibapi") for code in (2148, 2168, 2169)),
    _order_warning(10233, "campus"),
    *(
        _order_warning(code, "campus", order=_HINT, ends=Ends.DEPENDS)
        for code in (10311, 10329, 10331, 10332, 10333, 10334, 10335, 10347)
    ),
    _order_warning(
        10349,
        "ib_async threads 191, 217; measured: the order lives and fills",
        "set time_in_force explicitly",
        order=_HINT,
        ends=Ends.DEPENDS,
    ),
    CodeRow(
        code=154,
        kind=CodeKind.TRANSIENT,
        error=OrderRejectedError,
        order=_HINT,
        scopes=_CHANGES,
        source="campus",
    ),
)

TABLE: Final[tuple[CodeRow, ...]] = (
    *_CONNECTION,
    *_PACING,
    *_REQUESTS,
    *_REJECTS,
    *_VERDICTS,
    *_ORDER_WARNINGS,
)
"""Every known meaning of every known code."""
