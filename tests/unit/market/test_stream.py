"""The stream that users hold: what becomes of its place at the line."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest

from ibkr_connector.market.stream import QuoteStream
from ibkr_connector.market.streaming import Ticket
from ibkr_connector.portal import Portal
from kit.collected import box_that_collects, is_put


class Place:
    """A ticket that only notes that it was given up."""

    def __init__(self) -> None:
        self.is_left = False

    def leave(self) -> None:
        self.is_left = True

    def abandon(self) -> None:
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


class Register:
    """A registry of streams that only notes that a reader has left."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    def leave(self, _request: object, consumer: Reader) -> None:
        consumer.box.close()
        self.left.set()


class Reader:
    """A reader of whom only his box counts."""

    def __init__(self) -> None:
        self.box = box_that_collects()


async def test_a_stream_may_be_collected_while_its_own_box_is_filled() -> None:
    register, reader = Register(), Reader()
    ticket = Ticket(cast("Any", register), cast("Any", None), cast("Any", reader))

    async def take(_taken: Callable[[Ticket], None]) -> Ticket:
        return ticket

    stream = await QuoteStream(take).__aenter__()
    # nobody refers to it any more but itself, so that only the collector finds it
    cast("Any", stream).itself = stream
    del stream
    assert is_put(reader.box, 1, 2)
    gc.collect()
    await asyncio.wait_for(register.left.wait(), 60.0)
    assert reader.box.is_closed


async def test_a_stream_that_is_closed_gives_up_its_place_once() -> None:
    place = Place()

    async def take(_taken: Callable[[Ticket], None]) -> Ticket:
        return cast("Ticket", place)

    stream = await QuoteStream(take).__aenter__()
    await stream.aclose()
    assert place.is_left
    place.is_left = False
    await stream.aclose()
    assert not place.is_left


async def test_a_stream_that_was_closed_brings_nothing_more() -> None:
    reader = Reader()
    ticket = Ticket(cast("Any", Register()), cast("Any", None), cast("Any", reader))

    async def take(_taken: Callable[[Ticket], None]) -> Ticket:
        return ticket

    stream = await QuoteStream(take).__aenter__()
    reader.box.put(cast("Any", 1))
    found: list[object] = []
    async for record in stream:
        found.append(record)
        # more has come before it is closed
        reader.box.put(cast("Any", 2))
        await stream.aclose()
    assert found == [1]
