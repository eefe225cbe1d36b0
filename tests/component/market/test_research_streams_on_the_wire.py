"""Scans that change, headlines as they come, and bulletins, through a real socket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ibkr_connector import (
    ContractNotFoundError,
    IBKRConnector,
    MarketDataError,
    MarketDataPermissionError,
)
from ibkr_connector.model.research import Bulletin, BulletinKind, Headline, ScanUpdate
from ibkr_connector.model.streams import Gap, GapReason
from ibkr_connector.simulator import HostedSimulator, Permissions
from ibkr_connector.simulator.dialogue import news
from ibkr_connector.simulator.dialogue.headlines import Headline as Published
from kit.market import AAPL, asked, busy, gap_of, has_asked, hold, said_all

Make = Callable[..., IBKRConnector]
Gateways = Callable[..., HostedSimulator]

DEAR = {"priceAbove": 100_000}
"""What no stock costs until a test makes one cost it."""


def publish(
    gateway: HostedSimulator, text: str, *, provider: str = "BRFG", con: int = AAPL
) -> None:
    """Let a headline come."""

    def act(sim: object) -> None:
        now = sim.clock.utcnow()  # type: ignore[attr-defined]  # the simulator itself
        made = Published(
            at=now,
            provider=provider,
            article_id=f"{provider}${text}",
            text=text,
            con_id=con,
            article=f"all about {text}",
            extra="K:1.0",
        )
        news.publish(sim.gateway, made)  # type: ignore[attr-defined]
        sim.tick()  # type: ignore[attr-defined]

    gateway.do(act)


def announce(gateway: HostedSimulator, text: str, *, kind: int = 1) -> None:
    """Let a bulletin come."""

    def act(sim: object) -> None:
        news.bulletin(sim.gateway, text, kind=kind, exchange="NYSE")  # type: ignore[attr-defined]
        sim.tick()  # type: ignore[attr-defined]

    gateway.do(act)


def cut(gateway: HostedSimulator) -> None:
    gateway.do(lambda sim: sim.cut())


async def test_a_scan_that_finds_nothing_is_an_empty_answer_and_no_timeout(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(sessions=True)
    async with make_connector(gateway.port) as ib:
        assert await ib.research.scan("TOP_PERC_GAIN", filters=DEAR) == ()
        await ib.get_quote("AAPL")
    await said_all(gateway)
    assert len(asked(gateway, "CancelScannerSubscription")) == 1


async def test_a_scan_is_followed_told_at_each_change_and_called_off(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(clock=busy(300.0))
    async with make_connector(gateway.port) as ib:
        scan = ib.research.stream_scan("MOST_ACTIVE", filters=DEAR)
        async with scan, ib.research.stream_scan("MOST_ACTIVE", filters=DEAR) as other:
            nothing = await anext(scan)
            hold(gateway, "200000", "200001")
            something = await anext(scan)
            hold(gateway, "200", "201")
            again = await anext(scan)
            assert scan.contract is None
            (state,) = await ib.stream_states()
            newest = await anext(other)
        await ib.get_quote("MSFT")
        assert await ib.stream_states() == ()
    await said_all(gateway)
    updates = [nothing, something, again]
    assert all(isinstance(one, ScanUpdate) for one in updates)
    found = [[row.contract.con_id for row in one] for one in updates if isinstance(one, ScanUpdate)]
    assert found == [[], [AAPL], []]
    assert (state.about, state.readers, state.contract) == ("MOST_ACTIVE", 2, None)
    # whoever did not look gets the newest alone
    assert newest == again
    assert len(asked(gateway, "ReqScannerSubscription")) == 1
    assert len(asked(gateway, "CancelScannerSubscription")) == 1


async def test_a_scan_comes_back_after_a_lost_connection(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(sessions=True)
    async with (
        make_connector(gateway.port) as ib,
        ib.research.stream_scan("TOP_PERC_GAIN", rows=3) as scan,
    ):
        first = await anext(scan)
        cut(gateway)
        begun = await gap_of(scan, over=False)
        ended = await gap_of(scan, over=True)
        second = await anext(scan)
    assert isinstance(first, ScanUpdate)
    assert isinstance(second, ScanUpdate)
    assert len(first) == len(second) == 3
    assert (begun.contract, begun.reason) == (None, GapReason.CONNECTION_LOST)
    assert ended.end is not None


async def test_a_scan_that_is_refused_ends_its_stream(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        with pytest.raises(MarketDataError, match="NO_SUCH_SCAN is disabled"):
            await anext(ib.research.stream_scan("NO_SUCH_SCAN"))
        with pytest.raises(MarketDataError, match="1 to 50 rows"):
            ib.research.stream_scan("MOST_ACTIVE", rows=0)
        assert await ib.stream_states() == ()


async def test_headlines_come_as_they_are_published_and_lead_to_their_articles(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(sessions=True)
    async with make_connector(gateway.port) as ib:
        everything = ib.research.stream_news("AAPL")
        async with everything, ib.research.stream_news("AAPL", providers=["DJ-N"]) as one:
            # what is published before the gateway has read the questions comes to nobody
            await has_asked(gateway, "ReqMarketData", 2)
            publish(gateway, "of another", con=272093)
            publish(gateway, "first")
            publish(gateway, "second", provider="DJ-N")
            told = [await anext(everything), await anext(everything)]
            alone = await anext(one)
            assert everything.contract is not None
            assert everything.contract.con_id == AAPL
            assert isinstance(told[0], Headline)
            article = await ib.research.article(told[0])
            used = (await ib.pacing_status()).lines["lines"].used
    headlines = [record for record in told if isinstance(record, Headline)]
    assert [line.text for line in headlines] == ["first", "second"]
    assert [line.provider for line in headlines] == ["BRFG", "DJ-N"]
    assert headlines[0].extra == "K:1.0"
    assert headlines[0].time.utcoffset() == timedelta(0)
    assert headlines[0].time <= headlines[1].time
    assert isinstance(alone, Headline)
    assert alone == replace(headlines[1], time=alone.time)
    assert article.text == "all about first"
    assert used == 2
    ticks = {request.generic_ticks for request in asked(gateway, "ReqMarketData")}
    assert ticks == {"mdoff,292:BRFG+BRFUPDN+DJ-N+DJNL", "mdoff,292:DJ-N"}


async def test_news_come_back_after_a_lost_connection(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(sessions=True)
    async with (
        make_connector(gateway.port) as ib,
        ib.research.stream_news("AAPL", providers=["BRFG"]) as stream,
    ):
        await has_asked(gateway, "ReqMarketData", 1)
        publish(gateway, "before")
        before = await anext(stream)
        cut(gateway)
        gap = await gap_of(stream, over=True)
        await has_asked(gateway, "ReqMarketData", 2)
        publish(gateway, "after")
        after = await anext(stream)
    assert isinstance(before, Headline)
    assert isinstance(after, Headline)
    assert (before.text, after.text) == ("before", "after")
    assert gap.contract is not None
    assert gap.reason is GapReason.CONNECTION_LOST


async def test_a_login_without_news_cannot_follow_any(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(permissions=Permissions(news=False))
    async with make_connector(gateway.port) as ib:
        with pytest.raises(MarketDataPermissionError, match="no provider of news"):
            await anext(ib.research.stream_news("AAPL"))
        with pytest.raises(MarketDataError, match="Incorrect generic tick list"):
            await anext(ib.research.stream_news("AAPL", providers=["BRFG"]))
        assert await ib.stream_states() == ()


async def test_a_broad_tape_is_all_that_one_provider_tells_and_comes_back(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(sessions=True)
    async with make_connector(gateway.port) as ib:
        async with ib.research.stream_broad_tape("BRFG") as tape:
            await has_asked(gateway, "ReqMarketData", 1)
            publish(gateway, "of a company")
            publish(gateway, "of another provider", provider="DJ-N")
            publish(gateway, "of nobody", con=0)
            told = [await anext(tape), await anext(tape)]
            cut(gateway)
            gap = await gap_of(tape, over=True)
            await has_asked(gateway, "ReqMarketData", 2)
            publish(gateway, "after")
            told.append(await anext(tape))
            used = (await ib.pacing_status()).lines["lines"].used
        await ib.get_quote("MSFT")
        with pytest.raises(ContractNotFoundError):
            await anext(ib.research.stream_broad_tape("NOBODY"))
    await said_all(gateway)
    texts = [one.text for one in told if isinstance(one, Headline)]
    assert texts == ["of a company", "of nobody", "after"]
    assert (gap.reason, used) == (GapReason.CONNECTION_LOST, 1)
    (wanted, again, _) = asked(gateway, "ReqMarketData", stream=True)
    assert (wanted.contract.symbol, wanted.contract.sec_type) == ("BRFG:BRFG_ALL", "NEWS")
    assert (wanted.contract.exchange, wanted.generic_ticks) == ("BRFG", "mdoff,292")
    assert again.contract == wanted.contract
    called_off = [one.request_id for one in asked(gateway, "CancelMarketData", stream=True)]
    assert called_off[0] == again.request_id


async def test_bulletins_of_the_day_come_first_and_those_of_a_gap_after_it(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    announce(ibkr_gateway, "early")
    async with make_connector(ibkr_gateway.port) as ib:
        async with ib.research.stream_bulletins() as stream:
            early = await anext(stream)
            announce(ibkr_gateway, "closed", kind=2)
            closed = await anext(stream)
            cut(ibkr_gateway)
            begun = await gap_of(stream, over=False)
            announce(ibkr_gateway, "meanwhile")
            ended = await gap_of(stream, over=True)
            meanwhile = await anext(stream)
            async with ib.research.stream_bulletins() as late:
                all_of_them = [await anext(late) for _ in range(3)]
        await ib.get_quote("MSFT")
    await said_all(ibkr_gateway)
    told = [early, closed, meanwhile]
    texts = [one.text for one in told if isinstance(one, Bulletin)]
    assert texts == ["early", "closed", "meanwhile"]
    assert isinstance(closed, Bulletin)
    assert (closed.kind, closed.exchange) == (BulletinKind.EXCHANGE_CLOSED, "NYSE")
    assert (begun.is_over, ended.is_over, ended.contract) == (False, True, None)
    assert all_of_them == told
    assert not any(isinstance(one, Gap) for one in all_of_them)
    assert len(asked(ibkr_gateway, "ReqNewsBulletins")) == 2
    assert len(asked(ibkr_gateway, "CancelNewsBulletins")) == 1
