"""Streams that fall silent, through a real socket, on clocks that run twenty times as fast."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from ibkr_connector import Quote, Settings
from ibkr_connector.clock import ScaledClock
from ibkr_connector.engine import Engine
from ibkr_connector.gateway.stream_port import StreamKind
from ibkr_connector.market.streaming import StreamWish
from ibkr_connector.model.streams import Gap, GapReason
from ibkr_connector.simulator import Drop, GatewaySimulator, HostedSimulator
from kit.market import asked, hold

OPEN = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
"""A Wednesday, ten in New York."""

SHUT = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
"""A Saturday."""

SPEED = 20.0


@asynccontextmanager
async def engine(port: int, folder: Path, start: datetime) -> AsyncIterator[Engine]:
    settings = Settings.load(
        port=port,
        state_dir=folder,
        heartbeat_interval_s=3600.0,
        sync_timeout_s=600.0,
        request_timeout_s=600.0,
    )
    made = await Engine.open(settings, clock=ScaledClock(start, speed=SPEED))
    try:
        await made.connect()
        yield made
    finally:
        await made.aclose()


def silence(gateway: HostedSimulator) -> None:
    def act(simulator: GatewaySimulator) -> None:
        for reply in ("TickPrice", "TickSize"):
            simulator.inject(Drop(reply=reply))

    gateway.do(act)


async def test_a_stream_that_falls_silent_in_an_open_market_is_asked_for_again(
    make_ibkr_gateway: Callable[..., HostedSimulator], tmp_path: Path
) -> None:
    gateway = make_ibkr_gateway(clock=ScaledClock(OPEN, speed=SPEED))
    hold(gateway, "10.00", "10.02")
    async with engine(gateway.port, tmp_path, OPEN) as made:
        ticket = await made.streaming.open(StreamWish(kind=StreamKind.QUOTES, contract="AAPL"))
        first = await ticket.box.get_all()
        assert isinstance(first[0], Quote)
        silence(gateway)
        async with asyncio.timeout(60):
            while len(asked(gateway, "ReqMarketData")) < 2:
                await asyncio.sleep(0)
        requests = asked(gateway, "ReqMarketData")
        assert requests[0].request_id != requests[1].request_id
        cancelled = [one.request_id for one in asked(gateway, "CancelMarketData")]
        assert requests[0].request_id in cancelled
        gateway.do(lambda sim: sim.clear_faults())
        hold(gateway, "11.00", "11.02")
        told: list[object] = []
        async with asyncio.timeout(60):
            while not any(isinstance(one, Quote) and one.bid == Decimal(11) for one in told):
                told += await ticket.box.get_all()
    # it falls silent again at once, and a slow machine may have been told of that too
    again = next(at for at, one in enumerate(told) if isinstance(one, Quote) and one.bid == 11)
    gaps = [one for one in told[:again] if isinstance(one, Gap)]
    assert gaps
    assert {gap.reason for gap in gaps} == {GapReason.STALE}
    assert gaps[-1].is_over


async def test_a_deadline_of_ones_own_tells_of_silence_before_the_setting_would(
    make_ibkr_gateway: Callable[..., HostedSimulator], tmp_path: Path
) -> None:
    gateway = make_ibkr_gateway(clock=ScaledClock(OPEN, speed=SPEED))
    hold(gateway, "10.00", "10.02")
    wish = StreamWish(kind=StreamKind.QUOTES, contract="AAPL", stale_after_s=10.0)
    async with engine(gateway.port, tmp_path, OPEN) as made:
        ticket = await made.streaming.open(wish)
        silence(gateway)
        told: list[object] = []
        async with asyncio.timeout(60):
            while not any(isinstance(one, Gap) for one in told):
                told += await ticket.box.get_all()
            gateway.do(lambda sim: sim.clear_faults())
            hold(gateway, "11.00", "11.02")
            while not any(isinstance(one, Quote) and one.bid == Decimal(11) for one in told):
                told += await ticket.box.get_all()
    # it falls silent again at once, and a slow machine may have been told of that too
    began, over, *_ = (
        one for one in told if isinstance(one, Gap) and one.reason is GapReason.SILENT
    )
    assert (began.is_over, over.is_over, began.start) == (False, True, over.start)


async def test_a_stream_that_is_silent_because_the_market_is_shut_is_left_alone(
    make_ibkr_gateway: Callable[..., HostedSimulator], tmp_path: Path
) -> None:
    gateway = make_ibkr_gateway(clock=ScaledClock(SHUT, speed=SPEED), sessions=True)
    async with engine(gateway.port, tmp_path, SHUT) as made:
        ticket = await made.streaming.open(StreamWish(kind=StreamKind.QUOTES, contract="AAPL"))
        silence(gateway)
        # the watchdog looks every five seconds of this clock, and a minute of silence is too long
        await made._clock.sleep(100.0)
        (state,) = made.streams.states()
        assert (state.phase, state.renewals) == ("live", 0)
        assert len(asked(gateway, "ReqMarketData")) == 1
        assert not any(isinstance(one, Gap) for one in ticket.box.take_all())
