"""Shares to borrow: what is not told in time, or is refused, is not known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from ibkr_connector.errors import ConnectionLostError, MarketDataPermissionError
from ibkr_connector.gateway import borrowing
from ibkr_connector.gateway.borrowing import can_be_borrowed
from ibkr_connector.gateway.faults import lost
from ibkr_connector.gateway.quote_line import QuoteTicks
from ibkr_connector.gateway.requests import Requests
from ibkr_connector.gateway.stream_port import StreamFault, StreamListener, StreamRequest
from ibkr_connector.model.contracts import forex, stock
from ibkr_connector.model.market import DataType

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)


class Broker:
    """Opens streams, and says something over each."""

    def __init__(self, say: Callable[[StreamListener], None]) -> None:
        self.requests = Requests()
        self.asked: list[str] = []
        self.ended = 0
        self.chosen = DataType.LIVE
        self._say = say
        self.wrapper = SimpleNamespace(streams=self, requests=self.requests)

    def open(self, request: StreamRequest, listener: StreamListener) -> Any:
        self.asked.append(request.generic_ticks)
        asyncio.get_running_loop().call_soon(self._say, listener)
        return SimpleNamespace(close=self._close)

    def _close(self) -> None:
        self.ended += 1


def shares(number: str) -> Callable[[StreamListener], None]:
    """Return what tells of so many shares."""

    def say(listener: StreamListener) -> None:
        ticks = QuoteTicks(stock("AAPL"))
        for tick, text in (("1", "190"), ("89", number)):
            ticks.price(tick, text, "1") if tick == "1" else ticks.size(tick, text)
            listener.item(ticks.quote(NOW))
            listener.flush()

    return say


def refuse(listener: StreamListener) -> None:
    error = MarketDataPermissionError("not subscribed", code=354)
    listener.fault(StreamFault(code=354, text="", effect=None, error=error))


@pytest.mark.parametrize(("number", "expected"), [("1000", True), ("0", False)])
async def test_the_number_of_shares_decides_and_the_stream_ends(
    number: str, expected: bool
) -> None:
    broker = Broker(shares(number))
    assert await can_be_borrowed(broker, stock("AAPL")) is expected
    assert (broker.asked, broker.ended, len(broker.requests)) == (["236"], 1, 0)


async def test_silence_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(borrowing, "_PATIENCE_S", 0.01)
    broker = Broker(lambda _: None)
    assert await can_be_borrowed(broker, stock("AAPL")) is None
    assert (broker.ended, len(broker.requests)) == (1, 0)


async def test_a_refusal_is_not_known() -> None:
    broker = Broker(refuse)
    assert await can_be_borrowed(broker, stock("AAPL")) is None
    assert broker.ended == 1


async def test_a_session_that_ends_meanwhile_is_said_at_once() -> None:
    broker = Broker(lambda _: broker.requests.fail_all(lost))
    with pytest.raises(ConnectionLostError):
        await can_be_borrowed(broker, stock("AAPL"))
    assert broker.ended == 1


async def test_nothing_is_borrowed_to_sell_a_currency() -> None:
    broker = Broker(refuse)
    assert await can_be_borrowed(broker, forex("EUR.USD")) is True
    assert broker.asked == []
