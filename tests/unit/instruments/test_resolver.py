from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ibkr_connector.errors import AmbiguousContractError, ContractNotFoundError
from ibkr_connector.instruments.resolver import CACHE_TTL_S, Resolver
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.ids import ConId
from ibkr_connector.resilience.pipeline import Pipeline
from kit.fake_clock import FakeClock


class Listing:
    """A contract gateway that lists what it is given, and counts how often it is asked."""

    def __init__(self, *contracts: Contract) -> None:
        self.listed = contracts
        self.asked = 0

    async def contract_details(self, contract: Contract) -> tuple[ContractDetails, ...]:
        self.asked += 1
        found = [one for one in self.listed if one.symbol == contract.symbol]
        return tuple(ContractDetails(contract=one) for one in found)


APPLE = Contract(symbol="AAPL", con_id=ConId(265598), primary_exchange="NASDAQ")
LONDON = Contract(symbol="VOD", con_id=ConId(1), primary_exchange="LSE", currency="GBP")
NEW_YORK = Contract(symbol="VOD", con_id=ConId(2), primary_exchange="NASDAQ")


@pytest.fixture
async def pipeline(clock: FakeClock) -> AsyncIterator[Pipeline]:
    async with Pipeline(clock=clock) as made:
        yield made


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_a_description_is_asked_for_once_and_known_until_it_is_stale(
    clock: FakeClock, pipeline: Pipeline
) -> None:
    listing = Listing(APPLE)
    resolver = Resolver(gateway=listing, pipeline=pipeline, clock=clock)
    for _ in range(3):
        assert (await resolver.resolve("AAPL")).contract == APPLE
    assert (await resolver.resolve(APPLE)).contract == APPLE
    assert listing.asked == 1
    await clock.advance(CACHE_TTL_S)
    await resolver.resolve("AAPL")
    assert listing.asked == 2


async def test_several_contracts_are_never_guessed_at(clock: FakeClock, pipeline: Pipeline) -> None:
    resolver = Resolver(gateway=Listing(LONDON, NEW_YORK), pipeline=pipeline, clock=clock)
    with pytest.raises(AmbiguousContractError) as several:
        await resolver.resolve("VOD")
    assert several.value.candidates == (LONDON, NEW_YORK)


async def test_one_contract_listed_on_two_exchanges_is_one(
    clock: FakeClock, pipeline: Pipeline
) -> None:
    resolver = Resolver(gateway=Listing(APPLE, APPLE), pipeline=pipeline, clock=clock)
    assert (await resolver.resolve("AAPL")).contract.con_id == 265598


async def test_nothing_is_an_error_and_is_not_remembered(
    clock: FakeClock, pipeline: Pipeline
) -> None:
    listing = Listing()
    resolver = Resolver(gateway=listing, pipeline=pipeline, clock=clock)
    for _ in range(2):
        with pytest.raises(ContractNotFoundError):
            await resolver.resolve("ZZZZ")
    assert listing.asked == 2


async def test_what_is_stale_is_let_go(
    clock: FakeClock, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ibkr_connector.instruments.resolver._TIDIED_FROM", 20)
    contracts = [Contract(symbol=f"S{number}", con_id=ConId(number)) for number in range(1, 301)]
    listing = Listing(*contracts)
    resolver = Resolver(gateway=listing, pipeline=pipeline, clock=clock, ttl_s=60.0)
    for contract in contracts:
        await resolver.resolve(contract.symbol)
        await clock.advance(2.0)
    # what is good stays: of a minute thirty contracts, by what was asked and by what they are
    assert len(resolver._known) <= 130
    asked = listing.asked
    await resolver.resolve(contracts[-1].symbol)
    assert listing.asked == asked
