"""Instruments keep their ids, what IB said is remembered while it is good, and trading goes on."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import (
    ConfigurationError,
    ContractError,
    ContractNotFoundError,
)
from ibkr_connector.instruments.codec import key_of
from ibkr_connector.instruments.registry import Registry
from ibkr_connector.instruments.resolver import Resolver
from ibkr_connector.model.contracts import (
    Contract,
    ContractDetails,
    SecurityType,
    combo,
    future,
    option,
    stock,
)
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.instruments import PriceBand
from ibkr_connector.model.registry import Change, ChangeKind
from ibkr_connector.resilience.pipeline import Pipeline
from kit.fake_clock import FakeClock
from kit.postgres import on_a_server
from kit.threads import threads_work

APPLE = Contract(
    symbol="AAPL", con_id=ConId(265598), primary_exchange="NASDAQ", local_symbol="AAPL"
)
DETAILS = ContractDetails(contract=APPLE, long_name="APPLE INC", min_tick=Decimal("0.01"))
DAY_S = 86_400.0


class Listing:
    """A contract gateway that counts how often it is asked."""

    def __init__(self, *listed: ContractDetails) -> None:
        self.listed = listed
        self.asked: list[Contract] = []

    async def contract_details(self, contract: Contract) -> tuple[ContractDetails, ...]:
        self.asked.append(contract)
        await asyncio.sleep(0)
        return tuple(
            one
            for one in self.listed
            if one.contract.symbol == contract.symbol or one.contract.con_id == contract.con_id
        )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "state" / "instruments.sqlite3"


@pytest.fixture
def opened(clock: FakeClock, place: Path) -> Callable[..., Any]:
    """Return a function that runs a resolver over the registry, as one run of a program does."""

    @asynccontextmanager
    async def run(
        *listed: ContractDetails, max_age_s: float = DAY_S, at: Path | str = place
    ) -> AsyncIterator[tuple[Resolver, Registry, Listing]]:
        listing = Listing(*listed)
        # a busy machine is no broken database
        registry = Registry(at, clock=clock, max_age_s=max_age_s, patience_s=60.0)
        async with Pipeline(clock=clock) as pipeline:
            resolver = Resolver(gateway=listing, pipeline=pipeline, clock=clock, memory=registry)
            yield resolver, registry, listing
        await registry.aclose()

    return run


async def test_what_ib_said_is_known_in_the_next_run(opened: Callable[..., Any]) -> None:
    async with opened(DETAILS) as (resolver, _, listing):
        assert await resolver.resolve("AAPL") == DETAILS
        assert len(listing.asked) == 1
    async with opened() as (resolver, _, listing):
        assert await resolver.resolve("AAPL") == DETAILS
        assert await resolver.resolve(APPLE) == DETAILS
        assert listing.asked == []


async def test_it_is_asked_for_again_when_it_is_old(
    opened: Callable[..., Any], clock: FakeClock
) -> None:
    async with opened(DETAILS) as (resolver, _, _listing):
        await resolver.resolve("AAPL")
    await clock.advance(DAY_S)
    async with opened(DETAILS) as (resolver, _, listing):
        await resolver.resolve("AAPL")
        assert len(listing.asked) == 1
    async with opened(DETAILS, max_age_s=0) as (resolver, _, listing):
        await resolver.resolve("AAPL")
        assert len(listing.asked) == 1


async def test_an_expired_contract_and_hours_that_are_over_are_asked_for_again(
    opened: Callable[..., Any], clock: FakeClock
) -> None:
    today = clock.utcnow()
    over = replace(
        DETAILS,
        contract=replace(APPLE, symbol="ES", con_id=ConId(7)),
        last_trade_date=f"{today - timedelta(days=2):%Y%m%d}",
    )
    day = f"{today - timedelta(days=3):%Y%m%d}"
    told = replace(
        DETAILS, time_zone_id="UTC", trading_hours=f"{day}:0930-{day}:1600", liquid_hours=""
    )
    async with opened(over, told) as (resolver, _, _listing):
        await resolver.resolve_many(["ES", "AAPL"])
    async with opened(over, told) as (resolver, registry, listing):
        assert await registry.recall([stock("ES"), stock("AAPL")]) == [None, None]
        await resolver.resolve_many(["ES", "AAPL"])
        assert len(listing.asked) == 2


async def test_an_id_stands_for_its_contract_wherever_a_text_does(
    opened: Callable[..., Any],
) -> None:
    async with opened(DETAILS) as (resolver, registry, _listing):
        made, is_new = await registry.register("us.apple", "AAPL", note="my.fruit")
        assert (is_new, made.con_id, made.note) == (True, None, "my.fruit")
        assert await resolver.resolve("us.apple") == DETAILS
        await registry.settle()
        _, is_new = await registry.register("us.apple", "AAPL", note="my.fruit")
        known = await registry.lookup(" us.apple ")
        assert known is not None
        assert known.contract == APPLE
        assert known.qualified_at is not None
        assert [one.instrument_id for one in await registry.every()] == ["us.apple"]
    async with opened() as (resolver, registry, _listing):
        assert await resolver.resolve("us.apple") == DETAILS
        assert await registry.unregister("us.apple") is True
        assert await registry.unregister("us.apple") is False
        assert await registry.lookup("us.apple") is None
        with pytest.raises(ContractError, match=r"cannot read 'us\.apple'"):
            await resolver.resolve("us.apple")


async def test_an_id_that_another_program_registers_is_found(opened: Callable[..., Any]) -> None:
    async with opened(DETAILS) as (resolver, registry, _listing):
        assert await registry.every() == ()
        async with opened(DETAILS) as (_, other, _listing):
            await other.register("us.apple", "AAPL")
        assert await resolver.resolve("us.apple") == DETAILS


@pytest.mark.parametrize("name", ["", "   ", "x" * 129, "new\nline"])
async def test_an_id_must_be_one(opened: Callable[..., Any], name: str) -> None:
    async with opened() as (_, registry, _listing):
        with pytest.raises(ContractError, match="expected an id"):
            await registry.register(name, "AAPL")


async def test_an_id_cannot_read_as_another_contract(opened: Callable[..., Any]) -> None:
    async with opened() as (_, registry, _listing):
        with pytest.raises(ContractError, match="'ES' reads as ES"):
            await registry.register("ES", future("ES", "202612"))
        await registry.register("AAPL", "AAPL")  # this one reads as itself


async def test_a_combination_may_have_an_id(opened: Callable[..., Any]) -> None:
    legs = [
        ContractDetails(
            contract=Contract(symbol=name, con_id=ConId(number), exchange="SMART"),
            min_tick=Decimal("0.01"),
        )
        for number, name in enumerate(("KO", "PEP"), start=1)
    ]
    async with opened(*legs) as (resolver, registry, _listing):
        await registry.register("soda spread", "KO - 2*PEP")
        details = await resolver.resolve("soda spread")
        assert [leg.con_id for leg in details.contract.legs] == [1, 2]
        known = await registry.lookup("soda spread")
        assert known is not None
        assert known.description == combo(*known.description.legs)


async def test_what_became_different_is_told(
    opened: Callable[..., Any], clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(DETAILS) as (resolver, registry, _listing):
        await registry.register("my.fruit", "AAPL")
        await resolver.resolve("my.fruit")
    renamed = replace(
        DETAILS,
        contract=replace(APPLE, local_symbol="APPL"),
        min_tick=Decimal("0.05"),
        long_name="APPLE SE",
    )
    await clock.advance(DAY_S)
    async with opened(renamed) as (resolver, registry, _listing):
        await resolver.resolve("my.fruit")
        await registry.settle()
        told = {(one.field, one.old, one.new) for one in await registry.history("my.fruit")}
        assert told == {
            ("local_symbol", "AAPL", "APPL"),
            ("long_name", "APPLE INC", "APPLE SE"),
            ("min_tick", "0.01", "0.05"),
        }
    moved = replace(DETAILS, contract=replace(APPLE, con_id=ConId(999)))
    await clock.advance(DAY_S)
    async with opened(moved) as (resolver, registry, _listing):
        await resolver.resolve("my.fruit")
        await registry.settle()
        known = await registry.lookup("my.fruit")
        assert known is not None
        assert known.con_id == 999
        assert ("con_id", "265598", "999") in {
            (one.field, one.old, one.new) for one in await registry.history("#265598")
        }
        (change,) = [one for one in await registry.history("my.fruit") if one.new == "999"]
        assert (change.subject, change.old, change.at) == ("my.fruit", "265598", clock.utcnow())
        actions = [one for one in await registry.changes(None) if one.is_corporate_action]
        assert change in actions
        assert change.kind is ChangeKind.OTHER_CONTRACT
        assert await registry.changes(clock.utcnow() + timedelta(seconds=1)) == ()
    assert "the instrument my.fruit is the contract 999 now, and was 265598" in caplog.text
    renaming = Change(at=clock.utcnow(), subject="#1", field="symbol", old="FB", new="META")
    kinds = {replace(renaming, field=field).kind for field in ("symbol", "long_name")}
    assert kinds == {ChangeKind.RENAMED}
    assert replace(renaming, field="multiplier").kind is ChangeKind.TERMS
    assert not replace(renaming, field="note").is_corporate_action
    assert not replace(renaming, old="").is_corporate_action


async def test_what_nobody_asks_for_any_more_is_let_go_and_ones_own_stay(
    opened: Callable[..., Any], place: Path, clock: FakeClock
) -> None:
    listed = [
        ContractDetails(contract=Contract(symbol=f"S{number}", con_id=ConId(number)))
        for number in range(1, 4)
    ]
    async with opened(*listed) as (resolver, registry, _listing):
        await registry.register("my:1", "S1")
        for one in ("S1", "S2", "S3"):
            await resolver.resolve(one)
    await clock.advance(80 * DAY_S)
    async with opened(*listed) as (resolver, _, _listing):
        await resolver.resolve("S3")
    await clock.advance(20 * DAY_S)
    async with opened(*listed) as (resolver, registry, _listing):
        await resolver.resolve("S3")
        await registry.settle()
        with closing(sqlite3.connect(place)) as reading:
            kept = reading.execute("SELECT con_id FROM contracts ORDER BY con_id").fetchall()
            described = reading.execute("SELECT DISTINCT con_id FROM descriptions").fetchall()
        assert kept == [(1,), (3,)]
        assert sorted(described) == kept
        # a day later it looks again, and not before
        assert registry._pruned_at == clock.utcnow()


async def test_a_continuous_future_and_its_front_month_are_two_contracts(
    opened: Callable[..., Any],
) -> None:
    front = Contract(
        symbol="ES", con_id=ConId(7), security_type=SecurityType.FUTURE, exchange="CME"
    )
    series = replace(front, security_type=SecurityType.CONTINUOUS_FUTURE)
    async with opened(ContractDetails(contract=front)) as (resolver, _, _listing):
        await resolver.resolve(front)
    async with opened(ContractDetails(contract=series)) as (resolver, _, listing):
        assert (await resolver.resolve(series)).contract == series
        assert len(listing.asked) == 1
        assert (await resolver.resolve(front)).contract == front
        assert len(listing.asked) == 1


async def paced(asking: Any, clock: FakeClock) -> Any:
    """Let time pass until something that the pacing holds back has ended."""
    task = asyncio.ensure_future(asking)
    while not task.done():
        await asyncio.wait([task], timeout=0.001)
        # it stands still while the disk works
        if not threads_work():
            await clock.advance(0.05)
    return task.result()


async def test_many_are_resolved_together_and_each_failure_is_named(
    opened: Callable[..., Any], clock: FakeClock
) -> None:
    listed = [
        ContractDetails(contract=Contract(symbol=f"S{number}", con_id=ConId(number)))
        for number in range(1, 40)
    ]
    wanted: list[Contract | str] = [f"S{number}" for number in range(1, 40)]
    async with opened(*listed) as (resolver, _, listing):
        asking = resolver.resolve_many([*wanted[:20], "NOSUCH", "?!", *wanted[:3]])
        found = await paced(asking, clock)
        assert [one.contract.symbol for one in found] == wanted[:20]
        assert {name: type(error) for name, error in found.failures.items()} == {
            "?!": ContractError,
            "NOSUCH": ContractNotFoundError,
        }
        assert found["S7"].contract.con_id == 7
        with pytest.raises(ContractNotFoundError):
            found["NOSUCH"]
        assert len(listing.asked) == 21
    async with opened(*listed) as (resolver, _, listing):
        assert len(await paced(resolver.resolve_many(wanted), clock)) == 39
        assert len(listing.asked) == 19, "the others are known"


async def test_what_is_noted_while_old_things_are_let_go_is_written_too(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, end = asyncio.Event(), asyncio.Event()
    prune = Registry._prune

    async def slow(registry: Registry) -> None:
        begun.set()
        await end.wait()
        await prune(registry)

    monkeypatch.setattr(Registry, "_prune", slow)
    other = ContractDetails(contract=Contract(symbol="LATE", con_id=ConId(7)))
    async with opened(DETAILS, other) as (resolver, _, _):
        await resolver.resolve("AAPL")
        await begun.wait()
        await resolver.resolve("LATE")
        end.set()
    async with opened() as (resolver, _, listing):
        assert await resolver.resolve("LATE") == other
        assert listing.asked == []


async def test_market_rules_are_remembered_for_a_week(
    opened: Callable[..., Any], clock: FakeClock
) -> None:
    bands = (PriceBand(low=Decimal(0), increment=Decimal("0.01")),)
    async with opened() as (_, registry, _listing):
        await registry.keep_bands(26, bands)
        await registry.keep_bands(26, bands)
        assert await registry.bands() == {26: bands}
    await clock.advance(8 * DAY_S)
    async with opened() as (_, registry, _listing):
        assert await registry.bands() == {}


async def test_trading_goes_on_without_a_database(
    opened: Callable[..., Any], place: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    place.parent.mkdir()
    place.write_text("no database " * 100)  # noqa: ASYNC240
    with caplog.at_level(logging.WARNING, "ibkr_connector.instruments"):
        async with opened(DETAILS) as (resolver, registry, listing):
            assert await resolver.resolve("AAPL") == DETAILS
            assert await resolver.resolve("AAPL") == DETAILS
            assert len(listing.asked) == 1
            with pytest.raises(ConfigurationError, match="cannot be used"):
                await registry.register("us.apple", "AAPL")
            assert len(caplog.records) == 1, "it is told of once"
            place.unlink()  # noqa: ASYNC240
            await clock.advance(61)
            await registry.register("us.apple", "AAPL")
            assert await resolver.resolve("us.apple") == DETAILS
            assert "can be used again" in caplog.text


async def test_a_row_that_was_changed_by_hand_harms_nothing(
    opened: Callable[..., Any], place: Path
) -> None:
    async with opened(DETAILS) as (resolver, _, _listing):
        await resolver.resolve("AAPL")
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("UPDATE contracts SET details = '{\"contract\": 5}'")
    async with opened(DETAILS) as (resolver, _, listing):
        assert await resolver.resolve("AAPL") == DETAILS
        assert len(listing.asked) == 1


STRANGE = ("BRK B", 'A"B', "Ü€🙂", "A'; DROP TABLE contracts; --", "A\\B", "A%_B")


async def known_again(opened: Callable[..., Any], at: Path | str) -> None:
    """Write more than databases take values for, and ask for all of it at once."""
    symbols = [*STRANGE, *(f"S{number}" for number in range(1_200))]
    wanted = [Contract(symbol=symbol) for symbol in symbols]
    async with opened(at=at) as (_, registry, _):
        for number, one in enumerate(wanted, start=1):
            contract = replace(one, con_id=ConId(number))
            registry.note(one, replace(DETAILS, contract=contract))
        await registry.settle()
    async with opened(at=at) as (_, registry, _):
        nobody = Contract(symbol="NOBODY")
        found = await registry.recall([*wanted, nobody, wanted[0]])
    assert [one and one.contract.symbol for one in found] == [*symbols, None, symbols[0]]


async def test_any_number_of_descriptions_is_one_question(
    opened: Callable[..., Any], place: Path
) -> None:
    await known_again(opened, place)


@on_a_server
async def test_any_number_of_descriptions_is_one_question_to_a_server(
    opened: Callable[..., Any], postgres_url: str
) -> None:
    await known_again(opened, postgres_url)


@pytest.mark.parametrize(
    ("contract", "key"),
    [
        (Contract(symbol="AAPL"), '{"symbol":"AAPL"}'),
        (
            Contract(symbol="", con_id=ConId(7), exchange=""),
            '{"con_id":7,"exchange":"","symbol":""}',
        ),
        (
            option("SPX", "20261218", "C", strike=Decimal("250.0")),
            '{"expiry":"20261218","right":"C","security_type":"OPT","strike":"250","symbol":"SPX"}',
        ),
    ],
)
def test_keys_are_written_as_they_always_were(contract: Contract, key: str) -> None:
    # what older versions have written is found by them
    assert key_of(contract) == key
