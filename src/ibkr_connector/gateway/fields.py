"""
Values to the text of wire fields, refusing what would say something else on the other side.

ib_async joins fields without looking: a NUL in a symbol starts a new field, NaN goes out as
`nan`. Here such a value is an error before a byte leaves. Decimals keep their digits, so that a
price is on the wire as it was written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from ib_async.contract import Contract
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER

from ibkr_connector.errors import ContractError, IBKRError, OrderValidationError

__all__ = ["encode"]

_ORDER_MESSAGES: Final = frozenset({3, 4, 21})
"""placeOrder, cancelOrder, exerciseOptions (ib_async client.py)."""


def encode(fields: Iterable[Any], *, make_empty: bool = True) -> bytes:
    """
    Return the payload of one message, its fields in order and each ended by a NUL.

    Args:
        fields: The message number first; ib_async contracts and tag lists stand for several fields.
        make_empty: Write IB's "unset" numbers as empty fields.

    Raises:
        OrderValidationError: A field of an order cannot be written.
        ContractError: A field of another message that describes a contract cannot be written.
        IBKRError: A field of any other message cannot be written.
    """
    fields = tuple(fields)
    try:
        texts = [
            # most fields of an order are empty
            "" if value == "" else _text(value, make_empty=make_empty)
            for value in fields
        ]
        return ("\0".join(texts) + "\0").encode()
    except ValueError as exc:
        raise _family(fields)(f"nothing was sent: {exc}", replay_safe=False) from exc


def _family(fields: tuple[Any, ...]) -> type[IBKRError]:
    if fields and fields[0] in _ORDER_MESSAGES:
        return OrderValidationError
    if any(isinstance(value, Contract) for value in fields):
        return ContractError
    return IBKRError


def _text(value: Any, *, make_empty: bool) -> str:
    kind = type(value)
    if kind is str:
        return _safe(value)
    if kind is bool:
        return "1" if value else "0"
    if kind is int:
        return "" if make_empty and value == UNSET_INTEGER else str(value)
    if kind is float:
        return "" if make_empty and value == UNSET_DOUBLE else str(_finite(value))
    if kind is Decimal:
        return format(_finite(value), "f")
    if value is None:
        return ""
    if isinstance(value, Contract):
        return "\0".join([_text(part, make_empty=False) for part in _contract_parts(value)])
    if isinstance(value, list):
        return "".join([f"{_safe(str(tag.tag))}={_safe(str(tag.value))};" for tag in value])
    return _safe(str(value))


def _contract_parts(contract: Contract) -> tuple[Any, ...]:
    return (
        contract.conId,
        contract.symbol,
        contract.secType,
        contract.lastTradeDateOrContractMonth,
        contract.strike,
        contract.right,
        contract.multiplier,
        contract.exchange,
        contract.primaryExchange,
        contract.currency,
        contract.localSymbol,
        contract.tradingClass,
    )


def _safe(text: str) -> str:
    if "\0" in text:
        raise ValueError(f"expected text without NUL characters, found {text!r}")
    return text


def _finite(number: Any) -> Any:
    # Limit: PEG BEST may carry an infinite offset (ib_async client.py placeOrder); refused too.
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, found {number}")
    return number
