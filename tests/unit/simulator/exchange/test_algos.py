"""How the venue works what was given to one of IB's algorithms."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ibkr_connector.simulator.exchange.records import Algo, Hold
from kit.floor import NOW, Floor, terms

TWAP: dict[str, Any] = {"strategyType": "Marketable"}


def algo(strategy: str, *, start: int | None = None, end: int | None = None, **said: Any) -> Algo:
    """Make an algorithm whose times are seconds from the floor's beginning."""
    times = [None if at is None else NOW + timedelta(seconds=at) for at in (start, end)]
    return Algo(strategy=strategy, parameters=said, start=times[0], end=times[1])


@pytest.mark.parametrize("name", ["Twap", "Vwap"])
@pytest.mark.parametrize("kind", [{"kind": "MKT"}, {"kind": "LMT", "limit_price": "100.50"}])
def test_equal_parts_are_traded_over_the_window(name: str, kind: dict[str, Any]) -> None:
    floor = Floor()
    said: dict[str, Any] = TWAP if name == "Twap" else {"maxPctVol": "0.1"}
    asked = terms("BUY", quantity="40", algo=algo(name, end=200, **said), **kind)
    assert floor.trades(floor.place(asked)) == [("2", "100.10")]
    assert floor.trades(floor.wait(9)) == []
    assert floor.trades(floor.wait(1)) == [("2", "100.10")]
    for _ in range(18):
        assert floor.trades(floor.wait(10)) == [("2", "100.10")]
    assert floor.order().remaining == 0


def test_the_end_cancels_what_is_left() -> None:
    floor = Floor()
    asked = terms("BUY", "LMT", quantity="40", limit_price="100.10")
    floor.place(replace(asked, algo=algo("Twap", end=200, **TWAP)))
    floor.quote("100.00", "100.20")
    assert floor.statuses(floor.wait(199)) == []
    assert floor.statuses(floor.wait(1)) == ["Cancelled"]
    assert floor.order().filled == 2


def test_what_missed_its_moment_is_traded_with_the_next_part() -> None:
    floor = Floor()
    floor.place(
        terms("BUY", "LMT", quantity="40", limit_price="100.10", algo=algo("Twap", end=200, **TWAP))
    )
    floor.quote("100.00", "100.20")
    assert floor.trades(floor.wait(50)) == []
    assert floor.trades(floor.quote("99.90", "100.10")) == [("10", "100.10")]


def test_the_last_part_is_all_that_is_left_when_the_end_may_be_passed() -> None:
    floor = Floor()
    asked = terms("BUY", "MKT", algo=algo("Twap", end=200, allowPastEndTime="1", **TWAP))
    floor.place(asked)
    floor.wait(189)
    floor.quote("99.90", None)
    assert floor.statuses(floor.wait(60)) == []
    assert floor.statuses(floor.quote("99.90", "100.10"))[-1] == "Filled"


def test_nothing_is_traded_before_the_start() -> None:
    floor = Floor()
    floor.place(terms("BUY", "MKT", quantity="40", algo=algo("Twap", start=60, end=260, **TWAP)))
    assert floor.order().hold is Hold.TIME
    assert floor.trades(floor.wait(59)) == []
    assert floor.trades(floor.wait(1)) == [("2", "100.10")]


def test_a_component_is_traded_in_each_interval() -> None:
    floor = Floor()
    said: dict[str, Any] = {"componentSize": "4", "timeBetweenOrders": "30"}
    assert floor.trades(floor.place(terms("BUY", "MKT", algo=algo("AD", **said)))) == [
        ("4", "100.10")
    ]
    assert floor.trades(floor.wait(30)) == [("4", "100.10")]
    assert floor.trades(floor.wait(30)) == [("2", "100.10")]


def test_a_component_waits_for_the_one_before_it() -> None:
    floor = Floor()
    floor.quote("99.90", "100.10", size=3)
    said: dict[str, Any] = {"componentSize": "4", "timeBetweenOrders": "30", "waitForFill": "1"}
    limit: dict[str, Any] = {"limit_price": "100.10"}
    floor.place(terms("BUY", "LMT", algo=algo("AD", **said), **limit))
    floor.quote("100.00", "100.20")
    floor.wait(300)
    assert floor.order().filled == 3
    assert floor.trades(floor.quote("99.90", "100.10", size=1)) == [("1", "100.10")]


def test_others_meet_no_more_than_what_is_released() -> None:
    floor = Floor()
    floor.quote(None, None)
    parts: dict[str, Any] = {"componentSize": "1", "timeBetweenOrders": "600"}
    floor.place(terms("BUY", "LMT", limit_price="100.00", algo=algo("AD", **parts)))
    assert floor.trades(floor.place(terms("SELL", "LMT", limit_price="100.00"), client=2)) == [
        *([("1", "100.00")] * 2)  # once for each side
    ]


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ("ArrivalPx", {"maxPctVol": "0.1", "riskAversion": "Neutral"}),
        ("ClosePx", {"maxPctVol": "0.1", "riskAversion": "Get Done"}),
        ("PctVol", {"pctVol": "0.5"}),
        ("DarkIce", {"displaySize": "5"}),
    ],
)
def test_the_other_algorithms_trade_as_their_order_does(
    strategy: str, said: dict[str, Any]
) -> None:
    floor = Floor()
    asked = terms("BUY", "LMT", limit_price="100.10", algo=algo(strategy, **said))
    assert floor.trades(floor.place(asked)) == [("10", "100.10")]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (algo("Guess"), 439),
        (algo("Twap", strategyType="Somehow"), 441),
        (algo("Vwap"), 441),
        (algo("Vwap", maxPctVol="0.6"), 441),
        (algo("Vwap", maxPctVol="much"), 441),
        (algo("ArrivalPx", maxPctVol="0.1", riskAversion="None"), 441),
        (algo("DarkIce", displaySize="11"), 441),
        (algo("AD", componentSize="5"), 441),
        (algo("AD", componentSize="5", timeBetweenOrders="0"), 441),
        (algo("Twap", start=60, end=60, **TWAP), 441),
        (algo("DarkIce", displaySize="5"), 442),
    ],
)
def test_what_an_algorithm_does_not_take_has_the_code_of_tws(given: Algo, code: int) -> None:
    floor = Floor()
    assert floor.codes(floor.place(terms("BUY", "MKT", algo=given))) == [code]
