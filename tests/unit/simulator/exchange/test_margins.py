from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.exchange.instruments import Instrument, Query
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.exchange.margins import (
    FuturesMargin,
    MarginModel,
    Margins,
    Requirement,
    bound,
)

CATALOGUE = default_catalogue(date(2026, 11, 18))


def find(symbol: str, sec_type: str, right: str = "", strike: int | None = None) -> Instrument:
    wanted = None if strike is None else Decimal(strike)
    query = Query(symbol=symbol, sec_type=sec_type, right=right, strike=wanted)
    return CATALOGUE.find(query)[0]


APPLE = find("AAPL", "STK")
CALL = find("AAPL", "OPT", "C", 200)
PUT = find("AAPL", "OPT", "P", 180)
BOND = replace(APPLE, con_id=1, sec_type="BOND", multiplier=10)


def need(
    one: Instrument,
    quantity: int,
    price: str,
    under: str | None = None,
    model: MarginModel | None = None,
) -> tuple[Decimal | int, Decimal | int]:
    spot = None if under is None else Decimal(under)
    found: Requirement = (model or Margins()).requirement(
        one, Decimal(quantity), Decimal(price), under=spot
    )
    return found.initial, found.maintenance


def test_stocks_follow_regulation_t() -> None:
    assert need(APPLE, 10, "100") == (500, 250)
    assert need(APPLE, -10, "100") == (500, 300)
    # a cheap share that is sold short binds more than it is worth
    assert need(APPLE, -10, "6") == (50, 50)
    assert need(APPLE, -10, "4") == (40, 40)
    assert need(APPLE, -10, "1") == (25, 25)


def test_a_bought_option_binds_nothing_since_it_is_paid() -> None:
    assert need(CALL, 3, "5", "190") == (0, 0)


def test_a_written_option_binds_its_worth_and_a_fifth_of_the_underlying() -> None:
    # 5 + 38 - 10 out of the money
    assert need(CALL, -1, "5", "190") == (3_300, 3_300)
    # 4 + 38 - 10
    assert need(PUT, -2, "4", "190") == (6_400, 6_400)


def test_a_written_option_far_out_of_the_money_binds_the_least() -> None:
    # 0.10 + a tenth of the underlying; of the strike for a put
    assert (Decimal("1210"), Decimal("1210")) == need(CALL, -1, "0.10", "120")
    assert (Decimal("1810"), Decimal("1810")) == need(PUT, -1, "0.10", "400")


def test_the_strike_stands_for_an_unknown_underlying() -> None:
    assert need(CALL, -1, "5", "200") == need(CALL, -1, "5")


def test_other_classes_bind_a_share_of_their_value() -> None:
    assert (Decimal("660"), Decimal("440")) == need(find("EUR", "CASH"), 20_000, "1.1")
    assert (Decimal(16_500), Decimal(13_750)) == need(find("ES", "FUT"), -1, "5500")
    assert (Decimal("2475.00"), Decimal("1980.00")) == need(BOND, 10, "99")


def test_crypto_is_bought_with_money_alone() -> None:
    assert need(find("BTC", "CRYPTO"), 1, "60000") == (0, 0)


def test_a_future_may_bind_an_amount_per_contract() -> None:
    rule = FuturesMargin(per_contract={"ES": (Decimal(15_000), Decimal(13_600))})
    model = Margins(futures=rule)
    assert need(find("ES", "FUT"), -2, "5500", model=model) == (30_000, 27_200)
    assert need(find("NQ", "FUT"), 1, "19500") == need(find("NQ", "FUT"), 1, "19500", model=model)


def test_a_cash_account_borrows_nothing() -> None:
    model = Margins.cash_account()
    assert need(APPLE, 10, "100", model=model) == (1_000, 1_000)
    assert need(APPLE, -10, "100", model=model) == (2_000, 2_000)


def test_no_position_binds_nothing() -> None:
    assert need(APPLE, 0, "100") == (0, 0)


@given(
    held=st.integers(-100, 100),
    orders=st.lists(st.integers(-100, 100).filter(bool), max_size=6),
    one=st.sampled_from([APPLE, CALL, PUT, find("ES", "FUT"), find("BTC", "CRYPTO")]),
)
def test_no_order_of_fills_binds_more_than_the_bound_of_one_side(
    held: int, orders: list[int], one: Instrument
) -> None:
    margins, price = Margins(), Decimal(7)

    def binds(listed: list[int]) -> Decimal:
        pairs = [(Decimal(signed), price) for signed in listed]
        return bound(margins, one, Decimal(held), orders=pairs, price=price, under=Decimal(190))

    whole = binds(orders)
    assert whole >= 0
    assert whole >= binds([signed for signed in orders if signed > 0])
    assert whole == max(
        binds([signed for signed in orders if signed > 0]),
        binds([signed for signed in orders if signed < 0]),
    )
