"""Cancelling the orders of all others: nothing answers that, so what stays is found and named."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from ibkr_connector.errors import ReadOnlyError
from ibkr_connector.gateway.port import BrokerOrder
from ibkr_connector.model.ids import ClientId, OrderId
from ibkr_connector.orders.everyone import Everyone
from kit.fake_clock import FakeClock
from kit.order_told import row


class Broker:
    """Shows one list after the other, the last of them for ever."""

    def __init__(self, *lists: Sequence[BrokerOrder]) -> None:
        self.lists = list(lists)
        self.done: list[str] = []
        self.clock = FakeClock()

    async def send(self) -> None:
        self.done.append("sent")

    async def open_orders(self) -> Sequence[BrokerOrder]:
        self.done.append("asked")
        return self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]

    async def run(self, operation: Any) -> Any:
        return await operation.call()

    async def cancelled(self) -> tuple[str, ...]:
        gateway: Any = SimpleNamespace(open_orders=self.open_orders)
        pipeline: Any = self
        everyone = Everyone(send=self.send, gateway=gateway, pipeline=pipeline, clock=self.clock)
        task = asyncio.ensure_future(everyone.cancel())
        await self.clock.advance(60)
        return await asyncio.wait_for(task, 60)


def of_client(number: int, word: str, **more: Any) -> BrokerOrder:
    return row(word, order_id=OrderId(5), client_id=ClientId(number), **more)


async def test_it_is_over_when_nothing_on_the_list_can_trade_any_more() -> None:
    broker = Broker(
        [of_client(7, "PendingCancel"), of_client(8, "Submitted")],
        [of_client(7, "Cancelled"), of_client(8, "PreSubmitted")],
        [of_client(8, "Filled"), of_client(9, "Inactive", reject_reason="no margin")],
    )
    assert await broker.cancelled() == ()
    assert broker.done == ["sent", "asked", "asked", "asked"]


@pytest.mark.parametrize("word", ["Submitted", "PendingCancel", "Inactive", "Awake"])
async def test_what_stays_is_named_after_some_seconds(word: str) -> None:
    broker = Broker([of_client(7, "Cancelled"), of_client(8, word)])
    assert await broker.cancelled() == (f"order 5 of client 8 is not cancelled: it is {word}",)
    assert broker.done.count("asked") == 20


async def test_where_it_cannot_be_sent_nobody_is_asked() -> None:
    broker = Broker([])

    async def refuse() -> None:
        raise ReadOnlyError("the connector is read-only")

    broker.send = refuse  # type: ignore[method-assign]  # one that may not
    with pytest.raises(ReadOnlyError):
        await broker.cancelled()
    assert broker.done == []
