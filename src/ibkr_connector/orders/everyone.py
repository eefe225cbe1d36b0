"""
Cancelling what anybody has open: other clients, other programs, people at TWS.

One message to TWS asks for that (`reqGlobalCancel`), and nothing answers it. So the broker's list
of open orders is asked for until nothing on it can trade any more, and what stays is named.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.gateway.port import BrokerOrder, OrderGateway
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.resilience.pipeline import Pipeline

from .states import Event
from .words import WORDS

__all__ = ["Everyone"]

_LOOKS, _PAUSE_S = 20, 0.25

_OVER: Final = frozenset({Event.CANCEL, Event.FILL_ALL})
"""What the words of a list mean that cannot trade; one that nobody knows is taken to live."""


def _is_over(row: BrokerOrder) -> bool:
    """
    Whether an order of the list can trade no more.

    One that is inactive can come alive and fill, as while shares to borrow are looked for
    (ib_insync issue 363), unless the broker says why it was refused.
    """
    event = WORDS.get(row.status)
    return event in _OVER or (event is Event.SUSPEND and bool(row.reject_reason))


class Everyone:
    """
    Cancel every open order of the login, whoever placed it.

    Args:
        send: Sends the one message; raises when the connector may not.
        gateway: Asked for the open orders of all clients and of TWS itself.
        pipeline: The one way to it.
        clock: Source of all times.
    """

    def __init__(
        self,
        *,
        send: Callable[[], Awaitable[None]],
        gateway: OrderGateway,
        pipeline: Pipeline,
        clock: Clock,
    ) -> None:
        self._send = send
        self._pipeline = pipeline
        self._list = Operation(policy=ENDPOINTS["open_orders"], call=gateway.open_orders)
        self._clock = clock

    async def cancel(self) -> tuple[str, ...]:
        """
        Ask for it, and name what is still alive after some seconds.

        Raises:
            IBKRError: It could not be sent, or the broker could not be asked what became of it.
        """
        await self._send()
        alive: Sequence[BrokerOrder] = ()
        for look in range(_LOOKS):
            if look:
                await self._clock.sleep(_PAUSE_S)
            listed = await self._pipeline.run(self._list)
            alive = [row for row in listed if not _is_over(row)]
            if not alive:
                break
        return tuple(
            f"order {row.order_id or row.perm_id} of client {row.client_id} is not cancelled: "
            f"it is {row.status}"
            for row in alive
        )
