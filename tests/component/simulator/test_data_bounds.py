"""Requests about data that are far out of bounds are refused, and nobody is harmed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ibkr_connector.simulator import Permissions
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.replies import HistoricalData, TickPrice, WshEventData
from ibkr_connector.simulator.wire.requests import Request
from kit.data_client import APPLE, contract, data_client, errors, of_type

MANY = "9" * 5_000


def history(**said: object) -> ask.ReqHistoricalData:
    fields = {"bar_size": "1 day", "duration": "1 D", "what_to_show": "TRADES", **said}
    return ask.ReqHistoricalData(request_id=1, contract=APPLE, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (ask.ReqMarketData(request_id=1, contract=APPLE, generic_ticks=MANY), 321),
        (history(duration=f"{MANY} D"), 321),
        (history(duration=MANY), 321),
        (history(end="99991231 23:59:59 US/Eastern"), 10314),
        (history(end="00010101 00:00:00 UTC"), 10314),
        (ask.ReqHistogramData(request_id=1, contract=APPLE, period="999999999 years"), 321),
        (
            ask.ReqHistoricalTicks(
                request_id=1,
                contract=APPLE,
                start="99990101-00:00:00",
                count=10,
                what_to_show="TRADES",
            ),
            10314,
        ),
        (
            ask.ReqScannerSubscription(
                request_id=1,
                texts={
                    "instrument": "STK",
                    "locationCode": "STK.US",
                    "scanCode": "MOST_ACTIVE",
                    "numberOfRows": MANY,
                    "abovePrice": "1e9",
                    "belowPrice": "NaN",
                },
            ),
            165,
        ),
    ],
)
async def test_what_is_out_of_bounds_is_refused(request_: Request, code: int) -> None:
    async with data_client() as client:
        assert [(1, code)] == errors(await client.ask(request_))


@pytest.mark.parametrize("volatility", ["0", "-1", "1" + "0" * 12])
async def test_no_option_is_worth_anything_at_an_impossible_volatility(volatility: str) -> None:
    async with data_client() as client:
        option = WireContract(
            symbol="AAPL",
            sec_type="OPT",
            exchange="SMART",
            currency="USD",
            strike=Decimal(190),
            right="C",
            expiry="20261218",
        )
        asked = ask.ReqCalcOptionPrice(
            request_id=1,
            contract=option,
            volatility=Decimal(volatility),
            under_price=Decimal(190),
        )
        said = errors(await client.ask(asked))
        assert said in ([(1, 321)], [(1, 200)])


@pytest.mark.parametrize(
    "text", ["[" * 20_000, '{"watchlist": 7}', '{"watchlist": ["' + MANY + '"]}', "[]"]
)
async def test_a_wild_filter_of_the_calendar_finds_nothing_or_is_refused(text: str) -> None:
    async with data_client(Permissions(calendar=True)) as client:
        await client.ask(ask.ReqWshMetaData(request_id=1))
        said = await client.ask(ask.ReqWshEventData(request_id=2, filter=text, total_limit=-5))
        assert errors(said) == [(2, 10282)] or len(of_type(said, WshEventData)) == 1


@pytest.mark.parametrize("end", ["0001-01-01 00:00:00.0", "9999-12-31 23:59:59.0"])
async def test_news_of_another_age_are_few(end: str) -> None:
    async with data_client() as client:
        asked = ask.ReqHistoricalNews(
            request_id=1, con_id=265598, providers="BRFG", start="", end=end, total=300
        )
        assert errors(await client.ask(asked)) == []


async def test_the_longest_history_there_may_be_is_sent() -> None:
    async with data_client() as client:
        said = of_type(
            await client.ask(history(bar_size="1 month", duration="68 Y")), HistoricalData
        )
        assert len(said[0].bars) > 300


async def test_regulatory_snapshots_are_a_second_apart() -> None:
    async with data_client() as client:
        one, two = (
            ask.ReqMarketData(request_id=n, contract=APPLE, regulatory_snapshot=True)
            for n in (1, 2)
        )
        assert errors(await client.ask(one, two)) == [(2, 322)]
        await client.after(1)
        assert errors(await client.ask(two)) == []


async def test_a_bond_is_quoted_with_its_yields() -> None:
    async with data_client() as client:
        bond = next(
            one
            for one in client.gateway.venue.catalogue.listed()
            if one.sec_type == "BOND" and one.bond is not None
        )
        said = of_type(
            await client.ask(ask.ReqMarketData(request_id=1, contract=contract(bond))), TickPrice
        )
        prices = {one.tick_type: one.price for one in said}
        assert {1, 2, 50, 51} <= set(prices)
        # who pays less for the same coupon earns more
        assert prices[1] < prices[2]
        assert prices[50] > prices[51]
