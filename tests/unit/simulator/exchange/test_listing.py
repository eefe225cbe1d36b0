from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.simulator.exchange.contract import Instrument
from ibkr_connector.simulator.exchange.futures import FAMILIES, business_day
from ibkr_connector.simulator.exchange.instruments import Catalogue, Query
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.exchange.market_rules import MARKET_RULES, step_at

TODAY = date(2026, 11, 18)
CATALOGUE = default_catalogue(TODAY)
IDS = CATALOGUE.ids()


def found(**texts: object) -> list[str]:
    return [one.local_symbol for one in CATALOGUE.find(Query(**texts))]  # type: ignore[arg-type]


def test_more_than_ten_thousand_contracts_of_all_kinds_are_listed() -> None:
    assert len(CATALOGUE) == len(IDS) == len(set(IDS)) > 10_000
    kinds = Counter(one.sec_type for one in CATALOGUE.listed())
    assert kinds.keys() == {
        *("STK", "FUT", "CASH", "IND", "CFD", "CRYPTO", "BOND", "CMDTY", "FUND", "WAR")
    }
    assert kinds["FUT"] > 100


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(IDS))
def test_everything_listed_is_found_by_its_con_id_and_by_what_it_is(con_id: int) -> None:
    one = CATALOGUE.get(con_id)
    assert one is not None
    assert one.con_id == con_id
    assert CATALOGUE.find(Query(con_id=con_id)) == (one,)
    described = Query(
        symbol=one.symbol,
        sec_type=one.sec_type,
        currency=one.currency,
        exchange=one.home,
        expiry=one.last_trade,
        strike=one.strike,
        right=one.right,
        trading_class=one.trading_class,
        local_symbol=one.local_symbol,
    )
    assert CATALOGUE.find(described) == (one,)
    assert one in CATALOGUE.find(Query(local_symbol=one.local_symbol))


@pytest.mark.parametrize("later", [1, 2, 30])
def test_con_ids_stay_from_day_to_day(later: int) -> None:
    other = default_catalogue(TODAY + timedelta(days=later))
    common = set(IDS) & set(other.ids())
    assert len(common) > len(IDS) / 2
    for con_id in sorted(common)[:: len(common) // 400]:
        one, two = CATALOGUE.get(con_id), other.get(con_id)
        assert one is not None
        assert two is not None
        assert (one.local_symbol, one.last_trade) == (two.local_symbol, two.last_trade)


def test_a_con_id_of_nothing_finds_nothing() -> None:
    for con_id in (1, 9_500_000, 9_999_999, 1_000_000_000, 1_043_532_800, 2_147_483_647):
        assert CATALOGUE.get(con_id) is None


def test_an_etf_is_a_stock_and_may_be_asked_for_as_what_it_is() -> None:
    assert found(symbol="SPY", sec_type="STK") == found(symbol="SPY", sec_type="ETF") == ["SPY"]
    assert found(symbol="AAPL", sec_type="ETF") == []


def test_the_same_symbol_in_several_countries_is_ambiguous_until_something_says_which() -> None:
    assert len(found(symbol="SAP", sec_type="STK")) == 2
    assert len(found(symbol="SAP", sec_type="STK", exchange="SMART")) == 2
    assert len(found(symbol="SAP", sec_type="STK", exchange="SMART", currency="EUR")) == 1
    assert len(found(symbol="SAP", sec_type="STK", primary_exchange="NYSE")) == 1
    assert len(found(symbol="RY", sec_type="STK", exchange="TSE")) == 1


def test_nasdaq_is_called_by_both_of_its_names() -> None:
    for name in ("NASDAQ", "ISLAND"):
        assert found(symbol="AAPL", sec_type="STK", primary_exchange=name) == ["AAPL"]
        assert found(symbol="AAPL", sec_type="STK", exchange=name) == ["AAPL"]


def test_numbers_that_others_gave_find_an_instrument() -> None:
    assert found(sec_id_type="ISIN", sec_id="US0378331005") == ["AAPL"]
    assert found(sec_id_type="CUSIP", sec_id="037833100", sec_type="STK") == ["AAPL"]
    assert found(sec_id_type="CUSIP", sec_id="US0378331005") == []
    assert found(symbol="SIM0000D9", sec_type="BOND") == ["SIMCO 5.125 03/01/32"]
    assert found(symbol="SIMCO", sec_type="BOND") == found(
        symbol="SIMCO", sec_type="BOND", exchange="SMART"
    )
    assert len(found(symbol="SIMCO", sec_type="BOND")) == 2


def _luhn(isin: str) -> int:
    digits = "".join(str(int(sign, 36)) for sign in isin)
    doubled = [int(d) * (2 if n % 2 else 1) for n, d in enumerate(reversed(digits))]
    return sum(d // 10 + d % 10 for d in doubled) % 10


def test_isins_have_the_check_digit_that_belongs_to_them() -> None:
    numbers = [
        number for one in CATALOGUE.listed() for kind, number in one.sec_ids if kind == "ISIN"
    ]
    assert len(numbers) > 20
    assert [number for number in numbers if _luhn(number) != 0] == []


def test_every_stock_has_an_isin_and_made_up_ones_are_of_no_country() -> None:
    stocks = [one for one in CATALOGUE.listed() if one.sec_type == "STK"]
    assert [one.symbol for one in stocks if not one.isin] == []
    [apple] = CATALOGUE.find(Query(con_id=265598))
    [made_up] = CATALOGUE.find(Query(symbol="SIM0042", sec_type="STK"))
    assert (apple.isin, made_up.isin[:2]) == ("US0378331005", "ZZ")
    assert _luhn(made_up.isin) == 0
    assert len({one.isin for one in stocks}) == len(stocks)


def test_futures_are_named_by_month_or_day() -> None:
    assert found(symbol="ES", sec_type="FUT", expiry="202612") == ["ESZ6"]
    assert found(symbol="ES", sec_type="FUT", expiry="20261218") == ["ESZ6"]
    assert found(symbol="ES", sec_type="FUT", expiry="20261219") == []
    assert found(symbol="EUR", sec_type="FUT", expiry="202612") == ["6EZ6"]
    assert found(local_symbol="CLF7") == ["CLF7"]
    [crude] = CATALOGUE.find(Query(local_symbol="CLF7"))
    # it is called January, and is over in December
    assert (crude.contract_month, crude.last_trade) == ("202701", "20261221")


@pytest.mark.parametrize(
    ("local_symbol", "last_trade"),
    [
        # as the exchanges published them
        ("ESZ6", "20261218"),
        ("ESM7", "20270617"),
        ("CLZ6", "20261120"),
        ("GCZ6", "20261229"),
        ("6EZ6", "20261214"),
        ("VXZ6", "20261216"),
        ("ZNZ6", "20261221"),
        ("NGZ6", "20261125"),
    ],
)
def test_futures_end_by_the_rule_of_their_exchange(local_symbol: str, last_trade: str) -> None:
    [one] = CATALOGUE.find(Query(local_symbol=local_symbol))
    assert one.last_trade == last_trade


def test_every_date_of_a_contract_is_one() -> None:
    for today in (TODAY, date(2027, 2, 1), date(2028, 2, 20)):
        dated = [one for one in default_catalogue(today).listed() if one.expiry]
        assert len(dated) > 100
        for one in dated:
            named, ends = (
                datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()
                for text in (one.expiry, one.last_trade)
            )
            assert today <= ends
            assert abs((named - ends).days) < 62


def test_what_is_over_is_found_only_when_that_is_asked_for() -> None:
    assert "ESU6" not in found(symbol="ES", sec_type="FUT")
    expired = found(symbol="ES", sec_type="FUT", include_expired=True)
    assert {"ESU6", "ESM6", "ESZ6"} <= set(expired)
    assert found(local_symbol="ESU6", sec_type="FUT", include_expired=True) == ["ESU6"]


def test_the_continuous_future_is_the_front_month() -> None:
    [one] = CATALOGUE.find(Query(symbol="ES", sec_type="CONTFUT", exchange="CME"))
    [front] = CATALOGUE.find(Query(symbol="ES", sec_type="FUT", expiry="202612"))
    assert (one.sec_type, one.con_id, one.local_symbol) == ("CONTFUT", front.con_id, "ESZ6")
    assert CATALOGUE.find(Query(con_id=front.con_id, sec_type="CONTFUT")) == (one,)


def test_a_chain_is_asked_for_by_wildcards() -> None:
    december = CATALOGUE.find(
        Query(symbol="AAPL", sec_type="OPT", exchange="SMART", expiry="202612")
    )
    assert {one.last_trade for one in december} == {"20261204", "20261211", "20261218", "20261224"}
    calls = CATALOGUE.find(
        Query(symbol="AAPL", sec_type="OPT", expiry="20261218", right="CALL", strike=Decimal(0))
    )
    assert {one.right for one in calls} == {"C"}
    strikes = [one.strike for one in calls]
    assert strikes == sorted(set(strikes), key=lambda strike: strike or 0)
    assert Decimal(190) in strikes
    assert found(symbol="AAPL", sec_type="OPT", strike=Decimal("191.3")) == []


def test_options_have_local_symbols_as_the_industry_writes_them() -> None:
    assert found(local_symbol="AAPL  261218C00190000") == ["AAPL  261218C00190000"]
    assert found(local_symbol="SPXW  261218P05500000") == ["SPXW  261218P05500000"]
    [monthly] = CATALOGUE.find(Query(local_symbol="SPX   261218P05500000"))
    # it is settled on Friday's opening prices
    assert (monthly.last_trade, monthly.expiry) == ("20261217", "20261218")
    [future] = CATALOGUE.find(Query(local_symbol="ESZ6 C5500"))
    assert (future.sec_type, future.under_symbol) == ("FOP", "ESZ6")
    for wrong in ("AAPL  261218C00191300", "ESZ6 C5501", "ESZ6 X5500", "ESZ6 Cfoo"):
        assert found(local_symbol=wrong, sec_type="OPT") == []
        assert found(local_symbol=wrong, sec_type="FOP") == []


def test_option_classes_tell_a_chain_without_making_it() -> None:
    classes = CATALOGUE.option_classes(265598)
    assert [one.exchange for one in classes] == ["SMART", "CBOE", "ISE"]
    assert classes[0].expirations == tuple(sorted(classes[0].expirations))
    assert "20261218" in classes[0].expirations
    assert {one.trading_class for one in CATALOGUE.option_classes(416904)} == {"SPX", "SPXW"}
    assert [one.exchange for one in CATALOGUE.option_classes(416904, exchange="CBOE")] == [
        "CBOE",
        "CBOE",
    ]
    [es] = CATALOGUE.find(Query(local_symbol="ESZ6", sec_type="FUT"))
    assert [one.trading_class for one in CATALOGUE.option_classes(es.con_id)] == ["ES"]
    assert CATALOGUE.option_classes(1) == ()


def test_the_bulk_of_stocks_is_plainly_made_up_and_is_found_as_others_are() -> None:
    [one] = CATALOGUE.find(
        Query(symbol="SIM0042", sec_type="STK", exchange="SMART", currency="USD")
    )
    assert one is CATALOGUE.get(one.con_id)
    assert one.long_name.startswith("SIMULATED")
    assert len(CATALOGUE.search("SIM00")) == 16
    assert CATALOGUE.search("SIMULATED COMPANY 4711")[0].symbol == "SIM4711"
    assert found(symbol="SIM9999", sec_type="STK") == found(symbol="SIM", sec_type="STK") == []


def test_prices_in_pence_are_a_hundredth_of_a_pound() -> None:
    [rio] = CATALOGUE.find(Query(symbol="RIO", sec_type="STK", currency="GBP"))
    assert rio.price_magnifier == 100
    assert rio.size == Decimal("0.01")


def test_every_instrument_keeps_its_market_rule() -> None:
    wrong = [
        one.local_symbol
        for one in CATALOGUE.listed()
        if min(step for _, step in MARKET_RULES[one.market_rule]) != one.min_tick
    ]
    assert wrong == []
    assert CATALOGUE.rule(1) is None
    assert CATALOGUE.rule(110) == ((Decimal(0), Decimal("0.01")), (Decimal(3), Decimal("0.05")))


@given(st.sampled_from(sorted(MARKET_RULES)), st.integers(1, 3_000_000))
def test_ticks_are_on_the_steps_of_the_rule(rule: int, ticks: int) -> None:
    smallest = min(step for _, step in MARKET_RULES[rule])
    one = Instrument(
        con_id=1,
        symbol="X",
        sec_type="STK",
        currency="USD",
        exchanges=("SMART",),
        min_tick=smallest,
        market_rule=rule,
        price=Decimal(1),
        spread=smallest * 2,
    )
    middle = smallest * ticks / 2
    bid, ask = one.sides(middle)
    assert bid <= middle <= ask
    for price in (bid, ask):
        assert price % (step_at(rule, price) or smallest) == 0
    assert one.step_down(one.step_up(ask)) == ask
    assert one.last(bid, ask) % one.tick_at(one.last(bid, ask)) == 0


def test_business_days_are_counted_over_weekends_and_holidays() -> None:
    assert business_day(date(2026, 11, 25), 1) == date(2026, 11, 27)
    assert business_day(date(2026, 11, 30), -2) == date(2026, 11, 25)


def test_every_family_of_futures_has_contracts() -> None:
    listed = Counter(one.trading_class for one in CATALOGUE.listed() if one.sec_type == "FUT")
    assert listed == {name: family.count for name, family in FAMILIES.items()}


def test_a_catalogue_of_ones_own_needs_no_chains() -> None:
    [apple] = CATALOGUE.find(Query(con_id=265598))
    small = Catalogue([apple])
    assert small.ids() == (265598,)
    assert small.search("A") == (apple,)
    assert small.find(Query(symbol="ES", sec_type="FUT", include_expired=True)) == ()
    assert small.find(Query(local_symbol="AAPL", include_expired=True)) == (apple,)
    assert small.options_of(265598) == ()
