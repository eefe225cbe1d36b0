"""
ib_async's decoder, made honest where it guesses or hides.

It swallows what it cannot read, takes an empty figure for zero, and loses an execution whose time
zone it does not know. Here a failure reaches the caller, so that whoever waits for that answer is
told, and the text of times and of commissions is passed on unread. It reads no bond whose coupon is
not a whole number, either.

What is read is what ib_async reads, value by value; only how is our own: it looks up the fields of
a class for every object of it, which is most of the time that an order's messages take.
"""

# mypy: disallow-untyped-calls=False
# ib_async's request methods and callbacks are not typed.

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from ib_async.contract import ContractDetails
from ib_async.decoder import Decoder

from .data_answers import with_data_answers
from .lanes import Lane

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

    def __init__(self, wrapper: Any, server_version: int) -> None:
        super().__init__(wrapper, server_version)
        self.handlers = with_data_answers(self.handlers, wrapper)
        self.lanes: dict[bytes, Lane] = {}

    def begin(self, server_version: int) -> None:
        """Read messages of this version; called once, when the gateway has greeted."""
        self.serverVersion = server_version

    def bars_lane(self, payload: bytes) -> bool:
        """Take a long message of bars as bytes; tell whether that was possible."""
        return False

    def take_run(self, run: list[bytes]) -> bool:
        """Take messages of one kind at once, with what follows; tell whether that was possible."""
        return False

    def decode(self, fields: list[str]) -> None:
        """
        Hand one message to the wrapper.

        Raises:
            UNREADABLE: Unknown message number, or fields that do not fit it.
        """
        if self.wrapper.figures.waiting:
            # they came before it
            self.wrapper.emit_figures()
        self.handlers[int(fields[0])](fields)

    def wrap(
        self, methodName: str, types: list[type], skip: int = 2
    ) -> Callable[[list[str]], None]:
        """Make the handler of a flat message (ib_async's own one swallows exceptions)."""

        kinds = tuple(_flag if kind is bool else kind for kind in types)

        def handler(fields: list[str]) -> None:
            method = getattr(self.wrapper, methodName, None)
            if method is not None:
                # told apart here and not in a function: most messages of a day come through here
                method(
                    *[
                        text if kind is str else kind(text or 0)
                        for kind, text in zip(kinds, fields[skip:], strict=False)
                    ]
                )

        return handler

    def parse(self, obj: Any) -> None:
        """Make of an object's texts what its class says they are; an empty one is its default."""
        values = vars(obj)
        plan = _figures_of(type(obj))  # type: ignore[arg-type]  # mypy: a class is no Hashable
        for name, kind, default in plan:
            value = values[name]
            values[name] = kind(value) if value else default

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


def _flag(text: Any) -> bool:
    return bool(int(text))


_MISTAKEN: Final[dict[tuple[type, str], type]] = {(ContractDetails, "coupon"): float}
"""What ib_async takes for whole numbers: it raises on a bond of 4.25 per cent."""

_KINDS: Final[dict[type, Callable[[Any], Any]]] = {int: int, float: float, bool: _flag}


@cache
def _figures_of(owner: type) -> tuple[tuple[str, Callable[[Any], Any], Any], ...]:
    """Return the fields of a class that are no text: name, how to read it, what it is if empty."""
    return tuple(
        (
            field.name,
            _MISTAKEN.get((owner, field.name)) or _KINDS[type(field.default)],
            field.default,
        )
        for field in dataclasses.fields(owner)
        if type(field.default) in _KINDS
    )
