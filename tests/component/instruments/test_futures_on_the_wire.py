"""Front months, continuous series and stored bars over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from ibkr_connector import (
    ConfigurationError,
    ContractError,
    ContractNotFoundError,
    IBKRConnector,
    NoDataError,
)
from ibkr_connector.derivatives.config import IBKRFuturesServiceConfig
from ibkr_connector.derivatives.futures_facet import IBKRFuturesService
from ibkr_connector.model.futures import RollRule
from ibkr_connector.simulator import Answer, GatewaySimulator
from ibkr_connector.storage.schema import METADATA
from kit.market import busy

future_bars = METADATA.tables["future_bars"]


@pytest.fixture
async def ib(
    make_connector: Callable[..., IBKRConnector],
) -> AsyncIterator[IBKRConnector]:

    with GatewaySimulator.in_thread(lambda: GatewaySimulator(clock=busy(1.0))) as gateway:
        async with make_connector(gateway.port) as connector:
            yield connector


async def test_fetching_names_each_failure_and_stores_each_bar_once(
    ib: IBKRConnector,
) -> None:
    first = await ib.fetch_futures_market_data(["ES", "NQ", "YM", "NOSUCH", "ES"])
    assert first.contracts_processed == 3
    assert {name: type(error) for name, error in first.failures.items()} == {
        "NOSUCH": ContractNotFoundError
    }
    assert [one.symbol for one in first.results] == ["ES", "NQ", "YM"]
    assert all(one.stored == len(one.bars) > 100 for one in first.results)
    again = await ib.fetch_futures_market_data(["ES"])
    assert again.bars_stored <= 2, "a minute may have passed"


async def test_a_session_of_ones_own_is_written_to_and_left_to_commit(
    ib: IBKRConnector, tmp_path: Path
) -> None:
    config = IBKRFuturesServiceConfig(symbols=("ES",), bar_size="1 hour", duration="2 D")
    count = select(func.count()).select_from(future_bars)
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'mine.sqlite3'}")
    async with AsyncSession(engine) as session:
        found = await IBKRFuturesService(ib, session, config).fetch_futures_market_data()
        assert found.bars_stored == len(found.results[0].bars) > 10
        again = await IBKRFuturesService(ib, session, config).fetch_futures_market_data()
        assert again.bars_stored <= 1
        await session.commit()
        kept = (await session.execute(select(future_bars))).first()
        assert kept is not None
        assert kept.close == found.results[0].bars[0].close
        assert kept.start == found.results[0].bars[0].timestamp
    await engine.dispose()
    plain = create_engine("sqlite://")
    with Session(plain) as session_of_a_thread:
        await IBKRFuturesService(ib, session_of_a_thread, config).fetch_futures_market_data()
        assert session_of_a_thread.execute(count).scalar_one() > 10
        session_of_a_thread.rollback()
    plain.dispose()
    with pytest.raises(ConfigurationError, match="found str"):
        await ib.futures.fetch(["ES"], session="sqlite://")


@pytest.mark.parametrize("rule", RollRule)
async def test_the_front_month_goes_by_any_rule(ib: IBKRConnector, rule: RollRule) -> None:
    futures = ib.futures.configured(IBKRFuturesServiceConfig(roll=rule))
    front = await futures.front("ES")
    known = await futures.contracts("ES")
    assert front.contract.con_id in {one.contract.con_id for one in known[:3]}
    if rule is RollRule.EXPIRY:
        assert front.contract.expiry == "20261218"


async def test_the_next_roll_is_told_when_it_is_near(ib: IBKRConnector) -> None:
    coming = await ib.futures.next_roll("ES")
    calendar = {roll.day: roll for roll in await ib.futures.roll_calendar("ES")}
    assert (calendar[coming.day].old, calendar[coming.day].new) == (coming.old, coming.new)
    assert coming.day == date(2026, 12, 11)
    assert 0 < coming.days_left < (coming.day - date(2026, 11, 1)).days
    watching = ib.futures.watch_rolls(["ES", "NQ"], within_days=coming.days_left)
    near = [await anext(watching), await anext(watching)]
    assert near[0] == coming
    assert [notice.symbol for notice in near] == ["ES", "NQ"]
    await watching.aclose()
    with pytest.raises(ContractNotFoundError):
        await anext(ib.futures.watch_rolls(["NOSUCH"]))
    with pytest.raises(ConfigurationError, match="every_s"):
        await anext(ib.futures.watch_rolls(["ES"], every_s=0))


async def test_a_series_goes_on_over_expired_contracts(ib: IBKRConnector) -> None:
    start, end = date(2026, 8, 3), date(2026, 11, 17)
    futures = ib.futures
    series = await futures.continuous("ES", start=start, end=end)
    assert [roll.day for roll in series.rolls] == [date(2026, 9, 11)]
    days = [bar.timestamp.date() for bar in series.bars]
    assert days == sorted(set(days))
    assert start <= days[0] < start + timedelta(days=4)
    assert end - timedelta(days=4) < days[-1] <= end
    raw = await futures.continuous("ES", start=start, end=end, adjustment="none")
    (roll,) = series.rolls
    assert roll.old_close is not None
    assert roll.new_close is not None
    gap = roll.new_close - roll.old_close
    for adjusted, own in zip(series.bars, raw.bars, strict=True):
        before = own.timestamp.date() < roll.day
        assert adjusted.close - own.close == (gap if before else 0)
    calendar = await futures.roll_calendar("ES")
    assert roll.day in {one.day for one in calendar}
    assert len(calendar) >= 8, "two years back, and ahead"
    by_interest = futures.configured(IBKRFuturesServiceConfig(roll=RollRule.OPEN_INTEREST))
    with pytest.raises(ContractError, match="open interest of the past"):
        await by_interest.continuous("ES", start=start)


async def test_one_contract_without_bars_is_an_error_of_ours_and_alone(
    make_connector: Callable[..., IBKRConnector],
) -> None:
    sick = "Historical Market Data Service error message:HMDS query returned no data: ES"
    fault = Answer(to="ReqHistoricalData", code=162, text=sick, times=1)
    with GatewaySimulator.in_thread(
        lambda: GatewaySimulator(clock=busy(1.0), faults=[fault])
    ) as gateway:
        async with make_connector(gateway.port, retry_max_attempts=1) as ib:
            with pytest.raises(NoDataError):
                await ib.futures.continuous("ES", start=date(2026, 8, 3), end=date(2026, 11, 17))


async def test_a_series_by_volume_begins_on_its_first_day(ib: IBKRConnector) -> None:
    futures = ib.futures.configured(IBKRFuturesServiceConfig(roll=RollRule.VOLUME))
    for first in (date(2026, 9, 8), date(2026, 9, 10), date(2026, 9, 14)):
        series = await futures.continuous("ES", start=first, end=date(2026, 10, 1))
        days = [bar.timestamp.date() for bar in series.bars]
        assert days[0] >= first
        assert all(first < roll.day for roll in series.rolls)
        assert days == sorted(set(days))


async def test_days_may_be_times_and_must_be_in_order(ib: IBKRConnector) -> None:
    start = datetime(2026, 10, 5, 12, tzinfo=UTC)
    series = await ib.futures.continuous("ES", start=start, end=start + timedelta(days=5))
    assert series.bars[0].timestamp.date() == date(2026, 10, 5)
    wrong: Any = "2026-06-01"
    with pytest.raises(ContractError, match="is no day"):
        await ib.futures.continuous("ES", start=wrong)
    with pytest.raises(ContractError, match="got 'back'"):
        await ib.futures.continuous("ES", start=start, adjustment="back")
    with pytest.raises(NoDataError, match="nothing from"):
        await ib.futures.continuous("ES", start=date(2026, 11, 2), end=date(2026, 10, 1))


async def test_futures_are_asked_about_over_a_connection_for_data(
    make_connector: Callable[..., IBKRConnector],
) -> None:
    with GatewaySimulator.in_thread(lambda: GatewaySimulator(clock=busy(1.0))) as gateway:
        async with make_connector(gateway.port, data_client_ids=[21]) as ib:
            async with asyncio.timeout(60):
                while ib.get_connection_status().data_connections != {"21": "ready"}:
                    await asyncio.sleep(0)
            by_interest = IBKRFuturesServiceConfig(roll=RollRule.OPEN_INTEREST)
            await ib.futures.configured(by_interest).front("ES")
            asked = gateway.do(
                lambda sim: {
                    (type(one.request).__name__, one.client_id)
                    for one in sim.log
                    if type(one.request).__name__ in {"ReqContractDetails", "ReqMarketData"}
                }
            )
    assert asked == {("ReqContractDetails", 21), ("ReqMarketData", 21)}


async def test_a_class_that_no_future_has_is_named(ib: IBKRConnector) -> None:
    by_class = IBKRFuturesServiceConfig(
        trading_classes={"ES": "ES"}, multipliers={"ES": Decimal(50)}
    )
    assert (await ib.futures.configured(by_class).front("ES")).contract.expiry == "20261218"
    wrong = IBKRFuturesServiceConfig(trading_classes={"ES": "NOSUCH"})
    with pytest.raises(ContractNotFoundError, match="the class or the multiplier"):
        await ib.futures.configured(wrong).front("ES")
