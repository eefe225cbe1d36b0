"""
ib_async's decoder, made honest where it guesses or hides.

It swallows what it cannot read, takes an empty figure for zero, and loses an execution whose time
zone it does not know. Here a failure reaches the caller, so that whoever waits for that answer is
told, and the text of times and of commissions is passed on unread. It reads no bond whose coupon is
not a whole number, either.
"""

# mypy: disallow-untyped-calls=False
# ib_async's request methods and callbacks are not typed.

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ib_async.contract import ContractDetails
from ib_async.decoder import Decoder

__all__ = ["UNREADABLE", "HonestDecoder"]

UNREADABLE: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    StopIteration,
    TypeError,
    ValueError,
)
"""What ib_async's decoding raises on fields it does not expect."""

_EXECUTION_TIME: Final = 15


class HonestDecoder(Decoder):
    """Turns the fields of one message into calls of the wrapper; raises what it cannot read."""

    wrapper: Any

    def decode(self, fields: list[str]) -> None:
        """
        Hand one message to the wrapper.

        Raises:
            UNREADABLE: Unknown message number, or fields that do not fit it.
        """
        self.handlers[int(fields[0])](fields)

    def wrap(
        self, methodName: str, types: list[type], skip: int = 2
    ) -> Callable[[list[str]], None]:
        """Make the handler of a flat message (ib_async's own one swallows exceptions)."""

        def handler(fields: list[str]) -> None:
            method = getattr(self.wrapper, methodName, None)
            if method is not None:
                method(*map(_value, types, fields[skip:]))

        return handler

    def parse(self, obj: Any) -> None:
        """Read the coupon of a bond as the figure it is: ib_async raises on 4.25 per cent."""
        is_bond = isinstance(obj, ContractDetails) and isinstance(obj.coupon, str)
        coupon = obj.coupon if is_bond else ""
        if is_bond:
            obj.coupon = 0
        super().parse(obj)
        if coupon:
            obj.coupon = float(coupon)

    def execDetails(self, fields: list[str]) -> None:
        """Keep the time as text: ib_async raises on a zone that it does not know."""
        text = fields[_EXECUTION_TIME]
        moment = self.wrapper.execution_time(text)
        super().execDetails(
            [
                *fields[:_EXECUTION_TIME],
                str(int(moment.timestamp())),
                *fields[_EXECUTION_TIME + 1 :],
            ]
        )

    def historicalData(self, fields: list[str]) -> None:
        """Hand bars of our own requests over as text, exact and without a detour over floats."""
        request_id = int(fields[1])
        if not self.wrapper.bars_of(request_id, fields[5:], count=int(fields[4])):
            super().historicalData(fields)

    def commissionReport(self, fields: list[str]) -> None:
        """Hand the figures over as text: ib_async reads an empty one, "not known", as zero."""
        _, _, exec_id, commission, currency, realized, *_ = fields
        self.wrapper.commission_text(exec_id, commission, currency, realized)
        super().commissionReport(fields)


def _value(kind: type, text: str) -> Any:
    if kind is str:
        return text
    if kind is bool:
        return bool(int(text or 0))
    return kind(text or 0)
