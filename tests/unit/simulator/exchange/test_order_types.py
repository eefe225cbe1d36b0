from __future__ import annotations

from decimal import Decimal

import pytest

from ibkr_connector.simulator.exchange.records import Algo, Hold
from kit.floor import NOW, Floor, terms


@pytest.mark.parametrize(
    ("action", "kind", "stop", "before", "at"),
    [
        # a stop waits for a market against it, a touched order for one in its favour
        ("BUY", "STP", "101.00", ("100.50", "100.70"), ("100.90", "101.10")),
        ("SELL", "STP", "99.00", ("99.50", "99.70"), ("98.90", "99.10")),
        ("BUY", "MIT", "99.00", ("99.50", "99.70"), ("98.90", "99.10")),
        ("SELL", "MIT", "101.00", ("100.50", "100.70"), ("100.90", "101.10")),
    ],
)
def test_a_trigger_waits_for_its_side_of_the_market(
    action: str, kind: str, stop: str, before: tuple[str, str], at: tuple[str, str]
) -> None:
    floor = Floor()
    assert floor.statuses(floor.place(terms(action, kind, stop_price=stop))) == ["PreSubmitted"]
    assert floor.quote(*before) == []
    events = floor.quote(*at, last=stop)
    assert floor.statuses(events) == ["Submitted", "Filled"]
    assert floor.trades(events) == [("10", at[1] if action == "BUY" else at[0])]


@pytest.mark.parametrize(
    ("action", "kind", "limit", "quote"),
    [
        ("BUY", "STP LMT", "101.05", ("100.90", "101.10")),
        ("SELL", "LIT", "101.15", ("100.90", "101.10")),
    ],
)
def test_an_elected_order_with_a_limit_never_trades_beyond_it(
    action: str, kind: str, limit: str, quote: tuple[str, str]
) -> None:
    floor = Floor()
    floor.place(terms(action, kind, stop_price="101.00", limit_price=limit))
    assert floor.statuses(floor.quote(*quote, last="101.00")) == ["Submitted"]
    assert floor.order().remaining == 10
    better = ("100.90", "101.00") if action == "BUY" else ("101.20", "101.30")
    assert floor.trades(floor.quote(*better)) == [("10", limit)]


@pytest.mark.parametrize(
    ("method", "last", "fills"),
    [
        (2, "100.95", False),  # by trades: the ask of 101.10 does not count
        (2, "101.00", True),
        (4, "100.00", True),  # by the other side: the last price does not count
        (7, "100.00", True),  # by either
        (8, "101.50", True),  # by the middle, which is 101.00
    ],
)
def test_the_trigger_method_says_which_price_counts(method: int, last: str, fills: bool) -> None:
    floor = Floor()
    floor.place(terms("BUY", "STP", stop_price="101.00", trigger_method=method))
    assert bool(floor.trades(floor.quote("100.90", "101.10", last=last))) is fills


def test_a_pair_is_triggered_by_its_quote_since_it_has_no_trades() -> None:
    floor, pair = Floor(), 12087792
    floor.quote("1.10000", "1.10010", "1.20000", con_id=pair)
    floor.place(terms("BUY", "STP", 20_000, stop_price="1.15000"), con_id=pair)
    assert floor.order().status == "PreSubmitted"


def test_a_trailing_stop_follows_the_market_and_never_goes_back() -> None:
    floor = Floor()
    floor.place(terms("SELL", "TRAIL", stop_price="1.00"))
    stops = []
    for last in ("100.00", "102.00", "101.50", "103.00", "102.20"):
        floor.quote("99.90", "103.10", last)
        stops.append(floor.order().trigger_price)
    assert stops == [Decimal(text) for text in ("99.00", "101.00", "101.00", "102.00", "102.00")]
    events = floor.quote("101.90", "102.10", "102.00")
    assert floor.trades(events) == [("10", "101.90")]


def test_a_trailing_percentage_is_taken_of_the_price_and_put_on_a_tick() -> None:
    floor = Floor()
    floor.place(terms("BUY", "TRAIL", trailing_percent="2.5"))
    floor.quote("90.00", "90.10", "90.03")
    assert floor.order().trigger_price == Decimal("92.29")  # 92.280750, on the next cent


def test_a_trailing_stop_begins_where_its_client_said() -> None:
    floor = Floor()
    floor.place(terms("SELL", "TRAIL", stop_price="5.00", trail_stop_price="98.00"))
    assert floor.order().trigger_price == Decimal("98.00")


def test_a_trailing_limit_gets_its_price_when_it_is_elected() -> None:
    floor = Floor()
    floor.place(terms("SELL", "TRAIL LIMIT", stop_price="1.00", limit_offset="0.10"))
    floor.quote("101.90", "102.10", "102.00")
    events = floor.quote("100.80", "100.85", "101.00")
    assert floor.statuses(events) == ["Submitted"]
    assert floor.order().working_price == Decimal("100.90")
    assert floor.trades(floor.quote("101.00", "101.10")) == [("10", "100.90")]


def test_a_relative_order_joins_its_side_betters_it_by_its_offset_and_adds_liquidity() -> None:
    floor = Floor()
    floor.place(terms("BUY", "REL", stop_price="0.05", limit_price="100.02"))
    assert floor.order().working_price == Decimal("99.95")
    floor.quote("99.99", "100.10")
    assert floor.order().working_price == Decimal("100.02")  # its cap
    floor.quote("99.99", "100.02")
    assert floor.order().filled == 0  # it never takes
    assert floor.order().working_price == Decimal("100.01")


def test_a_midprice_order_stands_in_the_middle_and_below_its_cap() -> None:
    floor = Floor()
    floor.place(terms("BUY", "MIDPRICE", limit_price="100.00"))
    assert floor.order().working_price == Decimal("100.00")
    floor.quote("99.80", "100.11")
    assert floor.order().working_price == Decimal("99.95")
    assert floor.venue.quote(floor.instrument(), floor.now).bid == Decimal("99.95")


@pytest.mark.parametrize(
    ("action", "kind", "offset", "before", "after"),
    [
        ("BUY", "PEG MID", None, "100.00", "100.50"),
        ("BUY", "PEG MID", "0.05", "99.95", "100.45"),
        ("SELL", "PEG MID", "0.05", "100.05", "100.55"),
        ("BUY", "PEG MKT", "0.15", "99.95", "100.45"),
        ("SELL", "PEG MKT", "0.15", "100.05", "100.55"),
    ],
)
def test_a_pegged_order_follows_its_price_at_its_offset_both_ways(
    action: str, kind: str, offset: str | None, before: str, after: str
) -> None:
    floor = Floor()
    floor.place(terms(action, kind, stop_price=offset))
    assert floor.order().working_price == Decimal(before)
    floor.quote("100.40", "100.60")
    assert floor.order().working_price == Decimal(after)
    floor.quote("99.90", "100.10")
    assert floor.order().working_price == Decimal(before)
    assert floor.order().filled == 0


def test_a_pegged_order_stops_at_its_cap_and_without_an_offset_takes_the_market() -> None:
    floor = Floor()
    floor.place(terms("BUY", "PEG MKT", limit_price="100.00"))
    assert floor.order().working_price == Decimal("100.00")
    assert floor.trades(floor.quote("99.80", "99.90")) == [("10", "99.90")]


@pytest.mark.parametrize(("kind", "limit"), [("MOC", None), ("LOC", "101.00")])
def test_an_order_for_the_close_trades_then_and_not_before(kind: str, limit: str | None) -> None:
    floor = Floor()
    more = {"limit_price": limit} if limit is not None else {}
    floor.place(terms("BUY", kind, **more))
    assert floor.order().hold is Hold.HOURS
    assert floor.wait(3_600) == []
    events = floor.wait(5 * 3_600)  # four in the afternoon
    assert floor.trades(events) == [("10", "100.10")]


def test_a_limit_for_the_close_that_the_market_does_not_reach_is_cancelled() -> None:
    floor = Floor()
    floor.place(terms("BUY", "LOC", limit_price="100.00"))
    assert floor.statuses(floor.wait(7 * 3_600))[-1] == "Cancelled"
    assert floor.held() == 0


def test_an_order_for_the_opening_trades_at_the_next_one() -> None:
    floor = Floor()
    floor.place(terms("BUY", "MKT", time_in_force="OPG"))
    assert floor.wait(20 * 3_600) == []
    assert floor.trades(floor.wait(4 * 3_600)) == [("10", "100.10")]


def test_what_a_market_to_limit_order_leaves_stays_at_its_price() -> None:
    floor = Floor()
    floor.quote("99.90", "100.10", size=4)
    floor.place(terms("BUY", "MTL"))
    assert floor.order().working_price == Decimal("100.10")
    floor.quote("100.00", "100.20")
    assert floor.order().remaining == 6
    assert floor.trades(floor.quote("100.00", "100.05")) == [("6", "100.10")]


def test_an_adaptive_order_waits_for_a_better_price_and_then_takes_what_there_is() -> None:
    floor = Floor()
    algo = Algo(strategy="Adaptive", parameters={"adaptivePriority": "Normal"})
    assert floor.trades(floor.place(terms("BUY", "MKT", algo=algo))) == []
    assert floor.wait(29) == []
    assert floor.trades(floor.wait(1)) == [("10", "100.10")]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (terms("BUY", "TRAIL"), 201),
        (terms("BUY", "TRAIL", trailing_percent="100"), 201),
        (terms("BUY", "MIT"), 201),
        (terms("BUY", "LIT", stop_price="99.00"), 201),
        (terms("BUY", "LMT", limit_price="99.995"), 110),
        (terms("BUY", "MKT", time_in_force="GTD"), 337),
        (terms("BUY", "MOC", time_in_force="OPG"), 201),
        (terms("BUY", "MKT", algo=Algo(strategy="Guess")), 439),
        (terms("BUY", "MKT", algo=Algo(strategy="Adaptive")), 441),
        (terms("BUY", "LMT", limit_price="9.00", display_size="11"), 201),
    ],
)
def test_terms_that_cannot_be_are_refused_with_the_code_of_tws(asked: object, code: int) -> None:
    floor = Floor()
    assert floor.codes(floor.place(asked)) == [code]  # type: ignore[arg-type]  # of the table
    assert floor.venue.open_orders() == ()


def test_all_or_none_waits_until_the_market_has_all_of_it() -> None:
    floor = Floor()
    floor.quote("99.90", "100.10", size=9)
    floor.place(terms("BUY", "LMT", limit_price="100.10", is_all_or_none=True))
    assert floor.order().filled == 0
    assert floor.trades(floor.quote("99.90", "100.10", size=10)) == [("10", "100.10")]


def test_a_minimum_quantity_holds_for_the_first_fill_alone() -> None:
    floor = Floor()
    floor.quote("99.90", "100.10", size=3)
    floor.place(terms("BUY", "LMT", limit_price="100.10", minimum_quantity="4"))
    assert floor.order().filled == 0
    floor.quote("99.90", "100.10", size=5)
    assert floor.order().filled == 5
    floor.quote("99.90", "100.10", size=1)
    assert floor.order().filled == 6


def test_an_order_works_from_its_time_on_and_until_its_date() -> None:
    floor = Floor()
    after, till = NOW.replace(hour=16), NOW.replace(hour=17)
    asked = terms(
        "BUY", "LMT", limit_price="99.00", good_after=after, good_till=till, time_in_force="GTD"
    )
    floor.place(asked)
    assert floor.order().hold is Hold.TIME
    assert floor.quote("98.00", "98.10") == []
    floor.quote("99.90", "100.10")
    assert floor.statuses(floor.wait(3_600)) == ["PreSubmitted", "Submitted"]
    assert floor.statuses(floor.wait(3_600)) == ["Cancelled"]
