"""The stream that users hold: what becomes of its place at the line."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import cast

import pytest

from ibkr_connector.market.stream import QuoteStream
from ibkr_connector.market.streaming import Ticket
from ibkr_connector.portal import Portal


class Place:
    """A ticket that only notes that it was given up."""

    def __init__(self) -> None:
        self.is_left = False

    def leave(self) -> None:
        self.is_left = True


async def test_whoever_is_cancelled_as_his_place_comes_gives_it_up() -> None:
    portal, place, has_come = Portal.start("test-place"), Place(), threading.Event()

    async def take(taken: Callable[[Ticket], None]) -> Ticket:
        taken(cast("Ticket", place))
        has_come.set()
        return cast("Ticket", place)

    try:
        stream = QuoteStream(lambda taken: portal.call(lambda: take(taken)))
        reading = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        # this loop stands still meanwhile, so that the place and the cancellation meet
        has_come.wait(60.0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert place.is_left
    finally:
        portal.stop()
