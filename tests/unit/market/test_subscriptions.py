"""The registry of streams on virtual time: sharing, restoring, the watchdog, another login."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import pairwise

import pytest

from ibkr_connector.errors import (
    IBKRError,
    MarketDataPermissionError,
    NotConnectedError,
)
from ibkr_connector.gateway.port import DisconnectReason, GatewayNotice, SessionEnded
from ibkr_connector.gateway.stream_port import StreamKind, StreamRequest
from ibkr_connector.market.consumers import Consumer, Letter
from ibkr_connector.market.subscriptions import Subscriptions
from ibkr_connector.model.contracts import Contract, ContractDetails, stock
from ibkr_connector.model.market import DataType, Quote
from ibkr_connector.model.streams import Gap, GapReason
from ibkr_connector.resilience.lines import LineBudget
from ibkr_connector.resilience.pipeline import Pipeline
from kit.fake_clock import FakeClock
from kit.stream_gateway import FakeStreams

LOST = SessionEnded(reason=DisconnectReason.PEER)


class World:
    """A registry with everything around it."""

    def __init__(self, *, lines: int = 3) -> None:
        self.clock = FakeClock()
        self.gateway = FakeStreams(self.clock)
        self.pipeline = Pipeline(clock=self.clock)
        self.is_open: bool | None = True
        self.flows = 0
        self.looked_up = 0
        self.lines = LineBudget(lines, clock=self.clock)
        self.streams = Subscriptions(
            gateway=self.gateway,
            pipeline=self.pipeline,
            clock=self.clock,
            lines=self.lines,
            resolve=self._resolve,
            is_open=lambda _details, _regular: self.is_open,
            stale_after_s=60.0,
            data_flow=self._flow,
        )

    async def _resolve(self, contract: Contract) -> ContractDetails:
        self.looked_up += 1
        return ContractDetails(contract=contract)

    def _flow(self) -> None:
        self.flows += 1

    async def join(
        self,
        symbol: str = "AAPL",
        *,
        kind: StreamKind = StreamKind.QUOTES,
        require_live: bool = False,
        takes_delayed: bool = True,
        stale_after_s: float | None = None,
    ) -> Consumer:
        """Open a stream, or join it."""
        request = StreamRequest(kind=kind, contract=stock(symbol))
        consumer = Consumer(
            request.contract,
            capacity=64,
            require_live=require_live,
            takes_delayed=takes_delayed,
            stale_after_s=stale_after_s,
        )
        await self.streams.join(request, ContractDetails(contract=request.contract), consumer)
        return consumer

    async def leave(self, consumer: Consumer, symbol: str = "AAPL") -> None:
        """Leave it, and let what follows happen."""
        self.streams.leave(StreamRequest(kind=StreamKind.QUOTES, contract=stock(symbol)), consumer)
        await self.clock.settle()

    async def reconnect(self) -> None:
        """Lose the session and have another, with nothing restored yet."""
        self.gateway.end()
        self.streams.note(LOST)
        await self.clock.advance(1.0)
        self.gateway.is_up = True


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.streams.aclose()
    await world.pipeline.aclose()


def letters(consumer: Consumer) -> list[Letter]:
    """Take everything that waits for a reader."""
    found: list[Letter] = []
    while (letter := consumer.box.take()) is not None:
        found.append(letter)
    return found


def gaps(consumer: Consumer) -> list[Gap]:
    return [letter for letter in letters(consumer) if isinstance(letter, Gap)]


async def test_ten_that_join_at_once_share_one_line(world: World) -> None:
    await asyncio.gather(*(world.join() for _ in range(10)))
    assert len(world.gateway.lines) == 1
    world.gateway.lines[0].quote("100")
    (state,) = world.streams.states()
    assert (state.readers, state.waiting) == (10, 10)


async def test_the_last_who_leaves_calls_the_line_off(world: World) -> None:
    first, second = await world.join(), await world.join()
    await world.leave(first)
    assert world.gateway.open
    await world.leave(second)
    await world.leave(second)
    assert not world.gateway.open
    assert len(world.streams) == 0
    await world.join()
    assert len(world.gateway.lines) == 2


async def test_whoever_comes_later_gets_the_quote_as_it_stands(world: World) -> None:
    await world.join()
    world.gateway.lines[0].quote("100")
    late = await world.join()
    (quote,) = letters(late)
    assert isinstance(quote, Quote)
    assert quote.bid == Decimal(100)


async def test_a_line_too_many_is_refused_before_it_is_asked_for(world: World) -> None:
    readers = [await world.join(symbol) for symbol in ("A", "B", "C")]
    with pytest.raises(MarketDataPermissionError, match="3"):
        await world.join("D")
    assert len(world.gateway.lines) == 3
    await world.leave(readers[0], "A")
    await world.join("D")


async def test_a_failed_opening_leaves_nothing_behind(world: World) -> None:
    world.gateway.is_up = False
    joining = asyncio.ensure_future(world.join())
    await world.clock.advance(60.0)
    with pytest.raises(NotConnectedError):
        await joining
    assert len(world.streams) == 0
    world.gateway.is_up = True
    for symbol in ("A", "B", "C"):
        await world.join(symbol)


async def test_a_cancelled_opening_leaves_nothing_behind() -> None:
    world = World()
    world.gateway.is_up = False
    joining = asyncio.ensure_future(world.join())
    await world.clock.settle()
    joining.cancel()
    await asyncio.wait([joining])
    assert len(world.streams) == 0
    await world.clock.advance(60.0)
    assert not world.gateway.lines
    await world.streams.aclose()
    await world.pipeline.aclose()


async def test_all_lost_lines_are_restored_and_the_gap_is_told_from_beginning_to_end(
    world: World,
) -> None:
    readers = [await world.join(symbol) for symbol in ("A", "B", "C")]
    for line in world.gateway.lines:
        line.quote("100")
    heard = world.clock.utcnow()
    await world.clock.advance(5.0)
    await world.reconnect()
    await world.streams.restore()
    for reader in readers:
        quote, began, over = letters(reader)
        assert isinstance(quote, Quote)
        assert isinstance(began, Gap)
        assert isinstance(over, Gap)
        assert (began.start, began.end, began.reason) == (heard, None, GapReason.CONNECTION_LOST)
        assert (over.start, over.end) == (heard, world.clock.utcnow())
    assert len(world.gateway.open) == 3
    assert [line.request.contract.symbol for line in world.gateway.open] == ["A", "B", "C"]


async def test_what_cannot_be_restored_is_said_and_tried_again(world: World) -> None:
    await world.join("A")
    await world.reconnect()
    world.gateway.is_up = False
    restoring = asyncio.ensure_future(world.streams.restore())
    await world.clock.advance(40.0)
    with pytest.raises(IBKRError) as failed:
        await restoring
    assert "1 of 1 streams" in failed.value.__notes__[-1]
    world.gateway.is_up = True
    await world.clock.advance(90.0)
    (state,) = world.streams.states()
    assert (state.phase, state.gap) == ("live", None)


async def test_restoring_again_asks_only_for_what_is_missing(world: World) -> None:
    await world.join("A")
    await world.reconnect()
    await world.streams.restore()
    await world.streams.restore()
    assert len(world.gateway.lines) == 2


async def test_the_link_down_and_up_again_with_the_data_asks_for_nothing(world: World) -> None:
    reader = await world.join()
    for _ in range(50):
        world.streams.note(GatewayNotice(code=1100, text=""))
    world.streams.note(GatewayNotice(code=1102, text=""))
    await world.streams.restore()
    assert len(world.gateway.lines) == 1
    assert [gap.is_over for gap in gaps(reader)] == [False, True]


async def test_the_link_up_again_without_the_data_asks_for_all_once(world: World) -> None:
    reader = await world.join()
    world.streams.note(GatewayNotice(code=1100, text=""))
    world.streams.note(GatewayNotice(code=1101, text=""))
    await world.streams.restore()
    assert len(world.gateway.lines) == 2
    assert [gap.is_over for gap in gaps(reader)] == [False, True]


async def test_a_silent_stream_of_an_open_market_is_renewed_at_most_once_a_minute(
    world: World,
) -> None:
    await world.join()
    world.gateway.lines[0].quote("100")
    asked: list[float] = []
    for _ in range(240):
        before = len(world.gateway.lines)
        await world.clock.advance(5.0)
        if len(world.gateway.lines) > before:
            asked.append(world.clock.monotonic())
    assert asked
    assert all(later - earlier >= 60.0 for earlier, later in pairwise(asked))
    assert len(world.gateway.open) == 1


async def test_a_silent_stream_of_a_closed_market_is_left_alone(world: World) -> None:
    world.is_open = False
    await world.join()
    await world.clock.advance(2 * 3600.0)
    assert len(world.gateway.lines) == 1
    world.is_open = True
    await world.clock.advance(10.0)
    assert len(world.gateway.lines) == 2


async def test_a_reader_with_a_deadline_of_his_own_is_told_of_silence_and_of_its_end(
    world: World,
) -> None:
    patient, hasty = await world.join(), await world.join(stale_after_s=10.0)
    world.gateway.lines[0].quote("100")
    await world.clock.advance(70.0)
    asked_for = len(world.gateway.lines)
    world.gateway.lines[-1].quote("100")
    heard = world.clock.utcnow()
    await world.clock.advance(5.0)
    assert gaps(patient) == []
    began, over = gaps(hasty)
    assert (began.reason, began.end, over.end) == (GapReason.SILENT, None, heard)
    assert began.start == over.start
    assert asked_for == 2


async def test_silence_in_a_closed_market_is_told_to_nobody(world: World) -> None:
    world.is_open = False
    hasty = await world.join(stale_after_s=10.0)
    await world.clock.advance(600.0)
    assert gaps(hasty) == []


async def test_a_lost_connection_takes_the_place_of_a_silence(world: World) -> None:
    hasty = await world.join(stale_after_s=10.0)
    world.gateway.lines[0].quote("100")
    await world.clock.advance(20.0)
    await world.reconnect()
    told = gaps(hasty)
    reasons = [(gap.reason, gap.is_over) for gap in told]
    assert reasons[:3] == [
        (GapReason.SILENT, False),
        (GapReason.SILENT, True),
        (GapReason.CONNECTION_LOST, False),
    ]


async def test_hours_that_do_not_reach_today_are_looked_up_once_an_hour(world: World) -> None:
    world.is_open = None
    await world.join()
    await world.clock.advance(3 * 3600.0)
    assert world.looked_up in (2, 3)
    assert len(world.gateway.lines) == 1


async def test_a_quiet_contract_tells_no_gap_and_is_asked_less_and_less(world: World) -> None:
    reader = await world.join()
    world.gateway.lines[0].quote("100")
    for _ in range(720):
        count = len(world.gateway.lines)
        await world.clock.advance(5.0)
        if len(world.gateway.lines) > count:
            world.gateway.lines[-1].quote("100")
    assert gaps(reader) == []
    # once a minute would be sixty times
    assert len(world.gateway.lines) < 10


async def test_a_quiet_contract_that_becomes_busy_is_watched_closely_again(world: World) -> None:
    await world.join()
    world.gateway.lines[0].quote("100")
    for _ in range(120):
        count = len(world.gateway.lines)
        await world.clock.advance(5.0)
        if len(world.gateway.lines) > count:
            world.gateway.lines[-1].quote("100")
    for cents in range(10, 40):
        world.gateway.lines[-1].quote(f"100.{cents}")
    count = len(world.gateway.lines)
    await world.clock.advance(70.0)
    assert len(world.gateway.lines) == count + 1


async def test_what_a_silent_stream_has_missed_is_told_as_a_gap(world: World) -> None:
    reader = await world.join()
    world.gateway.lines[0].quote("100")
    heard = world.clock.utcnow()
    await world.clock.advance(70.0)
    assert len(world.gateway.lines) == 2
    world.gateway.lines[1].quote("101")
    _, began, over, newer = letters(reader)
    assert isinstance(began, Gap)
    assert isinstance(over, Gap)
    assert (over.reason, over.start, over.end) == (GapReason.STALE, heard, world.clock.utcnow())
    assert isinstance(newer, Quote)
    assert newer.bid == Decimal(101)


async def test_twenty_times_10197_is_one_state_and_one_try_a_minute(world: World) -> None:
    readers = [await world.join("A"), await world.join("B")]
    for line in world.gateway.lines:
        line.quote("100")
    for line in world.gateway.open:
        for _ in range(20):
            line.fault(10197)
    assert world.streams.is_competing
    await world.clock.advance(600.0)
    assert len(world.gateway.lines) - 2 <= 10
    assert world.streams.is_competing
    world.gateway.open[-1].quote("102")
    assert not world.streams.is_competing
    assert world.flows == 1
    for reader in readers:
        told = gaps(reader)
        assert told[0].reason is GapReason.COMPETING_SESSION
        assert len(told) <= 2


async def test_a_stream_that_the_gateway_ends_every_second_is_not_asked_for_every_second(
    world: World,
) -> None:
    await world.join(kind=StreamKind.FIVE_SECONDS)
    for _ in range(120):
        for line in world.gateway.open:
            line.fault(10225)
            line.is_open = False
        await world.clock.advance(1.0)
    assert len(world.gateway.lines) <= 4


async def test_refused_live_quotes_go_on_delayed_for_those_whom_they_will_do(world: World) -> None:
    takes, insists = await world.join(), await world.join(require_live=True)
    world.gateway.lines[0].fault(354, "not subscribed")
    await world.clock.settle()
    with pytest.raises(MarketDataPermissionError) as refused:
        insists.box.take()
    assert refused.value.code == 354
    assert world.gateway.open[0].request.data_type is DataType.DELAYED
    world.gateway.open[0].quote("99")
    (quote,) = letters(takes)
    assert isinstance(quote, Quote)
    assert quote.is_delayed


async def test_a_stream_refused_live_and_delayed_ends_with_the_first_reason(world: World) -> None:
    reader = await world.join()
    world.gateway.lines[0].fault(354, "not subscribed")
    await world.clock.settle()
    world.gateway.open[0].fault(10168, "delayed data not enabled")
    with pytest.raises(MarketDataPermissionError) as refused:
        reader.box.take()
    assert refused.value.code == 354
    assert len(world.streams) == 0


@pytest.mark.parametrize("code", [10090, 10091, 10167, 317, 300])
async def test_an_advisory_ends_no_stream(code: int, world: World) -> None:
    reader = await world.join()
    world.gateway.lines[0].fault(code)
    world.gateway.lines[0].quote("100")
    assert isinstance(letters(reader)[-1], Quote)


@pytest.mark.parametrize("code", [10168, 10186, 200, 101])
async def test_a_terminal_code_ends_a_new_stream(code: int, world: World) -> None:
    reader = await world.join(takes_delayed=False)
    world.gateway.lines[0].fault(code)
    with pytest.raises(IBKRError) as ended:
        reader.box.take()
    assert ended.value.code == code
    assert len(world.streams) == 0


async def test_101_after_a_reconnect_waits_for_a_line_instead_of_ending_the_stream(
    world: World,
) -> None:
    reader = await world.join()
    world.gateway.lines[0].quote("100")
    await world.reconnect()
    await world.streams.restore()
    world.gateway.open[0].fault(101)
    assert not reader.box.is_closed
    await world.clock.advance(120.0)
    assert len(world.gateway.open) == 1
    (state,) = world.streams.states()
    assert state.phase == "live"


async def test_trades_of_one_contract_are_asked_for_fifteen_seconds_apart(world: World) -> None:
    reader = await world.join(kind=StreamKind.TRADES)
    request = StreamRequest(kind=StreamKind.TRADES, contract=stock("AAPL"))
    world.streams.leave(request, reader)
    await world.clock.advance(5.0)
    again = asyncio.ensure_future(world.join(kind=StreamKind.TRADES))
    await world.clock.advance(9.0)
    assert len(world.gateway.lines) == 1
    await world.clock.advance(2.0)
    await again
    assert len(world.gateway.open) == 1


async def test_closing_ends_every_reader_and_leaves_no_task(world: World) -> None:
    reader = await world.join()
    world.gateway.lines[0].quote("100")
    await world.streams.aclose()
    assert isinstance(reader.box.take(), Quote)
    with pytest.raises(StopAsyncIteration):
        reader.box.take()
    with pytest.raises(NotConnectedError):
        await world.join()
    assert {task.get_name() for task in asyncio.all_tasks()} & {"ibkr-streams"} == set()


async def test_a_stream_that_is_left_as_it_is_to_be_renewed_takes_no_line(world: World) -> None:
    reader = await world.join()
    world.gateway.lines[0].quote("100")
    world.gateway.lines[0].fault(10182)
    await world.leave(reader)
    await world.clock.advance(1.0)
    assert (world.gateway.open, world.lines.used) == ([], 0)


async def test_a_complaint_about_a_stream_slows_the_pace_down(world: World) -> None:
    await world.join("AAPL", kind=StreamKind.BARS)
    world.gateway.lines[0].fault(420, "pacing violation")
    assert world.pipeline.pacing_status().complaints == 1
