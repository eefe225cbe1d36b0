"""The books of an account: nothing is lost, nothing appears, and what is undone never was."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.exchange.instruments import Instrument, Query
from ibkr_connector.simulator.exchange.ledger import Booking, Ledger
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.exchange.margins import Working

CATALOGUE = default_catalogue(date(2026, 11, 18))


def find(symbol: str, sec_type: str, currency: str = "") -> Instrument:
    return CATALOGUE.find(Query(symbol=symbol, sec_type=sec_type, currency=currency))[0]


APPLE = find("AAPL", "STK")
VODAFONE = find("VOD", "STK", "GBP")
FUTURE = find("ES", "FUT")
EURO = find("EUR", "CASH", "USD")
COIN = find("BTC", "CRYPTO")
CALL = next(
    one
    for one in CATALOGUE.find(Query(symbol="AAPL", sec_type="OPT", right="C"))
    if one.strike == 190
)
PUT = next(
    one
    for one in CATALOGUE.find(Query(symbol="AAPL", sec_type="OPT", right="P"))
    if one.strike == 190
)
DIFFERENCE = replace(APPLE, con_id=1, sec_type="CFD")
ON_FUTURE = replace(CALL, con_id=2, sec_type="FOP", multiplier=50, strike=Decimal(5_000))
PENCE = replace(VODAFONE, con_id=3, price_magnifier=100)
KINDS = (APPLE, VODAFONE, FUTURE, EURO, COIN, CALL, DIFFERENCE, PENCE)
UNPAID = (FUTURE, DIFFERENCE)
RATES = {"USD": Decimal(1), "EUR": Decimal("1.1"), "GBP": Decimal("1.27")}


def ledger(**cash: int) -> Ledger:
    money = {name: Decimal(amount) for name, amount in (cash or {"USD": 100_000}).items()}
    return Ledger(account="DU1", cash=money)


def book(
    made: Ledger, one: Instrument, signed: int | str, price: str, fee: str = "0"
) -> Decimal | None:
    return made.book(one, Decimal(signed), price=Decimal(price), commission=Decimal(fee))


def rate(currency: str) -> Decimal:
    return RATES[currency]


# --- one position -------------------------------------------------------------------------------


def test_cost_carries_commissions_and_the_gain_loses_them() -> None:
    made = ledger()
    assert book(made, APPLE, 10, "100", "1") is None
    assert Decimal("100.1") == made.holdings[APPLE.con_id].average_cost
    assert Decimal("48.50") == book(made, APPLE, -5, "110", "1")
    assert Decimal("100.1") == made.holdings[APPLE.con_id].average_cost
    assert Decimal(99_548) == made.cash["USD"]


def test_a_short_position_costs_what_it_brought_in() -> None:
    made = ledger()
    book(made, APPLE, -10, "100", "1")
    assert Decimal("99.9") == made.holdings[APPLE.con_id].average_cost
    assert Decimal(98) == book(made, APPLE, 10, "90", "1")
    assert Decimal(100_098) == made.cash["USD"]


def test_turning_around_closes_all_and_opens_the_rest_at_the_new_price() -> None:
    made = ledger()
    book(made, APPLE, 10, "100", "1")
    assert Decimal(98) == book(made, APPLE, -25, "110", "1")
    held = made.holdings[APPLE.con_id]
    assert (Decimal(-15), Decimal(110)) == (held.quantity, held.average_cost)


def test_a_future_moves_only_its_gain_and_only_when_it_is_closed() -> None:
    made = ledger()
    book(made, FUTURE, 2, "5500", "4.50")
    assert Decimal("99995.50") == made.cash["USD"]
    assert Decimal("495.50") == book(made, FUTURE, -1, "5510", "2.25")
    assert Decimal("100493.25") == made.cash["USD"]


def test_a_pair_moves_two_currencies() -> None:
    made = ledger(USD=100_000)
    book(made, EURO, 20_000, "1.10305", "2")
    assert {"USD": Decimal("77937.00"), "EUR": Decimal("20000.00")} == made.cash


def test_parts_of_a_cent_are_never_lost() -> None:
    made = ledger()
    book(made, APPLE, "0.3333", "33.33", "0.11")
    book(made, APPLE, "-0.1111", "33.33", "0.04")
    book(made, APPLE, "-0.1111", "33.33", "0.04")
    book(made, APPLE, "-0.1111", "33.33", "0.04")
    held = made.holdings[APPLE.con_id]
    assert (held.quantity, held.cost) == (Decimal(0), Decimal(0))
    assert made.cash["USD"] - 100_000 == held.realized


# --- whatever is traded -------------------------------------------------------------------------

TRADES = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(-50, 50).filter(bool),
        st.decimals("0.01", "999.99", places=2),
        st.decimals("0.00", "9.99", places=2),
    ),
    max_size=25,
)
Trades = list[tuple[Instrument, int, Decimal, Decimal]]


@given(trades=TRADES)
def test_money_and_cost_are_conserved_to_the_cent(trades: Trades) -> None:
    made = ledger(USD=100_000, GBP=50_000)
    pairs: dict[str, Decimal] = {}
    for instrument, signed, price, fee in trades:
        made.book(instrument, Decimal(signed), price=price, commission=fee)
        if instrument is EURO:
            pairs["EUR"] = pairs.get("EUR", Decimal(0)) + signed
            pairs["USD"] = pairs.get("USD", Decimal(0)) - signed * price - fee
    for currency, start in (("USD", 100_000), ("GBP", 50_000), ("EUR", 0)):
        held = [
            one
            for one in made.holdings.values()
            if one.instrument.currency == currency and one.instrument is not EURO
        ]
        at_cost = sum(
            (one.fees if one.instrument in UNPAID else one.cost for one in held), Decimal(0)
        )
        gained = sum((one.realized for one in held), Decimal(0))
        found = made.cash.get(currency, Decimal(0)) + at_cost - gained
        assert start + pairs.get(currency, Decimal(0)) == found
        assert found == round(found, 2)


@given(trades=TRADES)
def test_at_an_unmoved_price_an_account_is_worth_what_it_had_less_commissions(
    trades: Trades,
) -> None:
    made = ledger(USD=100_000)
    for instrument, signed, _, fee in trades:
        if instrument.currency == "USD":
            made.book(instrument, Decimal(signed), price=Decimal(8), commission=fee)
    worth = made.figures(lambda _: Decimal(8), lambda name: Decimal(8 if name == "EUR" else 1))
    assert 100_000 - made.commissions == worth.net_liquidation
    assert worth.net_liquidation - 100_000 == worth.unrealized + worth.realized == worth.daily


def state(made: Ledger) -> object:
    return (
        {name: amount for name, amount in made.cash.items() if amount},
        made.holdings,
        made.commissions,
    )


@given(trades=TRADES, data=st.data())
def test_what_is_undone_never_was(trades: Trades, data: st.DataObject) -> None:
    if not trades:
        return
    place = data.draw(st.integers(0, len(trades) - 1))
    made, without = ledger(), ledger()
    for number, (instrument, signed, price, fee) in enumerate(trades):
        made.book(instrument, Decimal(signed), price=price, commission=fee)
        if number != place:
            without.book(instrument, Decimal(signed), price=price, commission=fee)
    instrument, signed, price, fee = trades[place]
    later_twin = trades[place] in trades[place + 1 :]
    made.undo(instrument, Decimal(signed), price=price, commission=fee)
    if not later_twin:
        assert state(without) == state(made)


@given(trades=TRADES, data=st.data(), price=st.decimals("1", "500", places=2))
def test_what_is_corrected_was_always_so(
    trades: Trades, data: st.DataObject, price: Decimal
) -> None:
    if not trades:
        return
    place = data.draw(st.integers(0, len(trades) - 1))
    if trades[place] in trades[place + 1 :]:
        return
    made, right = ledger(), ledger()
    wanted: Decimal | None = None
    for number, (instrument, signed, was, fee) in enumerate(trades):
        made.book(instrument, Decimal(signed), price=was, commission=fee)
        at = price if number == place else was
        realized = right.book(instrument, Decimal(signed), price=at, commission=fee)
        wanted = realized if number == place else wanted
    instrument, signed, was, fee = trades[place]
    old = Booking(signed=Decimal(signed), price=was, commission=fee)
    new = Booking(signed=Decimal(signed), price=price, commission=fee)
    assert wanted == made.correct(instrument, old, new)
    assert state(right) == state(made)


def test_only_what_was_booked_today_can_be_undone() -> None:
    made = ledger()
    book(made, APPLE, 10, "100")
    made.start_day(lambda _: Decimal(100))
    with pytest.raises(KeyError, match="no such booking"):
        made.undo(APPLE, Decimal(10), price=Decimal(100), commission=Decimal(0))


# --- days ---------------------------------------------------------------------------------------


def test_a_new_day_realises_from_nothing_and_gains_from_its_first_prices() -> None:
    made = ledger()
    book(made, APPLE, 10, "100")
    book(made, APPLE, -4, "110")
    book(made, EURO, 1_000, "1.1")
    book(made, EURO, -1_000, "1.1")
    yesterday = made.figures(lambda _: Decimal(105), rate)
    assert (Decimal(40), Decimal(70)) == (yesterday.realized, yesterday.daily)
    made.start_day(lambda _: Decimal(105), rate)
    assert made.previous_equity == yesterday.equity_with_loan
    assert [APPLE.con_id] == list(made.holdings)
    assert Decimal(0) == made.figures(lambda _: Decimal(105), rate).daily
    book(made, APPLE, -1, "108")
    today = made.figures(lambda _: Decimal(107), rate)
    assert (Decimal(8), Decimal(35), Decimal(13)) == (
        today.realized,
        today.unrealized,
        today.daily,
    )


# --- exercise -----------------------------------------------------------------------------------


def test_an_exercised_call_makes_shares_dearer_by_its_premium() -> None:
    made = ledger()
    book(made, CALL, 2, "5", "1.30")
    assert made.exercise(CALL, Decimal(1), underlying=APPLE) is None
    shares = made.holdings[APPLE.con_id]
    assert (Decimal(100), Decimal("195.0065")) == (shares.quantity, shares.average_cost)
    left = made.holdings[CALL.con_id]
    assert (Decimal(1), Decimal("500.65"), Decimal(0)) == (
        left.quantity,
        left.average_cost,
        left.realized,
    )
    assert Decimal(100_000) - Decimal("1001.30") - 19_000 == made.cash["USD"]


def test_a_put_that_is_exercised_sells_and_realises_what_the_shares_gained() -> None:
    made = ledger()
    book(made, APPLE, 100, "170")
    book(made, PUT, 1, "3")
    assert Decimal(1_700) == made.exercise(PUT, Decimal(1), underlying=APPLE)
    assert made.holdings[APPLE.con_id].quantity == 0
    assert Decimal(101_700) == made.cash["USD"]


def test_an_assigned_call_delivers_shares_at_the_strike_and_keeps_the_premium() -> None:
    made = ledger()
    book(made, CALL, -1, "5")
    assert made.exercise(CALL, Decimal(-1), underlying=APPLE) is None
    shares = made.holdings[APPLE.con_id]
    assert (Decimal(-100), Decimal(195)) == (shares.quantity, shares.average_cost)
    assert Decimal(119_500) == made.cash["USD"]


def test_an_option_on_a_future_delivers_one_and_its_premium_is_paid_once() -> None:
    made = ledger()
    book(made, ON_FUTURE, 1, "20", "1.42")
    assert made.exercise(ON_FUTURE, Decimal(1), underlying=FUTURE) is None
    held = made.holdings[FUTURE.con_id]
    assert (held.quantity, held.average_cost) == (Decimal(1), Decimal("251001.42"))
    assert made.cash["USD"] == Decimal("98998.58")
    # 5100 less 5000, and less what the option cost
    assert book(made, FUTURE, -1, "5100", "2.25") == Decimal("3996.33")
    assert made.cash["USD"] == 100_000 + Decimal("3996.33")


def test_an_option_on_what_is_priced_in_pence_delivers_whole_shares() -> None:
    made = ledger(GBP=10_000)
    option = replace(CALL, con_id=4, currency="GBP", multiplier=1_000, price_magnifier=100)
    book(made, option, 1, "5")
    made.exercise(option, Decimal(1), underlying=PENCE)
    held = made.holdings[PENCE.con_id]
    # 1000 at 190 pence, and 5 pence for each
    assert (held.quantity, held.average_cost) == (Decimal(1_000), Decimal("1.95"))
    assert made.cash["GBP"] == Decimal(8_050)


def test_a_contract_for_difference_moves_only_its_gain() -> None:
    made = ledger()
    book(made, DIFFERENCE, 100, "100", "1")
    assert made.cash["USD"] == Decimal(99_999)
    worth = made.figures(lambda _: Decimal(110), rate)
    assert (worth.net_liquidation, worth.gross_position_value) == (
        Decimal(100_999),
        Decimal(11_000),
    )
    assert worth.initial_margin == Decimal(2_200)
    assert book(made, DIFFERENCE, -100, "110", "1") == Decimal(998)
    assert made.cash["USD"] == Decimal(100_998)


@pytest.mark.parametrize("contracts", [-1, 3])
def test_nobody_exercises_what_is_not_held(contracts: int) -> None:
    made = ledger()
    book(made, CALL, 2, "5")
    with pytest.raises(ValueError, match="cannot exercise"):
        made.exercise(CALL, Decimal(contracts), underlying=APPLE)


# --- worth --------------------------------------------------------------------------------------


def marks(**prices: str) -> dict[int, Decimal]:
    named = {"apple": APPLE, "vodafone": VODAFONE, "future": FUTURE, "call": CALL, "coin": COIN}
    return {named[name].con_id: Decimal(price) for name, price in prices.items()}


def test_every_currency_has_its_line_and_base_has_them_all() -> None:
    made = ledger(USD=10_000, GBP=5_000)
    book(made, VODAFONE, 100, "70", "3.50")
    prices = marks(vodafone="71")
    worth = made.figures(lambda one: prices[one.con_id], rate)
    pounds, dollars, base = worth.lines
    assert (pounds.currency, dollars.currency, base.currency) == ("GBP", "USD", "BASE")
    assert (Decimal("-2003.50"), Decimal(7_100)) == (pounds.cash, pounds.values["STK"])
    assert Decimal("5096.50") == pounds.net_liquidation
    assert Decimal("1.27") == pounds.rate
    assert 10_000 + Decimal("5096.50") * Decimal("1.27") == base.net_liquidation
    assert round(base.net_liquidation, 2) == worth.net_liquidation
    assert (Decimal("96.50"), Decimal("122.56")) == (pounds.unrealized, worth.unrealized)


def test_the_base_currency_may_be_another() -> None:
    made = Ledger(account="DU1", base="EUR", cash={"USD": Decimal(1_100), "EUR": Decimal(50)})
    assert Decimal(1_050) == made.figures(lambda _: Decimal(1), rate).net_liquidation


def test_options_and_coins_are_wealth_but_no_equity_that_money_is_lent_on() -> None:
    made = ledger(USD=10_000)
    book(made, CALL, 1, "5")
    book(made, COIN, "0.01", "60000")
    prices = marks(call="6", coin="61000")
    worth = made.figures(lambda one: prices[one.con_id], rate)
    assert Decimal(10_110) == worth.net_liquidation
    assert Decimal(8_900) == worth.equity_with_loan == worth.available_funds
    assert worth.initial_margin == 0
    # crypto stands in a part of its own
    assert worth.crypto.net_liquidation == worth.crypto.gross_position_value == Decimal(610)
    assert worth.securities.net_liquidation == Decimal(9_500)
    assert worth.crypto.available_funds == 0


def test_the_commodities_part_holds_what_futures_need() -> None:
    made = ledger(USD=100_000)
    book(made, FUTURE, 1, "5500")
    book(made, APPLE, 100, "100")
    prices = marks(future="5510", apple="100")
    worth = made.figures(lambda one: prices[one.con_id], rate)
    need = Decimal(5_510 * 50) * Decimal("0.06")
    assert need == worth.commodities.initial_margin == worth.commodities.net_liquidation
    assert worth.commodities.available_funds == 0
    assert worth.available_funds == worth.securities.available_funds
    assert worth.net_liquidation == (
        worth.securities.net_liquidation + worth.commodities.net_liquidation
    )
    assert Decimal(5_000) == worth.securities.initial_margin


def test_open_orders_bind_the_worse_of_their_two_sides() -> None:
    made = ledger(USD=10_000)
    book(made, APPLE, 10, "100")
    prices = marks(apple="100")

    def bound(*orders: tuple[int, str]) -> Decimal:
        working = [
            Working(instrument=APPLE, signed=Decimal(signed), price=Decimal(price))
            for signed, price in orders
        ]
        return made.figures(lambda one: prices[one.con_id], rate, working=working).working_margin

    assert Decimal(0) == bound()
    assert Decimal(0) == bound((-10, "100"))
    assert Decimal(500) == bound((10, "100"))
    assert Decimal(1_000) == bound((10, "100"), (10, "100"), (-10, "100"))
    # 40 sold: 10 close, 30 are short
    assert Decimal(1_000) == bound((10, "100"), (-40, "100"))
    assert Decimal(520) == bound((10, "102"))


def test_an_open_order_for_an_option_binds_its_premium() -> None:
    made = ledger(USD=10_000)
    order = Working(instrument=CALL, signed=Decimal(3), price=Decimal("5.10"))
    worth = made.figures(lambda _: Decimal(5), rate, working=[order])
    assert Decimal(1_530) == worth.working_margin
    assert Decimal(8_470) == worth.available_funds


def test_a_trial_leaves_the_books_alone() -> None:
    made = ledger()
    book(made, APPLE, 10, "100", "1")
    before = state(made), made.holdings[APPLE.con_id]
    trial = made.trial()
    book(trial, APPLE, 100, "100", "1")
    book(trial, EURO, 100, "1.1")
    assert before == (state(made), made.holdings[APPLE.con_id])
    assert "EUR" not in made.cash


def test_funds_fall_short_when_a_trade_takes_more_than_there_is() -> None:
    made = ledger(USD=1_000)

    def after(one: Instrument, signed: int, price: str, start: Ledger = made) -> bool:
        trial = start.trial()
        book(trial, one, signed, price)
        before = start.figures(lambda _: Decimal(price), rate)
        return trial.figures(lambda _: Decimal(price), rate).falls_short_of(before)

    assert not after(APPLE, 19, "100")
    assert after(APPLE, 21, "100")
    # an option is paid in full: no margin grows, and yet it is too much
    assert not after(CALL, 2, "5")
    assert after(CALL, 3, "5")
    poor = ledger(USD=-5_000)
    poor.holdings[APPLE.con_id] = replace(
        made.holdings.get(APPLE.con_id) or next(iter(_ten_shares().holdings.values()))
    )
    # who closes a position is never refused
    assert not after(APPLE, -10, "100", poor)


def _ten_shares() -> Ledger:
    made = ledger()
    book(made, APPLE, 10, "100")
    return made
