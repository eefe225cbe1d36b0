"""
What a caller of the desk waits for: that the bytes have left, the broker's first word, the end.

Owns: which words there are for it, how long each part of the wait may take, and what is said when
an order is still open at the deadline. Pure: it knows numbers and orders, no loop and no clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

from ibkr_connector.errors import OrderValidationError, RequestTimeoutError
from ibkr_connector.model.orders import size_text

from .entry import OrderEntry

__all__ = ["Wait", "Waiting", "as_waiting", "still_open"]

Wait = Literal["sent", "submitted", "filled"]
"""
How long a call that places waits.

`sent`: until the bytes have left the socket; `submitted`: until the broker has spoken; `filled`:
until nothing more will happen to the order, whichever way it ends.
"""

_WORDS: Final[tuple[str, ...]] = get_args(Wait)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """
    What one call waits for, and how long, in seconds.

    `send_s` bounds the way to the socket (`None`: the endpoint's own bound), `ack_s` the wait for
    the broker's first word from then on, `fill_s` everything from the intent to the order's end.
    """

    until: Wait
    send_s: float | None
    ack_s: float
    fill_s: float


def as_waiting(wait: object, timeout_s: object, *, ack_s: float, fill_s: float) -> Waiting:
    """
    Read what a caller asks for; `ack_s` and `fill_s` are what holds when he names no time.

    A time that bounds the sending alone does not shorten the desk's patience with the broker.

    Raises:
        OrderValidationError: With every fault in one message.
    """
    faults = []
    if not isinstance(wait, str) or wait not in _WORDS:
        words = ", ".join(repr(word) for word in _WORDS)
        faults.append(f"wait must be one of {words}; got {wait!r}")
    is_number = isinstance(timeout_s, int | float) and not isinstance(timeout_s, bool)
    if timeout_s is not None and not (
        is_number and isinstance(timeout_s, int | float) and 0 < timeout_s < math.inf
    ):
        faults.append(f"timeout_s must be a finite number of seconds above 0; got {timeout_s!r}")
    if faults:
        raise OrderValidationError("; ".join(faults))
    given = float(timeout_s) if isinstance(timeout_s, int | float) else None
    if wait == "sent":
        return Waiting(until="sent", send_s=given, ack_s=ack_s, fill_s=fill_s)
    if wait == "submitted":
        return Waiting(until="submitted", send_s=given, ack_s=given or ack_s, fill_s=fill_s)
    total = given or fill_s
    first = None if given is None else min(given, ack_s)
    return Waiting(until="filled", send_s=first, ack_s=min(total, ack_s), fill_s=total)


def still_open(entry: OrderEntry, waited_s: float) -> RequestTimeoutError:
    """Say that an order was not closed in time, and that it goes on working all the same."""
    error = RequestTimeoutError(
        f"order {entry.order_id} is {entry.status} after {waited_s:g} s, "
        f"{entry.filled} of {size_text(entry.quantity, entry.cash)} filled; it goes on working",
        request_id=entry.order_id,
        correlation_id=entry.correlation_id or None,
        hint="do not place it again; `wait_for_fill` waits on, `cancel_order` ends it",
        # the call placed an order: made again it places another
        replay_safe=False,
        disposition=entry.disposition,
    )
    error.report = entry.report()
    return error
