"""
Ending an uncertain order on the user's word, where the broker can no longer tell.

The broker's lists go back to midnight. An order that ended while nobody listened, or an exercise
that was lost on its way, would stay uncertain for ever, and the rules would count it for ever. Who
has looked it up in TWS or in the statement may say that it is over.
Owns: that nothing is ended that the broker shows, and nothing whose bytes may still arrive.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from ibkr_connector.errors import OrderStateError, OrderValidationError
from ibkr_connector.model.orders import OrderReport

from .book import Book
from .entry import OrderEntry
from .inquiry import Inquiry
from .states import Event, State

__all__ = ["Settling"]

_LONGEST: Final = 200


class Settling:
    """
    End uncertain orders; lives on the desk's loop.

    Args:
        book: Where they are.
        inquiry: Asks the broker.
        find: Finds an order by its number.
    """

    def __init__(
        self, *, book: Book, inquiry: Inquiry, find: Callable[[int], Awaitable[OrderEntry]]
    ) -> None:
        self._book = book
        self._inquiry = inquiry
        self._find = find

    async def settle(self, order_id: int, *, why: str) -> OrderReport:
        """
        End an order, after asking the broker once more; see the connector's docstring.

        Raises:
            OrderNotFoundError: No such order is known.
            OrderValidationError: There is no reason.
            OrderStateError: It is not uncertain, or may still be on its way to the broker.
            IBKRError: The broker cannot be asked.
        """
        words: Any = why
        if not isinstance(words, str) or not words.isprintable() or not 0 < len(words) <= _LONGEST:
            raise OrderValidationError(
                f"why must be printable text of 1 to {_LONGEST} characters; got {words!r}",
                hint="say what you have seen, as in why='expired, says the statement'",
            )
        entry = await self._find(order_id)
        _check(entry, is_listed=False)
        picture = await self._inquiry.look()
        entry = self._book.ledger.get(entry.key)
        _check(entry, is_listed=entry.key in picture.listed)
        if not entry.seen and not self._inquiry.was_sent_before(entry.key):
            raise OrderStateError(
                f"order {entry.order_id} was sent over this connection, and may still arrive",
                request_id=entry.order_id,
                hint="connect anew first: then what the gateway has not read is gone",
            )
        # of what the broker has never shown, its having been there would be an invention
        self._book.move(
            entry.key,
            Event.CANCEL if entry.seen else Event.NOT_PLACED,
            cause="settled",
            reason=f"settled by the user: {why}",
        )
        return self._book.ledger.get(entry.key).report()


def _check(entry: OrderEntry, *, is_listed: bool) -> None:
    if not entry.is_own or entry.state is not State.UNCERTAIN or is_listed:
        raise OrderStateError(
            f"order {entry.order_id} is {entry.status}, and not for you to settle",
            request_id=entry.order_id,
            hint="only an uncertain order of ours is ended by a word; cancel_order ends others",
        )
