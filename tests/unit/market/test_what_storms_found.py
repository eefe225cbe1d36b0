"""What storms over sockets have found in streams, each by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from decimal import Decimal

import pytest

from ibkr_connector.codes import Scope, lookup
from ibkr_connector.errors import MarketDataPermissionError, PacingError
from ibkr_connector.gateway.port import GatewayNotice
from ibkr_connector.gateway.stream_port import BarChange, StreamItem, StreamKind
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.market import Bar
from ibkr_connector.model.streams import BarUpdate, Gap, GapReason, Trade
from kit.stream_gateway import FakeLine
from unit.market.test_subscriptions import World, letters

TOO_SOON = (
    "Failed to request tick-by-tick data.No more than 1 tick-by-tick request can be made for the "
    "same instrument within 15 seconds"
)
FIVE = StreamKind.FIVE_SECONDS


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.streams.aclose()
    await world.pipeline.aclose()


def bar(world: World, line: FakeLine, number: int) -> None:
    """Let the five-second bar of a number come."""
    price = Decimal(100 + number)
    line.say(
        BarChange(
            bar=Bar(
                timestamp=world.clock.utcnow().replace(microsecond=0, second=0)
                + timedelta(seconds=5 * number),
                open=price,
                high=price,
                low=price,
                close=price,
                volume=Decimal(1),
            )
        )
    )


def record_of(world: World, kind: StreamKind) -> Callable[[int], StreamItem]:
    """Return what makes the records of a stream, five seconds apart."""

    def make(number: int) -> StreamItem:
        moment = world.clock.utcnow().replace(microsecond=0) + timedelta(seconds=5 * number)
        price = Decimal(100 + number)
        if kind is StreamKind.TRADES:
            return Trade(
                contract=stock("AAPL"), timestamp=moment, received=moment, price=price, size=price
            )
        return BarChange(bar=Bar(timestamp=moment, open=price, high=price, low=price, close=price))

    return make


def kinds(told: Sequence[object]) -> list[type]:
    return [type(one) for one in told]


async def test_a_five_second_bar_that_is_said_again_is_told_once(world: World) -> None:
    reader = await world.join(kind=FIVE)
    (line,) = world.gateway.lines
    for number in (0, 1, 1, 0, 2):
        bar(world, line, number)
    closes = [one.bar.close for one in letters(reader) if isinstance(one, BarUpdate)]
    assert closes == [100, 101, 102]


def test_a_request_for_ticks_that_came_too_soon_is_a_matter_of_pacing() -> None:
    assert lookup(10189, Scope.REQUEST, TOO_SOON).error is PacingError
    refused = lookup(10189, Scope.REQUEST, "Failed to request tick-by-tick data.")
    assert refused.error is MarketDataPermissionError


async def test_ticks_that_were_asked_for_again_too_soon_are_asked_for_a_minute_later(
    world: World,
) -> None:
    reader = await world.join(kind=StreamKind.TRADES)
    await world.reconnect()
    await world.streams.restore()
    world.gateway.lines[-1].fault(10189, TOO_SOON)
    world.gateway.lines[-1].is_open = False
    await world.clock.advance(70.0)
    assert len(world.gateway.lines) == 3
    assert all(isinstance(one, Gap) for one in letters(reader))


async def test_a_gap_is_over_when_data_come_after_another_login_had_them(world: World) -> None:
    reader, bars = await world.join(), await world.join(kind=FIVE)
    world.gateway.lines[0].quote("100")
    bar(world, world.gateway.lines[1], 0)
    await world.reconnect()
    await world.streams.restore()
    quotes, five = world.gateway.open
    quotes.fault(10197)
    world.gateway.lines[-1].fault(10197)
    quotes.quote("101")
    bar(world, five, 4)
    for told in (letters(reader), letters(bars)):
        gaps = [one for one in told if isinstance(one, Gap)]
        assert gaps[-1].is_over
        assert not isinstance(told[-1], Gap)
    assert not world.streams.is_competing


async def test_bars_that_a_broken_farm_held_back_are_told_as_a_gap(world: World) -> None:
    reader = await world.join(kind=FIVE)
    (line,) = world.gateway.lines
    bar(world, line, 0)
    world.streams.note(GatewayNotice(code=2103, text="broken:usfarm"))
    await world.clock.advance(20.0)
    world.streams.note(GatewayNotice(code=2104, text="OK:usfarm"))
    bar(world, line, 4)
    assert kinds(letters(reader)) == [BarUpdate, Gap, Gap, BarUpdate]


async def test_a_blip_of_a_farm_that_did_not_feed_the_stream_is_no_gap(world: World) -> None:
    reader = await world.join(kind=FIVE)
    (line,) = world.gateway.lines
    bar(world, line, 0)
    world.streams.note(GatewayNotice(code=2103, text="broken:eufarm"))
    await world.clock.advance(5.0)
    bar(world, line, 1)
    world.streams.note(GatewayNotice(code=2104, text="OK:eufarm"))
    bar(world, line, 2)
    assert kinds(letters(reader)) == [BarUpdate, BarUpdate, BarUpdate]


async def test_a_link_that_breaks_quietly_is_a_gap_too(world: World) -> None:
    reader = await world.join()
    world.gateway.lines[0].quote("100")
    world.streams.note(GatewayNotice(code=2110, text="broken"))
    world.streams.link_is_up()
    began, over = (one for one in letters(reader) if isinstance(one, Gap))
    assert began.reason is over.reason is GapReason.LINK_DOWN
    assert over.is_over


async def test_a_gap_that_began_with_the_link_is_over_when_data_come_to_the_next_session(
    world: World,
) -> None:
    bars, quotes = await world.join(kind=FIVE), await world.join()
    bar(world, world.gateway.lines[0], 0)
    world.streams.note(GatewayNotice(code=2110, text="broken"))
    await world.reconnect()
    # another login takes the data just when they are asked for again
    (one,) = [one for one in world.streams._subscriptions.values() if one.request.kind is FIVE]
    world.streams._watchdog.compete(one)
    await world.streams.restore()
    five, _ = world.gateway.open
    bar(world, five, 4)
    first, *between, last = letters(bars)
    assert kinds([first, last]) == [BarUpdate, BarUpdate]
    (reason,) = {one.reason for one in between[:2] if isinstance(one, Gap)}
    assert reason is GapReason.LINK_DOWN
    assert isinstance(between[-1], Gap)
    assert between[-1].is_over
    assert len(letters(quotes)) == 1, "nothing has come of the other one yet"


async def test_a_reader_who_leaves_while_his_line_waits_for_its_turn_leaves_no_line_behind(
    world: World,
) -> None:
    reader = await world.join()
    await world.reconnect()
    for _ in range(200):
        world.pipeline._pacer.charge()
    restoring = asyncio.ensure_future(world.streams.restore())
    await world.clock.settle()
    await world.leave(reader)
    await world.clock.advance(20.0)
    await restoring
    assert world.gateway.open == []
    assert world.lines.used == 0


async def test_bars_that_another_login_held_back_unsaid_are_a_gap_before_the_first_that_comes(
    world: World,
) -> None:
    bars, _ = await world.join(kind=FIVE), await world.join()
    line, quotes = world.gateway.lines
    bar(world, line, 0)
    quotes.quote("100")
    # TWS says it of the quotes alone
    quotes.fault(10197)
    await world.clock.advance(35.0)
    bar(world, line, 7)
    quotes.quote("101")
    await world.clock.advance(5.0)
    bar(world, line, 8)
    assert kinds(letters(bars)) == [BarUpdate, Gap, Gap, BarUpdate, BarUpdate]


async def test_bars_that_go_on_while_another_login_has_the_quotes_have_no_gap(
    world: World,
) -> None:
    bars, _ = await world.join(kind=FIVE), await world.join()
    line, quotes = world.gateway.lines
    quotes.quote("100")
    quotes.fault(10197)
    for number in range(4):
        await world.clock.advance(5.0)
        bar(world, line, number)
    quotes.quote("101")
    await world.clock.advance(5.0)
    bar(world, line, 4)
    assert kinds(letters(bars)) == [BarUpdate] * 5


@pytest.mark.parametrize("kind", [StreamKind.TRADES, FIVE])
async def test_a_gap_after_another_login_is_told_once(world: World, kind: StreamKind) -> None:
    reader = await world.join(kind=kind)
    (line,) = world.gateway.lines
    one = record_of(world, kind)
    line.say(one(0))
    line.fault(10197)
    await world.clock.advance(30.0)
    line.say(one(6))
    line.say(one(7))
    told = letters(reader)
    gaps = [(gap.reason, gap.is_over) for gap in told if isinstance(gap, Gap)]
    assert gaps == [(GapReason.COMPETING_SESSION, False), (GapReason.COMPETING_SESSION, True)]
    assert len(told) == 5


async def test_a_stream_that_was_silent_beside_another_login_is_told_one_gap(world: World) -> None:
    quotes, trades = await world.join(), await world.join(kind=StreamKind.TRADES)
    one = record_of(world, StreamKind.TRADES)
    world.gateway.lines[0].quote("100")
    world.gateway.lines[1].say(one(0))
    world.gateway.lines[0].fault(10197)
    await world.clock.advance(30.0)
    # the trades say nothing of it, and are the first to come back
    world.gateway.lines[1].say(one(6))
    world.gateway.lines[0].quote("101")
    world.gateway.lines[1].say(one(7))
    gaps = [gap.is_over for gap in letters(trades) if isinstance(gap, Gap)]
    assert gaps == [False, True]
    assert [gap.is_over for gap in letters(quotes) if isinstance(gap, Gap)] == [False, True]
