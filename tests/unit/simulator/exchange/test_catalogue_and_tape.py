from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from ibkr_connector.simulator.dialogue.times import parse_end, write_connection_time, write_time
from ibkr_connector.simulator.exchange.instruments import MAX_SAMPLES, Query
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.exchange.tape import (
    ReplayTape,
    SeededTape,
    read_recorded,
    with_crosses,
)

TODAY = date(2026, 11, 18)
NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
CATALOGUE = default_catalogue(TODAY)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(con_id=265598), ["AAPL"]),
        (Query(con_id=265598, exchange="SMART"), ["AAPL"]),
        (Query(con_id=265598, exchange="LSE"), []),
        (Query(con_id=1), []),
        (Query(symbol="aapl", sec_type="STK"), ["AAPL"]),
        (Query(symbol="AAPL", sec_type="STK", exchange="NASDAQ"), ["AAPL"]),
        (Query(symbol="AAPL", sec_type="STK", currency="EUR"), []),
        (Query(symbol="VOD", sec_type="STK"), ["VOD", "VOD"]),
        (Query(symbol="VOD", sec_type="STK", currency="GBP"), ["VOD"]),
        (Query(symbol="EUR", sec_type="CASH", currency="USD"), ["EUR.USD"]),
        (Query(local_symbol="ESZ6", sec_type="FUT"), ["ESZ6"]),
        (Query(symbol="ES", sec_type="FUT", expiry="202612"), ["ESZ6"]),
        (Query(), []),
    ],
)
def test_a_description_finds_what_fits_it(query: Query, found: list[str]) -> None:
    assert [one.local_symbol for one in CATALOGUE.find(query)] == found


def test_an_option_is_found_by_expiry_strike_and_right() -> None:
    [option] = CATALOGUE.find(
        Query(
            symbol="AAPL",
            sec_type="OPT",
            expiry="20261218",
            strike=Decimal(190),
            right="CALL",
            multiplier="100",
        )
    )
    assert option.local_symbol == "AAPL  261218C00190000"
    assert option in CATALOGUE.options_of(265598)


def test_dated_contracts_are_those_that_are_alive() -> None:
    for today in (TODAY, date(2026, 12, 18), date(2026, 12, 19), date(2027, 1, 1)):
        futures = default_catalogue(today).find(Query(symbol="ES", sec_type="FUT"))
        assert len(futures) == 4
        assert all(one.expiry >= f"{today:%Y%m%d}" for one in futures)
        assert len({one.con_id for one in futures}) == 4


def test_con_ids_are_unique() -> None:
    assert len(CATALOGUE) == len(set(CATALOGUE.ids()))


def test_a_search_finds_beginnings_of_symbols_and_parts_of_names() -> None:
    assert [one.symbol for one in CATALOGUE.search("AAP")] == ["AAPL"]
    assert CATALOGUE.search("C")[0].symbol == "C"
    assert "MSFT" in [one.symbol for one in CATALOGUE.search("microsoft")]
    assert CATALOGUE.search("") == ()
    assert len(CATALOGUE.search("E")) <= MAX_SAMPLES
    assert CATALOGUE.derivatives("AAPL") == ("BAG", "CFD", "OPT", "WAR")
    assert CATALOGUE.derivatives("PFE") == ()


def test_the_seeded_market_moves_a_little_in_a_second_and_more_in_a_day() -> None:
    tape, apple = SeededTape(3), CATALOGUE.find(Query(con_id=265598))[0]
    prices = [tape.price(apple, NOW + timedelta(seconds=n)) for n in range(600)]
    known = [price for price in prices if price is not None]
    steps = [abs(b - a) for a, b in pairwise(known)]
    assert max(steps) < Decimal("0.50")
    assert len(set(known)) > 10
    assert all(price % (apple.min_tick / 2) == 0 for price in known)


def test_recorded_prices_are_real_ones_and_stand_until_the_next() -> None:
    recorded = read_recorded()
    assert set(recorded) == {"EUR.USD", "EUR.GBP", "EUR.JPY", "EUR.CHF"}
    rows = recorded["EUR.USD"]
    assert len(rows) > 700
    assert all(Decimal("0.9") < price < Decimal("1.4") for _, price in rows)
    tape = ReplayTape(recorded)
    euro = CATALOGUE.find(Query(symbol="EUR", sec_type="CASH", currency="USD"))[0]
    (first, price), (second, following) = rows[0], rows[1]
    assert tape.price(euro, first - timedelta(seconds=1)) is None
    assert tape.price(euro, first) == tape.price(euro, second - timedelta(seconds=1)) == price
    assert tape.price(euro, second) == following
    assert tape.path(euro, first, second) == [price]
    assert tape.span[0] <= first


def test_what_was_not_recorded_has_no_price() -> None:
    tape = ReplayTape(read_recorded())
    apple = CATALOGUE.find(Query(con_id=265598))[0]
    assert tape.price(apple, NOW) is None
    assert tape.path(apple, NOW - timedelta(days=9), NOW) == []


def test_prices_of_your_own_can_be_replayed() -> None:
    lines = ["time,symbol,price", "2026-11-18T15:00:00Z,AAPL,5", "2026-11-18T14:00:00,AAPL,4"]
    [rows] = read_recorded(lines).values()
    assert [price for _, price in rows] == [Decimal(4), Decimal(5)]
    assert all(at.tzinfo is not None for at, _ in rows)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", NOW),
        ("20261118-15:00:00", NOW),
        ("20261118 10:00:00 US/Eastern", NOW),
        ("20261118  10:00:00", NOW),
        ("20261118 15:00:00 UTC", NOW),
        ("tomorrow", None),
        ("20261399-15:00:00", None),
        ("20261118 15:00:00 Nowhere/Land", None),
    ],
)
def test_the_end_of_a_request_is_read_in_all_its_forms(text: str, moment: datetime | None) -> None:
    assert parse_end(text, NOW) == moment


def test_moments_are_written_as_the_version_has_them() -> None:
    assert write_time(NOW, 178) == "20261118 10:00:00 US/Eastern"
    assert write_time(NOW, 173) == "20261118  10:00:00"
    assert write_connection_time(NOW) == "20261118 10:00:00 EST"


def test_pairs_that_follow_from_recorded_ones_are_derived_exactly() -> None:
    recorded = read_recorded()
    derived = with_crosses(recorded)
    assert set(derived) - set(recorded) == {"USD.JPY", "USD.CHF", "GBP.USD"}
    (at, rate), (_, euro), (_, yen) = (
        derived[pair][-1] for pair in ("USD.JPY", "EUR.USD", "EUR.JPY")
    )
    assert at == recorded["EUR.USD"][-1][0]
    assert abs(rate * euro - yen) < Decimal("0.001")
    assert with_crosses({}) == {}
