"""Shares to borrow: what is not told in time is not known."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from ibkr_connector.gateway import borrowing
from ibkr_connector.gateway.borrowing import can_be_borrowed
from ibkr_connector.model.contracts import forex, stock


class Listeners(list[Any]):
    """Takes and lets go of those who listen, as events of ib_async do."""

    def __iadd__(self, listener: Any) -> Listeners:  # type: ignore[misc]  # not as a list adds
        self.append(listener)
        return self

    def __isub__(self, listener: Any) -> Listeners:
        self.remove(listener)
        return self


class Broker:
    """Answers a subscription with a number of shares, or never."""

    def __init__(self, shares: float) -> None:
        self.ticker = SimpleNamespace(shortableShares=shares, updateEvent=Listeners())
        self.asked: list[str] = []
        self.ended = 0

    def reqMktData(self, contract: Any, generic: str, *_: bool) -> Any:
        self.asked.append(generic)
        return self.ticker

    def cancelMktData(self, contract: Any) -> None:
        self.ended += 1


@pytest.mark.parametrize(("shares", "expected"), [(1_000.0, True), (0.0, False)])
async def test_the_number_of_shares_decides_and_the_subscription_ends(
    shares: float, expected: bool
) -> None:
    broker = Broker(shares)
    assert await can_be_borrowed(broker, stock("AAPL")) is expected
    assert (broker.asked, broker.ended) == (["236"], 1)
    assert not broker.ticker.updateEvent


async def test_silence_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(borrowing, "_PATIENCE_S", 0.01)
    broker = Broker(math.nan)
    assert await can_be_borrowed(broker, stock("AAPL")) is None
    assert broker.ended == 1


async def test_nothing_is_borrowed_to_sell_a_currency() -> None:
    broker = Broker(0.0)
    assert await can_be_borrowed(broker, forex("EUR.USD")) is True
    assert broker.asked == []
