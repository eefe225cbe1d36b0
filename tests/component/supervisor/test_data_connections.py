"""Connections of their own for data: what goes through them, and what their loss costs."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import ConfigurationError, RequestTimeoutError
from ibkr_connector.gateway.stream_port import StreamKind
from ibkr_connector.market.streaming import StreamWish
from ibkr_connector.model.market import Quote
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.settings import Settings
from ibkr_connector.simulator import Cut, IgnoreRequest, Refuse, Stall
from kit.leaks import nothing_left
from kit.rig import Rig, rig

S = ConnectionState
REST = {"symbol": "AAPL", "action": "BUY", "quantity": 1, "order_type": "LMT", "limit_price": "1"}
HOURS: dict[str, Any] = {"duration": "1 D", "bar_size": "1 hour"}


def who(made: Rig, name: str) -> Counter[int]:
    """Return which client ids asked a kind of question, and how often."""
    return Counter(
        one.client_id for one in made.simulator.log if type(one.request).__name__ == name
    )


def states(made: Rig) -> list[ConnectionState]:
    return list(made.engine.status().data_connections.values())


async def all_ready(made: Rig) -> None:
    await made.until(lambda: set(states(made)) == {S.READY})


def cut(made: Rig, client_id: int) -> None:
    for connection in list(made.simulator.connections.values()):
        if connection.client_id == client_id:
            connection.end()


async def bars(made: Rig, symbol: str = "AAPL", **changes: Any) -> Any:
    return await made.run(made.engine.market.bars(symbol, **{**HOURS, **changes}))


async def test_history_and_quotes_go_through_them_in_turn_and_orders_never(tmp_path: Path) -> None:
    async with nothing_left(), rig(tmp_path, data_client_ids="21, 22") as made:
        await all_ready(made)
        for symbol in ("AAPL", "MSFT", "SPY", "IBM"):
            await bars(made, symbol)
        await made.run(made.engine.market.quote("MSFT"))
        await made.run(made.place(REST))
        assert who(made, "ReqHistoricalData") == {21: 2, 22: 2}
        assert 1 not in who(made, "ReqMarketData")
        assert who(made, "PlaceOrder") == {1: 1}
        for name in ("ReqAllOpenOrders", "ReqPositions", "ReqExecutions"):
            assert set(who(made, name)) == {1}


async def test_the_log_says_which_connection_it_speaks_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "ibkr_connector.supervisor"):
        async with rig(tmp_path, data_client_ids="21, 22") as made:
            await all_ready(made)
    ready = {one.message for one in caplog.records if one.message.endswith("ready (synced)")}
    assert ready == {f"connection of client {one} ready (synced)" for one in (1, 21, 22)}


async def test_without_the_setting_there_is_one_connection(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        await bars(made)
        assert who(made, "ReqHistoricalData") == {1: 1}
        assert states(made) == []
        assert made.logins() == 1


async def test_losing_one_never_touches_orders(tmp_path: Path) -> None:
    async with nothing_left(), rig(tmp_path, data_client_ids="21") as made:
        await all_ready(made)
        changes = len(made.changes)
        made.simulator.inject(Refuse(lasts_s=60.0))
        for _ in range(5):
            cut(made, 21)
            await made.until(lambda: states(made) != [S.READY])
            report = await made.run(made.place(REST))
            await made.run(made.engine.orders.cancel(report.order_id))
            made.simulator.clear_faults()
            await all_ready(made)
        assert len(made.changes) == changes
        assert set(made.engine.status().breakers.values()) == {"closed"}
        assert made.state is S.READY


async def test_a_question_whose_connection_is_lost_goes_through_the_main_one(
    tmp_path: Path,
) -> None:
    async with nothing_left(), rig(tmp_path, data_client_ids="21") as made:
        await all_ready(made)
        made.simulator.inject(Cut(on="ReqHistoricalData", handled=False, client_id=21))
        made.simulator.inject(Refuse(lasts_s=600.0))
        found = await bars(made)
        assert found.bars
        asked = who(made, "ReqHistoricalData")
        assert asked[1] == 1


async def test_while_none_is_there_everything_goes_through_the_main_one(tmp_path: Path) -> None:
    async with nothing_left(), rig(tmp_path, connect=False, data_client_ids="21, 22") as made:
        refusal = Refuse(lasts_s=600.0, skip=1)
        made.simulator.inject(refusal)
        await made.run(made.engine.connect())
        assert made.state is S.READY
        assert S.READY not in states(made)
        assert (await bars(made)).bars
        made.simulator.clear_faults()
        await all_ready(made)
        await bars(made, "MSFT")
        assert who(made, "ReqHistoricalData")[1] == 1


async def test_streams_live_on_the_first_and_come_back_with_it(tmp_path: Path) -> None:
    async with nothing_left(), rig(tmp_path, data_client_ids="21, 22") as made:
        await all_ready(made)
        wish = StreamWish(kind=StreamKind.QUOTES, contract="AAPL")
        ticket = await made.run(made.engine.streaming.open(wish))
        assert set(who(made, "ReqMarketData")) == {21}
        cut(made, 1)
        await made.until(lambda: made.state is not S.READY)
        await made.ready()
        assert who(made, "ReqMarketData")[21] == 1
        cut(made, 21)
        await made.until(lambda: who(made, "ReqMarketData")[21] == 2)
        await all_ready(made)
        while ticket.box.take() is not None:
            pass
        letters: list[Any] = []

        def quoted() -> bool:
            letters.append(ticket.box.take())
            return any(isinstance(letter, Quote) for letter in letters)

        await made.until(quoted)
        ticket.leave()
        await made.settle()


async def test_an_order_does_not_wait_behind_five_hundred_questions(tmp_path: Path) -> None:
    async with rig(tmp_path, data_client_ids="21", request_timeout_s=3600) as made:
        await all_ready(made)
        await made.run(made.engine.instruments.resolve("AAPL"))
        asking = [
            asyncio.ensure_future(
                made.engine.market.bars("AAPL", **{**HOURS, "duration": f"{n} D"})
            )
            for n in range(1, 301)
        ]
        await made.settle()
        began = made.clock.monotonic()
        await made.run(made.place(REST), step_s=0.01)
        assert made.clock.monotonic() - began < 0.05
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def test_the_rules_of_history_hold_for_all_of_them_together(tmp_path: Path) -> None:
    async with rig(tmp_path, data_client_ids="21, 22", request_timeout_s=3600) as made:
        await all_ready(made)
        governors = {
            id(pipeline._pacer.history)
            for pipeline in (made.engine._pipeline, made.engine._pool._pipeline)
        }
        assert len(governors) == 1
        assert made.engine._pool._pipeline.lines is made.engine._pipeline.lines


async def test_one_that_hangs_is_replaced_by_its_own_heartbeat(tmp_path: Path) -> None:
    async with rig(tmp_path, data_client_ids="21", heartbeat_interval_s=20.0) as made:
        await all_ready(made)
        logins = made.logins()
        made.simulator.inject(Stall(seconds=300.0, client_id=21))
        cut(made, 21)
        await made.until(lambda: made.logins() > logins)
        made.simulator.clear_faults()
        await all_ready(made)
        assert made.state is S.READY


def test_a_client_id_that_is_taken_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="21 is taken"):
        Settings.load(client_id=21, data_client_ids="21")
    with pytest.raises(ConfigurationError, match="22 is taken"):
        Settings.load(data_client_ids="22, 22")


async def test_a_complaint_on_a_data_connection_slows_its_own_pace_down(tmp_path: Path) -> None:
    async with nothing_left(), rig(tmp_path, data_client_ids="21") as made:
        await all_ready(made)
        made.simulator.notice(100, "Max rate of messages per second has been exceeded")
        paced = made.engine._pool.stream_pipeline.pacing_status
        await made.until(lambda: paced().complaints == 1)
        assert paced().budget_now < paced().budget


async def test_a_circuit_of_a_data_connection_is_closed_by_hand_too(tmp_path: Path) -> None:
    async with nothing_left(), rig(tmp_path, data_client_ids="21", breaker_fail_max=1) as made:
        await all_ready(made)
        made.simulator.inject(IgnoreRequest(on="ReqHistoricalData"))
        paced = made.engine._pool.stream_pipeline
        with pytest.raises(RequestTimeoutError):
            await bars(made)
        assert paced.breaker_states()["history"] == "open"
        made.engine.reset_breaker("history")
        assert paced.breaker_states()["history"] == "closed"
