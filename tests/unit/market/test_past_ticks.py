"""Ticks of the past, page after page, over the ends of sessions."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.errors import HistoricalDataError
from ibkr_connector.market.past import Past
from ibkr_connector.market.past_ticks import PastTickDesk
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.history import Session
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.research import PastTicks
from ibkr_connector.model.streams import Trade
from ibkr_connector.resilience.asking import Asking
from ibkr_connector.resilience.pipeline import Pipeline
from kit.fake_clock import FakeClock

AAPL = Contract(symbol="AAPL", con_id=ConId(1))
FRIDAY = datetime(2025, 3, 7, 14, 30, tzinfo=UTC)
MONDAY = datetime(2025, 3, 10, 13, 30, tzinfo=UTC)
SESSIONS = [
    Session(start=start, end=start + timedelta(hours=6.5), day=start.date())
    for start in (FRIDAY, MONDAY, MONDAY + timedelta(days=1))
]


def trade(at: datetime) -> Trade:
    return Trade(contract=AAPL, timestamp=at, received=at, price=Decimal(10), size=Decimal(1))


class Exchange:
    """
    Answers as TWS does: never beyond one session.

    After the end of a session it has nothing, or sends the last ticks of it over again.
    """

    def __init__(self, *, after_the_end: str, tells_sessions: bool = True) -> None:
        self.after_the_end = after_the_end
        self.tells_sessions = tells_sessions
        self.asked: list[datetime] = []
        self.ticks_of = {
            one.day: [trade(one.start + timedelta(minutes=n)) for n in range(0, 390, 10)]
            for one in SESSIONS
        }

    @property
    def data(self) -> Any:
        return self

    async def ticks(self, _: Contract, *, start: datetime, **__: Any) -> tuple[Trade, ...]:
        self.asked.append(start)
        for one in SESSIONS:
            if one.start <= start < one.end:
                page = [tick for tick in self.ticks_of[one.day] if tick.timestamp >= start][:15]
                if page:
                    return tuple(page)
        earlier = [ticks for ticks in self.ticks_of.values() if ticks[-1].timestamp < start]
        return tuple(earlier[-1][-5:]) if earlier and self.after_the_end == "older" else ()

    async def schedule(self, *_: Any, **__: Any) -> tuple[Session, ...]:
        if not self.tells_sessions:
            raise HistoricalDataError("no schedule")
        return tuple(SESSIONS)


async def asked(exchange: Exchange, start: datetime, end: datetime) -> PastTicks:
    clock = FakeClock()

    async def resolve(_: Contract | str) -> ContractDetails:
        return ContractDetails(contract=AAPL)

    async with Pipeline(clock=clock) as pipeline:
        asking: Asking[Any] = Asking(
            gateway=exchange, pipeline=pipeline, clock=clock, resolve=resolve
        )
        desk = PastTickDesk(asking, past=Past(asking))
        task = asyncio.ensure_future(desk.ticks(AAPL, start=start, end=end))
        while not task.done():
            # the limits of history are waited for
            await clock.advance(1.0)
    return await task


@pytest.mark.parametrize("after_the_end", ["nothing", "older"])
@pytest.mark.parametrize("start", [FRIDAY, FRIDAY + timedelta(days=1), FRIDAY + timedelta(hours=8)])
async def test_the_end_of_a_session_is_not_the_end_of_the_ticks(
    start: datetime, after_the_end: str
) -> None:
    exchange = Exchange(after_the_end=after_the_end)
    end = MONDAY + timedelta(days=2)
    found = await asked(exchange, start, end)
    expected = [tick for ticks in exchange.ticks_of.values() for tick in ticks]
    assert list(found.ticks) == [tick for tick in expected if start <= tick.timestamp < end]
    assert found.is_whole
    assert exchange.asked == sorted(set(exchange.asked))


async def test_ticks_are_not_called_whole_where_nobody_tells_the_next_session() -> None:
    exchange = Exchange(after_the_end="nothing", tells_sessions=False)
    found = await asked(exchange, FRIDAY, MONDAY + timedelta(days=2))
    assert len(found) == 39
    assert not found.is_whole
