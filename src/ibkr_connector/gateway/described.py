"""
Contracts that are described again and again: one record for each description.

Each message of an order, and each row of an account, describes its contract anew. A record never
changes, so it may be shared, and two of them that are the same object are compared at once.
"""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from ibkr_connector.model.contracts import Contract, Right
from ibkr_connector.model.ids import ConId

from .figures import integer, positive
from .security_types import security_type

__all__ = ["MOST", "said_of", "shared", "unshared"]

MOST: Final = 2048
"""So many descriptions are remembered; then it begins anew."""

_NUMBERS: Final = 4096

_RIGHTS: Final = {"C": Right.CALL, "CALL": Right.CALL, "P": Right.PUT, "PUT": Right.PUT}

said_of: Final = attrgetter(
    "secType", "conId", "symbol", "lastTradeDateOrContractMonth", "strike", "right", "multiplier",
    "exchange", "primaryExchange", "currency", "localSymbol", "tradingClass",
)  # fmt: skip
"""What an ib_async contract without legs says, in the order in which `shared` takes it."""

_KNOWN: Final[dict[tuple[Any, ...], Contract]] = {}

_positive: Final = lru_cache(_NUMBERS)(positive)


def shared(said: tuple[Any, ...]) -> Contract:
    """
    Return the record of a description, the same for all that say the same.

    Raises:
        ValueError: A security type that has no name here, or a number that is none.
    """
    known = _KNOWN.get(said)
    if known is None:
        if len(_KNOWN) >= MOST:
            _KNOWN.clear()
        known = _KNOWN[said] = unshared(said)
    return known


def unshared(said: tuple[Any, ...]) -> Contract:
    """Make a record of its own of a description. Raises as `shared`."""
    kind, number, symbol, expiry, strike, right, multiplier, exchange, primary, *names = said
    currency, local_symbol, trading_class = names
    security = security_type(kind)
    con_id = integer(number)
    return Contract(
        symbol=symbol,
        security_type=security,
        exchange=exchange,
        currency=currency,
        primary_exchange=primary,
        con_id=None if con_id is None else ConId(con_id),
        expiry=expiry,
        strike=_positive(strike),
        right=_RIGHTS.get(right),
        multiplier=_positive(multiplier),
        local_symbol=local_symbol,
        trading_class=trading_class,
    )
