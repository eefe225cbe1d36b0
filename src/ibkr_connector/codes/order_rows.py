"""The rows of messages that answer an order, a change of one or a cancellation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ibkr_connector.errors import (
    OrderNotFoundError,
    OrderRejectedError,
    OrderStateError,
    ReadOnlyError,
)

from .rows import CodeKind, CodeRow, Ends, OrderEffect, Scope

__all__ = ["ORDER_ROWS"]

_NEW: Final = frozenset({Scope.ORDER})
_CHANGES: Final = frozenset({Scope.MODIFY, Scope.CANCEL})
_ORDERS: Final = frozenset({Scope.ORDER, Scope.MODIFY, Scope.CANCEL})


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
    facts.setdefault("kind", CodeKind.ORDER_WARNING)
    return CodeRow(code=code, source=source, hint=hint, **facts)


_DEAD: Final = OrderEffect.DEAD
_HINT: Final = OrderEffect.HINT

_OCA_RULES: Final = (10324, 10325, 10326, 10327)

_PRECAUTION: Final = (
    "an order preset of TWS stopped it: see Presets, or tick "
    "'Bypass Order Precautions for API Orders'"
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
            *(433, 437, 438, 440, *range(444, 450), 463),
        ),
        "LEAN",
        proves=_HINT,
    ),
    # the algorithm was not understood, so nothing was made of the order: its clients hear this
    # and no word more (InterReact thread 3), and LEAN ends the order
    *_rejects((439, 441, 442, 443), "campus; LEAN InvalidatingCodes", proves=_DEAD),
    *_rejects((388, 435, 436, 460), "campus; stoqey", proves=_DEAD),
    _reject(434, "campus", proves=_HINT),
    *_rejects((*range(10000, 10006), *range(10007, 10021), 10052, 10058), "LEAN", proves=_HINT),
    _reject(10006, "campus", proves=_HINT, hint="the child came before its parent was known"),
    *_rejects(range(10241, 10253), "campus", proves=_DEAD),
    *_rejects((10268, 10269, 10270), "campus", proves=_HINT),
    _reject(10286, "campus", proves=_HINT),
    _reject(10289, "campus; nautilus", proves=_DEAD, hint="say cash_quantity, not quantity"),
    *_rejects((10290, 10293), "campus; nautilus", proves=_DEAD),
    _reject(10294, "campus", proves=_HINT),
    *_rejects((336, 337, 343, 10314, 10315, 10330), "campus", proves=_HINT),
    _reject(10318, "campus", proves=_DEAD),
    *_rejects(_OCA_RULES, "campus", proves=_HINT),
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
    *(
        CodeRow(
            code=code,
            kind=CodeKind.VERDICT,
            error=OrderStateError,
            order=_HINT,
            scopes=_CHANGES,
            source=source,
        )
        for code, source in (
            (133, "campus"),
            *((code, "campus: those of a revision keep the order") for code in _OCA_RULES),
        )
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

_NAMELESS: Final = (
    *range(2111, 2119),
    *range(2120, 2137),
    *range(2138, 2148),
    *range(2149, 2157),
    *range(2159, 2168),
)
"""Warnings whose text nobody wrote down."""

_ORDER_WARNINGS: Final = (
    _order_warning(131, "campus"),
    _order_warning(399, "stoqey errorCode.ts; measured; rust-ibapi thread 759"),
    _order_warning(404, "campus; ib_insync thread 363", "held while shares are located"),
    _order_warning(481, "campus"),
    _order_warning(2109, "campus; measured"),
    _order_warning(2137, "campus"),
    *(_order_warning(code, "LEAN; rust-ibapi") for code in (2148, 2168, 2169)),
    *(
        _order_warning(code, "rust-ibapi messages.rs: its range of warnings", kind=CodeKind.WARNING)
        for code in _NAMELESS
    ),
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

ORDER_ROWS: Final[tuple[CodeRow, ...]] = (*_REJECTS, *_VERDICTS, *_ORDER_WARNINGS)
