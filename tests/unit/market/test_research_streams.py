"""Scans, news and bulletins as streams: what readers get of them, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from ibkr_connector.errors import MarketDataPermissionError
from ibkr_connector.gateway.port import GatewayNotice
from ibkr_connector.gateway.stream_port import (
    ScanFound,
    StreamItem,
    StreamKind,
    StreamRequest,
)
from ibkr_connector.market.consumers import Consumer
from ibkr_connector.market.content import Content, Streamed, content_of
from ibkr_connector.model.contracts import Contract, ContractDetails, stock
from ibkr_connector.model.research import (
    Bulletin,
    BulletinKind,
    Headline,
    ScanQuery,
    ScanRow,
    ScanUpdate,
)
from ibkr_connector.model.streams import Gap, GapReason
from unit.market.test_subscriptions import World, letters

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
NOTHING = Contract(symbol="")
ACTIVE = ScanQuery(code="MOST_ACTIVE")


def found(*symbols: str) -> ScanFound:
    return ScanFound(
        rows=tuple(
            ScanRow(rank=rank, contract=stock(symbol)) for rank, symbol in enumerate(symbols)
        )
    )


def headline(number: int) -> Headline:
    moment = NOW + timedelta(minutes=number)
    return Headline(time=moment, provider="BRFG", article_id=f"BRFG${number}", text="news")


def bulletin(number: int, text: str = "closed") -> Bulletin:
    kind = BulletinKind.EXCHANGE_CLOSED
    return Bulletin(number=number, kind=kind, text=text, exchange="NYSE", received=NOW)


def content(kind: StreamKind) -> Content:
    return content_of(StreamRequest(kind=kind, contract=NOTHING, scan=ACTIVE))


def told(of: Content, item: StreamItem) -> list[Streamed | Gap]:
    records: list[Streamed | Gap] = []
    of.take(item, records.append)
    of.flush(NOW, records.append)
    return records


def symbols(record: object) -> list[str]:
    assert isinstance(record, ScanUpdate)
    return [row.contract.symbol for row in record]


async def follow(world: World, query: ScanQuery = ACTIVE, *, capacity: int = 64) -> Consumer:
    request = StreamRequest(kind=StreamKind.SCAN, contract=NOTHING, scan=query)
    consumer = Consumer(None, capacity=capacity)
    await world.streams.join(request, ContractDetails(contract=NOTHING), consumer)
    return consumer


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.streams.aclose()
    await world.pipeline.aclose()


def test_a_scan_is_told_when_it_finds_something_else_and_when_it_finds_nothing() -> None:
    scan = content(StreamKind.SCAN)
    said = [told(scan, found(*names)) for names in (("A", "B"), ("A", "B"), ("B", "A"), (), ())]
    assert [[symbols(record) for record in records] for records in said] == [
        [["A", "B"]],
        [],
        [["B", "A"]],
        [[]],
        [],
    ]
    updates = [one for records in said for one in records if isinstance(one, ScanUpdate)]
    assert {one.code for one in updates} == {"MOST_ACTIVE"}


def test_a_scan_that_begins_anew_is_told_even_if_it_finds_the_same() -> None:
    scan = content(StreamKind.SCAN)
    told(scan, found("A"))
    assert [symbols(record) for record in scan.current()] == [["A"]]
    scan.restart()
    assert list(scan.current()) == []
    assert [symbols(record) for record in told(scan, found("A"))] == [["A"]]


def test_every_headline_is_told_and_none_is_told_to_who_comes_later() -> None:
    news = content(StreamKind.NEWS)
    records = [*told(news, headline(1)), *told(news, headline(1)), *told(news, headline(2))]
    assert records == [headline(1), headline(1), headline(2)]
    assert list(news.current()) == []


def test_a_bulletin_that_the_gateway_repeats_is_told_once_and_to_who_comes_later() -> None:
    bulletins = content(StreamKind.BULLETINS)
    records = [record for number in (1, 2) for record in told(bulletins, bulletin(number))]
    bulletins.restart()
    again = [record for number in (1, 2, 3) for record in told(bulletins, bulletin(number))]
    assert (records, again) == ([bulletin(1), bulletin(2)], [bulletin(3)])
    # numbers begin anew every day
    assert told(bulletins, bulletin(1, "opens")) == [bulletin(1, "opens")]
    assert list(bulletins.current()) == [
        bulletin(1), bulletin(2), bulletin(3), bulletin(1, "opens"),
    ]  # fmt: skip


def test_a_slow_reader_gets_the_newest_scan_and_hears_of_headlines_that_he_missed() -> None:
    scans = Consumer(None, capacity=4, kind=StreamKind.SCAN)
    news = Consumer(stock("AAPL"), capacity=2, kind=StreamKind.NEWS)
    for code in "AB":
        scans.put(ScanUpdate(timestamp=NOW, code=code, rows=()))
    for number in range(4):
        news.put(headline(number))
    assert [one.code for one in letters(scans) if isinstance(one, ScanUpdate)] == ["B"]
    gap, *rest = letters(news)
    assert isinstance(gap, Gap)
    assert (gap.missed, gap.reason) == (2, GapReason.OVERFLOW)
    assert (gap.start, gap.end) == (headline(0).time, headline(1).time)
    assert rest == [headline(2), headline(3)]


async def test_a_scan_comes_back_on_the_next_session_and_its_gap_names_no_contract(
    world: World,
) -> None:
    reader = await follow(world)
    world.gateway.lines[0].say(found("A"))
    await world.reconnect()
    await world.streams.restore()
    world.gateway.lines[-1].say(found("A"))
    before, begin, end, after = letters(reader)
    assert (symbols(before), symbols(after)) == (["A"], ["A"])
    assert isinstance(begin, Gap)
    assert isinstance(end, Gap)
    assert (begin.contract, begin.reason) == (None, GapReason.CONNECTION_LOST)
    assert (begin.is_over, end.is_over) == (False, True)
    (state,) = world.streams.states()
    assert (state.contract, state.kind, state.about) == (None, "scan", "MOST_ACTIVE")


async def test_a_scan_or_news_may_be_silent_for_hours(world: World) -> None:
    await follow(world)
    await world.join(kind=StreamKind.NEWS)
    world.streams.note(GatewayNotice(code=2103, text="farm broke"))
    await world.clock.advance(4 * 3600.0)
    world.streams.note(GatewayNotice(code=2104, text="farm is ok"))
    assert [state.renewals for state in world.streams.states()] == [0, 0]


async def test_the_eleventh_scan_is_refused_before_it_is_asked_for(world: World) -> None:
    codes = [*(f"SCAN_{number}" for number in range(10)), "SCAN_0"]
    joining = [asyncio.ensure_future(follow(world, ScanQuery(code=code))) for code in codes]
    await world.clock.advance(10.0)
    await asyncio.gather(*joining)
    with pytest.raises(MarketDataPermissionError, match="market scans, found 10 of 10"):
        await follow(world)
    assert len(world.gateway.lines) == 10
    assert world.lines.status()["lines"].used == 0


async def test_bulletins_take_no_line(world: World) -> None:
    for _ in range(2):
        request = StreamRequest(kind=StreamKind.BULLETINS, contract=NOTHING)
        await world.streams.join(
            request, ContractDetails(contract=NOTHING), Consumer(None, capacity=4)
        )
    assert len(world.gateway.lines) == 1
    assert {name: one.used for name, one in world.lines.status().items()} == {
        "lines": 0, "depth": 0, "ticks": 0, "scans": 0,
    }  # fmt: skip
