"""Questions of the escape hatch that have no id, asked by several at once, over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ibkr_connector.errors import ConnectionLostError, IBKRError
from ibkr_connector.gateway.session import Session
from kit import wire_rows as rows
from kit.scripted_gateway import ScriptedGateway

Ask = Callable[[Any], Awaitable[Any]]

# what ib_async asks without an id: the message, what answers it, the call
ID_LESS: dict[str, tuple[int, list[tuple[Any, ...]], Ask]] = {
    "positions": (61, [rows.position(), (62, 1)], lambda ib: ib.reqPositionsAsync()),
    "open orders": (5, [rows.open_order(), (53, 1)], lambda ib: ib.reqOpenOrdersAsync()),
    "all open orders": (16, [rows.open_order(), (53, 1)], lambda ib: ib.reqAllOpenOrdersAsync()),
    "completed orders": (
        99,
        [rows.completed_order(), (102,)],
        lambda ib: ib.reqCompletedOrdersAsync(False),  # IB's only argument
    ),
    "current time": (49, [(49, 1, 1_795_000_000)], lambda ib: ib.reqCurrentTimeAsync()),
    "account values": (
        6,
        [(6, 2, "NetLiquidation", "1", "USD", "DU1"), (54, 1, "DU1")],
        lambda ib: ib.reqAccountUpdatesAsync("DU1"),
    ),
    "advisor groups": (18, [(16, 1, 1, "<xml/>")], lambda ib: ib.requestFAAsync(1)),
    "news providers": (85, [(85, 1, "BRFG", "Briefing")], lambda ib: ib.reqNewsProvidersAsync()),
    "scanner parameters": (24, [(19, 1, "<xml/>")], lambda ib: ib.reqScannerParametersAsync()),
    "depth exchanges": (82, [(80, 0)], lambda ib: ib.reqMktDepthExchangesAsync()),
    "market rule": (91, [(93, 26, 1, 0, 0.01)], lambda ib: ib.reqMarketRuleAsync(26)),
}


@pytest.mark.parametrize("name", ID_LESS)
async def test_ten_concurrent_calls_of_each_question_without_an_id_complete(
    name: str, gateway: ScriptedGateway, session: Session
) -> None:
    number, answer, call = ID_LESS[name]
    gateway.answers[str(number)] = lambda _: answer
    async with asyncio.timeout(60):
        results = await asyncio.gather(*(session.request(call) for _ in range(10)))
    assert len(results) == 10
    # ib_async's trades are equal only to themselves
    shapes = [len(one) if isinstance(one, list) else one for one in results]
    assert shapes == [shapes[0]] * 10
    assert shapes[0] or name in ("depth exchanges", "account values")
    wrapper = session._wrapper
    assert (wrapper._futures, wrapper._results, wrapper.hatch.waiting) == ({}, {}, 0)


async def test_a_caller_who_leaves_the_queue_keeps_nobody_waiting(
    gateway: ScriptedGateway, session: Session
) -> None:
    calls = [
        asyncio.ensure_future(session.request(lambda ib: ib.reqPositionsAsync())) for _ in range(3)
    ]
    await gateway.wait_for(61)
    calls[0].cancel()
    calls[1].cancel()
    gateway.answers["61"] = lambda _: [rows.position(), (62, 1)]
    await asyncio.wait(calls[:2])
    # the third one asks for itself
    async with asyncio.timeout(60):
        assert len(await calls[2]) == 1
    assert len(gateway.of(61)) == 2
    wrapper = session._wrapper
    assert (wrapper._futures, wrapper._results, wrapper.hatch.waiting) == ({}, {}, 0)


async def test_whoever_waits_for_his_turn_hears_that_the_session_ended(
    gateway: ScriptedGateway, session: Session
) -> None:
    calls = [
        asyncio.ensure_future(session.request(lambda ib: ib.reqPositionsAsync())) for _ in range(3)
    ]
    await gateway.wait_for(61)
    gateway.hang_up()
    for call in calls:
        with pytest.raises(ConnectionLostError):
            await call
    assert session._wrapper.hatch.waiting == 0


async def test_a_question_that_cannot_be_written_keeps_no_other_message_back(
    gateway: ScriptedGateway, session: Session
) -> None:
    first = asyncio.ensure_future(session.request(lambda ib: ib.reqAccountUpdatesAsync("DU1")))
    await gateway.wait_for(6)
    with pytest.raises(IBKRError, match="NUL"):
        await session.request(lambda ib: ib.reqAccountUpdatesAsync("DU\0"))
    gateway.answers["49"] = lambda _: [(49, 1, 1_795_000_000)]
    async with asyncio.timeout(60):
        await session.probe()
    first.cancel()
    await asyncio.wait([first])


async def test_another_question_is_not_kept_back(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["49"] = lambda _: [(49, 1, 1_795_000_000)]
    held = [
        asyncio.ensure_future(session.request(lambda ib: ib.reqPositionsAsync())) for _ in range(2)
    ]
    await gateway.wait_for(61)
    async with asyncio.timeout(60):
        await session.request(lambda ib: ib.reqCurrentTimeAsync())
        await session.probe()
    gateway.answers["61"] = lambda _: [(62, 1)]
    gateway.say(62, 1)
    await asyncio.gather(*held)


async def test_a_thousand_abandoned_uses_of_the_escape_hatch_leave_nothing(
    gateway: ScriptedGateway, session: Session
) -> None:
    async def abandon(call: Ask) -> None:
        asking = asyncio.ensure_future(session.request(call))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])

    for _ in range(500):
        await abandon(lambda ib: ib.reqPositionsAsync())
        await abandon(lambda ib: ib.reqHistoricalScheduleAsync(_contract(), 1))
    wrapper = session._wrapper
    tables = (wrapper._futures, wrapper._results, wrapper._reqId2Contract)
    assert [len(table) for table in tables] == [0, 0, 0]
    assert session.open_calls == 0


def _contract() -> Any:
    from ib_async.contract import Stock  # an object of the library under test

    return Stock("AAPL", "SMART", "USD")


async def test_what_is_held_is_there_at_the_escape_hatch_after_it_was_read_for_us(
    gateway: ScriptedGateway, session: Session
) -> None:
    held = [rows.position(str(at + 1), con_id=1000 + at) for at in range(20)]
    gateway.answers["61"] = lambda _: [*held, (62, 1)]
    async with asyncio.timeout(60):
        ours = await session.positions()

        async def look(ib: Any) -> list[Any]:
            kept: list[Any] = ib.positions()
            return kept

        kept = await session.request(look)
        asked = await session.request(lambda ib: ib.reqPositionsAsync())
    assert [(row.contract.con_id, row.quantity) for row in ours] == [
        (one.contract.conId, one.position) for one in kept
    ]
    assert len(kept) == 20
    assert repr(kept) == repr(asked)
