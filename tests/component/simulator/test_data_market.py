"""Streams of ticks and snapshots, over a socket."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

import pytest

from ibkr_connector.simulator import Permissions
from ibkr_connector.simulator.dialogue.feed import Entitlement
from ibkr_connector.simulator.dialogue.market_data import compete
from ibkr_connector.simulator.exchange.commands import Halt, ReleaseQuote, SetQuote
from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.server import DEFAULT_START
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.replies import (
    DeltaNeutralValidation,
    ErrorMessage,
    MarketDataType,
    SmartComponents,
    TickGeneric,
    TickOptionComputation,
    TickPrice,
    TickReqParams,
    TickSize,
    TickSnapshotEnd,
    TickString,
)
from kit.data_client import APPLE, EURO, DataClient, contract, data_client, errors, of_type
from kit.raw_client import RawClient

SPX = WireContract(symbol="SPX", sec_type="IND", currency="USD", exchange="CBOE")
SPY = WireContract(symbol="SPY", sec_type="STK", currency="USD", exchange="SMART")
DELAYED_ONLY = Permissions(live_data=False)


def market_data(request_id: int, asked: WireContract = APPLE, **said: object) -> ask.ReqMarketData:
    return ask.ReqMarketData(request_id=request_id, contract=asked, **said)  # type: ignore[arg-type]


def ticks(replies: Iterable[object]) -> set[int]:
    kinds = (TickPrice, TickSize, TickGeneric, TickString, TickOptionComputation)
    return {reply.tick_type for reply in replies if isinstance(reply, kinds)}


def hold(client: DataClient, bid: str, ask_price: str, *, con_id: int = 265598) -> None:
    client.gateway.gateway.execute(
        SetQuote(con_id=con_id, bid=Decimal(bid), ask=Decimal(ask_price)),
        client.gateway.clock.utcnow(),
    )


def an_option(client: DataClient) -> Instrument:
    """Return the call at the money that lives longest."""
    catalogue = client.gateway.venue.catalogue
    price = client.gateway.venue.mark(
        client.gateway.venue.instrument(265598), client.gateway.clock.utcnow()
    )
    calls = [one for one in catalogue.options_of(265598) if one.right == "C"]
    last = max(one.expiry for one in calls)
    return min(
        (one for one in calls if one.expiry == last),
        key=lambda one: abs((one.strike or Decimal(0)) - price),
    )


async def test_a_stream_begins_with_its_parameters_and_type() -> None:
    async with data_client() as client:
        said = await client.ask(market_data(1))
        assert [TickReqParams, MarketDataType] == [type(one) for one in said[:2]]
        assert {1, 2, 4, 6, 7, 9, 14, 8, 45, 49, 32, 33, 84} == ticks(said)


async def test_the_code_of_the_parameters_names_the_exchanges_of_the_letters() -> None:
    async with data_client() as client:
        said = await client.ask(market_data(1))
        code = of_type(said, TickReqParams)[0].bbo_exchange
        answer = await client.ask(ask.ReqSmartComponents(request_id=2, bbo_exchange=code))
        known = {one.letter for one in of_type(answer, SmartComponents)[0].components}
        shown = {
            letter
            for one in of_type(said, TickString)
            if one.tick_type in {32, 33, 84}
            for letter in one.value
        }
        assert shown <= known


async def test_an_unknown_group_of_exchanges_is_refused() -> None:
    async with data_client() as client:
        said = await client.ask(ask.ReqSmartComponents(request_id=2, bbo_exchange="nowhere"))
        assert errors(said) == [(2, 321)]


async def test_a_quote_that_stands_still_is_not_told_again() -> None:
    async with data_client() as client:
        hold(client, "190.00", "190.10")
        await client.ask(market_data(1))
        assert not {1, 2, 4} & ticks(await client.after(3))


async def test_a_new_size_at_the_same_price_is_a_size_tick() -> None:
    async with data_client() as client:
        hold(client, "190.00", "190.10")
        await client.ask(market_data(1))
        client.gateway.venue.execute(
            SetQuote(
                con_id=265598,
                bid=Decimal("190.00"),
                ask=Decimal("190.10"),
                bid_size=Decimal(7),
                ask_size=Decimal(100),
            ),
            client.gateway.clock.utcnow(),
        )
        said = await client.after(1)
        sizes = {one.tick_type: one.size for one in of_type(said, TickSize)}
        assert Decimal(7) == sizes[0]
        assert 1 not in {one.tick_type for one in of_type(said, TickPrice)}


async def test_a_side_that_is_withdrawn_is_minus_one() -> None:
    async with data_client() as client:
        hold(client, "190.00", "190.10")
        await client.ask(market_data(1))
        client.gateway.venue.execute(
            SetQuote(con_id=265598, bid=Decimal("190.00"), ask=None),
            client.gateway.clock.utcnow(),
        )
        said = of_type(await client.after(1), TickPrice)
        assert (Decimal(-1), Decimal(0)) == next(
            (one.price, one.size) for one in said if one.tick_type == 2
        )


@pytest.mark.parametrize(
    ("generic", "expected"),
    [
        ("100", {29, 30}),
        ("101", {27, 28}),
        ("104", {23}),
        ("105", {87}),
        ("106", {24}),
        ("165", {15, 16, 17, 18, 19, 20, 21}),
        ("220", {78}),
        ("221", {37}),
        ("225", {34, 35, 36, 61}),
        ("232", {37}),
        ("233", {48}),
        ("236", {46, 89}),
        ("258", {47}),
        ("292", set()),
        ("293", {54}),
        ("294", {55}),
        ("295", {56}),
        ("318", {57}),
        ("375", {77}),
        ("411", {58}),
        ("456", {59}),
        ("595", {63, 64, 65}),
        ("619", {79}),
    ],
)
async def test_a_generic_tick_of_a_stock_brings_its_ticks(generic: str, expected: set[int]) -> None:
    async with data_client() as client:
        assert expected == ticks(
            await client.ask(market_data(1, generic_ticks=f"mdoff,{generic}"))
        ) - {49}


@pytest.mark.parametrize(
    ("generic", "expected"),
    [("576", {94, 95}), ("577", {96}), ("578", {92, 93}), ("614", {98, 99}), ("623", {97})],
)
async def test_a_fund_has_net_asset_values(generic: str, expected: set[int]) -> None:
    async with data_client() as client:
        said = await client.ask(market_data(1, SPY, generic_ticks=f"mdoff,{generic}"))
        assert expected == ticks(said)
        assert set() == ticks(
            await client.ask(market_data(2, APPLE, generic_ticks=f"mdoff,{generic}"))
        )


async def test_an_index_has_a_premium_and_a_future_open_interest() -> None:
    async with data_client() as client:
        future = next(
            one
            for con_id in client.gateway.venue.catalogue.ids()
            if (one := client.gateway.venue.instrument(con_id)).sec_type == "FUT"
        )
        assert {31} == ticks(await client.ask(market_data(1, SPX, generic_ticks="mdoff,162")))
        assert {86} == ticks(
            await client.ask(market_data(2, contract(future), generic_ticks="mdoff,588"))
        )


async def test_an_offering_has_prices_when_a_script_says_so() -> None:
    async with data_client() as client:
        facts = client.gateway.gateway.feed.facts
        facts[265598, 101], facts[265598, 102] = Decimal(20), Decimal(21)
        said = await client.ask(market_data(1, generic_ticks="mdoff,586"))
        prices = {one.tick_type: one.price for one in of_type(said, TickPrice)}
        assert {101: Decimal(20), 102: Decimal(21)} == prices


async def test_the_volume_text_is_told_with_each_trade() -> None:
    async with data_client() as client:
        await client.ask(market_data(1, generic_ticks="233"))
        texts = [one.value for one in of_type(await client.after(5), TickString)]
        parts = next(text.split(";") for text in texts if text.count(";") == 5)
        assert parts[5] in {"true", "false"}
        assert len(parts[2]) == 13


async def test_an_illegal_generic_tick_refuses_the_request_and_names_the_legal_ones() -> None:
    async with data_client() as client:
        said = of_type(await client.ask(market_data(1, generic_ticks="233,999")), ErrorMessage)
        assert [(one.request_id, one.code) for one in said] == [(1, 321)]
        assert "Incorrect generic tick list of 233,999.  Legal ones for (STK) are: 100(" in (
            said[0].text
        )
        assert errors(await client.ask(market_data(1))) == []


async def test_a_snapshot_ends_after_eleven_seconds_and_frees_its_id() -> None:
    async with data_client() as client:
        await client.ask(market_data(1, snapshot=True))
        assert of_type(await client.after(10), TickSnapshotEnd) == []
        assert [TickSnapshotEnd(request_id=1)] == of_type(await client.after(1), TickSnapshotEnd)
        assert errors(await client.ask(market_data(1))) == []


async def test_a_snapshot_takes_no_generic_ticks() -> None:
    async with data_client() as client:
        said = await client.ask(market_data(1, snapshot=True, generic_ticks="233"))
        assert errors(said) == [(1, 414)]


async def test_a_regulatory_snapshot_is_one_too() -> None:
    async with data_client() as client:
        await client.ask(market_data(1, regulatory_snapshot=True))
        assert [TickSnapshotEnd(request_id=1)] == of_type(await client.after(11), TickSnapshotEnd)


async def test_an_id_is_used_by_one_stream_at_a_time() -> None:
    async with data_client() as client:
        await client.ask(market_data(1))
        assert errors(await client.ask(market_data(1, EURO))) == [(1, 102)]
        assert {1, 2} & ticks(await client.after(5))


async def test_cancelling_what_is_not_there_says_so() -> None:
    async with data_client() as client:
        await client.ask(market_data(1))
        cancel = ask.CancelMarketData(request_id=1)
        assert errors(await client.ask(cancel, cancel)) == [(1, 300)]


async def test_lines_are_limited_and_live_bars_use_them_too() -> None:
    async with data_client(Permissions(data_lines=2)) as client:
        bars = ask.ReqRealTimeBars(
            request_id=2, contract=APPLE, bar_size=5, what_to_show="TRADES", regular_hours=False
        )
        assert errors(await client.ask(market_data(1), bars, market_data(3))) == [(3, 101)]
        await client.ask(ask.CancelMarketData(request_id=1))
        assert errors(await client.ask(market_data(3))) == []


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (WireContract(symbol="NOPE", sec_type="STK", currency="USD", exchange="SMART"), 200),
        (WireContract(con_id=265598), 321),
        (WireContract(symbol="AAPL", sec_type="XYZ", currency="USD", exchange="SMART"), 321),
    ],
)
async def test_data_needs_a_contract_that_is_one(asked: WireContract, code: int) -> None:
    async with data_client() as client:
        assert [(1, code)] == errors(await client.ask(market_data(1, asked)))


# --- what may be seen -------------------------------------------------------------------------


async def test_without_live_data_a_request_for_live_data_is_refused() -> None:
    async with data_client(DELAYED_ONLY) as client:
        assert errors(await client.ask(market_data(1))) == [(1, 354)]


async def test_delayed_data_comes_with_its_own_ticks_a_quarter_of_an_hour_late() -> None:
    async with data_client(DELAYED_ONLY) as client:
        venue = client.gateway.venue
        said = await client.ask(
            ask.ReqMarketDataType(data_type=3), market_data(1, generic_ticks="mdoff,233,101")
        )
        assert errors(said) == [(1, 10167), (1, 10090)]
        said = await client.ask(market_data(2))
        assert [one.data_type for one in of_type(said, MarketDataType)] == [3]
        assert {66, 67, 68, 72, 73, 74, 75, 76, 88, 90} == ticks(said)
        then = venue.quote(venue.instrument(265598), DEFAULT_START - timedelta(minutes=15))
        prices = {one.tick_type: one.price for one in of_type(said, TickPrice)}
        assert (then.bid, then.ask) == (prices[66], prices[67])


async def test_with_live_data_a_request_for_delayed_data_is_live() -> None:
    async with data_client() as client:
        said = await client.ask(ask.ReqMarketDataType(data_type=3), market_data(1))
        assert [one.data_type for one in of_type(said, MarketDataType)] == [1]
        assert errors(said) == []


@pytest.mark.parametrize(
    ("right", "data_type", "codes", "has_ticks"),
    [
        (Entitlement.LIVE, 1, [], True),
        (Entitlement.PARTIAL, 1, [10090], True),
        (Entitlement.API, 1, [10089], False),
        (Entitlement.API, 3, [10089], True),
        (Entitlement.DELAYED, 1, [354], False),
        (Entitlement.DELAYED, 4, [10167], True),
        (Entitlement.NONE, 1, [354], False),
        (Entitlement.NONE, 3, [10168], False),
    ],
)
async def test_rights_of_one_instrument_are_a_switch(
    right: Entitlement,
    data_type: int,
    codes: list[int],
    has_ticks: bool,
) -> None:
    async with data_client() as client:
        client.gateway.gateway.feed.entitlements[265598] = right
        said = await client.ask(ask.ReqMarketDataType(data_type=data_type), market_data(1))
        assert [(1, code) for code in codes] == errors(said)
        assert has_ticks == bool(ticks(said))
        assert errors(await client.ask(market_data(2, EURO))) == []


async def test_the_type_of_data_is_that_of_one_connection() -> None:
    async with data_client(DELAYED_ONLY) as client:
        assert errors(await client.ask(ask.ReqMarketDataType(data_type=9))) == [(-1, 321)]
        await client.ask(ask.ReqMarketDataType(data_type=3))
        assert errors(await client.ask(market_data(1), market_data(2, EURO))) == [
            (1, 10167),
            (2, 10167),
        ]


async def test_a_competing_session_takes_the_data_and_gives_it_back() -> None:
    async with data_client() as client:
        await client.ask(market_data(1), market_data(2, EURO))
        compete(client.gateway.gateway, is_competing=True)
        said = await client.after(5)
        assert errors(said) == [(1, 10197), (2, 10197)]
        assert set() == ticks(said)
        compete(client.gateway.gateway, is_competing=False)
        assert {1, 2} & ticks(await client.after(5))


async def test_a_halt_is_told_as_a_tick() -> None:
    async with data_client() as client:
        await client.ask(market_data(1))
        client.gateway.venue.execute(
            Halt(con_id=265598, halted=True), client.gateway.clock.utcnow()
        )
        said = of_type(await client.after(5), TickGeneric)
        assert [Decimal(1)] == [one.value for one in said if one.tick_type == 49]


# --- options and combos -----------------------------------------------------------------------


async def test_an_option_comes_with_volatility_and_greeks() -> None:
    async with data_client() as client:
        said = await client.ask(market_data(1, contract(an_option(client))))
        found = {one.tick_type: one for one in of_type(said, TickOptionComputation)}
        assert {10, 11, 12, 13} == set(found)
        model = found[13]
        assert model.implied_volatility is not None
        assert model.delta is not None
        assert 0 < model.delta < 1
        assert found[10].implied_volatility is not None
        assert found[11].implied_volatility is not None
        assert found[10].implied_volatility <= model.implied_volatility
        assert model.implied_volatility <= found[11].implied_volatility


async def test_a_delayed_option_has_delayed_computations() -> None:
    async with data_client(DELAYED_ONLY) as client:
        said = await client.ask(
            ask.ReqMarketDataType(data_type=3), market_data(1, contract(an_option(client)))
        )
        computed = {one.tick_type for one in of_type(said, TickOptionComputation)}
        assert {80, 81, 82, 83} == computed


async def test_volatility_and_price_are_calculated_from_each_other() -> None:
    async with data_client() as client:
        option = contract(an_option(client))
        priced = of_type(
            await client.ask(
                ask.ReqCalcOptionPrice(
                    request_id=1,
                    contract=option,
                    volatility=Decimal("0.31"),
                    under_price=Decimal(190),
                )
            ),
            TickOptionComputation,
        )[0]
        assert priced.tick_type == 53
        assert priced.option_price is not None
        back = of_type(
            await client.ask(
                ask.ReqCalcImpliedVolatility(
                    request_id=2,
                    contract=option,
                    option_price=priced.option_price,
                    under_price=Decimal(190),
                )
            ),
            TickOptionComputation,
        )[0]
        assert back.implied_volatility is not None
        assert Decimal("0.310") == round(back.implied_volatility, 3)


async def test_only_options_are_calculated() -> None:
    async with data_client() as client:
        asked = ask.ReqCalcOptionPrice(
            request_id=1, contract=APPLE, volatility=Decimal("0.3"), under_price=Decimal(190)
        )
        assert errors(await client.ask(asked)) == [(1, 321)]


async def test_a_combo_is_quoted_by_its_legs_and_its_hedge_is_confirmed() -> None:
    async with data_client() as client:
        hold(client, "190.00", "190.10")
        hold(client, "400.00", "400.20", con_id=272093)
        pair = WireContract(symbol="AAPL,MSFT", sec_type="BAG", currency="USD", exchange="SMART")
        legs = (
            ask.ComboLeg(con_id=265598, ratio=2, action="BUY", exchange="SMART"),
            ask.ComboLeg(con_id=272093, ratio=1, action="SELL", exchange="SMART"),
        )
        hedge = ask.DeltaNeutral(con_id=265598, delta=Decimal("0.5"), price=Decimal(190))
        said = await client.ask(market_data(1, pair, legs=legs, delta_neutral=hedge))
        prices = {one.tick_type: one.price for one in of_type(said, TickPrice)}
        assert (Decimal("-20.20"), Decimal("-19.80")) == (prices[1], prices[2])
        assert [DeltaNeutralValidation(request_id=1, contract=hedge)] == of_type(
            said, DeltaNeutralValidation
        )
        client.gateway.venue.execute(ReleaseQuote(con_id=265598), client.gateway.clock.utcnow())
        assert {1, 2} & ticks(await client.after(1))


async def test_a_combo_without_legs_is_refused() -> None:
    async with data_client() as client:
        bag = WireContract(symbol="AAPL", sec_type="BAG", currency="USD", exchange="SMART")
        assert errors(await client.ask(market_data(1, bag))) == [(1, 321)]


async def test_two_clients_see_the_same_market() -> None:
    async with data_client() as client:
        other = DataClient(
            client.gateway,
            await RawClient.start(client.gateway.host, client.gateway.port, client_id=2),
        )
        await client.ask(market_data(1))
        await other.ask(market_data(1))
        await client.gateway.advance(20)
        prices = [
            [one for one in of_type(await each.ask(), TickPrice) if one.tick_type in {1, 2, 4}]
            for each in (client, other)
        ]
        assert prices[0]
        assert prices[0] == prices[1]
        await other.aclose()


async def test_a_client_that_does_not_read_is_told_the_newest_state_only() -> None:
    async with data_client() as client:
        hold(client, "190.00", "190.10")
        await client.ask(market_data(1))
        streams = client.gateway.gateway.sessions[1].streams
        streams.is_paused = True
        for cents in range(1, 50):
            hold(client, f"190.{cents:02d}", "191.00")
            await client.gateway.advance(1)
        assert set() == ticks(await client.ask())
        streams.is_paused = False
        bids = [one for one in of_type(await client.after(1), TickPrice) if one.tick_type == 1]
        assert [Decimal("190.49")] == [one.price for one in bids]
