"""Quotes of many contracts at once, within the lines that are free."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from ibkr_connector.errors import (
    ContractNotFoundError,
    IBKRError,
    MarketDataPermissionError,
)
from ibkr_connector.market.many import Line, ManyQuotes
from ibkr_connector.model.contracts import Contract, stock
from ibkr_connector.model.market import DataType, Quote
from ibkr_connector.resilience.lines import LineBudget
from kit.fake_clock import FakeClock

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
SYMBOLS = [f"S{number}" for number in range(30)]


def quote(symbol: str) -> Quote:
    return Quote(contract=stock(symbol), timestamp=NOW, data_type=DataType.LIVE)


class Market:
    """Takes snapshots one second each, and counts how many are open."""

    def __init__(self, lines: int) -> None:
        self.clock = FakeClock()
        self.lines = LineBudget(lines, clock=self.clock)
        self.open = self.most = 0
        self.taken: list[str] = []
        self.followed: dict[str, Quote] = {}
        self.many = ManyQuotes(take=self._take, followed=self._newest, lines=self.lines)

    async def _newest(self, description: Contract | str) -> Quote | None:
        return self.followed.get(str(description))

    async def _take(self, description: Contract | str, line: Line) -> Quote:
        async with line():
            self.open += 1
            self.most = max(self.most, self.open)
            try:
                await self.clock.sleep(1.0)
                if description == "BAD":
                    raise ContractNotFoundError("no contract fits BAD", code=200)
                self.taken.append(str(description))
                return quote(str(description))
            finally:
                self.open -= 1


async def test_no_more_snapshots_are_open_than_there_are_lines() -> None:
    market = Market(4)
    asking = asyncio.ensure_future(market.many.ask(SYMBOLS))
    await market.clock.advance(20.0)
    quotes = await asking
    assert [one.symbol for one in quotes] == SYMBOLS
    assert market.most == 4
    assert market.lines.used == 0


async def test_hundreds_of_snapshots_need_no_more_lines_than_there_are() -> None:
    market = Market(20)
    names = [f"N{number}" for number in range(400)]
    asking = asyncio.ensure_future(market.many.ask(names))
    await market.clock.advance(21.0)
    quotes = await asking
    assert [one.symbol for one in quotes] == names
    assert (market.most, market.lines.used) == (20, 0)


async def test_two_that_ask_at_once_share_the_lines() -> None:
    market = Market(4)
    asking = [asyncio.ensure_future(market.many.ask(SYMBOLS)) for _ in range(2)]
    await market.clock.advance(40.0)
    assert [len(await one) for one in asking] == [30, 30]
    assert market.most == 4


async def test_one_that_fails_is_named_and_does_not_fail_the_others() -> None:
    market = Market(4)
    asking = asyncio.ensure_future(market.many.ask(["A", "BAD", "A", "B"]))
    await market.clock.advance(5.0)
    quotes = await asking
    assert [one.symbol for one in quotes] == ["A", "B"]
    assert [type(error) for error in quotes.failures.values()] == [ContractNotFoundError]
    assert len(quotes) == 2


async def test_when_none_could_be_had_the_reason_is_raised() -> None:
    market = Market(4)
    asking = asyncio.ensure_future(market.many.ask(["BAD"]))
    await market.clock.advance(5.0)
    with pytest.raises(ContractNotFoundError):
        await asking


async def test_what_is_followed_costs_nothing() -> None:
    market = Market(4)
    market.followed["A"] = quote("A")
    quotes = await market.many.ask(["A"])
    assert quotes.quotes == (market.followed["A"],)
    assert market.taken == []


async def test_without_any_line_the_reason_is_told_at_once() -> None:
    market = Market(1)
    market.lines.take("somebody else")
    with pytest.raises(MarketDataPermissionError):
        await market.many.ask(["A"])


async def test_a_caller_who_goes_away_gives_the_lines_back() -> None:
    market = Market(2)
    asking = asyncio.ensure_future(market.many.ask(SYMBOLS))
    await market.clock.advance(1.5)
    asking.cancel()
    await asyncio.wait([asking])
    assert market.lines.used == 0
    with pytest.raises((IBKRError, asyncio.CancelledError)):
        asking.result()


async def test_a_name_that_waits_for_the_wire_holds_no_line() -> None:
    market = Market(4)
    gate = asyncio.Event()

    async def take(description: Contract | str, line: Line) -> Quote:
        await gate.wait()
        return await market._take(description, line)

    many = ManyQuotes(take=take, followed=market._newest, lines=market.lines)
    asking = asyncio.ensure_future(many.ask(SYMBOLS))
    await market.clock.advance(1.0)
    assert market.lines.used == 0
    market.lines.take("a stream that comes meanwhile")
    gate.set()
    await market.clock.advance(20.0)
    assert len(await asking) == len(SYMBOLS)
    assert (market.most, market.lines.used) == (3, 1)
