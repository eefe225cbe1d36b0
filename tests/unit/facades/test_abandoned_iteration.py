"""A loop over a stream that nobody goes on with, found by the collector of cycles."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

from ibkr_connector.facades.blocking import Blocking
from ibkr_connector.model.status import ConnectionState


class CollectingConnector:
    """A connector whose status is asked for in the moment in which the collector comes round."""

    def __init__(self) -> None:
        self.settings = SimpleNamespace(profile="collecting")

    def get_connection_status(self) -> Any:
        gc.collect()
        return SimpleNamespace(state=ConnectionState.IDLE)


def test_an_abandoned_loop_may_be_collected_within_another_call() -> None:
    blocking = Blocking(cast("Any", CollectingConnector()))
    is_left = threading.Event()

    async def numbers() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
                await asyncio.sleep(0)
        finally:
            is_left.set()

    def work() -> None:
        going = blocking.iterate(numbers())
        assert next(going) == 1
        # it refers to itself alone, as a frame of a traceback does
        circle: list[Any] = [going]
        circle.append(circle)
        del going, circle
        blocking.call(lambda _: asyncio.sleep(0))

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(60.0)
    assert not worker.is_alive()
    gc.collect()
    assert is_left.wait(60.0)
