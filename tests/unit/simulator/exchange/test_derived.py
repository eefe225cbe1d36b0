from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.simulator.exchange.contract import Instrument, Query
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.exchange.seeded import SeededTape

DAY = datetime(2026, 11, 18, tzinfo=UTC)
CATALOGUE = default_catalogue(DAY.date())
TAPE = SeededTape(11)

seconds = st.integers(0, 4 * 86_400)


def one(**texts: object) -> Instrument:
    [found] = CATALOGUE.find(Query(**texts))  # type: ignore[arg-type]
    return found


SPX = one(symbol="SPX", sec_type="IND")
ES = one(local_symbol="ESZ6", sec_type="FUT")
LATER = one(local_symbol="ESH7", sec_type="FUT")
MICRO = one(local_symbol="MESZ6", sec_type="FUT")
SPY = one(symbol="SPY", sec_type="STK")
APPLE = one(con_id=265598)
CALL = one(local_symbol="AAPL  261218C00190000")
PUT = one(local_symbol="AAPL  261218P00190000")
CFD = one(symbol="AAPL", sec_type="CFD")
EURO_POUND = one(symbol="EUR", sec_type="CASH", currency="GBP")
ON_FUTURE = one(local_symbol="ESZ6 C5500")
YEN_FUTURE = one(local_symbol="6JZ6")


def pair(base: str, quote: str) -> Instrument:
    return one(symbol=base, sec_type="CASH", currency=quote)


def price(instrument: Instrument, second: int) -> Decimal:
    found = TAPE.price(instrument, DAY + timedelta(seconds=second))
    assert found is not None
    return found


def returns(instrument: Instrument, step: int, count: int) -> list[float]:
    prices = [math.log(float(price(instrument, n * step))) for n in range(count)]
    return [two - one for one, two in pairwise(prices)]


def correlation(one: list[float], two: list[float]) -> float:
    mean_one, mean_two = sum(one) / len(one), sum(two) / len(two)
    covariance = sum((a - mean_one) * (b - mean_two) for a, b in zip(one, two, strict=True))
    spread_one = math.sqrt(sum((a - mean_one) ** 2 for a in one))
    spread_two = math.sqrt(sum((b - mean_two) ** 2 for b in two))
    return covariance / (spread_one * spread_two)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([ES, LATER, MICRO, SPY, CALL, PUT, CFD, EURO_POUND, ON_FUTURE, YEN_FUTURE]),
    st.lists(seconds, min_size=3, max_size=4, unique=True),
    seconds,
)
def test_what_follows_others_has_exact_swings_too(
    instrument: Instrument, cuts: list[int], inside: int
) -> None:
    cuts.sort()
    moments = [DAY + timedelta(seconds=cut) for cut in cuts]
    parts = [TAPE.swing(instrument, first, end) for first, end in pairwise(moments)]
    whole = TAPE.swing(instrument, moments[0], moments[-1])
    known = [part for part in parts if part is not None]
    assert whole is not None
    assert len(known) == len(parts)
    assert whole.high == max(part.high for part in known)
    assert whole.low == min(part.low for part in known)
    assert (whole.open, whole.close) == (known[0].open, known[-1].close)
    assert whole.volume == sum(part.volume for part in known)
    within = cuts[0] + inside % (cuts[-1] - cuts[0])
    assert whole.low <= price(instrument, within) <= whole.high


@pytest.mark.parametrize("instrument", [EURO_POUND, pair("EUR", "JPY"), CALL, PUT, ES])
def test_extremes_are_prices_that_there_were(instrument: Instrument) -> None:
    first = DAY + timedelta(hours=15)
    swing = TAPE.swing(instrument, first, first + timedelta(minutes=5))
    assert swing is not None
    seen = [
        TAPE.price(instrument, first + timedelta(milliseconds=250 * n)) for n in range(5 * 60 * 4)
    ]
    known = [found for found in seen if found is not None]
    assert (max(known), min(known)) == (swing.high, swing.low)


@given(seconds)
def test_a_future_is_its_index_and_what_carrying_it_costs(second: int) -> None:
    index = price(SPX, second)
    assert 0 < price(ES, second) - index < index * Decimal("0.006")
    assert price(ES, second) < price(LATER, second)
    assert abs(price(MICRO, second) - price(ES, second)) <= 2
    assert price(ES, second) % ES.min_tick == 0


@given(seconds)
def test_a_fund_is_a_share_of_its_index(second: int) -> None:
    ratio = price(SPY, second) / price(SPX, second)
    assert abs(ratio / (SPY.price / SPX.price) - 1) < Decimal("0.0001")
    assert abs(price(CFD, second) - price(APPLE, second)) <= CFD.min_tick


@settings(deadline=None)
@given(
    st.sampled_from(
        [("EUR", "GBP"), ("EUR", "JPY"), ("GBP", "CHF"), ("AUD", "NZD"), ("CAD", "JPY")]
    ),
    seconds,
)
def test_crosses_leave_no_arbitrage(names: tuple[str, str], second: int) -> None:
    base, quote = names
    cross = pair(base, quote)

    def sides(name: str) -> tuple[Decimal, Decimal]:
        """Return what a unit sells and buys for in dollars."""
        found = CATALOGUE.find(Query(symbol=name, sec_type="CASH", currency="USD"))
        if found:
            return found[0].sides(price(found[0], second))
        bid, ask = pair("USD", name).sides(price(pair("USD", name), second))
        return 1 / ask, 1 / bid

    bid, ask = cross.sides(price(cross, second))
    base_bid, base_ask = sides(base)
    quote_bid, quote_ask = sides(quote)
    # buy the base for dollars, sell it for the quote, sell that for dollars; and the other way
    assert bid * quote_bid <= base_ask
    assert ask * quote_ask >= base_bid


@given(seconds)
def test_calls_and_puts_keep_their_parity(second: int) -> None:
    years = (datetime(2026, 12, 18, tzinfo=UTC) - DAY).days / 365
    spot = float(price(APPLE, second))
    forward = spot - 190 * math.exp(-0.04 * years)
    found = float(price(CALL, second) - price(PUT, second))
    # what is paid out until then, and the days that have passed
    assert abs(found - forward) < 0.35


@settings(deadline=None)
@given(seconds)
def test_options_with_lower_strikes_are_dearer_calls_and_cheaper_puts(second: int) -> None:
    chain = CATALOGUE.find(Query(symbol="AAPL", sec_type="OPT", expiry="20261218"))
    for right, sign in (("C", 1), ("P", -1)):
        prices = [sign * price(option, second) for option in chain if option.right == right]
        assert prices == sorted(prices, reverse=True)
        assert all(sign * found >= CALL.min_tick for found in prices)


def test_a_call_rises_with_its_underlying_and_a_put_falls() -> None:
    by_price = sorted(
        (price(APPLE, n), price(CALL, n), price(PUT, n)) for n in range(0, 80_000, 500)
    )
    calls, puts = [row[1] for row in by_price], [row[2] for row in by_price]
    assert calls == sorted(calls)
    assert puts == sorted(puts, reverse=True)
    assert calls[0] < calls[-1]


def test_a_market_moves_together_and_other_markets_by_themselves() -> None:
    step, count = 1_800, 600
    apple, microsoft = (
        returns(one(symbol=name, sec_type="STK"), step, count) for name in ("AAPL", "MSFT")
    )
    index, coin = (
        returns(SPX, step, count),
        returns(one(symbol="BTC", sec_type="CRYPTO"), step, count),
    )
    assert 0.2 < correlation(apple, microsoft) < 0.8
    assert correlation(apple, index) > 0.4
    assert correlation(index, returns(one(symbol="VIX", sec_type="IND"), step, count)) < -0.4
    assert abs(correlation(apple, coin)) < 0.2
    euro, franc = returns(pair("EUR", "USD"), step, count), returns(pair("USD", "CHF"), step, count)
    assert correlation(euro, franc) < -0.1


def test_prices_stay_near_where_the_market_begins() -> None:
    for name in ("AAPL", "KO", "SIM0001"):
        stock = one(symbol=name, sec_type="STK")
        for month in range(-24, 24):
            found = TAPE.price(stock, DAY + timedelta(days=30 * month))
            assert found is not None
            assert stock.price / 3 < found < stock.price * 3


def test_the_volatility_of_a_day_is_what_the_instrument_says() -> None:
    moves = []
    for day in range(400):
        at = DAY + timedelta(days=day)
        if at.weekday() < 5:
            found = TAPE.swing(APPLE, at, at + timedelta(days=1))
            assert found is not None
            moves.append(math.log(float(found.close / found.open)))
    yearly = math.sqrt(sum(move * move for move in moves) / len(moves) * 252)
    assert 0.6 * APPLE.volatility < yearly < 1.6 * APPLE.volatility


def test_an_option_is_worth_what_it_is_exercised_for_when_it_is_over() -> None:
    later = DAY + timedelta(days=60)
    spot, call = TAPE.price(APPLE, later), TAPE.price(CALL, later)
    assert spot is not None
    assert call is not None
    assert abs(call - max(spot - 190, CALL.min_tick)) <= CALL.min_tick


def test_the_continuous_future_costs_what_its_front_month_does() -> None:
    [continuous] = CATALOGUE.find(Query(symbol="ES", sec_type="CONTFUT"))
    for second in (0, 50_000, 60_000):
        assert price(continuous, second) == price(ES, second)
