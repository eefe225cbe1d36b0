"""
A whole trading day on the official client, unmodified, at server versions 157, 178 and 200.

What its callbacks were told is compared with the venue that it talked to.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from ibkr_connector.simulator.exchange.venue import Venue
from kit.foreign import AAPL, ASK, FOREIGN, drive_a_day, hosted_day

ACCOUNT = "DU1234567"
CLIENT = "5"
BIDS, ASKS = 1, 0

pytestmark = FOREIGN


class Day:
    """What the program printed, sitting by sitting, and the venue that it talked to."""

    def __init__(self, found: dict[str, Any], venue: Venue, version: int) -> None:
        self.version = version
        self.server_version: int = found["serverVersion"]
        self.orders: dict[str, Any] = found["orders"]
        self.sittings: list[list[tuple[str, list[Any]]]] = found["sittings"]
        self.venue = venue

    def all(self, name: str, *start: Any, sitting: int = 0) -> list[list[Any]]:
        """Return the arguments of every call of a callback that began like this."""
        return [
            values
            for called, values in self.sittings[sitting]
            if called == name and values[: len(start)] == list(start)
        ]

    def statuses(self, order_id: int) -> list[str]:
        """Return what was said of an order, repetitions left out."""
        said = [call[1] for call in self.all("orderStatus", order_id)]
        return [one for one, _ in itertools.groupby(said)]


@pytest.fixture(scope="module", params=[200, 178, 157], ids=lambda version: f"v{version}")
def day(request: pytest.FixtureRequest) -> Iterator[Day]:
    with hosted_day(request.param) as hosted:
        found = drive_a_day("ibapi_day", hosted, CLIENT)
        hosted.do(lambda simulator: simulator.check())
        yield Day(found, hosted.do(lambda simulator: simulator.venue), request.param)


def test_the_newest_version_is_spoken_in_each_sitting(day: Day) -> None:
    assert day.server_version == day.version
    assert len(day.sittings) == 3
    first, after_cut, after_restart = (
        day.all("nextValidId", sitting=number)[0][0] for number in range(3)
    )
    assert first == 1 < after_cut < after_restart


def test_ticks_and_depth_are_one_market(day: Day) -> None:
    sides: dict[int, list[float]] = {BIDS: [], ASKS: []}
    for _, position, _, operation, side, price, _, is_smart in day.all("updateMktDepthL2", 21):
        assert is_smart
        if operation == 0:
            sides[side].insert(position, price)
        elif operation == 1:
            sides[side][position] = price
        else:
            del sides[side][position]
    bids, asks = sides[BIDS], sides[ASKS]
    assert len(bids) == len(asks) == 5
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    last = day.all("tickByTickBidAsk", 22)[-1]
    assert (last[2], last[3]) == (bids[0], asks[0])


def test_five_second_bars_and_the_newest_bar_follow_each_other(day: Day) -> None:
    times = [call[1] for call in day.all("realtimeBar", 24)]
    assert times == list(range(times[0], times[0] + 5 * len(times), 5))
    dates = [call[1]["date"] for call in day.all("historicalDataUpdate", 25)]
    assert dates == sorted(dates)


def test_the_past_is_in_order(day: Day) -> None:
    dates = [call[1]["date"] for call in day.all("historicalData", 30)]
    assert dates == sorted(set(dates))
    [[_, ticks, is_done]] = day.all("historicalTicksLast", 32)
    times = [tick["time"] for tick in ticks]
    assert is_done
    assert len(times) >= 50
    assert times == sorted(times)
    [[_, rows]] = day.all("histogramData", 33)
    assert rows


def test_an_order_larger_than_the_market_is_filled_in_parts(day: Day) -> None:
    order_id = day.orders["market"]
    fills = [call[2] for call in day.all("execDetails", -1) if call[2]["orderId"] == order_id]
    assert len(fills) > 1
    assert [fill["cumQty"] for fill in fills][-1] == 100.0
    assert {fill["price"] for fill in fills} == {float(ASK)}
    truth = {one.exec_id: float(cost.amount) for one, cost in day.venue.executions()}
    costs = {
        call[0]["execId"]: call[0]["commissionAndFees"]
        for call in day.all("commissionAndFeesReport")
    }
    assert all(costs[fill["execId"]] == truth[fill["execId"]] for fill in fills)


def test_an_order_is_changed_and_cancelled(day: Day) -> None:
    order_id = day.orders["changed"]
    assert day.statuses(order_id) == ["PreSubmitted", "Submitted", "Cancelled"]
    shown = [call[2] for call in day.all("openOrder", order_id)]
    assert (shown[0]["lmtPrice"], shown[0]["totalQuantity"]) == (50.25, 10.0)
    assert (shown[-1]["lmtPrice"], shown[-1]["totalQuantity"]) == (51.5, 12.0)
    assert len({one["permId"] for one in shown}) == 1


def test_a_bracket_and_a_group_work_as_one(day: Day) -> None:
    ends = [day.statuses(one)[-1] for one in day.orders["bracket"]]
    assert ends == ["Filled", "Filled", "Cancelled"]
    assert [day.statuses(one)[-1] for one in day.orders["group"]] == ["Filled", "Cancelled"]


def test_what_if_tells_margins_and_leaves_nothing(day: Day) -> None:
    order_id = day.orders["asked"]
    [[_, _, _, state]] = day.all("openOrder", order_id)
    before, change, after = (
        float(state[f"initMargin{when}"]) for when in ("Before", "Change", "After")
    )
    assert before + change == pytest.approx(after)
    assert change > 0
    assert day.all("orderStatus", order_id) == []


def test_positions_are_the_ledgers(day: Day) -> None:
    [[account, contract, quantity, _]] = day.all("position")
    assert (account, contract["conId"], quantity) == (ACCOUNT, AAPL, 105.0)
    assert day.all("pnlSingle", 61)[-1][1] == 105.0


def test_what_was_filled_while_the_line_was_cut_is_there_after_it(day: Day) -> None:
    found = [
        call[2]
        for call in day.all("execDetails", 70, sitting=1)
        if call[2]["orderRef"] == "while away"
    ]
    assert sum(one["shares"] for one in found) == 7.0


def test_a_restart_keeps_orders_and_the_day_ends_with_its_own(day: Day) -> None:
    last = 2
    kept = {call[2]["orderRef"] for call in day.all("openOrder", sitting=last)}
    assert kept >= {"GTC", "DAY"}
    completed = [
        (call[1]["orderRef"], call[2]["status"]) for call in day.all("completedOrder", sitting=last)
    ]
    assert ("DAY", "Cancelled") in completed
    assert ("GTC", "Cancelled") not in completed
    told = {call[2]["execId"] for call in day.all("execDetails", 80, sitting=last)}
    assert told == {execution.exec_id for execution, _ in day.venue.executions()}
    assert day.venue.open_orders() == ()
    assert day.venue.ledgers[ACCOUNT].holdings[AAPL].quantity == 98


def test_nothing_went_wrong_but_cancellations(day: Day) -> None:
    codes = {call[1] for number in range(3) for call in day.all("error", sitting=number)}
    assert codes == {2104, 2106, 2158, 162, 202}
