"""
Ending an uncertain order on the user's word, where the broker can no longer tell.

The broker's lists go back to midnight. An order that ended while nobody listened, or an exercise
that was lost on its way, would stay uncertain for ever. Who has looked it up in TWS or in the
statement may say that it is over.
Owns: that nothing is ended that the broker shows or that waits there for the rest of its bracket,
and nothing whose bytes may still arrive.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from ibkr_connector.errors import OrderStateError, OrderValidationError
from ibkr_connector.model.orders import OrderReport

from .admission import Admission
from .entry import OrderEntry
from .families import Families
from .finding import Finder
from .inquiry import Inquiry
from .states import Event, State

__all__ = ["Settling"]

_LONGEST: Final = 200
_GRACES: Final = 3
"""How long one is waited for that is missing for the first time."""


class Settling:
    """
    End uncertain orders; lives on the desk's loop.

    Args:
        finder: Finds an order by its number.
        inquiry: Asks the broker.
        admission: Tells whether anything may be changed.
        families: Tells whether an order is of a bracket that may have arrived in part.
    """

    def __init__(
        self,
        finder: Finder,
        inquiry: Inquiry,
        *,
        admission: Admission,
        families: Families,
    ) -> None:
        self._families = families
        self._finder = finder
        self._book = finder.book
        self._inquiry = inquiry
        self._admission = admission

    def is_lost(self, order_id: int) -> bool:
        """Whether the broker had an order and no longer lists it, so that it works no more."""
        return self._finder.find(order_id).is_lost

    async def settle(self, order_id: int, *, why: str) -> OrderReport:
        """
        End an order, after asking the broker once more; see the connector's docstring.

        Raises:
            OrderNotFoundError: No such order is known.
            OrderValidationError: There is no reason.
            OrderStateError: It is not uncertain, may still be on its way to the broker, or is of a
                bracket that is being cancelled.
            ReadOnlyError: The connector is read-only.
            IBKRError: The broker cannot be asked.
        """
        words: Any = why
        if not isinstance(words, str) or not words.isprintable() or not 0 < len(words) <= _LONGEST:
            raise OrderValidationError(
                f"why must be printable text of 1 to {_LONGEST} characters; got {words!r}",
                hint="say what you have seen, as in why='expired, says the statement'",
            )
        self._admission.check_writable()
        entry = await self._finder.look_up(order_id)
        if not entry.is_own or not entry.is_open:
            raise _refused(entry)
        picture = await self._inquiry.look()
        if entry.key not in picture.listed:
            # one that was still held to be alive is missed twice first
            self._inquiry.follow_up()
            with suppress(TimeoutError):
                await self._book.until(
                    entry.key, _is_told, timeout_s=_GRACES * self._inquiry.grace_s
                )
        entry = self._book.ledger.get(entry.key)
        if entry.state is not State.UNCERTAIN or entry.key in picture.listed:
            raise _refused(entry)
        if not entry.seen and not self._inquiry.was_sent_before(entry.key):
            raise OrderStateError(
                f"order {entry.order_id} was sent over this connection, and may still arrive",
                request_id=entry.order_id,
                hint="connect anew first: then what the gateway has not read is gone",
            )
        if self._families.is_broken(entry.key):
            # TWS keeps what waits for the rest of its bracket, and lists it to nobody
            raise OrderStateError(
                f"order {entry.order_id} is of a bracket that has arrived in part",
                request_id=entry.order_id,
                hint="what has arrived of it is being cancelled; look again in a few seconds",
            )
        # of what the broker has never shown, its having been there would be an invention
        self._book.move(
            entry.key,
            Event.CANCEL if entry.seen else Event.NOT_PLACED,
            cause="settled",
            reason=f"settled by the user: {why}",
        )
        return self._book.ledger.get(entry.key).report()


def _is_told(entry: OrderEntry) -> bool:
    return entry.state is State.UNCERTAIN or not entry.is_open


def _refused(entry: OrderEntry) -> OrderStateError:
    return OrderStateError(
        f"order {entry.order_id} is {entry.status}, and not for you to settle",
        request_id=entry.order_id,
        hint="only an uncertain order of ours is ended by a word; cancel_order ends others",
    )
