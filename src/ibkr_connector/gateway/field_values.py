"""
Texts of the wire to values, each text read once.

The same few texts come again and again: 0, 100, the price of an order, the contract that it is
for. What is read here is what ib_async's conversions and `translate` make of them together; the
functions are pure, so a text that was read before need not be read anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import ib_async.contract
from ib_async.util import UNSET_DOUBLE

from ibkr_connector.model.contracts import Contract

from .described import shared
from .figures import decimal_or_none, integer, positive, quantity

__all__ = [
    "Described",
    "amount",
    "contract_said",
    "described",
    "held",
    "number",
    "price",
    "size",
    "whole",
]

_ZERO: Final = Decimal(0)
_TEXTS: Final = 8192
"""So many texts are remembered of each kind; a price that is gone is read again when it is back."""

_CONTRACTS: Final = 16384
"""So many contracts are remembered, a few hundred bytes each."""


@lru_cache(_TEXTS)
def amount(text: str) -> Decimal | None:
    """Read a figure whose empty text is zero."""
    # digits that a double holds exactly are what comes out of one: the way through it is longer
    short = text.rstrip("0").rstrip(".") if "." in text else text
    if len(short) <= _EXACT and _PLAIN.fullmatch(short):
        return Decimal(short)
    return decimal_or_none(float(text or 0))


@lru_cache(_TEXTS)
def size(text: str) -> Decimal:
    """Read a size; one that is not said is zero."""
    return quantity(float(text or 0)) or _ZERO


@lru_cache(_TEXTS)
def price(text: str) -> Decimal | None:
    """Read the price of an order, whose empty text is none."""
    return decimal_or_none(float(text or UNSET_DOUBLE))


@lru_cache(_TEXTS)
def whole(text: str) -> Decimal | None:
    """Read a figure that means something only above zero."""
    return positive(float(text or 0))


@lru_cache(_TEXTS)
def number(text: str) -> int | None:
    """Read an id; zero and the unset number are none."""
    return integer(int(text or 0))


def contract_said(texts: Sequence[str], *, is_window: bool = False) -> tuple[Any, ...]:
    """Return what the eleven fields of a contract say, as `described.py` takes it."""
    con_id, symbol, kind, expiry, strike, right, multiplier, place, currency, local, trading = texts
    exchange, primary = ("", place) if is_window else (place, "")
    return (
        *(kind, int(con_id or 0), symbol, expiry, float(strike or 0), right, multiplier),
        *(exchange, primary, currency, local, trading),
    )


_EXACT: Final = 16
"""Of so many letters at most fifteen are digits, or fourteen without a dot."""

_PLAIN: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,13})(?:\.[0-9]*[1-9])?")

_KINDS: Final = 128
_PRIMARY: Final = "primaryExchange"


class Described:
    """A contract as a message describes it: our record, and fresh objects of ib_async's."""

    __slots__ = ("_kind", "_place", "_texts", "_values", "record")

    def __init__(self, texts: tuple[str, ...], place: str) -> None:
        self.record: Contract = shared(contract_said(texts, is_window=place == _PRIMARY))
        self._texts, self._place = texts, place
        self._kind: type | None = None
        self._values: dict[str, Any] = {}

    def ib(self) -> Any:
        """Make an object as ib_async would have: its users may change theirs."""
        if self._kind is None:
            source = _source(self._texts, self._place)
            typed = _typed(source.secType)
            self._values = {**vars(source), "secType": typed.secType}
            self._kind = type(typed)
        made: Any = object.__new__(self._kind)
        made.__dict__.update(self._values)
        made.comboLegs = []
        return made


@lru_cache(_KINDS)
def _typed(kind: str) -> Any:
    """Return an object of the class that ib_async has for a type, some of which it renames."""
    return ib_async.contract.Contract.recreate(ib_async.contract.Contract(secType=kind))


@lru_cache(_CONTRACTS)
def described(texts: tuple[str, ...]) -> Described:
    """
    Read the eleven fields of a contract in messages of orders, executions and positions.

    Raises:
        ValueError: A number that is none, or a security type that has no name here.
    """
    return Described(texts, "exchange")


@lru_cache(_CONTRACTS)
def held(texts: tuple[str, ...]) -> Described:
    """Read those of the account window, which name the primary exchange in place of the other."""
    return Described(texts, _PRIMARY)


def _source(texts: tuple[str, ...], place: str) -> Any:
    con_id, symbol, kind, expiry, strike, right, multiplier, exchange, *names = texts
    currency, local_symbol, trading_class = names
    return ib_async.contract.Contract(
        conId=int(con_id or 0),
        symbol=symbol,
        secType=kind,
        lastTradeDateOrContractMonth=expiry,
        strike=float(strike or 0),
        right=right,
        multiplier=multiplier,
        currency=currency,
        localSymbol=local_symbol,
        tradingClass=trading_class,
        **{place: exchange},  # type: ignore[arg-type]  # the name of a text field
    )
