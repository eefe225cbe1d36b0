from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.exchange.fees import (
    NOTHING_YET,
    BondFees,
    Charged,
    FeeModel,
    FuturesFees,
    InteractiveBrokersFees,
    NoFees,
    TieredStockFees,
)
from ibkr_connector.simulator.exchange.instruments import Instrument, Query
from ibkr_connector.simulator.exchange.listing import default_catalogue

CATALOGUE = default_catalogue(date(2026, 11, 18))
FIXED = InteractiveBrokersFees()
TIERED = InteractiveBrokersFees(stocks=TieredStockFees())


def find(symbol: str, sec_type: str, currency: str = "") -> Instrument:
    return CATALOGUE.find(Query(symbol=symbol, sec_type=sec_type, currency=currency))[0]


APPLE = find("AAPL", "STK")
BOND = replace(APPLE, con_id=1, sec_type="BOND", multiplier=10)


def costs(fees: FeeModel, instrument: Instrument, parts: list[tuple[str, str]]) -> list[Decimal]:
    before, found = NOTHING_YET, []
    for quantity, price in parts:
        size, at = Decimal(quantity), Decimal(price)
        amount = fees.commission(instrument, size, at, before=before)
        before = before.and_then(instrument, size, price=at, commission=amount)
        found.append(amount)
    return found


def test_a_price_list_charges_what_it_says() -> None:
    rows = (
        (APPLE, "10", "100", "1.00"),  # the least of an order
        (APPLE, "1000", "100", "5.00"),  # half a cent a share
        (APPLE, "1", "20", "0.20"),  # never more than one percent
        (find("VOD", "STK", "GBP"), "1000", "70", "35.00"),  # by the value
        (find("EUR", "CASH", "USD"), "20000", "1.1", "2.00"),  # two dollars
        (find("EUR", "CASH", "USD"), "1000000", "1.1", "22.00"),  # a fifth of a basis point
        (find("USD", "CASH", "JPY"), "20000", "150", "300.00"),  # two dollars' worth of yen
        (find("ES", "FUT"), "3", "5500", "6.75"),
        (find("AAPL", "OPT"), "1", "5", "1.00"),
        (find("AAPL", "OPT"), "10", "5", "6.50"),
        (find("AAPL", "OPT"), "10", "0.06", "5.00"),  # cheap premiums cost less
        (find("AAPL", "OPT"), "10", "0.02", "2.50"),
        (find("BTC", "CRYPTO"), "1", "60000", "108.00"),
        (find("BTC", "CRYPTO"), "0.001", "60000", "0.60"),  # one percent is below the least
        (BOND, "5", "99", "5.00"),  # a tenth of a percent of a face of 5000
        (BOND, "50", "99", "20.00"),  # and less beyond the first 10000
    )
    for instrument, quantity, price, expected in rows:
        found = FIXED.commission(instrument, Decimal(quantity), Decimal(price))
        assert Decimal(expected) == found, (instrument.local_symbol, quantity)


def test_the_least_is_taken_once_per_order() -> None:
    assert [Decimal("1.00"), Decimal("0.00"), Decimal("0.50")] == costs(
        FIXED, APPLE, [("100", "100"), ("100", "100"), ("100", "100")]
    )


def test_tiers_follow_the_shares_of_the_month() -> None:
    many = InteractiveBrokersFees(stocks=TieredStockFees(monthly_shares=Decimal(5_000_000)))
    assert Decimal("3.70") == TIERED.commission(APPLE, Decimal(1_000), Decimal(100))
    assert Decimal("0.37") == TIERED.commission(APPLE, Decimal(100), Decimal(100))
    assert Decimal("1.70") == many.commission(APPLE, Decimal(1_000), Decimal(100))


def test_tiers_of_other_currencies_are_the_fixed_prices() -> None:
    vodafone = find("VOD", "STK", "GBP")
    assert Decimal("3.50") == TIERED.commission(vodafone, Decimal(100), Decimal(70))


def test_a_future_may_have_a_price_of_its_own() -> None:
    fees = InteractiveBrokersFees(futures=FuturesFees(by_symbol={"ES": Decimal("1.50")}))
    assert Decimal("1.50") == fees.commission(find("ES", "FUT"), Decimal(1), Decimal(5500))
    assert Decimal("2.25") == fees.commission(find("NQ", "FUT"), Decimal(1), Decimal(19500))


def test_no_fees_are_nothing() -> None:
    assert NoFees().commission(APPLE, Decimal(10), Decimal(100)) == 0


def test_a_bond_costs_at_least_a_dollar() -> None:
    assert Decimal(1) == BondFees().total(replace(BOND, multiplier=1), Decimal(1), Decimal(99))


PARTS = st.lists(st.integers(1, 5_000), min_size=1, max_size=12)


@pytest.mark.parametrize("fees", [FIXED, TIERED])
@given(parts=PARTS, kind=st.sampled_from(["AAPL STK", "ES FUT", "AAPL OPT", "BTC CRYPTO"]))
def test_an_order_in_parts_costs_what_it_costs_in_one(
    fees: FeeModel, parts: list[int], kind: str
) -> None:
    instrument = find(*kind.split())
    whole = fees.commission(instrument, Decimal(sum(parts)), instrument.price)
    found = costs(fees, instrument, [(str(part), str(instrument.price)) for part in parts])
    assert whole == sum(found)
    assert all(amount >= 0 for amount in found)


def test_what_was_charged_adds_up() -> None:
    option = find("AAPL", "OPT")
    charged = Charged().and_then(
        option, Decimal(2), price=Decimal("1.5"), commission=Decimal("1.30")
    )
    assert Charged(quantity=Decimal(2), value=Decimal(300), commission=Decimal("1.30")) == charged
