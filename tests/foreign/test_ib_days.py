"""
A whole trading day on ib_insync (in its own environment) and on ib_async (in this process).

One program for both: what they decoded is compared with the venue, version by version.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import ib_async
import pytest

from ibkr_connector.simulator.exchange.venue import Venue
from ibkr_connector.simulator.server import DEFAULT_START
from kit.broker import ACTS
from kit.foreign import AAPL, ASK, FOREIGN, drive_a_day, hosted_day, trading_day

ACCOUNT = "DU1234567"
CLIENT = 7
NEWEST_OF = {"ib_insync": 176, "ib_async": 178}

pytestmark = FOREIGN


class Day:
    """What a client found, and the venue that it talked to."""

    def __init__(self, found: dict[str, Any], venue: Venue, version: int) -> None:
        self.found = found
        self.venue = venue
        self.version = version


def _elsewhere(version: int) -> tuple[dict[str, Any], Venue]:
    with hosted_day(version) as hosted:
        found = drive_a_day("ib_day", hosted, str(CLIENT))
        hosted.do(lambda simulator: simulator.check())
        return found, hosted.do(lambda simulator: simulator.venue)


async def _here(version: int) -> tuple[dict[str, Any], Venue]:
    # untyped, since it runs on either library
    program = importlib.import_module("foreign.drive_ib_day")
    async with trading_day(version) as simulator:

        async def broker(what: str, **values: Any) -> None:
            await ACTS[what](simulator, values)

        found = await program.Day(ib_async, broker, simulator.host, simulator.port, CLIENT).run()
        simulator.check()
        return found, simulator.venue


@pytest.fixture(
    scope="module",
    params=[("ib_insync", 178), ("ib_insync", 157), ("ib_async", 178), ("ib_async", 157)],
    ids=lambda param: f"{param[0]}-v{param[1]}",
)
def day(request: pytest.FixtureRequest) -> Day:
    library, version = request.param
    found, venue = _elsewhere(version) if library == "ib_insync" else asyncio.run(_here(version))
    return Day(found, venue, min(version, NEWEST_OF[library]))


def test_the_newest_version_that_both_speak_is_spoken(day: Day) -> None:
    assert day.found["serverVersion"] == day.version
    assert day.found["accounts"] == [ACCOUNT]


def test_ticks_depth_and_tick_by_tick_are_one_market(day: Day) -> None:
    quote, depth, by_tick = (day.found[name] for name in ("quote", "depth", "byTick"))
    assert quote["low"] <= quote["bid"] <= quote["last"] <= quote["ask"] <= quote["high"]
    bids, asks = ([row["price"] for row in depth[side]] for side in ("bids", "asks"))
    assert (bids[0], asks[0]) == (quote["bid"], quote["ask"])
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert len(bids) == len(asks) == 5
    assert by_tick["quotes"][-1]["bidPrice"] == quote["bid"]
    assert by_tick["quotes"][-1]["askPrice"] == quote["ask"]
    assert all(quote["low"] <= tick["price"] <= quote["high"] for tick in by_tick["trades"])


def test_five_second_bars_follow_each_other(day: Day) -> None:
    bars = day.found["five"]
    times = [datetime.fromisoformat(bar["time"]) for bar in bars]
    assert all(
        later - earlier == timedelta(seconds=5) for earlier, later in itertools.pairwise(times)
    )
    for bar in bars:
        assert bar["low"] <= min(bar["open_"], bar["close"])
        assert bar["high"] >= max(bar["open_"], bar["close"])


def test_the_newest_bar_is_kept_up_to_date_and_a_new_minute_is_told(day: Day) -> None:
    begun = [bar["date"] for bar, is_new in day.found["updates"] if is_new]
    assert begun
    assert begun == sorted(set(begun))
    dates = [bar["date"] for bar in day.found["live"]]
    assert dates == sorted(set(dates))
    assert dates[-1] == begun[-1]


def test_the_past_is_in_order(day: Day) -> None:
    bars = [bar["date"] for bar in day.found["bars"]]
    assert bars == sorted(set(bars))
    assert day.found["head"] < bars[0]
    ticks = [tick["time"] for tick in day.found["ticks"]]
    assert ticks
    assert ticks == sorted(ticks)
    earliest = DEFAULT_START - timedelta(minutes=6)
    assert datetime.fromisoformat(ticks[0]) >= earliest


def _executions(day: Day, order_ref: str) -> list[tuple[str, float, float, float]]:
    return [
        (
            execution.exec_id,
            float(execution.quantity),
            float(execution.price),
            float(commission.amount),
        )
        for execution, commission in day.venue.executions()
        if execution.order.order_ref == order_ref
    ]


def _fills(fills: list[dict[str, Any]]) -> list[tuple[str, float, float, float]]:
    return [
        (
            fill["execution"]["execId"],
            fill["execution"]["shares"],
            fill["execution"]["price"],
            fill["commissionReport"]["commission"],
        )
        for fill in fills
    ]


def test_an_order_larger_than_the_market_is_filled_in_parts(day: Day) -> None:
    parts = day.found["parts"]
    assert len(parts["fills"]) > 1
    assert _fills(parts["fills"]) == _executions(day, "in parts")
    status = parts["status"]
    assert (status["status"], status["filled"], status["remaining"]) == ("Filled", 100.0, 0.0)
    assert status["avgFillPrice"] == float(ASK)


def test_an_order_is_changed_and_cancelled(day: Day) -> None:
    assert day.found["changed"] == [["changed", 51.5, 12.0]]
    assert day.found["cancelled"] == "Cancelled"


def test_a_bracket_works_as_one(day: Day) -> None:
    assert day.found["bracket"] == {
        "parent": ["Filled", 20.0],
        "target": ["Filled", 20.0],
        "stop": ["Cancelled", 0.0],
    }


def test_one_cancels_all(day: Day) -> None:
    assert day.found["oca"] == ["Filled", "Cancelled"]


def test_what_if_tells_margins_and_leaves_nothing(day: Day) -> None:
    state = day.found["whatIf"]
    before, change, after = (
        Decimal(str(state[f"initMargin{when}"])) for when in ("Before", "Change", "After")
    )
    assert before + change == after
    assert change > 0
    assert day.found["whatIfLeft"] == 0


def test_positions_portfolio_and_profit_agree(day: Day) -> None:
    [position] = day.found["positions"]
    [holding] = day.found["portfolio"]
    assert position["position"] == holding["position"] == 105.0
    assert position["avgCost"] == pytest.approx(holding["averageCost"])
    single = day.found["pnl"]["single"]
    assert single["position"] == 105
    assert single["value"] == pytest.approx(holding["marketValue"], abs=0.01)
    assert single["unrealizedPnL"] == pytest.approx(holding["unrealizedPNL"], abs=0.01)
    assert day.found["pnl"]["total"]["unrealizedPnL"] == pytest.approx(single["unrealizedPnL"])
    summary = {row["tag"]: row["value"] for row in day.found["summary"]}
    values = {row["tag"]: row["value"] for row in day.found["values"] if row["currency"] == "USD"}
    assert float(summary["TotalCashValue"]) == float(values["TotalCashValue"])


def test_what_was_filled_while_the_line_was_cut_is_there_after_it(day: Day) -> None:
    truth = _executions(day, "while away")
    assert _fills(day.found["whileAway"]) == truth
    assert sum(quantity for _, quantity, _, _ in truth) == 7.0


def test_a_restart_keeps_orders_and_ids(day: Day) -> None:
    assert day.found["afterRestart"] == ["DAY", "GTC"]
    following, last = day.found["nextId"]
    assert following > last


def test_the_day_ends_with_its_orders(day: Day) -> None:
    completed = day.found["completed"]
    assert ["DAY", "Cancelled"] in completed
    assert ["GTC", "Cancelled"] not in completed
    assert {"in parts", "parent", "target", "while away"} <= {
        ref for ref, status in completed if status == "Filled"
    }
    told = {fill["execution"]["execId"] for fill in day.found["executions"]}
    assert told == {execution.exec_id for execution, _ in day.venue.executions()}
    assert day.venue.open_orders() == ()
    assert day.venue.ledgers[ACCOUNT].holdings[AAPL].quantity == 98


def test_nothing_went_wrong_but_cancellations(day: Day) -> None:
    codes = {code for _, code in day.found["errors"]}
    # 162 is what a history that was kept up to date says when it is cancelled
    assert codes == {2104, 2106, 2158, 162, 202}
