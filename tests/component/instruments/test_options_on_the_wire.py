"""Chains, greeks and volatility over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from itertools import pairwise

import pytest

from ibkr_connector import (
    ContractError,
    ContractNotFoundError,
    IBKRConnector,
    MarketDataPermissionError,
    NoDataError,
    Right,
)
from ibkr_connector.simulator import HostedSimulator
from kit.market import asked

CALL = "AAPL 20261218 C 200"


@pytest.fixture
async def ib(
    make_connector: Callable[..., IBKRConnector], ibkr_gateway: HostedSimulator
) -> AsyncIterator[IBKRConnector]:
    async with make_connector(ibkr_gateway.port) as connector:
        yield connector


async def test_a_chain_is_asked_for_once_and_its_options_when_they_are_used(
    ib: IBKRConnector, ibkr_gateway: HostedSimulator
) -> None:
    chain = await ib.options.chain("AAPL")
    small = chain.at(exchange="SMART").expiring(nearest=1).near(200, count=2).only("C")
    assert len(chain) > 1000
    assert len(asked(ibkr_gateway, "ReqSecDefOptParams")) == 1
    assert len(asked(ibkr_gateway, "ReqContractDetails")) == 1
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


async def test_without_a_line_the_call_says_so(ib: IBKRConnector) -> None:
    await ib.instruments.details(CALL)

    async def taken(engine: object) -> None:
        for number in range(100):
            engine.pipeline.lines.take(("test", number), pool="lines")  # type: ignore[attr-defined]

    await ib._call(taken)
    with pytest.raises(MarketDataPermissionError):
        await ib.options.greeks(CALL)
