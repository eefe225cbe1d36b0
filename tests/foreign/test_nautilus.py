"""A trading node on nautilus_trader's Interactive Brokers adapter, unmodified, has a day here."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.simulator.exchange.venue import Venue
from ibkr_connector.simulator.wire.versions import NEWEST
from kit.foreign import AAPL, ASK, FOREIGN, drive_a_day, hosted_day

ACCOUNT = "DU1234567"
NEWEST_OF_THE_CLIENT = 187
CLIENT = "7"

pytestmark = FOREIGN


class Day:
    """What the program printed, and the venue that it talked to."""

    def __init__(self, found: dict[str, Any], venue: Venue) -> None:
        self.found = found
        self.venue = venue


@pytest.fixture(scope="module")
def day() -> Iterator[Day]:
    with hosted_day(NEWEST) as hosted:
        found = drive_a_day("nautilus", hosted, CLIENT, ACCOUNT)
        hosted.do(lambda simulator: simulator.check())
        yield Day(found, hosted.do(lambda simulator: simulator.venue))


def test_instruments_are_the_listing(day: Day) -> None:
    assert day.found["serverVersion"] == NEWEST_OF_THE_CLIENT
    instruments = {one.pop("id"): one for one in day.found["instruments"]}
    assert instruments == {
        "AAPL.NASDAQ": {"currency": "USD", "increment": "0.01", "lot": "1"},
        "EUR/USD.IDEALPRO": {"currency": "USD", "increment": "0.00005", "lot": "1"},
    }


def test_a_market_order_is_filled_in_parts_at_what_the_venue_charged(day: Day) -> None:
    fills = day.found["market"]
    assert [Decimal(fill["last_qty"]) for fill in fills] == [Decimal(60), Decimal(40)]
    assert {fill["last_px"] for fill in fills} == {str(ASK)}
    truth = {
        execution.exec_id: f"{commission.amount:.2f} {commission.currency}"
        for execution, commission in day.venue.executions()
    }
    for fill in fills:
        assert fill["commission"] == truth[fill["trade_id"]]


def test_a_limit_order_rests_is_changed_and_is_cancelled(day: Day) -> None:
    told = day.found["limit"]
    assert told[:2] == ["OrderInitialized", "OrderSubmitted"]
    assert told[-2:] == ["OrderPendingCancel", "OrderCanceled"]
    assert told.index("OrderAccepted") < told.index("OrderPendingUpdate")
    assert "OrderUpdated" in told[told.index("OrderPendingUpdate") :]


def test_a_bracket_ends_with_its_target_filled_and_its_stop_gone(day: Day) -> None:
    assert day.found["bracket"] == ["FILLED", "FILLED", "CANCELED"]
    assert day.found["rejected"] == []


def test_bars_and_the_book_are_streamed(day: Day) -> None:
    assert day.found["bars"]
    assert {bar["type"] for bar in day.found["bars"]} == {"AAPL.NASDAQ-5-SECOND-LAST-EXTERNAL"}
    assert day.found["book"]


def test_after_a_cut_it_reconnects_and_hears_the_market_again(day: Day) -> None:
    after = day.found["after"]
    assert (after["instrument"], after["bid"], after["ask"]) == ("AAPL.NASDAQ", "192.10", "192.14")


def test_position_and_balance_are_the_ledgers(day: Day) -> None:
    ledger = day.venue.ledgers[ACCOUNT]
    assert Decimal(day.found["position"]) == ledger.holdings[AAPL].quantity == 100
    assert day.found["balance"].keys() == {"USD"}
    assert day.venue.open_orders() == ()
