"""Chains, greeks and volatility over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from itertools import pairwise

import pytest

from ibkr_connector import (
    ContractError,
    ContractNotFoundError,
    DataType,
    IBKRConnector,
    MarketDataPermissionError,
    NoDataError,
    Quote,
    Right,
)
from ibkr_connector.gateway import quoting
from ibkr_connector.simulator import Drop, HostedSimulator
from ibkr_connector.simulator.dialogue.feed import Entitlement
from kit.market import asked, hold, until

CALL = "AAPL 20261218 C 200"


def has_model(quote: Quote) -> bool:
    return quote.greeks is not None and quote.greeks.model is not None


def is_whole(quote: Quote) -> bool:
    """Whether the model's figures and those of the bid are there, and are of this quote."""
    greeks = quote.greeks
    if greeks is None or greeks.model is None or greeks.bid is None:
        return False
    return greeks.bid.price == quote.bid is not None and greeks.model.volatility is not None


def under(quote: Quote) -> Decimal:
    assert quote.greeks is not None
    assert quote.greeks.model is not None
    assert quote.greeks.model.under_price is not None
    return quote.greeks.model.under_price


@pytest.fixture
async def ib(
    make_connector: Callable[..., IBKRConnector], ibkr_gateway: HostedSimulator
) -> AsyncIterator[IBKRConnector]:
    async with make_connector(ibkr_gateway.port) as connector:
        yield connector


async def test_a_chain_is_asked_for_once_and_its_options_when_they_are_used(
    ib: IBKRConnector, ibkr_gateway: HostedSimulator
) -> None:
    await ib.instruments.details("AAPL")
    chain, again = await asyncio.gather(ib.options.chain("AAPL"), ib.options.chain("AAPL"))
    assert again == chain == await ib.options.chain("AAPL")
    small = chain.at(exchange="SMART").expiring(nearest=1).near(200, count=2).only("C")
    assert len(chain) > 1000
    assert len(asked(ibkr_gateway, "ReqSecDefOptParams")) == 1
    assert len(asked(ibkr_gateway, "ReqContractDetails")) == 1
    await ib.options.chain("AAPL", max_age_s=0)
    assert len(asked(ibkr_gateway, "ReqSecDefOptParams")) == 2
    found = await ib.instruments.resolve_many(small.contracts())
    assert not found.failures
    assert [one.contract.multiplier for one in found] == [100, 100]
    assert len({one.contract.con_id for one in found}) == 2


async def test_options_on_a_future_have_a_chain_too(ib: IBKRConnector) -> None:
    chain = await ib.options.chain("ES 202612")
    option = next(chain.near(6000, count=1).contracts())
    details = await ib.instruments.details(option)
    assert details.contract.security_type == "FOP"
    with pytest.raises(NoDataError, match="no options on EUR"):
        await ib.options.chain("EUR.USD")


async def test_greeks_come_with_the_models_price(
    ib: IBKRConnector, ibkr_gateway: HostedSimulator
) -> None:
    value = await ib.options.greeks(CALL)
    model = value.model
    assert model is not None
    assert model.delta is not None
    assert model.gamma is not None
    assert model.theta is not None
    assert model.volatility is not None
    assert 0 < model.delta < 1
    assert model.gamma > 0 > model.theta
    assert 0.01 < model.volatility < 3
    assert model.price is not None
    assert model.under_price is not None
    assert isinstance(model.price, Decimal)
    put = await ib.options.greeks(CALL.replace("C", "P"))
    assert put.model is not None
    assert put.model.delta is not None
    assert put.model.delta < 0
    # what was followed is followed no longer; what was written before is read before
    await ib.request("time", lambda client: client.reqCurrentTimeAsync())
    assert len(asked(ibkr_gateway, "ReqMarketData")) == len(asked(ibkr_gateway, "CancelMarketData"))
    assert (await ib.pacing_status()).lines["lines"].used == 0


async def test_a_stream_of_an_options_quotes_brings_its_greeks_and_follows_them(
    ib: IBKRConnector, ibkr_gateway: HostedSimulator
) -> None:
    hold(ibkr_gateway, "195.00", "195.02")
    async with ib.stream_quotes(CALL) as stream:
        first = await until(stream, is_whole)
        # followed already: told from the stream, and nothing is asked
        value = await ib.options.greeks(CALL)
        hold(ibkr_gateway, "196.00", "196.02")
        second = await until(stream, lambda q: is_whole(q) and under(q) > Decimal("195.5"))
    assert first.greeks is not None
    assert value.model is not None
    assert under(first) == Decimal("195.01")
    assert len(asked(ibkr_gateway, "ReqMarketData")) == 1
    assert second.greeks is not None
    for quote in (first, second):
        assert quote.greeks is not None
        assert quote.greeks.bid is not None
        assert quote.greeks.bid.price == quote.bid
        assert quote.greeks.model is not None
        assert quote.greeks.model.volatility is not None


async def test_a_snapshot_of_an_option_has_its_greeks_and_that_of_a_stock_none(
    ib: IBKRConnector,
) -> None:
    quote = await ib.get_quote(CALL)
    assert has_model(quote)
    assert (await ib.get_quote("AAPL")).greeks is None


async def test_an_order_waits_for_no_greeks_and_a_quote_not_for_ever(
    make_connector: Callable[..., IBKRConnector],
    make_ibkr_gateway: Callable[..., HostedSimulator],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = make_ibkr_gateway()
    gateway.do(lambda sim: sim.inject(Drop(reply="TickOptionComputation")))
    async with make_connector(gateway.port) as ib:
        await ib.instruments.details(CALL)
        # whoever waits for greeks here waits for longer than a test may take
        monkeypatch.setattr(quoting, "_GREEKS_S", 3600.0)
        report = await ib.place_order(
            {"contract": CALL, "action": "BUY", "quantity": 1, "order_type": "MKT"}
        )
        assert len(asked(gateway, "ReqMarketData")) == 1
        monkeypatch.setattr(quoting, "_GREEKS_S", 0.01)
        quote = await ib.get_quote(CALL)
    assert report.order_id
    assert quote.bid is not None
    assert quote.greeks is None


async def test_greeks_of_delayed_prices_come_where_live_ones_are_refused(
    make_connector: Callable[..., IBKRConnector],
    make_ibkr_gateway: Callable[..., HostedSimulator],
) -> None:
    gateway = make_ibkr_gateway()
    gateway.do(lambda sim: sim.gateway.feed.entitlements.update({"OPT": Entitlement.DELAYED}))
    async with make_connector(gateway.port) as ib:
        value = await ib.options.greeks(CALL)
        quote = await ib.get_quote(CALL)
    assert value.data_type is DataType.DELAYED
    assert value.model is not None
    assert value.model.delta is not None
    assert has_model(quote)
    assert quote.is_delayed
    async with make_connector(gateway.port, delayed_fallback=False) as ib:
        with pytest.raises(MarketDataPermissionError):
            await ib.options.greeks(CALL)


async def test_options_are_asked_about_over_a_connection_for_data(
    make_connector: Callable[..., IBKRConnector], ibkr_gateway: HostedSimulator
) -> None:
    async with make_connector(ibkr_gateway.port, data_client_ids=[21]) as ib:
        await ib.instruments.details(CALL)
        async with asyncio.timeout(60):
            while ib.get_connection_status().data_connections != {"21": "ready"}:
                await asyncio.sleep(0)
        await ib.options.chain("AAPL")
        value = await ib.options.greeks(CALL)
        await ib.options.price(CALL, volatility=0.3, under_price=195)
        by_client = ibkr_gateway.do(
            lambda sim: {
                type(one.request).__name__: one.client_id
                for one in sim.log
                if type(one.request).__name__
                in {"ReqMarketData", "ReqSecDefOptParams", "ReqCalcOptionPrice"}
            }
        )
    assert value.model is not None
    assert by_client == dict.fromkeys(
        ("ReqSecDefOptParams", "ReqMarketData", "ReqCalcOptionPrice"), 21
    )


async def test_greeks_that_a_lost_session_takes_away_are_asked_for_on_the_next(
    make_connector: Callable[..., IBKRConnector],
    make_ibkr_gateway: Callable[..., HostedSimulator],
) -> None:
    gateway = make_ibkr_gateway()
    gateway.do(lambda sim: sim.inject(Drop(reply="TickOptionComputation")))
    # as often as it takes a slow machine to connect again
    async with make_connector(gateway.port, retry_max_attempts=1_000) as ib:
        await ib.instruments.details(CALL)
        asking = asyncio.ensure_future(ib.options.greeks(CALL))
        async with asyncio.timeout(60):
            while not asked(gateway, "ReqMarketData"):
                await asyncio.sleep(0)
        gateway.do(lambda sim: sim.clear_faults())
        gateway.do(lambda sim: sim.cut())
        # asked again on the next session, because asking twice does nothing twice
        value = await asking
    assert value.model is not None


async def test_volatility_and_price_lead_to_each_other(ib: IBKRConnector) -> None:
    priced = await ib.options.price(CALL, volatility=0.3, under_price="195")
    assert priced.price is not None
    back = await ib.options.implied_volatility(CALL, price=priced.price, under_price=195)
    assert back.volatility == pytest.approx(0.3, abs=1e-3)
    with pytest.raises(ContractError, match="price must be above 0"):
        await ib.options.implied_volatility(CALL, price=0, under_price=195)
    with pytest.raises(ContractError, match="is no option"):
        await ib.options.greeks("AAPL")


async def test_part_of_a_chain_within_the_lines(
    make_connector: Callable[..., IBKRConnector], ibkr_gateway: HostedSimulator
) -> None:
    async with make_connector(ibkr_gateway.port, market_data_lines=20) as ib:
        chain = (await ib.options.chain("AAPL")).at(exchange="SMART").expiring(nearest=1)
        part = chain.only(Right.CALL).near(200, count=8)
        found = await ib.options.greeks_of([*part.contracts(), "AAPL 20261218 C 201"])
        assert len(found) == 8
        assert [type(error) for error in found.failures.values()] == [ContractNotFoundError]
        deltas = [one.model.delta for one in found if one.model and one.model.delta is not None]
        assert all(before > after for before, after in pairwise(deltas)), "dearer strikes have less"


async def test_an_option_that_is_listed_at_many_exchanges_is_followed_once(
    ib: IBKRConnector, ibkr_gateway: HostedSimulator
) -> None:
    chain = (await ib.options.chain("AAPL")).expiring(nearest=1).near(200, count=1).only("C")
    assert len(chain) > 1
    found = await ib.options.greeks_of(chain)
    assert len(found) == 1
    assert not found.failures
    assert len(asked(ibkr_gateway, "ReqMarketData")) == 1


async def test_greeks_are_those_of_now_however_many_ask_for_them(
    ib: IBKRConnector, ibkr_gateway: HostedSimulator
) -> None:
    hold(ibkr_gateway, "195.00", "195.02")
    first, second = await asyncio.gather(ib.options.greeks(CALL), ib.options.greeks(CALL))
    hold(ibkr_gateway, "196.00", "196.02")
    third = await ib.options.greeks(CALL)
    assert first.model is not None
    assert second.model == first.model
    assert third.model is not None
    assert first.model.under_price == Decimal("195.01")
    assert third.model.under_price == Decimal("196.01")
    await ib.request("time", lambda client: client.reqCurrentTimeAsync())
    # one line for both of the first when they were under way together, and each called off
    lines = [one.request_id for one in asked(ibkr_gateway, "ReqMarketData")]
    assert lines == sorted(one.request_id for one in asked(ibkr_gateway, "CancelMarketData"))
    assert len(lines) in {2, 3}


async def test_without_a_line_the_call_says_so(ib: IBKRConnector) -> None:
    await ib.instruments.details(CALL)

    async def taken(engine: object) -> None:
        for number in range(100):
            engine.pipeline.lines.take(("test", number), pool="lines")  # type: ignore[attr-defined]

    await ib._call(taken)
    with pytest.raises(MarketDataPermissionError):
        await ib.options.greeks(CALL)
